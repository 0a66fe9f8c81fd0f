"""Addresses of the pages about studies."""

from __future__ import annotations

import json
from typing import Any, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from radflow_portal import catalog
from radflow_portal.auth import Account
from radflow_portal.catalog_filters import FACETS, SORT, After, Filters, Limit, Sort, Wanted
from radflow_portal.pages.render import STATIC, render
from radflow_portal.view import HERE

router = APIRouter(prefix="/studies", include_in_schema=False)

viewer = APIRouter(prefix="/series", include_in_schema=False)
NIIVUE = STATIC / "vendor" / "niivue.umd.js"
_VIEWER_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; connect-src 'self' data: blob:; worker-src 'self' blob:; "
    "frame-ancestors 'self'; base-uri 'none'; object-src 'none'; form-action 'self'"
)
"""niivue carries its font and colour maps as data: addresses; scripts come from here only, as everywhere."""

NAMES = {
    "modality": "Modality", "body_part": "Body part", "collection": "Collection", "sex": "Sex", "age_band": "Age",
    "manufacturer": "Manufacturer", "licence": "Licence", "analysis_result": "Published analysis", "state": "State",
}  # fmt: skip
"""Facets in the order of the page."""
SORTS = {
    "-study_date": "newest first",
    "study_date": "oldest first",
    "-image_count": "most images first",
    "image_count": "fewest images first",
    "patient": "by patient",
    "-patient": "by patient, backwards",
}
_SHOWN = 7
"""Values of a facet to be seen without unfolding it."""
_MOST = 150


@router.get("", response_class=HTMLResponse)
def studies(
    request: Request,
    account: Account,
    wanted: Wanted,
    q: str = "",
    sort: Sort = "-study_date",
    limit: Limit = 50,
    after: After = None,
) -> HTMLResponse:
    """Studies by facets and words; the address holds what was chosen."""
    found = catalog.get_facets(account, wanted)
    page = catalog.list_studies(account, wanted, sort, limit, after)
    kept = [(name, value) for name in FACETS for value in wanted.facets[name] or []]
    order = [("sort", sort)] if sort != "-study_date" else []
    text = [("q", q.strip())] if q.strip() else []
    return render(
        request,
        "studies.html",
        found=found,
        page=page,
        facets=[_facet(name, found["facets"][name], wanted) for name in NAMES],
        chips=[
            {
                "facet": NAMES[name],
                "value": value,
                "href": _query([*text, *_without(kept, name, value), *order]),
            }
            for name, value in kept
        ],
        q=q.strip(),
        without_q=_query([*kept, *order]),
        sort=sort,
        sorts=SORTS,
        sort_links={name: _query([*text, *kept, ("sort", name)]) for name in get_args(SORT)},
        more=_query([*text, *kept, *order, ("after", page["next"])]) if page["next"] else None,
        first=_query([*text, *kept, *order]) if after else None,
        cohort=_query([*text, *kept]),
    )


@router.get("/{study_uid}", response_class=HTMLResponse)
def study(request: Request, account: Account, study_uid: str) -> HTMLResponse:
    """One study: its series, what is known of them, and how they look."""
    found = catalog.get_study(account, study_uid)
    findings = catalog.list_findings(account, study_uid)
    criteria = {
        "all": [
            {"field": "collection", "op": "eq", "value": found["collection"]},
            {"field": "modality", "op": "in", "value": found["modalities"] or ["OT"]},
        ]
    }
    return render(
        request,
        "study.html",
        study=found,
        findings=findings,
        alike=urlencode({"criteria": json.dumps(criteria)}),
    )


@viewer.get("/{series_uid}", response_class=HTMLResponse)
def series(request: Request, account: Account, series_uid: str) -> HTMLResponse:
    """One series to be looked at, slice by slice; niivue where it is installed."""
    one = catalog.get_series(account, series_uid)
    found = catalog.get_study(account, one["study_uid"])
    shown = [other for other in found["series"] if other["state"] in HERE]
    images = [other for other in shown if other["modality"] != "SEG"]
    place = next((n for n, other in enumerate(images) if other["series_uid"] == series_uid), None)
    page = render(
        request,
        "series.html",
        series=one,
        study=found,
        here_now=one["state"] in HERE,
        masks=[other for other in shown if other["modality"] == "SEG" and other["series_uid"] != series_uid],
        before=images[place - 1] if place else None,
        after=images[place + 1] if place is not None and place + 1 < len(images) else None,
        niivue=NIIVUE.is_file(),
    )
    page.headers["Content-Security-Policy"] = _VIEWER_POLICY
    return page


def _facet(name: str, values: list[dict[str, Any]], wanted: Filters) -> dict[str, Any]:
    """One facet: what is chosen first, then what is most frequent; the rest to be unfolded."""
    chosen = wanted.facets[name] or []
    known = {one["value"]: one["series_count"] for one in values}
    rows = [{"value": v, "series_count": known.get(v, 0), "chosen": True} for v in dict.fromkeys(chosen)]
    rows += [{**one, "chosen": False} for one in values if one["value"] not in chosen][:_MOST]
    if name == "age_band":  # in the order of life, not of choice
        rows.sort(key=lambda row: int(digits) if (digits := row["value"][:2].rstrip("-+")).isdigit() else 999)
    shown = len(rows) if name in ("age_band", "sex", "state") else max(_SHOWN, len(chosen))
    return {
        "name": name,
        "label": NAMES[name],
        "first": rows[:shown],
        "rest": rows[shown:],
        "left": max(0, len(values) - _MOST),
        "chosen": len(chosen),
    }


def _without(kept: list[tuple[str, str]], name: str, value: str) -> list[tuple[str, str]]:
    return [one for one in kept if one != (name, value)]


def _query(pairs: list[tuple[str, Any]]) -> str:
    return "?" + urlencode(pairs) if pairs else ""
