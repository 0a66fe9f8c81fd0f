"""The answer key of an object: one row per planted item, from TCIA's table and the standard's, never from an engine.

An attribute's answer follows its rule in TCIA's table (``tcia_rules.json``), for attributes that the table does not
have that of PS3.15 Table E.1-1. Values and addresses are read back from the written file by the scoring's own reader.
Where TCIA and PS3.15 disagree about what may stay, only the removal of identity is asked for.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import DataElement

from bench.planted.phrases import Plant
from bench.planted.pixels import Burned
from deid.scoring.tokens import tokens
from deid.scoring.values import Output

FOLDER = Path(__file__).parent
STANDARD = FOLDER.parents[1] / "deid" / "_standard" / "confidentiality.json"
_TEXT = frozenset({"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UT", "UR", "CS"})
_NUMBERS = frozenset({"DS", "IS", "FL", "FD", "US", "SS", "UL", "SL", "AS"})
_DATES = frozenset({"DA", "DT"})
_GONE = frozenset({"remove", "empty", "replace", "hashname"})
#: Parts of names that name nobody, and are letters of other words: the "den" of "deidentified".
_PARTICLES = frozenset({"van", "den", "der", "von", "del", "dela", "dos"})
_SHORT = 3  # words of a removed text that are shorter are left out: any alias could hold them
_HIPAA = {
    "PN": "HIPAA-A", "PatientAddress": "HIPAA-B", "InstitutionName": "HIPAA-B", "InstitutionAddress": "HIPAA-B",
    "PatientTelephoneNumbers": "HIPAA-D", "PatientTelecomInformation": "HIPAA-F", "OtherPatientIDs": "HIPAA-G",
    "PatientID": "HIPAA-H", "InsurancePlanIdentification": "HIPAA-I", "DeviceSerialNumber": "HIPAA-M",
}  # fmt: skip
#: Not answered: what an engine must write itself, and what the structure of the file is made of.
_SILENT = frozenset(
    {"SpecificCharacterSet", "SOPClassUID", "PixelData", "MediaStorageSOPClassUID", "TransferSyntaxUID",
     "ImplementationClassUID", "EncapsulatedDocumentLength",
     "ImplementationVersionName", "BurnedInAnnotation", "LossyImageCompression"}
)  # fmt: skip


@cache
def rules() -> dict[int, str]:
    """Tag -> what TCIA does; for other rows of Table E.1-1 what their code means under TCIA's options."""
    words = {"X": "remove", "Z": "empty", "D": "replace", "U": "hashuid"}
    options = ("clean_descriptors", "clean_structured_content", "retain_longitudinal_modified_dates")
    found: dict[int, str] = {}
    for tag, _, vr, basic, given in json.loads(STANDARD.read_text())["rows"]:
        try:
            number = int(tag, 16)
        except ValueError:
            continue  # wildcard rows
        word = words.get(basic[0], "remove")
        if any(given.get(option) == "C" for option in options):
            word = "incrementdate" if vr in _DATES else "keep"
        if given.get("retain_patient_characteristics") == "K":
            word = "keep"
        found[number] = word
    listed = json.loads((FOLDER / "tcia_rules.json").read_text())["rules"]
    found.update({int(tag, 16): word for tag, word in listed.items()})
    found[0x00082111] = "keep"  # Derivation Description: the challenge's answers keep its clinical words
    return found


@cache
def strict() -> frozenset[int]:
    """Tags that the Basic Profile removes whatever their type (code X)."""
    rows = json.loads(STANDARD.read_text())["rows"]
    return frozenset(
        int(tag, 16)
        for tag, _, _, basic, _ in rows
        if basic == "X" and all(character in "0123456789ABCDEF" for character in tag)
    )


@cache
def types(sop_class: str) -> dict[str, str]:
    """Keyword -> type (1 or 2) of a SOP class's top level."""
    found: dict[str, str] = json.loads((FOLDER / "iod_types.json").read_text())["types"].get(sop_class, {})
    return found


Row = dict[str, object]


class Key:
    """Builds the rows of one object.

    Args:
        output: the *original*, read by the scoring's reader.
        plants: free text by address.
        private: (address, disposition, VR) of private attributes.
        burned: text in the pixels.
        rng: which of the untouched attributes are asked for.
    """

    def __init__(
        self,
        output: Output,
        plants: dict[str, Plant],
        private: Iterable[tuple[str, str, str]],
        burned: list[Burned],
        rng: random.Random,
    ) -> None:
        self._original = output
        self._plants = plants
        self._private: dict[str, str] = {}
        self._private_vrs: dict[str, str] = {}
        for path, word, vr in private:
            self._private[path], self._private_vrs[path] = word, vr
        self._burned = burned
        self._rng = rng
        self._types = types(str(output.dataset.SOPClassUID))
        self._rows: list[Row] = []

    def rows(self) -> list[Row]:
        """All answers of the object."""
        untouched: list[tuple[str, DataElement]] = []
        for path, element in self._original.elements.items():
            if path.startswith("<(0002,"):
                continue
            if element.tag.is_private:
                self._private_answer(path, element)
                continue
            keyword = keyword_for_tag(element.tag)
            if keyword in _SILENT or (element.tag.group >= 0x5000 and element.tag.group < 0x7000):
                continue
            if path == f"<({element.tag.group:04x},{element.tag.element:04x})>":
                self._type_answers(path, element, keyword)
            if self._is_untouched(path, element):
                untouched.append((path, element))
            else:
                self._answer(path, element, keyword)
        for path, element in self._rng.sample(untouched, min(10, len(untouched))):
            self._row(path, element, "text_retained", tcia_p15="TCIA-REV-K")
        self._pixel_answers()
        return self._rows

    def _value(self, path: str) -> str:
        text = self._original.text(path) or "<>"
        return text[1:-1]

    def _gone(self, path: str) -> bool:
        """Whether a sequence above goes, or is contested."""
        steps = path.split("[<")
        above = ""
        for step in steps[:-1]:
            above += ("[<" if above else "") + step
            element = self._original.elements[above]
            if element.tag.is_private:
                if self._private.get(above) != "keep":
                    return True
            elif rules().get(int(element.tag), "keep") in _GONE:
                return True
        return False

    def _is_untouched(self, path: str, element: DataElement) -> bool:
        if element.keyword.startswith("Cod") and self._local(path):
            return False  # the meaning of a code of the hospital's own may say which hospital
        listed = int(element.tag) in rules() or path in self._plants or self._gone(path)
        if self._burned and element.tag.group == 0x0028:
            return False  # cleaning pixels may change how they are stored
        return (
            not listed and element.VR in _TEXT | _NUMBERS and element.VR != "PN" and bool(self._value(path))
        )

    def _local(self, path: str) -> bool:
        """Whether the item that an attribute stands in is a code of a local scheme."""
        above = path.rsplit("<(", 1)[0]
        return self._value(f"{above}<(0008,0102)>").startswith("99")

    def _type_answers(self, path: str, element: DataElement, keyword: str) -> None:
        kind = self._types.get(keyword)
        if kind is None or int(element.tag) in strict():
            return
        self._row(path, element, "tag_retained", dicom_iod=f"DICOM-IOD-{kind}")
        if kind == "1" and element.VR != "SQ" and self._value(path):
            self._row(path, element, "text_notnull", dicom_iod="DICOM-IOD-1")

    def _answer(self, path: str, element: DataElement, keyword: str) -> None:
        word = rules().get(int(element.tag), "")
        gone = self._gone(path)
        value = self._value(path)
        if path in self._plants:
            self._plant_answers(path, element, self._plants[path], removed=gone or word in _GONE)
        elif not value or element.VR == "SQ":
            return
        elif element.VR == "UI":
            if word == "hashuid" and not value.startswith("1.2.840.10008."):
                self._row(path, element, "uid_changed")
                if not gone:
                    self._row(path, element, "uid_consistent")
        elif element.VR in _DATES:
            self._row(path, element, "date_shifted")
        elif keyword == "PatientID" and not gone:
            self._row(path, element, "patid_consistent")
        elif word in _GONE or gone or word == "lookup" or element.VR == "PN":
            self._removed(path, element, keyword, value)
        elif word in ("keep", "time"):
            self._row(path, element, "text_retained", tcia_p15="TCIA-P15-BASIC-K")

    def _removed(self, path: str, element: DataElement, keyword: str, value: str) -> None:
        words = [word for word in tokens(value) if len(word) >= _SHORT and word not in _PARTICLES]
        if element.VR in _TEXT and words and element.VR != "CS":
            category = _HIPAA.get(keyword) or _HIPAA.get(str(element.VR)) or "HIPAA-R"
            self._row(path, element, "text_removed", " ".join(words), hipaa_z=category)

    def _plant_answers(self, path: str, element: DataElement, one: Plant, *, removed: bool) -> None:
        if one.keep and not removed:
            self._row(path, element, "text_retained", one.keep, tcia_p15="TCIA-P15-DESC-C")
        for text, category in one.gone:
            words = " ".join(
                word
                for word in tokens(text)
                if len(word) >= _SHORT and (word not in _PARTICLES or text.lower() == word)
            )
            if words:
                self._row(path, element, "text_removed", words, hipaa_z=category)
        for date in one.dates:
            self._row(path, element, "date_shifted", date, value=date)

    def _private_answer(self, path: str, element: DataElement) -> None:
        if element.tag.is_private_creator:
            group, block = element.tag.group, element.tag.element
            kept = any(
                word == "keep" and self._original.elements[known].tag.group == group
                and self._original.elements[known].tag.element >> 8 == block and "[" not in known
                for known, word in self._private.items()
                if known in self._original.elements
            )  # fmt: skip
            if kept and "[" not in path:
                self._row(path, element, "text_retained", tcia_ptkb="TCIA-PTKB-K")
            return
        word = self._private.get(path)
        value = self._value(path)
        if word is None or not value:
            return
        if self._gone(path):
            word = "remove"
        if word == "keep" and path in self._plants:
            self._plant_answers(path, element, self._plants[path], removed=False)
        elif word == "keep":
            sequence = "SQ" in (
                element.VR,
                self._private_vrs[path],
            )  # implicit files do not say which are sequences
            action = "tag_retained" if sequence else "text_retained"
            self._row(path, element, action, tcia_ptkb="TCIA-PTKB-K")
        elif word == "uid":
            self._row(path, element, "uid_changed", tcia_ptkb="TCIA-PTKB-H")
            self._row(path, element, "uid_consistent", tcia_ptkb="TCIA-PTKB-H")
        elif word == "shift" or element.VR in _DATES:
            self._row(path, element, "date_shifted", tcia_ptkb="TCIA-PTKB-O")
        elif element.VR != "SQ" and self._private_vrs[path] != "SQ":
            self._row(path, element, "text_removed", tcia_ptkb="TCIA-PTKB-D")

    def _pixel_answers(self) -> None:
        element = self._original.elements.get("<(7fe0,0010)>")
        if element is None:
            return
        for one in self._burned:
            self._row("<(7fe0,0010)>", element, "pixels_hidden", one.text, box=list(one.box))
        if not self._burned:
            digest = hashlib.md5(element.value, usedforsecurity=False).hexdigest()
            self._row("<(7fe0,0010)>", element, "pixels_retained", digest)

    def _row(
        self,
        path: str,
        element: DataElement,
        action: str,
        text: str | None = None,
        *,
        value: str | None = None,
        box: list[int] | None = None,
        **categories: str,
    ) -> None:
        found = self._value(path) if value is None else value
        row: Row = {
            "tag": f"<({element.tag.group:04x},{element.tag.element:04x})>",
            "tag_ds": path,
            "tag_name": f"<{element.name}>",
            "value": f"<{'' if action.startswith('pixels') else found}>",
            "action": f"<{action}>",
            "action_text": f"<{found if text is None else text}>",
            "answer_category_v2": categories,
        }
        if box is not None:
            row["box"] = box
        self._rows.append(row)
