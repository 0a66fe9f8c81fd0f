"""Addresses of the pages about cohorts."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from radflow_portal import catalog, cohort, cohort_views
from radflow_portal.auth import Account
from radflow_portal.catalog_filters import Wanted
from radflow_portal.cohort_models import Asked
from radflow_portal.db import as_account
from radflow_portal.pages.render import render
from radflow_portal.paging import MOST, Id, Paging, Part
from radflow_portal.problems import Problem
from research.criteria import FIELDS, OPS
from research.errors import CriteriaError
from research.exports import FORMATS

router = APIRouter(prefix="/cohorts", include_in_schema=False)
_EXPORTS = {
    "csv": "CSV table", "json": "JSON", "fhir": "FHIR Group", "s5cmd": "s5cmd manifest", "tcia": "TCIA manifest",
}  # fmt: skip
_INNERMOST = re.compile(r"[\[{][^\[\]{}]*[\]}]")
_EMPTY = '{"all": [{"field": "modality", "op": "eq", "value": "CT"}]}'


@router.get("", response_class=HTMLResponse)
def cohorts(request: Request, account: Account, part: Part, name: str | None = None) -> HTMLResponse:
    """Frozen cohorts."""
    return render(request, "cohorts.html", found=cohort.list_cohorts(account, part, name), name=name)


@router.get("/new", response_class=HTMLResponse)
def builder(
    request: Request,
    account: Account,
    wanted: Wanted,
    criteria: Annotated[str | None, Query(max_length=20_000, description="JSON")] = None,
) -> HTMLResponse:
    """Criteria to try and to freeze: as JSON, or from the filters of the Studies page."""
    preview, problem, text = None, None, criteria
    if text is None and wanted.way == "all":
        text = _EMPTY
    elif text is None:
        text = json.dumps(catalog.get_facet_criteria(account, wanted)["criteria"])
    try:
        raw = json.loads(text)
        if isinstance(raw, dict):
            text = _readable(raw)
            preview = cohort.preview_cohort(account, Asked(criteria=raw))
        else:
            problem = "Criteria are a JSON object."
    except json.JSONDecodeError as error:
        problem = f"No JSON: {error.msg}, line {error.lineno}, column {error.colno}."
    except RecursionError:
        problem = "The criteria are nested too deeply."
    except CriteriaError as error:
        problem = f"{error.reason} {error.instruction}"
    except Problem as error:
        problem = f"{error.detail} {error.instruction}"
    with as_account(account) as session:
        teams = (session.one("portal_health") or {}).get("teams", [])
    return render(
        request,
        "cohort_new.html",
        criteria=text,
        preview=preview,
        problem=problem,
        teams=teams,
        fields=list(FIELDS.values()),
        ops=[
            {
                "name": op.name,
                "kinds": sorted(op.kinds),
                "shape": op.shape,
                "label": op.phrase.replace("{label}", "").replace("{value}", "").strip(),
            }
            for op in OPS.values()
        ],
    )


@router.get("/{cohort_id}", response_class=HTMLResponse)
def one_cohort(request: Request, account: Account, cohort_id: Id, part: Part) -> HTMLResponse:
    """One frozen cohort: how it came about, its cases, and what to do with it."""
    found = cohort.get_cohort(account, cohort_id)
    versions = cohort.list_cohorts(account, Paging(MOST, 0), found["name"])["items"]
    picture = cohort_views.get_flow_picture(account, cohort_id) if found["attrition"] else None
    return render(
        request,
        "cohort.html",
        cohort=found,
        versions=versions,
        # Drawn here from escaped text: in the page itself, so that it has the page's colours.
        picture=Markup(bytes(picture.body).decode()) if picture is not None else None,  # noqa: S704
        members=cohort.list_members(account, cohort_id, part),
        criteria=_readable(found["criteria"]),
        grouping=json.dumps(found["grouping"]) if found["grouping"] else None,
        exports={name: _EXPORTS[name] for name in FORMATS},
    )


@router.get("/{cohort_id}/diff", response_class=HTMLResponse)
def difference(
    request: Request,
    account: Account,
    cohort_id: Id,
    with_: Annotated[str, Query(alias="with", pattern="^([1-9][0-9]{0,17}|now)$")] = "now",
) -> HTMLResponse:
    """What differs between two cohorts, or between one and its criteria now."""
    found = cohort.get_cohort(account, cohort_id)
    return render(
        request,
        "cohort_diff.html",
        cohort=found,
        versions=cohort.list_cohorts(account, Paging(MOST, 0), None)["items"],
        change=cohort_views.get_difference(account, cohort_id, with_),
        chosen=with_,
    )


@router.get("/{cohort_id}/sparsity", response_class=HTMLResponse)
def sparsity(
    request: Request,
    account: Account,
    cohort_id: Id,
    finding: Annotated[list[str] | None, Query(max_length=50)] = None,
    sensitivity: cohort_views.Fraction = 0.9,
    specificity: cohort_views.Fraction = 0.9,
    auc: cohort_views.Fraction = 0.85,
    half_width: cohort_views.Fraction = 0.05,
    level: cohort_views.Fraction = 0.95,
    parameters: Annotated[int, Query(ge=1, le=10_000)] = 10,
) -> HTMLResponse:
    """What the cohort lacks for an experiment that declares this precision."""
    report: dict[str, Any] = cohort_views.get_sparsity(
        account, cohort_id, finding, sensitivity, specificity, auc, half_width, level, parameters
    )
    return render(
        request,
        "cohort_sparsity.html",
        cohort=cohort.get_cohort(account, cohort_id),
        report=report,
        finding=finding or [],
        parameters=parameters,
        query=str(request.url.query),
    )


def _readable(criteria: Any) -> str:
    """JSON with one comparison a line. Only line breaks are taken out, and no string of JSON holds one."""
    text = json.dumps(criteria, indent=1, ensure_ascii=False)
    for _ in range(2):
        text = _INNERMOST.sub(
            lambda found: re.sub(r"\n *", " ", found[0]) if len(found[0]) < 200 else found[0], text
        )
    return text
