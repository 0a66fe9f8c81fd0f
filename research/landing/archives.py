"""Unpacks a received zip without trusting its names, sizes or kinds of entry."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import lzma
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO

from research.errors import LandingError

LICENCE_ENTRY = "LICENSE"
MD5_ENTRY = "md5hashes.csv"
_BLOCK = 1 << 20
_BROKEN_ZIP = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, LookupError, NotImplementedError,
    ValueError,
)  # fmt: skip
"""What zipfile raises on bytes that are not a zip, or not all of one."""
_ASK_SOURCE = "It was set aside; ask the source about it, or fetch it again once they have mended it."


@dataclass(frozen=True)
class Limits:
    """How much a zip may inflate to before it is taken for a bomb.

    Args:
        files: number of entries.
        file_bytes: inflated size of one entry.
        total_bytes: inflated size of all entries.
        ratio: inflated to packed size of one entry; looked at only above ``ratio_floor`` bytes, since an
            empty slice of a CT honestly shrinks a thousandfold.
        ratio_floor: inflated bytes below which the ratio does not matter.
    """

    files: int = 20_000
    file_bytes: int = 4 << 30
    total_bytes: int = 64 << 30
    ratio: float = 100.0
    ratio_floor: int = 32 << 20


@dataclass(frozen=True)
class Digests:
    """MD5 and SHA-256 of a file, in hexadecimal digits."""

    md5: str
    sha256: str


@dataclass(frozen=True)
class Unpacked:
    """The images of a zip as numbered files, and what came beside them.

    ``md5`` holds the source's own checksums in the order of ``images``; None where the zip had no
    md5hashes.csv, and an empty text for an image that is not in it. ``digests`` are those of the files as they
    were written, computed on the way; None where nobody did, and then the files are read for them. ``names`` are those
    in the zip, which may name a patient.
    """

    images: tuple[Path, ...]
    licence: str | None
    md5: tuple[str, ...] | None
    digests: tuple[Digests, ...] | None = None
    names: tuple[str, ...] | None = field(default=None, repr=False)


def unpack(archive: Path, folder: Path, limits: Limits | None = None) -> Unpacked:
    """Unpack the images of a zip into an existing folder as ``00000001.dcm``, ``00000002.dcm``, ...

    The names in the zip are never used to make a path; a name that tries to leave the folder still condemns
    the zip, since nobody who meant well wrote it.

    Args:
        archive: the zip as received.
        folder: an existing, empty folder.
        limits: what counts as a bomb.

    Returns:
        The images in the order of the zip, the licence text and the source's checksums.

    Raises:
        LandingError: ``bad-zip``, ``zip-slip``, ``zip-symlink``, ``zip-duplicate-name`` or ``zip-bomb``.
    """
    limits = limits or Limits()
    try:
        with zipfile.ZipFile(archive) as opened:
            return _unpack(opened, folder, limits)
    except _BROKEN_ZIP:
        raise _bad(code="bad-zip", reason="The zip is broken or cut off.") from None
    except OSError as error:
        # A place that lies outside the file, or a broken bzip2 stream; a full disk is another matter.
        if error.errno in (None, errno.EINVAL):
            raise _bad(code="bad-zip", reason="The zip is broken.") from None
        raise
    except RuntimeError:  # zipfile's answer to an encrypted entry
        raise _bad(code="bad-zip", reason="The zip is encrypted.") from None


def _unpack(opened: zipfile.ZipFile, folder: Path, limits: Limits) -> Unpacked:
    _check_names([entry.filename for entry in opened.infolist()])
    entries = [entry for entry in opened.infolist() if not entry.is_dir()]
    _check_entries(entries, limits)
    licence, table = None, None
    images: list[tuple[str, Path]] = []
    digests: list[Digests] = []
    budget = limits.total_bytes
    for entry in entries:
        name = PurePosixPath(entry.filename).name
        if name in (LICENCE_ENTRY, MD5_ENTRY):
            told = io.BytesIO()
            _read(opened, entry, told, budget)
            text = told.getvalue().decode("utf-8", "replace")
            licence, table = (text, table) if name == LICENCE_ENTRY else (licence, text)
            continue
        path = folder / f"{len(images) + 1:08d}.dcm"
        with path.open("xb") as file:
            out = Digesting(file)
            _read(opened, entry, out, min(budget, limits.file_bytes))
        digests.append(out.digests)
        budget -= path.stat().st_size
        images.append((entry.filename, path))
    return Unpacked(
        tuple(path for _, path in images),
        licence,
        None if table is None else _checksums(table, [name for name, _ in images]),
        tuple(digests),
        tuple(name for name, _ in images),
    )


class Digesting:
    """Writes to a file and computes its checksums on the way."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._md5, self._sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()

    def write(self, block: bytes) -> None:
        """Write a block."""
        self._file.write(block)
        self.add(block)

    def add(self, block: bytes) -> None:
        """Count a block that is in the file already."""
        self._md5.update(block)
        self._sha256.update(block)

    @property
    def digests(self) -> Digests:
        """Checksums of what was written so far."""
        return Digests(self._md5.hexdigest(), self._sha256.hexdigest())


def _read(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, out: io.BytesIO | Digesting, most: int) -> None:
    """Copy an entry in blocks; the size it declares is not believed."""
    done = 0
    with opened.open(entry) as source:
        while block := source.read(_BLOCK):
            done += len(block)
            if done > most:
                raise _bad(code="zip-bomb", reason=f"An entry of the zip inflates to more than {most} bytes.")
            out.write(block)


def _check_names(names: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if not is_inside(name):
            raise _bad(code="zip-slip", reason="The zip holds an entry whose name leads out of its folder.")
        folded = unicodedata.normalize("NFC", name).casefold()
        if folded in seen:
            raise _bad(code="zip-duplicate-name", reason="The zip holds two entries of the same name.")
        seen.add(folded)


def is_inside(name: str) -> bool:
    """Tell whether an entry's name stays inside the folder on POSIX and on Windows.

    Refuses absolute names, drive letters, backslashes, ``..``, control characters and empty names.
    """
    if not name or "\\" in name or any(unicodedata.category(char) == "Cc" for char in name):
        return False
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    return not (posix.is_absolute() or windows.drive or windows.root or ".." in posix.parts or not posix.name)


def _check_entries(entries: Sequence[zipfile.ZipInfo], limits: Limits) -> None:
    if len(entries) > limits.files:
        raise _bad(
            code="zip-bomb", reason=f"The zip holds {len(entries)} entries; {limits.files} are allowed."
        )
    total = sum(entry.file_size for entry in entries)
    if total > limits.total_bytes:
        raise _bad(
            code="zip-bomb", reason=f"The zip inflates to {total} bytes; {limits.total_bytes} are allowed."
        )
    for entry in entries:
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise _bad(code="zip-symlink", reason="The zip holds a link or a device instead of a file.")
        if entry.file_size > limits.file_bytes:
            raise _bad(code="zip-bomb", reason=f"An entry of the zip inflates to {entry.file_size} bytes.")
        if entry.file_size > limits.ratio_floor and entry.file_size > limits.ratio * max(
            1, entry.compress_size
        ):
            reason = f"An entry of the zip inflates {entry.file_size // max(1, entry.compress_size)}-fold."
            raise _bad(code="zip-bomb", reason=reason)


def _checksums(table: str, names: Sequence[str]) -> tuple[str, ...]:
    """Read md5hashes.csv (Filename,MD5Hash; any order); an image it does not list has an empty checksum."""
    listed = {row[0]: row[1].strip().lower() for row in csv.reader(io.StringIO(table)) if len(row) == 2}
    return tuple(listed.get(name, "") for name in names)


def digest(path: Path) -> Digests:
    """The checksums of a file. Sources use MD5 against damage on the way and not against forgery."""
    with path.open("rb") as file:
        both = Digesting(io.BytesIO())
        while block := file.read(_BLOCK):
            both.add(block)
    return both.digests


def _bad(*, code: str, reason: str) -> LandingError:
    return LandingError(reason, _ASK_SOURCE, code=code)
