"""The drop area: bytes of one file, written from an offset on, by one request at a time, with bounded memory.

The web server looks at nothing in them. A file has its number as name, with ``.part`` until it is whole.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from urllib.parse import unquote, urlsplit

from airflow.configuration import conf
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from radflow_portal.problems import Problem
from research.errors import SettingsError

BLOCK = 1 << 20
IDLE_S = 60.0


def drop_area() -> Path:
    """Folder of ``[radflow] upload_dir``, or ``uploads`` in a local landing zone; as ``operators.settings`` has it.

    Raises:
        SettingsError: neither names a local folder.
    """
    named = str(conf.get("radflow", "upload_dir", fallback="") or "")
    if named:
        return Path(named)
    parts = urlsplit(str(conf.get("radflow", "landing_uri", fallback="")))
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not parts.path:
        msg = "The setting [radflow] upload_dir is empty and the landing zone is no local folder."
        raise SettingsError(msg, "Set it to a folder that the web server and the workers share.")
    return Path(unquote(parts.path)) / "uploads"


def setting_bytes(option: str) -> int:
    """A setting in gigabytes, as bytes."""
    return int(conf.getfloat("radflow", option) * 1e9)


def place_of(upload_id: int, number: int) -> Path:
    """Where the whole file is."""
    return drop_area() / str(upload_id) / f"{number:08d}"


def free(upload_id: int) -> None:
    """Delete what was sent of an upload."""
    shutil.rmtree(drop_area() / str(upload_id), ignore_errors=True)


class BusyError(Exception):
    """Another request writes the same file."""


class Writing:
    """A file open for writing from ``offset`` on; what lies behind the offset is cut off first.

    Args:
        place: of the whole file; bytes go to ``<place>.part``.
        offset: how much of it is there already.

    Raises:
        BusyError: another request has it open.
    """

    def __init__(self, place: Path, offset: int) -> None:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o770)
        self._place = place
        self._part = place.with_name(f"{place.name}.part")
        if not self._part.exists() and place.exists():
            place.replace(self._part)  # renamed, and the server died before the database knew
        self._fd = os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._fd)
            raise BusyError from None
        self.offset = min(offset, os.fstat(self._fd).st_size)
        os.ftruncate(self._fd, self.offset)
        os.lseek(self._fd, self.offset, os.SEEK_SET)
        self._sha256 = hashlib.sha256() if self.offset == 0 else None

    def write(self, block: bytes) -> None:
        """Write all of a block; the offset moves with it."""
        view = memoryview(block)
        while view:
            done = os.write(self._fd, view)
            view = view[done:]
        if self._sha256 is not None:
            self._sha256.update(block)
        self.offset += len(block)

    def back(self, offset: int) -> None:
        """Forget what was written behind ``offset``."""
        os.ftruncate(self._fd, offset)
        os.lseek(self._fd, offset, os.SEEK_SET)
        self.offset = offset
        self._sha256 = hashlib.sha256() if offset == 0 else None

    def digest(self) -> str:
        """The sha256 of all that is there; a file that came in several requests is read again for it."""
        if self._sha256 is not None:
            return self._sha256.hexdigest()
        os.lseek(self._fd, 0, os.SEEK_SET)
        with os.fdopen(os.dup(self._fd), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def whole(self) -> None:
        """To disk, then to its final name."""
        os.fsync(self._fd)
        self._part.replace(self._place)

    def discard(self) -> None:
        """Delete it."""
        self._part.unlink(missing_ok=True)

    def close(self) -> None:
        """Let others write it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Writing:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()


async def blocks(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """A body in blocks of about ``BLOCK`` bytes, however small it arrives; a connection that says nothing ends.

    Raises:
        Problem: 408 where nothing came for ``IDLE_S`` seconds.
    """
    gathered = bytearray()
    while True:
        try:
            async with asyncio.timeout(IDLE_S):
                chunk = await anext(stream, None)
        except TimeoutError:
            raise Problem(
                408, f"Nothing came for {IDLE_S:.0f} seconds.", "Ask for the offset, then go on.", "idle"
            ) from None
        except ClientDisconnect:
            if gathered:  # the connection is cut: what came before is kept
                yield bytes(gathered)
            raise
        if chunk is None:
            break
        gathered += chunk
        if len(gathered) >= BLOCK:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)


async def write(writing: Writing, block: bytes) -> None:
    """`Writing.write` beside the event loop.

    Raises:
        Problem: 507 where the disk is full.
    """
    try:
        await run_in_threadpool(writing.write, block)
    except OSError:
        raise Problem(
            507,
            "There is no room on the server's disk.",
            "Tell who runs this Radflow; go on after that.",
            "disk",
        ) from None
