"""Criteria as a Python predicate on one catalog row: for frozen cohorts and for prospective routing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from research.criteria.grammar import (
    All,
    Among,
    AnyOf,
    AtLeast,
    Criteria,
    First,
    Has,
    Leaf,
    Node,
    Not,
    StudyHas,
    needs_history,
    parse,
    record_kinds,
    scope,
)
from research.criteria.records import ACTIVE, is_named
from research.criteria.values import refuse

Row = Mapping[str, Any]


@dataclass(frozen=True)
class _Around:
    """What else there is of the patient."""

    rows: Sequence[Row]
    records: Sequence[Row]


def matches(
    criteria: Criteria,
    row: Row,
    patient_rows: Sequence[Row] | None = None,
    records: Sequence[Row] | None = None,
) -> bool:
    """Whether one series matches; agrees with ``to_sql`` (property-tested on a real PostgreSQL).

    Args:
        criteria: JSON data or a parsed tree.
        row: the series with its study and patient, keys as in ``SELECT_SQL``; ``tags`` is a list of
            ``scheme:code``.
        patient_rows: all series of the same patient, this one included; needed by ``at_least``, ``first``, ``last``
            and ``study_has`` only. Rows of other patients are ignored.
        records: the patient's clinical records, keys as in ``RECORD_SELECT_SQL``; needed where criteria name some.

    Raises:
        CriteriaError: criteria that mean nothing, or without the rows or records that they need.
        KeyError: the row lacks a key that the criteria name.
    """
    states, node = scope(parse(criteria))
    if patient_rows is None:
        if needs_history(node):
            refuse(
                "",
                "these criteria look at the other series of a patient, and they were not given",
                "Pass patient_rows: every series of this patient.",
            )
        patient_rows = ()
    if records is None and (kinds := record_kinds(node)):
        refuse("", f"{', '.join(sorted(kinds))} of the patient were not given", "Pass records.")
    if row["state"] not in states:
        return False
    around = _Around(
        [one for one in patient_rows if one["state"] in states and _same(one, row)], records or ()
    )
    return _holds(node, row, around)


def _same(one: Row, other: Row) -> bool:
    return bool(one["patient_alias"] == other["patient_alias"] and one["collection"] == other["collection"])


def _holds(node: Node, row: Row, around: _Around) -> bool:
    match node:
        case All(parts):
            return all(_holds(part, row, around) for part in parts)
        case AnyOf(parts):
            return any(_holds(part, row, around) for part in parts)
        case Not(part):
            return not _holds(part, row, around)
        case AtLeast():
            return _enough(node, row, around)
        case First(of, last):
            return _first(of, row, around, last=last)
        case StudyHas(of):
            return any(
                one["study_uid"] == row["study_uid"] and _holds(of, one, around) for one in around.rows
            )
        case Has():
            return any(_is_meant(node, row, record) for record in around.records if _same(record, row))
        case Among(states, of):
            return row["state"] in states and _holds(of, row, around)
        case Leaf():
            return _compare(node, row)


def _compare(leaf: Leaf, row: Row) -> bool:
    if leaf.field.kind == "tag":
        tags = row[leaf.field.key] or ()
        return bool(tags) == leaf.value if leaf.op.shape == "flag" else leaf.op.holds(tags, leaf.value)
    present = leaf.field.get(row)
    if leaf.op.shape == "flag":
        return (present is not None) == leaf.value
    return present is not None and leaf.op.holds(present, leaf.value)


def _enough(node: AtLeast, row: Row, around: _Around) -> bool:
    found = {
        other["study_uid" if node.count == "study" else "series_uid"]
        for other in around.rows
        if (node.window_days is None or _inside(_days(row, other), node.window_days))
        and _holds(node.of, other, around)
    }
    return len(found) >= node.n


def _first(of: Node, row: Row, around: _Around, *, last: bool) -> bool:
    here = _day(row["study_date"])
    if here is None or not _holds(of, row, around):
        return False
    days = [
        day
        for other in around.rows
        if (day := _day(other["study_date"])) is not None and _holds(of, other, around)
    ]
    return here == (max(days) if last else min(days))


def _is_meant(node: Has, row: Row, record: Row) -> bool:
    if record["kind"] != node.kind.name or not is_named(record, node.keys):
        return False
    for test in node.tests:
        value = test.field.get(record)
        if value is None or not test.op.holds(value, test.value):
            return False
    here, there = _day(row["study_date"]), _day(record["date"])
    match node.when:
        case "study":
            return record["study_uid"] is not None and record["study_uid"] == row["study_uid"]
        case "ever":
            return True
        case "window":
            return here is not None and there is not None and _inside((there - here).days, node.window_days)
        case "before":
            return here is not None and there is not None and there <= here
        case "at":
            over = _day(record["abated_on"])
            going = record["clinical_status"] in ACTIVE if over is None else here is not None and over >= here
            return here is not None and there is not None and there <= here and going


def _day(value: Any) -> dt.date | None:
    return value if value is None or isinstance(value, dt.date) else dt.date.fromisoformat(str(value)[:10])


def _days(row: Row, other: Row) -> int | None:
    here, there = _day(row["study_date"]), _day(other["study_date"])
    return None if here is None or there is None else (there - here).days


def _inside(days: int | None, window: tuple[int, int] | None) -> bool:
    return days is not None and window is not None and window[0] <= days <= window[1]
