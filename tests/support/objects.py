"""Objects that speak about images: reports, segmentations, radiotherapy, presentation states, ECG, documents.

Each is small, coherent, of a made-up patient, and refers to the images it is given.
"""

from __future__ import annotations

import pydicom.uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

PERSON = {
    "PatientName": "Quimbly^Archibald^Theodore", "PatientID": "MRN-0012345", "IssuerOfPatientID": "MERCY",
    "PatientBirthDate": "19430521", "PatientSex": "M", "AccessionNumber": "ACC778899", "StudyID": "ST5521",
    "ReferringPhysicianName": "Hibbert^Julius", "StudyDate": "20190314", "StudyTime": "235958",
    "InstitutionName": "Mercy Hospital Springfield", "Manufacturer": "Acme",
}  # fmt: skip


def items(**values: object) -> Dataset:
    """An item with some attributes; lists of items become sequences."""
    ds = Dataset()
    for keyword, value in values.items():
        sequence = isinstance(value, list) and all(isinstance(one, Dataset) for one in value)
        setattr(ds, keyword, Sequence(value) if sequence and keyword.endswith("Sequence") else value)
    return ds


def code(value: str, meaning: str, scheme: str = "DCM") -> Dataset:
    """A code item."""
    return items(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def reference(image: Dataset) -> Dataset:
    """A Referenced SOP item."""
    return items(ReferencedSOPClassUID=image.SOPClassUID, ReferencedSOPInstanceUID=image.SOPInstanceUID)


def base(sop_class: str, modality: str, study: str, **values: object) -> Dataset:
    """The modules that all objects share."""
    ds = items(**PERSON)
    ds.SOPClassUID, ds.Modality, ds.SOPInstanceUID = getattr(pydicom.uid, sop_class), modality, generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = study, generate_uid()
    ds.SeriesNumber, ds.InstanceNumber = 7, 1
    ds.ContentDate, ds.ContentTime = "20190315", "001500"
    for keyword, value in values.items():
        setattr(ds, keyword, Sequence(value) if keyword.endswith("Sequence") else value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds


def evidence(images: list[Dataset]) -> list[Dataset]:
    """Hierarchical references over the images of one study and series."""
    series = items(
        SeriesInstanceUID=images[0].SeriesInstanceUID, ReferencedSOPSequence=[reference(i) for i in images]
    )
    return [items(StudyInstanceUID=images[0].StudyInstanceUID, ReferencedSeriesSequence=[series])]


def content(relation: str, value_type: str, concept: Dataset | None, **values: object) -> Dataset:
    """A content item."""
    ds = items(RelationshipType=relation, ValueType=value_type, **values)
    if concept is not None:
        ds.ConceptNameCodeSequence = Sequence([concept])
    return ds


def number(concept: Dataset, value: str, unit: str) -> Dataset:
    """A NUM content item."""
    measured = items(NumericValue=value, MeasurementUnitsCodeSequence=[code(unit, unit, "UCUM")])
    return content("CONTAINS", "NUM", concept, MeasuredValueSequence=[measured])


def report(images: list[Dataset], findings: str, *, length: str = "12.5", volume: str = "734.25") -> Dataset:
    """A measurement report: observer, text, numbers, an image, a date and time, a UID."""
    study = images[0].StudyInstanceUID
    group = content(
        "CONTAINS", "CONTAINER", code("125007", "Measurement Group"), ContinuityOfContent="SEPARATE"
    )
    group.ContentSequence = Sequence(
        [
            content("HAS OBS CONTEXT", "TEXT", code("112039", "Tracking Identifier"), TextValue="Nodule 1"),
            content(
                "HAS OBS CONTEXT", "UIDREF", code("112040", "Tracking Unique Identifier"), UID="1.2.3.4.777"
            ),
            number(code("410668003", "Length", "SCT"), length, "mm"),
            number(code("118565006", "Volume", "SCT"), volume, "mm3"),
            content("CONTAINS", "IMAGE", None, ReferencedSOPSequence=[reference(images[0])]),
        ]
    )
    tree = [
        content(
            "HAS OBS CONTEXT", "PNAME", code("121008", "Person Observer Name"), PersonName="Riviera^Nick"
        ),
        content("CONTAINS", "TEXT", code("121071", "Finding"), TextValue=findings),
        content(
            "CONTAINS",
            "DATETIME",
            code("122165", "DateTime of Something", "99X"),
            DateTime="20190314235959.5+0200",
        ),
        group,
    ]
    return base(
        "ComprehensiveSRStorage", "SR", study,
        ValueType="CONTAINER", ContinuityOfContent="SEPARATE",
        ConceptNameCodeSequence=[code("126000", "Imaging Measurement Report")],
        ContentSequence=tree, CompletionFlag="COMPLETE", VerificationFlag="UNVERIFIED",
        ReferencedPerformedProcedureStepSequence=[], PerformedProcedureCodeSequence=[],
        CurrentRequestedProcedureEvidenceSequence=evidence(images),
    )  # fmt: skip


def key_objects(images: list[Dataset]) -> Dataset:
    """A key object selection."""
    tree = [content("CONTAINS", "IMAGE", None, ReferencedSOPSequence=[reference(image)]) for image in images]
    tree.append(
        content(
            "CONTAINS", "TEXT", code("113012", "Key Object Description"), TextValue="nodule of Mr Quimbly"
        )
    )
    return base(
        "KeyObjectSelectionDocumentStorage", "KO", images[0].StudyInstanceUID,
        ValueType="CONTAINER", ContinuityOfContent="SEPARATE",
        ConceptNameCodeSequence=[code("113000", "Of Interest")], ContentSequence=tree,
        CurrentRequestedProcedureEvidenceSequence=evidence(images),
    )  # fmt: skip


def segmentation(images: list[Dataset]) -> Dataset:
    """A binary segmentation, one frame per image."""
    frames = [
        items(DerivationImageSequence=[items(SourceImageSequence=[reference(image)])]) for image in images
    ]
    series = items(
        SeriesInstanceUID=images[0].SeriesInstanceUID,
        ReferencedInstanceSequence=[reference(i) for i in images],
    )
    return base(
        "SegmentationStorage", "SEG", images[0].StudyInstanceUID,
        FrameOfReferenceUID=images[0].FrameOfReferenceUID, ReferencedSeriesSequence=[series],
        PerFrameFunctionalGroupsSequence=frames, ContentLabel="LUNG", ContentCreatorName="Bouvier^Selma",
        SegmentSequence=[items(SegmentNumber=1, SegmentLabel="Lung", SegmentDescription="of A Quimbly")],
        Rows=8, Columns=8, NumberOfFrames=len(images), SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2",
        BitsAllocated=1, BitsStored=1, HighBit=0, PixelRepresentation=0,
        PixelData=b"\x0f" * (8 * len(images)),
    )  # fmt: skip


def structures(images: list[Dataset]) -> Dataset:
    """An RT structure set."""
    listed = [reference(image) for image in images]
    series = items(SeriesInstanceUID=images[0].SeriesInstanceUID, ContourImageSequence=listed)
    study = items(
        ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.1", ReferencedSOPInstanceUID=images[0].StudyInstanceUID,
        RTReferencedSeriesSequence=[series],
    )  # fmt: skip
    frame = items(FrameOfReferenceUID=images[0].FrameOfReferenceUID, RTReferencedStudySequence=[study])
    contour = items(
        ContourImageSequence=[reference(images[0])], ContourGeometricType="CLOSED_PLANAR", NumberOfContourPoints=3,
        ContourData=["0", "0", "1", "5", "0", "1", "5", "5", "1"],
    )  # fmt: skip
    roi = items(
        ROINumber=1, ReferencedFrameOfReferenceUID=images[0].FrameOfReferenceUID, ROIName="GTV",
        ROIGenerationAlgorithm="MANUAL",
    )  # fmt: skip
    return base(
        "RTStructureSetStorage", "RTSTRUCT", images[0].StudyInstanceUID,
        StructureSetLabel="Plan Quimbly", StructureSetDate="20190314", StructureSetTime="120000",
        ReferencedFrameOfReferenceSequence=[frame], StructureSetROISequence=[roi],
        ROIContourSequence=[items(ReferencedROINumber=1, ContourSequence=[contour])],
        RTROIObservationsSequence=[
            items(ObservationNumber=1, ReferencedROINumber=1, RTROIInterpretedType="GTV", ROIInterpreter="Riviera^Nick")
        ],
    )  # fmt: skip


def presentation(images: list[Dataset]) -> Dataset:
    """A grayscale presentation state with a text annotation."""
    text = items(UnformattedTextValue="Quimbly, nodule 12 mm", AnchorPointAnnotationUnits="PIXEL",
                 AnchorPoint=[1.0, 2.0], AnchorPointVisibility="N")  # fmt: skip
    graphic = items(
        GraphicLayer="LAYER1", TextObjectSequence=[text],
        GraphicObjectSequence=[
            items(GraphicAnnotationUnits="PIXEL", GraphicDimensions=2, NumberOfGraphicPoints=2,
                  GraphicData=[1.0, 1.0, 4.0, 4.0], GraphicType="POLYLINE", GraphicFilled="N")
        ],
    )  # fmt: skip
    return base(
        "GrayscaleSoftcopyPresentationStateStorage", "PR", images[0].StudyInstanceUID,
        ContentLabel="NODULE", ContentDescription="of Quimbly", ContentCreatorName="Bouvier^Selma",
        PresentationCreationDate="20190315", PresentationCreationTime="080000",
        ReferencedSeriesSequence=[
            items(SeriesInstanceUID=images[0].SeriesInstanceUID, ReferencedImageSequence=[reference(i) for i in images])
        ],
        GraphicAnnotationSequence=[graphic],
        GraphicLayerSequence=[items(GraphicLayer="LAYER1", GraphicLayerOrder=1, GraphicLayerDescription="Quimbly")],
    )  # fmt: skip


def ecg(study: str) -> Dataset:
    """A 12-lead ECG, with one channel, and annotations."""
    channel = items(
        ChannelSourceSequence=[code("2:1", "Lead I", "MDC")], ChannelSensitivity="1", WaveformBitsStored=16,
        ChannelSampleSkew="0", ChannelLabel="I",
    )  # fmt: skip
    group = items(
        WaveformOriginality="ORIGINAL", NumberOfWaveformChannels=1, NumberOfWaveformSamples=4, SamplingFrequency="500",
        ChannelDefinitionSequence=[channel], WaveformBitsAllocated=16, WaveformSampleInterpretation="SS",
    )  # fmt: skip
    group.add_new(0x54001010, "OW", bytes(range(8)))
    return base(
        "TwelveLeadECGWaveformStorage", "ECG", study,
        AcquisitionDateTime="20190314235959.5", WaveformSequence=[group], AcquisitionContextSequence=[],
        WaveformAnnotationSequence=[
            items(AnnotationGroupNumber=1, ReferencedWaveformChannels=[1, 1],
                  UnformattedTextValue="Sinus rhythm, Quimbly"),
            items(AnnotationGroupNumber=1, ReferencedWaveformChannels=[1, 1],
                  ConceptNameCodeSequence=[code("2:15872", "P duration", "MDC")], NumericValue="112",
                  MeasurementUnitsCodeSequence=[code("ms", "ms", "UCUM")]),
        ],
    )  # fmt: skip


def registration(images: list[Dataset]) -> Dataset:
    """A spatial registration."""
    matrix = items(FrameOfReferenceTransformationMatrix=["1", "0", "0", "0", "0", "1", "0", "0", "0", "0", "1", "0",
                                                        "0", "0", "0", "1"],
                   FrameOfReferenceTransformationMatrixType="RIGID")  # fmt: skip
    moved = items(
        FrameOfReferenceUID=images[0].FrameOfReferenceUID, ReferencedImageSequence=[reference(i) for i in images],
        MatrixRegistrationSequence=[items(MatrixSequence=[matrix], RegistrationTypeCodeSequence=[])],
    )  # fmt: skip
    return base(
        "SpatialRegistrationStorage", "REG", images[0].StudyInstanceUID, ContentLabel="REG",
        ContentCreatorName="Bouvier^Selma", RegistrationSequence=[moved],
        FrameOfReferenceUID=images[0].FrameOfReferenceUID,
    )  # fmt: skip


def world_values(images: list[Dataset]) -> Dataset:
    """A real world value mapping."""
    mapping = items(
        RealWorldValueFirstValueMapped=0, RealWorldValueLastValueMapped=100, RealWorldValueIntercept=0.0,
        RealWorldValueSlope=0.5, LUTExplanation="SUV of Quimbly", LUTLabel="SUV",
        MeasurementUnitsCodeSequence=[code("{SUVbw}g/ml", "SUVbw", "UCUM")],
    )  # fmt: skip
    mapping["RealWorldValueFirstValueMapped"].VR = mapping["RealWorldValueLastValueMapped"].VR = "US"
    image = items(
        ReferencedImageSequence=[reference(i) for i in images], RealWorldValueMappingSequence=[mapping]
    )
    return base(
        "RealWorldValueMappingStorage", "RWV", images[0].StudyInstanceUID, ContentLabel="RWV",
        ContentCreatorName="Bouvier^Selma", ReferencedImageRealWorldValueMappingSequence=[image],
    )  # fmt: skip


def plan(images: list[Dataset], structure_set: Dataset) -> Dataset:
    """An RT plan on a structure set."""
    return base(
        "RTPlanStorage", "RTPLAN", images[0].StudyInstanceUID, RTPlanLabel="Quimbly boost", RTPlanDate="20190316",
        RTPlanTime="090000", RTPlanGeometry="PATIENT", ApprovalStatus="UNAPPROVED",
        ReferencedStructureSetSequence=[reference(structure_set)],
        BeamSequence=[items(BeamNumber=1, BeamName="AP Quimbly", TreatmentMachineName="LINAC3", RadiationType="PHOTON")],
    )  # fmt: skip


def dose(images: list[Dataset], the_plan: Dataset) -> Dataset:
    """An RT dose of a plan."""
    return base(
        "RTDoseStorage", "RTDOSE", images[0].StudyInstanceUID, DoseUnits="GY", DoseType="PHYSICAL",
        DoseSummationType="PLAN", DoseGridScaling="0.001", ReferencedRTPlanSequence=[reference(the_plan)],
        FrameOfReferenceUID=images[0].FrameOfReferenceUID, GridFrameOffsetVector=["0", "2"],
        Rows=4, Columns=4, NumberOfFrames=2, SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2",
        BitsAllocated=16, BitsStored=16, HighBit=15, PixelRepresentation=0, PixelData=bytes(range(64)),
    )  # fmt: skip


def document(sop_class: str, study: str, mime: str) -> Dataset:
    """An encapsulated document."""
    return base(
        sop_class, "DOC", study, BurnedInAnnotation="YES", DocumentTitle="Letter to Quimbly",
        MIMETypeOfEncapsulatedDocument=mime, EncapsulatedDocument=b"%PDF-1.4 Quimbly",
    )  # fmt: skip
