"""Every attribute of Table E.1-1 that a data set can hold, planted at three depths, is treated as it says.

659 elements at each depth: the table's 649 rows that a data set can hold, and ten for its wildcard rows
(curves, overlays, private attributes). Under the Basic Profile, every option alone, and options together; in
every kind of transfer syntax; by both walkers. The expectation is read off the table here, not taken from the
engine.
"""

import datetime
import io
import json
import re
from dataclasses import replace
from functools import cache

import pydicom
import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.filereader import read_sequence
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
)

from deid import deidentify_series, load_policy, standard
from deid.policy import OPTIONS

SECRET = "ZQXSECRETJ"
#: Sequences that Table E.1-1 does not list and that CT does not forbid.
OUTER, INNER = 0x00082218, 0x00189346
WILD = [
    (0x50003000, "OW"), (0x501E0022, "LO"), (0x60003000, "OW"), (0x60004000, "LT"), (0x60020022, "LO"),
    (0x60041500, "LO"), (0x601E3000, "OW"), (0x00090010, "LO"), (0x00091001, "LO"), (0x00291010, "LO"),
]  # fmt: skip
DATES, FULL = "retain_longitudinal_modified_dates", "retain_longitudinal_full_dates"
TEXTS = ("LO", "LT", "SH", "ST", "UC", "UT")
#: Decide whether the file is accepted, so they are not planted at the top; judged by their own values.
NEEDED = {0x00080018: "UI", 0x0020000D: "UI", 0x0020000E: "UI", 0x00100020: "LO"}
HEADER = [
    option for option in OPTIONS if option not in ("clean_pixel_data", "clean_recognizable_visual_features")
]
CLEANS = {"clean_descriptors", "clean_structured_content", "clean_graphics"}
KEEPS = {option for option in HEADER if option.startswith("retain_")} - {DATES, FULL, "retain_uids"}
SETS = {
    "none": set(),
    **{option: {option} for option in HEADER},
    "cleans": CLEANS,
    "keeps": KEEPS | {DATES},
    "all_modified": CLEANS | KEEPS | {DATES},
    "all_full": CLEANS | KEEPS | {FULL, "retain_uids"},
    "clinical": {"clean_descriptors", DATES, "retain_patient_characteristics", "retain_safe_private"},
}


def plantable():
    table = json.loads((standard.FOLDER / "confidentiality.json").read_text())
    for tag, name, vr, basic, options in table["rows"]:
        if tag[:4] in ("0000", "0002", "0004") or not all(c in "0123456789ABCDEF" for c in tag):
            continue
        yield int(tag, 16), name, vr or "LO", basic, options


ROWS = list(plantable())
#: Rows that hold words to be cleaned where an option asks for it.
WORDS = {
    tag
    for tag, _, _, _, options in ROWS
    if "C" in (options.get("clean_descriptors"), options.get("retain_patient_characteristics"))
}


def value_of(tag, vr):
    if vr == "SQ":
        item = Dataset()
        item.PatientName = SECRET
        item.ReferencedSOPInstanceUID = f"1.2.3.{tag}"
        return Sequence([item])
    if vr in ("OB", "UN", "OW"):
        return SECRET.encode()
    fixed = {
        "AS": "044Y", "DA": "20010203", "DT": "20010203040506.5+0100", "TM": "040506",
        "DS": "4711.25", "IS": "471125", "CS": SECRET, "PN": SECRET,
        "UI": f"1.2.3.{tag}", "US": 47111, "AE": SECRET, "UR": f"http://{SECRET}.org/x",
    }  # fmt: skip
    if tag == 0x00080201:
        return "+0100"
    return fixed.get(vr, f"chest {SECRET}" if tag in WORDS else SECRET)


def planted(ct):
    ds = ct()
    for tag in [elem.tag for elem in ds if elem.tag in standard.rows()]:
        if tag not in NEEDED:
            del ds[tag]
    ds.remove_private_tags()
    levels = [ds, Dataset(), Dataset()]
    for depth, level in enumerate(levels):
        for tag, _, vr, _, _ in ROWS:
            if depth or tag not in NEEDED:
                level[tag] = DataElement(tag, vr, value_of(tag, vr))
        for tag, vr in WILD:
            level[tag] = DataElement(tag, vr, SECRET.encode() if vr[0] == "O" else SECRET)
    levels[1][INNER] = DataElement(INNER, "SQ", Sequence([levels[2]]))
    ds[OUTER] = DataElement(OUTER, "SQ", Sequence([levels[1]]))
    return ds


def save(ds, path, syntax):
    ds.file_meta.TransferSyntaxUID = syntax
    if syntax.is_compressed and not syntax.is_deflated:
        ds.PixelData = encapsulate([ds.PixelData])
        ds["PixelData"].VR = "OB"
    pydicom.dcmwrite(path, ds, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian,
                     enforce_file_format=True)  # fmt: skip
    return path


@cache
def policy_of(name):
    return replace(load_policy("basic"), name="rows", options=frozenset(SETS[name]))


@pytest.fixture(scope="module")
def treat(ct, pseudonyms, tmp_path_factory):
    """(policy, transfer syntax) -> the output, read; both walkers write the same bytes."""
    folder, originals = tmp_path_factory.mktemp("rows"), {}

    def go(name, syntax=ExplicitVRLittleEndian):
        if syntax not in originals:
            originals[syntax] = save(planted(ct), folder / f"{syntax}.dcm", syntax)
        made = []
        for pure in (True, False):
            out = folder / f"{name}-{syntax}-{pure}"
            deidentify_series([originals[syntax]], out, policy_of(name), pseudonyms, pure=pure)
            (file,) = out.iterdir()
            made.append(file.read_bytes())
        assert made[0] == made[1]
        return pydicom.dcmread(file)

    return go


def levels_of(ds):
    yield 0, ds
    yield 1, ds[OUTER].value[0]
    yield 2, ds[OUTER].value[0][INNER].value[0]


def element_of(level, tag, vr):
    """An element; where the VR is left out and pydicom is older than the attribute, read by the table's VR."""
    element = level.get(tag)
    if element is None or element.VR != "UN" or vr == "UN":
        return element
    if vr == "SQ":
        value = read_sequence(io.BytesIO(element.value), True, True, len(element.value), ["utf8"])
    else:
        value = element.value.decode().strip()
    return DataElement(tag, vr, value)


def holds(element, *needles):
    if element.VR == "SQ":
        return any(holds(inner, *needles) for item in element.value for inner in item)
    value = element.value if isinstance(element.value, bytes) else str(element.value).encode()
    return any(needle.encode() in value for needle in needles)


def needed_type(tag, depth):
    """Whether the IOD asks for the attribute: 1, 2, 3; anything is assumed below the top level."""
    return "1" if depth else standard.attribute_types("1.2.840.10008.5.1.4.1.1.2").get(tag, "3")[0]


def by_basic_profile(code, element, vr, kind):
    """Whether the Basic Profile's code allows what became of the attribute, given its type."""
    if "/" in code:
        choices = code.removesuffix("*").split("/")
        last = {"3": choices[0], "2": "Z" if "Z" in choices else choices[-1], "1": choices[-1]}
        code = last[kind]
    if element is None:
        return code == "X"
    if code == "X" or holds(element, SECRET, "4711", "20010203", "040506", "+0100", "1.2.3."):
        return False
    empty = len(element.value) == 0 if vr == "SQ" else element.value in (None, "", b"")
    if code == "Z":
        return empty
    if code == "U" and vr == "SQ":
        return not empty
    if vr == "UI":
        return element.value.startswith("2.25.")
    return not empty and code in ("D", "U")


def right(row, options, depth, element, moved, alias):
    tag, _, vr, basic, table = row
    original = value_of(tag, vr)
    if tag in (0x00100010, 0x00100020):  # Z, Z/D: a value that stands for the patient
        return (
            element is not None
            and str(element.value).startswith("RF-")
            and (depth > 0 or str(element.value) == alias)
        )
    uids = () if "retain_uids" in options else ("1.2.3.",)
    codes = {table[option] for option in options if option in table}
    asked = {option for option in options if table.get(option) == "C"}
    if "C" in codes:
        if DATES in asked and vr in ("DA", "DT"):
            return element is not None and str(element.value) == moved + str(original)[8:]
        if DATES in asked and (vr == "TM" or tag == 0x00080201):
            return element is not None and str(element.value) == original
        if "retain_device_identity" in asked:  # a name in a network: another one, the same everywhere
            return element is not None and element.value[0] == "H" and len(element.value) == 13
        if vr == "SQ":
            return element is not None and len(element.value) == 1 and not holds(element, SECRET, *uids)
        if vr in TEXTS:
            return element is not None and re.sub(r"\[[A-Z]+\]", "", element.value).strip() == "chest"
    elif "K" in codes:
        if vr == "SQ":
            return element is not None and len(element.value) == 1 and not holds(element, SECRET)
        if tag in NEEDED and depth == 0:
            return element is not None and not element.value.startswith("2.25.")
        return element is not None and element.value == original
    return by_basic_profile(basic, element, vr, needed_type(tag, depth))


def judge(name, new, pseudonyms):
    """Elements that are wrong; also checks values against their VRs and that nothing wild stayed."""
    options, wrong = SETS[name], []
    alias = pseudonyms.patient("MRN-0012345", SECRET)
    days = datetime.timedelta(days=pseudonyms.days("MRN-0012345", SECRET))
    moved = f"{datetime.date(2001, 2, 3) + days:%Y%m%d}"
    for depth, level in levels_of(new):
        judged = 0
        for row in ROWS:
            judged += 1
            if not right(row, options, depth, element_of(level, row[0], row[2]), moved, alias):
                wrong.append(
                    f"depth {depth} ({row[0]:08X}) {row[1]} {row[2]} {row[3]} {row[4]}: {level.get(row[0])}"
                )
        for tag, _ in WILD:
            judged += 1
            if tag in level:
                wrong.append(f"depth {depth} ({tag:08X})")
        assert judged == 659
    for element in new.iterall():
        str(element.value)  # pydicom checks each value against its VR, and its warnings are errors here
    return wrong


@pytest.mark.parametrize("name", SETS)
def test_every_row_at_every_depth(treat, pseudonyms, name):
    """Basic Profile, each option alone, options together: 659 of 659 at depth 0, 1 and 2."""
    assert judge(name, treat(name), pseudonyms) == []


@pytest.mark.filterwarnings("ignore:VR lookup failed")
@pytest.mark.parametrize("name", ["none", "all_modified", "all_full"])
@pytest.mark.parametrize(
    "syntax",
    [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, JPEGLSLossless],
    ids=lambda syntax: syntax.keyword,
)
def test_every_transfer_syntax(treat, pseudonyms, name, syntax):
    new = treat(name, syntax)
    assert judge(name, new, pseudonyms) == []
    assert new.file_meta.TransferSyntaxUID == syntax


@pytest.mark.parametrize("name", SETS)
def test_required_attributes_stay(treat, name):
    """What was there and is of type 1 or 2 in a CT is there still; of type 1 with a value."""
    new = treat(name)
    for tag, kind in standard.attribute_types("1.2.840.10008.5.1.4.1.1.2").items():
        if kind[0] in "12" and tag in {row[0] for row in ROWS}:
            assert tag in new, f"{tag:08X}"
            assert kind[0] == "2" or new[tag].value


@pytest.mark.parametrize("name", SETS)
def test_nothing_planted_is_left_where_everything_is_cleaned(treat, name):
    """No token anywhere but where an option keeps it."""
    if "K" in {row[4].get(option) for row in ROWS for option in SETS[name]}:
        kept = {row[0] for row in ROWS if "K" in {row[4].get(option) for option in SETS[name]}}
    else:
        kept = set()
    left = [
        e.tag for e in treat(name).iterall() if e.VR != "SQ" and holds(e, SECRET) and int(e.tag) not in kept
    ]
    assert left == []
    assert not [e for e in treat(name).iterall() if e.tag.is_private]


def test_types_of_the_iod_are_kept(ct, basic, pseudonyms, write, tmp_path):
    """CT: Type 2 of a compound code stays (empty), Type 3 goes; at depth the strongest is assumed."""
    ds = ct()
    ds.ContrastBolusAgent = "Quimbly's brew"  # Z/D, type 2
    ds.StationName = "CTSCAN07X"  # X/Z/D, type 3
    item = Dataset()
    item.StationName = "CTSCAN07X"
    ds[OUTER] = DataElement(OUTER, "SQ", Sequence([item]))
    deidentify_series([write(ds)], tmp_path / "out", basic, pseudonyms)
    (file,) = (tmp_path / "out").iterdir()
    new = pydicom.dcmread(file)
    assert new.ContrastBolusAgent == ""
    assert "StationName" not in new
    assert new[OUTER].value[0].StationName == "DEIDENTIFIED"
    assert new.StudyDate == ""
    assert new.ReferringPhysicianName == ""
