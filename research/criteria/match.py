"""Criteria as a Python predicate on one catalog row: for frozen cohorts and for prospective routing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from research.criteria.fields import FIELDS
from research.criteria.grammar import All, AnyOf, AtLeast, Criteria, Leaf, Node, Not, needs_history, parse
from research.criteria.values import refuse

Row = Mapping[str, Any]


def matches(criteria: Criteria, row: Row, patient_rows: Sequence[Row] | None = None) -> bool:
    """Whether one series matches; agrees with ``to_sql`` (property-tested on a real PostgreSQL).

    Args:
        criteria: JSON data or a parsed tree.
        row: the series with its study and patient, keys as in ``SELECT_SQL``; ``tags`` is a list of
            ``scheme:code``.
        patient_rows: all released series of the same patient, this one included; needed by ``at_least`` only.
            Rows of other patients are ignored.

    Raises:
        CriteriaError: criteria that mean nothing, or ``at_least`` without ``patient_rows``.
        KeyError: the row lacks a key that the criteria name.
    """
    node = parse(criteria)
    if patient_rows is None:
        if needs_history(node):
            refuse(
                "",
                "at_least counts the other series of a patient, and they were not given",
                "Pass patient_rows: every released series of this patient.",
            )
        patient_rows = ()
    return _holds(node, row, patient_rows)


def _holds(node: Node, row: Row, patient_rows: Sequence[Row]) -> bool:
    match node:
        case All(parts):
            return all(_holds(part, row, patient_rows) for part in parts)
        case AnyOf(parts):
            return any(_holds(part, row, patient_rows) for part in parts)
        case Not(part):
            return not _holds(part, row, patient_rows)
        case AtLeast():
            return _enough(node, row, patient_rows)
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


def _enough(node: AtLeast, row: Row, patient_rows: Sequence[Row]) -> bool:
    found = {
        other["study_uid" if node.count == "study" else "series_uid"]
        for other in patient_rows
        if other["patient_alias"] == row["patient_alias"]
        and other["collection"] == row["collection"]
        and (node.window_days is None or _within(row, other, node.window_days))
        and _holds(node.of, other, patient_rows)
    }
    return len(found) >= node.n


def _within(row: Row, other: Row, window: tuple[int, int]) -> bool:
    here, there = (FIELDS["study_date"].get(r) for r in (row, other))
    if here is None or there is None:
        return False
    days = (dt.date.fromisoformat(str(there)) - dt.date.fromisoformat(str(here))).days
    return window[0] <= days <= window[1]
