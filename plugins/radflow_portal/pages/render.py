"""Templates and the words that numbers and times become."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from radflow_portal.problems import Problem

_HERE = Path(__file__).parent
STATIC = _HERE / "static"
_PREFIX = "/radflow"
_MINUS = "\N{MINUS SIGN}"


def number(value: float | None, digits: int = 3) -> str:
    """Three significant digits, never in powers of ten where a reader can do without."""
    if value is None:
        return "\N{EN DASH}"
    if value != 0 and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.{digits - 1}e}".replace("-", _MINUS)
    if float(value).is_integer() and abs(value) >= 1:
        return f"{value:.0f}".replace("-", _MINUS)
    magnitude = 0
    while value != 0 and magnitude < 4 and abs(value) * 10**magnitude < 1:
        magnitude += 1
    whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    decimals = max(0, digits - whole) if whole else digits - 1 + magnitude
    return f"{value:.{decimals}f}".replace("-", _MINUS)


def aligned(value: float | None) -> str:
    """A number of a column: the same decimals in every row."""
    if value is None:
        return "\N{EN DASH}"
    decimals = 4 if abs(value) < 10 else 2 if abs(value) < 1000 else 0
    return f"{value:.{decimals}f}".replace("-", _MINUS)


def estimate(row: dict[str, Any]) -> dict[str, str]:
    """Estimate and interval of a row with the same decimals: three digits of the largest of them."""
    values = [row[name] for name in ("estimate", "lower", "upper") if row[name] is not None]
    largest = max((abs(value) for value in values), default=0.0)
    if largest != 0 and not 1e-4 <= largest < 1e6:
        return {name: number(row[name]) for name in ("estimate", "lower", "upper")}
    decimals = 2 if largest == 0 else max(0, 2 - math.floor(math.log10(largest)))
    return {
        name: "\N{EN DASH}" if row[name] is None else f"{row[name]:.{decimals}f}".replace("-", _MINUS)
        for name in ("estimate", "lower", "upper")
    }


def p_value(value: float | None) -> str:
    """A p value as papers print it."""
    if value is None:
        return "\N{EN DASH}"
    return "p < 0.001" if value < 0.001 else f"p = {value:.2g}"


def moment(value: datetime | None) -> str:
    """A time of day in UTC."""
    return "" if value is None else value.astimezone(UTC).strftime("%-d %b %Y, %H:%M UTC")


def duration(seconds: float | None) -> str:
    """A span in the two largest units."""
    if seconds is None:
        return "\N{EN DASH}"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def short(text: str | None, length: int = 12) -> str:
    """The first characters of a hash or UID that nobody reads to the end."""
    text = (text or "").removeprefix("sha256:")
    return text if len(text) <= length else f"{text[:length]}\N{HORIZONTAL ELLIPSIS}"


def tail(uid: str, length: int = 10) -> str:
    """The last characters of a UID, the ones that differ."""
    return uid if len(uid) <= length else f"\N{HORIZONTAL ELLIPSIS}{uid[-length:]}"


def size(count: float | None) -> str:
    """Bytes in the unit that people read, in powers of ten as archives state them."""
    if count is None:
        return "\N{EN DASH}"
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"


def count(value: int | None) -> str:
    """A count with thin spaces between thousands."""
    return "\N{EN DASH}" if value is None else f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def words(name: str) -> str:
    """A name of the database as people write it."""
    return name.replace("_", " ").replace("-", " ")


@cache
def _release() -> str:
    try:
        return version("radflow")
    except PackageNotFoundError:
        return "source"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=number,
        count=count,
        moment=moment,
        duration=duration,
        short=short,
        size=size,
        tail=tail,
        aligned=aligned,
        estimate=estimate,
        words=words,
        p_value=p_value,
    )
    environment.globals["release"] = _release()
    return environment


def render(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page; ``here`` is the portal's address and ``airflow`` Airflow's, both without a final slash."""
    here = str(request.scope.get("root_path", "")).rstrip("/")
    airflow = here.removesuffix(_PREFIX)

    def dag_run(dag_id: str, run_id: str) -> str:
        return f"{airflow}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"

    text = _environment().get_template(template).render(here=here, airflow=airflow, dag_run=dag_run, **values)
    return HTMLResponse(text, status)


def problem_page(request: Request, problem: Problem) -> HTMLResponse:
    """An error as a page that says what to do."""
    return render(request, "problem.html", problem.status, problem=problem, back=str(request.url))
