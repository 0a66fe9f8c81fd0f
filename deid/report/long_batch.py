"""The report of a batch of any length: reports go to the disk one by one, the memory holds the place of each."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Self

from deid.report.batch import unsealed
from deid.report.inputs import shows_identity
from deid.report.page import MOST_SERIES, render
from deid.report.proof import canonical, seal_streamed
from deid.report.writing import JSON, PAGE, REVIEW, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType

#: Bytes of pictures that a page takes; more than that no browser likes.
MOST_PICTURE_BYTES = 40_000_000
_LISTS = ("series", "quarantine")


class ReportWriter:
    """Collects the reports of a batch and writes what :func:`deid.report.write_report` writes.

    >>> with ReportWriter(Path("report"), name="first delivery") as writer:
    ...     writer.add(series_report(...), series_pictures(...))
    ...     batch = writer.finish()

    Without ``finish`` nothing is written. ``report.json`` is equal in content and hashes to ``batch_report`` over the
    same reports. The page shows the first series of the batch in full, with at most 40 MB of pictures.

    Args:
        folder: made where it does not exist; gets no identity.
        name: what the batch is called; no identity.
        previous: ``sha256`` of the batch before.
        review: folder for ``review.html``, a place where originals may be; pictures from before are held there only.
        created: time of the report, now where omitted.
    """

    def __init__(
        self,
        folder: Path,
        *,
        name: str = "",
        previous: str = "",
        review: Path | None = None,
        created: datetime | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._review = folder, review
        self._name, self._previous, self._created = name, previous, created
        self._reports = _Store(folder)
        self._after = _Store(folder)
        if review is not None:
            review.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._before = None if review is None else _Store(review)
        self._table = _Table(folder)
        self._lines: list[_Line] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for store in (self._reports, self._after, self._before, self._table):
            if store is not None:
                store.close()

    def add(self, report: dict[str, Any], pictures: Mapping[str, bytes] | None = None) -> None:
        """Take the report of one series, with its pictures."""
        self._reports.put(report["sha256"], canonical(report))
        self._lines.append(self._table.line(report))
        for name, png in (pictures or {}).items():
            store = self._before if shows_identity(name) else self._after
            if store is not None and store.size + len(png) <= MOST_PICTURE_BYTES:
                store.put(name, png)

    def finish(self) -> dict[str, Any]:
        """Write the files.

        Returns:
            The batch, its series shortened to what the page's table shows; ``report.json`` has them whole.

        Raises:
            ReportError: an entry is no report of a series, or a picture is not the one that its report names.
        """
        batch = unsealed(self._lines, self._name, self._previous, self._created)
        batch = seal_streamed(batch, {key: partial(self._whole, batch[key]) for key in _LISTS})
        shown = {
            **batch,
            "series": [*self._whole(batch["series"][:MOST_SERIES]), *batch["series"][MOST_SERIES:]],
        }
        after = self._after.everything()
        pages = [(self._folder / PAGE, [render(shown, after)], 0o644)]
        if self._review is not None and self._before is not None and self._before.size:
            review = render(shown, after | self._before.everything(), review=True)
            pages.append((self._review / REVIEW, [review], 0o600))
        for path, text, mode in pages:
            write_whole(path, text, mode)
        write_whole(self._folder / JSON, self._json(batch), 0o644)
        return batch

    def _whole(self, lines: list[_Line]) -> Iterator[dict[str, Any]]:
        for line in lines:
            report: dict[str, Any] = json.loads(self._reports.get(line["sha256"]))
            yield report

    def _json(self, batch: dict[str, Any]) -> Iterator[str]:
        for place, (key, value) in enumerate(batch.items()):
            yield ("{\n " if place == 0 else ",\n ") + json.dumps(key) + ": "
            if key not in _LISTS:
                yield json.dumps(value)
                continue
            yield "["
            for number, line in enumerate(value):
                yield ("\n  " if number == 0 else ",\n  ") + self._reports.get(line["sha256"]).decode()
            yield "]"
        yield "\n}\n"


class _Table:
    """What totals and tables need of each report, on the disk; the one that was asked for last is in memory."""

    def __init__(self, folder: Path) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by the writer
        self._size = 0
        self._policies: dict[str, dict[str, Any]] = {}
        self._last: tuple[int, dict[str, Any]] = (-1, {})

    def line(self, report: dict[str, Any]) -> _Line:
        """Keep a report's line."""
        line = {key: value for key, value in report.items() if key != "sample"}
        if (policy := report.get("policy")) is not None:
            self._policies[policy["sha256"]] = policy
            line["policy"] = policy["sha256"]
        if report.get("kind") == "series":
            line["attributes"] = [row for row in report["attributes"] if row["cuts"]]
            line["manifest"] = {"sha256": report["manifest"]["sha256"], "objects": []}
        piece = json.dumps(line).encode()
        self._file.seek(self._size)
        self._file.write(piece)
        place, self._size = self._size, self._size + len(piece)
        return _Line(self, place, len(piece))

    def load(self, place: int, length: int) -> dict[str, Any]:
        """A line."""
        if self._last[0] != place:
            self._file.seek(place)
            line: dict[str, Any] = json.loads(self._file.read(length))
            if line.get("policy") is not None:
                line["policy"] = self._policies[line["policy"]]
            self._last = place, line
        return self._last[1]

    def close(self) -> None:
        """Forget everything."""
        self._file.close()


class _Line(Mapping[str, Any]):
    """A report as totals and tables see it, read when it is asked."""

    __slots__ = ("_length", "_place", "_table")

    def __init__(self, table: _Table, place: int, length: int) -> None:
        self._table, self._place, self._length = table, place, length

    def __getitem__(self, key: str) -> Any:
        return self._table.load(self._place, self._length)[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table.load(self._place, self._length))

    def __len__(self) -> int:
        return len(self._table.load(self._place, self._length))


class _Store:
    """Pieces of bytes by name, in a file without a name: gone with the process, however it ends."""

    def __init__(self, folder: Path) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by the writer
        self._places: dict[str, tuple[int, int]] = {}
        self.size = 0

    def put(self, name: str, piece: bytes) -> None:
        self._file.seek(self.size)
        self._file.write(piece)
        self._places[name] = (self.size, len(piece))
        self.size += len(piece)

    def get(self, name: str) -> bytes:
        start, length = self._places[name]
        self._file.seek(start)
        return self._file.read(length)

    def everything(self) -> dict[str, bytes]:
        return {name: self.get(name) for name in self._places}

    def close(self) -> None:
        self._file.close()
