"""From JSON to the tree: what is wrong is refused here, by its path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from research.criteria.fields import FIELDS
from research.criteria.grammar import (
    STATES,
    All,
    Among,
    AnyOf,
    AtLeast,
    First,
    Has,
    Leaf,
    Node,
    Not,
    StudyHas,
    Test,
    count,
)
from research.criteria.ops import OPS, ops_for
from research.criteria.records import RECORDS, STATUSES, TESTED, RecordKind
from research.criteria.values import parse_value, refuse, unknown

MAX_DEPTH = 12
MAX_LEAVES = 200
MAX_DAYS = 100_000
MAX_KEYS = 200


def read(raw: object) -> Node:
    """The tree of JSON data.

    Raises:
        CriteriaError: naming the place in the JSON, what is allowed there and the nearest name.
    """
    node = _among(raw) if isinstance(raw, Mapping) and set(raw) == {"among", "of"} else _node(raw, "", 1)
    if (number := count(node)) > MAX_LEAVES:
        refuse("", f"{number} comparisons are too many", f"Use at most {MAX_LEAVES}.")
    return node


def _among(raw: Mapping[str, Any]) -> Node:
    given = raw["among"] if isinstance(raw["among"], list | tuple) else [raw["among"]]
    for state in given:
        if state not in STATES:
            unknown("among", "state of a series", str(state), STATES)
    if not given:
        refuse("among", "no state is named", f"Use one or both of: {', '.join(STATES)}.")
    of = _node(raw["of"], "of", 1)
    states = tuple(state for state in STATES if state in given)
    return of if states == STATES[:1] else Among(states, of)


def _node(raw: object, path: str, depth: int) -> Node:
    if depth > MAX_DEPTH:
        refuse(path, "criteria are nested too deeply", f"Use at most {MAX_DEPTH} levels.")
    if not isinstance(raw, Mapping):
        refuse(path, f"expected a JSON object, got {type(raw).__name__}", _SHAPES)
    keys = set(raw)
    if "field" in keys:
        return _leaf(raw, path)
    if "among" in keys and path:
        refuse(path, "among stands inside other criteria", "Put it outermost, around all of them.")
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
        case "first" | "last":
            return First(_node(raw[key], here, depth + 1), key == "last")
        case "study_has":
            return StudyHas(_node(raw[key], here, depth + 1))
        case _ if key in RECORDS:
            return _has(raw[key], here, RECORDS[str(key)])
        case _:
            unknown(path, "key", str(key), KEYS)


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
    return AtLeast(n, _node(raw["of"], f"{path}.of", depth + 1), count, _window(window, path))


def _has(raw: object, path: str, kind: RecordKind) -> Has:
    if not isinstance(raw, Mapping):
        refuse(path, f"expected an object, got {type(raw).__name__}", _SHAPES)
    allowed: tuple[str, ...] = ("is", "status", "section") if kind.has_slug else ("is",)
    match kind.name:
        case "observation":
            allowed = ("is", "op", "value", "unit")
        case "report_text":
            allowed = ("op", "value")
    for key in raw:
        if key not in (*allowed, "when", "window_days"):
            unknown(path, f"key of {kind.name}", str(key), (*allowed, "when", "window_days"))
    window = _window(raw.get("window_days"), path)
    if window is not None and "when" in raw:
        refuse(path, "when and window_days say different things", "Use one of them.")
    when = raw.get("when", kind.when[0])
    if when not in kind.when:
        unknown(f"{path}.when", "connection", str(when), kind.when)
    keys = _keys(raw.get("is"), f"{path}.is", kind) if "is" in allowed else ()
    return Has(kind, keys, tuple(_tests(raw, path, kind)), "window" if window else when, window)


def _keys(raw: object, path: str, kind: RecordKind) -> tuple[str, ...]:
    given = raw if isinstance(raw, list | tuple) else [raw]
    if not 1 <= len(given) <= MAX_KEYS:
        refuse(path, "no concept is named, or too many", f"Name 1 to {MAX_KEYS} of them.")
    found = []
    for one in given:
        word = parse_value(one, TESTED["text"], OPS["eq"], path)
        scheme, colon, code = str(word).partition(":")
        if not word or (colon and not (scheme and code)) or not (colon or kind.has_slug):
            own = ', or our own word for a finding, e.g. "pleural_effusion"' if kind.has_slug else ""
            refuse(
                path, f"{str(one)[:60]!r} names no concept", f'Use "scheme:code", e.g. "SCT:60046008"{own}.'
            )
        found.append(str(word))
    return tuple(dict.fromkeys(found))


def _tests(raw: Mapping[str, Any], path: str, kind: RecordKind) -> Iterator[Test]:
    for name in ("status", "section") if kind.has_slug else ():
        given = raw.get(name, "present" if name == "status" else None)
        if given is None:
            continue
        values = parse_value(
            given if isinstance(given, list | tuple) else [given], TESTED[name], OPS["in"], f"{path}.{name}"
        )
        for value in values if name == "status" and isinstance(values, tuple) else ():
            if value not in STATUSES:
                unknown(f"{path}.{name}", "status", str(value), STATUSES)
        yield Test(TESTED[name], OPS["in"], values)
    if kind.name == "report_text" or "op" in raw or "value" in raw:
        yield _compared(raw, path, kind)
    if "unit" in raw:
        yield Test(
            TESTED["unit"], OPS["eq"], parse_value(raw["unit"], TESTED["unit"], OPS["eq"], f"{path}.unit")
        )


def _compared(raw: Mapping[str, Any], path: str, kind: RecordKind) -> Test:
    """A report's text, or what was observed: a number where a number is given, else the words of the observation."""
    allowed: tuple[str, ...] = ("has_words", "contains")
    field = TESTED["text"]
    if kind.name == "observation":
        value = raw.get("value")
        first = value[0] if isinstance(value, list | tuple) and value else value
        field = TESTED["value_text" if isinstance(first, str) else "value"]
        allowed = tuple(name for name in ops_for(field.kind) if name != "exists")
        if field.name == "value" and "unit" not in raw:
            refuse(
                f"{path}.unit",
                "a number without its unit means nothing",
                'Add "unit" as the laboratory writes it.',
            )
    op = OPS.get(str(raw.get("op")))
    if op is None or op.name not in allowed:
        unknown(f"{path}.op", f"operator for {kind.name}", str(raw.get("op")), allowed)
    if "value" not in raw:
        refuse(f"{path}.value", "the value is missing", 'Add "value".')
    return Test(field, op, parse_value(raw["value"], field, op, f"{path}.value"))


def _window(raw: object, path: str) -> tuple[int, int] | None:
    if raw is None:
        return None
    if not isinstance(raw, list | tuple) or not _is_window(raw):
        refuse(
            f"{path}.window_days",
            f"{raw!r} is not a window",
            "Use [from, to] in whole days from the study in question, for example [30, 400].",
        )
    return (raw[0], raw[1])


def _is_window(raw: Sequence[Any]) -> bool:
    if len(raw) != 2:
        return False
    return all(type(day) is int and abs(day) <= MAX_DAYS for day in raw) and raw[0] <= raw[1]


KEYS = ("all", "any", "not", "at_least", "first", "last", "study_has", *RECORDS, "field")
_SHAPES = (
    'Use {"all": [...]}, {"any": [...]}, {"not": {...}}, {"at_least": {"n": 2, "of": {...}}}, {"first": {...}}, '
    '{"study_has": {...}}, {"finding": {"is": ...}} or {"field": ..., "op": ..., "value": ...}.'
)
