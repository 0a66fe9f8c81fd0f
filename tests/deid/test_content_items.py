"""Every content item of Table E.3.4-1 (214 rows), in a report, under every option, as the table says.

The expectation is read off the table here, not taken from the engine.
"""

import datetime
import json
from dataclasses import replace
from functools import cache

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from deid import deidentify_series, load_policy, standard
from tests.support.objects import code, content, items, report

SECRET, UID, IMAGE = "QUIMBLY", "1.2.3.4.555", "1.2.840.10008.5.1.4.1.1.2"
DATES, FULL = "retain_longitudinal_modified_dates", "retain_longitudinal_full_dates"
ROWS = json.loads((standard.FOLDER / "content_items.json").read_text())["rows"]
OPTIONS = sorted({option for row in ROWS for option in row[5]})
SETS = {
    "none": set(),
    **{option: {option} for option in OPTIONS},
    "all_modified": set(OPTIONS) - {FULL, "retain_uids"},
    "all_full": set(OPTIONS) - {DATES},
}
PLACES = {
    "TEXT": ("TextValue", f"chest {SECRET}"), "PNAME": ("PersonName", f"{SECRET}^Archibald"),
    "DATE": ("Date", "20010203"), "DATETIME": ("DateTime", "20010203040506+0100"), "TIME": ("Time", "040506"),
    "UIDREF": ("UID", UID),
}  # fmt: skip


def item(row):
    scheme, value, meaning, value_type, _, _ = row
    ds = content("CONTAINS", value_type, code(value, meaning[:64], scheme))
    if value_type in PLACES:
        setattr(ds, *PLACES[value_type])
    elif value_type in ("IMAGE", "COMPOSITE", "WAVEFORM"):
        ds.ReferencedSOPSequence = Sequence(
            [items(ReferencedSOPClassUID=IMAGE, ReferencedSOPInstanceUID=UID)]
        )
    elif value_type == "NUM":
        unit = items(NumericValue="47.11", MeasurementUnitsCodeSequence=[code("mm", "mm", "UCUM")])
        ds.MeasuredValueSequence = Sequence([unit])
    elif value_type == "CODE":
        ds.ConceptCodeSequence = Sequence([code("1", SECRET)])
    else:
        ds.ContinuityOfContent = "SEPARATE"
    ds.ContentSequence = Sequence(
        [content("HAS PROPERTIES", "TEXT", code("121071", "Finding"), TextValue=SECRET)]
    )
    return ds


@cache
def policy_of(name, references="remove"):
    base = load_policy("basic")
    return replace(
        base, name="items", options=frozenset(SETS[name] | {"clean_structured_content"}), references=references,
        accept=frozenset({"reports"}),
    )  # fmt: skip


@pytest.fixture(scope="module")
def treat(ct, pseudonyms, tmp_path_factory):
    folder = tmp_path_factory.mktemp("items")
    ds = report([ct()], "nothing")
    ds.PatientName, ds.IssuerOfPatientID = f"{SECRET}^Archibald", ""
    outer = content(
        "CONTAINS", "CONTAINER", code("125007", "Measurement Group"), ContinuityOfContent="SEPARATE"
    )
    outer.ContentSequence = Sequence([item(row) for row in ROWS])
    ds.ContentSequence = Sequence([*[item(row) for row in ROWS], outer])
    ds.save_as(folder / "in.dcm", enforce_file_format=True)

    def go(name, references="remove"):
        out = folder / f"{name}-{references}"
        deidentify_series([folder / "in.dcm"], out, policy_of(name, references), pseudonyms)
        (file,) = out.iterdir()
        raw = file.read_bytes()
        assert SECRET.encode() not in raw
        return pydicom.dcmread(file)

    return go


def found(tree, row):
    """The item of a row, or None."""
    for one in tree:
        (concept,) = one.get("ConceptNameCodeSequence") or [Dataset()]
        key = concept.get("CodingSchemeDesignator"), concept.get("CodeValue"), one.ValueType
        if key == (row[0], row[1], row[3]):
            return one
    return None


def right(row, options, one, moved, references):
    _, _, _, value_type, basic, table = row
    codes = {table[option] for option in options if option in table}
    keyword, original = PLACES.get(value_type, (None, None))
    if "C" in codes:
        if value_type == "TEXT":
            return one is not None and one.TextValue.replace("[NAME]", "").strip() == "chest"
        if value_type == "TIME":
            return one is not None and one.Time == original
        return one is not None and str(one[keyword].value) == moved + original[8:]
    if "K" in codes:
        if value_type == "TEXT":  # kept, but for the patient's own name
            return one is not None and one.TextValue.replace("[NAME]", "").strip() == "chest"
        if value_type in ("IMAGE", "COMPOSITE", "WAVEFORM"):
            return one is not None and one.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == UID
        return one is not None and (keyword is None or one[keyword].value == original)
    refers = value_type in ("IMAGE", "COMPOSITE", "WAVEFORM", "UIDREF")
    if basic == "X" and not (refers and references == "map"):
        return one is None
    if one is None:
        return basic == "X/D"
    if value_type in ("IMAGE", "COMPOSITE", "WAVEFORM"):
        return one.ReferencedSOPSequence[0].ReferencedSOPInstanceUID.startswith("2.25.")
    if value_type == "UIDREF":
        return one.UID.startswith("2.25.")
    value = str(one[keyword].value)
    return bool(value) and value != original and "chest" not in value and "20010203" not in value


@pytest.mark.parametrize("references", ["remove", "map"])
@pytest.mark.parametrize("name", SETS)
def test_every_content_item(treat, pseudonyms, name, references):
    """At two depths; whatever stays of an item that goes is nothing, its children included."""
    days = datetime.timedelta(days=pseudonyms.days("MRN-0012345"))
    moved = f"{datetime.date(2001, 2, 3) + days:%Y%m%d}"
    options = SETS[name] | {"clean_structured_content"}
    new = treat(name, references)
    (outer,) = [one for one in new.ContentSequence if one.ConceptNameCodeSequence[0].CodeValue == "125007"]
    for tree in (new.ContentSequence, outer.ContentSequence):
        wrong = [row for row in ROWS if not right(row, options, found(tree, row), moved, references)]
        assert [(row, str(found(tree, row))) for row in wrong] == []


def test_the_table_is_whole():
    assert len(ROWS) == 214
