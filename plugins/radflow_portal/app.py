"""The portal as one FastAPI application, which Airflow mounts under ``/radflow``."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse
from starlette.staticfiles import StaticFiles

from radflow_portal import (
    access,
    audit,
    catalog,
    clinical,
    cohort,
    deidentify,
    evaluate,
    experiment,
    fetch,
    pages,
    problems,
    registry,
    reidentify,
    upload,
    upload_stow,
)
from radflow_portal.auth import Account
from radflow_portal.db import as_account
from radflow_portal.guards import Guards
from radflow_portal.models import Health
from radflow_portal.pages.render import STATIC

_DESCRIPTION = """What Radflow knows, as far as the signed-in Airflow user may see it.

Send Airflow's token (`POST /auth/token`) as `Authorization: Bearer ...`; a browser's session cookie does as
well. Lists take `limit` and `offset` and say their `total`. Errors are `application/problem+json` with an
`instruction`. What you may not see answers 404, like what is not there."""

api = APIRouter(prefix="/api/v1")


@api.get("/health", response_model=Health, tags=["health"])
def health(account: Account) -> dict[str, object]:
    """Whether the database answers, and who you are to Radflow."""
    with as_account(account) as session:
        return {"status": "ok", "account": account, **(session.one("portal_health") or {})}


def alive() -> dict[str, str]:
    """Whether the process answers; the only route without an account, and it says nothing else."""
    return {"status": "ok"}


def create_app() -> FastAPI:
    """The assembled application."""
    app = FastAPI(
        title="Radflow",
        version="1",
        description=_DESCRIPTION,
        docs_url=None,  # FastAPI's page loads scripts from a public network; that of pages does not
        redoc_url=None,
        default_response_class=JSONResponse,
    )
    for stage in (
        fetch,
        deidentify,
        catalog,
        clinical,
        cohort,
        registry,
        experiment,
        evaluate,
        reidentify,
        access,
        audit,
        upload_stow,
        upload,
    ):
        api_of_stage = APIRouter(prefix=api.prefix)
        api_of_stage.include_router(stage.router)
        app.include_router(api_of_stage)
    app.include_router(api)
    app.include_router(pages.router)
    app.include_router(pages.fetch_router)
    app.include_router(pages.deidentify_router)
    app.include_router(pages.reidentify_router)
    app.include_router(pages.access_router)
    app.add_api_route("/health", alive, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_middleware(Guards)
    problems.install(app)
    return app
