"""Geometry of the small interval plots; the templates draw it as SVG."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

WIDTH = 220.0
_MARGIN = 8.0


@dataclass(frozen=True)
class Bar:
    """One interval in pixels; ``zero`` is None where zero is off the scale."""

    lower: float
    estimate: float
    upper: float
    zero: float | None


@dataclass(frozen=True)
class Scale:
    """A common axis of several intervals."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """Pixel of a value."""
        return round(_MARGIN + (value - self.low) / (self.high - self.low) * (WIDTH - 2 * _MARGIN), 1)

    def bar(self, row: dict[str, Any]) -> Bar | None:
        """The interval of a row with ``estimate``, ``lower`` and ``upper``; None without an estimate."""
        estimate = row["estimate"]
        if estimate is None:
            return None
        lower = estimate if row["lower"] is None else row["lower"]
        upper = estimate if row["upper"] is None else row["upper"]
        zero = self.at(0.0) if self.low <= 0.0 <= self.high else None
        return Bar(self.at(lower), self.at(estimate), self.at(upper), zero)


def scale(rows: Iterable[dict[str, Any]]) -> Scale:
    """An axis that holds every interval, and zero: lengths shall be comparable by eye."""
    values = [row[name] for row in rows for name in ("estimate", "lower", "upper") if row[name] is not None]
    low, high = min([0.0, *values]), max([0.0, *values])
    return Scale(low, high if high > low else low + 1.0)
