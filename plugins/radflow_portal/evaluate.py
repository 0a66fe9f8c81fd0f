"""evaluate: runs and their results, per case and arm, with metrics, comparisons and the leaderboard."""

from __future__ import annotations

import csv
import io
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response

from radflow_portal.auth import Account
from radflow_portal.db import Row, Session, as_account
from radflow_portal.models import Case, Comparison, Metric, Page, Run, RunDetail, Standing, StepRun
from radflow_portal.paging import Id, Part
from radflow_portal.pictures import picture_response
from radflow_portal.problems import not_found

_RUN, _DAG_RUN, _PICTURE = "run of this number", "run of this DAG run", "picture of this name"
router = APIRouter(tags=["evaluate"])

RunState = Literal["running", "success", "partial", "failed"]


def runs_filter(**wanted: Any) -> dict[str, Any]:
    """Parameters of ``portal_runs``: any run where nothing is asked for."""
    return {**dict.fromkeys(("id", "dag_id", "dag_run_id", "experiment", "state")), **wanted}


def find_run(session: Session, run_id: int) -> Row:
    """The run of this number.

    Raises:
        Problem: 404 when there is none that this person may see.
    """
    row = session.one("portal_runs", **runs_filter(id=run_id))
    if row is None:
        raise not_found(_RUN)
    return row


def find_run_of(session: Session, dag_id: str, dag_run_id: str) -> Row | None:
    """The run that an Airflow DAG run recorded, if this person may see it."""
    return session.one("portal_runs", **runs_filter(dag_id=dag_id, dag_run_id=dag_run_id))


def _detail(session: Session, run: Row) -> Row:
    pictures = session.all("portal_run_pictures", id=run["id"], name=None)
    return {
        **run,
        "progress": session.all("portal_run_progress", id=run["id"]),
        "pictures": [picture["name"] for picture in pictures],
    }


@router.get("/runs", response_model=Page[Run])
def list_runs(
    account: Account, part: Part, experiment: str | None = None, state: RunState | None = None
) -> dict[str, Any]:
    """Runs of experiments, newest first."""
    with as_account(account) as session:
        return part.of(session, "portal_runs", **runs_filter(experiment=experiment, state=state))


@router.get("/runs/by-dag-run", response_model=RunDetail)
def get_run_of(account: Account, dag_id: str, run_id: str) -> Row:
    """The run that an Airflow DAG run recorded."""
    with as_account(account) as session:
        run = find_run_of(session, dag_id, run_id)
        if run is None:
            raise not_found(_DAG_RUN)
        return _detail(session, run)


@router.get("/runs/{run_id}", response_model=RunDetail)
def get_run(account: Account, run_id: Id) -> Row:
    """One run with the progress of its steps."""
    with as_account(account) as session:
        return _detail(session, find_run(session, run_id))


@router.get("/runs/{run_id}/metrics", response_model=list[Metric])
def list_metrics(account: Account, run_id: Id) -> list[Row]:
    """Metrics per arm with their confidence intervals, the primary one first."""
    with as_account(account) as session:
        find_run(session, run_id)
        return session.all("portal_run_metrics", id=run_id)


@router.get("/runs/{run_id}/comparisons", response_model=list[Comparison])
def list_comparisons(account: Account, run_id: Id) -> list[Row]:
    """Paired differences between the arms."""
    with as_account(account) as session:
        find_run(session, run_id)
        return session.all("portal_run_comparisons", id=run_id)


@router.get("/runs/{run_id}/cases", response_model=Page[Case])
def list_cases(account: Account, run_id: Id, part: Part) -> dict[str, Any]:
    """Every case in every arm: value, truth, error, and what each step did to it."""
    with as_account(account) as session:
        find_run(session, run_id)
        return part.of(session, "portal_run_cases", id=run_id)


@router.get("/runs/{run_id}/steps", response_model=Page[StepRun])
def list_steps(
    account: Account,
    run_id: Id,
    part: Part,
    status: Annotated[Literal["ok", "failed", "skipped"] | None, Query()] = None,
) -> dict[str, Any]:
    """The record of every step on every case: hashes in, hashes out, time, memory, reason of a failure."""
    with as_account(account) as session:
        find_run(session, run_id)
        return part.of(session, "portal_run_steps", id=run_id, status=status)


@router.get("/runs/{run_id}/metrics.csv", response_class=Response)
def metrics_csv(account: Account, run_id: Id) -> Response:
    """The metrics as a table for a spreadsheet."""
    with as_account(account) as session:
        find_run(session, run_id)
        rows = session.all("portal_run_metrics", id=run_id)
    return _csv(
        f"run-{run_id}-metrics.csv", [name for name in Metric.model_fields if name != "details"], rows
    )


@router.get("/runs/{run_id}/cases.csv", response_class=Response)
def cases_csv(account: Account, run_id: Id) -> Response:
    """Every case in every arm as a table for a spreadsheet."""
    with as_account(account) as session:
        find_run(session, run_id)
        rows = session.all("portal_run_cases", id=run_id)
    return _csv(f"run-{run_id}-cases.csv", [name for name in Case.model_fields if name != "steps"], rows)


@router.get("/runs/{run_id}/pictures/{name}", response_class=Response)
def get_picture(account: Account, run_id: Id, name: str) -> Response:
    """A picture that the run stored: plots of agreement, a slice with its mask."""
    with as_account(account) as session:
        find_run(session, run_id)
        picture = session.one("portal_run_pictures", id=run_id, name=name)
    if picture is None:
        raise not_found(_PICTURE)
    return picture_response(picture)


@router.get("/leaderboard", response_model=Page[Standing])
def leaderboard(account: Account, part: Part, cohort: str | None = None) -> dict[str, Any]:
    """Latest run of each arm, ranked within one frozen cohort and one set of metrics."""
    with as_account(account) as session:
        return part.of(session, "portal_leaderboard", cohort=cohort)


def _csv(file_name: str, columns: list[str], rows: list[Row]) -> Response:
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(columns)
    table.writerows([_cell(row[name]) for name in columns] for row in rows)
    headers = {"Content-Disposition": f'attachment; filename="{file_name}"'}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _cell(value: Any) -> Any:
    """Text that a spreadsheet would run as a formula gets an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value
