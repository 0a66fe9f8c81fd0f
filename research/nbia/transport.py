"""HTTP with NBIA's habits: which answers deserve another attempt, and what to tell a person in the end."""

from __future__ import annotations

from collections.abc import Mapping

import requests

from research.errors import FetchError
from research.sources.patience import TransientError, transient

API = "/nbia-api/services/v4"
TCIA = "https://nbia.cancerimagingarchive.net"
TCIA_NLST = "https://nlst.cancerimagingarchive.net"


def base_address(url: str) -> str:
    """The address of the v4 endpoints for a server address given with or without the API path."""
    trimmed = url.rstrip("/")
    if not trimmed.startswith(("http://", "https://")):
        msg = f"The NBIA address {url!r} does not begin with http:// or https://."
        raise ValueError(msg)
    return trimmed if "/services/" in trimmed else trimmed.removesuffix("/nbia-api") + API


def not_nbia() -> TransientError:
    """A 200 whose body is something else: a maintenance page, or another kind of server."""
    instruction = "Check the connection's address: is there an NBIA v4 server, and is it in service?"
    return TransientError("The answer is not in NBIA's form.", instruction, code="not-nbia")


def checked(response: requests.Response) -> requests.Response:
    """Pass a 200 on.

    Raises:
        TransientError: HTTP 429 or 5xx, which NBIA gives under load (and for an unknown path).
        FetchError: any other status; asking again would give the same answer.
    """
    status = response.status_code
    if status == requests.codes.ok:
        return response
    if status == requests.codes.too_many_requests or status >= requests.codes.server_error:
        raise transient(reason=f"The server answered HTTP {status}.", code=f"http-{status}")
    if status == requests.codes.bad_request:
        reason = (
            "The server refused the request (HTTP 400): it does not know the series or does not publish it."
        )
        instruction = (
            "Check that the series is public and on this host: NLST, for one, has a host of its own "
            "(nlst.cancerimagingarchive.net)."
        )
        raise FetchError(reason, instruction, code="refused")
    reason = f"The server answered HTTP {status}."
    raise FetchError(reason, "Check the connection's address and its access rights.", code=f"http-{status}")


def get(
    session: requests.Session,
    url: str,
    params: Mapping[str, str],
    timeout: tuple[float, float],
    *,
    stream: bool = False,
    form: Mapping[str, str] | None = None,
) -> requests.Response:
    """GET with timeouts, or POST where there is a form.

    Raises:
        TransientError: no connection, no answer in time, or a status worth another attempt.
        FetchError: another status than 200.
    """
    try:
        response = session.request(
            "GET" if form is None else "POST",
            url,
            params=dict(params),
            data=form,
            timeout=timeout,
            stream=stream,
        )
    except requests.RequestException as error:
        raise broken(error, timeout[1]) from None
    try:
        return checked(response)
    except FetchError:
        response.close()
        raise


def broken(error: requests.RequestException, silence_s: float) -> TransientError:
    """A sentence for a connection that failed; the library's own message holds the query and stays here."""
    if isinstance(error, requests.ConnectTimeout):
        return transient("The server could not be reached in time.", "unreachable")
    if isinstance(error, requests.Timeout) or "timed out" in str(error).lower():
        return transient(f"The server fell silent for {silence_s:g} s.", "stalled")
    if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
        return transient("The connection was cut in the middle of the download.", "cut")
    return transient("The connection to the server failed.", "unreachable")
