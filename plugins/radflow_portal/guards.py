"""What every request and answer must have, whatever route it takes."""

from __future__ import annotations

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from radflow_portal.problems import Problem

_READING = ("GET", "HEAD", "OPTIONS")
ACCEPTED = ("application/json", "application/yaml")
UPLOADS = "/api/v1/uploads/"
UPLOADED = ("application/offset+octet-stream", "application/octet-stream", "application/zip")
"""What the routes of uploads take besides, and multipart/related of application/dicom. A form can send none of them."""
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; frame-ancestors 'self'; base-uri 'none'; object-src 'none'; form-action 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guards:
    """Refuses what a foreign page could make a browser send, and sets the security headers.

    A form of another site can only send three content types, none of which is accepted here; for the others a
    browser asks first, and Airflow does not allow it. So a session cookie cannot be used from elsewhere.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        problem = None if scope["method"] in _READING else _refusal(scope)
        if problem is not None:
            answer = JSONResponse(problem.body(), problem.status, media_type="application/problem+json")
            await answer(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)


def _refusal(scope: Scope) -> Problem | None:
    """Why a changing request is not let in."""
    headers = Headers(scope=scope)
    content_type, options = _parsed(headers.get("content-type", ""))
    if content_type in ACCEPTED:
        return None
    accepted = ACCEPTED
    if scope["path"].removeprefix(scope.get("root_path", "")).startswith(UPLOADS):
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return Problem(403, "Another site's page sent this.", "Send it from the portal.", "cross-site")
        if content_type in UPLOADED:
            return None
        if content_type == "multipart/related" and options.get("type", "").lower() == "application/dicom":
            return None
        accepted = (*ACCEPTED, *UPLOADED, 'multipart/related; type="application/dicom"')
    return Problem(
        415,
        "The request does not say that its body is JSON or YAML.",
        f"Send it with Content-Type {' or '.join(accepted)}.",
        "content-type",
    )


def _parsed(header: str) -> tuple[str, dict[str, str]]:
    """Media type and parameters of a Content-Type."""
    media_type, options = parse_options_header(header)
    return media_type.decode("latin-1"), {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in options.items()
    }
