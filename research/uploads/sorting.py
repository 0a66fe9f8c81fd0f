"""Sorts whatever was uploaded into series: several series of several patients in one upload are normal."""

from __future__ import annotations

import os
import shutil
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from research.errors import LandingError
from research.landing import (
    Digests,
    ImageFacts,
    Limits,
    QuarantinedError,
    Received,
    Unpacked,
    examine,
    land,
    manifest_of,
    place,
    quarantine,
    staging,
    unpack,
)
from research.uploads.meta import HEAD_BYTES, file_meta

_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")


@dataclass(frozen=True)
class Handed:
    """One file as it was sent: its number in the upload, where it lies, and its sha256."""

    number: int
    path: Path
    sha256: str


@dataclass(frozen=True)
class Image:
    """One image: of which sent file it came, under which name in a zip (None where it was sent by itself)."""

    number: int
    name: str | None = field(repr=False)
    path: Path
    sha256: str
    facts: ImageFacts


@dataclass(frozen=True)
class Verdict:
    """What became of one file or zip entry; ``code`` is one of ``VERDICTS``."""

    number: int
    name: str | None = field(repr=False)
    code: str
    reason: str | None = None


@dataclass(frozen=True)
class FoundSeries:
    """The different images of one series, and the copies of them that came with it."""

    series_uid: str = field(repr=False)
    patient: int
    images: tuple[Image, ...]

    @property
    def modality(self) -> str:
        """As the first image says it."""
        return self.images[0].facts.modality

    @property
    def manifest_sha256(self) -> str:
        """As `research.landing` computes it."""
        return manifest_of((one.facts.sop_uid, one.sha256) for one in self.images)


@dataclass(frozen=True)
class Sorted:
    """Series that may be taken, and verdicts on every file that is in none of them."""

    series: tuple[FoundSeries, ...]
    verdicts: tuple[Verdict, ...]


def sort_files(handed: Iterable[Handed], folder: Path, limits: Limits | None = None) -> Sorted:
    """Unpack zips, look at every file, and sort images by the series that they name.

    Args:
        handed: what was sent, in order.
        folder: an existing folder to unpack into; on the file system of the landing zone, taking is one rename.
        limits: over all zips of the upload together.

    Returns:
        The series in order of their first image. A series of which one file is cut off is not among them: a part of a
        series that passes for the whole is worse than none.
    """
    limits = limits or Limits()
    verdicts: list[Verdict] = []
    groups: dict[str, list[tuple[Image, bool]]] = {}
    for file in handed:
        for image, whole in _looked_at(file, folder, limits, verdicts):
            groups.setdefault(image.facts.series_uid, []).append((image, whole))
            if image.name is not None:
                size = image.path.stat().st_size
                limits = replace(limits, total_bytes=max(1, limits.total_bytes - size))
    patients: dict[tuple[str, ...], int] = {}
    series = []
    for uid, pieces in groups.items():
        if not all(whole for _, whole in pieces):
            verdicts += [
                Verdict(image.number, image.name, "incomplete-series" if whole else "truncated")
                for image, whole in pieces
            ]
            continue
        different: dict[tuple[str, str], Image] = {}
        for image, _ in pieces:
            if different.setdefault((image.facts.sop_uid, image.sha256), image) is not image:
                verdicts.append(Verdict(image.number, image.name, "duplicate"))
        images = tuple(different.values())
        series.append(FoundSeries(uid, patients.setdefault(_who(images[0]), len(patients) + 1), images))
    return Sorted(tuple(series), tuple(verdicts))


def _who(image: Image) -> tuple[str, ...]:
    """What tells one patient from another: id and issuer, or all there is where there is no id."""
    person = image.facts.person
    return person[:2] if person[0] else person


def _looked_at(
    file: Handed, folder: Path, limits: Limits, verdicts: list[Verdict]
) -> Iterator[tuple[Image, bool]]:
    """Images of one sent file; verdicts on what is none."""
    with file.path.open("rb") as opened:
        head = opened.read(HEAD_BYTES)
    if not head.startswith(_ZIP):
        found = _image(file.number, None, file.path, file.sha256, head, verdicts)
        if found:
            yield found
        return
    inside = folder / f"{file.number:06d}"
    shutil.rmtree(inside, ignore_errors=True)
    inside.mkdir()
    try:
        unpacked = unpack(file.path, inside, limits)
    except LandingError as error:
        shutil.rmtree(inside)
        verdicts.append(Verdict(file.number, None, error.code, error.reason))
        return
    if not unpacked.images:
        verdicts.append(Verdict(file.number, None, "not-dicom", "There is no file in the zip."))
    for path, name, digests in zip(
        unpacked.images, unpacked.names or (), unpacked.digests or (), strict=True
    ):
        with path.open("rb") as opened:
            head = opened.read(HEAD_BYTES)
        shown = "".join(char for char in name if unicodedata.category(char) != "Cc")[:1000]
        if head.startswith(_ZIP):
            verdicts.append(Verdict(file.number, shown, "nested-zip"))
        elif found := _image(file.number, shown, path, digests.sha256, head, verdicts):
            yield found


def _image(
    number: int, name: str | None, path: Path, sha256: str, head: bytes, verdicts: list[Verdict]
) -> tuple[Image, bool] | None:
    meta = file_meta(head)
    if meta and meta.is_directory:
        verdicts.append(Verdict(number, name, "dicomdir"))
        return None
    try:
        facts, whole = examine(path)
    except LandingError as error:
        verdicts.append(Verdict(number, name, error.code))
        return None
    return Image(number, name, path, sha256, facts), whole


def take_series(series: FoundSeries, folder: Path, quarantine_root: Path, *, label: str) -> Received:
    """Put a series into the landing zone as ``folder``, whole or not at all; what was sent stays where it is.

    Args:
        series: what ``sort_files`` found.
        folder: the final folder.
        quarantine_root: where it goes that is not acceptable.
        label: what reasons call the series; names no patient.

    Raises:
        QuarantinedError: two patients in one series, or two images under one SOP Instance UID.
    """
    with staging(folder) as part:
        paths = tuple(part / f"{i:08d}.dcm" for i in range(1, len(series.images) + 1))
        for image, path in zip(series.images, paths, strict=True):
            _put(image.path, path)
        digests = tuple(Digests("", image.sha256) for image in series.images)
        try:
            received = land(Unpacked(paths, None, None, digests), series_uid=series.series_uid)
        except LandingError as error:
            evidence = quarantine(part, quarantine_root, error, label=label, source="upload")
            raise QuarantinedError(error, label, evidence) from error
        return place(received, folder)


def set_aside(
    series: FoundSeries, folder: Path, quarantine_root: Path, error: LandingError, *, label: str
) -> Path:
    """Put a series into the quarantine without looking at it again. Returns where it lies."""
    with staging(folder) as part:
        for i, image in enumerate(series.images, start=1):
            _put(image.path, part / f"{i:08d}.dcm")
        return quarantine(part, quarantine_root, error, label=label, source="upload")


def _put(source: Path, target: Path) -> None:
    """A second name for the same bytes, or a copy where the two places cannot share them."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
