"""Criteria as a SQL condition with named parameters; no value ever becomes SQL text.

Written so that the indexes of the catalog answer: texts that ``catalog.facet`` or ``catalog.description`` has are
looked up there once, and a series is asked for the number of its entry only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from research.criteria.fields import FROM_TEMPLATE, Field, Scalar
from research.criteria.grammar import (
    All,
    Among,
    AnyOf,
    AtLeast,
    Criteria,
    First,
    Has,
    Leaf,
    Node,
    Not,
    StudyHas,
    parse,
    scope,
)
from research.criteria.ops import Op
from research.criteria.records import ACTIVE, SECTION_SQL

_CASTS = {
    "text": "text",
    "integer": "bigint",
    "number": "double precision",
    "date": "date",
    "boolean": "boolean",
}
Way = Literal["array", "join", "rows"]
_BY_FACET = ("eq", "in", "contains", "has_words")


def to_sql(criteria: Criteria, *, scope_sql: str = "") -> tuple[str, dict[str, Any]]:
    """Write criteria as a WHERE condition that goes with ``FROM_SQL``.

    A missing value makes a comparison NULL. AND and OR carry NULL as they carry false, and ``not`` is written
    ``IS NOT TRUE``, so a WHERE clause keeps exactly the rows for which ``matches`` is true, and plain
    comparisons stay usable by indexes.

    Args:
        criteria: JSON data or a parsed tree.
        scope_sql: a further SQL condition on each series taken into account, with ``{s}`` for its alias; also
            applied to the series that ``at_least`` and its like look at. Trusted SQL, never user input.

    Returns:
        The condition with ``%(p0)s`` placeholders (psycopg2 and psycopg 3), and its parameters.

    Raises:
        CriteriaError: criteria that mean nothing.
    """
    states, node = scope(parse(criteria))
    writer = _Writer(states, scope_sql)
    return writer.kept(node, 0), writer.params


def facets_sql(states: Sequence[str], leaves: Sequence[Leaf]) -> tuple[str, dict[str, Any]]:
    """A condition on ``catalog.facet f`` for states of series and for leaves that ``has_facet``; its parameters."""
    writer = _Writer(tuple(states), "")
    return " AND ".join([writer.shared("f"), *(writer.facet(leaf) for leaf in leaves)]), writer.params


class _Writer:
    """Conditions of one statement and the values that are bound in it."""

    def __init__(self, states: tuple[str, ...], scope_sql: str) -> None:
        self.scope_sql = scope_sql
        self.states = states
        self.params: dict[str, Any] = {}
        self._levels = 0

    def bind(self, value: Any, cast: str) -> str:
        name = f"p{len(self.params)}"
        self.params[name] = value
        return f"CAST(%({name})s AS {cast})"

    def shared(self, alias: str) -> str:
        states = self.bind(list(self.states), "text[]")
        # IS TRUE keeps it a look-up in some hundred shares: as a join its cost is guessed wrongly.
        return (
            f"({alias}.share_id IN (SELECT h.id FROM catalog.share h WHERE h.state = ANY({states}))) IS TRUE"  # noqa: S608
        )

    def kept(self, of: Node, level: int, way: Way = "array") -> str:
        """Conditions on a set of series: they are in scope, and ``of`` holds.

        What a dictionary can answer is one look-up for all parts together, and ``way`` says how it is used.
        """
        s = _alias(level)
        parts = of.parts if isinstance(of, All) else (of,)
        by_facet = [part for part in parts if isinstance(part, Leaf) and has_facet(part)]
        by_words = [part for part in parts if isinstance(part, Leaf) and part.field.dictionary]
        where = []
        if by_facet:  # a facet has the share of its series
            facets = " AND ".join([self.shared("f"), *(self.facet(leaf) for leaf in by_facet)])
            where.append(_among(f"{s}.facet_id", f"SELECT f.id FROM catalog.facet f WHERE {facets}", way))  # noqa: S608
        else:
            where.append(self.shared(s))
        if self.scope_sql:
            where.append(f"({self.scope_sql.format(s=s)})")
        if by_words:
            texts = " AND ".join(self.described(leaf) for leaf in by_words)
            ids = f"SELECT d.id FROM catalog.description d WHERE {texts}"  # noqa: S608
            where.append(_among(f"{s}.description_id", ids, way))
        where += [self.node(part, level) for part in parts if part not in by_facet and part not in by_words]
        return " AND ".join(where)

    def node(self, node: Node, level: int) -> str:
        match node:
            case All(parts):
                return f"({' AND '.join(self.node(part, level) for part in parts) or 'TRUE'})"
            case AnyOf(parts):
                return f"({' OR '.join(self.node(part, level) for part in parts)})"
            case Not(part):
                return f"({self.node(part, level)} IS NOT TRUE)"
            case AtLeast():
                return self.at_least(node, level)
            case First():
                return self.first(node, level)
            case StudyHas(of):
                return self.study_has(of, level)
            case Has():
                return self.record(node, level)
            case Among():
                return self.node(node.of, level)
            case Leaf():
                return f"({self.leaf(node, level)})"

    def leaf(self, leaf: Leaf, level: int) -> str:
        s = _alias(level)
        if leaf.field.kind == "tag":
            return self.tag(leaf, s)
        if leaf.field.dictionary:
            return (
                f"{s}.description_id IN (SELECT d.id FROM catalog.description d WHERE {self.described(leaf)})"  # noqa: S608
            )
        if has_facet(leaf):
            return f"{s}.facet_id IN (SELECT f.id FROM catalog.facet f WHERE {self.facet(leaf)})"  # noqa: S608
        return self.compare(leaf.field.sql.format(s=s), leaf.field, leaf.op, leaf.value)

    def described(self, leaf: Leaf) -> str:
        return self.compare(leaf.field.sql.format(d="d"), leaf.field, leaf.op, leaf.value)

    def facet(self, leaf: Leaf) -> str:
        return self.compare(f"f.{leaf.field.facet}", leaf.field, leaf.op, leaf.value)

    def compare(self, x: str, field: Field, op: Op, value: Scalar | tuple[Scalar, ...]) -> str:
        cast = _CASTS[field.kind]
        match op.shape:
            case "flag":
                return f"{x} IS {'NOT ' if value else ''}NULL"
            case "list":
                return op.sql.format(x=x, v=self.bind(list(_items(value)), f"{cast}[]"))
            case "pair":
                low, high = _items(value)
                return op.sql.format(x=x, lo=self.bind(low, cast), hi=self.bind(high, cast))
            case "words":
                return op.sql.format(x=x, v=self.bind(op.bound(value), "text[]"))
            case "one":
                return op.sql.format(x=x, v=self.bind(op.bound(value), cast))

    def tag(self, leaf: Leaf, s: str) -> str:
        some = f"EXISTS (SELECT 1 FROM catalog.tag t WHERE t.series_uid = {s}.series_uid"  # noqa: S608
        if leaf.op.shape == "flag":
            return f"{'' if leaf.value else 'NOT '}{some})"
        return f"{some} AND (t.scheme, t.code) IN ({self.pairs(map(str, _items(leaf.value)))}))"

    def pairs(self, keys: Any) -> str:
        halves = (key.partition(":") for key in keys)
        return ", ".join(
            f"({self.bind(scheme, 'text')}, {self.bind(code, 'text')})" for scheme, _, code in halves
        )

    def inside(self, inner: str, outer: str, window: tuple[int, int] | None) -> str:
        if window is None:
            return ""
        # As bounds on the inner date, so that an index over it is used.
        low, high = (self.bind(days, "integer") for days in window)
        return f" AND {inner} BETWEEN {outer} + {low} AND {outer} + {high}"

    def others(
        self, of: Node, level: int, joined: str, window: tuple[int, int] | None = None, way: Way = "rows"
    ) -> tuple[str, str]:
        """FROM and WHERE of a set of other series, and its alias: each set has its own."""
        self._levels += 1
        inner = self._levels
        a, b = _alias(inner), _alias(level)
        where = f"{joined.format(a=a, b=b)}{self.inside(f'{a}.study_date', f'{b}.study_date', window)}"
        where += f" AND {self.kept(of, inner, way)}"
        return f"FROM {FROM_TEMPLATE.format(s=a)} WHERE {where}", a

    def at_least(self, node: AtLeast, level: int) -> str:
        way: Way = "join" if node.n == 1 else "rows"
        text, a = self.others(node.of, level, "{a}.patient_no = {b}.patient_no", node.window_days, way)
        if node.n == 1:
            return f"EXISTS (SELECT {text})"
        counted = f"count(DISTINCT {a}.study_no)" if node.count == "study" else "count(*)"
        return f"((SELECT {counted} {text}) >= {self.bind(node.n, 'bigint')})"

    def first(self, node: First, level: int) -> str:
        itself = self.node(node.of, level)
        text, a = self.others(node.of, level, "{a}.patient_no = {b}.patient_no")
        end = f"(SELECT {'max' if node.last else 'min'}({a}.study_date) {text})"
        return f"({itself} AND {_alias(level)}.study_date = {end})"

    def study_has(self, of: Node, level: int) -> str:
        parts = of.parts if isinstance(of, All) else (of,)
        leaves = [part for part in parts if isinstance(part, Leaf) and has_facet(part)]
        if (
            leaves and len(leaves) == len(parts) and not self.scope_sql
        ):  # the catalog knows the facets of a study
            where = " AND ".join([self.shared("f"), *(self.facet(leaf) for leaf in leaves)])
            facets = f"SELECT f.id FROM catalog.facet f WHERE {where}"  # noqa: S608
            studies = f"SELECT t.study_no FROM catalog.study_facet t WHERE t.facet_id = ANY(ARRAY({facets}))"  # noqa: S608
            return f"{_alias(level)}.study_no IN ({studies})"
        text, _ = self.others(of, level, "{a}.study_no = {b}.study_no", way="join")
        return f"EXISTS (SELECT {text})"

    def record(self, node: Has, level: int) -> str:
        self._levels += 1
        r, s, kind = f"r{self._levels}", _alias(level), node.kind
        where = [f"{r}.patient_alias = {s}.patient_alias AND {r}.collection = {s}.collection"]
        date = f"{r}.{kind.date}"
        match node.when:
            case "study":
                where.append(f"{r}.study_uid = {s}.study_uid")
            case "before":
                where.append(f"{date} <= {s}.study_date")
            case "at":
                going = ", ".join(f"'{status}'" for status in ACTIVE)
                where.append(
                    f"{date} <= {s}.study_date AND ({r}.abated_on >= {s}.study_date "
                    f"OR ({r}.abated_on IS NULL AND {r}.clinical_status IN ({going})))"
                )
        if node.keys:
            where.append(self.named(node.keys, r))
        for test in node.tests:
            x = (test.field.sql or SECTION_SQL).format(r=r)
            where.append(self.compare(x, test.field, test.op, test.value))
        if kind.always != "TRUE":
            where.append(kind.always.format(r=r))
        window = self.inside(date, f"{s}.study_date", node.window_days)
        return f"EXISTS (SELECT FROM {kind.table} {r} WHERE {' AND '.join(where)}{window})"

    def named(self, keys: tuple[str, ...], r: str) -> str:
        coded, words = [key for key in keys if ":" in key], [key for key in keys if ":" not in key]
        found = [f"({r}.scheme, {r}.code) IN ({self.pairs(coded)})"] if coded else []
        if words:
            found.append(f"{r}.finding = ANY({self.bind(words, 'text[]')})")
        return f"({' OR '.join(found)})"


def has_facet(leaf: Leaf) -> bool:
    """Whether a facet decides the same: an empty text there means missing, so none may be asked for."""
    return bool(leaf.field.facet) and leaf.op.name in _BY_FACET and "" not in _items(leaf.value)


def _among(column: str, chosen: str, way: Way) -> str:
    """One of the ids chosen: as an array that leads an index, as a set to join with, or looked up row by row."""
    if way == "array":
        return f"{column} = ANY(ARRAY({chosen}))"
    return f"{column} IN ({chosen})" if way == "join" else f"({column} IN ({chosen})) IS TRUE"


def _items(value: Scalar | tuple[Scalar, ...]) -> tuple[Scalar, ...]:
    return value if isinstance(value, tuple) else (value,)


def _alias(level: int) -> str:
    return f"s{level}" if level else "s"
