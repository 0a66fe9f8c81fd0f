"""Objects of the common modalities, small and complete enough: each function fills in what its IOD needs.

Everything that names somebody comes from :class:`Context`; free text is planted later (:mod:`bench.planted.planting`).
"""

from __future__ import annotations

import datetime
import random
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from bench.planted.people import Person
from bench.planted.pixels import Array, Burned, anatomy

#: Vendor -> (Manufacturer, model, software version).
VENDORS = {
    "GE": ("GE MEDICAL SYSTEMS", "Discovery CT750 HD", "gmp_hde.107"),
    "SIEMENS": ("SIEMENS", "Biograph128", "syngo CT 2012B"),
    "PHILIPS": ("Philips Medical Systems", "Ingenia", "5.3.1"),
    "TOSHIBA": ("TOSHIBA", "Aquilion ONE", "V6.00"),
    "HOLOGIC": ("HOLOGIC, Inc.", "Selenia Dimensions", "AWS:1.8.3"),
    "FUJI": ("FUJIFILM Corporation", "FDR D-EVO", "A12-02"),
    "AGFA": ("Agfa", "ADC_51xx", "VIPS_1000"),
}


@dataclass
class Context:
    """One instance in the making.

    Attributes:
        rng: drives everything about it.
        who: the patient.
        vendor: key of :data:`VENDORS`.
        study: UID, date, time and accession number of the study.
        series_uid: of the series.
        references: what earlier objects of the study said about themselves: kind -> list of data sets.
        burned: text in its pixels, set while it is made.
        implicit: whether the file will not say its VRs.
    """

    rng: random.Random
    who: Person
    vendor: str
    study_uid: str
    day: datetime.date
    time: str
    accession: str
    study_id: str
    series_uid: str
    series_number: int
    number: int
    sop_uid: str
    frame_of_reference: str
    new_uid: Any
    references: dict[str, list[Dataset]] = field(default_factory=dict)
    burned: list[Burned] = field(default_factory=list)
    implicit: bool = False

    @property
    def numpy(self) -> np.random.Generator:
        """A generator for arrays, seeded by :attr:`rng`."""
        return np.random.default_rng(self.rng.getrandbits(63))


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """A code item."""
    return items(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def items(**attributes: Any) -> Dataset:
    """A data set of keywords; lists of data sets become sequences."""
    found = Dataset()
    for keyword, value in attributes.items():
        is_sequence = isinstance(value, list) and bool(value) and isinstance(value[0], Dataset)
        setattr(found, keyword, Sequence(value) if is_sequence else value)
    return found


def base(c: Context, modality: str, sop_class: str) -> Dataset:
    """Patient, study, series, equipment and SOP common."""
    maker, model, version = VENDORS[c.vendor]
    age = (c.day - c.who.born).days // 365
    stamp = c.day.strftime("%Y%m%d")
    ds = Dataset()
    if c.who.charset is not None:
        ds.SpecificCharacterSet = c.who.charset
    ds.update(
        items(
            SOPClassUID=sop_class, SOPInstanceUID=c.sop_uid, StudyDate=stamp, SeriesDate=stamp,
            StudyTime=c.time, SeriesTime=c.time, AccessionNumber=c.accession, Modality=modality,
            Manufacturer=maker, ManufacturerModelName=model, SoftwareVersions=version,
            InstanceCreationDate=stamp, InstanceCreationTime=c.time, InstanceCreatorUID=c.new_uid(),
            InstitutionName=c.who.hospital, InstitutionAddress=f"{c.who.street}, {c.who.city}",
            InstitutionalDepartmentName="Radiology", StationName=c.who.station,
            ReferringPhysicianName=c.who.referring.pn, PerformingPhysicianName=c.who.performing.pn,
            OperatorsName=c.who.operator.pn, NameOfPhysiciansReadingStudy=c.who.reading.pn,
            PatientName=c.who.pn, PatientID=c.who.mrn, IssuerOfPatientID=c.who.issuer,
            PatientBirthDate=c.who.born.strftime("%Y%m%d"), PatientSex=c.who.sex, PatientAge=f"{age:03d}Y",
            PatientSize=f"{c.rng.uniform(1.5, 1.95):.2f}", PatientWeight=f"{c.rng.uniform(48, 120):.1f}",
            EthnicGroup=c.rng.choice(["CAUCASIAN", "HISPANIC", "ASIAN", "BLACK"]),
            StudyInstanceUID=c.study_uid, SeriesInstanceUID=c.series_uid, StudyID=c.study_id,
            SeriesNumber=c.series_number, InstanceNumber=c.number,
        )
    )  # fmt: skip
    return ds


def pixels(
    ds: Dataset, array: Array, *, bits: int, signed: bool = False, colour: str = "MONOCHROME2"
) -> None:
    """Image Pixel module; ``array`` has shape ([frames,] rows, columns[, 3])."""
    samples = 3 if colour == "RGB" else 1
    frames = array if array.ndim == (4 if samples == 3 else 3) else array[None]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = samples, colour
    ds.Rows, ds.Columns = frames.shape[1:3]
    ds.BitsAllocated = 8 if array.dtype.itemsize == 1 else 16
    ds.BitsStored, ds.HighBit, ds.PixelRepresentation = bits, bits - 1, int(signed)
    if samples == 3:
        ds.PlanarConfiguration = 0
    if len(frames) > 1:
        ds.NumberOfFrames = len(frames)
    raw = np.ascontiguousarray(array).tobytes()
    ds.PixelData = raw + b"\0" * (len(raw) % 2)


def _plane(ds: Dataset, c: Context, spacing: float) -> None:
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = c.frame_of_reference, "SN"
    ds.ImagePositionPatient = ["-120.5", "-118.0", f"{-300 + 5 * c.number:.1f}"]
    ds.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    ds.PixelSpacing = [f"{spacing}", f"{spacing}"]
    ds.SliceThickness, ds.SliceLocation = "5.0", f"{-300 + 5 * c.number:.1f}"
    ds.PatientPosition = "HFS"


def _acquired(ds: Dataset, c: Context) -> None:
    stamp = c.day.strftime("%Y%m%d")
    ds.AcquisitionDate = ds.ContentDate = stamp
    ds.AcquisitionTime = ds.ContentTime = f"{c.time[:4]}{c.number % 60:02d}.{c.rng.randrange(10**6):06d}"
    ds.AcquisitionNumber = 1


def ct(c: Context) -> Dataset:
    """A CT slice."""
    ds = base(c, "CT", "1.2.840.10008.5.1.4.1.1.2")
    _acquired(ds, c)
    _plane(ds, c, 0.78)
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.KVP, ds.XRayTubeCurrent, ds.Exposure, ds.ConvolutionKernel = (
        "120",
        "210",
        "105",
        c.rng.choice(["B30f", "LUNG"]),
    )
    ds.BodyPartExamined, ds.ScanOptions, ds.GantryDetectorTilt = (
        c.rng.choice(["CHEST", "ABDOMEN"]),
        "HELIX",
        "0",
    )
    ds.DeviceSerialNumber, ds.GantryID = f"SN{c.rng.randrange(10**5)}", f"GANTRY{c.rng.randrange(100)}"
    ds.AcquisitionDateTime = f"{c.day:%Y%m%d}{c.time}.000000"
    ds.RescaleIntercept, ds.RescaleSlope = "-1024", "1"
    ds.IrradiationEventUID = c.new_uid()
    picture = anatomy(c.numpy, 32, 32, 2000).astype(np.int16)
    pixels(ds, picture, bits=16, signed=True)
    return ds


def mr(c: Context) -> Dataset:
    """An MR slice."""
    ds = base(c, "MR", "1.2.840.10008.5.1.4.1.1.4")
    _acquired(ds, c)
    _plane(ds, c, 0.94)
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
    ds.ScanningSequence, ds.SequenceVariant, ds.ScanOptions, ds.MRAcquisitionType = "SE", "SK", "FS", "2D"
    ds.SequenceName, ds.RepetitionTime, ds.EchoTime, ds.EchoTrainLength = "*tse2d1_9", "4000", "94", "9"
    ds.MagneticFieldStrength, ds.FlipAngle, ds.ImagingFrequency = "3", "150", "123.25"
    ds.BodyPartExamined, ds.DeviceSerialNumber = (
        c.rng.choice(["BRAIN", "PROSTATE", "KNEE"]),
        f"{c.rng.randrange(10**5)}",
    )
    pixels(ds, anatomy(c.numpy, 32, 32, 1500), bits=12)
    return ds


def pt(c: Context) -> Dataset:
    """A PET slice."""
    ds = base(c, "PT", "1.2.840.10008.5.1.4.1.1.128")
    _acquired(ds, c)
    _plane(ds, c, 4.07)
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.SeriesType, ds.Units, ds.CountsSource = ["WHOLE BODY", "IMAGE"], "BQML", "EMISSION"
    ds.DecayCorrection, ds.CorrectedImage = "START", ["DECY", "ATTN", "SCAT"]
    ds.NumberOfSlices, ds.CollimatorType, ds.FrameReferenceTime, ds.ImageIndex = 8, "NONE", "0", c.number
    ds.ActualFrameDuration, ds.RescaleIntercept, ds.RescaleSlope = "120000", "0", "1.5"
    begun = f"{c.day:%Y%m%d}{c.time}"
    ds.RadiopharmaceuticalInformationSequence = Sequence(
        [
            items(
                Radiopharmaceutical="Fluorodeoxyglucose", RadiopharmaceuticalStartTime=c.time,
                RadiopharmaceuticalStartDateTime=begun, RadionuclideTotalDose="370000000", RadionuclideHalfLife="6586.2",
                RadionuclideCodeSequence=[code("C-111A1", "SRT", "^18^Fluorine")],
            )
        ]
    )  # fmt: skip
    pixels(ds, anatomy(c.numpy, 24, 24, 20000).astype(np.int16), bits=16, signed=True)
    return ds


def _projection(c: Context, modality: str, sop_class: str) -> Dataset:
    ds = base(c, modality, sop_class)
    _acquired(ds, c)
    ds.ImageType = ["ORIGINAL", "PRIMARY", ""]
    ds.KVP, ds.ExposureTime, ds.DistanceSourceToDetector = "110", "12", "1800"
    ds.BodyPartExamined = "BREAST" if modality == "MG" else c.rng.choice(["CHEST", "HAND", "PELVIS"])
    ds.BurnedInAnnotation = "NO"
    return ds


def cr(c: Context) -> Dataset:
    """A computed radiograph."""
    ds = _projection(c, "CR", "1.2.840.10008.5.1.4.1.1.1")
    ds.ViewPosition, ds.PlateType, ds.PlateID, ds.CassetteID = (
        "AP",
        "code 12",
        f"PL{c.rng.randrange(9999)}",
        "CAS0771",
    )
    ds.ImagerPixelSpacing = ["0.2", "0.2"]
    pixels(ds, anatomy(c.numpy, 48, 40, 4000), bits=12, colour="MONOCHROME1")
    return ds


def dx(c: Context, modality: str = "DX", sop_class: str = "1.2.840.10008.5.1.4.1.1.1.1") -> Dataset:
    """A digital radiograph; also the body of mammography."""
    ds = _projection(c, modality, sop_class)
    ds.PresentationIntentType, ds.PixelIntensityRelationship, ds.PixelIntensityRelationshipSign = (
        "FOR PRESENTATION",
        "LOG",
        1,
    )
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType, ds.PresentationLUTShape = "0", "1", "US", "IDENTITY"
    ds.LossyImageCompression, ds.ImageLaterality, ds.PatientOrientation = "00", c.rng.choice("LR"), ["A", "F"]
    ds.DetectorType, ds.DetectorID, ds.ImagerPixelSpacing = (
        "SCINTILLATOR",
        f"DET{c.rng.randrange(9999)}",
        ["0.14", "0.14"],
    )
    ds.DateOfLastDetectorCalibration = (c.day - datetime.timedelta(days=31)).strftime("%Y%m%d")
    ds.AnatomicRegionSequence = Sequence([code("51185008", "SCT", "Chest")])
    ds.ViewCodeSequence = Sequence([code("399348003", "SCT", "antero-posterior")])
    ds.AcquisitionContextSequence = Sequence(
        [
            items(
                ValueType="TEXT", ConceptNameCodeSequence=[code("109054", "DCM", "Patient State")],
                TextValue="Standing",
            )
        ]
    )  # fmt: skip
    pixels(ds, anatomy(c.numpy, 40, 48, 4000), bits=12)
    return ds


def mg(c: Context) -> Dataset:
    """A mammogram."""
    ds = dx(c, "MG", "1.2.840.10008.5.1.4.1.1.1.2")
    ds.PositionerType, ds.BodyPartThickness, ds.CompressionForce, ds.OrganExposed = (
        "MAMMOGRAPHIC",
        "51",
        "89",
        "BREAST",
    )
    ds.AnatomicRegionSequence = Sequence([code("76752008", "SCT", "Breast")])
    ds.ViewCodeSequence = Sequence([code("399368009", "SCT", "medio-lateral oblique")])
    ds.BreastImplantPresent, ds.PartialView = "NO", "NO"
    return ds


def xa(c: Context, modality: str = "XA", sop_class: str = "1.2.840.10008.5.1.4.1.1.12.1") -> Dataset:
    """An angiographic run of four frames; also fluoroscopy."""
    ds = _projection(c, modality, sop_class)
    ds.ImageType = ["ORIGINAL", "PRIMARY", "SINGLE PLANE"]
    ds.RadiationSetting, ds.XRayTubeCurrent, ds.PixelIntensityRelationship = "GR", "300", "LIN"
    ds.FrameTime, ds.CineRate, ds.FrameIncrementPointer = "66.7", 15, 0x00181063
    ds.PositionerPrimaryAngle, ds.PositionerSecondaryAngle = "-29.8", "0.4"
    pixels(ds, np.stack([anatomy(c.numpy, 32, 32, 250) for _ in range(4)]), bits=8)
    return ds


def rf(c: Context) -> Dataset:
    """Fluoroscopy."""
    return xa(c, "RF", "1.2.840.10008.5.1.4.1.1.12.2")


def us(c: Context) -> Dataset:
    """An ultrasound picture, colour, without typed text."""
    ds = base(c, "US", "1.2.840.10008.5.1.4.1.1.6.1")
    _acquired(ds, c)
    ds.ImageType, ds.LossyImageCompression = ["ORIGINAL", "PRIMARY", "", "0001"], "00"
    ds.TransducerType, ds.TransducerData = "SECTOR_PHASED", ["S5-1", "", ""]
    ds.SequenceOfUltrasoundRegions = Sequence(
        [
            items(
                RegionSpatialFormat=1, RegionDataType=1, RegionFlags=2, RegionLocationMinX0=8, RegionLocationMinY0=40,
                RegionLocationMaxX1=87, RegionLocationMaxY1=71, PhysicalUnitsXDirection=3, PhysicalUnitsYDirection=3,
                PhysicalDeltaX=0.02, PhysicalDeltaY=0.02,
            )
        ]
    )  # fmt: skip
    gray = anatomy(c.numpy, 72, 96, 230)
    pixels(ds, np.repeat(gray[..., None], 3, axis=2), bits=8, colour="RGB")
    return ds


def us_cine(c: Context) -> Dataset:
    """An ultrasound loop of five frames, monochrome."""
    ds = us(c)
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.3.1"
    ds.FrameTime, ds.FrameIncrementPointer, ds.CineRate = "33.3", 0x00181063, 30
    del ds.PlanarConfiguration
    pixels(ds, np.stack([anatomy(c.numpy, 64, 80, 220) for _ in range(5)]), bits=8)
    return ds


def nm(c: Context) -> Dataset:
    """A nuclear medicine study of six frames."""
    ds = base(c, "NM", "1.2.840.10008.5.1.4.1.1.20")
    _acquired(ds, c)
    ds.ImageType = ["ORIGINAL", "PRIMARY", "STATIC", "EMISSION"]
    ds.FrameIncrementPointer, ds.NumberOfEnergyWindows, ds.NumberOfDetectors = 0x00540020, 1, 1
    ds.EnergyWindowVector, ds.DetectorVector = [1] * 6, [1] * 6
    ds.CountsAccumulated, ds.ActualFrameDuration = "500000", 60000
    ds.EnergyWindowInformationSequence = Sequence([items(EnergyWindowName="Tc99m")])
    ds.RadiopharmaceuticalInformationSequence = Sequence(
        [items(Radiopharmaceutical="MDP", RadionuclideTotalDose="740")]
    )
    ds.DetectorInformationSequence = Sequence(
        [items(CollimatorType="PARA", ImagePositionPatient=["0", "0", "0"])]
    )
    ds.PatientOrientationCodeSequence = Sequence([code("102538003", "SCT", "recumbent")])
    ds.PatientGantryRelationshipCodeSequence = Sequence([code("102540008", "SCT", "headfirst")])
    pixels(ds, np.stack([anatomy(c.numpy, 32, 32, 400) for _ in range(6)]), bits=16)
    return ds


def sc(c: Context) -> Dataset:
    """A secondary capture, colour."""
    ds = base(c, "OT", "1.2.840.10008.5.1.4.1.1.7")
    ds.ConversionType, ds.ImageType = "WSD", ["DERIVED", "SECONDARY", "SCREEN SAVE"]
    ds.DateOfSecondaryCapture, ds.TimeOfSecondaryCapture = c.day.strftime("%Y%m%d"), c.time
    ds.SecondaryCaptureDeviceManufacturer, ds.PatientOrientation = "Sectra", ""
    gray = anatomy(c.numpy, 80, 96, 200)
    pixels(
        ds, np.stack([gray, gray, np.clip(gray * 1.2, 0, 255).astype(np.uint8)], axis=2), bits=8, colour="RGB"
    )
    return ds


def enhanced(c: Context, modality: str, sop_class: str, functional: Dataset) -> Dataset:
    """A multi-frame image with functional groups, four frames."""
    ds = base(c, modality, sop_class)
    _acquired(ds, c)
    del ds.AcquisitionDate, ds.AcquisitionTime
    ds.AcquisitionDateTime = f"{c.day:%Y%m%d}{c.time}.000000+0100"
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = c.frame_of_reference, "SN"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    ds.DeviceSerialNumber = f"DSN{c.rng.randrange(10**6)}"
    ds.VolumetricProperties, ds.VolumeBasedCalculationTechnique, ds.PixelPresentation = (
        "VOLUME",
        "NONE",
        "MONOCHROME",
    )
    ds.ContentQualification, ds.BurnedInAnnotation, ds.LossyImageCompression = "RESEARCH", "NO", "00"
    ds.PresentationLUTShape, ds.PatientPosition, ds.AcquisitionContextSequence = (
        "IDENTITY",
        "HFS",
        Sequence([]),
    )
    organisation = c.new_uid()
    ds.DimensionOrganizationSequence = Sequence([items(DimensionOrganizationUID=organisation)])
    ds.DimensionIndexSequence = Sequence(
        [
            items(
                DimensionOrganizationUID=organisation, DimensionIndexPointer=0x00209057,
                FunctionalGroupPointer=0x00209111, DimensionDescriptionLabel="In-Stack Position Number",
            )
        ]
    )  # fmt: skip
    ds.SharedFunctionalGroupsSequence = Sequence([functional])
    frames = []
    for number in range(4):
        stamp = f"{c.day:%Y%m%d}{c.time[:4]}{number * 7:02d}.250000"
        content = items(
            FrameAcquisitionDateTime=stamp, FrameReferenceDateTime=stamp, FrameAcquisitionDuration=100.0,
            DimensionIndexValues=[number + 1], StackID="1", InStackPositionNumber=number + 1,
        )  # fmt: skip
        position = items(ImagePositionPatient=["-100", "-100", f"{5 * number}"])
        frames.append(items(FrameContentSequence=[content], PlanePositionSequence=[position]))
    ds.PerFrameFunctionalGroupsSequence = Sequence(frames)
    array = np.stack([anatomy(c.numpy, 16, 16, 1200) for _ in range(4)])
    pixels(ds, array, bits=12)
    return ds


def _shared(spacing: str) -> Dataset:
    return items(
        PixelMeasuresSequence=[items(SliceThickness="5", PixelSpacing=[spacing, spacing])],
        PlaneOrientationSequence=[items(ImageOrientationPatient=["1", "0", "0", "0", "1", "0"])],
        FrameAnatomySequence=[
            items(FrameLaterality="U", AnatomicRegionSequence=[code("51185008", "SCT", "Chest")])
        ],
        PixelValueTransformationSequence=[items(RescaleIntercept="0", RescaleSlope="1", RescaleType="US")],
    )


def enhanced_ct(c: Context) -> Dataset:
    """An enhanced CT."""
    group = _shared("0.7")
    event = items(CTAcquisitionTypeSequence=[items(AcquisitionType="SPIRAL")], IrradiationEventIdentificationSequence=[
        items(IrradiationEventUID=c.new_uid())
    ])  # fmt: skip
    group.update(event)
    ds = enhanced(c, "CT", "1.2.840.10008.5.1.4.1.1.2.1", group)
    ds.MultienergyCTAcquisition = "NO"
    return ds


def enhanced_mr(c: Context) -> Dataset:
    """An enhanced MR."""
    group = _shared("0.9")
    group.MREchoSequence = Sequence([items(EffectiveEchoTime=94.0)])
    ds = enhanced(c, "MR", "1.2.840.10008.5.1.4.1.1.4.1", group)
    ds.ComplexImageComponent, ds.AcquisitionContrast, ds.ResonantNucleus = "MAGNITUDE", "T2", "1H"
    ds.KSpaceFiltering, ds.MagneticFieldStrength, ds.ApplicableSafetyStandardAgency = "NONE", 3.0, "IEC"
    return ds


def uid_text(value: object) -> str:
    """A UID as plain text."""
    return str(UID(str(value)))
