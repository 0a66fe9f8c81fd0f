"""NbiaClient: queries and whole, verified downloads."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

from research.errors import FetchError, LandingError
from research.landing import (
    MENDABLE,
    Limits,
    QuarantinedError,
    Received,
    land,
    place,
    quarantine,
    staging,
    unpack,
    verified,
)
from research.nbia.rows import SeriesRow, SeriesSize
from research.nbia.transport import base_address, broken, get, not_nbia
from research.sources.patience import Patience, transient
from research.sources.source import Progress, unwatched

log = logging.getLogger(__name__)

_BLOCK = 1 << 18
_AT_ONCE = 1000
"""Series per question to getSeriesMetadata; TCIA's own tools send up to 10,000."""


class NbiaClient:
    """A client of one NBIA server: v4, or v1 and v2 where the address says so.

    Args:
        base_url: the server's address, with or without the API path.
        timeout: seconds to connect, and seconds of silence after which an answer counts as stalled.
        retries: attempts after the first; only for what another attempt may mend.
        backoff: seconds before the second attempt, doubled for each further one.
        session: a session to use (for a proxy or a certificate); one is made where omitted.
        limits: how far a zip may inflate.
        longest: seconds that one download may take in all; a server that drips is cut off then.
        token: a bearer token, which v2 asks for; v4 is public.

    Raises:
        ValueError: the address is not an HTTP address.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout: tuple[float, float] = (10.0, 60.0),
        retries: int = 4,
        backoff: float = 1.0,
        session: requests.Session | None = None,
        limits: Limits | None = None,
        longest: float = 3600.0,
        token: str = "",
    ) -> None:
        self.address = base_address(base_url)
        self.timeout = timeout
        self.patience = Patience(retries, backoff)
        self.limits = limits or Limits()
        self.longest = longest
        self.is_v4 = self.address.rstrip("/").rpartition("/")[2] not in ("v1", "v2")
        self.gate: AbstractContextManager[Any] = nullcontext()
        self._session = session or requests.Session()
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def collections(self) -> list[str]:
        """Names of the public collections."""
        rows = self._query("getCollectionValues", {}, "The list of collections")
        return [str(row["Collection"]) for row in rows if row.get("Collection")]

    def series(
        self,
        *,
        collection: str | None = None,
        patient_id: str | None = None,
        study_uid: str | None = None,
        series_uid: str | None = None,
        modality: str | None = None,
        body_part: str | None = None,
        expected: bool = False,
    ) -> list[SeriesRow]:
        """Series that fit every given criterion; an empty list where there is none.

        Args:
            collection: name of the collection, upper or lower case.
            patient_id: the patient.
            study_uid: the study.
            series_uid: the series.
            modality: e.g. ``CT``.
            body_part: e.g. ``CHEST``.
            expected: the caller knows that there is something. NBIA says "nothing" with an empty answer,
                which an overloaded server may give too: it is believed only when every attempt brings it.

        Raises:
            FetchError: the server did not answer, or not in NBIA's form.
        """
        criteria = {
            "Collection": collection,
            "PatientID": patient_id,
            "StudyInstanceUID": study_uid,
            "SeriesInstanceUID": series_uid,
            "Modality": modality,
            "BodyPartExamined": body_part,
        }
        query = {name: value for name, value in criteria.items() if value}
        return self._series("getSeries", query, "The list of series", expected=expected)

    def updated_since(self, day: dt.date, *, collection: str | None = None) -> list[SeriesRow]:
        """Series released after ``day`` (the day itself is not included), of one collection where given."""
        written = f"{day:%m-%d-%Y}" if self.is_v4 else f"{day:%d/%m/%Y}"
        rows = self._series("getUpdatedSeries", {"fromDate": written}, "The list of new series")
        wanted = (collection or "").casefold()
        return [row for row in rows if not wanted or (row.collection or "").casefold() == wanted]

    def series_named(self, series_uids: Sequence[str]) -> Iterator[SeriesRow]:
        """Rows of series given by their UIDs; those that the server does not have are left out.

        v4 answers for many at once; v1 and v2 are asked for one after the other.
        """
        if not self.is_v4:
            for uid in series_uids:
                yield from self.series(series_uid=uid)
            return
        for start in range(0, len(series_uids), _AT_ONCE):
            form = {"list": ",".join(series_uids[start : start + _AT_ONCE]), "format": "CSV"}
            label = "The list of named series"
            rows = self._ask("getSeriesMetadata", {}, label, _csv_rows, form=form)
            yield from self._in_form(rows, label)

    def series_size(self, series_uid: str, *, label: str = "A series") -> SeriesSize | None:
        """Bytes and number of objects of a series, or None where it is unknown; slow on the real server."""
        rows = self._query("getSeriesSize", {"SeriesInstanceUID": series_uid}, f"{label}: its size")
        if not rows:
            return None
        return SeriesSize(int(float(rows[0]["TotalSizeInBytes"])), int(float(rows[0]["ObjectCount"])))

    def sop_uids(self, series_uid: str, *, label: str = "A series") -> frozenset[str]:
        """SOP Instance UIDs of a series; empty where the server lists none (the NLST host never does)."""
        rows = self._query(
            "getSOPInstanceUIDs", {"SeriesInstanceUID": series_uid}, f"{label}: its list of instances"
        )
        return frozenset(str(row["SOPInstanceUID"]) for row in rows if row.get("SOPInstanceUID"))

    def download_series(
        self,
        series_uid: str,
        folder: Path,
        expected_count: int | None = None,
        *,
        label: str,
        quarantine_root: Path,
        check_uids: bool = True,
        progress: Progress = unwatched,
    ) -> Received:
        """Download a series into ``folder``, whole and verified, or not at all.

        A folder that is complete and unchanged is reused without a download; half a folder is discarded.
        What another download may mend (connection, HTTP 5xx, broken or short zip, wrong checksum) is tried
        again. What is bad at the source goes to the quarantine at once.

        Args:
            series_uid: the SeriesInstanceUID.
            folder: where the series shall be; its parent is made where absent.
            expected_count: ImageCount of getSeries; asked from getSeriesSize where None.
            label: what to call the series in errors and logs, e.g. ``series 3 of 12``; no identity in it.
            quarantine_root: the quarantine zone.
            check_uids: compare the instances with getSOPInstanceUIDs.
            progress: told how many bytes of the zip have arrived.

        Raises:
            FetchError: the source did not deliver in spite of every attempt.
            QuarantinedError: the series is bad at the source; its bytes lie in the quarantine.
        """
        kept = verified(folder, series_uid=series_uid)
        if kept is not None and expected_count in (None, kept.count):
            return kept
        if expected_count is None:
            size = self.series_size(series_uid, label=label)
            expected_count = size.object_count if size else None
        sops = self.sop_uids(series_uid, label=label) if check_uids else frozenset()
        with staging(folder) as part:
            archive = part.with_name(f"{part.name}.zip")

            def attempt() -> Received:
                with self.gate:
                    self._download(series_uid, archive, progress)
                return self._accept(archive, part, series_uid, expected_count, sops)

            try:
                return place(self.patience.run(label, attempt), folder)
            except LandingError as error:
                source = f"{self.address}/getImage"
                evidence = quarantine(archive, quarantine_root, error, label=label, source=source)
                raise QuarantinedError(error, label, evidence) from None
            except FetchError as error:
                prefix = "" if error.reason.startswith(label) else f"{label}: "
                reason = f"{prefix}{error.reason}"
                raise FetchError(reason, error.instruction, code=error.code) from None
            finally:
                archive.unlink(missing_ok=True)

    def _accept(
        self, archive: Path, part: Path, series_uid: str, count: int | None, sops: frozenset[str]
    ) -> Received:
        for leftover in part.iterdir():
            leftover.unlink()
        try:
            unpacked = unpack(archive, part, self.limits)
            if count is not None and len(unpacked.images) < count:
                reason = f"{len(unpacked.images)} of {count} images arrived."
                raise transient(reason, "short-series")
            if unpacked.md5 is None:
                raise transient(reason="The zip ended without its checksums.", code="no-checksums")
            return land(unpacked, series_uid=series_uid, expected_count=count, expected_sops=sops)
        except LandingError as error:
            if error.code in MENDABLE:
                raise transient(error.reason, error.code) from None
            raise

    def _download(self, series_uid: str, archive: Path, progress: Progress) -> None:
        """Stream the zip of a series to a file."""
        query = {"SeriesInstanceUID": series_uid} | ({"IncludeMD5": "Yes"} if self.is_v4 else {})
        endpoint = "getImage" if self.is_v4 else "getImageWithMD5Hash"
        end, done = time.monotonic() + self.longest, 0
        with (
            get(self._session, f"{self.address}/{endpoint}", query, self.timeout, stream=True) as response,
            archive.open("wb") as out,
        ):
            try:
                for block in response.iter_content(_BLOCK):
                    out.write(block)
                    done += len(block)
                    progress(done)
                    if time.monotonic() > end:
                        raise transient(
                            reason=f"The download took more than {self.longest:g} s.", code="too-slow"
                        )
                    if done > self.limits.total_bytes:
                        reason = f"The zip is larger than {self.limits.total_bytes} bytes."
                        raise LandingError(
                            reason, "It was set aside; raise the limits to take it.", code="zip-bomb"
                        )
            except requests.RequestException as error:
                raise broken(error, self.timeout[1]) from None
        if not done:
            raise transient(reason="The server sent an empty answer instead of the zip.", code="empty-answer")

    def _series(
        self, endpoint: str, query: Mapping[str, str], label: str, *, expected: bool = False
    ) -> list[SeriesRow]:
        return self._in_form(self._query(endpoint, query, label, expected=expected), label)

    def _in_form(self, rows: list[dict[str, Any]], label: str) -> list[SeriesRow]:
        try:
            return [SeriesRow.of(row) for row in rows]
        except (KeyError, ValueError):
            reason, error = f"{label}: a row is not in NBIA's form.", not_nbia()
            raise FetchError(reason, error.instruction, code=error.code) from None

    def _query(
        self, endpoint: str, query: Mapping[str, str], label: str, *, expected: bool = False
    ) -> list[dict[str, Any]]:
        return self._ask(endpoint, query, label, _json_rows, expected=expected)

    def _ask(
        self,
        endpoint: str,
        query: Mapping[str, str],
        label: str,
        read: Callable[[bytes], list[dict[str, Any]]],
        *,
        form: Mapping[str, str] | None = None,
        expected: bool = False,
    ) -> list[dict[str, Any]]:
        """The rows of a query endpoint; an empty body means none, and is doubted where rows are expected."""
        doubts = self.patience.retries if expected else 0

        def attempt() -> list[dict[str, Any]]:
            nonlocal doubts
            url = f"{self.address}/{endpoint}"
            with get(self._session, url, query, self.timeout, form=form) as response:
                body = response.content
            if not body.strip():
                doubts -= 1
                if doubts >= 0:
                    raise transient(reason="The server found nothing.", code="empty-answer")
                return []
            return read(body)

        return self.patience.run(label, attempt)


def _json_rows(body: bytes) -> list[dict[str, Any]]:
    try:
        rows = json.loads(body)
    except ValueError:
        raise not_nbia() from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise not_nbia()
    return rows


def _csv_rows(body: bytes) -> list[dict[str, Any]]:
    reader = csv.DictReader(io.StringIO(body.decode("utf-8", "replace")))
    if "SeriesInstanceUID" not in (reader.fieldnames or ()):
        raise not_nbia()
    return [dict(row) for row in reader]
