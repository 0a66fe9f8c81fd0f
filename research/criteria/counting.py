"""Statements that count and list what criteria keep; where facets alone decide, the catalog's cube has the counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from research.criteria.fields import FROM_SQL
from research.criteria.grammar import All, Among, Criteria, Leaf, Node, parse, rules, scope
from research.criteria.sql import facets_sql, has_facet, to_sql

_MEMBERS = (
    "s.series_uid, s.study_uid, s.patient_alias, s.collection, s.study_date, "
    "coalesce(s.manifest_sha256, 'listed:' || s.listing_hash) AS manifest_sha256"
)


def count_sql(criteria: Criteria) -> tuple[str, dict[str, Any]]:
    """A SELECT of ``n_series``, ``n_studies`` and ``n_patients`` that criteria keep, and its parameters.

    Raises:
        CriteriaError: criteria that mean nothing.
    """
    states, node = scope(parse(criteria))
    parts = node.parts if isinstance(node, All) else (node,)
    leaves = [part for part in parts if isinstance(part, Leaf) and has_facet(part)]
    if len(leaves) == len(parts):
        return _from_cube(states, leaves)
    where, params = to_sql(criteria)
    text = (
        "SELECT count(*) AS n_series, count(DISTINCT s.study_no) AS n_studies, "  # noqa: S608
        f"count(DISTINCT s.patient_no) AS n_patients FROM {FROM_SQL} WHERE {where}"
    )
    return text, params


def attrition_sql(criteria: Criteria) -> Iterator[tuple[Node | None, str, dict[str, Any]]]:
    """Per line of the attrition table its rule (none for the first line), and ``count_sql`` of what is left then."""
    tree = parse(criteria)
    states, _ = scope(tree)
    left = rules(tree)
    for number in range(len(left) + 1):
        text, params = count_sql(Among(states, All(left[:number])))
        yield (left[number - 1] if number else None), text, params


def members_sql(criteria: Criteria, within: tuple[str, ...] | None = None) -> tuple[str, dict[str, Any]]:
    """A SELECT of the series that criteria keep: who they are and their date, by series UID.

    Args:
        criteria: JSON data or a parsed tree.
        within: only series of these UIDs.

    Raises:
        CriteriaError: criteria that mean nothing.
    """
    where, params = to_sql(criteria)
    if within is not None:
        where += " AND s.series_uid = ANY(%(within)s)"
        params["within"] = list(within)
    return f"SELECT {_MEMBERS} FROM {FROM_SQL} WHERE {where} ORDER BY s.series_uid", params  # noqa: S608


def _from_cube(states: tuple[str, ...], leaves: list[Leaf]) -> tuple[str, dict[str, Any]]:
    where, params = facets_sql(states, leaves)

    def distinct(kind: str) -> str:
        return (
            "(SELECT coalesce(sum(bit_count(x.members)), 0)::bigint FROM (SELECT bit_or(m.members) AS members "  # noqa: S608
            f"FROM catalog.facet_members m WHERE m.kind = '{kind}' AND m.facet_id IN (SELECT id FROM chosen) "
            "GROUP BY m.chunk) x)"
        )

    text = (
        "WITH chosen AS MATERIALIZED (SELECT f.id, f.series_count FROM catalog.facet f "  # noqa: S608
        f"WHERE f.series_count > 0 AND {where}) SELECT coalesce(sum(series_count), 0)::bigint AS n_series, "
        f"{distinct('study')} AS n_studies, {distinct('patient')} AS n_patients FROM chosen"
    )
    return text, params
