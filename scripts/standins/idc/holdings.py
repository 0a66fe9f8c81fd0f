"""What the buckets hold: every series of a folder under a random-looking name, and the index of them."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.standins.nbia.index import Index, Series

BUCKET = "idc-open-data"
_NAMES = uuid.UUID("5d8a2f0e-6f0f-4a55-9a3e-0c6b3c1c7a11")
_LICENCES = ((r"Attribution-NonCommercial (\d)", "CC BY-NC"), (r"Attribution (\d)", "CC BY"))


@dataclass(frozen=True)
class Stored:
    """One object: its key, its file, its size and MD5."""

    key: str
    path: Path
    size: int
    md5: str


@dataclass(frozen=True)
class Holdings:
    """Objects by key, in the order of keys, and series by the name of their folder."""

    objects: Mapping[str, Stored]
    series: Mapping[str, Series]

    @classmethod
    def of(cls, root: Path) -> Holdings:
        """Read every DICOM file below ``root``."""
        objects, named = {}, {}
        for series in Index.of(root).series.values():
            folder = folder_of(series.uid)
            named[folder] = series
            for sop, path in series.files.items():
                key = f"{folder}/{uuid.uuid5(_NAMES, sop)}.dcm"
                digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
                objects[key] = Stored(key, path, path.stat().st_size, digest)
        return cls(dict(sorted(objects.items())), named)

    def below(self, prefix: str) -> list[Stored]:
        """Objects whose key begins so."""
        return [one for key, one in self.objects.items() if key.startswith(prefix)]


def folder_of(series_uid: str) -> str:
    """The folder of a series: IDC names it by a UUID that changes with the content."""
    return str(uuid.uuid5(_NAMES, series_uid))


def write_index(holdings: Holdings, path: Path) -> Path:
    """Write the index with the columns of IDC's that a fetch looks at; strings are ``large_string`` as there."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [_row(folder, series) for folder, series in holdings.series.items()]
    kinds = {"instanceCount": pa.int64(), "series_size_MB": pa.float64()}
    names = list(_row("", next(iter(holdings.series.values()))))
    schema = pa.schema([(name, kinds.get(name, pa.large_string())) for name in names])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return path


def _row(folder: str, series: Series) -> dict[str, object]:
    head = series.header
    return {
        "collection_id": re.sub(r"[^a-z0-9]+", "_", series.collection.name.lower()),
        "PatientID": head.get("PatientID"),
        "SeriesInstanceUID": series.uid,
        "StudyInstanceUID": head.get("StudyInstanceUID"),
        "source_DOI": (series.collection.description_uri or "").removeprefix("https://doi.org/") or None,
        "BodyPartExamined": head.get("BodyPartExamined"),
        "Modality": head.get("Modality"),
        "instanceCount": len(series.files),
        "license_short_name": _licence(series.collection.licence_name),
        "aws_bucket": BUCKET,
        "crdc_series_uuid": folder,
        "series_aws_url": f"s3://{BUCKET}/{folder}/*",
        "series_size_MB": series.size / 1e6,
    }


def _licence(name: str | None) -> str | None:
    for pattern, short in _LICENCES:
        found = re.search(pattern, name or "")
        if found:
            return f"{short} {found[1]}.0"
    return name
