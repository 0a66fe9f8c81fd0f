"""A policy: the Basic Profile, options of PS3.15, and a site's own rules, as one validated TOML file."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, Self, TypeVar

import pydicom.uid
from pydicom.datadict import dictionary_keyword, dictionary_VR, tag_for_keyword

from deid import documents, graphics, standard
from deid.actions import SITE_ACTIONS, Action
from deid.exceptions import PolicyError
from deid.faces.rules import FaceRules
from deid.linkage import Linkage
from deid.objects import ACCEPTABLE
from deid.pixels.rules import PixelRules

if TYPE_CHECKING:
    from deid.rules import RuleTable

FOLDER = Path(__file__).parent / "policies"
#: Options of PS3.15 E.3 that this engine version carries out: CID 7050 code and meaning, and a sentence.
OPTIONS: dict[str, tuple[str, str, str]] = {
    "retain_longitudinal_full_dates": (
        "113106",
        "Retain Longitudinal Temporal Information Full Dates Option",
        "Dates and times stay as they are.",
    ),
    "retain_longitudinal_modified_dates": (
        "113107",
        "Retain Longitudinal Temporal Information Modified Dates Option",
        "Dates move to the past by a secret number of days that is constant per patient; intervals and "
        "times of day stay.",
    ),
    "retain_patient_characteristics": (
        "113108",
        "Retain Patient Characteristics Option",
        "Age, sex, size, weight, ethnic group, smoking status and pregnancy status stay; allergies and other "
        "free text about the patient stay with identity cut out.",
    ),
    "retain_device_identity": (
        "113109",
        "Retain Device Identity Option",
        "Serial numbers and names of devices stay; network names of devices are hashed.",
    ),
    "retain_uids": ("113110", "Retain UIDs Option", "UIDs stay as they are."),
    "retain_safe_private": (
        "113111",
        "Retain Safe Private Option",
        "Private attributes of Table E.3.10-1 stay, by creator, group and element; all others are removed.",
    ),
    "retain_institution_identity": (
        "113112",
        "Retain Institution Identity Option",
        "Institution names stay.",
    ),
    "clean_pixel_data": (
        "113101",
        "Clean Pixel Data Option",
        "Images that may show typed text are searched for it; what is found is blanked.",
    ),
    "clean_recognizable_visual_features": (
        "113102",
        "Clean Recognizable Visual Features Option",
        "Faces are removed from head CT and MR; the brain stays untouched.",
    ),
    "clean_graphics": (
        "113103",
        "Clean Graphics Option",
        "Graphic annotations stay with their text cleaned.",
    ),
    "clean_structured_content": (
        "113104",
        "Clean Structured Content Option",
        "Structured reports stay: numbers, codes and coordinates as they are, text cleaned, people replaced.",
    ),
    "clean_descriptors": (
        "113105",
        "Clean Descriptors Option",
        "Descriptions and comments stay with identity cut out of them.",
    ),
}
_KEYS = frozenset(
    {
        "name",
        "title",
        "extends",
        "options",
        "site",
        "ages",
        "objects",
        "pixels",
        "faces",
        "linkage",
        "private",
        "content",
        "graphics",
    }
)
_NEVER_KEPT = frozenset(
    {
        "PatientName", "PatientID", "OtherPatientIDs", "OtherPatientIDsSequence", "OtherPatientNames",
        "PatientBirthName", "PatientMotherBirthName", "PatientBirthDate", "PatientAddress",
        "PatientTelephoneNumbers", "IssuerOfPatientID",
    }
)  # fmt: skip


class _Part(Protocol):
    """A part of a policy that reads itself."""

    @classmethod
    def from_table(cls, table: dict[str, Any]) -> Self: ...


_P = TypeVar("_P", bound=_Part)


@dataclass(frozen=True)
class Policy:
    """What de-identification does, completely; equal policies have equal :attr:`sha256`.

    Attributes:
        name: short name, written into every object.
        title: one sentence.
        options: PS3.15 options, keys of :data:`OPTIONS`.
        site: tag -> action, above everything else.
        oldest_age: ages in years above this are top-coded; None leaves them.
        linkage: when two patient IDs are one patient.
        private: which private attributes count as safe: ``standard`` or ``tcia``.
        references: whether content items that refer to other objects ``map`` to their new UIDs or are
            treated as Table E.3.4-1 says (``remove``).
        overlays: with Clean Graphics, whether overlays are searched for text or removed (:data:`deid.graphics.OVERLAYS`).
        curves: with Clean Graphics, whether curves of nothing but numbers stay (:data:`deid.graphics.CURVES`).
        documents: what becomes of encapsulated documents, one of :data:`deid.documents.CHOICES`.
        pixels: which images may show text, how it is found and what of it may stay.
        faces: how faces are removed.
        accept: SOP Class UIDs and kinds (see :class:`deid.objects.Kind`) that may pass.
    """

    name: str
    title: str
    options: frozenset[str] = frozenset()
    site: Mapping[int, Action] = field(default_factory=dict)
    oldest_age: int | None = None
    linkage: Linkage = field(default_factory=Linkage)
    private: str = "standard"
    references: str = "remove"
    documents: str = "quarantine"
    overlays: str = "search"
    curves: str = "numbers"
    pixels: PixelRules = field(default_factory=lambda: PixelRules.from_table({}))
    faces: FaceRules = field(default_factory=FaceRules)
    accept: frozenset[str] = frozenset()

    def canonical(self) -> dict[str, Any]:
        """Everything that decides what is done, in one order; the title does not."""
        return {
            "profile": "PS3.15 Basic Application Level Confidentiality Profile",
            "edition": standard.edition(),
            "name": self.name,
            "options": sorted(self.options),
            "site": {f"{tag:08X}": str(action) for tag, action in sorted(self.site.items())},
            "oldest_age": self.oldest_age,
            "linkage": self.linkage.canonical(),
            "private": self.private,
            "references": self.references,
            "documents": self.documents,
            "overlays": self.overlays,
            "curves": self.curves,
            "pixels": self.pixels.canonical(),
            "faces": self.faces.canonical(),
            "accept": sorted(self.accept),
        }

    @cached_property
    def sha256(self) -> str:
        """SHA-256 over the canonical form."""
        text = json.dumps(self.canonical(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def tables(self) -> dict[str, RuleTable]:
        """Memo of the rules by SOP class, see :mod:`deid.engine`."""
        return {}

    def describe(self) -> list[str]:
        """The policy in English, generated from what runs."""
        from deid.handlers import describe_handlers

        lines = [
            f"Policy {self.name!r}: {self.title}.",
            f"Basic Application Level Confidentiality Profile of DICOM PS3.15, edition {standard.edition()}: "
            f"{len(standard.rows())} attributes, at every nesting depth.",
        ]
        lines += [OPTIONS[option][2] for option in sorted(self.options)]
        if not self.options:
            lines.append("No option: dates, times, patient characteristics and private attributes go.")
        for tag, action in sorted(self.site.items()):
            lines.append(
                f"Site rule: {dictionary_keyword(tag)} ({tag >> 16:04X},{tag & 0xFFFF:04X}): {action}."
            )
        if self.oldest_age is not None:
            lines.append(f"Ages above {self.oldest_age} years are reported as {self.oldest_age + 1}.")
        lines += describe_handlers(self)
        lines += self.linkage.describe()
        if "clean_pixel_data" in self.options:
            lines += self.pixels.describe()
        if "clean_recognizable_visual_features" in self.options:
            lines.append(self.faces.describe())
        names = sorted(pydicom.uid.UID(uid).name if uid[0] == "1" else uid for uid in self.accept)
        lines.append(f"Objects that may pass: {', '.join(names)}; everything else goes to quarantine.")
        lines += graphics.describe(self)
        lines.append(
            "Encapsulated PDF and CDA documents are replaced by a page that says so; other documents go to quarantine."
            if self.documents == "dummy"
            else "Encapsulated documents go to quarantine."
        )
        if "clean_pixel_data" not in self.options:
            lines.append(f"{self.pixels.which()} go to quarantine.")
        return lines


def load_policy(name_or_path: str | Path) -> Policy:
    """Read and check a policy.

    Args:
        name_or_path: the name of a shipped policy (``basic``, ``research``) or the path of a TOML file.

    Raises:
        PolicyError: when the file is missing or says something that means nothing.
        UnsupportedOption: when it asks for an option that this version cannot carry out.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = FOLDER / f"{name_or_path}.toml"
        if not path.is_file():
            shipped = ", ".join(sorted(file.stem for file in FOLDER.glob("*.toml")))
            reason = f"There is no policy {str(name_or_path)!r}."
            raise PolicyError(reason, f"Name a shipped one ({shipped}) or the path of a .toml file.")
    return _Reader(path).policy()


class _Reader:
    """Checks one policy file; every error names the file, the key and the remedy."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fail(self, problem: str, remedy: str) -> NoReturn:
        reason = f"{self.path.name}: {problem}"
        raise PolicyError(reason, remedy) from None

    def policy(self) -> Policy:
        facts = self._facts()
        name, title = facts.get("name"), facts.get("title", "")
        if not isinstance(name, str) or not name.isidentifier() or not name.isascii() or len(name) > 24:
            self.fail("`name` is missing or not a plain word.", 'Write name = "site" (up to 24 letters).')
        if not isinstance(title, str):
            self.fail("`title` is not text.", "Write one sentence in quotes.")
        pixels = self._table(facts, "pixels", {one.name for one in fields(PixelRules)})
        return Policy(
            name=name,
            title=title,
            options=self._options(facts.get("options", [])),
            site=MappingProxyType(self._site(facts.get("site", {}))),
            oldest_age=self._oldest(facts),
            linkage=self._part(Linkage, facts.get("linkage", {})),
            private=self._choice(facts, "private", "dispositions", ("standard", "tcia")),
            references=self._choice(facts, "content", "references", ("remove", "map")),
            documents=self._choice(facts, "objects", "documents", documents.CHOICES, "accept"),
            overlays=self._choice(facts, "graphics", "overlays", graphics.OVERLAYS, "curves"),
            curves=self._choice(facts, "graphics", "curves", graphics.CURVES, "overlays"),
            pixels=self._pixels(pixels),
            faces=self._part(FaceRules, facts.get("faces", {})),
            accept=self._accept(self._table(facts, "objects", {"accept", "documents"}).get("accept", [])),
        )

    def _part(self, kind: type[_P], table: object) -> _P:
        """A table that another module reads."""
        if not isinstance(table, dict):
            self.fail("a table is not a table.", "Write it as [name].")
        try:
            return kind.from_table(table)
        except PolicyError as error:
            reason = f"{self.path.name}: {error.reason}"
            raise PolicyError(reason, error.instruction) from None

    def _pixels(self, table: dict[str, Any]) -> PixelRules:
        """The rules for burned-in text; a device file is looked for beside the policy."""
        try:
            return PixelRules.from_table(table, self.path.parent)
        except PolicyError as error:
            reason = f"{self.path.name}: {error.reason}"
            raise PolicyError(reason, error.instruction) from None

    def _choice(
        self, facts: dict[str, Any], table: str, key: str, choices: tuple[str, ...], *others: str
    ) -> str:
        """A word out of a table that may have ``others`` as keys, too; the first choice is the default."""
        found = self._table(facts, table, {key, *others}).get(key, choices[0])
        if found not in choices:
            self.fail(f"`{table}.{key}` is not known.", f"Write one of {', '.join(choices)}.")
        return str(found)

    def _facts(self) -> dict[str, Any]:
        try:
            facts = tomllib.loads(self.path.read_text(encoding="utf-8"))
        except OSError as error:
            self.fail(f"cannot be read ({error.strerror}).", "Check the path.")
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            self.fail(f"is not TOML: {error}.", "Mend the syntax.")
        for key in facts.keys() - _KEYS:
            self.fail(f"unknown key `{key}`.", f"Keys are {', '.join(sorted(_KEYS))}.")
        base = facts.pop("extends", None)
        if base is None:
            return facts
        parent = FOLDER / f"{base}.toml"
        if not isinstance(base, str) or not parent.is_file() or parent == self.path:
            self.fail("`extends` does not name a shipped policy.", 'Write extends = "basic".')
        return {**_Reader(parent)._facts(), **facts}

    def _table(self, facts: dict[str, Any], key: str, known: set[str]) -> dict[str, Any]:
        table = facts.get(key, {})
        if not isinstance(table, dict):
            self.fail(f"`{key}` is not a table.", f"Write it as [{key}].")
        for name in table.keys() - known:
            self.fail(f"unknown key `{key}.{name}`.", f"Keys of [{key}] are {', '.join(sorted(known))}.")
        return table

    def _options(self, options: object) -> frozenset[str]:
        if not isinstance(options, list):
            self.fail("`options` is not a list.", 'Write options = ["retain_safe_private"].')
        for option in options:
            if option not in OPTIONS:
                self.fail(f"unknown option `{option}`.", f"Options are {', '.join(sorted(OPTIONS))}.")
        dates = {"retain_longitudinal_full_dates", "retain_longitudinal_modified_dates"}
        if dates <= set(options):
            self.fail("`options` asks for full and for modified dates.", "Choose one of them.")
        return frozenset(options)

    def _site(self, site: object) -> dict[int, Action]:
        if not isinstance(site, dict):
            self.fail("`site` is not a table.", "Write it as [site].")
        rules = {}
        for key, word in site.items():
            tag = _tag(key)
            if tag is None:
                remedy = (
                    "Use a keyword such as StationName or eight hexadecimal digits, no private attribute."
                )
                self.fail(f"`site.{key}` is not an attribute of the standard.", remedy)
            if word not in SITE_ACTIONS:
                remedy = f"Actions are {', '.join(sorted(SITE_ACTIONS))}."
                self.fail(f"`site.{key}` has the unknown action `{word}`.", remedy)
            rules[tag] = self._suited(key, tag, Action(word))
        return rules

    def _suited(self, key: str, tag: int, action: Action) -> Action:
        vr = dictionary_VR(tag)
        if action is Action.KEEP and dictionary_keyword(tag) in _NEVER_KEPT:
            self.fail(
                f"`site.{key}` would keep a direct identifier.", "Remove the rule, or hash the attribute."
            )
        if tag >> 16 in (0x0002, 0x0004) or tag in (0x00080016, 0x00080018, 0x00100010, 0x00100020):
            self.fail(f"`site.{key}` is set by the engine.", "Remove the rule.")
        fits = {
            Action.DATE: vr in ("DA", "DT"),
            Action.UID: vr == "UI",
            Action.HASH: vr in ("AE", "LO", "LT", "SH", "ST", "UC", "UT"),
        }
        if not fits.get(action, True):
            self.fail(f"`site.{key}`: `{action}` does not fit its VR {vr}.", "Choose another action.")
        return action

    def _oldest(self, facts: dict[str, Any]) -> int | None:
        oldest = self._table(facts, "ages", {"oldest"}).get("oldest")
        if oldest is None:
            return None
        if not isinstance(oldest, int) or isinstance(oldest, bool) or not 1 <= oldest <= 998:
            self.fail("`ages.oldest` is not a number of years.", "Write oldest = 89.")
        return oldest

    def _accept(self, keywords: object) -> frozenset[str]:
        if not isinstance(keywords, list):
            self.fail("`objects.accept` is not a list.", 'Write accept = ["CTImageStorage"].')
        found = set()
        for keyword in keywords:
            if keyword in ACCEPTABLE:
                found.add(str(keyword))
                continue
            uid = getattr(pydicom.uid, keyword, None) if isinstance(keyword, str) else None
            if not isinstance(uid, pydicom.uid.UID) or not uid.name.endswith("Storage"):
                remedy = (
                    "Use the keyword of a storage SOP class, such as CTImageStorage, or a kind: "
                    + ", ".join(ACCEPTABLE)
                )
                self.fail(f"`objects.accept` names the unknown SOP class `{keyword}`.", remedy)
            found.add(str(uid))
        return frozenset(found)


def _tag(key: str) -> int | None:
    tag = tag_for_keyword(key)
    if tag is None and len(key) == 8 and all(character in "0123456789abcdefABCDEF" for character in key):
        tag = int(key, 16)
    try:
        return tag if tag is not None and dictionary_VR(tag) else None
    except KeyError:
        return None
