"""Selecting series from IDC's index: a parquet file with one row per series, read column by column."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import requests

from research.errors import FetchError, SettingsError
from research.sources.offers import OfferedSeries, Selection, collection_key

_ROWS = 1 << 16
_BLOCK = 1 << 20
_PARTS = {
    "SeriesInstanceUID": "series_uid", "collection_id": "collection", "StudyInstanceUID": "study_uid",
    "PatientID": "patient_id", "Modality": "modality", "BodyPartExamined": "body_part",
    "instanceCount": "image_count", "series_size_MB": "byte_count", "license_short_name": "licence",
    "source_DOI": "citation_uri", "series_aws_url": "address",
}  # fmt: skip
_NEEDED = ("SeriesInstanceUID", "collection_id", "series_aws_url")
LICENCES = {
    "CC BY 3.0": "https://creativecommons.org/licenses/by/3.0/",
    "CC BY 4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC BY-NC 3.0": "https://creativecommons.org/licenses/by-nc/3.0/",
    "CC BY-NC 4.0": "https://creativecommons.org/licenses/by-nc/4.0/",
}
"""Addresses of the licences that the index names in short."""


@dataclass(frozen=True)
class IdcIndex:
    """One or several index files; of a series that is in two of them, the first file's row counts.

    The package ``idc-index-data`` carries ``idc_index.parquet`` (what IDC publishes now) and
    ``prior_versions_index.parquet`` (what it published once; its objects are still in the buckets, but it says
    neither licence nor number of objects). Columns that a file lacks are None.
    """

    paths: tuple[Path, ...]

    @classmethod
    def of(cls, paths: Sequence[Path]) -> IdcIndex:
        """An index over existing files.

        Raises:
            SettingsError: a file is absent, no parquet, or lacks a column without which nothing can be fetched.
        """
        instruction = "Set the connection's index to idc_index.parquet of idc-index-data, or leave it empty."
        for path in paths:
            try:
                names = set(pq.read_schema(path).names)
            except (OSError, pa.ArrowException):
                msg = f"{path} is no index of IDC: it is absent or no parquet file."
                raise SettingsError(msg, instruction) from None
            missing = [name for name in _NEEDED if name not in names]
            if missing:
                msg = f"{path} is no index of IDC: it lacks {', '.join(missing)}."
                raise SettingsError(msg, instruction)
        return cls(tuple(paths))

    @property
    def count(self) -> int:
        """Rows of all files, from their footers."""
        return sum(pq.read_metadata(path).num_rows for path in self.paths)

    @property
    def first(self) -> OfferedSeries:
        """Some series of it.

        Raises:
            SettingsError: it has none.
        """
        for one in self.select(Selection()):
            return one
        msg = "The index of IDC has no series."
        raise SettingsError(msg, "Set the connection's index to another file, or leave it empty.")

    def select(self, wanted: Selection) -> Iterator[OfferedSeries]:
        """Series that fit, in the order of the files; memory holds one batch of rows of the needed columns."""
        found: set[str] = set()
        for path in self.paths:
            # Streamed: a column chunk of a file with one row group is never in memory whole.
            with pq.ParquetFile(path, buffer_size=_BLOCK, pre_buffer=False) as file:
                names = set(file.schema_arrow.names)
                columns = [name for name in _PARTS if name in names]
                for batch in file.iter_batches(batch_size=_ROWS, columns=columns, use_threads=False):
                    for row in batch.filter(_mask(batch, wanted)).to_pylist():
                        if row["SeriesInstanceUID"] and row["SeriesInstanceUID"] not in found:
                            if len(self.paths) > 1:
                                found.add(row["SeriesInstanceUID"])
                            yield _offer(row)


def _mask(batch: pa.RecordBatch, wanted: Selection) -> Any:
    """Which rows of a batch fit; a row whose value is absent does not."""
    mask = pc.is_valid(batch.column(0))

    def keep(column: str, test: Any) -> None:
        nonlocal mask
        if column not in batch.schema.names:
            mask = pc.and_(mask, pa.scalar(value=False))
        else:
            mask = pc.and_(mask, pc.fill_null(test(batch.column(column)), fill_value=False))

    def one_of(values: Sequence[str]) -> Any:
        known = pa.array(list(values), pa.large_string())
        return lambda column: pc.is_in(column.cast(pa.large_string()), value_set=known)

    if wanted.collection:
        keep("collection_id", lambda column: pc.equal(column, collection_key(wanted.collection)))
    if wanted.modalities:
        keep("Modality", one_of([name.upper() for name in wanted.modalities]))
    if wanted.body_part:
        part = wanted.body_part.lower()
        keep("BodyPartExamined", lambda column: pc.equal(pc.utf8_lower(column), part))
    for column, values in (
        ("PatientID", wanted.patients), ("StudyInstanceUID", wanted.studies),
        ("SeriesInstanceUID", wanted.series), ("series_aws_url", wanted.addresses),
    ):  # fmt: skip
        if values:
            keep(column, one_of(values))
    return mask


def _offer(row: dict[str, Any]) -> OfferedSeries:
    parts = {part: row.get(column) for column, part in _PARTS.items()}
    size, licence, doi = parts["byte_count"], parts["licence"], parts["citation_uri"]
    parts["byte_count"] = None if size is None else round(size * 1e6)
    parts["licence_uri"] = LICENCES.get(licence or "")
    parts["citation_uri"] = None if not doi else doi if "://" in doi else f"https://doi.org/{doi}"
    parts["image_count"] = parts["image_count"] or None
    filled: dict[str, Any] = {name: value if value != "" else None for name, value in parts.items()}
    return OfferedSeries(**filled)


def current_index(place: str, cache: Path, *, timeout: tuple[float, float] = (10.0, 60.0)) -> IdcIndex:
    """The index at a path or an address.

    Args:
        place: path of a parquet file, an address to download it from, or empty for the files that the package
            ``idc-index-data`` carries.
        cache: folder that a downloaded file is kept in; it is asked for again only if the server has a newer one.
        timeout: seconds to connect, seconds of silence.

    Raises:
        SettingsError: there is no such file, or the package is not installed.
        FetchError: the download failed, or differs from the checksum beside it.
    """
    if place.startswith(("http://", "https://")):
        return IdcIndex.of([_download(place, cache, timeout)])
    if place:
        return IdcIndex.of([Path(place.removeprefix("file://"))])
    try:
        import idc_index_data
    except ImportError:
        msg = "There is no index of IDC: idc-index-data is not installed."
        raise SettingsError(
            msg, "Install it, or set the connection's index to a file or an address."
        ) from None
    packaged = (
        idc_index_data.IDC_INDEX_PARQUET_FILEPATH, idc_index_data.PRIOR_VERSIONS_INDEX_PARQUET_FILEPATH,
    )  # fmt: skip
    return IdcIndex.of([Path(str(path)) for path in packaged])


def _download(url: str, cache: Path, timeout: tuple[float, float]) -> Path:
    """The file behind an address, kept under the address's hash and checked against its ``.sha256``, if any."""
    cache.mkdir(parents=True, exist_ok=True)
    target = cache / f"{hashlib.sha256(url.encode()).hexdigest()[:20]}.parquet"
    mark = target.with_suffix(".etag")
    known = mark.read_text("utf-8") if target.is_file() and mark.is_file() else ""
    try:
        with requests.get(
            url, headers={"If-None-Match": known} if known else {}, timeout=timeout, stream=True
        ) as answer:
            if answer.status_code == requests.codes.not_modified:
                return target
            answer.raise_for_status()
            part = target.with_suffix(".part")
            digest = hashlib.sha256()
            with part.open("wb") as out:
                for block in answer.iter_content(_BLOCK):
                    digest.update(block)
                    out.write(block)
            stated = requests.get(f"{url}.sha256", timeout=timeout)
    except requests.RequestException as error:
        reason = f"The index of IDC could not be downloaded ({type(error).__name__})."
        raise FetchError(reason, "Check the connection's index address, or use the packaged index.") from None
    if stated.ok and stated.text.split()[:1] != [digest.hexdigest()]:
        part.unlink()
        msg = "The index of IDC is not what its checksum says."
        raise FetchError(msg, "Fetch again.", code="index-checksum")
    part.replace(target)
    mark.write_text(answer.headers.get("ETag", ""), "utf-8")
    return target
