"""The way back as two tables, as MIDI-B's validator reads them: they hold identity."""

from __future__ import annotations

import csv
import os
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

UIDS, PATIENTS = "uid_mapping.csv", "patid_mapping.csv"


class Mapping:
    """Collects (original, new) identifiers without repetition and writes them at the end.

    Args:
        folder: a place where identity may be; made for its owner alone.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._scratch = tempfile.TemporaryDirectory(prefix=".mapping-", dir=folder)
        self._rows = sqlite3.connect(Path(self._scratch.name) / "mapping.sqlite")
        self._rows.execute("create table pair (kind text, old text, new text, primary key (kind, old, new))")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._rows.close()
        self._scratch.cleanup()

    def add(self, kind: str, pairs: Iterable[tuple[str, str]]) -> None:
        """Add pairs of a kind, ``uid`` or ``patient``."""
        rows = ((kind, old, new) for old, new in pairs)
        self._rows.executemany("insert or ignore into pair values (?, ?, ?)", rows)
        self._rows.commit()

    def write(self) -> list[Path]:
        """Write both tables, header ``id_old,id_new``, readable by the owner alone."""
        written = []
        for kind, name in (("uid", UIDS), ("patient", PATIENTS)):
            path = self._folder / name
            temporary = path.with_name(f".{name}.{os.getpid()}")
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", newline="", encoding="utf-8") as stream:
                table = csv.writer(stream)
                table.writerow(["id_old", "id_new"])
                query = "select old, new from pair where kind = ? order by old, new"
                table.writerows(self._rows.execute(query, (kind,)))
            temporary.replace(path)
            written.append(path)
        return written
