"""Every error as ``application/problem+json`` (RFC 9457) with an instruction; as a page where a browser asks.

What is not visible is reported exactly like what does not exist.
"""

from __future__ import annotations

import logging
from typing import Any

import psycopg2
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from radflow_portal.db import BadValueError, DatabaseBusyError
from research.errors import AccessError, RadflowError, SettingsError

log = logging.getLogger(__name__)

_TITLES = {
    400: "That request means nothing",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "Not possible here",
    406: "Not in that form",
    408: "Too slow",
    409: "In conflict with what exists",
    413: "Too large",
    415: "Wrong content type",
    422: "Not valid",
    423: "In use",
    500: "An error of Radflow",
    503: "Not available at the moment",
    507: "No room",
}
_INSTRUCTIONS = {
    401: "Sign in to Airflow, or send a bearer token from POST /auth/token.",
    404: "Check the address. What you may not see looks the same; ask its owner to share it.",
    405: "The API's description at /radflow/docs lists what each address answers to.",
    500: "Try again; if it stays, send the time of this answer to who runs this Radflow.",
    503: "Try again in a minute; if it stays, check with `make status` that Postgres runs.",
}
_DEFAULT_INSTRUCTION = "Correct the request and send it again; /radflow/docs describes it."


class Problem(Exception):
    """An answer that is not what was asked for.

    Args:
        status: HTTP status.
        detail: what was wrong.
        instruction: what to do about it; a sentence that fits the status where omitted.
        code: kebab-case reason code, the last part of ``type``.
        headers: of the answer.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        instruction: str = "",
        code: str = "",
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.headers = headers
        self.status = status
        self.detail = detail
        self.title = _TITLES.get(status, "Problem")
        self.instruction = instruction or _INSTRUCTIONS.get(status, _DEFAULT_INSTRUCTION)
        self.code = code or self.title.lower().replace(" ", "-")

    def body(self) -> dict[str, Any]:
        """The members of the problem document."""
        return {
            "type": f"urn:radflow:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instruction": self.instruction,
        }


def not_found(what: str) -> Problem:
    """404 for a thing that does not exist or is not visible to the asker."""
    return Problem(404, f"There is no {what} that you can see.", code="not-found")


def _answer(request: Request, problem: Problem, headers: dict[str, str] | None = None) -> Response:
    path = request.url.path.removeprefix(request.scope.get("root_path", ""))
    if not path.startswith("/api/") and "text/html" in request.headers.get("accept", ""):
        from radflow_portal.pages.render import problem_page

        return problem_page(request, problem)
    return JSONResponse(problem.body(), problem.status, headers, media_type="application/problem+json")


def _of_database(error: psycopg2.Error) -> Problem:
    """What Postgres refused, in words; its own text goes to the log only."""
    code = error.pgcode or ""
    if isinstance(error, psycopg2.OperationalError) or not code:
        return Problem(503, "The database does not answer.", code="database")
    if code in ("22003", "22021", "22P02", "22P05"):  # numbers and characters that Postgres cannot hold
        return Problem(422, "A value of the request is out of range.", code="value")
    return Problem(500, "The database refused the request.", code="database")


def install(app: FastAPI) -> None:
    """Make ``app`` answer every error as a problem."""

    @app.exception_handler(Problem)
    def problem(request: Request, error: Problem) -> Response:
        return _answer(request, error, error.headers)

    @app.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> Response:
        details = {401: "Nobody is signed in.", 404: "There is nothing at this address."}
        detail = details.get(error.status_code) or str(error.detail)
        return _answer(request, Problem(error.status_code, detail), dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return _answer(request, Problem(422, f"{where}: {first['msg']}.", code="request"))

    @app.exception_handler(RadflowError)
    def radflow(request: Request, error: RadflowError) -> Response:
        status = 403 if isinstance(error, AccessError) else 503 if isinstance(error, SettingsError) else 422
        return _answer(request, Problem(status, error.reason, error.instruction, error.code))

    @app.exception_handler(BadValueError)
    def bad_value(request: Request, _: BadValueError) -> Response:
        return _answer(
            request, Problem(422, "A text of the request contains the character NUL.", code="value")
        )

    @app.exception_handler(DatabaseBusyError)
    def busy(request: Request, _: DatabaseBusyError) -> Response:
        return _answer(
            request, Problem(503, "Too many requests wait for the database.", code="database-busy")
        )

    @app.exception_handler(psycopg2.Error)
    def database(request: Request, error: psycopg2.Error) -> Response:
        log.error("database: %s %s", error.pgcode, type(error).__name__)
        return _answer(request, _of_database(error))

    @app.exception_handler(Exception)
    def unforeseen(request: Request, error: Exception) -> Response:
        log.error("unforeseen", exc_info=error)
        return _answer(request, Problem(500, "Something unforeseen happened; it is in the server's log."))
