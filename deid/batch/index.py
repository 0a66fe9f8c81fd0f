"""Which file belongs to which series: an index on disk, so that a million files need no memory."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from deid.exceptions import QuarantineError
from deid.series import header_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_COMMIT = 10_000


class Index:
    """Files below a folder by their original series; private, and gone when closed.

    Args:
        source: folder that is searched at every depth; hidden files and folders are passed over.
        scratch: where the index may lie; it holds original UIDs, so not where outputs go.
    """

    def __init__(self, source: Path, scratch: Path | None = None) -> None:
        self._source = source
        self._folder = tempfile.TemporaryDirectory(prefix="deid-index-", dir=scratch)
        self._rows = sqlite3.connect(Path(self._folder.name) / "files.sqlite")
        self._rows.execute("pragma synchronous = off")
        self._rows.execute("create table file (series text, path text, code text)")
        self._rows.execute("create table refused (series integer, code text, path text)")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._rows.close()
        self._folder.cleanup()

    def fill(self, progress: Callable[[int], None] | None = None) -> int:
        """Read the header of every file; returns how many files there are."""
        count = 0
        for path in _files(self._source):
            series, code = "", None
            try:
                series = header_of(path, "file").series_uid
            except QuarantineError as error:
                code = error.code
            self._rows.execute("insert into file values (?, ?, ?)", (series, os.fsencode(path), code))
            count += 1
            if count % _COMMIT == 0:
                self._rows.commit()
            if progress is not None:
                progress(count)
        self._rows.execute("create index by_series on file (series, path)")
        self._rows.commit()
        return count

    def strays(self) -> Iterator[tuple[str, Path]]:
        """(quarantine code, path) of files that belong to no series."""
        for code, path in self._rows.execute(
            "select code, path from file where code is not null order by path"
        ):
            yield code, Path(os.fsdecode(path))

    def count(self) -> tuple[int, int]:
        """Series, and files in them."""
        query = "select count(distinct series), count(*) from file where code is null"
        series, files = self._rows.execute(query).fetchone()
        return int(series), int(files)

    def series(self) -> Iterator[list[Path]]:
        """The files of each series."""
        names = self._rows.execute("select distinct series from file where code is null order by series")
        for (name,) in names:
            rows = self._rows.execute(
                "select path from file where series = ? and code is null order by path", (name,)
            )
            yield [Path(os.fsdecode(path)) for (path,) in rows]

    def refuse(self, series: int, code: str, files: list[Path]) -> None:
        """Note files that went to quarantine.

        Args:
            series: number of their series in the run, 0 for none.
            code: why.
            files: the originals.
        """
        rows = ((series, code, os.fsencode(path)) for path in files)
        self._rows.executemany("insert into refused values (?, ?, ?)", rows)

    def refused(self) -> Iterator[tuple[int, str, Path]]:
        """(number of the series, quarantine code, path) of what was noted, as it was noted."""
        for series, code, path in self._rows.execute("select series, code, path from refused order by rowid"):
            yield series, code, Path(os.fsdecode(path))


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(place, name)
            if not name.startswith(".") and path.is_file():
                yield path


def fingerprint(files: list[Path]) -> str:
    """Tells whether a series' files are the same as before: names, sizes and times of change."""
    code = hashlib.sha256()
    for path in sorted(files):
        found = path.stat()
        code.update(f"{path.name}\0{found.st_size}\0{found.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    return code.hexdigest()
