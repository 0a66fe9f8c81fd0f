"""Time points of a cohort: baseline, follow-ups and what lies before, in days, patient by patient.

The rule is JSON:

    {"index": criteria or null, "within_days": 0, "follow_ups": [[30, 400], [401, 800]] or null}

``index`` chooses the members that may be the baseline (all of them where it is null); the earliest day of one is the
patient's day 0. Studies that lie at most ``within_days`` after the first of a time point belong to it. With
``follow_ups``, follow-up k is what lies in window k, and what lies in none has no time point; without, time points are
numbered in the order of days.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from research.criteria import Node, parse, to_json
from research.errors import CriteriaError

MOST_DAYS = 100_000
_REMEDY = 'Use {"index": criteria or null, "within_days": 0, "follow_ups": [[30, 400]] or null}.'


@dataclass(frozen=True)
class Grouping:
    """The rule for time points."""

    index: Node | None = None
    within_days: int = 0
    follow_ups: tuple[tuple[int, int], ...] | None = None

    def canonical(self) -> str:
        """One text per rule."""
        body = {
            "index": None if self.index is None else to_json(self.index),
            "within_days": self.within_days,
            "follow_ups": None if self.follow_ups is None else [list(window) for window in self.follow_ups],
        }
        return json.dumps(body, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True)
class Timepoint:
    """Where a member lies: 0 is the baseline; days from it, negative before."""

    series_uid: str
    timepoint: int
    label: str
    days_from_baseline: int


def parse_grouping(raw: object) -> Grouping | None:
    """Check a rule; None stands for no time points at all.

    Raises:
        CriteriaError: a rule that means nothing.
    """
    if raw is None:
        return None
    if not isinstance(raw, Mapping) or set(raw) - {"index", "within_days", "follow_ups"}:
        _refuse("it is no object with these keys")
    within, windows = raw.get("within_days", 0), raw.get("follow_ups")
    if type(within) is not int or not 0 <= within <= MOST_DAYS:
        _refuse("within_days is no number of days")
    if windows is not None:
        if not isinstance(windows, list | tuple) or not 1 <= len(windows) <= 100:
            _refuse("follow_ups is no list of windows")
        for window in windows:
            if (
                not isinstance(window, list | tuple)
                or len(window) != 2
                or not all(type(day) is int and 0 < day <= MOST_DAYS for day in window)
                or window[0] > window[1]
            ):
                _refuse("a window of follow_ups is not [from, to] in days after the baseline")
        ends = [day for window in windows for day in window]
        if any(after <= before for before, after in zip(ends[1::2], ends[2::2], strict=False)):
            _refuse("the windows of follow_ups overlap, or are not in order")
    index = raw.get("index")
    return Grouping(
        None if index is None else parse(index),
        within,
        None if windows is None else tuple((window[0], window[1]) for window in windows),
    )


def place(
    members: Iterable[Mapping[str, Any]], rule: Grouping, index_uids: frozenset[str] | None = None
) -> list[Timepoint]:
    """Time points of members, sorted by series UID; those without a date or baseline get none.

    Args:
        members: with ``series_uid``, ``collection``, ``patient_alias`` and ``study_date``.
        rule: the rule.
        index_uids: members that match ``rule.index``; all where it is None.
    """
    patients: dict[tuple[str, str], list[tuple[dt.date, str]]] = defaultdict(list)
    for member in members:
        if member["study_date"] is not None:
            key = (str(member["collection"]), str(member["patient_alias"]))
            patients[key].append((member["study_date"], str(member["series_uid"])))
    found: list[Timepoint] = []
    for dated in patients.values():
        first = min((day for day, uid in dated if index_uids is None or uid in index_uids), default=None)
        if first is not None:
            found += _of_patient([((day - first).days, uid) for day, uid in dated], rule)
    return sorted(found, key=lambda one: one.series_uid)


def _of_patient(members: list[tuple[int, str]], rule: Grouping) -> list[Timepoint]:
    starts = _starts({days for days, _ in members}, rule.within_days)
    found = []
    for days, uid in members:
        number: int | None = starts[days]
        if number and number > 0 and rule.follow_ups is not None:
            number = next(
                (k for k, (low, high) in enumerate(rule.follow_ups, 1) if low <= days <= high), None
            )
        if number is not None:
            found.append(Timepoint(uid, number, label(number), days))
    return found


def _starts(days: set[int], within: int) -> dict[int, int]:
    """Number of the time point of each day: forward from day 0, backward from the day before it."""
    numbers: dict[int, int] = {}
    for ahead in (True, False):
        start = number = 0
        for day in sorted((d for d in days if (d >= 0) == ahead), key=abs):
            if not ahead and number == 0:
                start, number = day, -1
            elif abs(day - start) > within:
                start, number = day, number + (1 if ahead else -1)
            numbers[day] = number
    return numbers


def label(number: int) -> str:
    """What a time point is called; Clinical Trial Time Point Description (0012,0051)."""
    return "baseline" if number == 0 else f"follow-up {number}" if number > 0 else f"before {-number}"


def _refuse(what: str) -> NoReturn:
    msg = f"The rule for time points: {what}."
    raise CriteriaError(msg, _REMEDY)
