"""catalog: what there is to find, as far as the signed-in person may see it: facets, collections, studies, series."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from radflow_portal import view
from radflow_portal.auth import Account
from radflow_portal.catalog_filters import EVERYTHING, FACETS, After, Limit, Sort, Wanted, series, studies
from radflow_portal.catalog_models import (
    Collection,
    FacetCriteria,
    Facets,
    Finding,
    Series,
    Study,
    StudyDetail,
)
from radflow_portal.db import Row, as_account
from radflow_portal.facet_criteria import criteria_of
from radflow_portal.models import Keyset, Page
from radflow_portal.paging import Part
from radflow_portal.problems import not_found
from research.criteria import describe

_SERIES, _STUDY, _COLLECTION = "series of this UID", "study of this UID", "collection of this name"
router = APIRouter(tags=["catalog"])


@router.get("/facets", response_model=Facets)
def get_facets(account: Account, wanted: Wanted) -> dict[str, Any]:
    """Values to filter by with their numbers of series, and what the filters choose in all.

    Each facet is counted under all filters but its own, so that its other values can be chosen too.
    """
    totals = "portal_facets_totals_text" if wanted.words else "portal_facets_totals"
    with as_account(account) as session:
        total = session.one(totals, **wanted.parameters)
        rows = session.all("portal_facets", **wanted.parameters)
    facets: dict[str, list[Row]] = {name: [] for name in FACETS}
    for row in rows:
        facets[row["facet"]].append({"value": row["value"], "series_count": row["series_count"]})
    return {**(total or {}), "facets": facets}


@router.get("/facets/criteria", response_model=FacetCriteria)
def get_facet_criteria(account: Account, wanted: Wanted) -> dict[str, Any]:
    """The filters as cohort criteria that choose the same series, and the same in English."""
    found = get_facets(account, wanted)
    with as_account(account) as session:
        criteria = criteria_of(session, wanted, [one["value"] for one in found["facets"]["state"]])
    return {"criteria": criteria, "english": describe(criteria)}


@router.get("/collections", response_model=Page[Collection])
def list_collections(account: Account, part: Part) -> dict[str, Any]:
    """Collections with something that you may see, and how much of it."""
    with as_account(account) as session:
        return part.of(session, "portal_collections", name=None)


@router.get("/collections/{name}", response_model=Collection)
def get_collection(account: Account, name: str) -> Row:
    """One collection."""
    with as_account(account) as session:
        row = session.one("portal_collections", name=name)
    if row is None:
        raise not_found(_COLLECTION)
    return row


@router.get("/studies", response_model=Keyset[Study])
def list_studies(
    account: Account,
    wanted: Wanted,
    sort: Sort = "-study_date",
    limit: Limit = 50,
    after: After = None,
    patient: Annotated[str | None, Query(max_length=128, description="Alias of one patient.")] = None,
    also: Annotated[
        list[str] | None,
        Query(max_length=20, description="Modalities that the study must have, all of them."),
    ] = None,
) -> dict[str, Any]:
    """Studies with at least one series that fits all filters."""
    with as_account(account) as session:
        items, place = studies(
            session, wanted, sort, limit, after, patient=patient, also=also, study_uid=None
        )
    return {"items": items, "limit": limit, "next": place}


@router.get("/studies/{study_uid}", response_model=StudyDetail)
def get_study(account: Account, study_uid: str) -> dict[str, Any]:
    """One study with its series."""
    with as_account(account) as session:
        rows, _ = studies(
            session, EVERYTHING, "patient", 1, None, patient=None, also=None, study_uid=study_uid
        )
        found = session.all("portal_series", study_uid=study_uid, series_uid=None)
    if not rows:
        raise not_found(_STUDY)
    return {**rows[0], "series": sorted(found, key=lambda one: (one["modality"], one["series_uid"]))}


@router.get("/studies/{study_uid}/findings", response_model=list[Finding])
def list_findings(account: Account, study_uid: str) -> list[Row]:
    """What reports, people and objects say of one study; what is present first."""
    with as_account(account) as session:
        rows, _ = studies(
            session, EVERYTHING, "patient", 1, None, patient=None, also=None, study_uid=study_uid
        )
        if not rows:
            raise not_found(_STUDY)
        return session.all("portal_findings", study_uid=study_uid)


@router.get("/series", response_model=Keyset[Series])
def list_series(
    account: Account, wanted: Wanted, limit: Limit = 50, after: After = None, study_uid: str | None = None
) -> dict[str, Any]:
    """Image series that fit all filters, study by study."""
    with as_account(account) as session:
        items, place = series(session, wanted, limit, after, series_uid=None, study_uid=study_uid)
    return {"items": items, "limit": limit, "next": place}


@router.get("/series/{series_uid}", response_model=Series)
def get_series(account: Account, series_uid: str) -> Row:
    """One image series."""
    with as_account(account) as session:
        row = session.one("portal_series", series_uid=series_uid, study_uid=None)
    if row is None:
        raise not_found(_SERIES)
    return row


router.include_router(view.router)
