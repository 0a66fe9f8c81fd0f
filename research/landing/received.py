"""Accepts a received series into the landing zone, whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from research.errors import LandingError
from research.landing.archives import Limits, Unpacked, digest, unpack
from research.landing.images import inspect
from research.landing.quarantine import QuarantinedError, quarantine

RECORD = "received.json"
LICENCE = "LICENSE"


@dataclass(frozen=True)
class ReceivedFile:
    """One accepted image: its name in the folder, its size in bytes and its sha256."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Received:
    """An accepted series, as written to ``received.json`` beside its images.

    ``series_uid`` is the original UID and stays out of ``repr``. ``manifest_sha256`` is over the sorted
    (SOP Instance UID, sha256) pairs: the same images give the same manifest whatever their order or names.
    ``uids_checked`` says whether the source listed its instances to check against; ``reused`` whether the
    folder was already there, complete and unchanged.
    """

    folder: Path
    series_uid: str = field(repr=False)
    modality: str
    files: tuple[ReceivedFile, ...] = field(repr=False)
    manifest_sha256: str
    licence: str | None = field(repr=False)
    uids_checked: bool = False
    reused: bool = False

    @property
    def count(self) -> int:
        """Number of images."""
        return len(self.files)

    @property
    def bytes(self) -> int:
        """Size of all images."""
        return sum(file.bytes for file in self.files)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The images, in the order in which they were received."""
        return tuple(self.folder / file.name for file in self.files)


def series_key(series_uid: str) -> str:
    """A folder name for an original series: 20 hex digits of the UID's sha256.

    It keeps the UID out of paths, logs and task arguments. It is no pseudonym: who knows the UID can
    compute it, so it belongs into the landing zone and not beyond.
    """
    return hashlib.sha256(series_uid.encode()).hexdigest()[:20]


def manifest_of(pairs: Iterable[tuple[str, str]]) -> str:
    """The sha256 over (SOP Instance UID, sha256 of the file) pairs, in whatever order they come."""
    return hashlib.sha256(json.dumps(sorted(pairs)).encode()).hexdigest()


@contextlib.contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """Give an empty folder beside ``folder`` to receive into; what a dead run left is discarded first."""
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


def land(
    unpacked: Unpacked,
    *,
    series_uid: str | None = None,
    expected_count: int | None = None,
    expected_sops: Collection[str] = (),
) -> Received:
    """Check unpacked images against what the source announced; they stay where they are.

    Damage on the way is looked for first (checksums, count), so that what another download may mend is
    told from what is bad at the source.

    Args:
        unpacked: the images, in their folder.
        series_uid: the series that was asked for; any one where None.
        expected_count: the number of images that the source announces.
        expected_sops: the SOP Instance UIDs that the source lists; not checked where empty.

    Raises:
        LandingError: with one of ``landing.REASONS``.
    """
    digests = unpacked.digests or tuple(digest(path) for path in unpacked.images)
    for place, (found_one, stated) in enumerate(zip(digests, unpacked.md5 or (), strict=False), start=1):
        if found_one.md5 != stated:
            raise _bad(code="md5-mismatch", reason=f"Image {place} is not what the source's checksum says.")
    found = len(unpacked.images)
    if expected_count is not None and found < expected_count:
        raise _bad(code="short-series", reason=f"{found} of {expected_count} images arrived.")
    facts = inspect(unpacked.images)
    if series_uid is not None and facts[0].series_uid != series_uid:
        raise _bad(code="wrong-series", reason="The images belong to another series than the one asked for.")
    sops = {fact.sop_uid for fact in facts}
    if expected_sops and sops != set(expected_sops):
        missing, extra = len(set(expected_sops) - sops), len(sops - set(expected_sops))
        raise _bad(
            code="uid-mismatch", reason=f"{missing} listed images are missing and {extra} are not listed."
        )
    if expected_count is not None and found != expected_count:
        raise _bad(
            code="uid-mismatch", reason=f"{found} images arrived where {expected_count} were announced."
        )
    files = tuple(
        ReceivedFile(path.name, path.stat().st_size, one.sha256)
        for path, one in zip(unpacked.images, digests, strict=True)
    )
    manifest = manifest_of((fact.sop_uid, file.sha256) for fact, file in zip(facts, files, strict=True))
    return Received(
        folder=unpacked.images[0].parent,
        series_uid=facts[0].series_uid,
        modality=facts[0].modality,
        files=files,
        manifest_sha256=manifest,
        licence=unpacked.licence,
        uids_checked=bool(expected_sops),
    )


def place(received: Received, folder: Path) -> Received:
    """Write the record beside the images and rename their folder: there whole or not at all."""
    if received.licence is not None:
        (received.folder / LICENCE).write_text(received.licence, "utf-8")
    placed = replace(received, folder=folder)
    record = {k: v for k, v in asdict(placed).items() if k not in ("folder", "reused", "licence")}
    (received.folder / RECORD).write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    if folder.exists():  # of a dead or a damaged run: `verified` has refused it
        shutil.rmtree(folder)
    received.folder.rename(folder)
    return placed


def verified(folder: Path, *, series_uid: str | None = None) -> Received | None:
    """Read a folder that was accepted earlier, if every byte of it is still the same; otherwise None.

    Args:
        folder: the final folder of a series.
        series_uid: the series it must hold.
    """
    try:
        data = json.loads((folder / RECORD).read_text("utf-8"))
        files = tuple(ReceivedFile(**file) for file in data.pop("files"))
        licence = folder / LICENCE
        text = licence.read_text("utf-8") if licence.is_file() else None
        received = Received(folder=folder, files=files, licence=text, reused=True, **data)
        whole = bool(files) and all(_unchanged(folder / file.name, file) for file in files)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None  # no record, or half of one: the caller receives the series anew
    return received if whole and series_uid in (None, received.series_uid) else None


def receive_zip(
    archive: Path,
    folder: Path,
    quarantine_root: Path,
    *,
    label: str,
    source: str = "",
    limits: Limits | None = None,
    series_uid: str | None = None,
) -> Received:
    """Accept a zip that someone hands in (an upload) as the series ``folder``; the zip is used up.

    Raises:
        QuarantinedError: the zip was not acceptable and lies in the quarantine now.
    """
    with staging(folder) as part:
        try:
            received = land(unpack(archive, part, limits), series_uid=series_uid)
        except LandingError as error:
            evidence = quarantine(archive, quarantine_root, error, label=label, source=source)
            raise QuarantinedError(error, label, evidence) from error
        placed = place(received, folder)
    archive.unlink()
    return placed


def receive_files(
    files: Sequence[Path], folder: Path, quarantine_root: Path, *, label: str, source: str = ""
) -> Received:
    """Accept loose files as the series ``folder``: copies of them, numbered; the files themselves stay.

    Raises:
        QuarantinedError: they were not acceptable; copies lie in the quarantine.
    """
    with staging(folder) as part:
        copies = tuple(part / f"{i:08d}.dcm" for i in range(1, len(files) + 1))
        for file, copy in zip(files, copies, strict=True):
            shutil.copyfile(file, copy)
        try:
            received = land(Unpacked(copies, None, None))
        except LandingError as error:
            evidence = quarantine(part, quarantine_root, error, label=label, source=source)
            raise QuarantinedError(error, label, evidence) from error
        return place(received, folder)


def _unchanged(path: Path, file: ReceivedFile) -> bool:
    return path.stat().st_size == file.bytes and _sha256(path) == file.sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _bad(*, code: str, reason: str) -> LandingError:
    return LandingError(reason, "It was set aside; ask the source for a corrected series.", code=code)
