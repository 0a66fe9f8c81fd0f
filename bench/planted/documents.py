"""Objects that speak about other objects: segmentations, radiotherapy, reports, presentation states, documents, ECG."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from bench.planted.objects import Context, base, code, items, pixels
from bench.planted.pixels import anatomy

CT_CLASS, MR_CLASS = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"


def images(c: Context) -> list[Dataset]:
    """The images of the study that a document speaks about."""
    return c.references.get("CT") or c.references.get("MR") or c.references.get("PT") or []


def reference(image: Dataset) -> Dataset:
    """One referenced SOP."""
    return items(
        ReferencedSOPClassUID=str(image.SOPClassUID), ReferencedSOPInstanceUID=str(image.SOPInstanceUID)
    )


def by_series(found: list[Dataset]) -> list[Dataset]:
    """Referenced Series Sequence items over images."""
    series: dict[str, list[Dataset]] = {}
    for image in found:
        series.setdefault(str(image.SeriesInstanceUID), []).append(reference(image))
    return [
        items(SeriesInstanceUID=uid, ReferencedInstanceSequence=instances)
        for uid, instances in series.items()
    ]


def evidence(found: list[Dataset]) -> list[Dataset]:
    """Hierarchical SOP Instance Reference items over images of one study."""
    series: dict[str, list[Dataset]] = {}
    for image in found:
        series.setdefault(str(image.SeriesInstanceUID), []).append(reference(image))
    listed = [items(SeriesInstanceUID=uid, ReferencedSOPSequence=sops) for uid, sops in series.items()]
    return [items(StudyInstanceUID=str(found[0].StudyInstanceUID), ReferencedSeriesSequence=listed)]


def seg(c: Context) -> Dataset:
    """A binary segmentation of the study's images."""
    found = images(c)[:4]
    ds = base(c, "SEG", "1.2.840.10008.5.1.4.1.1.66.4")
    ds.ContentDate, ds.ContentTime = c.day.strftime("%Y%m%d"), c.time
    ds.ImageType, ds.LossyImageCompression = ["DERIVED", "PRIMARY"], "00"
    ds.DeviceSerialNumber = f"SEG{c.rng.randrange(10**5)}"
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = c.frame_of_reference, ""
    ds.ContentLabel, ds.ContentCreatorName = "TUMOR", c.who.reading.pn
    ds.SegmentationType = "BINARY"
    ds.ReferencedSeriesSequence = Sequence(by_series(found))
    ds.SegmentSequence = Sequence(
        [
            items(
                SegmentNumber=1, SegmentLabel="Neoplasm", SegmentAlgorithmType="SEMIAUTOMATIC",
                SegmentAlgorithmName="GrowCut", TrackingID="Lesion 1", TrackingUID=c.new_uid(),
                SegmentedPropertyCategoryCodeSequence=[code("49755003", "SCT", "Morphologically Altered Structure")],
                SegmentedPropertyTypeCodeSequence=[code("108369006", "SCT", "Neoplasm")],
            )
        ]
    )  # fmt: skip
    organisation = c.new_uid()
    ds.DimensionOrganizationSequence = Sequence([items(DimensionOrganizationUID=organisation)])
    ds.DimensionIndexSequence = Sequence(
        [
            items(
                DimensionOrganizationUID=organisation,
                DimensionIndexPointer=0x00200032,
                FunctionalGroupPointer=0x00209113,
            )
        ]
    )
    ds.SharedFunctionalGroupsSequence = Sequence(
        [items(PixelMeasuresSequence=[items(SliceThickness="5", PixelSpacing=["0.78", "0.78"])])]
    )
    frames = []
    for number, image in enumerate(found):
        source = reference(image)
        source.PurposeOfReferenceCodeSequence = Sequence(
            [code("121322", "DCM", "Source image for image processing")]
        )
        derivation = items(
            DerivationCodeSequence=[code("113076", "DCM", "Segmentation")], SourceImageSequence=[source]
        )
        frames.append(
            items(
                DerivationImageSequence=[derivation],
                FrameContentSequence=[items(DimensionIndexValues=[number + 1])],
                PlanePositionSequence=[items(ImagePositionPatient=["-120.5", "-118", f"{5 * number}"])],
                SegmentIdentificationSequence=[items(ReferencedSegmentNumber=1)],
            )
        )
    ds.PerFrameFunctionalGroupsSequence = Sequence(frames)
    mask = np.stack([anatomy(c.numpy, 32, 32, 255) > 120 for _ in found])
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.NumberOfFrames = 1, "MONOCHROME2", len(found)
    ds.Rows, ds.Columns, ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = (
        32,
        32,
        1,
        1,
        0,
        0,
    )
    ds.PixelData = np.packbits(mask.reshape(-1), bitorder="little").tobytes()
    return ds


def rtstruct(c: Context) -> Dataset:
    """Structures on the study's CT; ROI names and labels are planted."""
    found = images(c)
    ds = base(c, "RTSTRUCT", "1.2.840.10008.5.1.4.1.1.481.3")
    ds.StructureSetDate, ds.StructureSetTime = c.day.strftime("%Y%m%d"), c.time
    ds.StructureSetName, ds.ApprovalStatus = "RS", "APPROVED"
    ds.ReviewDate, ds.ReviewTime, ds.ReviewerName = c.day.strftime("%Y%m%d"), c.time, c.who.reading.pn
    contour_images = [reference(image) for image in found]
    series = items(SeriesInstanceUID=str(found[0].SeriesInstanceUID), ContourImageSequence=contour_images)
    study = items(
        ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.1",
        ReferencedSOPInstanceUID=c.study_uid,
        RTReferencedSeriesSequence=[series],
    )
    ds.ReferencedFrameOfReferenceSequence = Sequence(
        [items(FrameOfReferenceUID=c.frame_of_reference, RTReferencedStudySequence=[study])]
    )
    ds.StructureSetROISequence = Sequence(
        [
            items(
                ROINumber=number,
                ReferencedFrameOfReferenceUID=c.frame_of_reference,
                ROIName="",
                ROIGenerationAlgorithm="MANUAL",
            )
            for number in (1, 2)
        ]
    )
    ds.ROIContourSequence = Sequence(
        [
            items(
                ReferencedROINumber=number,
                ROIDisplayColor=[255, 0, 64 * number],
                ContourSequence=[
                    items(
                        ContourImageSequence=[reference(found[0])],
                        ContourGeometricType="CLOSED_PLANAR",
                        NumberOfContourPoints=3,
                        ContourData=["-10.5", "4", "-295", "12", "4", "-295", "0", "18.25", "-295"],
                    )
                ],
            )
            for number in (1, 2)
        ]
    )
    ds.RTROIObservationsSequence = Sequence(
        [
            items(
                ObservationNumber=number, ReferencedROINumber=number, RTROIInterpretedType="ORGAN",
                ROIInterpreter=c.who.reading.pn,
            )
            for number in (1, 2)
        ]
    )  # fmt: skip
    return ds


def rtplan(c: Context) -> Dataset:
    """A plan on the study's structures."""
    ds = base(c, "RTPLAN", "1.2.840.10008.5.1.4.1.1.481.5")
    ds.RTPlanDate, ds.RTPlanTime, ds.RTPlanGeometry, ds.ApprovalStatus = (
        c.day.strftime("%Y%m%d"),
        c.time,
        "PATIENT",
        "APPROVED",
    )
    ds.ReviewDate, ds.ReviewTime, ds.ReviewerName = c.day.strftime("%Y%m%d"), c.time, c.who.performing.pn
    ds.ReferencedStructureSetSequence = Sequence(
        [reference(one) for one in c.references.get("RTSTRUCT", [])[:1]]
    )
    ds.DoseReferenceSequence = Sequence(
        [
            items(
                DoseReferenceNumber=1, DoseReferenceUID=c.new_uid(), DoseReferenceStructureType="SITE",
                DoseReferenceType="TARGET", TargetPrescriptionDose="60",
            )
        ]
    )  # fmt: skip
    ds.FractionGroupSequence = Sequence(
        [
            items(
                FractionGroupNumber=1,
                NumberOfFractionsPlanned=30,
                NumberOfBeams=1,
                NumberOfBrachyApplicationSetups=0,
            )
        ]
    )
    ds.BeamSequence = Sequence(
        [
            items(
                TreatmentMachineName="TRUEBEAM4711", BeamNumber=1, BeamName="AP", BeamType="STATIC",
                RadiationType="PHOTON", SourceAxisDistance="1000", NumberOfControlPoints=1,
                ControlPointSequence=[items(ControlPointIndex=0, NominalBeamEnergy="6", GantryAngle="181")],
            )
        ]
    )  # fmt: skip
    ds.PatientSetupSequence = Sequence([items(PatientSetupNumber=1, PatientPosition="HFS")])
    return ds


def rtdose(c: Context) -> Dataset:
    """A dose grid for the plan."""
    ds = base(c, "RTDOSE", "1.2.840.10008.5.1.4.1.1.481.2")
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = c.frame_of_reference, ""
    ds.ImagePositionPatient, ds.ImageOrientationPatient = (
        ["-60", "-60", "-300"],
        ["1", "0", "0", "0", "1", "0"],
    )
    ds.PixelSpacing, ds.SliceThickness, ds.GridFrameOffsetVector = ["3", "3"], "", ["0", "3", "6"]
    ds.DoseUnits, ds.DoseType, ds.DoseSummationType, ds.DoseGridScaling = "GY", "PHYSICAL", "PLAN", "0.0012"
    ds.FrameIncrementPointer = 0x3004000C
    ds.ReferencedRTPlanSequence = Sequence([reference(one) for one in c.references.get("RTPLAN", [])[:1]])
    ds.InstanceCreationDate = c.day.strftime("%Y%m%d")
    pixels(ds, np.stack([anatomy(c.numpy, 16, 16, 50000) for _ in range(3)]), bits=16)
    return ds


def _content(kind: str, relation: str, concept: Dataset, **value: object) -> Dataset:
    found = items(RelationshipType=relation, ValueType=kind, ConceptNameCodeSequence=[concept])
    found.update(items(**value))
    return found


def _number(concept: Dataset, value: str, unit: Dataset) -> Dataset:
    measured = items(NumericValue=value, MeasurementUnitsCodeSequence=[unit])
    return _content("NUM", "CONTAINS", concept, MeasuredValueSequence=[measured])


def sr(c: Context) -> Dataset:
    """A comprehensive SR with TID 1500's shape: observer, text, a measurement group with images and numbers."""
    found = images(c)
    ds = base(c, "SR", "1.2.840.10008.5.1.4.1.1.88.33")
    stamp = c.day.strftime("%Y%m%d")
    ds.ContentDate, ds.ContentTime = stamp, c.time
    ds.CompletionFlag, ds.VerificationFlag = "COMPLETE", "VERIFIED"
    ds.VerifyingObserverSequence = Sequence(
        [
            items(
                VerifyingOrganization=c.who.hospital, VerificationDateTime=f"{stamp}{c.time}",
                VerifyingObserverName=c.who.reading.pn, VerifyingObserverIdentificationCodeSequence=Sequence([]),
            )
        ]
    )  # fmt: skip
    ds.ReferencedPerformedProcedureStepSequence, ds.PerformedProcedureCodeSequence = (
        Sequence([]),
        Sequence([]),
    )
    ds.CurrentRequestedProcedureEvidenceSequence = Sequence(evidence(found))
    ds.ValueType, ds.ContinuityOfContent = "CONTAINER", "SEPARATE"
    ds.ConceptNameCodeSequence = Sequence([code("126000", "DCM", "Imaging Measurement Report")])
    ds.ContentTemplateSequence = Sequence([items(MappingResource="DCMR", TemplateIdentifier="1500")])
    millimetre = code("mm", "UCUM", "millimeter")
    picture = _content("IMAGE", "CONTAINS", code("121112", "DCM", "Source of Measurement"))
    picture.ReferencedSOPSequence = Sequence([reference(found[0])])
    group = _content("CONTAINER", "CONTAINS", code("125007", "DCM", "Measurement Group"))
    group.ContinuityOfContent = "SEPARATE"
    group.ContentSequence = Sequence(
        [
            _content("UIDREF", "HAS OBS CONTEXT", code("112040", "DCM", "Tracking Unique Identifier"), UID=c.new_uid()),
            _content(
                "CODE", "CONTAINS", code("121071", "DCM", "Finding"),
                ConceptCodeSequence=[code("108369006", "SCT", "Neoplasm")],
            ),
            picture,
            _number(code("103339001", "SCT", "Long Axis"), f"{c.rng.uniform(5, 60):.2f}", millimetre),
            _number(code("118565006", "SCT", "Volume"), f"{c.rng.uniform(100, 9000):.1f}", code("mm3", "UCUM", "mm3")),
        ]
    )  # fmt: skip
    ds.ContentSequence = Sequence(
        [
            _content(
                "PNAME",
                "HAS OBS CONTEXT",
                code("121008", "DCM", "Person Observer Name"),
                PersonName=c.who.reading.pn,
            ),
            _content(
                "DATETIME", "CONTAINS", code("111526", "DCM", "DateTime Started"), DateTime=f"{stamp}{c.time}"
            ),
            _content("TEXT", "CONTAINS", code("121071", "DCM", "Finding"), TextValue=""),
            _content("TEXT", "CONTAINS", code("121077", "DCM", "Conclusion"), TextValue=""),
            group,
        ]
    )
    return ds


def kos(c: Context) -> Dataset:
    """A key object selection."""
    found = images(c)[:2]
    ds = base(c, "KO", "1.2.840.10008.5.1.4.1.1.88.59")
    ds.ContentDate, ds.ContentTime = c.day.strftime("%Y%m%d"), c.time
    ds.ReferencedPerformedProcedureStepSequence = Sequence([])
    ds.CurrentRequestedProcedureEvidenceSequence = Sequence(evidence(found))
    ds.ValueType, ds.ContinuityOfContent = "CONTAINER", "SEPARATE"
    ds.ConceptNameCodeSequence = Sequence([code("113000", "DCM", "Of Interest")])
    ds.ContentTemplateSequence = Sequence([items(MappingResource="DCMR", TemplateIdentifier="2010")])
    ds.ContentSequence = Sequence(
        [
            items(RelationshipType="CONTAINS", ValueType="IMAGE", ReferencedSOPSequence=[reference(image)])
            for image in found
        ]
    )
    return ds


def gsps(c: Context) -> Dataset:
    """A presentation state with an annotation that names the patient."""
    found = images(c)[:2]
    ds = base(c, "PR", "1.2.840.10008.5.1.4.1.1.11.1")
    ds.PresentationCreationDate, ds.PresentationCreationTime = c.day.strftime("%Y%m%d"), c.time
    ds.ContentLabel, ds.ContentCreatorName = "KEY", c.who.reading.pn
    listed = [
        items(
            SeriesInstanceUID=one.SeriesInstanceUID,
            ReferencedImageSequence=list(one.ReferencedInstanceSequence),
        )
        for one in by_series(found)
    ]
    ds.ReferencedSeriesSequence = Sequence(listed)
    ds.DisplayedAreaSelectionSequence = Sequence(
        [
            items(
                DisplayedAreaTopLeftHandCorner=[1, 1], DisplayedAreaBottomRightHandCorner=[32, 32],
                PresentationSizeMode="SCALE TO FIT",
            )
        ]
    )  # fmt: skip
    ds.GraphicLayerSequence = Sequence([items(GraphicLayer="LAYER1", GraphicLayerOrder=1)])
    text = items(
        UnformattedTextValue=f"{c.who.family} {c.who.given}", BoundingBoxAnnotationUnits="PIXEL",
        BoundingBoxTopLeftHandCorner=[1.0, 1.0], BoundingBoxBottomRightHandCorner=[30.0, 8.0],
        BoundingBoxTextHorizontalJustification="LEFT",
    )  # fmt: skip
    ds.GraphicAnnotationSequence = Sequence([items(GraphicLayer="LAYER1", TextObjectSequence=[text])])
    ds.SoftcopyVOILUTSequence = Sequence([items(WindowCenter="40", WindowWidth="400")])
    ds.PresentationLUTShape = "IDENTITY"
    return ds


def pdf(c: Context) -> Dataset:
    """An encapsulated PDF that names the patient."""
    ds = base(c, "DOC", "1.2.840.10008.5.1.4.1.1.104.1")
    ds.ContentDate, ds.ContentTime, ds.AcquisitionDateTime = (
        c.day.strftime("%Y%m%d"),
        c.time,
        f"{c.day:%Y%m%d}{c.time}",
    )
    ds.ConversionType, ds.BurnedInAnnotation, ds.DocumentTitle = "WSD", "YES", ""
    ds.ConceptNameCodeSequence = Sequence([])
    ds.MIMETypeOfEncapsulatedDocument = "application/pdf"
    body = f"%PDF-1.4\n1 0 obj<</Title({c.who.mrn} report)>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n".encode(
        "latin-1"
    )
    ds.EncapsulatedDocument = body + b"\0" * (len(body) % 2)
    ds.EncapsulatedDocumentLength = len(body)
    return ds


def ecg(c: Context) -> Dataset:
    """A two-channel excerpt of a 12-lead ECG."""
    ds = base(c, "ECG", "1.2.840.10008.5.1.4.1.1.9.1.1")
    stamp = f"{c.day:%Y%m%d}{c.time}"
    ds.ContentDate, ds.ContentTime, ds.AcquisitionDateTime = c.day.strftime("%Y%m%d"), c.time, stamp
    ds.SynchronizationFrameOfReferenceUID = c.new_uid()
    ds.AcquisitionTimeSynchronized, ds.SynchronizationTrigger = "N", "NO TRIGGER"
    ds.AcquisitionContextSequence = Sequence([])
    channels = [
        items(
            ChannelSourceSequence=[code(value, "MDC", meaning)], ChannelSensitivity="1.25", ChannelTimeSkew="0",
            ChannelSensitivityUnitsSequence=[code("uV", "UCUM", "microvolt")], WaveformBitsStored=16,
            ChannelSensitivityCorrectionFactor="1", ChannelBaseline="0",
        )
        for value, meaning in (("2:1", "Lead I"), ("2:2", "Lead II"))
    ]  # fmt: skip
    samples = (1000 * np.sin(np.linspace(0, 20, 400))).astype("<i2").tobytes()
    waveform = items(
        WaveformOriginality="ORIGINAL", NumberOfWaveformChannels=2, NumberOfWaveformSamples=200,
        SamplingFrequency="500", ChannelDefinitionSequence=channels, WaveformBitsAllocated=16,
        WaveformSampleInterpretation="SS",
    )  # fmt: skip
    waveform.add_new(0x54001010, "OW", samples)
    ds.WaveformSequence = Sequence([waveform])
    ds.WaveformAnnotationSequence = Sequence(
        [items(UnformattedTextValue=f"Recorded by {c.who.operator.family}", AnnotationGroupNumber=1)]
    )
    return ds
