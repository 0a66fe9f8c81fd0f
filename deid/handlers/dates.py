"""Dates and times: intervals kept to the day and second.

Every date of a patient moves by the same whole number of days. Times of day stay, so intervals over
midnight hold, and so do offsets from UTC inside DT. A date of which only the month or year is known is
moved from the middle of that month or year and written with the same precision.
"""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING

from deid.actions import Action
from deid.handlers.base import Unfit, ascii_text, encoded

if TYPE_CHECKING:
    from deid.handlers.base import Element, Scope
    from deid.policy import Policy

_DA = re.compile(r"(\d{4})(\.?)(\d{2})\2(\d{2})", re.ASCII)
_DT = re.compile(
    r"(\d{4})(?:(\d{2})(?:(\d{2})((?:[01]\d|2[0-3])(?:[0-5]\d(?:(?:[0-5]\d|60)(?:\.\d{1,6})?)?)?)?)?)?"
    r"([+-][01]\d[0-5]\d)?",
    re.ASCII,
)
_TM = re.compile(r"(?:[01]\d|2[0-3])(?::?[0-5]\d(?::?(?:[0-5]\d|60)(?:\.\d{1,6})?)?)?", re.ASCII)
_ZONE = re.compile(r"[+-][01]\d[0-5]\d", re.ASCII)


def shift_date(text: str, days: int) -> str:
    """Move a DA value (``YYYYMMDD``, or the old ``YYYY.MM.DD``).

    Raises:
        Unfit: when it is no date, or leaves the calendar.
    """
    found = _DA.fullmatch(text)
    if found is None:
        raise Unfit
    year, dot, month, day = found.groups()
    moved = _moved(int(year), int(month), int(day), days)
    return f"{moved.year:04d}{dot}{moved.month:02d}{dot}{moved.day:02d}"


def shift_datetime(text: str, days: int) -> str:
    """Move the date of a DT value; time of day and offset from UTC stay.

    Raises:
        Unfit: when it is no date and time, or leaves the calendar.
    """
    found = _DT.fullmatch(text)
    if found is None:
        raise Unfit
    year, month, day, time, zone = found.groups()
    moved = _moved(int(year), int(month or 7), int(day or (15 if month else 1)), days)
    date = f"{moved.year:04d}{moved.month:02d}{moved.day:02d}"
    return date[: 4 + 2 * bool(month) + 2 * bool(day)] + (time or "") + (zone or "")


def _moved(year: int, month: int, day: int, days: int) -> datetime.date:
    try:
        return datetime.date(year, month, day) + datetime.timedelta(days=days)
    except (ValueError, OverflowError):
        raise Unfit from None


class ShiftDates:
    """C of the Modified Dates option, for DA and DT."""

    actions = frozenset({Action.DATE})

    def __call__(self, element: Element, scope: Scope) -> bytes | None:
        """See :class:`deid.handlers.base.Handler`."""
        shift = shift_date if element.vr == "DA" else shift_datetime
        values = [value.strip() for value in ascii_text(element.value).split("\\")]
        text = "\\".join(shift(value, scope.days) if value else "" for value in values)
        return encoded(text, element.vr)

    def describe(self, policy: Policy) -> list[str]:
        """See :class:`deid.handlers.base.Handler`."""
        if "retain_longitudinal_modified_dates" not in policy.options:
            return []
        return ["A value in a date that is not a date is treated as the Basic Profile says."]


class KeepTimes:
    """C of the Modified Dates option, for TM and the offset from UTC: kept when they are what they claim."""

    actions = frozenset({Action.TIME})

    def __call__(self, element: Element, _scope: Scope) -> bytes | None:
        """See :class:`deid.handlers.base.Handler`."""
        pattern = _ZONE if element.vr == "SH" else _TM
        for value in ascii_text(element.value).split("\\"):
            if value.strip() and not pattern.fullmatch(value.strip()):
                raise Unfit
        return element.value

    def describe(self, _policy: Policy) -> list[str]:
        """See :class:`deid.handlers.base.Handler`."""
        return []
