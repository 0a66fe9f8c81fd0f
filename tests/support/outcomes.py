"""A series that went through, as the engine tells it, with an identity that no report may show."""

from __future__ import annotations

import hashlib
import struct
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundImageStorage

from deid import Identity, Policy, SeriesResult

SECRETS = ("QUIMBLY", "MRN-0012345", "19430521", "1.2.826.0.1.3680043.8.498.77", "MERCY")
NOW = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)


def png(width: int = 64, height: int = 48, shade: int = 90) -> bytes:
    """A grey PNG."""
    row = b"\0" + bytes([shade]) * width

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", head),
            chunk(b"IDAT", zlib.compress(row * height)),
            chunk(b"IEND", b""),
        )
    )


def uid(*parts: object) -> str:
    """A made-up new UID."""
    return f"2.25.{int(hashlib.sha256(repr(parts).encode()).hexdigest()[:28], 16)}"


def cleaned(alias: str, study: str, series: str, sop: str) -> Dataset:
    """An object as the engine leaves it."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = UltrasoundImageStorage, sop
    ds.StudyInstanceUID, ds.SeriesInstanceUID = study, series
    ds.PatientName = ds.PatientID = alias
    ds.PatientBirthDate = ""
    ds.StudyDate = "20150918"
    ds.PatientAge = "061Y"
    ds.Modality = "US"
    ds.StudyDescription = "Abdomen, liver"
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.DeidentificationMethod = "Radflow"
    item = Dataset()
    item.ScheduledProcedureStepDescription = "Liver <script>alert(1)</script>"
    ds.RequestAttributesSequence = Sequence([item])
    ds.Rows = ds.Columns = 2
    ds.BitsAllocated = 8
    ds.PixelData = b"\1\2\3\4"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds


#: Outcomes per attribute, as the engine counts them.
BY_TAG = {
    "0008,0018": {"replaced": 3},
    "0008,0020": {"replaced": 3},
    "0008,0050": {"replaced": 3},
    "0008,0060": {"kept": 3},
    "0008,0090": {"emptied": 3},
    "0008,1030": {"replaced": 3},
    "0010,0010": {"replaced": 3},
    "0010,0020": {"replaced": 3},
    "0010,0030": {"emptied": 3},
    "0010,1010": {"kept": 3},
    "0010,1040": {"removed": 3},
    "0010,2154": {"removed": 3},
    "0020,000D": {"replaced": 3},
    "0040,0007": {"replaced": 2, "removed": 1},
    "private": {"removed": 3},
}


def make_outcome(
    root: Path, policy: Policy, name: str = "one", *, count: int = 3, **changes: Any
) -> tuple[SeriesResult, Path]:
    """A result and the folder of its outputs, below ``root``."""
    study, series, folder = uid("study", name), uid("series", name), root / f"out-{name}"
    alias = "RF-" + hashlib.sha256(name.encode()).hexdigest()[:10].upper()
    folder.mkdir()
    manifest = []
    for number in range(count):
        sop = uid("sop", name, number)
        path = folder / f"{sop}.dcm"
        cleaned(alias, study, series, sop).save_as(path, enforce_file_format=True)
        manifest.append((sop, hashlib.sha256(path.read_bytes()).hexdigest()))
    identity = Identity(
        patient_id=SECRETS[1], issuer=SECRETS[4], name=SECRETS[0], birth_date=SECRETS[2], study_uid=SECRETS[3],
        series_uid=SECRETS[3] + ".1", days=-4711, sop_uids=((manifest[0][0], SECRETS[3] + ".2"),),
    )  # fmt: skip
    values: dict[str, Any] = {
        "patient_alias": alias, "study_uid": study, "series_uid": series, "manifest": tuple(sorted(manifest)),
        "identity": identity, "actions": {"alias": 6, "remove": 10, "uid": 6, "keep": 3, "clean": 5, "shift": 3},
        "policy_sha256": policy.sha256, "by_tag": BY_TAG,
        "cuts": {"0008,1030": {"name": 3, "date": 1}, "0040,0007": {"name": 2}}, "modality": "US",
        "sop_classes": {str(UltrasoundImageStorage): count}, "bytes_in": 123456,
        "bytes_out": sum(path.stat().st_size for path in folder.iterdir()), "cpu_seconds": 1.25,
        "engine_version": "9.9.9",
    }  # fmt: skip
    return SeriesResult(**(values | changes)), folder
