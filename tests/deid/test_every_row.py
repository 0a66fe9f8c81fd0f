"""Every attribute of Table E.1-1 that a data set can hold, planted at three depths, is treated as it says.

The expectation is read off the table here, not taken from the engine.
"""

import datetime
import json

import pydicom
import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from deid import deidentify_series, standard

SECRET = "ZQXSECRETJW"
#: Sequences that Table E.1-1 does not list and that CT does not forbid.
OUTER, INNER = 0x00082218, 0x00189346
WILD = [
    (0x50003000, "OB"), (0x50100022, "LO"), (0x60003000, "OW"), (0x60004000, "LT"), (0x60020022, "LO"),
    (0x60041500, "LO"),
]  # fmt: skip
DATES = "retain_longitudinal_modified_dates"


def plantable():
    table = json.loads((standard.FOLDER / "confidentiality.json").read_text())
    for tag, name, vr, basic, options in table["rows"]:
        if tag[:4] in ("0000", "0002", "0004") or not all(c in "0123456789ABCDEF" for c in tag):
            continue
        yield int(tag, 16), name, vr or "LO", basic, options


ROWS = list(plantable())


def value_of(tag, vr):
    if vr == "SQ":
        item = Dataset()
        item.PatientName = SECRET
        item.ReferencedSOPInstanceUID = f"1.2.3.{tag}"
        return Sequence([item])
    if vr in ("OB", "UN", "OW"):
        return SECRET.encode() + b"!"
    fixed = {
        "AS": "044Y", "DA": "20010203", "DT": "20010203040506.5+0100", "TM": "040506",
        "DS": "4711.25", "IS": "471125",
        "UI": f"1.2.3.{tag}", "US": 47111, "AE": SECRET, "UR": f"http://{SECRET}.org/x",
    }  # fmt: skip
    return fixed.get(vr, SECRET)


def planted(ct):
    ds = ct()
    for tag in [elem.tag for elem in ds if elem.tag in standard.rows()]:
        if tag not in (0x00080018, 0x0020000D, 0x0020000E, 0x00100020):
            del ds[tag]
    rows = [row for row in ROWS if row[0] not in ds]
    levels = [ds, Dataset(), Dataset()]
    for depth, level in enumerate(levels):
        for tag, _, vr, _, _ in rows if depth == 0 else ROWS:
            if (tag >> 16) % 2 == 0:
                level[tag] = DataElement(tag, vr, value_of(tag, vr))
    for tag, vr in WILD:
        ds[tag] = DataElement(tag, vr, SECRET.encode() + b"!" if vr[0] == "O" else SECRET)
    levels[1][INNER] = DataElement(INNER, "SQ", Sequence([levels[2]]))
    ds[OUTER] = DataElement(OUTER, "SQ", Sequence([levels[1]]))
    return ds


@pytest.fixture(scope="module")
def treated(ct, research, basic, pseudonyms, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    planted(ct).save_as(folder / "in.dcm", enforce_file_format=True)
    out = {}
    for policy in (research, basic):
        deidentify_series([folder / "in.dcm"], folder / policy.name, policy, pseudonyms)
        (file,) = (folder / policy.name).iterdir()
        out[policy.name] = pydicom.dcmread(file)
    return out


def levels_of(ds):
    yield 0, ds
    yield 1, ds[OUTER].value[0]
    yield 2, ds[OUTER].value[0][INNER].value[0]


def holds(element, needle):
    if element.VR == "SQ":
        return any(holds(inner, needle) for item in element.value for inner in item)
    value = element.value
    return needle.encode() in (value if isinstance(value, bytes) else str(value).encode())


def judge(code, element, vr, original):
    """Whether the table's code allows what became of the attribute."""
    if element is None:
        return "X" in code
    if holds(element, SECRET) or (vr != "SQ" and element.value == original):
        return False
    empty = len(element.value) == 0 if vr == "SQ" else element.value in (None, "", b"")
    if empty:
        return "Z" in code
    if vr == "UI":
        return element.value.startswith("2.25.") and code in ("U", "D")
    return "D" in code or "Z" in code or (code == "X/Z/U*" and not holds(element, "1.2.3."))


@pytest.mark.parametrize("name", ["basic", "research"])
def test_every_row_at_every_depth(treated, research, basic, pseudonyms, name):
    policy = {"basic": basic, "research": research}[name]
    wrong, judged = [], 0
    days = datetime.timedelta(days=pseudonyms.days("MRN-0012345", SECRET))
    moved = f"{datetime.date(2001, 2, 3) + days:%Y%m%d}"
    for depth, level in levels_of(treated[name]):
        for tag, title, vr, basic_code, options in ROWS:
            if depth == 0 and tag in (0x00080018, 0x0020000D, 0x0020000E, 0x00100020):
                continue  # needed as they are to accept the file; their own tests follow
            element = level.get(tag)
            original = value_of(tag, vr)
            codes = {code for option, code in options.items() if option in policy.options}
            judged += 1
            if tag in policy.site and policy.site[tag] == "keep":
                right = element is not None and not holds(element, SECRET) and not holds(element, "1.2.3.")
            elif options.get(DATES) == "C" and DATES in policy.options and vr in ("DA", "DT"):
                right = element is not None and str(element.value) == moved + str(original)[8:]
            elif options.get(DATES) == "C" and DATES in policy.options and vr == "TM":
                right = element is not None and str(element.value) == original
            elif "C" not in codes and "K" in codes:
                right = element is not None and (vr == "SQ" or element.value == original)
                right = right and (vr != "SQ" or not holds(element, SECRET))
            else:
                right = judge(basic_code, element, vr, original)
            if not right:
                wrong.append(
                    f"depth {depth} ({tag:08X}) {title} {vr} {basic_code} {sorted(codes)}: {element}"
                )
    assert wrong == []
    assert judged >= 3 * 645


@pytest.mark.parametrize("name", ["basic", "research"])
def test_nothing_planted_is_left_where_everything_is_cleaned(treated, name):
    ds = treated[name]
    for tag, _ in WILD:
        assert tag not in ds
    assert not [e for e in ds.iterall() if e.tag.is_private]


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
