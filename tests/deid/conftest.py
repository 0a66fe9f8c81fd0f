"""Synthetic objects with a made-up identity, and the shared data where they are."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from deid import Policy, Pseudonyms, load_policy

KEY = bytes(range(32))
REPOSITORY = Path(__file__).resolve().parents[2]

Builder = Callable[..., Dataset]


def build(*, patient: str = "MRN-0012345", study: str = "1", series: str = "1", instance: int = 1) -> Dataset:
    """A small CT slice that says a lot about a person who does not exist."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.SOPClassUID = CTImageStorage
    ds.SOPInstanceUID = generate_uid(entropy_srcs=["sop", patient, study, series, str(instance)])
    ds.StudyInstanceUID = generate_uid(entropy_srcs=["study", patient, study])
    ds.SeriesInstanceUID = generate_uid(entropy_srcs=["series", patient, study, series])
    ds.FrameOfReferenceUID = generate_uid(entropy_srcs=["frame", patient, study])
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = "20190314"
    ds.StudyTime = ds.SeriesTime = "235958"
    ds.AcquisitionDateTime = "20190314235958.123456+0100"
    ds.AccessionNumber = "ACC778899"
    ds.Modality = "CT"
    ds.Manufacturer = "Acme Scanners"
    ds.InstitutionName = "Mercy Hospital Springfield"
    ds.InstitutionAddress = "12 Evergreen Terrace"
    ds.ReferringPhysicianName = "Hibbert^Julius"
    ds.OperatorsName = "Bouvier^Selma"
    ds.StationName = "CTSCAN07X"
    ds.StudyDescription = "Chest for Mr Quimbly"
    ds.SeriesDescription = "Thorax 1.0 B30f"
    ds.PatientName = "Quimbly^Archibald^Theodore"
    ds.PatientID = patient
    ds.IssuerOfPatientID = "MERCY"
    ds.PatientBirthDate = "19430521"
    ds.PatientSex = "M"
    ds.PatientAge = "075Y"
    ds.PatientSize = "1.80"
    ds.PatientWeight = "80"
    ds.OtherPatientIDs = "SSN987654321"
    ds.PatientAddress = "742 Lilac Lane"
    ds.PatientTelephoneNumbers = "555-867-5309"
    ds.PatientComments = "Brother of the mayor"
    ds.BodyPartExamined = "CHEST"
    ds.KVP = "120"
    ds.ProtocolName = "LowDoseQ"
    ds.DeviceSerialNumber = "SN4711X"
    ds.PatientPosition = "HFS"
    ds.StudyID = "ST5521"
    ds.SeriesNumber = 3
    ds.InstanceNumber = instance
    ds.ImagePositionPatient = [0, 0, instance]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.Rows = ds.Columns = 8
    ds.PixelSpacing = [1, 1]
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit = 15
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.PixelRepresentation = 1
    ds.RescaleIntercept, ds.RescaleSlope = -1024, 1
    request = Dataset()
    request.ScheduledProcedureStepID = "SPS445566"
    request.RequestedProcedureDescription = "Look at Quimbly"
    ds.RequestAttributesSequence = Sequence([request])
    block = ds.private_block(0x0009, "SECRET VENDOR", create=True)
    block.add_new(0x01, "LO", "Private Quimbly note")
    ds.PixelData = bytes(range(128))
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.SourceApplicationEntityTitle = "MERCYPACS"
    return ds


@pytest.fixture(scope="session")
def ct() -> Builder:
    """Builds a CT slice; see :func:`build`."""
    return build


@pytest.fixture(scope="session")
def pseudonyms() -> Pseudonyms:
    """Pseudonyms under a fixed key."""
    return Pseudonyms(KEY, "tests")


@pytest.fixture(scope="session")
def research() -> Policy:
    """The shipped research policy."""
    return load_policy("research")


@pytest.fixture(scope="session")
def basic() -> Policy:
    """The shipped basic policy."""
    return load_policy("basic")


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a data set under a new name below a folder of its own."""
    count = iter(range(10_000))

    def save(ds: Dataset, folder: str = "in") -> Path:
        path = tmp_path / folder / f"{next(count):04d}.dcm"
        path.parent.mkdir(exist_ok=True)
        implicit = ds.file_meta.TransferSyntaxUID.is_implicit_VR
        ds.save_as(path, implicit_vr=implicit, little_endian=True, enforce_file_format=True)
        return path

    return save


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The shared test data, or a skip."""
    folder = Path(os.environ.get("RADFLOW_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("the shared test data are not here (set RADFLOW_SHARED_DATA)")
    return folder
