"""Guarantee: of 83 tokens planted wherever identity can stand in a CT, none is left in the output's bytes.

Names, identifiers, addresses, dates, descriptions, private attributes, local codes, overlays and curves, nested
items, preamble, file meta information, group lengths, padding behind the pixels: under Basic and under a policy
that keeps as much as can be cleaned, in three transfer syntaxes. Clinical words stay under the latter.
"""

import re
from dataclasses import replace

import pydicom
import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from deid import Pseudonyms, deidentify_series, load_policy

PERSON = {
    "PatientName": "Vanderquimby^Archibald^Theodorus", "PatientID": "MRN4711998", "IssuerOfPatientID": "ISSQMERCY",
    "PatientBirthDate": "19430521", "OtherPatientIDs": "SSNQ987654321", "OtherPatientNames": "Quimbolino^Joe",
    "PatientBirthName": "Bornwhistle", "PatientMotherBirthName": "Motherwhistle", "PatientAddress": "742 Lilacqua Lane",
    "PatientTelephoneNumbers": "555-867-5309", "MilitaryRank": "Colonelq", "CountryOfResidence": "Ruritaniq",
    "RegionOfResidence": "Zendaq", "Occupation": "Mayorq", "PatientReligiousPreference": "Pastafariq",
    "PatientInsurancePlanCodeSequence": [], "ResponsiblePerson": "Guardianq^Mary", "ResponsibleOrganization": "Orgaq",
    "EthnicGroup": "Groupq", "PatientComments": "Commentq, brother of the mayor",
    "AdditionalPatientHistory": "COPD. Sister Historyq^Anna called on 2019-03-14",
    "AccessionNumber": "ACCQ778899", "StudyID": "STQ5521", "InstitutionName": "Mercyq Hospital",
    "InstitutionAddress": "12 Evergreenq Terrace", "InstitutionalDepartmentName": "Radiologyq", "StationName": "CTQ07X",
    "ReferringPhysicianName": "Hibbertq^Julius", "ReferringPhysicianAddress": "Doctorstreetq 5",
    "ReferringPhysicianTelephoneNumbers": "555-000-1234", "PhysiciansOfRecord": "Recordq^Rita",
    "PerformingPhysicianName": "Performq^Pete", "NameOfPhysiciansReadingStudy": "Readerq^Rolf",
    "OperatorsName": "Bouvierq^Selma", "RequestingPhysician": "Requestq^Rob", "ConsultingPhysicianName": "Consultq^Carl",
    "StudyDescription": "Chest CT for Mr Vanderquimby", "SeriesDescription": "Thorax B30f Vanderquimby",
    "ProtocolName": "LowDose for Archibald", "ImageComments": "seen by Dr. Readerq", 
    "DerivationDescription": "of MRN4711998",
    "AcquisitionComments": "call Guardianq", "FrameComments": "Vanderquimby again",
    "RequestedProcedureDescription": "Chest, Vanderquimby", "RequestedProcedureComments": "ask Hibbertq",
    "AdmissionID": "ADMQ1", "CurrentPatientLocation": "Wardq 5", "PatientInstitutionResidence": "Homeq",
    "AdmittingDate": "20190301", "ScheduledStudyStartDate": "20190302", "StudyDate": "20190314", "SeriesDate": "20190315",
    "AcquisitionDate": "20190316", "ContentDate": "20190317", "InstanceCreationDate": "20190318",
    "DateOfSecondaryCapture": "20190319", "AcquisitionDateTime": "20190320101112.123456",
    "DeviceSerialNumber": "SNQ4711X", "DetectorID": "DETQ9", "GantryID": "GANTQ9", "PlateID": "PLATEQ9",
    "PerformedStationName": "PSTATQ", "PerformedStationAETitle": "PAETQ", "PerformedLocation": "PLOCQ",
    "PerformedProcedureStepID": "PPSQ1", "PerformedProcedureStepDescription": "Thorax for Vanderquimby",
    "PerformedProcedureStepStartDate": "20190321", "CommentsOnThePerformedProcedureStep": "Stepcommentq to Hibbertq",
    "ClinicalTrialSubjectID": "TRIALQ77", "ClinicalTrialSiteName": "Trialsiteq", "ClinicalTrialProtocolID": "PROTOQ1",
    "ContrastBolusAgent": "Omnipaque for Vanderquimby", "TextComments": "Textq", "FrameLabel": "Labelq",
    "RetrieveURL": "http://pacs.mercyq.org/x",
}  # fmt: skip
#: What may not be in the output, in any case: single words and numbers out of everything that was planted.
TOKENS = [
    "Vanderquimby", "Archibald", "Theodorus", "MRN4711998", "ISSQMERCY", "19430521", "SSNQ987654321", "Quimbolino",
    "Bornwhistle", "Motherwhistle", "Lilacqua", "867-5309", "Colonelq", "Ruritaniq", "Zendaq", "Mayorq", "Pastafariq",
    "Guardianq", "Orgaq", "Groupq", "Commentq", "Historyq", "2019-03-14", "ACCQ778899", "STQ5521", "Mercyq",
    "Evergreenq", "Radiologyq", "CTQ07X", "Hibbertq", "Julius", "Doctorstreetq", "000-1234", "Recordq", "Performq",
    "Readerq", "Bouvierq", "Selma", "Requestq", "Consultq", "ADMQ1", "Wardq", "Homeq", "20190301", "20190302",
    "20190314", "20190315", "20190316", "20190317", "20190318", "20190319", "20190320", "SNQ4711X", "DETQ9", "GANTQ9",
    "PLATEQ9", "PSTATQ", "PAETQ", "PLOCQ", "PPSQ1", "20190321", "Stepcommentq", "TRIALQ77", "Trialsiteq", "PROTOQ1",
    "Textq", "Labelq", "mercyq.org",
    "Preambleq", "METAQAE", "Metaprivateq", "Localmeaningq", "Overlaytextq", "Overlaylabelq", "Overlaydataq", "Curveq",
    "Privateq", "Nestedprivateq", "Nestednameq", "Paddingq", "Retiredq", "Unknownq", "1.2.3.4711",
]  # fmt: skip
#: Words of descriptions, and what is kept of the patient by option: they name no one.
WORDS = {"Commentq", "Stepcommentq", "Mayorq", "Groupq"}
RESEARCH = load_policy("research")
POLICIES = {
    "basic": load_policy("basic"),
    "clinical": replace(RESEARCH, options=RESEARCH.options | {"clean_descriptors", "clean_graphics"}),
}


def planted(build):
    ds = build()
    for keyword, value in PERSON.items():
        setattr(ds, keyword, value)
    ds.SOPInstanceUID, ds.StudyInstanceUID, ds.SeriesInstanceUID = (f"1.2.3.4711.{n}" for n in (1, 2, 3))
    ds.FrameOfReferenceUID = "1.2.3.4711.4"
    local = Dataset()
    local.CodeValue, local.CodingSchemeDesignator, local.CodeMeaning = "Q1", "99LOCAL", "Localmeaningq knee"
    nested = Dataset()
    nested.PatientName, nested.ReferencedSOPInstanceUID = "Nestednameq^X", "1.2.3.4711.5"
    nested.private_block(0x0011, "NESTED VENDOR", create=True).add_new(1, "LO", "Nestedprivateq")
    local.AnatomicRegionModifierSequence = Sequence([nested])
    ds.AnatomicRegionSequence = Sequence([local])
    ds.private_block(0x0009, "VENDORQ", create=True).add_new(1, "LO", "Privateq note")
    for tag, vr, value in (
        (0x00080010, "SH", "Retiredq"), (0x00189ABC, "LO", "Unknownq"), (0x50000005, "US", 1), 
        (0x50003000, "OW", b"Curveq"),
        (0x60000022, "LO", "Overlaytextq"), (0x60001500, "LO", "Overlaylabelq"), (0x60003000, "OW", b"Overlaydataq"),
        (0xFFFCFFFC, "OB", b"Paddingq"), (0x00080000, "UL", 4711),
    ):  # fmt: skip
        ds[tag] = DataElement(tag, vr, value)
    ds.file_meta.SourceApplicationEntityTitle = "METAQAE"
    ds.file_meta.PrivateInformationCreatorUID = "1.2.3.4711.6"
    ds.file_meta.PrivateInformation = b"Metaprivateq"
    return ds


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize(
    "syntax",
    [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian],
    ids=lambda syntax: syntax.keyword,
)
def test_nothing_planted_is_left(tmp_path, name, syntax):
    from tests.deid.conftest import build

    ds = planted(build)
    ds.file_meta.TransferSyntaxUID = syntax
    path = tmp_path / "in.dcm"
    pydicom.dcmwrite(path, ds, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian,
                     enforce_file_format=True)  # fmt: skip
    path.write_bytes(b"Preambleq".ljust(128, b"\0") + path.read_bytes()[128:])
    before = path.read_bytes().lower()
    assert [token for token in TOKENS if token.lower().encode() not in before] == []
    assert len(TOKENS) == 83
    result = deidentify_series(
        [path], tmp_path / "out", POLICIES[name], Pseudonyms(bytes(range(32)), "planted")
    )
    (file,) = (tmp_path / "out").iterdir()
    raw = file.read_bytes()
    left = {token for token in TOKENS if token.lower().encode() in raw.lower()}
    assert left == (WORDS if name == "clinical" else set())
    new = pydicom.dcmread(file)
    assert new.PixelData == ds.PixelData
    assert "Quimby" not in repr(result)
    if name == "clinical":
        assert re.search(r"Chest CT", new.StudyDescription)
        assert re.search(r"Thorax B30f", new.SeriesDescription)
        assert "COPD" in new.AdditionalPatientHistory
        assert "Omnipaque" in new.ContrastBolusAgent
