"""The index of NCI's Imaging Data Commons (package ``idc-index-data``) as a stream of catalog rows.

Only columns that are needed are read, batch by batch, so memory stays bounded; texts that repeat are looked at once.
"""

from __future__ import annotations

import hashlib
import html
import importlib.metadata
import importlib.util
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from research.catalog.nlst import COLLECTION as NLST
from research.catalog.nlst import parse_packed
from research.catalog.values import age, clean, day, sex
from research.errors import RadflowError

SOURCE = "idc"
MAPPING_VERSION = 1
"""Goes up when a row would be read otherwise than before: the next load then compares every row anew."""

BATCH_ROWS = 65_536
_PACKAGE, _FILE, _COLLECTIONS = "idc_index_data", "idc_index.parquet", "collections_index.parquet"
_INSTRUCTION = (
    "Install the package idc-index-data (pip install idc-index-data, about 80 MB) on the machine that runs the task, "
    "or name the file idc_index.parquet in the parameter path."
)
_UNCLEAN = r"[\x00-\x1f\x7f]|^\s|\s$|^$"
_TAG = re.compile(r"<[^>]+>")

# Column of the index, and of the catalog's staging table, for what is copied as it is but for control characters.
_TEXTS = {
    "SeriesInstanceUID": "series_uid", "StudyInstanceUID": "study_uid", "collection_id": "collection",
    "PatientID": "patient_alias", "Modality": "modality", "BodyPartExamined": "body_part",
    "Manufacturer": "manufacturer", "ManufacturerModelName": "manufacturer_model",
    "StudyDescription": "study_description", "SeriesDescription": "series_description",
    "SOPClassUID": "sop_class", "analysis_result_id": "analysis_result", "series_aws_url": "uri",
    "license_short_name": "licence", "source_DOI": "doi", "TransferSyntaxUID": "transfer_syntax",
    "PhotometricInterpretation": "photometric_interpretation", "SeriesNumber": "series_number",
}  # fmt: skip
_PARSED = ("PatientAge", "PatientSex", "StudyDate", "instanceCount", "series_size_MB")
_REQUIRED = ("series_uid", "study_uid", "collection", "patient_alias", "modality", "uri")

COLUMNS = (
    *_TEXTS.values(), "study_date", "patient_sex", "patient_age_years", "image_count", "byte_count", "convolution_kernel",
    "slice_thickness_mm", "kvp", "exposure_mas", "more",
)  # fmt: skip
"""Columns of each batch, in this order: text, but study_date (date), image_count and byte_count (int64), ages in years,
lengths in mm, kV and mAs (float64); ``more`` is a JSON object or null."""


class CatalogIndexError(RadflowError):
    """An index that cannot be read."""

    code = "catalog-index"


@dataclass(frozen=True)
class IndexFile:
    """Where an index is and which one it is."""

    path: Path
    collections: Path | None
    version: str
    sha256: str


def find_index(path: str = "") -> IndexFile:
    """The parquet file named, or that of the installed package.

    Args:
        path: ``idc_index.parquet``; a ``collections_index.parquet`` beside it is used too. Empty: the package's.

    Raises:
        CatalogIndexError: neither is there.
    """
    if path:
        found, version = Path(path), Path(path).stem
        if not found.is_file():
            msg = f"There is no file {path}."
            raise CatalogIndexError(msg, _INSTRUCTION)
    else:
        spec = importlib.util.find_spec(_PACKAGE)
        if spec is None or spec.origin is None:
            msg = "The index of Imaging Data Commons is not installed."
            raise CatalogIndexError(msg, _INSTRUCTION)
        found, version = Path(spec.origin).parent / _FILE, importlib.metadata.version("idc-index-data")
        if not found.is_file():
            msg = f"The package idc-index-data {version} has no {_FILE}."
            raise CatalogIndexError(msg, _INSTRUCTION)
    beside = found.parent / _COLLECTIONS
    with found.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    return IndexFile(found, beside if beside.is_file() else None, version, digest)


def read_index(path: Path, *, batch_rows: int = BATCH_ROWS) -> Iterator[Any]:
    """Every series of the index as Arrow tables with the columns ``COLUMNS``.

    Raises:
        CatalogIndexError: no parquet file, columns are missing, or a row lacks what every series must have.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        msg = f"{path.name} is not a parquet file that can be read ({type(error).__name__})."
        raise CatalogIndexError(msg, _INSTRUCTION) from error
    wanted = [*_TEXTS, *_PARSED]
    if missing := sorted(set(wanted) - set(file.schema_arrow.names)):
        msg = f"{path.name} lacks the columns {', '.join(missing)}."
        raise CatalogIndexError(msg, "Use the index of idc-index-data 23 or later.")
    mapper = _Mapper()
    for batch in file.iter_batches(batch_size=batch_rows, columns=wanted):
        yield mapper.table(batch)


class _Mapper:
    """Maps batches; what it has read of a repeated text it remembers."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Any], Any] = {}

    def table(self, batch: Any) -> Any:
        import pyarrow as pa

        columns = {new: self._text(batch[old]) for old, new in _TEXTS.items()}
        for name in _REQUIRED:
            if columns[name].null_count:
                msg = f"{columns[name].null_count} rows of the index have no {name}."
                raise CatalogIndexError(msg, "The file is not the index of a release; get another one.")
        columns["study_date"] = self._each(batch["StudyDate"], "day", day, pa.date32())
        columns["patient_sex"] = self._each(batch["PatientSex"], "sex", sex, pa.string())
        columns["patient_age_years"] = self._each(
            batch["PatientAge"], "age", lambda t: age(t).years, pa.float64()
        )
        columns["image_count"] = _counts(batch["instanceCount"])
        columns["byte_count"] = _bytes(batch["series_size_MB"])
        packed = _only(batch["SeriesDescription"], columns["collection"], columns["modality"])
        for name in ("convolution_kernel", "slice_thickness_mm", "kvp", "exposure_mas"):
            kind = pa.string() if name == "convolution_kernel" else pa.float64()
            columns[name] = self._each(packed, f"nlst {name}", _acquired(name), kind)
        columns["more"] = self._more(batch, packed)
        return pa.table([columns[name] for name in COLUMNS], names=list(COLUMNS))

    def _text(self, column: Any) -> Any:
        """Most columns hold nothing to clean: they are looked at as a whole, and only then one by one."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if pc.any(pc.match_substring_regex(column, _UNCLEAN)).as_py():
            return self._each(column, "text", clean, pa.string())
        return pc.cast(column, pa.string())

    def _each(self, column: Any, kind: str, read: Callable[[str | None], Any], type_: Any) -> Any:
        """``read`` applied to each distinct text once; null stays null."""
        import pyarrow as pa

        coded = column.dictionary_encode()
        values = [self._once(kind, text, read) for text in coded.dictionary.to_pylist()]
        return pa.array(values, type_).take(coded.indices)

    def _once(self, kind: str, text: str, read: Callable[[str | None], Any]) -> Any:
        if kind == "text":  # mostly UIDs: each once, so remembering them would only cost memory
            return read(text)
        key = (kind, text)
        if key not in self._known:
            self._known[key] = read(text)
        return self._known[key]

    def _more(self, batch: Any, packed: Any) -> Any:
        """JSON of what has no column: values that could not be used as they were, and the rest of a packed text."""
        import pyarrow as pa
        import pyarrow.compute as pc

        odd_age = self._each(batch["PatientAge"], "odd age", lambda t: t if age(t).odd else None, pa.string())
        odd_sex = self._each(
            batch["PatientSex"], "odd sex", lambda t: None if sex(t) == t else clean(t), pa.string()
        )
        some = pc.or_(pc.or_(odd_age.is_valid(), odd_sex.is_valid()), packed.is_valid())
        rows = pc.indices_nonzero(some)
        texts = zip(*(column.take(rows).to_pylist() for column in (odd_age, odd_sex, packed)), strict=True)
        values = pa.array([_json(*row) for row in texts], pa.string())
        return pc.replace_with_mask(pa.nulls(len(some), pa.string()), some, values)


def _acquired(name: str) -> Callable[[str | None], Any]:
    return lambda text: getattr(parse_packed(text), name, None)


def _json(odd_age: str | None, odd_sex: str | None, packed: str | None) -> str | None:
    found: dict[str, Any] = {}
    if odd_age is not None:
        found["PatientAge"] = clean(odd_age)
    if odd_sex is not None:
        found["PatientSex"] = odd_sex
    if packed is not None and (parsed := parse_packed(packed)) is not None:
        found |= {
            "StudyYear": parsed.study_year,
            "ReconstructionDiameter": parsed.field_of_view_mm,
            "EffectiveExposure": parsed.effective_mas,
            "SpiralPitchFactor": parsed.pitch,
        }
    found = {name: value for name, value in found.items() if value is not None}
    return json.dumps(found, sort_keys=True) if found else None


def _only(descriptions: Any, collection: Any, modality: Any) -> Any:
    """Descriptions of CT of the trial that packs its parameters; null elsewhere."""
    import pyarrow as pa
    import pyarrow.compute as pc

    packed = pc.and_(pc.equal(collection, NLST), pc.equal(modality, "CT"))
    return pc.if_else(packed, descriptions, pa.scalar(None, descriptions.type))


def _counts(column: Any) -> Any:
    """Numbers of instances; a series has at least one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.max_element_wise(pc.fill_null(pc.cast(column, pa.int64()), 1), 1)


def _bytes(megabytes: Any) -> Any:
    """Sizes in bytes from megabytes of 10^6; null and nonsense stay unknown."""
    import pyarrow as pa
    import pyarrow.compute as pc

    size = pc.cast(megabytes, pa.float64())
    fine = pc.fill_null(pc.and_(pc.is_finite(size), pc.greater_equal(size, 0)), fill_value=False)
    size = pc.if_else(fine, size, pa.scalar(None, pa.float64()))
    return pc.cast(pc.round(pc.multiply(size, 1e6)), pa.int64())


def write_csv(table: Any, target: IO[bytes]) -> None:
    """One batch as COPY reads it: no header, texts quoted, null empty and unquoted."""
    from pyarrow import csv

    csv.write_csv(table, target, csv.WriteOptions(include_header=False))


def read_collections(path: Path | None) -> Iterable[dict[str, Any]]:
    """Title, description, DOI and such of each collection: rows for ``catalog.collection``; none without the file."""
    import pyarrow.parquet as pq

    if path is None:
        return []
    return [_collection(row) for row in pq.read_table(path).to_pylist()]


def _collection(row: dict[str, Any]) -> dict[str, Any]:
    original = [s for s in row.get("sources") or () if s.get("source_type") == "original_data"]
    first: dict[str, Any] = original[0] if original else {}
    return {
        "collection": row["collection_id"],
        "title": clean(first.get("source_title")) or clean(row.get("collection_name")),
        "description": _plain(row.get("description")),
        "licence": clean((first.get("license") or {}).get("license_short_name")),
        "doi": clean(first.get("source_doi")),
        "cancer_types": clean(row.get("cancer_types")),
        "tumor_locations": clean(row.get("tumor_locations")),
        "species": clean(row.get("species")),
        "subject_count": row.get("subjects"),
    }


def _plain(text: str | None) -> str | None:
    """A description without its markup."""
    return clean(" ".join(html.unescape(_TAG.sub(" ", text or "")).split()))
