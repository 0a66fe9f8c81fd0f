"""cohort: try criteria, freeze what they find, and look at frozen cohorts.

The person asks and freezes: row-level security decides what criteria find, and a function of the database
(migration 0017) checks each member again, makes the person the owner and audits. The portal's role inserts nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg2
import psycopg2.errors
from fastapi import APIRouter, Response

from radflow_portal import cohort_views
from radflow_portal.auth import Account
from radflow_portal.cohort_models import Asked, CohortDetail, CohortMember, Freezing, Frozen, Preview
from radflow_portal.db import Row, Session, as_account
from radflow_portal.models import Cohort, Page
from radflow_portal.paging import Id, Part
from radflow_portal.problems import Problem, not_found
from research.criteria import count_sql, describe, parse, to_json
from research.drafts import Ask, attrition, draft
from research.timepoints import parse_grouping

_COHORT = "cohort of this number"
router = APIRouter(prefix="/cohorts", tags=["cohort"])


@router.get("", response_model=Page[Cohort])
def list_cohorts(account: Account, part: Part, name: str | None = None) -> dict[str, Any]:
    """Frozen cohorts, newest first."""
    with as_account(account) as session:
        return part.of(session, "portal_cohorts", id=None, name=name)


@router.post("/preview", response_model=Preview)
def preview_cohort(account: Account, asked: Asked) -> dict[str, Any]:
    """What criteria would find now, as far as you may see, and what each rule leaves over. Nothing is stored."""
    tree = parse(asked.criteria)
    with _asking(account) as session:
        ask = asker(session)
        steps = attrition(ask, tree)
        (whole,) = ask(*count_sql(tree))
    return {
        "english": describe(tree),
        "criteria": to_json(tree),
        "series_count": whole["n_series"],
        "study_count": whole["n_studies"],
        "patient_count": whole["n_patients"],
        "attrition": [cohort_views.shown(step) for step in steps],
    }


@router.post("", response_model=Frozen, status_code=201)
def freeze_cohort(account: Account, wanted: Freezing, response: Response) -> dict[str, Any]:
    """Freeze what criteria find. The very same members under the same criteria answer 200 with what is there."""
    if (wanted.visibility == "team") != (wanted.team is not None):
        raise Problem(
            422,
            "team goes with visibility team, and with nothing else.",
            "Send both or neither of visibility=team and team=<name>.",
            "team",
        )
    tree, grouping = parse(wanted.criteria), parse_grouping(wanted.grouping)
    with _asking(account, write=True) as session:
        version = session.one("catalog_version")
        made = draft(asker(session), wanted.name, tree, int(version["version"]) if version else 0, grouping)
        stored = _frozen(session, made.parameters(wanted.team, wanted.visibility))
    if (stored["visibility"], stored["team"]) != (wanted.visibility, wanted.team):
        raise Problem(
            409,
            f"{wanted.name}@{stored['version']} holds exactly these members and is {stored['visibility']}.",
            "Who sees a frozen cohort does not change; freeze it under another name.",
            "frozen",
        )
    response.status_code = 201 if stored["created"] else 200
    return {
        **stored,
        "name": wanted.name,
        "owner": account,
        "cohort_sha256": made.cohort.cohort_sha256,
        "series_count": len(made.cohort.members),
        "patient_count": made.patients,
    }


@router.get("/{cohort_id}", response_model=CohortDetail)
def get_cohort(account: Account, cohort_id: Id) -> Row:
    """One frozen cohort: criteria, the same in English, and what each rule left over."""
    with as_account(account) as session:
        row = session.one("portal_cohorts", id=cohort_id, name=None)
        if row is None:
            raise not_found(_COHORT)
        return {
            **row,
            "attrition": session.all("portal_cohort_attrition", id=cohort_id),
            "timepoints": session.all("portal_cohort_timepoints", id=cohort_id),
            "collections": session.all("portal_cohort_terms", id=cohort_id),
        }


@router.get("/{cohort_id}/members", response_model=Page[CohortMember])
def list_members(account: Account, cohort_id: Id, part: Part) -> dict[str, Any]:
    """The cases of one frozen cohort."""
    with as_account(account) as session:
        if session.one("portal_cohorts", id=cohort_id, name=None) is None:
            raise not_found(_COHORT)
        return part.of(session, "portal_cohort_members", id=cohort_id)


router.include_router(cohort_views.router)


def asker(session: Session) -> Ask:
    """The session as `research.drafts` asks it."""

    def ask(text: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        return session.all_of(text, **parameters)

    return ask


@contextmanager
def _asking(account: str, *, write: bool = False) -> Iterator[Session]:
    """A transaction for criteria, whose cost nobody knows beforehand."""
    try:
        with as_account(account, write=write) as session:
            yield session
    except psycopg2.errors.QueryCanceled as error:
        raise Problem(
            503,
            "These criteria take too long to answer.",
            "Narrow them first by collection, modality or body part; nested at_least costs most.",
            "too-slow",
        ) from error


def _frozen(session: Session, parameters: dict[str, Any]) -> Row:
    try:
        row = session.one("cohort_freeze", **parameters)
    except (psycopg2.errors.InsufficientPrivilege, psycopg2.errors.RestrictViolation) as error:
        # Raised by our own function and triggers: the text is ours and names no identity.
        said, hint = error.diag.message_primary or "It is refused.", error.diag.message_hint or ""
        taken = "somebody else" in said
        status = 409 if taken or isinstance(error, psycopg2.errors.RestrictViolation) else 403
        raise Problem(
            status, f"{said[:1].upper()}{said[1:]}.", hint, "name-taken" if taken else "refused"
        ) from error
    if row is None:
        raise Problem(500, "The database gave no row back.")
    return row
