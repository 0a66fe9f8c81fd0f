"""DICOM headers: a CT image, a screen capture and a document that hold identity wherever real ones do."""

from __future__ import annotations

import datetime as dt

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    CTImageStorage,
    EncapsulatedPDFStorage,
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from scripts.demo_images import people
from scripts.demo_images.people import Person

IMPLEMENTATION = "RADFLOW_DEMO"
_TIME = "101530"
_SOP_CLASSES = {"CT": CTImageStorage, "OT": SecondaryCaptureImageStorage, "DOC": EncapsulatedPDFStorage}


def uid(*entropy: str) -> str:
    """A UID that depends on nothing but its arguments."""
    return str(generate_uid(entropy_srcs=["radflow demo", *entropy]))


def item(**values: object) -> Dataset:
    """A sequence item."""
    data = Dataset()
    for name, value in values.items():
        setattr(data, name, value)
    return data


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    return item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def common(person: Person, case: str, modality: str, description: str, number: int) -> FileDataset:
    """Patient, study, series and equipment of one series, ready for the instance's own attributes.

    The identity sits in plain attributes, in free text, in nested sequences and in private elements; some
    private elements are of PS3.15 Table E.3.10-1 and harmless, the others are not.
    """
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = _SOP_CLASSES[modality]
    meta.ImplementationClassUID = uid("implementation")
    meta.ImplementationVersionName = IMPLEMENTATION
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    day = f"{person.study_day:%Y%m%d}"
    spoken = f"{person.given} {person.family}"
    data.SpecificCharacterSet = person.charset
    data.SOPClassUID = meta.MediaStorageSOPClassUID
    data.Modality = modality
    _patient(data, person, spoken)
    _study(data, person, case, day)
    data.SeriesInstanceUID = uid(case, "series", str(number))
    data.SeriesNumber = number
    data.SeriesDate, data.SeriesTime = day, _TIME
    data.SeriesDescription = f"{description} {person.family}"[:64]
    data.FrameOfReferenceUID = uid(case, "frame of reference")
    data.PositionReferenceIndicator = "SN"
    data.Manufacturer, data.ManufacturerModelName = "RADFLOW DEMO", "VIRTUAL CT"
    data.InstitutionName, data.InstitutionAddress = people.INSTITUTION, people.INSTITUTION_ADDRESS
    data.InstitutionalDepartmentName, data.StationName = people.DEPARTMENT, people.STATION
    data.DeviceSerialNumber, data.SoftwareVersions = people.DEVICE_SERIAL, "demo-1"
    data.PerformingPhysicianName = person.performing
    data.OperatorsName = [person.operator, person.performing]
    data.BodyPartExamined = "CHEST"
    data.RequestAttributesSequence = Sequence([_request(person, spoken)])
    data.PerformedProcedureStepStartDate, data.PerformedProcedureStepStartTime = day, _TIME
    data.PerformedProcedureStepID = f"PPS-{person.accession}"
    data.PerformedProcedureStepDescription = f"Chest CT of {spoken}"[:64]
    _private(data, person, spoken)
    return data


def _patient(data: Dataset, person: Person, spoken: str) -> None:
    data.PatientName, data.PatientID = person.name, person.mrn
    data.IssuerOfPatientID = people.ISSUER
    data.PatientBirthDate, data.PatientSex = f"{person.birth:%Y%m%d}", person.sex
    data.PatientBirthTime = "043000"
    data.PatientAge, data.PatientSize, data.PatientWeight = f"{person.age:03d}Y", "1.71", "74"
    data.OtherPatientIDsSequence = Sequence(
        [
            item(PatientID=person.national_id, IssuerOfPatientID="NOWHERELAND", TypeOfPatientID="TEXT"),
            item(PatientID=f"OLD-{person.mrn}", IssuerOfPatientID=people.ISSUER, TypeOfPatientID="TEXT"),
        ]
    )
    data.OtherPatientNames = person.other_name
    data.PatientMotherBirthName = person.mother
    data.PatientAddress = person.address
    data.PatientTelephoneNumbers = person.phone
    data.EthnicGroup = "INVENTED"
    data.Occupation = "Lighthousekeeper"
    data.AdditionalPatientHistory = f"{spoken}, MRN {person.mrn}, smoked until 2011. Call {person.phone}."
    data.PatientComments = f"Daughter of {person.mother} waits outside."


def _study(data: Dataset, person: Person, case: str, day: str) -> None:
    data.StudyInstanceUID = uid(case, "study")
    data.StudyID, data.AccessionNumber = person.study_id, person.accession
    data.StudyDate, data.StudyTime = day, _TIME
    data.StudyDescription = f"CT CHEST {person.family} for {person.referring.split('^')[0]}"[:64]
    data.ReferringPhysicianName = person.referring
    data.ReferringPhysicianAddress = people.INSTITUTION_ADDRESS
    data.ReferringPhysicianTelephoneNumbers = person.phone
    data.ReferringPhysicianIdentificationSequence = Sequence(
        [
            item(
                InstitutionName=people.INSTITUTION,
                PersonIdentificationCodeSequence=Sequence([_code("77120", "99NOWHERE", person.referring)]),
                PersonTelephoneNumbers=person.phone,
            )
        ]
    )
    data.PhysiciansOfRecord = [person.referring, person.performing]
    data.NameOfPhysiciansReadingStudy = person.performing
    data.RequestingPhysician = person.referring
    data.AdmittingDiagnosesDescription = f"COPD, seen by {person.referring.split('^')[0]}"[:64]
    data.CurrentPatientLocation = "Ward 7, bed 12"
    data.AdmissionID = f"ADM-{person.accession}"


def _request(person: Person, spoken: str) -> Dataset:
    return item(
        RequestedProcedureDescription=f"CT chest, {spoken}"[:64],
        ScheduledProcedureStepDescription=f"Low dose chest for {person.referring.split('^')[0]}"[:64],
        ScheduledProcedureStepID=f"SPS-{person.accession}",
        RequestedProcedureID=f"RP-{person.accession}",
        AccessionNumber=person.accession,
        ReasonForTheRequestedProcedure=f"Dyspnoea; {spoken} born {person.birth:%Y%m%d}"[:64],
    )


def _private(data: Dataset, person: Person, spoken: str) -> None:
    safe = data.private_block(0x0019, "GEMS_ACQU_01", create=True)  # these three are in Table E.3.10-1
    safe.add_new(0x23, "DS", "55.0")
    safe.add_new(0x24, "DS", "1.25")
    safe.add_new(0x27, "DS", "0.5")
    data.private_block(0x0045, "GEMS_HELIOS_01", create=True).add_new(0x02, "FL", 0.625)
    unsafe = data.private_block(0x0009, "NOWHERE NOTES 01", create=True)
    unsafe.add_new(0x01, "LO", spoken)
    unsafe.add_new(0x02, "PN", person.name)
    nested = item(PatientName=person.name, PatientID=person.mrn, InstitutionName=people.INSTITUTION)
    unsafe.add_new(0x03, "SQ", Sequence([nested]))
    unsafe.add_new(0x04, "UN", f"{person.mrn}|{person.national_id}".encode())
    # A known creator, but elements that the table does not list.
    data.private_block(0x0043, "GEMS_PARM_01", create=True).add_new(
        0x80, "LO", [person.accession, person.mrn]
    )


def stamp(data: FileDataset, instance: int, sop_uid: str, second: int) -> None:
    """Set what differs between the instances of a series."""
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = sop_uid
    data.InstanceNumber = instance
    day = dt.datetime.strptime(str(data.StudyDate), "%Y%m%d").replace(tzinfo=dt.UTC)
    at = day.replace(hour=10, minute=15, second=30) + dt.timedelta(seconds=second)
    data.AcquisitionDate = data.ContentDate = f"{at:%Y%m%d}"
    data.AcquisitionTime = data.ContentTime = f"{at:%H%M%S}"
