"""Guarantee: when any single rule of de-identification fails, the verifier notices.

Each rule that matters for a clinical CT is switched off in the engine, one at a time, as a bug would do it;
the series must then be refused, not released.
"""

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from deid import Pseudonyms, QuarantineError, deidentify_series, load_policy, verify_series
from deid.actions import Action, Rule
from deid.handlers import private
from deid.rules import RuleTable

PLANTED = {
    "StudyDate": "20190314",
    "SeriesDate": "20190315",
    "AcquisitionDateTime": "20190316120000",
    "AccessionNumber": "ACC778899",
    "InstitutionName": "Mercy Hospital Springfield",
    "InstitutionAddress": "12 Evergreen Terrace",
    "ReferringPhysicianName": "Hibbert^Julius",
    "StationName": "CTSCAN07X",
    "StudyDescription": "Chest, asks Dr Nick",
    "SeriesDescription": "Thorax 1.0 B30f",
    "PerformingPhysicianName": "Riviera^Nick",
    "OperatorsName": "Bouvier^Selma",
    "PatientName": "Quimbly^Archibald",
    "PatientID": "MRN-0012345",
    "IssuerOfPatientID": "GENERAL7",
    "PatientBirthDate": "19430521",
    "OtherPatientIDs": "SSN987654321",
    "PatientAddress": "742 Lilac Lane",
    "PatientTelephoneNumbers": "555-867-5309",
    "PatientComments": "Brother of the mayor",
    "DeviceSerialNumber": "SN4711X",
    "ProtocolName": "LowDoseQ",
    "FrameLabel": "Frame of Wiggum",
    "CodeMeaning": None,  # of a local code, below
    "StudyID": "ST5521",
    "FrameOfReferenceUID": "1.2.3.4.5.6.7",
    "SOPInstanceUID": "1.2.3.4.5.6.8",
    "StudyInstanceUID": "1.2.3.4.5.6.9",
    "SeriesInstanceUID": "1.2.3.4.5.6.10",
}


@pytest.fixture
def original(tmp_path):
    ds = Dataset()
    ds.SOPClassUID, ds.Modality = CTImageStorage, "CT"
    for keyword, value in PLANTED.items():
        if value:
            setattr(ds, keyword, value)
    item = Dataset()
    item.RequestedProcedureID, item.ReasonForTheRequestedProcedure = "RP998877", "Mayor is coughing"
    ds.RequestAttributesSequence = Sequence([item])
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "Q1", "99LOCAL", "Dr Nicks knee"
    ds.AnatomicRegionSequence = Sequence([code])
    ds.private_block(0x0009, "VENDOR", create=True).add_new(1, "LO", "private remark")
    ds.Rows = ds.Columns = 2
    ds.BitsAllocated, ds.SamplesPerPixel, ds.PhotometricInterpretation = 16, 1, "MONOCHROME2"
    ds.PixelData = bytes(8)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    path = tmp_path / "in.dcm"
    ds.save_as(path, enforce_file_format=True)
    return path


def release(path, out):
    pseudonyms = Pseudonyms(b"a key for the guarantees only", "guarantees")
    return deidentify_series([path], out, load_policy("research"), pseudonyms, verify=verify_series)


def test_all_rules_on(original, tmp_path):
    assert len(release(original, tmp_path / "out").manifest) == 1


@pytest.mark.parametrize("keyword", [*PLANTED, "RequestAttributesSequence"])
def test_one_rule_off(original, tmp_path, monkeypatch, keyword):
    from pydicom.datadict import dictionary_VR, tag_for_keyword

    off, real = tag_for_keyword(keyword), RuleTable._rule

    def broken(self, tag, kind):
        inside = keyword == "RequestAttributesSequence" and kind == "unknown"
        return (
            Rule(Action.KEEP, Action.REMOVE, dictionary_VR(tag))
            if tag == off or inside
            else real(self, tag, kind)
        )

    monkeypatch.setattr(RuleTable, "_rule", broken)
    with pytest.raises(QuarantineError) as caught:
        release(original, tmp_path / "out")
    assert caught.value.code == "verifier-finding"
    assert not (tmp_path / "out").exists()


def test_private_rule_off(original, tmp_path, monkeypatch):
    monkeypatch.setattr(private.PrivateBlocks, "safe_vr", lambda self, tag: "LO")
    with pytest.raises(QuarantineError, match="verifier"):
        release(original, tmp_path / "out")
