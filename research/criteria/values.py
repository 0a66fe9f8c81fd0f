"""Checking the values of comparisons, and the two kinds of refusal."""

from __future__ import annotations

import datetime as dt
import difflib
import math
from collections.abc import Sequence
from typing import NoReturn

from research.criteria.fields import Field, Scalar
from research.criteria.ops import Op, needles
from research.errors import CriteriaError

MAX_TEXT = 256
MAX_LIST = 1000
_BIGINT = 2**63 - 1


def refuse(path: str, what: str, remedy: str) -> NoReturn:
    """Raise a CriteriaError about one place in the JSON."""
    reason = f"Criteria{f' at {path}' if path else ''}: {what}."
    raise CriteriaError(reason, remedy)


def unknown(path: str, what: str, given: str, allowed: Sequence[str]) -> NoReturn:
    """Raise a CriteriaError about a name that is not one of those allowed; suggests the nearest."""
    near = difflib.get_close_matches(given.lower(), allowed, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    refuse(path, f"{given[:60]!r} is not a known {what}", f"{hint}Allowed: {', '.join(allowed)}.")


def parse_value(raw: object, field: Field, op: Op, path: str) -> Scalar | tuple[Scalar, ...]:
    """Check a criterion's value against its operator's shape and its field's kind.

    Returns:
        A scalar, or a tuple for lists and pairs. Dates are ISO texts.

    Raises:
        CriteriaError: naming ``path``.
    """
    match op.shape:
        case "flag":
            if not isinstance(raw, bool):
                refuse(path, f"{_short(raw)} is not true or false", "Use true or false.")
            return raw
        case "one":
            return _scalar(raw, field, op, path)
        case "words":
            text = _text(raw, path, allow_empty=False)
            found = needles(text)
            if not found or any(not needle.strip() or "*" in needle for needle in found):
                refuse(
                    path,
                    f"{_short(raw)} has no word",
                    "Use words; `*` at the end of one means how it begins.",
                )
            return text
        case "list":
            if not isinstance(raw, list | tuple) or not 1 <= len(raw) <= MAX_LIST:
                refuse(path, f"{op.name} needs a list", f"Use 1 to {MAX_LIST} values in [ ... ].")
            return tuple(_scalar(item, field, op, f"{path}[{i}]") for i, item in enumerate(raw))
        case "pair":
            if not isinstance(raw, list | tuple) or len(raw) != 2:
                refuse(path, "between needs two values", "Use [low, high]; both ends are included.")
            low, high = (_scalar(item, field, op, f"{path}[{i}]") for i, item in enumerate(raw))
            if low > high:  # type: ignore[operator]  # same kind on both sides, checked by _scalar
                refuse(path, f"{low!r} is above {high!r}", "Put the lower value first.")
            return (low, high)


def _scalar(raw: object, field: Field, op: Op, path: str) -> Scalar:
    match field.kind:
        case "text":
            return _text(raw, path, allow_empty=op.name != "contains")
        case "integer":
            whole = int(raw) if isinstance(raw, float) and raw.is_integer() else raw
            if isinstance(whole, bool) or not isinstance(whole, int) or abs(whole) > _BIGINT:
                refuse(path, f"{_short(raw)} is not a whole number", f"{field.name} is counted.")
            return whole
        case "number":
            if isinstance(raw, bool) or not isinstance(raw, int | float) or not _finite(raw):
                unit = f" in {field.unit}" if field.unit else ""
                refuse(path, f"{_short(raw)} is not a number", f"Use a finite number{unit}.")
            return float(raw)
        case "boolean":
            if not isinstance(raw, bool):
                refuse(path, f"{_short(raw)} is not true or false", "Use true or false.")
            return raw
        case "date":
            return _date(raw, path)
        case "tag":
            return _tag(raw, path)


def _text(raw: object, path: str, *, allow_empty: bool) -> str:
    if not isinstance(raw, str) or len(raw) > MAX_TEXT or (not raw and not allow_empty):
        refuse(path, f"{_short(raw)} is not a usable text", f"Use 1 to {MAX_TEXT} characters.")
    if "\0" in raw or any("\ud800" <= char <= "\udfff" for char in raw):
        refuse(path, "the text holds a character no database can store", "Remove it.")
    return raw


def _date(raw: object, path: str) -> str:
    try:
        if isinstance(raw, str) and len(raw) == 10:
            return dt.date.fromisoformat(raw).isoformat()
    except ValueError:
        pass  # refused below, like every other text that is no date
    refuse(path, f"{_short(raw)} is not a date", 'Use "YYYY-MM-DD".')


def _tag(raw: object, path: str) -> str:
    text = _text(raw, path, allow_empty=False)
    scheme, colon, code = text.partition(":")
    if not (scheme and colon and code):
        refuse(path, f"{_short(raw)} is not a concept key", 'Use "scheme:code", e.g. "RADLEX:RID4799".')
    return text


def _finite(number: int | float) -> bool:
    try:
        return math.isfinite(float(number))
    except OverflowError:
        return False


def _short(raw: object) -> str:
    text = repr(raw)
    return text if len(text) <= 60 else f"{text[:57]}..."
