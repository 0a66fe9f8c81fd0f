"""cohort: frozen lists of cases with the criteria that drew them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from radflow_portal.auth import Account
from radflow_portal.db import Row, as_account
from radflow_portal.models import Cohort, CohortDetail, Member, Page
from radflow_portal.paging import Id, Part
from radflow_portal.problems import not_found

_COHORT = "cohort of this number"
router = APIRouter(prefix="/cohorts", tags=["cohort"])


@router.get("", response_model=Page[Cohort])
def list_cohorts(account: Account, part: Part, name: str | None = None) -> dict[str, Any]:
    """Frozen cohorts, newest first."""
    with as_account(account) as session:
        return part.of(session, "portal_cohorts", id=None, name=name)


@router.get("/{cohort_id}", response_model=CohortDetail)
def get_cohort(account: Account, cohort_id: Id) -> Row:
    """One frozen cohort: criteria, the same in English, and what each rule left over."""
    with as_account(account) as session:
        row = session.one("portal_cohorts", id=cohort_id, name=None)
        if row is None:
            raise not_found(_COHORT)
        return {**row, "attrition": session.all("portal_cohort_attrition", id=cohort_id)}


@router.get("/{cohort_id}/members", response_model=Page[Member])
def list_members(account: Account, cohort_id: Id, part: Part) -> dict[str, Any]:
    """The cases of one frozen cohort."""
    with as_account(account) as session:
        if session.one("portal_cohorts", id=cohort_id, name=None) is None:
            raise not_found(_COHORT)
        return part.of(session, "portal_cohort_members", id=cohort_id)
