"""A DICOMweb service as a source: search its studies, stream a series image by image, verify it whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from research.dicomweb.client import DicomWebClient
from research.dicomweb.multipart import Part
from research.errors import FetchError
from research.landing import Limits, Received, verified
from research.sources.instances import Instances, checked_list
from research.sources.offers import OfferedSeries, Selection
from research.sources.pacs import select, study_of
from research.sources.patience import TransientError
from research.sources.source import Progress, unwatched


class DicomWebSource:
    """A hospital's archive, or another server, that speaks DICOMweb.

    Args:
        client: the service.
        limits: how large an image and a series may be.
    """

    kind = "dicomweb"

    def __init__(self, client: DicomWebClient, *, limits: Limits | None = None) -> None:
        self.client = client
        self.limits = limits or Limits()
        self.gate: AbstractContextManager[Any] = nullcontext()

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def series(self, wanted: Selection, *, expected: bool = False) -> Iterator[OfferedSeries]:  # noqa: ARG002
        """Series that fit; see ``Source.series``.

        Raises:
            FetchError: the server did not answer, or nothing narrows the question.
        """
        return select(wanted, self.client.studies, self.client.series)

    def download(
        self,
        series: OfferedSeries,
        folder: Path,
        progress: Progress = unwatched,
        *,
        label: str,
        quarantine_root: Path,
    ) -> Received:
        """Bring a series into ``folder``; see ``Source.download``.

        It is asked for as one stream; what is missing after that, image by image. Images that an earlier attempt
        or a killed run received whole are not asked for again.
        """
        kept = verified(folder, series_uid=series.series_uid)
        if kept is not None and series.image_count in (None, kept.count):
            return kept
        study_uid = study_of(series, label)
        with self.gate:
            here = Instances(folder, self._listed(study_uid, series, label))
            progress(here.bytes)

            def attempt() -> None:
                if len(here.missing) > max(1, here.count // 2) and not refused:
                    self._stream(study_uid, series.series_uid, "", here, progress, refused)
                    refused.add("series")  # what it left out it would leave out again
                last: TransientError | None = None
                for uid in here.missing:
                    try:
                        self._stream(study_uid, series.series_uid, uid, here, progress, refused)
                    except TransientError as error:
                        if error.seconds is not None or error.code in ("unreachable", "stalled"):
                            raise
                        last = error
                if last is not None:
                    raise last

            refused: set[str] = set()
            here.bring(self.client.transport.patience, attempt, label=label)
        return here.accept(
            series.series_uid, quarantine_root, label=label, where=self.client.transport.address
        )

    def _listed(self, study_uid: str, series: OfferedSeries, label: str) -> list[str]:
        def attempt() -> list[str]:
            found = self.client.instances(
                study_uid, series.series_uid, announced=series.image_count, label=label
            )
            checked_list(found, series.image_count, label)
            return found

        return self.client.transport.patience.run(label, attempt)

    def _stream(
        self,
        study_uid: str,
        series_uid: str,
        sop_uid: str,
        here: Instances,
        progress: Progress,
        refused: set[str],
    ) -> None:
        """Receive a series, or one image of it, and keep each part that is whole."""
        try:
            with self.client.retrieve(study_uid, series_uid, sop_uid) as parts:
                for part in parts:
                    written = here.incoming()
                    try:
                        self._write(part, written, here.bytes, progress)
                        here.keep(written, sop_uid or None)
                    except BaseException:
                        if not sop_uid:
                            written.unlink(missing_ok=True)
                        raise
        except TransientError:
            if not sop_uid:  # what a server cannot send as one it may send one by one
                refused.add("series")
            raise
        except FetchError as error:
            if sop_uid or error.code == "denied":
                raise
            refused.add("series")
            raise TransientError(error.reason, error.instruction, code=error.code) from None

    def _write(self, part: Part, path: Path, before: int, progress: Progress) -> None:
        done = 0
        with path.open("wb") as out:
            for block in part.blocks:
                done += len(block)
                if done > self.limits.file_bytes or before + done > self.limits.total_bytes:
                    reason = "The series is larger than is allowed."
                    raise FetchError(reason, "Raise the limits to take it.", code="too-much")
                out.write(block)
                progress(before + done)
