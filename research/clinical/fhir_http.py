"""HTTP as FHIR servers speak it: authorisation, Retry-After, OperationOutcome, and which answers deserve another try.

What a server says in words stays out of errors and logs: it may quote an identifier. Its codes are told.
"""

from __future__ import annotations

import email.utils
import json
import logging
import random
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests

from research.errors import FetchError
from research.sources.patience import LATER, Patience, TransientError

log = logging.getLogger(__name__)
T = TypeVar("T")

JSON = "application/fhir+json"
LARGEST_ANSWER = 1 << 27  # bytes of one JSON answer
LONGEST_WAIT_S = 600.0
_CODE = re.compile(r"[a-z][a-z-]{1,40}")
_EARLY_S = 60.0


class LaterError(TransientError):
    """Another attempt may help, after ``seconds`` where the server says so."""

    def __init__(self, reason: str, code: str, seconds: float | None = None) -> None:
        super().__init__(reason, LATER, code=code)
        self.seconds = seconds


@dataclass(frozen=True)
class Auth:
    """How a server is shown who asks.

    Attributes:
        kind: ``none``, ``basic``, ``bearer`` or ``client_credentials`` (OAuth 2.0, RFC 6749 4.4).
        user: user name, or client id.
        secret: password, token, or client secret.
        token_url: token endpoint; asked of ``.well-known/smart-configuration`` where empty.
        scope: what is asked for, for instance ``system/*.read``.
    """

    kind: str = "none"
    user: str = ""
    secret: str = field(default="", repr=False)
    token_url: str = ""
    scope: str = "system/*.read"

    KINDS = ("none", "basic", "bearer", "client_credentials")

    def __post_init__(self) -> None:
        if self.kind not in self.KINDS:
            msg = f"auth must be one of {', '.join(self.KINDS)}"
            raise ValueError(msg)
        if self.kind != "none" and not self.secret:
            msg = f"auth {self.kind} needs a password, token or client secret"
            raise ValueError(msg)


class Transport:
    """Requests to one FHIR server.

    Args:
        base: address of the service, up to and without a resource type.
        auth: see there.
        patience: retries and back-off; a server's Retry-After goes before it.
        timeout: (connect, silence) in seconds.

    Raises:
        ValueError: the address is none.
    """

    def __init__(self, base: str, auth: Auth, patience: Patience, timeout: tuple[float, float]) -> None:
        self.base = base.rstrip("/")
        if urlsplit(self.base).scheme not in ("http", "https") or not urlsplit(self.base).netloc:
            msg = "the address does not begin with http:// or https://"
            raise ValueError(msg)
        self.auth, self.patience, self.timeout = auth, patience, timeout
        self.session = requests.Session()
        self._token, self._until = "", 0.0

    def close(self) -> None:
        """Close the connections."""
        self.session.close()

    def json(
        self,
        url: str,
        params: Mapping[str, str | list[str]] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        label: str,
        wanted: Iterable[int] = (200,),
    ) -> tuple[requests.Response, dict[str, Any]]:
        """An answer and its JSON object (empty where the answer has no body), tried as often as patience allows.

        Raises:
            FetchError: the server refuses, or does not deliver.
        """

        def attempt() -> tuple[requests.Response, dict[str, Any]]:
            with self.request(url, params, headers=headers, wanted=wanted) as response:
                raw = bytearray()
                for block in blocks(response, self.timeout[1]):
                    raw += block
                    if len(raw) > LARGEST_ANSWER:
                        reason = "The answer is larger than any page."
                        raise FetchError(reason, "Ask for smaller pages.", code="too-large")
                if not raw.strip() and response.status_code != requests.codes.ok:
                    return response, {}
                return response, _object(bytes(raw))

        return self.patiently(label, attempt)

    def request(
        self,
        url: str,
        params: Mapping[str, str | list[str]] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        wanted: Iterable[int] = (200,),
        method: str = "GET",
        anonymous: bool = False,
    ) -> requests.Response:
        """One request, streamed; the caller closes it.

        Raises:
            LaterError: no connection, HTTP 408, 425, 429 or 5xx.
            FetchError: any other status that is not wanted.
        """
        for renewed in (False, True):
            response = self._send(method, url, params, headers or {}, anonymous=anonymous)
            if response.status_code in wanted:
                return response
            stale = response.status_code == requests.codes.unauthorized and not anonymous
            if stale and self.auth.kind == "client_credentials" and not renewed:
                response.close()
                self._until = 0.0  # ended before its time
                continue
            break
        with response:
            raise refused(response)

    def _send(
        self,
        method: str,
        url: str,
        params: Mapping[str, str | list[str]] | None,
        headers: Mapping[str, str],
        *,
        anonymous: bool,
    ) -> requests.Response:
        sent = {"Accept": JSON, **headers}
        if not anonymous:
            sent |= self._authorisation()
        user = (self.auth.user, self.auth.secret) if self.auth.kind == "basic" and not anonymous else None
        try:
            # A redirect could lead the token to somebody else.
            return self.session.request(
                method, url, params=params, headers=sent, auth=user, timeout=self.timeout, stream=True,
                allow_redirects=False,
            )  # fmt: skip
        except requests.RequestException as error:
            raise broken(error, self.timeout[1]) from None

    def _authorisation(self) -> dict[str, str]:
        if self.auth.kind == "bearer":
            return {"Authorization": f"Bearer {self.auth.secret}"}
        if self.auth.kind != "client_credentials":
            return {}
        if time.monotonic() >= self._until:
            self._token, seconds = self._fetch_token()
            self._until = time.monotonic() + max(1.0, seconds - _EARLY_S)
        return {"Authorization": f"Bearer {self._token}"}

    def _fetch_token(self) -> tuple[str, float]:
        form = {"grant_type": "client_credentials", **({"scope": self.auth.scope} if self.auth.scope else {})}
        try:
            response = self.session.post(
                self._token_url(), data=form, auth=(self.auth.user, self.auth.secret), timeout=self.timeout,
                headers={"Accept": "application/json"}, allow_redirects=False,
            )  # fmt: skip
        except requests.RequestException as error:
            raise broken(error, self.timeout[1]) from None
        if response.status_code in (400, 401, 403):
            reason = f"The token endpoint refused the client (HTTP {response.status_code})."
            raise FetchError(reason, "Check client id, secret and scope of the connection.", code="refused")
        if response.status_code != requests.codes.ok:
            raise refused(response)
        found = _object(response.content)
        if not isinstance(found.get("access_token"), str):
            reason = "The token endpoint gave no token."
            raise FetchError(reason, "Check its address.", code="refused")
        try:
            return found["access_token"], float(found.get("expires_in", 300))
        except (TypeError, ValueError):
            return found["access_token"], 300.0

    def _token_url(self) -> str:
        if self.auth.token_url:
            return self.auth.token_url
        with self.request(f"{self.base}/.well-known/smart-configuration", anonymous=True,
                          headers={"Accept": "application/json"}) as response:  # fmt: skip
            found = _object(response.content).get("token_endpoint")
        if not isinstance(found, str):
            reason = "The server does not say where its token endpoint is."
            raise FetchError(reason, "Set it in the connection.", code="refused")
        return found

    def patiently(self, label: str, attempt: Callable[[], T]) -> T:
        """Call until it returns; a server's own word on when to come back goes before ours.

        Raises:
            FetchError: the last attempt failed too, or one failed for good.
        """
        for number in range(self.patience.retries + 1):
            try:
                return attempt()
            except TransientError as error:
                last = error
            if number < self.patience.retries:
                said = last.seconds if isinstance(last, LaterError) else None
                wait = self.patience.backoff * 2**number * (1 + random.random() / 2)  # noqa: S311
                wait = min(LONGEST_WAIT_S, wait if said is None else said)
                log.warning("%s: %s Again in %.1f s.", label, last.reason, wait)
                time.sleep(wait)
        tries = self.patience.retries + 1
        reason = f"{label}: not delivered in {tries} attempts. The last time: {last.reason}"
        raise FetchError(reason, last.instruction, code=last.code) from None


def blocks(response: requests.Response, silence_s: float) -> Iterable[bytes]:
    """The body in blocks.

    Raises:
        LaterError: the connection was cut or fell silent.
    """
    try:
        yield from response.iter_content(1 << 16)
    except requests.RequestException as error:
        raise broken(error, silence_s) from None


def retry_after(response: requests.Response) -> float | None:
    """Seconds until the server wants to be asked again (RFC 9110 10.2.3: seconds or a date); None where unsaid."""
    said = response.headers.get("Retry-After", "").strip()
    if not said:
        return None
    try:
        return max(0.0, min(float(said), LONGEST_WAIT_S))
    except ValueError:
        pass
    try:
        when = email.utils.parsedate_to_datetime(said)
    except (TypeError, ValueError):
        return None
    return max(0.0, min(when.timestamp() - time.time(), LONGEST_WAIT_S))


def refused(response: requests.Response) -> FetchError:
    """The error that a status means, with the codes of its OperationOutcome."""
    status = response.status_code
    try:
        told = outcome(json.loads(response.content[:LARGEST_ANSWER]))
    except (ValueError, requests.RequestException):
        told = ""
    said = f"The server answered HTTP {status}{told}."
    if status in (408, 425, 429) or status >= requests.codes.server_error:
        return LaterError(said, f"http-{status}", retry_after(response))
    if status in (401, 403):
        return FetchError(said, "Check the connection's login, token and scope.", code="refused")
    if status in (301, 302, 303, 307, 308):
        return FetchError(said, "Set the connection's host to the address it leads to.", code="moved")
    return FetchError(said, "Check the connection's address and the search.", code=f"http-{status}")


def outcome(body: object) -> str:
    """Codes of an OperationOutcome, ready to follow a sentence; its words are left out."""
    if not isinstance(body, Mapping) or body.get("resourceType") != "OperationOutcome":
        return ""
    issues = [one for one in body.get("issue") or () if isinstance(one, Mapping)]
    codes = [str(one.get("code")) for one in issues if _CODE.fullmatch(str(one.get("code")))]
    return f" ({', '.join(dict.fromkeys(codes))})" if codes else ""


def broken(error: requests.RequestException, silence_s: float) -> LaterError:
    """A sentence for a connection that failed; the library's own message holds the address and stays here."""
    if isinstance(error, requests.ConnectTimeout):
        return LaterError("The server could not be reached in time.", "unreachable")
    if isinstance(error, requests.Timeout) or "timed out" in str(error).lower():
        return LaterError(f"The server fell silent for {silence_s:g} s.", "stalled")
    if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
        return LaterError("The connection was cut in the middle of the answer.", "cut")
    return LaterError("The connection to the server failed.", "unreachable")


def _object(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        reason = "The answer is not in FHIR's form (JSON)."
        code = "not-fhir"
        raise LaterError(reason, code)
    return found
