"""A cohort as it would be frozen now: asked of the database, as one account sees it, and not stored yet."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from research.cohorts import (
    AttritionStep,
    FrozenCohort,
    Member,
    assemble,
    member_of,
    rule_text,
    start_text,
)
from research.criteria import Among, Criteria, attrition_sql, describe, members_sql, parse, scope
from research.errors import CriteriaError
from research.timepoints import Grouping, Timepoint, place

Ask = Callable[[str, Mapping[str, Any]], list[dict[str, Any]]]
"""Runs a statement with its named parameters and gives its rows; row-level security is the caller's."""


@dataclass(frozen=True)
class Draft:
    """A cohort and the time points of its members."""

    cohort: FrozenCohort
    english: str
    timepoints: tuple[Timepoint, ...]

    def parameters(self, team: str | None, visibility: str) -> dict[str, Any]:
        """For the statement ``cohort_freeze``."""
        frozen = self.cohort
        return {
            "name": frozen.name,
            "english": self.english,
            "criteria": frozen.criteria,
            "criteria_sha256": frozen.criteria_sha256,
            "catalog_version": frozen.catalog_version,
            "cohort_sha256": frozen.cohort_sha256,
            "team": team,
            "visibility": visibility,
            "grouping": frozen.grouping or None,
            "series_uids": list(frozen.series_uids),
            "attrition": json.dumps([vars(step) for step in frozen.attrition]),
            "timepoints": json.dumps([vars(point) for point in self.timepoints]),
        }

    @property
    def patients(self) -> int:
        """How many patients are left."""
        return self.cohort.attrition[-1].n_patients


def attrition(ask: Ask, criteria: Criteria) -> list[AttritionStep]:
    """What each rule leaves over.

    Raises:
        CriteriaError: criteria that mean nothing.
    """
    tree = parse(criteria)
    steps = []
    for number, (rule, text, params) in enumerate(attrition_sql(tree)):
        (counted,) = ask(text, params)
        told = start_text(tree) if rule is None else rule_text(rule)
        steps.append(AttritionStep(number, told, int(counted["n_series"]), int(counted["n_patients"])))
    return steps


def draft(ask: Ask, name: str, criteria: Criteria, version: int, grouping: Grouping | None = None) -> Draft:
    """The cohort that criteria make of the catalog as it is now.

    Args:
        ask: the database, in one transaction.
        name: what people call the cohort.
        criteria: JSON data or a parsed tree.
        version: the catalog's revision.
        grouping: the rule for time points.

    Raises:
        CriteriaError: criteria that mean nothing, or that find nothing.
    """
    tree = parse(criteria)
    steps = attrition(ask, tree)
    rows = ask(*members_sql(tree))
    if not rows:
        told = "; ".join(f"{step.rule_text}: {step.n_series} series left" for step in steps)
        msg = f"The criteria of cohort {name} find nothing ({told})."
        raise CriteriaError(msg, "Loosen the rule after which nothing is left, or release more series.")
    members = [member_of(row) for row in rows]
    points: list[Timepoint] = []
    if grouping is not None:
        points = place(rows, grouping, _index(ask, grouping, scope(tree)[0], members))
    text = "" if grouping is None else grouping.canonical()
    cohort = assemble(name, tree, members, steps, version, grouping=text)
    return Draft(cohort, describe(tree), tuple(points))


def _index(
    ask: Ask, grouping: Grouping, states: tuple[str, ...], members: list[Member]
) -> frozenset[str] | None:
    if grouping.index is None:
        return None
    within = tuple(member.series_uid for member in members)
    return frozenset(row["series_uid"] for row in ask(*members_sql(Among(states, grouping.index), within)))
