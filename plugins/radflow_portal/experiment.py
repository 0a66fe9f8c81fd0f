"""experiment: specifications, read and registered.

A registered text never changes; another text of the same name is a new revision.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import psycopg2.errors
from fastapi import APIRouter, Depends, Request, Response
from psycopg2.extras import Json
from pydantic import BaseModel, Field, ValidationError

from radflow_portal.auth import Account
from radflow_portal.db import Row, Session, as_account
from radflow_portal.descriptors import catalogue
from radflow_portal.models import Experiment, Page, Registered
from radflow_portal.paging import Part
from radflow_portal.problems import Problem, not_found
from research.errors import SpecError
from research.experiments import ExperimentSpec, parse_spec

_EXPERIMENT = "experiment of this name"
router = APIRouter(prefix="/experiments", tags=["experiment"])

DAG_PREFIX = "exp_"
_LARGEST = 512 * 1024
Visibility = Literal["private", "team", "public"]


class Submission(BaseModel, extra="forbid"):
    """A specification and who may see it."""

    spec: str | dict[str, Any] = Field(description="The specification: YAML text, or the same as JSON.")
    visibility: Visibility = "private"
    team: str | None = Field(default=None, description="Needed where visibility is team.")


async def _submission(
    request: Request, visibility: Visibility = "private", team: str | None = None
) -> Submission:
    """The body: JSON as `Submission`, or the YAML text itself with the rest in the query."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST:
            raise Problem(413, f"The specification is larger than {_LARGEST} bytes.", "Shorten it.")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Problem(422, "The body is not UTF-8 text.", code="encoding") from error
    if request.headers.get("content-type", "").startswith("application/yaml"):
        return Submission(spec=text, visibility=visibility, team=team)
    try:
        return Submission.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise Problem(
            422,
            f"{where}: {first['msg']}.",
            'Send {"spec": ..., "visibility": "private", "team": null}, or YAML as application/yaml.',
            "request",
        ) from error


_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/yaml": {"schema": {"type": "string"}},
            "application/json": {"schema": Submission.model_json_schema()},
        },
    }
}


@router.get("", response_model=Page[Experiment])
def list_experiments(account: Account, part: Part) -> dict[str, Any]:
    """Experiments with their latest text."""
    with as_account(account) as session:
        return part.of(session, "portal_experiments", name=None)


@router.get("/{name}", response_model=Experiment)
def get_experiment(account: Account, name: str) -> Row:
    """One experiment with its latest text."""
    with as_account(account) as session:
        row = session.one("portal_experiments", name=name)
    if row is None:
        raise not_found(_EXPERIMENT)
    return row


@router.post("", response_model=Registered, status_code=201, openapi_extra=_BODY)
def register_experiment(
    account: Account,
    request: Request,
    response: Response,
    submitted: Annotated[Submission, Depends(_submission)],
) -> Row:
    """Check a specification and register it; Airflow shows its DAG within seconds.

    The very same text again answers 200 with what is there. A name belongs to who used it first.
    """
    if (submitted.visibility == "team") != (submitted.team is not None):
        raise Problem(
            422,
            "team goes with visibility team, and with nothing else.",
            "Send both or neither of visibility=team and team=<name>.",
            "team",
        )
    with as_account(account, write=True) as session:
        spec = parse_spec(submitted.spec, catalogue(session))
        if not session.all("portal_cohorts", id=None, name=spec.cohort):
            msg = f"cohort: there is no frozen cohort {spec.cohort!r} that you can see."
            raise SpecError(msg, "GET /radflow/api/v1/cohorts lists them; freeze one with the cohort DAG.")
        there = session.one("portal_experiment_text", name=spec.name, spec_sha256=spec.sha256)
        row = there or _insert(session, spec, submitted)
    response.status_code = 200 if there else 201
    dag_id = f"{DAG_PREFIX}{spec.name}"
    airflow = str(request.base_url).rstrip("/").removesuffix("/radflow")
    return {
        **row,
        "dag_id": dag_id,
        "trigger_url": f"{airflow}/api/v2/dags/{dag_id}/dagRuns",
        "page_url": f"{airflow}/dags/{dag_id}",
        "created": there is None,
    }


def _insert(session: Session, spec: ExperimentSpec, submitted: Submission) -> Mapping[str, Any]:
    try:
        row = session.one(
            "portal_experiment_register",
            name=spec.name,
            title=spec.title,
            spec=Json(spec.to_json()),
            spec_sha256=spec.sha256,
            team=submitted.team,
            visibility=submitted.visibility,
        )
    except psycopg2.errors.ForeignKeyViolation as error:
        raise Problem(
            403,
            "Radflow has no account or team of that name.",
            "Ask who runs this Radflow to add your account (or the team).",
            "no-account",
        ) from error
    except psycopg2.errors.InsufficientPrivilege as error:
        raise _refused(error, spec, submitted) from error
    except psycopg2.errors.UniqueViolation as error:
        raise Problem(
            409, f"The text of {spec.name} was registered at this very moment.", "Send it again.", "busy"
        ) from error
    if row is None:
        raise Problem(500, "The database gave no row back.")
    session.run(
        "portal_experiment_audit",
        object_id=f"{spec.name}@{row['revision']}",
        reason="registered through the portal",
        detail=json.dumps({"spec_sha256": spec.sha256, "visibility": submitted.visibility}),
    )
    return row


def _refused(error: psycopg2.Error, spec: ExperimentSpec, submitted: Submission) -> Problem:
    """A name of somebody else (trigger) or a team of others (policy): both are the database's decision."""
    if "somebody else" in str(error):
        return Problem(
            409, f"The name {spec.name} belongs to somebody else.", "Choose another name.", "name-taken"
        )
    return Problem(
        403, f"You are not in the team {submitted.team}.", "Choose a team of yours, or private.", "team"
    )
