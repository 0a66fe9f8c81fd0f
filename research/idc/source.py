"""IDC as a source: select from the index, stream the objects of a series, verify it whole."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from research.errors import FetchError, LandingError
from research.idc.index import IdcIndex
from research.idc.s3 import Bucket, RemoteObject
from research.landing import Digests, QuarantinedError, Received, Unpacked, land, place, quarantine, verified
from research.sources.offers import OfferedSeries, Selection
from research.sources.patience import transient
from research.sources.source import Progress, unwatched

JOURNAL = "objects.json"
_ROUNDED = 5_000
"""Bytes by which a size may be off that an index gives in hundredths of a megabyte (earlier versions)."""


class IdcSource:
    """The Imaging Data Commons.

    Args:
        index: its index.
        bucket: access to its buckets.
        parallel: objects of one series that are transferred at once.
    """

    kind = "idc"

    def __init__(self, index: IdcIndex, bucket: Bucket, *, parallel: int = 4) -> None:
        if parallel < 1:
            msg = f"parallel must be 1 or more, got {parallel}"
            raise ValueError(msg)
        self.index = index
        self.bucket = bucket
        self.parallel = parallel
        self.gate: AbstractContextManager[Any] = nullcontext()

    def close(self) -> None:
        """Close the connections."""
        self.bucket.close()

    def series(self, wanted: Selection, *, expected: bool = False) -> Iterator[OfferedSeries]:  # noqa: ARG002
        """Series of the index that fit. The index is a file: an empty answer is never a mistake.

        Raises:
            FetchError: nothing narrows the selection, or a manifest names addresses that the index does not know.
        """
        if wanted.is_open:
            msg = "All of IDC is 100 TB."
            raise FetchError(msg, "Name a collection or give a manifest.", code="too-much")
        return self._series(wanted)

    def _series(self, wanted: Selection) -> Iterator[OfferedSeries]:
        missing = set(wanted.addresses)
        for one in self.index.select(wanted):
            missing.discard(one.address or "")
            yield one
        if missing and not (wanted.collection or wanted.modalities or wanted.body_part):
            reason = f"{len(missing)} of {len(wanted.addresses)} places of the manifest are not in the index."
            raise FetchError(
                reason, "Was it made with another version of IDC? Make it anew.", code="other-version"
            )

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

        Objects that a killed run had received whole stay, a half one goes on where it broke off.
        """
        kept = verified(folder, series_uid=series.series_uid)
        if kept is not None and series.image_count in (None, kept.count):
            return kept
        try:
            with self.gate:
                objects, digests, part = self._received(series, folder, progress, label)
        except FetchError as error:
            prefix = "" if error.reason.startswith(label) else f"{label}: "
            msg = f"{prefix}{error.reason}"
            raise FetchError(msg, error.instruction, code=error.code) from None
        images = tuple(part / _name(number) for number in range(1, len(objects) + 1))
        unpacked = Unpacked(
            images,
            None,
            tuple(one.md5 or digest.md5 for one, digest in zip(objects, digests, strict=True)),
            tuple(digests),
        )
        try:
            received = land(unpacked, series_uid=series.series_uid, expected_count=len(objects))
        except LandingError as error:
            (part / JOURNAL).unlink()
            evidence = quarantine(part, quarantine_root, error, label=label, source=self.bucket.where)
            raise QuarantinedError(error, label, evidence) from None
        (part / JOURNAL).unlink()
        return place(received, folder)

    def _received(
        self, series: OfferedSeries, folder: Path, progress: Progress, label: str
    ) -> tuple[list[RemoteObject], list[Digests], Path]:
        """All objects of a series in a folder beside ``folder``, each with its checksums."""
        # An address that another archive gave is none of a bucket.
        here = (series.address or "").startswith(("s3://", "gs://"))
        one = series if here else self._known(series, label)
        address = one.address or ""

        def listed() -> list[RemoteObject]:
            found = self.bucket.objects(address, label=label)
            _check_listing(found, one)
            return found

        objects = self.bucket.patience.run(label, listed)
        part = folder.with_name(f".{folder.name}.part")
        _prepare(part, objects)
        return objects, self._all(address, objects, part, progress, label), part

    def _known(self, series: OfferedSeries, label: str) -> OfferedSeries:
        for one in self.index.select(Selection(series=(series.series_uid,))):
            return one
        msg = f"{label}: IDC's index does not have it."
        raise FetchError(msg, "Ask the archive.", code="nothing-there")

    def _all(
        self, address: str, objects: Sequence[RemoteObject], part: Path, progress: Progress, label: str
    ) -> list[Digests]:
        """Every object, a few at once; the first failure ends the others at their next block."""
        board, lock, stop = [0] * len(objects), threading.Lock(), threading.Event()

        def one(number: int) -> Digests:
            def told(done: int) -> None:
                if stop.is_set():
                    raise _GivenUpError
                with lock:
                    board[number] = done
                    progress(sum(board))

            named = f"{label}, object {number + 1} of {len(objects)}"
            try:
                told(0)
                return self.bucket.download(
                    address, objects[number], part / _name(number + 1), told, label=named
                )
            except BaseException:
                stop.set()
                raise

        with ThreadPoolExecutor(max_workers=self.parallel, thread_name_prefix="object") as pool:
            futures = [pool.submit(one, number) for number in range(len(objects))]
        errors = [error for future in futures if (error := future.exception())]
        if errors:  # the one that made the others give up
            raise next((error for error in errors if not isinstance(error, _GivenUpError)), errors[0])
        return [future.result() for future in futures]


class _GivenUpError(Exception):
    """Another object of the series failed; this one is of no use without it."""


def _check_listing(found: Sequence[RemoteObject], one: OfferedSeries) -> None:
    """The bucket against the index.

    Raises:
        TransientError: they disagree; a listing that was cut short is mended by another.
    """
    if one.image_count is not None and len(found) != one.image_count:
        reason = f"The bucket lists {len(found)} objects; the index has {one.image_count}."
        raise transient(reason, "short-series")
    if not found:
        raise transient(reason="The bucket lists no object.", code="short-series")
    size, slack = sum(entry.size for entry in found), 0 if one.image_count is not None else _ROUNDED
    if one.byte_count is not None and abs(size - one.byte_count) > slack:
        msg = f"The bucket lists {size} bytes; the index has {one.byte_count}."
        raise transient(msg, "size-mismatch")


def _prepare(part: Path, objects: Sequence[RemoteObject]) -> None:
    """A folder to receive into; what an earlier run left stays only if it was receiving the same objects."""
    journal = json.dumps([[one.key, one.size, one.etag] for one in objects])
    written = part / JOURNAL
    if not written.is_file() or written.read_text("utf-8") != journal:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        written.write_text(journal, "utf-8")


def _name(number: int) -> str:
    return f"{number:08d}.dcm"
