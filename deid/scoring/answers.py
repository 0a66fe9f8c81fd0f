"""Reading an answer key (MIDI-B's SQLite, or JSON) and the two mapping files.

The SQLite has one table ``answer_data`` with a row per instance: ``SOPInstanceUID``, ``StudyInstanceUID``,
``SeriesInstanceUID``, ``PatientID``, ``Modality``, ``SOPClassUID``, perhaps ``scope``, and ``AnswerData``: JSON
``{number: {tag, tag_ds, tag_name, value, action, action_text, answer_category_v2}}``. Our JSON is a list of the same
rows with ``AnswerData`` as a list. Values come in angle brackets (``<CHEST>``) or without.
"""

from __future__ import annotations

import csv
import json
import math
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from deid.exceptions import DeidError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_TABLE = "answer_data"
_REQUIRED = ("SOPInstanceUID", "AnswerData")
_NO_VALUE = frozenset({"", "nan", "None", "null"})  # "NONE" is a value that scanners write


class AnswerError(DeidError):
    """An answer key or mapping file that cannot be read."""

    code = "answers"


@dataclass(frozen=True, slots=True)
class Answer:
    """One planted item and what must become of it.

    Attributes:
        path: address in the data set, ``<(0040,a730)>[<0000>]<(0040,a160)>``, lower-case digits.
        name: attribute name.
        action: one of the ten, e.g. ``text_removed``.
        value: the original value, without angle brackets.
        text: what the action is about (words to keep or to remove, a digest); ``value`` where absent.
        categories: the answer's category keys (``hipaa_z``, ``tcia_p15``, ...) that are set.
        box: (x, y, width, height) in pixels for ``pixels_hidden``, where the key says it.
        frame: frame of the box, from 0; None for all.
    """

    path: str
    name: str
    action: str
    value: str
    text: str
    categories: Mapping[str, str] = field(default_factory=dict)
    box: tuple[int, int, int, int] | None = None
    frame: int | None = None


@dataclass(frozen=True, slots=True)
class InstanceAnswers:
    """The answers for one original instance; the UIDs are the original ones.

    Attributes:
        scope: ``instance``, ``series`` or ``study``: which outputs the answers speak about.
    """

    sop_uid: str
    series_uid: str
    study_uid: str
    patient_id: str
    modality: str
    sop_class: str
    answers: tuple[Answer, ...]
    scope: str = "instance"


def plain(text: object) -> str:
    """A value of an answer key without its angle brackets; missing values become empty."""
    if text is None or (isinstance(text, float) and math.isnan(text)):
        return ""
    found = str(text).strip()
    if found.startswith("<") and found.endswith(">"):
        found = found[1:-1]
    return found


def load_answers(file: Path) -> list[InstanceAnswers]:
    """Read an answer key.

    Args:
        file: MIDI-B's SQLite file, or JSON with a list of the same rows.

    Raises:
        AnswerError: when it is neither.
    """
    if not file.is_file():
        reason, instruction = "The answer key does not exist.", "Give the path of the SQLite or JSON file."
        raise AnswerError(reason, instruction)
    with file.open("rb") as stream:
        start = stream.read(16)
    rows = _sqlite_rows(file) if start.startswith(b"SQLite format 3") else _json_rows(file)
    found = [_instance(row) for row in rows]
    if not found:
        reason, instruction = "The answer key has no rows.", "Check that it is the key of this corpus."
        raise AnswerError(reason, instruction)
    return found


def _sqlite_rows(file: Path) -> Iterable[Mapping[str, Any]]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        database.row_factory = sqlite3.Row
        try:
            rows = [dict(row) for row in database.execute(f"SELECT * FROM {_TABLE}")]  # noqa: S608 - a constant
        except sqlite3.DatabaseError as error:
            reason = f"The answer key has no readable table {_TABLE} ({type(error).__name__})."
            raise AnswerError(reason, "Give MIDI-B's answer SQLite.") from None
    return rows


def _json_rows(file: Path) -> Iterable[Mapping[str, Any]]:
    try:
        rows = json.loads(file.read_text(encoding="utf-8-sig"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        reason = f"The answer key is neither SQLite nor JSON ({type(error).__name__})."
        raise AnswerError(reason, "Give MIDI-B's answer SQLite, or a JSON list of its rows.") from None
    if isinstance(rows, dict):
        rows = rows.get(_TABLE, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        reason = "The answer key is JSON, but no list of rows."
        raise AnswerError(reason, f"Write a list, or {{{_TABLE!r}: [...]}}.")
    return rows


def _instance(row: Mapping[str, Any]) -> InstanceAnswers:
    for column in _REQUIRED:
        if column not in row:
            reason = f"A row of the answer key lacks {column}."
            raise AnswerError(reason, f"Columns needed are {', '.join(_REQUIRED)}.")
    items = row["AnswerData"]
    if isinstance(items, str | bytes):
        items = json.loads(items)
    if isinstance(items, dict):
        items = list(items.values())
    scope = plain(row.get("scope")).lower() or "instance"
    return InstanceAnswers(
        sop_uid=plain(row["SOPInstanceUID"]),
        series_uid=plain(row.get("SeriesInstanceUID")),
        study_uid=plain(row.get("StudyInstanceUID")),
        patient_id=plain(row.get("PatientID")),
        modality=plain(row.get("Modality")),
        sop_class=plain(row.get("SOPClassUID")),
        answers=tuple(_answer(item) for item in items or ()),
        scope="study" if scope in ("study", "patient") else scope,
    )


def _answer(item: Mapping[str, Any]) -> Answer:
    value = plain(item.get("value"))
    text = plain(item.get("action_text"))
    categories = item.get("answer_category_v2") or {}
    if isinstance(categories, str):
        categories = _categories(categories)
    if not isinstance(categories, dict):
        categories = {}
    frame = item.get("frame")
    return Answer(
        path=normal_path(str(item.get("tag_ds") or item.get("tag") or "")),
        name=plain(item.get("tag_name")),
        action=plain(item.get("action")).lower(),
        value=value,
        text=value if text in _NO_VALUE else text,
        categories={str(key): str(known) for key, known in categories.items() if known},
        box=_box(item),
        frame=int(frame) if isinstance(frame, int) else None,
    )


def _categories(text: str) -> object:
    try:
        return json.loads(plain(text))
    except json.JSONDecodeError:
        return {}


def _box(item: Mapping[str, Any]) -> tuple[int, int, int, int] | None:
    box = item.get("box")
    if isinstance(box, list | tuple) and len(box) == 4:
        x, y, width, height = (int(number) for number in box)
        return x, y, width, height
    return None


def normal_path(path: str) -> str:
    """A tag path with lower-case digits, and with creators in upper case as the key writes them."""
    parts = path.strip().split('"')
    lowered = [part.lower() if index % 2 == 0 else part.upper() for index, part in enumerate(parts)]
    found = '"'.join(lowered)
    return found if found.startswith("<") else f"<{found}>"


def load_mapping(file: Path) -> dict[str, str]:
    """Original -> new identifiers from a CSV with the columns ``id_old`` and ``id_new``.

    Raises:
        AnswerError: when the file or a column is missing.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.reader(stream))
    except OSError as error:
        reason = f"The mapping file {file.name} cannot be read ({error.strerror})."
        raise AnswerError(reason, "Give the CSV that `run --mapping FOLDER` wrote.") from None
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    if not {"id_old", "id_new"} <= set(header):
        reason = f"The mapping file {file.name} has no columns id_old and id_new."
        raise AnswerError(reason, "Give the CSV that `run --mapping FOLDER` wrote.")
    old, new = header.index("id_old"), header.index("id_new")
    return {plain(row[old]): plain(row[new]) for row in rows[1:] if len(row) > max(old, new)}
