"""What every request and answer must have, whatever route it takes."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from radflow_portal.problems import Problem

_READING = ("GET", "HEAD", "OPTIONS")
ACCEPTED = ("application/json", "application/yaml")
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

        content_type = Headers(scope=scope).get("content-type", "").split(";")[0].strip().lower()
        if scope["method"] not in _READING and content_type not in ACCEPTED:
            problem = Problem(
                415,
                "The request does not say that its body is JSON or YAML.",
                f"Send it with Content-Type {' or '.join(ACCEPTED)}.",
                "content-type",
            )
            answer = JSONResponse(problem.body(), problem.status, media_type="application/problem+json")
            await answer(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)
