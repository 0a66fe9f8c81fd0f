"""Guarantee: when any single rule of de-identification fails, the verifier notices.

Each rule, handler and stage is switched off in the engine, one at a time, as a bug would do it; the series must
then be refused, not released. What cannot be noticed is listed with the reason why it need not be.
"""

import dataclasses
import functools
import itertools
import shutil

import pydicom
import pytest
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import BasicTextSRStorage, CTImageStorage, ExplicitVRLittleEndian, UltrasoundImageStorage

from deid import (
    Pseudonyms,
    QuarantineError,
    deidentify_series,
    load_policy,
    marking,
    plans,
    standard,
    verify_series,
)
from deid.actions import Action, Rule
from deid.content import ContentRules
from deid.engine import Engine
from deid.handlers import BY_ACTION
from deid.handlers.private import PrivateRules
from deid.identifiers import identity
from deid.pixel_result import PixelResult
from deid.rules import BEYOND, RuleTable
from deid.stages import Stages
from deid.text import Cleaned, TextCleaner
from deid.verify import pictures
from deid.writing import Writer

PSEUDONYMS = Pseudonyms(b"a key for the guarantees only", "guarantees")
#: Sequences that Table E.1-1 does not list, to plant things below the top level.
OUTER = 0x00082218
PLAIN = """
name = "plain"
title = "Text goes, dates move"
extends = "research"
options = ["retain_longitudinal_modified_dates", "retain_patient_characteristics", "retain_safe_private"]
"""
CLEANING = """
name = "cleaning"
title = "Everything that can be cleaned is cleaned"
extends = "research"
options = ["clean_descriptors", "clean_graphics", "clean_structured_content",
  "retain_longitudinal_modified_dates", "retain_patient_characteristics", "retain_safe_private"]
"""
WHO = {
    "PatientName": "Quimbly^Archibald", "PatientID": "MRN-0012345", "PatientBirthDate": "19430521",
    "IssuerOfPatientID": "GENERAL7", "StudyDate": "20190314", "ReferringPhysicianName": "Hibbert^Julius",
    "AccessionNumber": "ACC778899",
}  # fmt: skip
PARTS = 8
#: Rules that may fail unnoticed, and why that is no leak.
HARMLESS = {
    0x00081140: "which images belong together, by mapped UIDs",
    0x00082112: "which images belong together, by mapped UIDs",
    0x00080001: "Length to End is a number of bytes",
    0x00120062: "that an object was de-identified before says nothing about anybody",
    0x00120063: "how an object was de-identified before is told by a program",
    0x00120064: "how an object was de-identified before is told in codes",
    0x00280303: "that dates were moved before says nothing about anybody",
}


def value_of(tag, vr, options):
    """Something that only this attribute holds; what may be cleaned holds the patient's name."""
    word = f"ZQ{tag:08X}JW"
    text = f"Quimbly {tag:08X}" if "C" in options.values() else word
    if vr == "SQ":
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = word, "DCM", f"About {word}"
        return Sequence([item])
    if vr in ("OB", "UN", "OW"):
        return f"{word} {word}!".encode()
    day = f"{1980 + tag % 37}{1 + tag % 12:02d}{1 + tag % 28:02d}"
    fixed = {
        "AS": "095Y", "DA": day, "DT": f"{day}040506.5+0100", "TM": "040506",
        "DS": f"{tag % 99991}.25", "IS": str(tag % 999983), "UI": f"1.2.3.{tag}", "US": tag % 65521,
        "UL": tag, "PN": f"{word}^Ann", "UR": f"http://{word}.org/x", "CS": word, "AE": word,
    }  # fmt: skip
    return fixed.get(vr, text)


def plantable():
    """(tag, VR, row) of every attribute of the table that a data set can hold."""
    for tag, row in standard.rows().items():
        if tag >> 16 >= 0x0008 and row.vr:
            yield tag, row.vr, row


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    ds, item = Dataset(), Dataset()
    for level in (ds, item):
        for tag, vr, row in plantable():
            level[tag] = DataElement(tag, vr, value_of(tag, vr, row.options))
    for keyword, value in WHO.items():
        setattr(ds, keyword, value)
    ds[OUTER] = DataElement(OUTER, "SQ", Sequence([item]))
    ds.SOPClassUID, ds.Modality = CTImageStorage, "CT"
    ds.SOPInstanceUID, ds.StudyInstanceUID, ds.SeriesInstanceUID = (
        "1.2.3.4.5.8",
        "1.2.3.4.5.9",
        "1.2.3.4.5.10",
    )
    ds.ImageType, ds.PhotometricInterpretation = ["ORIGINAL", "PRIMARY"], "MONOCHROME2"
    ds.Rows = ds.Columns = 2
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit, ds.SamplesPerPixel, ds.PixelRepresentation = 15, 1, 0
    ds.PixelData = bytes(8)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path = tmp_path_factory.mktemp("watched") / "in.dcm"
    ds.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture(scope="module")
def clinical(original):
    """What the table does not speak of, and says who it is all the same."""
    ds = pydicom.dcmread(original)
    for tag in [element.tag for element in ds if element.tag in standard.rows() or element.tag == OUTER]:
        if tag not in (0x00080018, 0x0020000D, 0x0020000E):
            del ds[tag]
    for keyword, value in WHO.items():
        setattr(ds, keyword, value)
    for tag in BEYOND:
        if tag not in (0x0040A160, 0x00080104, 0xFFFCFFFC):
            vr = dictionary_VR(tag)
            ds[tag] = DataElement(tag, vr, value_of(tag, vr, {}))
    local = Dataset()
    local.CodeValue, local.CodingSchemeDesignator, local.CodeMeaning = "Q1", "99LOCAL", "A knee of its own"
    local.StationName = "CTSCAN07X"
    ds.AnatomicRegionSequence = Sequence([local])
    ds.PatientAge, ds.StudyTime = "095Y", "101112"
    ds[0x00080031] = DataElement(0x00080031, "TM", "Quimbly", validation_mode=pydicom.config.IGNORE)
    ds.StudyDescription, ds.PatientComments = "CT for Quimbly", "Asks for Hibbert"
    ds.TextValue, ds.ManufacturerModelName = "Quimbly coughs", "Made for Quimbly"
    ds.SoftwareVersions, ds.DateOfGainCalibration = "VB 20A Quimbly", "20180102"
    ds.StructureSetROISequence = Sequence([local])
    ds.SynchronizationFrameOfReferenceUID = "1.2.3.4.5.11"
    ds[0x00189ABC] = DataElement(0x00189ABC, "LO", "unknown Quimbly")
    ds[0x00089215] = DataElement(0x00089215, "SQ", Sequence([local]))
    with pydicom.config.disable_value_validation(), pytest.MonkeyPatch.context() as context:
        context.setattr(pydicom.config, "replace_un_with_known_vr", False)
        ds[0x00281040] = DataElement(0x00281040, "UN", b"Quimbly!")
    ds[0x00324001] = DataElement(0x00324001, "PN", "Quimbly^Ann")
    ds[0x60003000] = DataElement(0x60003000, "OW", b"drawn by hand   ")
    ds[0x60004000] = DataElement(0x60004000, "LT", "comment")
    ds[0x60000022] = DataElement(0x60000022, "LO", "label")
    ds[0x50003000] = DataElement(0x50003000, "OW", b"curve   ")
    ds.private_block(0x0009, "VENDOR", create=True).add_new(1, "LO", "private remark")
    ds.private_block(0x2001, "Philips Imaging DD 001", create=True).add_new(0x08, "IS", "7")
    ds[0xFFFCFFFC] = DataElement(0xFFFCFFFC, "OB", b"Quimbly padding!")
    ds.file_meta.SourceApplicationEntityTitle = "GENERAL7PACS"
    ds.preamble = b"II*\0 Quimbly".ljust(128, b"\0")
    path = original.parent / "clinical.dcm"
    ds.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture(scope="module", params=["basic", "plain", "cleaning"])
def policy(request, tmp_path_factory):
    if request.param == "basic":
        return load_policy("basic")
    site = tmp_path_factory.mktemp("policy") / "site.toml"
    site.write_text(PLAIN if request.param == "plain" else CLEANING)
    return load_policy(site)


def release(paths, out, policy):
    """What the verifier found; empty where the series was released."""
    try:
        deidentify_series(
            paths if isinstance(paths, list) else [paths],
            out,
            policy,
            PSEUDONYMS,
            verify=functools.partial(verify_series, policy=policy),
        )
    except QuarantineError as error:
        if error.code != "verifier-finding" or out.exists():
            raise
        return error.details
    shutil.rmtree(out)
    return ()


def test_all_rules_on(original, policy, tmp_path):
    assert release(original, tmp_path / "out", policy) == ()


@pytest.mark.parametrize("level", ["top", "nested"])
@pytest.mark.parametrize("part", range(PARTS))
def test_each_row_of_the_table(original, policy, tmp_path, level, part):
    """Rules are switched off a few at a time; each must be noticed at its own place."""
    fresh = dataclasses.replace(policy)
    rules = getattr(fresh.tables.setdefault(CTImageStorage, RuleTable(fresh, CTImageStorage)), level)
    stays = (Action.KEEP, Action.TIME)
    off = [(tag, vr) for tag, vr, _ in plantable() if rules[tag].action not in stays][part::PARTS]
    for tag, _ in off:
        rules[tag] = Rule(Action.KEEP, Action.REMOVE, rules[tag].vr)
    found = release(original, tmp_path / "out", fresh)
    start = "" if level == "top" else f"{written(OUTER)} > "
    places = {line.split(" at ", 1)[1] for line in found}
    unnoticed = {
        f"{tag:08X} {vr}"
        for tag, vr in off
        if tag not in HARMLESS
        if not any(place.startswith(start + written(tag)) for place in places)
    }
    assert unnoticed == set()


def written(tag):
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


@pytest.fixture
def noticed(clinical, policy, tmp_path):
    """Whether the object is refused."""
    return lambda paths=None: release(paths or clinical, tmp_path / "out", dataclasses.replace(policy))


def test_all_further_rules_on(noticed):
    assert noticed() == ()


@pytest.mark.parametrize("tag", sorted(BEYOND.keys() - HARMLESS.keys()), ids=lambda tag: f"{tag:08X}")
def test_each_rule_beyond_the_table(clinical, policy, tmp_path, tag):
    fresh = dataclasses.replace(policy)
    table = fresh.tables[CTImageStorage] = RuleTable(fresh, CTImageStorage)
    for rules in (table.top, table.nested):
        rules[tag] = Rule(Action.KEEP, Action.REMOVE, rules[tag].vr)
    assert release(clinical, tmp_path / "out", fresh)


OTHERS = {
    "unknown": 0x00189ABC, "typed as unknown": 0x00281040, "curve": 0x50003000, "overlay": 0x60003000,
    "overlay comment": 0x60004000, "overlay label": 0x60000022, "model": 0x00081090, "version": 0x00181020,
    "uid": 0x00200200,
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_each_rule_for_what_no_table_names(clinical, policy, tmp_path, monkeypatch, name):
    fresh, tag = dataclasses.replace(policy), OTHERS[name]
    table = fresh.tables[CTImageStorage] = RuleTable(fresh, CTImageStorage)
    table.top[tag] = Rule(Action.KEEP, Action.REMOVE, "UN" if name.startswith("typed") else table.top[tag].vr)
    monkeypatch.setattr(plans, "odd", lambda tag, vr, value: True)
    assert release(clinical, tmp_path / "out", fresh)


def test_text_that_poses_as_a_number(noticed, monkeypatch):
    monkeypatch.setattr(plans, "odd", lambda tag, vr, value: True)
    assert noticed()


#: Carried out by the walkers themselves; the rows show that they are watched.
NATIVE = {Action.REMOVE, Action.EMPTY}
#: What the Basic Profile without options never asks for.
IDLE = {Action.DATE, Action.TIME, Action.HASH, Action.AGE}


@pytest.mark.parametrize("action", sorted(BY_ACTION.keys() - NATIVE))
def test_each_handler(noticed, policy, monkeypatch, action):
    monkeypatch.setattr(plans, "_NATIVE", {})  # the compiled walker moves dates itself
    monkeypatch.setitem(BY_ACTION, action, lambda element, scope: element.value)
    assert bool(noticed()) == (policy.name != "basic" or action not in IDLE)


def test_private_attributes(noticed, monkeypatch):
    monkeypatch.setattr(PrivateRules, "block", lambda self, creator, group: True)
    monkeypatch.setattr(PrivateRules, "rule", lambda self, *key: Rule(Action.KEEP, Action.REMOVE, "LO"))
    assert noticed()


def test_text_of_private_attributes(clinical, tmp_path, monkeypatch):
    """Under TCIA's policy private text stays, cleaned."""
    ds = pydicom.dcmread(clinical)
    ds.private_block(0x0043, "GEMS_PARM_01", create=True).add_new(0x82, "LO", "STANDARD for Quimbly")
    path = tmp_path / "private.dcm"
    ds.save_as(path, enforce_file_format=True)
    policy = load_policy("tcia")
    assert not any("(0043," in line for line in release(path, tmp_path / "clean", policy))
    monkeypatch.setattr(PrivateRules, "rule", lambda self, *key: Rule(Action.KEEP, Action.REMOVE, "LO"))
    assert any("name at (0043,1082)" in line for line in release(path, tmp_path / "out", policy))


def test_preamble_and_file_meta(noticed, monkeypatch):
    real = marking.file_meta
    monkeypatch.setattr(
        marking, "file_meta", lambda *facts: b"II*\0 Quimbly".ljust(128, b"\0") + real(*facts)[128:]
    )
    assert any("preamble" in line for line in noticed())
    title = b"\x02\0\x16\0AE\x0c\0GENERAL7PACS"
    monkeypatch.setattr(marking, "file_meta", lambda *facts: real(*facts) + title)
    assert any("(0002,0016)" in line for line in noticed())


@pytest.mark.parametrize("tag", marking.MARKS, ids=lambda tag: f"{tag:08X}")
def test_each_mark(noticed, monkeypatch, tag):
    real = marking.marks
    monkeypatch.setattr(
        marking, "marks", lambda *args, **how: [mark for mark in real(*args, **how) if mark[0] != tag]
    )
    assert any("not-marked" in line for line in noticed())


def test_what_follows_the_pixel_data(noticed, monkeypatch):
    real = Engine._walk

    def walk(self, plan, original, data, start, end, inserts):
        return data if data is original.trailing else real(self, plan, original, data, start, end, inserts)

    monkeypatch.setattr(Engine, "_walk", walk)
    assert any("(FFFC,FFFC)" in line for line in noticed())


@pytest.fixture
def series(clinical):
    """Two objects of one series."""
    ds = pydicom.dcmread(clinical)
    ds.SOPInstanceUID, ds.InstanceNumber, ds.PixelData = "1.2.3.4.5.12", 2, b"\1\0\2\0\3\0\4\0"
    path = clinical.parent / "second.dcm"
    with pytest.MonkeyPatch.context() as context:
        context.setattr(pydicom.config, "replace_un_with_known_vr", False)
        ds.save_as(path, enforce_file_format=True)
    return [clinical, path]


def test_a_series(series, noticed):
    assert noticed(series) == ()


def test_the_map_of_uids(series, noticed, monkeypatch):
    monkeypatch.setattr(Pseudonyms, "uid", lambda self, uid: uid)
    assert any(": uid at" in line for line in noticed(series))
    count = itertools.count()
    monkeypatch.setattr(Pseudonyms, "uid", lambda self, uid: f"2.25.{next(count)}")
    assert noticed(series)


def test_the_shift_of_dates(series, noticed, policy, monkeypatch):
    monkeypatch.setattr(Pseudonyms, "days", lambda self, *who: 0)
    assert bool(noticed(series)) == (policy.name != "basic")  # which has no dates
    real, count = Engine._make, itertools.count(1)

    def make(self, *args):
        self.days = -400 - 30 * next(count)
        return real(self, *args)

    monkeypatch.setattr(Engine, "_make", make)
    monkeypatch.setattr(Engine, "_prepare", lambda self, original, header: _fresh(self, original, header))
    found = noticed(series)
    assert any("interval" in line for line in found) == (policy.name != "basic")


def _fresh(engine, original, header):
    charset = original.top.get(0x00080005, b"")
    return engine._make(original, header, charset, identity(original.who))


def test_the_alias(noticed, monkeypatch):
    monkeypatch.setattr(Pseudonyms, "patient", lambda self, *who: "QUIMBLY-A")
    assert noticed()


def test_the_cleaner_of_text(noticed, policy, monkeypatch):
    def clean(self, text, **how):
        return Cleaned(text, ())

    monkeypatch.setattr(TextCleaner, "clean", clean)
    assert noticed()


def test_pixels_that_move(series, noticed, monkeypatch):
    real = Writer._move
    monkeypatch.setattr(
        Writer,
        "_move",
        lambda self, out, parts, fd, start, end: real(self, out, parts, fd, start - 2, end - 2),
    )
    assert any("pixels-changed" in line for line in noticed(series))


@pytest.fixture
def ultrasound(clinical, tmp_path):
    ds = pydicom.dcmread(clinical)
    ds.Modality, ds.SOPClassUID, ds.BurnedInAnnotation = "US", UltrasoundImageStorage, "YES"
    ds.file_meta.MediaStorageSOPClassUID = UltrasoundImageStorage
    path = tmp_path / "us.dcm"
    ds.save_as(path)
    return path


STAGES = {
    "nothing cleaned": (False, {}, ["QUIMBLY A", "120 kV"], {"pixel-text", "not-marked"}),
    "not marked": (True, {}, [], {"pixels-changed", "not-marked"}),
    "cleaned in part": (True, {0x00280301: b"NO"}, ["14.03.2019"], {"pixel-text"}),
    "a face, not marked": (True, {0x00280301: b"YES "}, [], {"pixels-changed", "not-marked"}),
    "cleaned": (True, {0x00280301: b"NO"}, ["120 kV", "R"], set()),
}


@pytest.mark.parametrize("name", STAGES)
def test_each_pixel_stage(ultrasound, tmp_path, monkeypatch, name):
    made, changes, read, expected = STAGES[name]
    site = tmp_path / "pixels.toml"
    site.write_text(
        CLEANING.replace("options = [", 'options = ["clean_pixel_data",') + '[objects]\naccept = ["images"]\n'
    )
    value = tmp_path / "new"
    value.write_bytes(b"newpixel")
    result = PixelResult(value, None, changes, {}, {}) if made else None
    monkeypatch.setattr(Stages, "pixels", lambda self, *facts: result)
    monkeypatch.setattr(pictures, "reader", lambda rules: lambda path: [(0, text) for text in read])
    found = release(ultrasound, tmp_path / "out", load_policy(site))
    assert {line.split(": ")[1].split(" at ")[0] for line in found} == expected


def content(value_type, code, meaning, **value):
    item, concept = Dataset(), Dataset()
    item.RelationshipType, item.ValueType = "CONTAINS", value_type
    concept.CodeValue, concept.CodingSchemeDesignator, concept.CodeMeaning = code, "DCM", meaning
    item.ConceptNameCodeSequence = Sequence([concept])
    for keyword, what in value.items():
        setattr(item, keyword, what)
    return item


@pytest.fixture
def report(clinical, tmp_path):
    ds = pydicom.dcmread(clinical)
    ds.Modality, ds.SOPClassUID = "SR", BasicTextSRStorage
    ds.file_meta.MediaStorageSOPClassUID = BasicTextSRStorage
    for keyword in ("PixelData", "Rows", "Columns"):
        delattr(ds, keyword)
    ds.ValueType = "CONTAINER"
    inner = content("CONTAINER", "121070", "Findings")
    inner.ContentSequence = Sequence(
        [
            content("TEXT", "121071", "Finding", TextValue="Nodule, seen with Quimbly"),
            content("PNAME", "121008", "Person Observer Name", PersonName="Hibbert^Julius"),
            content("DATE", "121125", "DateTime of Recording", Date="20190314"),
        ]
    )
    ds.ContentSequence = Sequence(
        [inner, content("TEXT", "121106", "Comment", TextValue="Call 555-867-5309")]
    )
    path = tmp_path / "sr.dcm"
    ds.save_as(path)
    return path


def test_each_rule_of_a_report(report, tmp_path, monkeypatch):
    site = tmp_path / "reports.toml"
    site.write_text(CLEANING + '[objects]\naccept = ["reports"]\n')
    assert release(report, tmp_path / "out", load_policy(site)) == ()
    monkeypatch.setattr(ContentRules, "action", lambda self, concept: Action.KEEP)
    monkeypatch.setattr(
        RuleTable, "_table_rule", lambda self, row, kind, vr: Rule(Action.KEEP, Action.REMOVE, vr)
    )
    found = release(report, tmp_path / "out", load_policy(site))
    for tag in (0x0040A123, 0x0040A121):
        assert any(line.endswith(written(tag)) for line in found)
    monkeypatch.undo()
    monkeypatch.setitem(BY_ACTION, Action.TEXT, lambda element, scope: element.value)
    found = release(report, tmp_path / "out", load_policy(site))
    assert sum(line.endswith(written(0x0040A160)) for line in found) >= 2
