"""Objects with clinical headers, for benchmarks: a CT series of 240 elements a slice, an enhanced multi-frame CT.

Everything is made up and follows from the numbers given; nothing is random.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
    generate_uid,
)

if TYPE_CHECKING:
    from pathlib import Path

ELEMENTS = 240
SIDE = 512
_DAY = datetime.date(2021, 6, 14)


def uid(*parts: object) -> str:
    """A UID that follows from its parts."""
    return str(generate_uid(entropy_srcs=[str(part) for part in ("bench", *parts)]))


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """One item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _reference(sop_class: str, name: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid(name)
    return item


def patient(ds: Dataset) -> None:
    """Who was imaged, where, by whom, what for."""
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.InstanceCreationDate = ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = (
        f"{_DAY:%Y%m%d}"
    )
    ds.InstanceCreationTime, ds.StudyTime, ds.SeriesTime = "101502.33", "100101", "101010.5"
    ds.AccessionNumber = "A20210614-77"
    ds.InstitutionName, ds.InstitutionAddress = "Saint Elsewhere Hospital", "1 Hill Road, Boston MA 02115"
    ds.ReferringPhysicianName, ds.PhysiciansOfRecord = "Craig^Mark^^Dr", "Westphall^Donald^^Dr"
    ds.PerformingPhysicianName, ds.NameOfPhysiciansReadingStudy = "Ehrlich^Victor", "Morrison^Jack"
    ds.OperatorsName, ds.StationName = "Rosenthal^Helen", "CT99AWP17"
    ds.StudyDescription, ds.SeriesDescription = "CT THORAX W CONTRAST", "Thorax 1.5 B31f, Mr Papandreou"
    ds.InstitutionalDepartmentName, ds.AdmittingDiagnosesDescription = (
        "Radiology 2 East",
        "Cough, weight loss",
    )
    ds.ReferringPhysicianTelephoneNumbers = "617-555-0143"
    ds.PatientName, ds.PatientID, ds.IssuerOfPatientID = "Papandreou^Luther^Q", "SEH-0047113", "SEH"
    ds.PatientBirthDate, ds.PatientBirthTime, ds.PatientSex, ds.PatientAge = "19510207", "0310", "M", "070Y"
    ds.OtherPatientNames, ds.PatientSize, ds.PatientWeight = "Papandreou^L", "1.77", "82"
    ds.PatientAddress, ds.PatientTelephoneNumbers = "22 Beacon Street, Boston", "617-555-0199"
    ds.MilitaryRank, ds.EthnicGroup, ds.Occupation = "none", "greek", "Orderly"
    ds.SmokingStatus, ds.AdditionalPatientHistory = "YES", "Orderly at this hospital, smoker for 30 years"
    ds.PregnancyStatus, ds.PatientComments = 4, "Call Mr Papandreou's sister before discharge"
    ds.MedicalAlerts, ds.Allergies = "none", "iodine, mild"
    ds.StudyID, ds.PatientState, ds.CurrentPatientLocation = "4711", "stable", "2 East, bed 14"
    ds.RequestingPhysician, ds.RequestingService = "Craig^Mark", "Thoracic surgery"
    ds.RequestedProcedureDescription, ds.RequestedProcedureID = "CT thorax", "RP4711"
    ds.RequestedContrastAgent, ds.AdmissionID = "Ultravist 300", "ADM778899"
    ds.PerformedProcedureStepStartDate, ds.PerformedProcedureStepStartTime = f"{_DAY:%Y%m%d}", "100930"
    ds.PerformedProcedureStepID, ds.PerformedProcedureStepDescription = "PPS99", "Thorax routine"
    ds.ReasonForTheRequestedProcedure = "Staging, known to Dr Craig"


def scanner(ds: Dataset) -> None:
    """The device and how it was set."""
    ds.Manufacturer, ds.ManufacturerModelName, ds.DeviceSerialNumber = "SIEMENS", "SOMATOM Force", "73914"
    ds.SoftwareVersions, ds.BodyPartExamined, ds.ScanOptions = "VB20A", "CHEST", "FLASH"
    ds.ContrastBolusAgent, ds.ContrastBolusRoute, ds.ContrastBolusVolume = "Ultravist 300", "IV", "70"
    ds.ContrastFlowRate, ds.ContrastBolusIngredientConcentration = "2.5", "300"
    ds.SliceThickness, ds.KVP, ds.DataCollectionDiameter, ds.ReconstructionDiameter = (
        "1.5",
        "120",
        "500",
        "350",
    )
    ds.ProtocolName, ds.DistanceSourceToDetector, ds.DistanceSourceToPatient = (
        "ThoraxRoutine",
        "1085.6",
        "595",
    )
    ds.GantryDetectorTilt, ds.TableHeight, ds.RotationDirection = "0", "152", "CW"
    ds.ExposureTime, ds.XRayTubeCurrent, ds.Exposure, ds.FilterType = "500", "120", "60", "FLAT"
    ds.GeneratorPower, ds.FocalSpots, ds.ConvolutionKernel, ds.PatientPosition = (
        "40",
        ["0.8", "0.8"],
        "B31f",
        "HFS",
    )
    ds.DateOfLastCalibration, ds.TimeOfLastCalibration = "20210613", "070000"
    ds.SingleCollimationWidth, ds.TotalCollimationWidth, ds.TableSpeed = 0.6, 57.6, 92.2
    ds.TableFeedPerRotation, ds.SpiralPitchFactor, ds.ExposureModulationType = 46.1, 0.8, "XYZ_EC"
    ds.EstimatedDoseSaving, ds.CTDIvol, ds.CalciumScoringMassFactorPatient = 20.0, 4.06, 0.7
    ds.CTDIPhantomTypeCodeSequence = Sequence([code("113691", "DCM", "IEC Body Dosimetry Phantom")])
    ds.ReferencedStudySequence = Sequence([_reference("1.2.840.10008.3.1.2.3.1", "study")])
    ds.ReferencedPerformedProcedureStepSequence = Sequence([_reference("1.2.840.10008.3.1.2.3.3", "pps")])
    ds.ReferencedImageSequence = Sequence(
        [_reference(CTImageStorage, "scout"), _reference(CTImageStorage, "b")]
    )
    ds.SourceImageSequence = Sequence([_reference(CTImageStorage, "source")])
    ds.ProcedureCodeSequence = Sequence([code("CTTHX", "99SEH", "Thorax as Dr Craig wants it")])
    ds.AnatomicRegionSequence = Sequence([code("51185008", "SCT", "Chest")])
    request = Dataset()
    request.RequestedProcedureDescription, request.ScheduledProcedureStepDescription = "CT thorax", "Thorax"
    request.ScheduledProcedureStepID, request.RequestedProcedureID = "SPS12", "RP4711"
    request.ScheduledProtocolCodeSequence = Sequence([code("THX", "99SEH", "Thorax")])
    ds.RequestAttributesSequence = Sequence([request])
    ds.PerformedProtocolCodeSequence = Sequence([code("THX", "99SEH", "Thorax")])


def private(ds: Dataset, number: int) -> None:
    """What a vendor adds: some of it known to be safe, most of it not."""
    for group, creator, count in (
        (0x0009, "SIEMENS CT VA1 DUMMY", 4), (0x0019, "SIEMENS CT VA0  COAD", 24), (0x0021, "SIEMENS MED", 16),
        (0x0029, "SIEMENS CSA HEADER", 6), (0x0029, "SIEMENS MEDCOM HEADER", 6),
    ):  # fmt: skip
        block = ds.private_block(group, creator, create=True)
        for element in range(count):
            if group == 0x0029:
                block.add_new(0x10 + element, "OB", bytes([element]) * 512)
            else:
                block.add_new(
                    element, "LO" if element % 3 else "DS", f"{number}{element}" if element % 3 else "1.5"
                )
    philips = ds.private_block(0x2001, "Philips Imaging DD 001", create=True)
    philips.add_new(0x03, "FL", 1.0)
    philips.add_new(0x0B, "CS", "TRANSVERSAL")


def _frame(ds: Dataset, side: int) -> None:
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows = ds.Columns = side
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0


def ct(number: int) -> Dataset:
    """Slice ``number`` of the series: 240 elements, nested ones counted, 512 x 512 pixels of 16 bits."""
    ds = Dataset()
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI"]
    ds.SOPClassUID, ds.SOPInstanceUID, ds.Modality = CTImageStorage, uid("ct", number), "CT"
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = (
        uid("study"),
        uid("series"),
        uid("frame"),
    )
    patient(ds)
    scanner(ds)
    ds.AcquisitionTime = ds.ContentTime = f"1010{number // 60 % 60:02d}.{number:06d}"
    ds.AcquisitionDateTime = f"{_DAY:%Y%m%d}1010{number // 60 % 60:02d}.{number:06d}"
    ds.SeriesNumber, ds.AcquisitionNumber, ds.InstanceNumber = 3, 2, number
    ds.ImagePositionPatient, ds.ImageOrientationPatient = [-175, -175, number * 1.5], [1, 0, 0, 0, 1, 0]
    ds.SliceLocation, ds.PositionReferenceIndicator = number * 1.5, ""
    ds.PixelSpacing = [0.68, 0.68]
    _frame(ds, SIDE)
    ds.WindowCenter, ds.WindowWidth, ds.RescaleIntercept, ds.RescaleSlope = [40, -600], [400, 1200], -1024, 1
    ds.RescaleType, ds.WindowCenterWidthExplanation = "HU", ["WINDOW1", "WINDOW2"]
    ds.BurnedInAnnotation, ds.LossyImageCompression = "NO", "00"
    private(ds, number)
    _fill(ds)
    ds.PixelData = bytes(range(256)) * (SIDE * SIDE * 2 // 256)
    return _with_meta(ds)


def _fill(ds: Dataset) -> None:
    """Plain acquisition parameters until the header has 240 elements, and its bytes."""
    fillers = [
        0x00180022, 0x00180093, 0x00180094, 0x00181020, 0x00181043, 0x00181049, 0x00181071, 0x00181075, 0x00181110,
        0x00181155, 0x00181190, 0x00181261, 0x00181271, 0x00181272, 0x00181302, 0x00181400, 0x00181401, 0x00181405,
        0x00189334, 0x00189352, 0x00200052, 0x00201041, 0x00280106, 0x00280107, 0x00281050, 0x00400244, 0x00400245,
    ]  # fmt: skip
    block = ds.private_block(0x0051, "BENCH FILLER", create=True)
    element = 0
    while sum(1 for _ in ds.iterall()) < ELEMENTS - 2:
        block.add_new(element, "DS", f"{fillers[element % len(fillers)] % 977}.5")
        element += 1
    block.add_new(0xFE, "OB", bytes(30_000))


def enhanced(instance: int = 1, frames: int = 300, side: int = 64) -> Dataset:
    """An enhanced CT: about 37 elements a frame in functional groups, 11 000 in all for 300 frames.

    Moments and references differ between instances.
    """
    ds = Dataset()
    ds.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    ds.SOPClassUID, ds.SOPInstanceUID, ds.Modality = (
        EnhancedCTImageStorage,
        uid("enhanced", instance, frames),
        "CT",
    )
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = uid("study"), uid("ect"), uid("frame")
    patient(ds)
    ds.Manufacturer, ds.ManufacturerModelName, ds.DeviceSerialNumber = "SIEMENS", "SOMATOM Force", "73914"
    ds.SoftwareVersions, ds.BurnedInAnnotation, ds.LossyImageCompression = "VB20A", "NO", "00"
    ds.AcquisitionDateTime, ds.ContentTime = f"{_DAY:%Y%m%d}101000", "101000"
    ds.SeriesNumber, ds.InstanceNumber, ds.NumberOfFrames = 4, instance, frames
    _frame(ds, side)
    ds.PerFrameFunctionalGroupsSequence = Sequence(
        [_functional_groups(instance, number) for number in range(frames)]
    )
    ds.PixelData = bytes(side * side * 2 * frames)
    return _with_meta(ds)


def _functional_groups(instance: int, number: int) -> Dataset:
    groups = Dataset()

    def put(keyword: str, **values: object) -> Dataset:
        item = Dataset()
        for key, value in values.items():
            setattr(item, key, value)
        setattr(groups, keyword, Sequence([item]))
        return item

    moment = f"{_DAY:%Y%m%d}10{instance % 60:02d}{number // 10 % 60:02d}.{number:06d}"
    put(
        "FrameContentSequence", FrameAcquisitionDateTime=moment, FrameReferenceDateTime=moment, StackID="1",
        FrameAcquisitionDuration=0.5, InStackPositionNumber=number + 1, DimensionIndexValues=[1, number + 1],
    )  # fmt: skip
    put("PlanePositionSequence", ImagePositionPatient=[-175, -175, number * 1.5])
    put("PlaneOrientationSequence", ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    put("PixelMeasuresSequence", PixelSpacing=[0.68, 0.68], SliceThickness="1.5")
    put("FrameVOILUTSequence", WindowCenter="40", WindowWidth="400")
    put("PixelValueTransformationSequence", RescaleIntercept="-1024", RescaleSlope="1", RescaleType="HU")
    put(
        "CTExposureSequence",
        ExposureTimeInms=500.0,
        XRayTubeCurrentInmA=120.0,
        ExposureInmAs=60.0,
        CTDIvol=4.06,
    )
    derivation = put("DerivationImageSequence", DerivationDescription="Mean of two")
    derivation.DerivationCodeSequence = Sequence([code("113062", "DCM", "Pixel by pixel mean")])
    derivation.SourceImageSequence = Sequence([_reference(CTImageStorage, f"source{instance}.{number}")])
    put("FrameAnatomySequence", FrameLaterality="U")
    return groups


def _with_meta(ds: Dataset) -> Dataset:
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.SourceApplicationEntityTitle = "SEHPACS"
    return ds


def elements(ds: Dataset) -> int:
    """Elements at every depth."""
    return sum(1 for _ in ds.iterall())


def write_series(folder: Path, count: int) -> list[Path]:
    """The CT series as files; slices differ as those of a scanner do."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number in range(1, count + 1):
        files.append(folder / f"{number:04d}.dcm")
        ct(number).save_as(files[-1], enforce_file_format=True)
    return files
