"""The JSON grammar of criteria, parsed into a small tree; what is wrong is refused here, by its path.

Criteria are one of:

- ``{"all": [criteria, ...]}``, ``{"any": [criteria, ...]}``, ``{"not": criteria}``
- ``{"at_least": {"n": 2, "of": criteria, "count": "study" or "series", "window_days": [30, 400]}}``
- ``{"first": criteria}``, ``{"last": criteria}``, ``{"study_has": criteria}``
- ``{"finding": {...}}``, ``{"observation": {...}}``, ``{"condition": {...}}``, ``{"report_text": {...}}``
- ``{"field": name, "op": name, "value": ...}``

and, as the outermost one only, ``{"among": ["released", "listed"], "of": criteria}``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from research.criteria.fields import Field, Scalar
from research.criteria.ops import Op
from research.criteria.records import RecordKind, When


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


@dataclass(frozen=True)
class First:
    """An index event: ``of`` matches, and on no earlier (``last``: later) day anything of the patient that matches."""

    of: Node
    last: bool = False


@dataclass(frozen=True)
class StudyHas:
    """The study has a series that matches ``of``; it may be the series itself."""

    of: Node


@dataclass(frozen=True)
class Test:
    """One column of a record compared with a value."""

    field: Field
    op: Op
    value: Scalar | tuple[Scalar, ...]


@dataclass(frozen=True)
class Has:
    """The patient has a record of this kind.

    Attributes:
        kind: finding, observation, condition or report text.
        keys: concepts, any of which it is: ``scheme:code`` or our own word; none where the kind has no concept.
        tests: comparisons that it passes, all of them.
        when: how it hangs together with the series; ``window``: by ``window_days``.
        window_days: days from the study date to the record's date, inclusive, negative = before.
    """

    kind: RecordKind
    keys: tuple[str, ...]
    tests: tuple[Test, ...]
    when: When
    window_days: tuple[int, int] | None


@dataclass(frozen=True)
class Among:
    """The states of the series that are looked at at all, counted ones included; without it, released ones."""

    states: tuple[str, ...]
    of: Node


STATES = ("released", "listed")
Node: TypeAlias = Leaf | All | AnyOf | Not | AtLeast | First | StudyHas | Has | Among
NODES = (Leaf, All, AnyOf, Not, AtLeast, First, StudyHas, Has, Among)
Criteria: TypeAlias = Node | Mapping[str, Any]


def parse(criteria: Criteria) -> Node:
    """Check criteria and return their tree; a tree is returned as it is.

    Raises:
        CriteriaError: naming the place in the JSON, what is allowed there and the nearest name.
    """
    if isinstance(criteria, NODES):
        return criteria
    from research.criteria.reading import read

    return read(criteria)


def scope(node: Node) -> tuple[tuple[str, ...], Node]:
    """States of the series that criteria are about, and the criteria themselves."""
    return (node.states, node.of) if isinstance(node, Among) else (STATES[:1], node)


def rules(node: Node) -> tuple[Node, ...]:
    """The rules of the attrition table: the parts of a top-level ``all``, or the whole."""
    _, of = scope(node)
    return of.parts if isinstance(of, All) else (of,)


def count(node: Node) -> int:
    """How many comparisons with a series or a record there are."""
    match node:
        case Leaf() | Has():
            return 1
        case All(parts) | AnyOf(parts):
            return sum(count(part) for part in parts)
        case Not(of) | First(of) | StudyHas(of) | AtLeast(of=of) | Among(of=of):
            return count(of)


def needs_history(node: Node) -> bool:
    """Whether a decision needs the other series of the patient."""
    match node:
        case AtLeast() | First() | StudyHas():
            return True
        case All(parts) | AnyOf(parts):
            return any(needs_history(part) for part in parts)
        case Not(of) | Among(of=of):
            return needs_history(of)
        case Leaf() | Has():
            return False


def record_kinds(node: Node) -> frozenset[str]:
    """Names of the kinds of clinical records that a decision needs."""
    match node:
        case Leaf():
            return frozenset()
        case Has():
            return frozenset({node.kind.name})
        case All(parts) | AnyOf(parts):
            return frozenset().union(*(record_kinds(part) for part in parts))
        case Not(of) | First(of) | StudyHas(of) | AtLeast(of=of) | Among(of=of):
            return record_kinds(of)


def to_json(node: Node) -> dict[str, Any]:
    """The tree as plain JSON data with every default written out."""
    match node:
        case All(parts):
            return {"all": [to_json(part) for part in parts]}
        case AnyOf(parts):
            return {"any": [to_json(part) for part in parts]}
        case Not(part):
            return {"not": to_json(part)}
        case First(of, last):
            return {"last" if last else "first": to_json(of)}
        case StudyHas(of):
            return {"study_has": to_json(of)}
        case Among(states, of):
            return to_json(of) if states == STATES[:1] else {"among": list(states), "of": to_json(of)}
        case AtLeast(n, of, counted, window):
            body: dict[str, Any] = {"n": n, "of": to_json(of), "count": counted}
            if window is not None:
                body["window_days"] = list(window)
            return {"at_least": body}
        case Has():
            return {node.kind.name: _record(node)}
        case Leaf(field, op, value):
            return {"field": field.name, "op": op.name, "value": _plain(value)}


def _plain(value: Scalar | tuple[Scalar, ...]) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _record(node: Has) -> dict[str, Any]:
    body: dict[str, Any] = {"is": list(node.keys)} if node.keys else {}
    for test in node.tests:
        if test.field.name in ("value", "value_text", "text"):
            body |= {"op": test.op.name, "value": _plain(test.value)}
        elif test.field.name == "unit":
            body["unit"] = test.value
        else:
            body[test.field.name] = _plain(test.value)
    if node.window_days is not None:
        return body | {"window_days": list(node.window_days)}
    return body | {"when": node.when}


def canonical(criteria: Criteria) -> str:
    """One text per meaning-as-written: checked, defaults filled, keys sorted, no spaces, ASCII."""
    return json.dumps(to_json(parse(criteria)), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
