"""Addresses of the pages."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from radflow_portal.auth import Account
from radflow_portal.db import Row, Session, as_account
from radflow_portal.evaluate import RunState, find_run, find_run_of, runs_filter
from radflow_portal.pages.charts import WIDTH, scale
from radflow_portal.pages.render import render
from radflow_portal.paging import MOST, Id, Part

router = APIRouter(include_in_schema=False)


@router.get("/")
def home(request: Request, _account: Account) -> Response:
    """The list of runs is the front page."""
    return RedirectResponse(f"{request.scope.get('root_path', '')}/runs")


@router.get("/runs", response_class=HTMLResponse)
def runs(
    request: Request,
    account: Account,
    part: Part,
    experiment: str | None = None,
    state: RunState | None = None,
) -> HTMLResponse:
    """Experiments and their runs."""
    with as_account(account) as session:
        found = part.of(session, "portal_runs", **runs_filter(experiment=experiment, state=state))
        experiments = session.all("portal_experiments", name=None)
    return render(
        request, "runs.html", runs=found, experiments=experiments, experiment=experiment, state=state
    )


@router.get("/runs/by-dag-run", response_class=HTMLResponse)
def results_of(request: Request, account: Account, dag_id: str = "", run_id: str = "") -> HTMLResponse:
    """The Results tab of an Airflow DAG run."""
    with as_account(account) as session:
        run = find_run_of(session, dag_id, run_id)
        if run is not None:
            return _results(request, session, run)
    return render(request, "no_run.html", 404, dag_id=dag_id, run_id=run_id, soon=dag_id.startswith("exp_"))


@router.get("/runs/{run_id}", response_class=HTMLResponse)
def results(request: Request, account: Account, run_id: Id) -> HTMLResponse:
    """Results of one run."""
    with as_account(account) as session:
        return _results(request, session, find_run(session, run_id))


@router.get("/leaderboard", response_class=HTMLResponse)
def leaderboard(request: Request, account: Account, cohort: str | None = None) -> HTMLResponse:
    """Arms ranked per cohort."""
    with as_account(account) as session:
        rows, total = session.page("portal_leaderboard", MOST, 0, cohort=cohort)
    boards = [_board(list(group)) for _, group in groupby(rows, key=_same_board)]
    return render(
        request, "leaderboard.html", boards=boards, cohort=cohort, width=WIDTH, total=total, shown=len(rows)
    )


@router.get("/docs", response_class=HTMLResponse)
def docs(request: Request) -> HTMLResponse:
    """The API's description, without any script from elsewhere."""
    return render(request, "docs.html", api=request.app.openapi())


def _same_board(row: Row) -> tuple[Any, ...]:
    return row["cohort_sha256"], row["metric_set"], row["metric"]


def _board(rows: list[Row]) -> dict[str, Any]:
    axis = scale(rows)
    return {**rows[0], "axis": axis, "rows": [{**row, "bar": axis.bar(row)} for row in rows]}


def _results(request: Request, session: Session, run: Row) -> HTMLResponse:
    number = run["id"]
    metrics = []
    for name, group in groupby(session.all("portal_run_metrics", id=number), key=lambda row: row["name"]):
        rows = list(group)
        axis = scale(rows)
        metrics.append({**rows[0], "name": name, "rows": [{**row, "bar": axis.bar(row)} for row in rows]})
    cases, case_rows = session.page("portal_run_cases", MOST, 0, id=number)
    return render(
        request,
        "results.html",
        run=run,
        metrics=metrics,
        notes=_notes(metrics),
        labels={metric["name"]: metric["label"] for metric in metrics},
        comparisons=session.all("portal_run_comparisons", id=number),
        progress=session.all("portal_run_progress", id=number),
        pictures=_in_order(session.all("portal_run_pictures", id=number, name=None)),
        cases=cases,
        case_rows=case_rows,
        many=len({case["name"] for case in cases if case["name"]}) > 1,
        failures=_failures(cases),
        origins=sorted({case["truth_origin"] for case in cases if case["truth_origin"]}),
        width=WIDTH,
    )


def _notes(metrics: list[dict[str, Any]]) -> dict[str, list[str]]:
    """What a reader must know, each sentence once, with the metrics and arms that it is about."""
    found: dict[str, list[str]] = {}
    for metric in metrics:
        for row in metric["rows"]:
            if row["note"]:
                about = f"{row['label']} ({row['arm']})" if row["arm"] else str(row["label"])
                found.setdefault(row["note"], []).append(about)
    rows = sum(len(metric["rows"]) for metric in metrics)
    return {note: ["All"] if len(about) == rows > 1 else about for note, about in found.items()}


def _in_order(pictures: list[Row]) -> list[Row]:
    """Agreement plots first, then slices, then the rest."""
    order = ("scatter", "bland_altman", "overlay")

    def place(picture: Row) -> int:
        return next((i for i, start in enumerate(order) if picture["name"].startswith(start)), len(order))

    return sorted(pictures, key=lambda picture: (place(picture), picture["name"]))


def _failures(cases: list[Row]) -> list[dict[str, Any]]:
    """One line per distinct reason, with the cases and arms that it stopped."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for case in cases:
        if case["status"] == "failed":
            key = (case["failed_step"], case["reason_code"], case["reason"])
            entry = found.setdefault(key, {"step": key[0], "code": key[1], "reason": key[2], "cases": {}})
            entry["cases"].setdefault(case["patient_alias"] or case["series_uid"], set()).add(case["arm"])
    return list(found.values())
