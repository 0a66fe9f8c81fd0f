"""cohort: freeze what criteria find in the catalog, as one account sees it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseOperator, Context

from operators.hooks.research_db import ResearchDbHook
from research import criteria
from research.drafts import draft
from research.errors import AccessError, CriteriaError
from research.timepoints import parse_grouping


class FreezeCohortOperator(BaseOperator):
    """Freeze a cohort: criteria + catalog version + members + attrition, under one hash.

    The same members for the same criteria and catalog version are the same cohort: freezing again returns it.

    Args:
        cohort: its name; a changed result becomes the next version of that name.
        rules: criteria as JSON text or mapping (docs/reference/criteria.md).
        account: whose view of the catalog is taken, and who will own the cohort.
        team: team that may see it.
        visibility: ``private``, ``team`` or ``public``; never wider than its members'.
        grouping: rule for time points (research.timepoints) as JSON text or mapping; none where empty.

    Returns:
        ``{"id", "name", "version", "series", "patients", "sha256"}``.
    """

    template_fields = ("cohort", "rules", "account", "team", "visibility", "grouping")

    def __init__(
        self,
        *,
        cohort: str,
        rules: Mapping[str, Any] | str,
        account: str,
        team: str | None = "",
        visibility: str = "private",
        grouping: Mapping[str, Any] | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.cohort = cohort
        self.rules = rules
        self.account = account
        self.team = team
        self.visibility = visibility
        self.grouping = grouping

    def execute(self, context: Context) -> dict[str, Any]:
        """Select as the owner, freeze, store."""
        tree = criteria.parse(_json(self.rules, "criteria"))
        grouping = parse_grouping(_json(self.grouping, "rules for time points") if self.grouping else None)
        hook = ResearchDbHook()
        with hook.transaction() as work:
            if work.row("cohort_taken", name=self.cohort, owner=self.account) is not None:
                msg = f"The cohort name {self.cohort} belongs to somebody else."
                raise AccessError(msg, "Choose another name.")
        with hook.transaction(seen_by=self.account) as work:
            version = work.row("catalog_version")
            made = draft(
                lambda text, parameters: work.rows_of("cohort_draft", text, parameters),
                self.cohort,
                tree,
                int(version["version"]) if version else 0,
                grouping,
            )
            stored = work.row("cohort_freeze", **made.parameters(self.team or None, self.visibility))
            assert stored is not None  # noqa: S101 - the function gives one row or raises
            if (stored["visibility"], stored["team"]) != (self.visibility, self.team or None):
                msg = f"{self.cohort}@{stored['version']} holds exactly these members and is {stored['visibility']}."
                raise AccessError(
                    msg, "Who sees a frozen cohort does not change; freeze it under another name."
                )
        members = len(made.cohort.members)
        self.log.info(
            "%s@%d: %d series of %d patients", self.cohort, stored["version"], members, made.patients
        )
        for step in made.cohort.attrition:
            self.log.info("  %-60s %5d series, %d patients", step.rule_text, step.n_series, step.n_patients)
        return {
            "id": stored["id"],
            "name": self.cohort,
            "version": stored["version"],
            "series": members,
            "patients": made.patients,
            "sha256": made.cohort.cohort_sha256,
        }


def _json(rules: Mapping[str, Any] | str, what: str) -> Any:
    if not isinstance(rules, str):
        return rules
    try:
        return json.loads(rules)
    except json.JSONDecodeError as error:
        msg = f"The {what} are not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        raise CriteriaError(msg, "See docs/reference/criteria.md for the grammar.") from None
