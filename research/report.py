"""Results for people: a text table for the terminal and two plots as SVG (same numbers, same bytes)."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from research.comparison import ArmDifference
from research.intervals import Array, limits_of_agreement
from research.metrics.evaluate import MetricRow

# Okabe and Ito (2008): told apart by colour-blind readers; shapes differ too, for print.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_GREY = "#555555"


Pairs: TypeAlias = Mapping[str, Sequence[tuple[float, float]]]
"""Arm -> (truth, prediction) of each case, in one unit; arms without cases are left out of the plot."""


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


def scatter_svg(
    pairs: Pairs, *, unit: str = "", title: str = "", width: float = 4.8, height: float = 3.6
) -> str:
    """Prediction against truth, one marker per case, with the line of identity.

    Args:
        pairs: arm -> (truth, prediction) per case.
        unit: of both, for the axes.
        title: above the plot; none where empty.
        width: inches (72 SVG units each).
        height: likewise.

    Returns:
        An SVG document; the same numbers give the same text.

    Raises:
        ValueError: no points, or a value that is not finite.
    """
    arms = _arms(pairs)
    figure, axes = _figure(width, height, title)
    values = np.concatenate([points.ravel() for _, points, _ in arms])
    margin = float(np.ptp(values)) * 0.06 or 0.5
    ends = (float(values.min()) - margin, float(values.max()) + margin)
    axes.plot(ends, ends, color=_GREY, linewidth=0.8, linestyle="--", label="identity")
    for arm, points, look in arms:
        axes.scatter(points[:, 0], points[:, 1], s=18, alpha=0.85, label=arm, **look)
    axes.set(xlim=ends, ylim=ends, xlabel=_axis("truth", unit), ylabel=_axis("prediction", unit))
    return _svg(figure, axes)


def bland_altman_svg(
    pairs: Pairs, *, unit: str = "", title: str = "", width: float = 4.8, height: float = 3.6
) -> str:
    """Difference (prediction - truth) against truth, with bias (line) and 95 % limits of agreement (dotted).

    The x axis is the truth and not the mean of both, because one side is the reference here (Krouwer 2008).
    Arguments, result and errors as for ``scatter_svg``.
    """
    arms = _arms(pairs)
    figure, axes = _figure(width, height, title)
    axes.axhline(0, color=_GREY, linewidth=0.8)
    for arm, points, look in arms:
        differences = points[:, 1] - points[:, 0]
        axes.scatter(points[:, 0], differences, s=18, alpha=0.85, label=arm, **look)
        axes.axhline(float(differences.mean()), color=look["c"], linewidth=1.2)
        if len(differences) > 1:
            limits = limits_of_agreement(differences)
            for limit in (limits.lower, limits.upper):
                axes.axhline(limit, color=look["c"], linewidth=0.9, linestyle=":")
    axes.set(xlabel=_axis("truth", unit), ylabel=_axis("prediction - truth", unit))
    return _svg(figure, axes)


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


def _axis(what: str, unit: str) -> str:
    return f"{what} ({unit})" if unit else what


def _arms(pairs: Pairs) -> list[tuple[str, Array, dict[str, str]]]:
    """Arms with points, shape (cases, 2), and look, which depends on the arm's place among all arms."""
    arms = []
    for i, arm in enumerate(sorted(pairs)):
        points = np.asarray(pairs[arm], dtype=np.float64).reshape(-1, 2)
        if not np.isfinite(points).all():
            msg = "a point is not finite; leave missing predictions out and say how many"
            raise ValueError(msg)
        if len(points):
            look = {"c": _COLOURS[i % len(_COLOURS)], "marker": _MARKERS[i % len(_MARKERS)]}
            arms.append((arm or "all", points, look))
    if not arms:
        msg = "there are no points to plot"
        raise ValueError(msg)
    return arms


def _figure(width: float, height: float, title: str) -> tuple[Any, Any]:
    # No pyplot: it keeps global state and opens displays. Imported here, because it takes most of a second.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.set_title(title, fontsize=10, loc="left")
    return figure, axes


def _svg(figure: Any, axes: Any) -> str:
    from matplotlib import rc_context

    axes.xaxis.label.set_size(9)
    axes.yaxis.label.set_size(9)
    figure.legend(loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    buffer = io.StringIO()
    # The salt makes ids, and leaving out the date makes the whole file, a function of the numbers.
    with rc_context({"svg.hashsalt": "radflow", "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": "Radflow"})
    return buffer.getvalue()
