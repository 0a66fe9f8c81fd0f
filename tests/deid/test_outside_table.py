"""What Table E.1-1 does not list and identifies all the same, and what de-identification adds."""

import hashlib

import pydicom
import pytest
from pydicom.config import disable_value_validation
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from deid import deidentify_series, verify_series
from deid.policy import OPTIONS


@pytest.fixture
def run(write, tmp_path, pseudonyms, research):
    count = iter(range(100))

    def go(ds, policy=research, change=None):
        path = write(ds)
        if change:
            path.write_bytes(change(path.read_bytes()))
        out = tmp_path / f"out{next(count)}"
        deidentify_series([path], out, policy, pseudonyms, verify=verify_series)
        (file,) = out.iterdir()
        return pydicom.dcmread(file), file.read_bytes()

    return go


def test_preamble_and_file_meta_are_new(ct, run):
    ds = ct()
    ds.file_meta.PrivateInformationCreatorUID = "1.2.3.4.5"
    ds.file_meta.PrivateInformation = b"Quimbly was here"
    new, raw = run(ds, change=lambda data: b"Quimbly, Archibald".ljust(128) + data[128:])
    assert raw[:128] == bytes(128)
    assert set(new.file_meta.keys()) == {
        0x00020000, 0x00020001, 0x00020002, 0x00020003, 0x00020010, 0x00020012, 0x00020013
    }  # fmt: skip
    assert new.file_meta.MediaStorageSOPInstanceUID == new.SOPInstanceUID
    assert b"uimbly" not in raw
    assert b"MERCYPACS" not in raw


def test_trailing_padding_group_length_overlay_and_frame_label(ct, run):
    ds = ct()
    ds[0x00080000] = DataElement(0x00080000, "UL", 4711)
    ds.FrameLabel = "Quimbly"
    ds[0x60000010] = DataElement(0x60000010, "US", 8)
    ds[0x60000022] = DataElement(0x60000022, "LO", "Quimbly overlay")
    ds[0x60003000] = DataElement(0x60003000, "OW", bytes(8))
    ds[0xFFFCFFFC] = DataElement(0xFFFCFFFC, "OB", b"Quimbly behind the pixels!")
    new, raw = run(ds)
    assert not {0x00080000, 0x00209453, 0x60000010, 0x60000022, 0x60003000, 0xFFFCFFFC} & set(new.keys())
    assert b"uimbly" not in raw


def test_code_meanings_of_local_schemes(ct, run):
    ds = ct()
    local, registered, nameless = Dataset(), Dataset(), Dataset()
    local.CodeValue, local.CodingSchemeDesignator, local.CodeMeaning = "Q1", "99LOCAL", "Dr Hibberts knee"
    registered.CodeValue, registered.CodingSchemeDesignator, registered.CodeMeaning = (
        "51185008",
        "SCT",
        "Chest",
    )
    nameless.CodeValue, nameless.CodeMeaning = "X", "Somebody"
    modifier = Dataset()
    modifier.CodeValue, modifier.CodingSchemeDesignator, modifier.CodeMeaning = "24028007", "SCT", "Right"
    local.AnatomicRegionModifierSequence = Sequence([modifier])
    ds.AnatomicRegionSequence = Sequence([local, registered, nameless])
    new, _ = run(ds)
    first, second, third = new.AnatomicRegionSequence
    assert (first.CodeValue, first.CodeMeaning) == ("Q1", "LOCAL CODE")
    assert first.AnatomicRegionModifierSequence[0].CodeMeaning == "Right"
    assert second.CodeMeaning == "Chest"
    assert third.CodeMeaning == "LOCAL CODE"


def test_unknown_and_implausible_attributes_go(ct, run):
    ds = ct()
    ds[0x00189ABC] = DataElement(0x00189ABC, "LO", "nobody knows me")  # not in the dictionary
    ds[0x00080010] = DataElement(0x00080010, "SH", "Quimbly")  # retired text
    ds[0x00140104] = DataElement(0x00140104, "PN", "Hibbert^Julius")  # a name that the table forgot
    ds[0x00280106] = DataElement(0x00280106, "LO", "text as a number")  # SmallestImagePixelValue is US or SS
    ds[0x00280107] = DataElement(0x00280107, "SS", 7)
    new, _ = run(ds)
    assert not {0x00189ABC, 0x00080010, 0x00140104, 0x00280106} & set(new.keys())
    assert new[0x00280107].value == 7


def test_values_whose_vr_was_forgotten(ct, run):
    """UN for an attribute of the standard: stays when the value fits the standard's VR."""
    ds = ct()
    ds.ExposureTime, ds.XRayTubeCurrent = "500", "1000"

    def forget(raw):
        for tag, before, after in (
            (b"\x18\x00\x50\x11", b"500 ", b"500 "),
            (b"\x18\x00\x51\x11", b"1000", b"five"),
        ):
            assert tag + b"IS\4\0" + before in raw
            raw = raw.replace(tag + b"IS\4\0" + before, tag + b"UN\0\0\4\0\0\0" + after)
        return raw

    new, _ = run(ds, change=forget)
    assert new.ExposureTime == 500
    assert "XRayTubeCurrent" not in new


def test_marks(ct, run, research, basic):
    new, _ = run(ct())
    assert new.PatientIdentityRemoved == "YES"
    assert new.LongitudinalTemporalInformationModified == "MODIFIED"
    codes = [(item.CodeValue, item.CodingSchemeDesignator) for item in new.DeidentificationMethodCodeSequence]
    assert codes == [("113100", "DCM"), *sorted((OPTIONS[option][0], "DCM") for option in research.options)]
    assert len(codes) > 4
    assert research.sha256[:12] in new.DeidentificationMethod
    assert len(new.DeidentificationMethod) <= 64
    plain, _ = run(ct(), policy=basic)
    assert plain.LongitudinalTemporalInformationModified == "REMOVED"
    assert [item.CodeValue for item in plain.DeidentificationMethodCodeSequence] == ["113100"]


def test_characteristics_and_alias(ct, run, pseudonyms):
    ds = ct()
    ds.PatientAge = "093Y"
    new, _ = run(ds)
    alias = pseudonyms.patient("MRN-0012345", "MERCY")
    assert (str(new.PatientName), new.PatientID) == (alias, alias)
    assert (new.PatientAge, new.PatientSex, new.PatientSize, new.PatientWeight) == ("090Y", "M", 1.8, 80)
    assert new.PatientBirthDate == ""
    assert new.AccessionNumber == pseudonyms.text("AccessionNumber", "ACC778899")
    assert "IssuerOfPatientID" not in new


@pytest.mark.parametrize(
    ("age", "expected"), [("089Y", "089Y"), ("090Y", "090Y"), ("999M", "999M"), ("95 Y", None)]
)
def test_ages(ct, run, age, expected):
    ds = ct()
    with disable_value_validation():
        ds[0x00101010] = DataElement(0x00101010, "AS", age)
    new, _ = run(ds)
    assert new.get("PatientAge") == expected


def test_pixels_stay_byte_for_byte(ct, run):
    ds = ct()
    new, _ = run(ds)
    assert hashlib.sha256(new.PixelData).digest() == hashlib.sha256(ds.PixelData).digest()


def test_empty_values_stay_empty(ct, run):
    ds = ct()
    ds.StudyDate = ds.AccessionNumber = ds.ReferringPhysicianName = ds.PatientAge = None
    ds.PatientName = None
    ds.StudyDescription = ds.RequestAttributesSequence[0].RequestedProcedureDescription = "Chest"
    new, _ = run(ds)
    assert new.StudyDate == ""
    assert new.AccessionNumber == ""
    assert str(new.PatientName).startswith("RF-")
