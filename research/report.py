"""Results for people: a text table for the terminal and two plots as SVG (same numbers, same bytes)."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from research.comparison import ArmDifference
from research.intervals import limits_of_agreement
from research.metrics.evaluate import MetricRow

# Okabe and Ito (2008): told apart by colour-blind readers; shapes differ too, for print.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_GREY = "#555555"


class Point(NamedTuple):
    """One case of one arm in a plot; ``truth`` and ``prediction`` in the same unit."""

    arm: str
    truth: float
    prediction: float


@dataclass(frozen=True)
class PlotStyle:
    """What a plot says around its points, and how large it is (inches; 72 SVG units each)."""

    title: str = ""
    quantity: str = "value"
    unit: str = ""
    width: float = 4.8
    height: float = 3.6

    def axis(self, what: str) -> str:
        """An axis label with its unit."""
        text = f"{what} {self.quantity}".strip()
        return f"{text} ({self.unit})" if self.unit else text


def results_table(rows: Iterable[MetricRow], comparisons: Iterable[ArmDifference] = ()) -> str:
    """Aligned text table of metrics, intervals and counts; notes and comparisons of arms below it.

    Args:
        rows: from ``research.metrics.evaluate``.
        comparisons: from ``research.comparison.compare_arms``.

    Returns:
        Lines of plain ASCII without a final newline; the primary metric is marked ``*``.
    """
    rows, comparisons = list(rows), list(comparisons)
    if not rows:
        return "No results."
    level = f"{round(rows[0].level * 100, 1):g}"
    head = ("metric", "arm", "estimate", f"{level} % interval", "unit", "ok", "interval by")
    body = [
        (
            f"{'*' if row.is_primary else ' '}{row.label}",
            row.arm or "-",
            _number(row.estimate),
            _bounds(row.lower, row.upper),
            row.unit or "-",
            f"{row.n_ok} of {row.n_total}",
            row.interval_method,
        )
        for row in rows
    ]
    lines = _aligned(head, body, right={2, 5})
    lines.append("* primary metric")
    notes: dict[str, list[str]] = {}
    for row in rows:
        if row.note:
            notes.setdefault(row.note, []).append(f"{row.label} ({row.arm})" if row.arm else row.label)
    if notes:
        lines += ["", *(f"{', '.join(names)}: {note}" for note, names in notes.items())]
    if comparisons:
        lines += ["", *(_sentence(one) for one in comparisons)]
    return "\n".join(lines)


def scatter_svg(points: Sequence[Point], style: PlotStyle | None = None) -> bytes:
    """Prediction against truth, one marker per case, with the line of identity.

    Raises:
        ValueError: no points, or a value that is not finite.
    """
    style = style or PlotStyle()
    _check(points)
    figure, axes = _figure(style)
    values = [value for point in points for value in (point.truth, point.prediction)]
    low, high = min(values), max(values)
    margin = (high - low) * 0.06 or 0.5
    ends = (low - margin, high + margin)
    axes.plot(ends, ends, color=_GREY, linewidth=0.8, linestyle="--", label="identity")
    for arm, colour, marker, mine in _by_arm(points):
        _scatter(axes, mine, [p.prediction for p in mine], arm, colour, marker)
    axes.set(xlim=ends, ylim=ends, xlabel=style.axis("true"), ylabel=style.axis("predicted"))
    return _svg(figure, axes, style)


def bland_altman_svg(points: Sequence[Point], style: PlotStyle | None = None) -> bytes:
    """Difference (prediction - truth) against truth, per arm, with bias and 95 % limits of agreement.

    The x axis is the truth and not the mean of both, because here one side is known (Krouwer 2008).

    Raises:
        ValueError: no points, or a value that is not finite.
    """
    style = style or PlotStyle()
    _check(points)
    figure, axes = _figure(style)
    axes.axhline(0, color=_GREY, linewidth=0.8)
    for arm, colour, marker, mine in _by_arm(points):
        differences = np.array([p.prediction - p.truth for p in mine])
        _scatter(axes, mine, differences.tolist(), arm, colour, marker)
        axes.axhline(float(differences.mean()), color=colour, linewidth=1.2)
        if len(mine) > 1:
            limits = limits_of_agreement(differences)
            for limit in (limits.lower, limits.upper):
                axes.axhline(limit, color=colour, linewidth=0.9, linestyle=":")
    axes.set(xlabel=style.axis("true"), ylabel=style.axis("predicted - true"))
    return _svg(figure, axes, style)


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:#.3g}".rstrip(".")


def _bounds(lower: float | None, upper: float | None) -> str:
    return "-" if lower is None or upper is None else f"{_number(lower)} to {_number(upper)}"


def _p_value(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def _sentence(one: ArmDifference) -> str:
    if one.difference is None:
        return f"{one.metric}, {one.arm_a} - {one.arm_b}: {one.note}"
    parts = [f"{one.metric}, {one.arm_a} - {one.arm_b}: {_number(one.difference)}"]
    if one.lower is not None:
        parts.append(f"({_bounds(one.lower, one.upper)})")
    if one.p_adjusted is not None:
        parts.append(f"{_p_value(one.p_adjusted)} (Holm)")
    verdict = "told apart" if one.distinguishable else "not told apart"
    parts.append(f"on {one.n} cases; {verdict}; {one.method}.")
    return " ".join([*parts, one.note]).strip()


def _aligned(head: Sequence[str], body: Sequence[Sequence[str]], right: set[int]) -> list[str]:
    widths = [max(len(row[i]) for row in (head, *body)) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        pairs = enumerate(zip(cells, widths, strict=True))
        padded = (cell.rjust(width) if i in right else cell.ljust(width) for i, (cell, width) in pairs)
        return "  ".join(padded).rstrip()

    return [line(head), line(["-" * width for width in widths]), *(line(row) for row in body)]


def _check(points: Sequence[Point]) -> None:
    if not points:
        msg = "there are no points to plot"
        raise ValueError(msg)
    if not all(np.isfinite([point.truth, point.prediction]).all() for point in points):
        msg = "a point is not finite; leave missing predictions out and say how many"
        raise ValueError(msg)


def _by_arm(points: Sequence[Point]) -> Iterable[tuple[str, str, str, list[Point]]]:
    for i, arm in enumerate(sorted({point.arm for point in points})):
        mine = [point for point in points if point.arm == arm]
        yield arm or "all", _COLOURS[i % len(_COLOURS)], _MARKERS[i % len(_MARKERS)], mine


def _scatter(
    axes: Any, points: Sequence[Point], y: Sequence[float], arm: str, colour: str, marker: str
) -> None:
    axes.scatter([p.truth for p in points], y, s=18, c=colour, marker=marker, label=arm, alpha=0.85)


def _figure(style: PlotStyle) -> tuple[Any, Any]:
    # No pyplot: it keeps global state and opens displays. Imported here, because it takes most of a second.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(style.width, style.height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    return figure, axes


def _svg(figure: Any, axes: Any, style: PlotStyle) -> bytes:
    from matplotlib import rc_context

    axes.xaxis.label.set_size(9)
    axes.yaxis.label.set_size(9)
    if style.title:
        axes.set_title(style.title, fontsize=10, loc="left")
    axes.legend(fontsize=8, frameon=False)
    buffer = io.BytesIO()
    # The salt makes ids, and leaving out the date makes the whole file, a function of the numbers.
    metadata = {"Date": None, "Creator": "Radflow", "Title": style.title or style.quantity}
    with rc_context({"svg.hashsalt": "radflow", "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata=metadata)
    return buffer.getvalue()
