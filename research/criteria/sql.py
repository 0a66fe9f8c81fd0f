"""Criteria as a SQL condition with named parameters; no value ever becomes SQL text."""

from __future__ import annotations

from typing import Any

from research.criteria.fields import FROM_TEMPLATE, Scalar
from research.criteria.grammar import All, AnyOf, AtLeast, Criteria, Leaf, Node, Not, parse

_CASTS = {
    "text": "text",
    "integer": "bigint",
    "number": "double precision",
    "date": "date",
    "boolean": "boolean",
}


def to_sql(criteria: Criteria, *, scope: str = "") -> tuple[str, dict[str, Any]]:
    """Write criteria as a WHERE condition that goes with ``FROM_SQL``.

    A missing value makes a comparison NULL. AND and OR carry NULL as they carry false, and ``not`` is written
    ``IS NOT TRUE``, so a WHERE clause keeps exactly the rows for which ``matches`` is true, and plain
    comparisons stay usable by indexes.

    Args:
        criteria: JSON data or a parsed tree.
        scope: a further SQL condition on each series taken into account, with ``{s}`` for its alias, for
            example ``{s}.released_at IS NOT NULL``; also applied to the series that ``at_least`` counts.
            Trusted SQL, never user input.

    Returns:
        The condition with ``%(p0)s`` placeholders (psycopg2 and psycopg 3), and its parameters.

    Raises:
        CriteriaError: criteria that mean nothing.
    """
    writer = _Writer(scope)
    condition = writer.node(parse(criteria), 0)
    if scope:
        condition = f"({scope.format(s='s')}) AND {condition}"
    return condition, writer.params


class _Writer:
    def __init__(self, scope: str) -> None:
        self.scope = scope
        self.params: dict[str, Any] = {}
        self._levels = 0

    def bind(self, value: Any, cast: str) -> str:
        name = f"p{len(self.params)}"
        self.params[name] = value
        return f"CAST(%({name})s AS {cast})"

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
            case Leaf():
                return f"({self.leaf(node, level)})"

    def leaf(self, leaf: Leaf, level: int) -> str:
        if leaf.field.kind == "tag":
            return self.tag(leaf, level)
        x = leaf.field.sql.format(**_aliases(level))
        cast = _CASTS[leaf.field.kind]
        match leaf.op.shape:
            case "flag":
                return f"{x} IS {'NOT ' if leaf.value else ''}NULL"
            case "list":
                return leaf.op.sql.format(x=x, v=self.bind(list(_items(leaf)), f"{cast}[]"))
            case "pair":
                low, high = _items(leaf)
                return leaf.op.sql.format(x=x, lo=self.bind(low, cast), hi=self.bind(high, cast))
            case "one":
                return leaf.op.sql.format(x=x, v=self.bind(leaf.value, cast))

    def tag(self, leaf: Leaf, level: int) -> str:
        s = _aliases(level)["s"]
        some = f"EXISTS (SELECT 1 FROM catalog.tag t WHERE t.series_uid = {s}.series_uid"  # noqa: S608
        if leaf.op.shape == "flag":
            return f"{'' if leaf.value else 'NOT '}{some})"
        pairs = []
        for key in _items(leaf):
            scheme, _, code = str(key).partition(":")
            pairs.append(f"({self.bind(scheme, 'text')}, {self.bind(code, 'text')})")
        return f"{some} AND (t.scheme, t.code) IN ({', '.join(pairs)}))"

    def at_least(self, node: AtLeast, level: int) -> str:
        # Each counted set has its own aliases; sisters may not share them with what they are nested in.
        self._levels += 1
        inner = self._levels
        a, b = _aliases(inner), _aliases(level)
        where = [
            f"{a['s']}.patient_alias = {b['s']}.patient_alias AND {a['s']}.collection = {b['s']}.collection"
        ]
        if self.scope:
            where.append(f"({self.scope.format(s=a['s'])})")
        if node.window_days is not None:
            low, high = (self.bind(days, "integer") for days in node.window_days)
            where.append(f"{a['st']}.study_date - {b['st']}.study_date BETWEEN {low} AND {high}")
        where.append(self.node(node.of, inner))
        counted = f"{a['s']}.{'study_uid' if node.count == 'study' else 'series_uid'}"
        enough = self.bind(node.n, "bigint")
        source = FROM_TEMPLATE.format(**a)
        return f"((SELECT count(DISTINCT {counted}) FROM {source} WHERE {' AND '.join(where)}) >= {enough})"  # noqa: S608


def _items(leaf: Leaf) -> tuple[Scalar, ...]:
    return leaf.value if isinstance(leaf.value, tuple) else (leaf.value,)


def _aliases(level: int) -> dict[str, str]:
    suffix = str(level) if level else ""
    return {"s": f"s{suffix}", "st": f"st{suffix}", "p": f"p{suffix}"}
