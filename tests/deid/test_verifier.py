"""The verifier finds any single identity string that leaks, wherever it leaks to, and is silent otherwise."""

import datetime
import functools

import pydicom
import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from deid import deidentify_series, load_policy, verify_series
from deid.findings import Finding

#: Every attribute of the synthetic slice that says who, where, when or which.
LEAKS = {
    "PatientName": "Quimbly^Archibald^Theodore",
    "PatientID": "MRN-0012345",
    "IssuerOfPatientID": "MERCY",
    "PatientBirthDate": "19430521",
    "OtherPatientIDs": "SSN987654321",
    "PatientAddress": "742 Lilac Lane",
    "PatientTelephoneNumbers": "555-867-5309",
    "PatientComments": "Brother of the mayor",
    "AccessionNumber": "ACC778899",
    "StudyID": "ST5521",
    "InstitutionName": "Mercy Hospital Springfield",
    "InstitutionAddress": "12 Evergreen Terrace",
    "ReferringPhysicianName": "Hibbert^Julius",
    "OperatorsName": "Bouvier^Selma",
    "StationName": "CTSCAN07X",
    "DeviceSerialNumber": "SN4711X",
    "StudyDescription": "Chest for Mr Quimbly",
    "SeriesDescription": "Thorax 1.0 B30f",
    "ProtocolName": "LowDoseQ",
    "StudyDate": "20190314",
    "AcquisitionDateTime": "20190314235958.123456+0100",
}
#: What may be left of a name, date or number, in text that somebody typed elsewhere.
SPELLINGS = [
    "seen by hibbert", "QUIMBLY", "Archibald_T", "14.03.2019", "2019-03-14", "born 21 May 1943", "05/21/1943",
    "5558675309", "987654321", "Springfield", "mrn-0012345", "Evergreen", "ct of Theodore's chest",
]  # fmt: skip


PLAIN = """
name = "plain"
title = "Text goes, dates move"
extends = "research"
options = ["retain_longitudinal_modified_dates", "retain_patient_characteristics", "retain_safe_private"]
"""


@pytest.fixture(scope="module")
def research(tmp_path_factory):
    """A policy that removes descriptions; what a policy that cleans them leaves is tested further down."""
    site = tmp_path_factory.mktemp("policy") / "plain.toml"
    site.write_text(PLAIN)
    return load_policy(site)


@pytest.fixture(scope="module")
def series(ct, research, pseudonyms, tmp_path_factory):
    folder = tmp_path_factory.mktemp("verify")
    originals = []
    for number in (1, 2):
        originals.append(folder / f"{number}.dcm")
        ct(instance=number).save_as(originals[-1], enforce_file_format=True)
    deidentify_series(originals, folder / "out", research, pseudonyms)
    return originals, sorted((folder / "out").iterdir())


@pytest.fixture
def leak(series, tmp_path):
    """Puts something into the second output and verifies."""

    def go(edit=None, change=None):
        originals, outputs = series
        ds = pydicom.dcmread(outputs[1])
        if edit:
            edit(ds)
        path = tmp_path / "leaky.dcm"
        syntax = ds.file_meta.TransferSyntaxUID
        ds.save_as(path, implicit_vr=syntax.is_implicit_VR, little_endian=True, enforce_file_format=True)
        if change:
            path.write_bytes(change(path.read_bytes()))
        return verify_series(originals, [outputs[0], path])

    return go


def test_clean_outputs(series, leak):
    assert verify_series(*series) == []
    assert leak() == []  # writing it again is no leak


@pytest.mark.parametrize("keyword", sorted(LEAKS))
def test_an_attribute_that_was_forgotten(leak, keyword):
    """The engine skips one rule: the original value is back in its place."""
    findings = leak(lambda ds: setattr(ds, keyword, LEAKS[keyword]))
    tag = pydicom.datadict.tag_for_keyword(keyword)
    assert f"({tag >> 16:04X},{tag & 0xFFFF:04X})" in {finding.where for finding in findings}
    assert {finding.file_number for finding in findings} == {2}


@pytest.mark.parametrize("keyword", sorted(LEAKS))
@pytest.mark.parametrize("place", ["text", "nested", "unknown", "behind"])
def test_a_value_that_turns_up_elsewhere(leak, keyword, place):
    value = LEAKS[keyword].replace("^", " ")

    def edit(ds):
        if place == "text":
            ds.ManufacturerModelName = value[:64]
        elif place == "nested":
            item = Dataset()
            item.CodeMeaning = value[:64]
            ds.AnatomicRegionSequence = Sequence([item])
        elif place == "unknown":
            ds[0x00189ABC] = DataElement(0x00189ABC, "UN", value.encode().ljust(len(value) + len(value) % 2))
        else:
            ds[0xFFFCFFFC] = DataElement(0xFFFCFFFC, "OB", value.encode().ljust(len(value) + len(value) % 2))

    assert leak(edit)


@pytest.mark.parametrize("text", SPELLINGS)
def test_other_spellings(leak, text):
    assert leak(lambda ds: setattr(ds, "ManufacturerModelName", text))


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "ascii"])
def test_wide_text_in_binary_values(leak, codec):
    def edit(ds):
        value = "xx Quimbly xx ".encode(codec)
        ds[0x00282000] = DataElement(0x00282000, "OB", value)

    assert leak(edit)


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian], ids=lambda s: s.keyword
)
def test_other_syntaxes(leak, syntax):
    def edit(ds, name=None):
        ds.file_meta.TransferSyntaxUID = syntax
        if name:
            ds.ManufacturerModelName = name

    assert leak(edit) == []
    assert leak(lambda ds: edit(ds, "for Quimbly"))


def test_uids(leak, ct):
    original = ct(instance=2)
    for uid in (original.SOPInstanceUID, original.StudyInstanceUID, original.FrameOfReferenceUID):
        findings = leak(lambda ds, uid=uid: setattr(ds, "FrameOfReferenceUID", uid))
        assert Finding(2, "(0020,0052)", "uid") in findings


def test_private_attributes(leak):
    def edit(ds):
        ds.private_block(0x0011, "SOME VENDOR", create=True).add_new(1, "FD", 1.0)

    assert {finding.code for finding in leak(edit)} == {"private-text"}


def test_preamble_and_file_meta(leak):
    assert leak(change=lambda raw: b"Quimbly".ljust(128, b"\0") + raw[128:])
    assert leak(change=lambda raw: b"anything".ljust(128, b"\0") + raw[128:])
    assert leak(lambda ds: setattr(ds.file_meta, "SourceApplicationEntityTitle", "MERCYPACS"))


def test_missing_marks_files_and_structure(series, leak):
    originals, outputs = series

    def unmark(ds):
        del ds.PatientIdentityRemoved

    assert [finding.code for finding in leak(unmark)] == ["not-marked"]
    assert [finding.code for finding in verify_series(originals, outputs[:1])] == ["count"]
    assert [finding.code for finding in leak(change=lambda raw: raw[:-9])] == ["unreadable"]


def test_findings_never_carry_values(leak):
    findings = leak(lambda ds: setattr(ds, "PatientName", "Quimbly^Archibald"))
    text = " ".join(map(str, findings)) + repr(findings)
    assert findings
    assert "uimbly" not in text.lower()


@pytest.mark.parametrize(
    "edit",
    [
        {"PatientName": "Chest^Phantom"},  # Body Part Examined is CHEST
        {"PatientName": "Primary^Axial"},  # Image Type
        {"PatientName": "Lee^Ann", "Manufacturer": "Sleek Annular"},  # letters inside words
        {"PatientName": "Gerard^Philip", "Manufacturer": "Philips Medical Systems"},
        {"PatientName": "Canon^John", "Manufacturer": "Canon Medical Systems"},
        {"ReferringPhysicianName": "UNKNOWN", "PatientPosition": "UNKNOWN"},
        {"PatientName": "Basic^Option"},  # the engine's own marks
        {"PatientID": "12000", "KVP": "12000"},  # an id that is a number elsewhere
        {"StationName": "CT", "StudyID": "1"},
        {"StudyDescription": "CHEST", "SeriesDescription": "AXIAL"},
        {"InstitutionName": "Acme Scanners"},  # the vendor's own phantom
        {"ReferringPhysicianName": "", "PatientComments": "HFS CHEST"},
    ],
)
def test_common_words_are_no_leak(ct, write, tmp_path, research, pseudonyms, edit):
    ds = ct()
    for keyword, value in edit.items():
        setattr(ds, keyword, value)
    path = write(ds)
    deidentify_series([path], tmp_path / "out", research, pseudonyms, verify=verify_series)


def test_a_shifted_date_may_fall_on_another_date(ct, write, tmp_path, research, pseudonyms):
    """Original dates are one shift apart, so the output of one equals the original of the other."""
    days = pseudonyms.days("MRN-0012345", "MERCY")
    ds = ct()
    earlier = datetime.date(2019, 3, 14) + datetime.timedelta(days=days)
    ds.DateOfSecondaryCapture = f"{earlier:%Y%m%d}"
    path = write(ds)
    deidentify_series([path], tmp_path / "out", research, pseudonyms, verify=verify_series)
    # the same bytes without the shift are a finding
    ds.PatientIdentityRemoved, ds.DeidentificationMethod = "YES", "x"
    assert {finding.code for finding in verify_series([path], [write(ds)])} >= {
        "date",
        "name",
        "uid",
        "unchanged",
    }


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_a_shifted_private_date_may_fall_on_another_date(ct, write, tmp_path, pseudonyms, syntax):
    """The vendor's date moves to the day of another attribute: what stood there as a date excuses it."""
    days = pseudonyms.days("MRN-0012345", "MERCY")
    ds = ct()
    ds.DateOfSecondaryCapture = f"{datetime.date(2019, 3, 14) + datetime.timedelta(days=days):%Y%m%d}"
    block = ds.private_block(0x0019, "GEMS_ACQU_01", create=True)
    block.add_new(0x9D, "DT", "20190314193658")
    ds.file_meta.TransferSyntaxUID = syntax
    outputs, policy = tmp_path / "out", load_policy("tcia")
    verify = functools.partial(verify_series, policy=policy)
    deidentify_series([write(ds)], outputs, policy, pseudonyms, verify=verify)
    new = pydicom.dcmread(next(outputs.iterdir()))
    assert new.private_block(0x0019, "GEMS_ACQU_01")[0x9D].value.startswith(ds.DateOfSecondaryCapture)


def test_an_open_policy_is_no_finding(ct, write, tmp_path, pseudonyms):
    site = tmp_path / "site.toml"
    site.write_text(
        'name = "open"\nextends = "basic"\noptions = ["retain_uids", "retain_longitudinal_full_dates",\n'
        '"retain_device_identity", "retain_institution_identity"]\n[site]\nSeriesDescription = "keep"\n'
    )
    policy = load_policy(site)
    ds = ct()
    del ds.IssuerOfPatientID  # MERCY is part of the institution's name
    path = write(ds)
    result = deidentify_series([path], tmp_path / "out", policy, pseudonyms)
    outputs = sorted((tmp_path / "out").iterdir())
    assert result.study_uid == ct().StudyInstanceUID
    new = pydicom.dcmread(outputs[0])
    assert (new.StudyDate, new.StationName, new.InstitutionName) == (
        "20190314", "CTSCAN07X", "Mercy Hospital Springfield"
    )  # fmt: skip
    assert new.LongitudinalTemporalInformationModified == "UNMODIFIED"
    assert verify_series([path], outputs, policy=policy) == []
    assert {finding.code for finding in verify_series([path], outputs)} >= {"uid", "date", "text"}
