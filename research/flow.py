"""Attrition as a flow diagram in the manner of CONSORT: boxes of what is left, beside them what each rule took away.

Drawn here, as SVG without scripts, styles or fonts of its own: lines and text take ``currentColor``, so that the page's
theme decides. Moher et al., BMJ 2010;340:c869 (CONSORT 2010); Collins et al., BMJ 2024;385:e078378 (TRIPOD+AI).
"""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

from research.cohorts import AttritionStep

_WIDTH, _BOX, _GAP, _LINE, _PAD = 760, 360, 34, 18, 12
_SIDE = _WIDTH - _BOX - 60
_CHARS = 46


def flow(steps: Sequence[AttritionStep], title: str) -> dict[str, Any]:
    """The diagram's content: what is left in order, and what each rule took away.

    Args:
        steps: as frozen; the first one counts what there was.
        title: the cohort's name.

    Raises:
        ValueError: no steps.
    """
    if not steps:
        msg = "a flow without steps"
        raise ValueError(msg)
    return {
        "title": title,
        "start": _left(steps[0]),
        "rules": [
            {
                **_left(step),
                "excluded_series": before.n_series - step.n_series,
                "excluded_patients": before.n_patients - step.n_patients,
            }
            for before, step in itertools.pairwise(steps)
        ],
        "included_series": steps[-1].n_series,
        "included_patients": steps[-1].n_patients,
    }


def _left(step: AttritionStep) -> dict[str, Any]:
    return {
        "rule_no": step.rule_no, "text": step.rule_text, "n_series": step.n_series, "n_patients": step.n_patients,
    }  # fmt: skip


def flow_svg(steps: Sequence[AttritionStep], title: str) -> str:
    """The diagram as SVG with a title and a description for those who do not see it.

    Raises:
        ValueError: no steps.
    """
    told = flow(steps, title)
    parts: list[str] = []
    y: float = _PAD
    start = [*_wrapped(told["start"]["text"]), _count(told["start"]["n_series"], told["start"]["n_patients"])]
    y, middle = _box(parts, 1, y, _BOX, start, strong=len(start) - 1)
    for number, rule in enumerate(told["rules"], 1):
        last = number == len(told["rules"])
        lost = [
            *_wrapped(f"Not met: {rule['text']}"),
            _count(rule["excluded_series"], rule["excluded_patients"]),
        ]
        room = 2 * _GAP + _PAD * 2 + _LINE * len(lost)
        centre = y + room / 2
        _arrow(parts, middle, y, middle, y + room)
        _arrow(parts, middle, centre, _BOX + 58, centre)
        _box(parts, _BOX + 59, centre - _PAD - _LINE * len(lost) / 2, _SIDE, lost, strong=len(lost) - 1)
        left = [
            "Included in the cohort" if last else f"After rule {number}",
            _count(rule["n_series"], rule["n_patients"]),
        ]
        y, middle = _box(parts, 1, y + room, _BOX, left, strong=1)
    height = round(y + _PAD)
    name = escape(f"How the cohort {title} came about")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        'role="img" aria-labelledby="flow-title flow-desc" fill="none" stroke="currentColor" font-size="13" '
        'font-family="system-ui, sans-serif">\n'
        f'<title id="flow-title">{name}</title>\n<desc id="flow-desc">{escape(describe_flow(told))}</desc>\n'
        '<defs><marker id="flow-head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        'orient="auto"><path d="M0 0 8 4 0 8z" fill="currentColor" stroke="none"/></marker></defs>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def describe_flow(told: dict[str, Any]) -> str:
    """The same in sentences."""
    start = told["start"]
    sentences = [f"{start['text']}: {_count(start['n_series'], start['n_patients'])}."]
    for rule in told["rules"]:
        lost = _count(rule["excluded_series"], rule["excluded_patients"])
        sentences.append(
            f"{rule['text']}: {lost} taken out, {_count(rule['n_series'], rule['n_patients'])} left."
        )
    return " ".join(sentences)


def _count(series: int, patients: int) -> str:
    return f"{series:,} series, {patients:,} patient{'' if patients == 1 else 's'}"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _CHARS, max_lines=6, placeholder=" ...") or [""]


def _box(
    parts: list[str], x: float, y: float, width: int, lines: list[str], *, strong: int
) -> tuple[float, float]:
    """Draw a box; answers the y of its lower edge and the x of its middle."""
    height = 2 * _PAD + _LINE * len(lines)
    parts.append(f'<rect x="{x}" y="{y:g}" width="{width}" height="{height}" rx="4"/>')
    for number, line in enumerate(lines):
        weight = ' font-weight="600"' if number == strong else ""
        parts.append(
            f'<text x="{x + _PAD}" y="{y + _PAD + 13 + _LINE * number:g}" fill="currentColor" stroke="none"{weight}>'
            f"{escape(line)}</text>"
        )
    return y + height, x + width / 2


def _arrow(parts: list[str], x1: float, y1: float, x2: float, y2: float) -> None:
    parts.append(f'<path d="M{x1:g} {y1:g}L{x2:g} {y2:g}" marker-end="url(#flow-head)"/>')
