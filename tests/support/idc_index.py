"""A made-up index of Imaging Data Commons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

TYPES = {"instanceCount": pa.int64(), "series_size_MB": pa.float64()}
NAMES = (
    "collection_id", "analysis_result_id", "PatientID", "SeriesInstanceUID", "StudyInstanceUID", "source_DOI",
    "PatientAge", "PatientSex", "StudyDate", "StudyDescription", "BodyPartExamined", "Modality", "SOPClassUID",
    "TransferSyntaxUID", "PhotometricInterpretation", "Manufacturer", "ManufacturerModelName", "SeriesDescription",
    "SeriesNumber", "instanceCount", "license_short_name", "series_aws_url", "series_size_MB",
)  # fmt: skip


def one(number: int, study: int = 1, patient: str = "P1", **values: Any) -> dict[str, Any]:
    """A row: a chest CT unless told otherwise."""
    return {
        "collection_id": "made_up", "PatientID": patient, "SeriesInstanceUID": f"2.25.{study}.{number}",
        "StudyInstanceUID": f"2.25.{study}", "source_DOI": "10.1/x", "PatientAge": "062Y", "PatientSex": "F",
        "StudyDate": "2001-02-03", "StudyDescription": "CT CHEST", "BodyPartExamined": "CHEST", "Modality": "CT",
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2", "Manufacturer": "GE MEDICAL SYSTEMS",
        "SeriesDescription": "axial", "SeriesNumber": "1", "instanceCount": 120, "license_short_name": "CC BY 4.0",
        "series_aws_url": f"s3://bucket/{study}-{number}/*", "series_size_MB": 60.5,
    } | values  # fmt: skip


def write(path: Path, rows: list[dict[str, Any]], *, without: str = "") -> Path:
    """The rows as a parquet file, with ``large_string`` columns as the real one has."""
    names = [name for name in NAMES if name != without]
    columns = [
        pa.array([row.get(name) for row in rows], TYPES.get(name, pa.large_string())) for name in names
    ]
    pq.write_table(pa.table(columns, names=names), path)
    return path
