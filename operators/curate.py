"""curate: two different people sign off each held series, a third settles their disagreement, then release.

The rows in ``curation.sign_off`` are the truth, with the two-person rule as a constraint there; the
human-in-the-loop task is only how people are asked. A task marked as a success by hand releases nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import BaseOperator, Context, Param
from airflow.sdk.exceptions import AirflowSkipException

from operators.hooks.research_db import ResearchDbHook
from research.errors import RadflowError, SignOffError
from research.tagging import CONCEPTS, concept, validate_tags

ACCEPT, REJECT = "accept", "reject"


def sign_off_form() -> dict[str, Param]:
    """Fields of the form: tags from the coded concepts, and a comment."""
    return {
        "tags": Param(
            [],
            type=["array", "null"],
            items={"type": "string"},
            title="What the images show",
            description="Coded concepts (RadLex, SNOMED CT, DICOM). Both readers must agree on them.",
            examples=list(CONCEPTS),
            values_display={key: f"{row.label} ({key})" for key, row in CONCEPTS.items()},
        ),
        "comment": Param(
            None,
            type=["null", "string"],
            format="multiline",
            title="Comment",
            description="For the adjudicator. Never write anything that identifies a person.",
        ),
    }


class WorklistOperator(BaseOperator):
    """Claim the held series that no other run asks about, and describe each for its readers.

    Args:
        limit: at most so many at once; the next run takes the rest.
        claim_days: a claim older than this is void (its run was deleted).

    Returns:
        One mapping per series: ``series_uid``, ``subject``, ``body`` (Markdown, no identity).
    """

    def __init__(self, *, limit: int = 200, claim_days: int = 30, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.limit = limit
        self.claim_days = claim_days

    def execute(self, context: Context) -> list[dict[str, str]]:
        """Claims and rows in one transaction."""
        run = context["dag_run"]
        with ResearchDbHook().transaction() as work:
            claim = {
                "run_key": f"{run.dag_id}/{run.run_id}",
                "limit": self.limit,
                "claim_days": self.claim_days,
            }
            work.execute("curate_claim_turn")
            work.execute("curate_claim", **claim)
            rows = work.rows("curate_worklist", run_key=claim["run_key"])
        if not rows:
            msg = "No held series waits for curation."
            raise AirflowSkipException(msg)
        return [_request(row) for row in rows]


def _request(row: Mapping[str, Any]) -> dict[str, str]:
    facts = {
        "Collection": row["collection"],
        "Patient alias": row["patient_alias"],
        "Modality, body part": f"{row['modality']}, {row['body_part'] or 'not stated'}",
        "Images": row["image_count"],
        "Slice spacing": f"{row['spacing_between_slices_mm']} mm"
        if row["spacing_between_slices_mm"]
        else "not stated",
        "Tube voltage, exposure": f"{row['kvp'] or '?'} kVp, {row['exposure_mas'] or '?'} mAs",
        "Image type": "\\".join(row["image_type"]),
        "Derived": "yes: not an original acquisition" if row["derived"] else "no",
        "Series": row["series_uid"],
    }
    table = "\n".join(f"| {name} | {value} |" for name, value in facts.items())
    return {
        "series_uid": row["series_uid"],
        "subject": f"{row['modality']} {row['body_part'] or ''} of {row['patient_alias']} ({row['image_count']} images)",
        "body": f"| | |\n|---|---|\n{table}\n\nMay this series be released for research? Tag what it shows.",
    }


class SignOffOperator(HITLOperator):
    """Ask one person about one series and record the answer.

    A bad answer (unknown tag, malformed form, the same person twice) is asked again, never lost and never
    taken; the database constraint is what refuses it. An answer that is recorded already is not asked again.

    Args:
        request: one entry of ``WorklistOperator``'s result.
        role: ``first``, ``second`` or ``adjudicator``.
    """

    template_fields = ("subject", "body", "request")
    account_role = "curator"

    def __init__(self, *, request: Mapping[str, str], role: str, **kwargs: Any) -> None:
        kwargs.setdefault("subject", f"{role} read")
        super().__init__(options=[ACCEPT, REJECT], params=sign_off_form(), **kwargs)
        self.request = request
        self.role = role

    @property
    def series_uid(self) -> str:
        """The series asked about."""
        return self.request["series_uid"]

    def needed(self, outcome: str) -> bool:
        """Does this role have anything to say, given the outcome so far?"""
        return True

    def execute(self, context: Context) -> Any:
        """Park the task until somebody entitled answers, unless the answer is recorded or not needed."""
        with ResearchDbHook().transaction() as work:
            signed = work.row("curate_signed", series_uid=self.series_uid, role=self.role)
            outcome = work.row("curate_outcome", series_uid=self.series_uid)
            people = work.rows("curate_people", series_uid=self.series_uid, role=self.account_role)
        if signed is not None:
            return {"decision": signed["decision"], "by": signed["account"], "asked": False}
        if not self.needed(outcome["outcome"] if outcome else "open"):
            return {"decision": None, "by": None, "asked": False}
        if not people:
            msg = f"Nobody with the role {self.account_role} is left who has not signed this series."
            raise SignOffError(msg, "Give another account the role (python -m operators.accounts).")
        self.subject = f"{self.role.capitalize()} read: {self.request['subject']}"
        self.body = self.request["body"] + self.explain(context)
        self.assigned_users = [{"id": row["account"], "name": row["account"]} for row in people]
        return super().execute(context)

    def explain(self, context: Context) -> str:
        """What else this reader needs to know."""
        return ""

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Record the answer, or ask again where it cannot be taken."""
        if "error" in event:
            return super().execute_complete(context, event)
        answer = event.get("params_input") or {}
        account = (event.get("responded_by_user") or {}).get("id")
        try:
            (decision,) = event["chosen_options"]
            self.validate_chosen_options(event["chosen_options"])
            tags = [row.key for row in validate_tags(answer.get("tags") or [])]
            comment = str(answer.get("comment") or "").replace("\0", "").strip() or None
            with ResearchDbHook().transaction() as work:
                people = work.rows("curate_people", series_uid=self.series_uid, role=self.account_role)
                if account not in {row["account"] for row in people}:
                    msg = f"{account} is no {self.account_role}, or has signed this series already."
                    raise SignOffError(msg, "Somebody else answers.")
                work.execute(
                    "curate_sign", series_uid=self.series_uid, role=self.role, account=account,
                    decision=decision, tags=tags, comment=comment,
                )  # fmt: skip
                work.execute(
                    "audit_event", account=account, action=f"curate.{self.role}", object_kind="series",
                    object_id=self.series_uid, reason=None, detail="{}",
                )  # fmt: skip
        except (RadflowError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            why = error.reason if isinstance(error, RadflowError) else "the form was not filled in as asked"
            self.log.warning("the answer cannot be taken (%s); asking again", why)
            return self.execute(context)
        return {"decision": decision, "by": account, "asked": True}


class FirstReadOperator(SignOffOperator):
    """The first curator."""

    def __init__(self, *, request: Mapping[str, str], **kwargs: Any) -> None:
        kwargs.pop("role", None)
        super().__init__(request=request, role="first", **kwargs)


class SecondReadOperator(SignOffOperator):
    """A second curator who is not the first and does not see the first's answer."""

    def __init__(self, *, request: Mapping[str, str], **kwargs: Any) -> None:
        kwargs.pop("role", None)
        super().__init__(request=request, role="second", **kwargs)


class AdjudicateOperator(SignOffOperator):
    """A third person who sees both answers, without names, and settles a disagreement; silent where they agree."""

    account_role = "adjudicator"

    def __init__(self, *, request: Mapping[str, str], **kwargs: Any) -> None:
        kwargs.pop("role", None)
        super().__init__(request=request, role="adjudicator", **kwargs)

    def needed(self, outcome: str) -> bool:
        """Only where the readers differ."""
        return outcome == "disputed"

    def explain(self, context: Context) -> str:
        """Both answers, side by side."""
        with ResearchDbHook().transaction() as work:
            answers = work.rows("curate_answers", series_uid=self.series_uid)
        lines = [
            f"* One reader: **{row['decision']}**, "
            f"{', '.join(concept(tag).label for tag in row['tags']) or 'no tags'}"
            f"{' - ' + row['comment'] if row['comment'] else ''}"
            for row in sorted(answers, key=lambda row: (row["decision"], row["tags"]))
        ]
        return "\n\nThe readers differ:\n\n" + "\n".join(lines)


class ReleaseOperator(BaseOperator):
    """Release or reject one series by its sign-offs, and write the tags agreed on.

    Args:
        request: one entry of ``WorklistOperator``'s result.

    Raises:
        SignOffError: the series has no settled sign-offs (someone marked a task as a success).

    Returns:
        ``released``; a rejected series skips the task, so that no asset event says otherwise.
    """

    template_fields = ("request",)

    def __init__(self, *, request: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.request = request

    def execute(self, context: Context) -> str:
        """One transaction; the database refuses a state that the sign-offs do not support."""
        uid = self.request["series_uid"]
        with ResearchDbHook().transaction() as work:
            outcome = work.row("curate_outcome", series_uid=uid)
            decision = outcome["decision"] if outcome else None
            if outcome is None or decision is None:
                msg = f"Series {uid} has no settled sign-offs."
                raise SignOffError(
                    msg, "Clear its sign-off tasks and answer them; marking them a success is no answer."
                )
            state = "released" if decision == ACCEPT else "rejected"
            if decision == ACCEPT:
                work.each("curate_tag", (_tag(uid, key) for key in outcome["tags"] or []))
            work.execute("curate_settle", series_uid=uid, state=state)
        if state == "rejected":
            msg = f"Series {uid} was rejected."
            raise AirflowSkipException(msg)
        return state


def _tag(series_uid: str, key: str) -> dict[str, str]:
    row = concept(key)
    return {
        "series_uid": series_uid,
        "scheme": row.scheme,
        "code": row.code,
        "meaning": row.meaning,
        "match_quality": row.match,
    }


__all__ = [
    "AdjudicateOperator",
    "FirstReadOperator",
    "ReleaseOperator",
    "SecondReadOperator",
    "SignOffOperator",
    "WorklistOperator",
]
