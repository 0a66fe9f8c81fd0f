"""cohort: what one may make of a frozen cohort: flow, difference, exports, the report on what it lacks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from radflow_portal.auth import Account
from radflow_portal.cohort_models import Difference, Flow
from radflow_portal.db import Row, Session, as_account
from radflow_portal.paging import Id
from radflow_portal.problems import Problem, not_found
from research.cohorts import AttritionStep, Member, diff, member_of
from research.criteria import members_sql
from research.exports import FORMATS
from research.flow import flow, flow_svg
from research.power import Estimate, sparsity

_LISTED = 1000
_COHORT = "cohort of this number"
Fraction = Annotated[float, Query(gt=0, lt=1)]
router = APIRouter()


@router.get("/{cohort_id}/flow", response_model=Flow)
def get_flow(account: Account, cohort_id: Id) -> dict[str, Any]:
    """The attrition as a flow."""
    with as_account(account) as session:
        row, steps = _attrition(session, cohort_id)
    return flow(steps, _title(row))


@router.get(
    "/{cohort_id}/flow.svg", response_class=Response, responses={200: {"content": {"image/svg+xml": {}}}}
)
def get_flow_picture(account: Account, cohort_id: Id) -> Response:
    """The same, drawn; it takes the colour of the text around it."""
    with as_account(account) as session:
        row, steps = _attrition(session, cohort_id)
    headers = {"Content-Security-Policy": "default-src 'none'; sandbox"}
    return Response(flow_svg(steps, _title(row)), media_type="image/svg+xml", headers=headers)


@router.get("/{cohort_id}/diff", response_model=Difference)
def get_difference(
    account: Account,
    cohort_id: Id,
    with_: Annotated[
        str,
        Query(alias="with", pattern="^([1-9][0-9]{0,17}|now)$", description="Number of a cohort, or `now`."),
    ] = "now",
) -> dict[str, Any]:
    """What another cohort has that this one has not, and the other way round; or what its criteria find now."""
    with as_account(account) as session:
        row = _cohort(session, cohort_id)
        before = _members(session, cohort_id)
        if with_ == "now":
            text, parameters = members_sql(row["criteria"])
            after = [member_of(found) for found in session.all_of(text, **parameters)]
            title = f"{_title(row)} asked now"
        else:
            title = _title(_cohort(session, int(with_)))
            after = _members(session, int(with_))
    change = diff(before, after)
    return {
        "cohort": _title(row),
        "compared_with": title,
        **{name: list(getattr(change, name)[:_LISTED]) for name in ("added", "removed", "changed")},
        **{f"{name}_count": len(getattr(change, name)) for name in ("added", "removed", "changed")},
        "kept_count": len(before) - len(change.removed) - len(change.changed),
        "at": datetime.now(UTC),
    }


@router.get("/{cohort_id}/export", response_class=Response)
def export_cohort(
    account: Account, cohort_id: Id, format: Literal["csv", "json", "fhir", "s5cmd", "tcia"] = "csv"
) -> Response:
    """The members elsewhere: a table, JSON, a FHIR R4 Group, or a manifest that fetches its listed series."""
    with as_account(account) as session:
        row = _cohort(session, cohort_id)
        row = {**row, "attrition": session.all("portal_cohort_attrition", id=cohort_id)}
        members = session.all("portal_cohort_export", id=cohort_id)
    write, media, ending = FORMATS[format]
    name = f"{row['name']}-{row['version']}.{ending}"  # the name is a-z, digits, - and _
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(write(row, members), media_type=media, headers=headers)


@router.get("/{cohort_id}/sparsity")
def get_sparsity(
    account: Account,
    cohort_id: Id,
    finding: Annotated[
        list[str] | None, Query(max_length=50, description="All that occur where left out.")
    ] = None,
    sensitivity: Fraction = 0.9,
    specificity: Fraction = 0.9,
    auc: Fraction = 0.85,
    half_width: Fraction = 0.05,
    level: Fraction = 0.95,
    parameters: Annotated[int, Query(ge=1, le=10_000)] = 10,
) -> dict[str, Any]:
    """What the cohort lacks for an experiment that declares this precision: missing values, thin cells, positives."""
    estimate = Estimate(sensitivity, specificity, auc, half_width, level)
    with as_account(account) as session:
        row = _cohort(session, cohort_id)
        rows = session.all("portal_cohort_sparsity", id=cohort_id)
    return {"cohort": _title(row), **sparsity(rows, estimate, finding or (), parameters)}


def shown(step: AttritionStep) -> Row:
    """A step as the API has it."""
    return {
        "rule_no": step.rule_no,
        "rule_text": step.rule_text,
        "series_count": step.n_series,
        "patient_count": step.n_patients,
    }


def _cohort(session: Session, cohort_id: int) -> Row:
    row = session.one("portal_cohorts", id=cohort_id, name=None)
    if row is None:
        raise not_found(_COHORT)
    return row


def _attrition(session: Session, cohort_id: int) -> tuple[Row, list[AttritionStep]]:
    row = _cohort(session, cohort_id)
    found = session.all("portal_cohort_attrition", id=cohort_id)
    if not found:
        raise Problem(404, "This cohort was stored without what its rules left over.", code="not-found")
    steps = [
        AttritionStep(one["rule_no"], one["rule_text"], one["series_count"], one["patient_count"])
        for one in found
    ]
    return row, steps


def _members(session: Session, cohort_id: int) -> list[Member]:
    return [member_of(row) for row in session.all("portal_cohort_members", id=cohort_id)]


def _title(row: Row) -> str:
    return f"{row['name']}@{row['version']}"
