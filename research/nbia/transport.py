"""HTTP with NBIA's habits: which answers deserve another attempt, and what to tell a person in the end."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import requests

from research.errors import FetchError

log = logging.getLogger(__name__)
T = TypeVar("T")

API = "/nbia-api/services/v4"
_LATER = "Run the task again later; if it stays so, tell the archive's help desk the time of this message."
_LONGEST_WAIT_S = 120.0


class TransientError(FetchError):
    """An attempt failed in a way that another attempt may mend."""


@dataclass(frozen=True)
class Patience:
    """How often and how long to try.

    Args:
        retries: attempts after the first.
        backoff: seconds before the second attempt; doubled for each further one, with a random half on top.
    """

    retries: int = 4
    backoff: float = 1.0

    def __post_init__(self) -> None:
        if self.retries < 0 or self.backoff < 0:
            msg = f"retries and backoff must be 0 or more, got {self.retries} and {self.backoff}"
            raise ValueError(msg)

    def run(self, label: str, attempt: Callable[[], T]) -> T:
        """Call ``attempt`` until it returns; only ``TransientError`` is tried again.

        Raises:
            FetchError: the last attempt failed too, or one failed for good.
        """
        for number in range(self.retries + 1):
            try:
                return attempt()
            except TransientError as error:
                last = error
            if number < self.retries:
                wait = min(_LONGEST_WAIT_S, self.backoff * 2**number * (1 + random.random() / 2))  # noqa: S311
                log.warning("%s: %s Attempt %d of %d.", label, last.reason, number + 1, self.retries + 1)
                time.sleep(wait)
        reason = f"{label}: not delivered in {self.retries + 1} attempts. The last time: {last.reason}"
        raise FetchError(reason, last.instruction, code=last.code) from None


def base_address(url: str) -> str:
    """The address of the v4 endpoints for a server address given with or without the API path."""
    trimmed = url.rstrip("/")
    if not trimmed.startswith(("http://", "https://")):
        msg = f"The NBIA address {url!r} does not begin with http:// or https://."
        raise ValueError(msg)
    return trimmed if "/services/" in trimmed else trimmed.removesuffix("/nbia-api") + API


def transient(reason: str, code: str) -> TransientError:
    """An error that is worth another attempt."""
    return TransientError(reason, _LATER, code=code)


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
) -> requests.Response:
    """GET with timeouts.

    Raises:
        TransientError: no connection, no answer in time, or a status worth another attempt.
        FetchError: another status than 200.
    """
    try:
        response = session.get(url, params=dict(params), timeout=timeout, stream=stream)
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
