"""Sends a series as the streamed zip that getImage answers with, with the faults that spoil it."""

from __future__ import annotations

import hashlib
import io
import stat
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import pydicom

from scripts.standins.nbia.faults import Fault
from scripts.standins.nbia.index import Series

Write = Callable[[bytes], None]


class Cut(Exception):
    """Drop the connection here."""


@dataclass(frozen=True)
class Stall(Exception):
    """Send nothing for this long, then drop the connection."""

    seconds: float


class Stream(io.RawIOBase):
    """A file that can only be written: zipfile then puts the sizes behind the data, as a stream must."""

    def __init__(self, write: Write) -> None:
        super().__init__()
        self._write = write

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, data: object) -> int:
        """Pass the block on and return its length."""
        block = bytes(memoryview(data))  # type: ignore[arg-type]
        self._write(block)
        return len(block)


def send(
    series: Series, write: Write, *, licence: bool, md5: bool, new_names: bool, fault: Fault | None
) -> None:
    """Write the zip of a series, stored and not compressed.

    Args:
        series: what to send.
        write: takes each block as it is ready.
        licence: put LICENSE first, as getImage does.
        md5: put md5hashes.csv last.
        new_names: name the images ``1-001.dcm`` (acquisition and instance) instead of ``00000001.dcm``.
        fault: what to spoil.

    Raises:
        Cut: the connection must be dropped now.
        Stall: the connection must fall silent now.
    """
    kind = fault.kind if fault else ""
    total = len(series.files)
    rows = ["Filename,MD5Hash"]
    with zipfile.ZipFile(cast(IO[bytes], Stream(write)), "w", zipfile.ZIP_STORED) as archive:
        if licence:
            _store(archive, "LICENSE", series.collection.licence_text.encode())
        for number, (name, data) in enumerate(_images(series, kind, new_names=new_names), start=1):
            if kind == "truncated-valid-zip" and number > max(1, total // 2):
                return  # as the server does when a file is missing on its disk: closed normally, no hashes
            if kind in ("cut", "stall") and number > total // 2:
                write(data[: len(data) // 2])
                archive.close = lambda: None  # type: ignore[method-assign]
                raise Cut if kind == "cut" else Stall(cast(Fault, fault).seconds)
            _store(archive, name, data)
            spoiled = kind == "wrong-md5" and number == total
            digest = hashlib.md5(data + b"?" if spoiled else data, usedforsecurity=False).hexdigest()
            rows.append(f"{name},{digest}")
        if fault is not None:
            _additional_entry(archive, fault)
        if md5:
            _store(archive, "md5hashes.csv", "\n".join([*rows, ""]).encode())


def _store(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, time.gmtime()[:6])
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    archive.writestr(entry, data)


def _images(series: Series, kind: str, *, new_names: bool) -> Iterator[tuple[str, bytes]]:
    paths = list(series.files.values())
    for number, path in enumerate(paths, start=1):
        data = path.read_bytes()
        name = _new_name(data, number, len(paths)) if new_names else f"{number:08d}{path.suffix}"
        if number == 1:
            if kind == "0-byte":
                data = b""
            elif kind == "not-dicom":
                data = b"This is a text file with the name of an image.\n" * 40
            elif kind == "truncated-dicom":
                data = data[: len(data) // 2]
        if number == len(paths):
            data = _last(kind, data, paths[0])
        yield name, data


def _new_name(data: bytes, number: int, total: int) -> str:
    acquisition = pydicom.dcmread(
        io.BytesIO(data), specific_tags=["AcquisitionNumber"], stop_before_pixels=True
    )
    return f"{acquisition.get('AcquisitionNumber') or 1}-{number:0{max(3, len(str(total)))}d}.dcm"


def _last(kind: str, data: bytes, first: Path) -> bytes:
    if kind == "duplicate-sop":
        return first.read_bytes()
    if kind not in ("two-patients", "two-series"):
        return data
    image = pydicom.dcmread(io.BytesIO(data))
    if kind == "two-patients":
        image.PatientID = "RF-STRANGER-1"
        image.PatientName = "Strangerman^Somebody"
    else:
        image.SeriesInstanceUID = f"{image.SeriesInstanceUID[:60]}.9"
    changed = io.BytesIO()
    image.save_as(changed)
    return changed.getvalue()


def _additional_entry(archive: zipfile.ZipFile, fault: Fault) -> None:
    if fault.kind == "zip-slip":
        _store(archive, "../../../radflow-zip-slip.dcm", b"outside")
    elif fault.kind == "symlink":
        entry = zipfile.ZipInfo("link.dcm")
        entry.create_system = 3
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/hostname")
    elif fault.kind == "zip-bomb":
        entry = zipfile.ZipInfo("bomb.dcm")
        entry.compress_type = zipfile.ZIP_DEFLATED
        with archive.open(entry, "w") as bomb:
            block = bytes(1 << 20)
            for _ in range(fault.megabytes):
                bomb.write(block)
