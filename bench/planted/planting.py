"""What names somebody, and free text: added to an object that is otherwise complete."""

from __future__ import annotations

import datetime
from collections.abc import Callable

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from bench.planted.documents import reference
from bench.planted.objects import Context, code, items
from bench.planted.phrases import Plant, plain, plant

#: Free text by level: one value for a study, for a series, for an instance.
STUDY_TEXT = ("StudyDescription", "AdditionalPatientHistory", "MedicalAlerts", "ReasonForStudy")
SERIES_TEXT = ("SeriesDescription", "ProtocolName")
INSTANCE_TEXT = (
    "RequestedProcedureDescription", "PerformedProcedureStepDescription", "DerivationDescription",
    "AdmittingDiagnosesDescription", "DischargeDiagnosisDescription", "AcquisitionComments", "ImageComments",
    "PatientComments", "StudyComments", "VisitComments", "RequestedProcedureComments", "RequestedContrastAgent",
    "ReasonForTheRequestedProcedure", "ImagingServiceRequestComments", "ClinicalTrialTimePointDescription",
    "ClinicalTrialSeriesDescription", "PreMedication", "AcquisitionDeviceProcessingDescription", "InterpretationText",
    "ScheduledProcedureStepDescription", "PerformedProcedureTypeDescription", "InterventionDescription",
)  # fmt: skip
BY_MODALITY = {
    "CT": ("ContrastBolusAgent", "AcquisitionProtocolDescription"),
    "MR": ("ContrastBolusAgent", "AcquisitionProtocolDescription"),
    "XA": ("ContrastBolusAgent",),
    "RF": ("ContrastBolusAgent",),
    "RTSTRUCT": ("StructureSetLabel", "StructureSetDescription"),
    "RTPLAN": ("RTPlanLabel", "RTPlanDescription", "PrescriptionDescription"),
    "SEG": ("ContentDescription",),
    "PR": ("ContentDescription",),
}
#: Always there, others in one instance of three.
_USUAL = frozenset(
    {"StudyDescription", "SeriesDescription", "ContrastBolusAgent", "StructureSetLabel", "RTPlanLabel"}
)


def path_of(keyword: str) -> str:
    """Address of a top-level attribute, as the answer key writes it."""
    tag = int(tag_for_keyword(keyword) or 0)
    return f"<({tag >> 16:04x},{tag & 0xFFFF:04x})>"


def add_text(c: Context, ds: Dataset, shared: dict[str, Plant]) -> dict[str, Plant]:
    """Plant free text; returns path -> plant.

    Args:
        c: the instance.
        ds: changed.
        shared: what the study and the series already say; filled by their first instance.
    """
    planted: dict[str, Plant] = {}

    def say(keyword: str, one: Plant) -> None:
        setattr(ds, keyword, one.text)
        planted[path_of(keyword)] = one

    def draw(keyword: str) -> Plant:
        return plant(c.rng, keyword, dictionary_VR(keyword), c.who, c.accession, c.day)

    for keyword in STUDY_TEXT:
        key = f"{c.study_uid} {keyword}"
        if key not in shared:
            shared[key] = draw(keyword) if keyword in _USUAL or c.rng.random() < 0.5 else Plant("")
        if shared[key].text:
            say(keyword, shared[key])
    for keyword in SERIES_TEXT:
        key = f"{c.series_uid} {keyword}"
        if key not in shared:
            shared[key] = draw(keyword)
        say(keyword, shared[key])
    for keyword in (*INSTANCE_TEXT, *BY_MODALITY.get(str(ds.Modality), ())):
        if keyword in _USUAL or c.rng.random() < 0.33:
            say(keyword, draw(keyword))
    planted.update(_nested_text(c, ds))
    return planted


def _nested_text(c: Context, ds: Dataset) -> dict[str, Plant]:
    """ROI names, dose reference descriptions, beam descriptions, SR texts."""
    planted: dict[str, Plant] = {}

    def fill(item: Dataset, keyword: str, above: str, phrases: str | None = None) -> None:
        one = plant(c.rng, phrases or keyword, dictionary_VR(keyword), c.who, c.accession, c.day)
        setattr(item, keyword, one.text)
        planted[f"{above}{path_of(keyword)}"] = one

    for sequence, keyword in (
        ("StructureSetROISequence", "ROIName"),
        ("StructureSetROISequence", "ROIDescription"),
        ("SegmentSequence", "SegmentDescription"),
        ("GraphicLayerSequence", "GraphicLayerDescription"),
        ("PatientSetupSequence", "SetupTechniqueDescription"),
        ("FractionGroupSequence", "FractionGroupDescription"),
        ("DoseReferenceSequence", "DoseReferenceDescription"),
        ("BeamSequence", "BeamDescription"),
    ):
        for number, item in enumerate(ds.get(sequence, [])):
            fill(item, keyword, f"{path_of(sequence)}[<{number:04d}>]")
    for number, _ in enumerate(ds.get("WaveformAnnotationSequence", [])):
        text = f"Recorded by {c.who.operator.family}"  # contested: TCIA has no rule, PS3.15 removes or cleans
        ds.WaveformAnnotationSequence[number].UnformattedTextValue = text
        path = f"{path_of('WaveformAnnotationSequence')}[<{number:04d}>]{path_of('UnformattedTextValue')}"
        planted[path] = Plant(text, gone=((c.who.operator.family, "HIPAA-A"),))
    for number, item in enumerate(ds.get("AcquisitionContextSequence", [])):
        if item.get("ValueType") == "TEXT":
            fill(
                item,
                "TextValue",
                f"{path_of('AcquisitionContextSequence')}[<{number:04d}>]",
                "PatientStateText",
            )
    for number, item in enumerate(ds.get("ContentSequence", [])):
        if item.get("ValueType") == "TEXT":
            fill(item, "TextValue", f"{path_of('ContentSequence')}[<{number:04d}>]", "TEXT")
    return planted


def add_identity(c: Context, ds: Dataset) -> None:
    """Attributes that name the patient, staff, places, orders and objects: a draw of them."""
    stamp = c.day.strftime("%Y%m%d")
    who = c.who
    simple: dict[str, object] = {
        "OtherPatientIDs": who.ssn,
        "OtherPatientNames": f"{who.family}^{who.given[:1]}",
        "PatientBirthName": who.mother.pn,
        "PatientMotherBirthName": who.mother.pn,
        "PatientAddress": f"{who.street}, {who.city} {who.state} {who.postcode}",
        "PatientTelephoneNumbers": who.phone,
        "PatientTelecomInformation": who.email,
        "MedicalRecordLocator": f"LOC{who.mrn[-5:]}",
        "MilitaryRank": "Sergeant",
        "BranchOfService": "Coast Guard",
        "InsurancePlanIdentification": f"PLAN{who.ssn[-4:]}77",
        "PatientReligiousPreference": "Methodist",
        "CountryOfResidence": "Ruritania",
        "RegionOfResidence": who.city,
        "ResponsiblePerson": who.relative.pn,
        "ResponsibleOrganization": who.hospital,
        "Occupation": "Shepherd",
        "Allergies": f"Bee venom, told by {who.relative.family}",
        "CurrentPatientLocation": f"Ward {who.city}",
        "AdmissionID": f"ADM{c.accession[-6:]}",
        "AdmittingDate": stamp,
        "AdmittingTime": c.time,
        "ScheduledStudyLocation": who.station,
        "RequestingPhysician": who.referring.pn,
        "RequestingService": f"Oncology {who.hospital.split()[0]}",
        "PhysiciansOfRecord": who.reading.pn,
        "ReferringPhysicianAddress": who.street,
        "ReferringPhysicianTelephoneNumbers": who.phone,
        "ConsultingPhysicianName": who.performing.pn,
        "PerformedProcedureStepID": f"PPS{c.accession[-5:]}",
        "PerformedProcedureStepStartDate": stamp,
        "PerformedProcedureStepStartTime": c.time,
        "PerformedProcedureStepEndDate": stamp,
        "ScheduledProcedureStepStartDate": stamp,
        "PerformedStationName": who.station,
        "PerformedStationAETitle": f"AE{who.station[:10]}",
        "PerformedLocation": f"Bldg {who.city}"[:16],
        "PlacerOrderNumberImagingServiceRequest": f"PO{c.accession}",
        "FillerOrderNumberImagingServiceRequest": f"FO{c.accession}",
        "IssueDateOfImagingServiceRequest": (c.day - datetime.timedelta(days=3)).strftime("%Y%m%d"),
        "OrderEnteredBy": who.operator.pn,
        "OrderCallbackPhoneNumber": who.phone,
        "RequestedProcedureID": f"RP{c.accession[-5:]}",
        "ScheduledProcedureStepID": f"SPS{c.accession[-4:]}",
        "ClinicalTrialSponsorName": f"{who.hospital.split()[0]} Oncology Group",
        "ClinicalTrialProtocolID": f"TRIAL{c.accession[-4:]}",
        "ClinicalTrialSubjectID": f"SUBJ{who.mrn[-4:]}",
        "ClinicalTrialSiteName": who.hospital,
        "SmokingStatus": "NO",
        "PregnancyStatus": 1,
        "LastMenstrualDate": (c.day - datetime.timedelta(days=20)).strftime("%Y%m%d"),
        "DateOfLastCalibration": (c.day - datetime.timedelta(days=60)).strftime("%Y%m%d"),
        "TimeOfLastCalibration": "070000",
        "StudyVerifiedDate": stamp,
        "StudyArrivalDate": stamp,
        "ScheduledStudyStartDate": stamp,
        "TimezoneOffsetFromUTC": "+0100",
        "ResultsID": f"RES{c.accession[-5:]}",
        "InterpretationAuthor": who.reading.pn,
        "InterpretationRecordedDate": stamp,
        "DistributionName": who.referring.pn,
        "NamesOfIntendedRecipientsOfResults": who.referring.pn,
        "ServiceEpisodeID": f"EP{c.accession[-6:]}",
        "IssuerOfAdmissionID": who.issuer,
        "DeviceUID": c.new_uid(),
    }
    for keyword, value in simple.items():
        if c.rng.random() < 0.3 and keyword not in ds and str(value).isascii():
            setattr(ds, keyword, value)
    for add in SEQUENCES:
        if c.rng.random() < 0.3:
            add(c, ds)
    for keyword in ODD_UIDS:
        if c.rng.random() < 0.15 and keyword not in ds:
            setattr(ds, keyword, c.new_uid())
    for keyword in ODD_DATES:
        if c.rng.random() < 0.15 and keyword not in ds:
            near = c.day - datetime.timedelta(days=c.rng.randrange(1, 900))
            setattr(
                ds, keyword, near.strftime("%Y%m%d") + (f"{c.time}.5" if keyword.endswith("DateTime") else "")
            )
    if c.rng.random() < 0.1 and "PixelData" in ds:
        _overlay(c, ds)


def _other_ids(c: Context, ds: Dataset) -> None:
    ds.OtherPatientIDsSequence = Sequence(
        [items(PatientID=c.who.ssn, IssuerOfPatientID=c.who.issuer, TypeOfPatientID="TEXT")]
    )


def _request(c: Context, ds: Dataset) -> None:
    ds.RequestAttributesSequence = Sequence(
        [
            items(
                AccessionNumber=c.accession, StudyInstanceUID=c.study_uid, RequestedProcedureID=f"RP{c.accession[-5:]}",
                ScheduledProcedureStepID=f"SPS{c.accession[-5:]}",
                RequestedProcedureDescription=f"Chest for {plain(c.who.given)} {plain(c.who.family)}"
                if c.who.family.isascii() else "Chest",
                ReferencedStudySequence=[
                    items(ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.1", ReferencedSOPInstanceUID=c.study_uid)
                ],
            )
        ]
    )  # fmt: skip


def _study(c: Context, ds: Dataset) -> None:
    ds.ReferencedStudySequence = Sequence(
        [items(ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.1", ReferencedSOPInstanceUID=c.study_uid)]
    )


def _step(c: Context, ds: Dataset) -> None:
    ds.ReferencedPerformedProcedureStepSequence = Sequence(
        [items(ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.3", ReferencedSOPInstanceUID=c.new_uid())]
    )


def _patient(c: Context, ds: Dataset) -> None:
    ds.ReferencedPatientSequence = Sequence(
        [items(ReferencedSOPClassUID="1.2.840.10008.3.1.2.1.1", ReferencedSOPInstanceUID=c.new_uid())]
    )


def _image(c: Context, ds: Dataset) -> None:
    earlier = [one for found in c.references.values() for one in found if "PixelData" in one]
    if earlier and "ReferencedImageSequence" not in ds:
        ds.ReferencedImageSequence = Sequence([reference(c.rng.choice(earlier))])


def _source(c: Context, ds: Dataset) -> None:
    earlier = [one for found in c.references.values() for one in found if "PixelData" in one]
    if earlier and "PixelData" in ds:
        ds.SourceImageSequence = Sequence([reference(c.rng.choice(earlier))])


def _procedure(_c: Context, ds: Dataset) -> None:
    ds.ProcedureCodeSequence = Sequence([code("77477000", "SCT", "Computed tomography")])


def _physician(c: Context, ds: Dataset) -> None:
    ds.ReferringPhysicianIdentificationSequence = Sequence(
        [
            items(
                PersonIdentificationCodeSequence=[code("D4711", "99HOSP", f"Dr {c.who.referring.family}")],
                PersonAddress=c.who.street, PersonTelephoneNumbers=c.who.phone, InstitutionName=c.who.hospital,
            )
        ]
    )  # fmt: skip


def _institution(c: Context, ds: Dataset) -> None:
    ds.InstitutionCodeSequence = Sequence([code("H01", "99LOCAL", c.who.hospital)])


def _changed(c: Context, ds: Dataset) -> None:
    before = items(PatientName=c.who.mother.pn, PatientID=c.who.ssn, PatientBirthDate="19300101")
    ds.OriginalAttributesSequence = Sequence(
        [
            items(
                SourceOfPreviousValues=c.who.hospital, AttributeModificationDateTime=f"{c.day:%Y%m%d}120000",
                ModifyingSystem="PACSBROKER9", ReasonForTheAttributeModification="CORRECT",
                ModifiedAttributesSequence=[before],
            )
        ]
    )  # fmt: skip


def _equipment(c: Context, ds: Dataset) -> None:
    ds.ContributingEquipmentSequence = Sequence(
        [
            items(
                Manufacturer="Acme", InstitutionName=c.who.hospital, StationName=c.who.station,
                OperatorsName=c.who.operator.pn, ContributionDateTime=f"{c.day:%Y%m%d}{c.time}",
                PurposeOfReferenceCodeSequence=[code("109103", "DCM", "Modifying Equipment")],
            )
        ]
    )  # fmt: skip


def _overlay(c: Context, ds: Dataset) -> None:
    ds.add_new(0x60000010, "US", 8)
    ds.add_new(0x60000011, "US", 8)
    ds.add_new(0x60000022, "LO", f"Drawn by {c.who.operator.family}")
    ds.add_new(0x60000040, "CS", "G")
    ds.add_new(0x60000050, "SS", [1, 1])
    ds.add_new(0x60000100, "US", 1)
    ds.add_new(0x60000102, "US", 0)
    ds.add_new(0x60001500, "LO", c.who.operator.family)
    ds.add_new(0x60003000, "OW", b"\x0f" * 8)


#: UIDs and dates where few look.
ODD_UIDS = (
    "SynchronizationFrameOfReferenceUID", "TargetUID", "ConcatenationUID", "StorageMediaFileSetUID",
    "PaletteColorLookupTableUID", "IrradiationEventUID", "ObservationUID", "TemplateExtensionOrganizationUID",
    "RelatedFrameOfReferenceUID", "TrackingUID", "DoseReferenceUID", "FiducialUID",
)  # fmt: skip
ODD_DATES = (
    "InstanceCoercionDateTime", "RadiopharmaceuticalStartDateTime", "RadiopharmaceuticalStopDateTime",
    "FirstTreatmentDate", "TreatmentDate", "PerformedProcedureStepEndDateTime", "DateOfSecondaryCapture",
    "StructureSetDate", "ObservationDateTime", "PresentationCreationDate", "EndAcquisitionDateTime",
    "StartAcquisitionDateTime", "RTPlanDate", "DateOfLastDetectorCalibration", "ExpectedCompletionDateTime",
)  # fmt: skip


def _context(c: Context, ds: Dataset) -> None:
    """Codes that stay, with a scheme of the hospital's own that names it, inside a performed protocol."""
    step = items(
        CodeValue="4711", CodingSchemeDesignator="99SITE", CodeMeaning=f"Protocol of {c.who.hospital}",
    )  # fmt: skip
    ds.PerformedProtocolCodeSequence = Sequence([step])


def _nested_people(c: Context, ds: Dataset) -> None:
    """People, dates and UIDs two sequences deep, in a sequence that stays."""
    frame = items(
        ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.2", ReferencedSOPInstanceUID=c.new_uid(),
        PurposeOfReferenceCodeSequence=[code("121329", "DCM", "Source image for processing operation")],
        InstanceCreationDate=c.day.strftime("%Y%m%d"), OperatorsName=c.who.operator.pn, PatientID=c.who.mrn,
    )  # fmt: skip
    ds.ReferencedInstanceSequence = Sequence([frame])


SEQUENCES: tuple[Callable[[Context, Dataset], None], ...] = (
    _other_ids,
    _request,
    _study,
    _step,
    _patient,
    _image,
    _source,
    _procedure,
    _physician,
    _institution,
    _changed,
    _equipment,
    _context,
    _nested_people,
)
