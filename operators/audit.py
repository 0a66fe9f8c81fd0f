"""audit: recompute the chain of the audit, and tell if anything of it was changed or cut off."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator, Context

from operators.hooks.research_db import ResearchDbHook
from research.errors import AccessError


class VerifyAuditOperator(BaseOperator):
    """Recompute every hash of ``audit.event``, and look for the last entry that the run before noted.

    A chain shows that nothing before its end was changed. That the end is still there shows only what was noted
    elsewhere: each run notes it in its result, which lies in Airflow's own database.

    Returns:
        ``{"id", "hash", "events"}``: the chain's last entry now.

    Raises:
        AccessError: an entry was changed (``audit-changed``) or the noted end is gone (``audit-cut``).
    """

    def execute(self, context: Context) -> dict[str, Any]:
        """Read, compare, note."""
        noted = context["ti"].xcom_pull(task_ids=self.task_id, include_prior_dates=True) or {}
        with ResearchDbHook().transaction() as work:
            found = work.row("audit_verify", id=noted.get("id"), hash=noted.get("hash")) or {}
        if found["first_broken"] is not None:
            msg = f"Entry {found['first_broken']} of the audit is not what was written, or one before it is gone."
            raise AccessError(msg, _REMEDY, code="audit-changed")
        if found["noted_holds"] is False:
            msg = f"Entry {noted['id']} of the audit, noted by the run before, is gone."
            raise AccessError(msg, _REMEDY, code="audit-cut")
        self.log.info("%d entries, none changed; the last is %s", found["event_count"], found["head_id"])
        return {"id": found["head_id"], "hash": found["head_hash"], "events": found["event_count"]}


_REMEDY = (
    "Somebody changed the database beside Radflow. Keep a copy of it as it is, tell who is responsible for the data, "
    "and compare audit.event with the last backup."
)
