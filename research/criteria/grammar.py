"""The JSON grammar of criteria, parsed into a small tree; what is wrong is refused here, by its path.

Criteria are one of:

- ``{"all": [criteria, ...]}``, ``{"any": [criteria, ...]}``, ``{"not": criteria}``
- ``{"at_least": {"n": 2, "of": criteria, "count": "study" or "series", "window_days": [30, 400]}}``
- ``{"field": name, "op": name, "value": ...}``
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from research.criteria.fields import FIELDS, Field, Scalar
from research.criteria.ops import OPS, Op, ops_for
from research.criteria.values import parse_value, refuse, unknown

MAX_DEPTH = 12
MAX_LEAVES = 200
MAX_DAYS = 100_000


@dataclass(frozen=True)
class Leaf:
    """One field compared with a value (a scalar or a tuple of scalars, already checked)."""

    field: Field
    op: Op
    value: Scalar | tuple[Scalar, ...]


@dataclass(frozen=True)
class All:
    """Every part holds; with no parts, every series."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Not:
    """The set complement: every series that the part does not match, missing values included."""

    part: Node


@dataclass(frozen=True)
class AtLeast:
    """The patient has at least ``n`` studies (or series) that match ``of``.

    With ``window_days`` only those count whose study date lies that many days (inclusive, negative = before)
    from the study date of the series in question. The series itself counts when it qualifies.
    """

    n: int
    of: Node
    count: Literal["study", "series"]
    window_days: tuple[int, int] | None


Node: TypeAlias = Leaf | All | AnyOf | Not | AtLeast
Criteria: TypeAlias = Node | Mapping[str, Any]


def parse(criteria: Criteria) -> Node:
    """Check criteria and return their tree; a tree is returned as it is.

    Raises:
        CriteriaError: naming the place in the JSON, what is allowed there and the nearest name.
    """
    if isinstance(criteria, Leaf | All | AnyOf | Not | AtLeast):
        return criteria
    node = _node(criteria, "", 1)
    if (count := sum(1 for _ in leaves(node))) > MAX_LEAVES:
        refuse("", f"{count} comparisons are too many", f"Use at most {MAX_LEAVES}.")
    return node


def leaves(node: Node) -> list[Leaf]:
    """All comparisons of a tree, from left to right."""
    match node:
        case Leaf():
            return [node]
        case All(parts) | AnyOf(parts):
            return [leaf for part in parts for leaf in leaves(part)]
        case Not(part):
            return leaves(part)
        case AtLeast(of=of):
            return leaves(of)


def needs_history(node: Node) -> bool:
    """Whether a decision needs the other series of the patient (there is an ``at_least`` somewhere)."""
    match node:
        case AtLeast():
            return True
        case All(parts) | AnyOf(parts):
            return any(needs_history(part) for part in parts)
        case Not(part):
            return needs_history(part)
        case _:
            return False


def to_json(node: Node) -> dict[str, Any]:
    """The tree as plain JSON data with every default written out."""
    match node:
        case All(parts):
            return {"all": [to_json(part) for part in parts]}
        case AnyOf(parts):
            return {"any": [to_json(part) for part in parts]}
        case Not(part):
            return {"not": to_json(part)}
        case AtLeast(n, of, count, window):
            body: dict[str, Any] = {"n": n, "of": to_json(of), "count": count}
            if window is not None:
                body["window_days"] = list(window)
            return {"at_least": body}
        case Leaf(field, op, value):
            plain = list(value) if isinstance(value, tuple) else value
            return {"field": field.name, "op": op.name, "value": plain}


def canonical(criteria: Criteria) -> str:
    """One text per meaning-as-written: checked, defaults filled, keys sorted, no spaces, ASCII."""
    return json.dumps(to_json(parse(criteria)), sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _node(raw: object, path: str, depth: int) -> Node:
    if depth > MAX_DEPTH:
        refuse(path, "criteria are nested too deeply", f"Use at most {MAX_DEPTH} levels.")
    if not isinstance(raw, Mapping):
        refuse(path, f"expected a JSON object, got {type(raw).__name__}", _SHAPES)
    keys = set(raw)
    if "field" in keys:
        return _leaf(raw, path)
    if len(keys) != 1:
        refuse(path, f"an object with the keys {sorted(map(str, keys))} means nothing", _SHAPES)
    key = next(iter(keys))
    here = f"{path}.{key}" if path else str(key)
    match key:
        case "all":
            return All(_parts(raw[key], here, depth))
        case "any":
            parts = _parts(raw[key], here, depth)
            if not parts:
                refuse(here, "the empty list matches nothing", "Give at least one criterion.")
            return AnyOf(parts)
        case "not":
            return Not(_node(raw[key], here, depth + 1))
        case "at_least":
            return _at_least(raw[key], here, depth)
        case _:
            unknown(path, "key", str(key), ("all", "any", "not", "at_least", "field"))


def _parts(raw: object, path: str, depth: int) -> tuple[Node, ...]:
    if not isinstance(raw, list | tuple):
        refuse(path, f"expected a list of criteria, got {type(raw).__name__}", "Write [ ... ].")
    return tuple(_node(part, f"{path}[{i}]", depth + 1) for i, part in enumerate(raw))


def _leaf(raw: Mapping[str, Any], path: str) -> Leaf:
    dot = f"{path}." if path else ""
    for key in raw:
        if key not in ("field", "op", "value"):
            unknown(path, "key", str(key), ("field", "op", "value"))
    field = FIELDS.get(str(raw["field"]))
    if field is None:
        unknown(f"{dot}field", "field", str(raw["field"]), tuple(FIELDS))
    allowed = ops_for(field.kind)
    if "op" not in raw:
        refuse(f"{dot}op", "the operator is missing", f"Use one of: {', '.join(allowed)}.")
    op = OPS.get(str(raw["op"]))
    if op is None or op.name not in allowed:
        unknown(f"{dot}op", f"operator for {field.name} ({field.kind})", str(raw["op"]), allowed)
    if "value" not in raw and op.shape != "flag":
        refuse(f"{dot}value", "the value is missing", 'Add "value".')
    return Leaf(field, op, parse_value(raw.get("value", True), field, op, f"{dot}value"))


def _at_least(raw: object, path: str, depth: int) -> AtLeast:
    if not isinstance(raw, Mapping) or not {"n", "of"} <= set(raw):
        refuse(path, 'expected an object with "n" and "of"', _SHAPES)
    for key in raw:
        if key not in ("n", "of", "count", "window_days"):
            unknown(path, "key", str(key), ("n", "of", "count", "window_days"))
    n, count, window = raw["n"], raw.get("count", "study"), raw.get("window_days")
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= 1000:
        refuse(f"{path}.n", f"{n!r} is not a count", "Use a whole number from 1 to 1000.")
    if count not in ("study", "series"):
        unknown(f"{path}.count", "thing to count", str(count), ("study", "series"))
    if window is not None:
        if not _is_window(window):
            refuse(
                f"{path}.window_days",
                f"{window!r} is not a window",
                "Use [from, to] in whole days from the study in question, for example [30, 400].",
            )
        window = (window[0], window[1])
    return AtLeast(n, _node(raw["of"], f"{path}.of", depth + 1), count, window)


def _is_window(raw: object) -> bool:
    if not isinstance(raw, list | tuple) or len(raw) != 2:
        return False
    return all(type(day) is int and abs(day) <= MAX_DAYS for day in raw) and raw[0] <= raw[1]


_SHAPES = (
    'Use {"all": [...]}, {"any": [...]}, {"not": {...}}, {"at_least": {"n": 2, "of": {...}}} '
    'or {"field": ..., "op": ..., "value": ...}.'
)
