"""cohort: freeze what criteria find in the catalog, as one account sees it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseOperator, Context

from operators.hooks.research_db import ResearchDbHook, Work, as_json
from research import cohorts, criteria
from research.errors import AccessError, CriteriaError


class FreezeCohortOperator(BaseOperator):
    """Freeze a cohort: criteria + catalog version + members + attrition, under one hash.

    The same members for the same criteria and catalog version are the same cohort: freezing again returns it.

    Args:
        cohort: its name; a changed result becomes the next version of that name.
        rules: criteria as JSON text or mapping (docs/reference/criteria.md).
        account: whose view of the catalog is taken, and who will own the cohort.
        team: team that may see it.
        visibility: ``private``, ``team`` or ``public``; never wider than its members'.

    Returns:
        ``{"id", "name", "version", "series", "patients", "sha256"}``.
    """

    template_fields = ("cohort", "rules", "account", "team", "visibility")

    def __init__(
        self,
        *,
        cohort: str,
        rules: Mapping[str, Any] | str,
        account: str,
        team: str | None = "",
        visibility: str = "private",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.cohort = cohort
        self.rules = rules
        self.account = account
        self.team = team
        self.visibility = visibility

    def execute(self, context: Context) -> dict[str, Any]:
        """Select as the owner, freeze, store."""
        tree = criteria.parse(_rules(self.rules))
        hook = ResearchDbHook()
        with hook.transaction(seen_by=self.account) as work:
            version = work.row("catalog_version")
            # Constants of ours, not input: the criteria themselves are applied in Python, rule by rule.
            text = f"select {criteria.SELECT_SQL} from {criteria.FROM_SQL} where s.state = 'released'"  # noqa: S608
            rows = work.rows_of("cohort_candidates", text, {})
        frozen = cohorts.freeze(self.cohort, tree, rows, int(version["version"]) if version else 0)
        if not frozen.members:
            told = "; ".join(f"{step.rule_text}: {step.n_series} series left" for step in frozen.attrition)
            msg = f"The criteria of cohort {self.cohort} find nothing ({told})."
            raise CriteriaError(msg, "Loosen the rule after which nothing is left, or release more series.")
        with hook.transaction() as work:
            work.execute("account_known", account=self.account)
            stored = self._store(work, frozen, criteria.describe(tree))
        members = len(frozen.members)
        patients = len({member.patient_alias for member in frozen.members})
        self.log.info("%s@%d: %d series of %d patients", self.cohort, stored["version"], members, patients)
        for step in frozen.attrition:
            self.log.info("  %-60s %5d series, %d patients", step.rule_text, step.n_series, step.n_patients)
        return {
            "id": stored["id"],
            "name": self.cohort,
            "version": stored["version"],
            "series": members,
            "patients": patients,
            "sha256": frozen.cohort_sha256,
        }

    def _store(self, work: Work, frozen: cohorts.FrozenCohort, english: str) -> dict[str, Any]:
        if work.row("cohort_taken", name=frozen.name, owner=self.account) is not None:
            msg = f"The cohort name {frozen.name} belongs to somebody else."
            raise AccessError(msg, "Choose another name.")
        known = work.row("cohort_same", name=frozen.name, cohort_sha256=frozen.cohort_sha256)
        if known is not None:
            if (known["visibility"], known["team"]) != (self.visibility, self.team or None):
                msg = f"{frozen.name}@{known['version']} holds exactly these members and is {known['visibility']}."
                raise AccessError(
                    msg, "Who sees a frozen cohort does not change; freeze it under another name."
                )
            return known
        stored = work.row(
            "cohort_add", name=frozen.name, english=english, criteria=frozen.criteria,
            criteria_sha256=frozen.criteria_sha256, catalog_version=frozen.catalog_version,
            cohort_sha256=frozen.cohort_sha256, owner=self.account, team=self.team or None,
            visibility=self.visibility,
        )  # fmt: skip
        assert stored is not None  # noqa: S101 - insert ... returning
        work.each("cohort_member", ({"cohort_id": stored["id"]} | vars(member) for member in frozen.members))
        work.each("cohort_attrition", ({"cohort_id": stored["id"]} | vars(step) for step in frozen.attrition))
        work.execute(
            "audit_event", account=self.account, action="cohort.freeze", object_kind="cohort",
            object_id=f"{frozen.name}@{stored['version']}", reason=None,
            detail=as_json({"sha256": frozen.cohort_sha256}),
        )  # fmt: skip
        return stored


def _rules(rules: Mapping[str, Any] | str) -> Any:
    if not isinstance(rules, str):
        return rules
    try:
        return json.loads(rules)
    except json.JSONDecodeError as error:
        msg = f"The criteria are not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        raise CriteriaError(msg, "See docs/reference/criteria.md for the grammar.") from None
