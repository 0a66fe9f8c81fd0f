"""A real Orthanc with its DICOMweb plugin on free ports, and a few series of invented patients to put into it."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
import requests
from pydicom.data import get_testdata_file
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MRImageStorage, generate_uid

PLUGINS = (
    Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so"),
    Path("/usr/lib/orthanc/libOrthancDicomWeb.so"),
)
TITLE, OURS = "ORTHANC", "RADFLOW"
PATIENT, NAME, ACCESSION = "MRN-4711-0815", "Fillmore^Quentina", "ACC-99-31337"


@dataclass(frozen=True)
class Made:
    """A series as it was made."""

    study: str
    series: str
    images: tuple[bytes, ...]
    sops: tuple[str, ...]

    @property
    def address(self) -> str:
        return self.study


def series(
    name: str,
    count: int,
    *,
    study: str = "one",
    modality: str = "CT",
    date: str = "20240305",
    body_part: str = "CHEST",
    size: int = 64,
    patient: str = PATIENT,
    accession: str = ACCESSION,
) -> Made:
    """Invented images; the same name gives the same ones."""
    chance = np.random.default_rng(len(name))
    study_uid, series_uid = generate_uid(entropy_srcs=[study]), generate_uid(entropy_srcs=[study, name])
    images, sops = [], []
    for number in range(1, count + 1):
        sop = generate_uid(entropy_srcs=[study, name, str(number)])
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = CTImageStorage if modality == "CT" else MRImageStorage
        meta.MediaStorageSOPInstanceUID, meta.TransferSyntaxUID = sop, ExplicitVRLittleEndian
        one = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        one.SOPClassUID, one.SOPInstanceUID = meta.MediaStorageSOPClassUID, sop
        one.StudyInstanceUID, one.SeriesInstanceUID = study_uid, series_uid
        one.PatientID, one.PatientName, one.PatientBirthDate, one.PatientSex = patient, NAME, "19600101", "F"
        one.StudyDate, one.StudyTime, one.AccessionNumber, one.StudyID = date, "101112", accession, "1"
        one.StudyDescription, one.SeriesDescription = f"Thorax {study}", f"axial {name}"
        one.ReferringPhysicianName, one.Modality, one.BodyPartExamined = "", modality, body_part
        one.SeriesNumber, one.InstanceNumber = 1, number
        one.Rows = one.Columns = size
        one.SamplesPerPixel, one.PhotometricInterpretation, one.PixelRepresentation = 1, "MONOCHROME2", 0
        one.BitsAllocated, one.BitsStored, one.HighBit = 16, 12, 11
        one.PixelData = chance.integers(0, 4096, (size, size), dtype=np.uint16).tobytes()
        out = BytesIO()
        one.save_as(out, enforce_file_format=True)
        images.append(out.getvalue())
        sops.append(sop)
    return Made(study_uid, series_uid, tuple(images), tuple(sops))


def compressed() -> Made:
    """One image in JPEG 2000, from pydicom's own files."""
    raw = Path(str(get_testdata_file("JPEG2000.dcm"))).read_bytes()
    image = pydicom.dcmread(BytesIO(raw), stop_before_pixels=True)
    return Made(
        str(image.StudyInstanceUID), str(image.SeriesInstanceUID), (raw,), (str(image.SOPInstanceUID),)
    )


@dataclass(frozen=True)
class Orthanc:
    """A running server."""

    http: int
    dicom: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http}"

    @property
    def web(self) -> str:
        return f"{self.url}/dicom-web"

    def put(self, *made: Made) -> None:
        """Store series."""
        for one in made:
            for image in one.images:
                requests.post(f"{self.url}/instances", data=image, timeout=30).raise_for_status()

    def clear(self) -> None:
        """Forget everything."""
        for one in requests.get(f"{self.url}/patients", timeout=30).json():
            requests.delete(f"{self.url}/patients/{one}", timeout=30).raise_for_status()

    def register(self, port: int, title: str = OURS) -> None:
        """Make us a destination of C-MOVE."""
        row = {"AET": title, "Host": "127.0.0.1", "Port": port}
        requests.put(f"{self.url}/modalities/us", json=row, timeout=30).raise_for_status()

    def count(self) -> int:
        """Number of images."""
        return int(requests.get(f"{self.url}/statistics", timeout=30).json()["CountInstances"])


def free_port() -> int:
    """A port that nobody listens at now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def orthanc(folder: Path) -> Iterator[Orthanc]:
    """Start a server; skips where there is none."""
    program = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin")
    plugin = next((path for path in PLUGINS if path.exists()), None)
    if program is None or plugin is None:
        pytest.skip("Orthanc and its DICOMweb plugin are not installed (Debian: orthanc, orthanc-dicomweb)")
    made = Orthanc(free_port(), free_port())
    settings = {
        "Name": "test", "StorageDirectory": str(folder / "store"), "IndexDirectory": str(folder / "store"),
        "HttpPort": made.http, "DicomPort": made.dicom, "DicomAet": TITLE, "DicomCheckCalledAet": True,
        "RemoteAccessAllowed": False, "AuthenticationEnabled": False, "Plugins": [str(plugin)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"}, "SaveJobs": False,
        "DicomModalities": {"us": [OURS, "127.0.0.1", 1]}, "DicomAlwaysAllowGet": True,
        "DicomAlwaysAllowFind": True, "DicomAlwaysAllowMove": True, "StorageCompression": False,
    }  # fmt: skip
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen([program, str(folder / "orthanc.json")], stdout=log, stderr=log)
        try:
            _wait(made, running, folder / "log")
            yield made
        finally:
            running.terminate()
            try:
                running.wait(20)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()


def _wait(made: Orthanc, running: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and running.poll() is None:
        try:
            if requests.get(f"{made.url}/system", timeout=5).json()["DicomPort"] == made.dicom:
                return
        except (requests.RequestException, ValueError, KeyError):
            time.sleep(0.1)
    pytest.fail(f"Orthanc does not answer: {log.read_text(errors='replace')[-800:]}")
