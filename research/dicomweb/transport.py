"""HTTP as DICOMweb servers speak it: login, TLS, Retry-After, and which answers deserve another attempt.

Addresses hold UIDs and servers' messages may quote identifiers: neither gets into an error or a log.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import io
import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import requests
import urllib3
from requests.auth import AuthBase, HTTPBasicAuth

from research.errors import FetchError
from research.sources.pacs import quiet
from research.sources.patience import Patience, TransientError, transient

log = logging.getLogger(__name__)

BLOCK = 1 << 17
_CHECK = "Check the connection's address and its login; the Test button asks for one study."


@dataclass(frozen=True)
class Login:
    """Who asks: nobody, a user with a password, or a token."""

    user: str = ""
    secret: str = field(default="", repr=False)

    def auth(self) -> AuthBase | None:
        """As requests wants it; a secret without a user is a bearer token (RFC 6750)."""
        if self.user:
            return HTTPBasicAuth(self.user.encode(), self.secret.encode())
        return _Bearer(self.secret) if self.secret else None


class _Bearer(AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Transport:
    """One server.

    Args:
        address: its base address, e.g. ``https://pacs.example/dicom-web``.
        login: who asks.
        verify: whether its certificate is checked, or the path of the CA's certificates.
        certificate: paths of a client certificate and its key, where the server wants one.
        timeout: seconds to connect, seconds of silence after which a transfer counts as stalled.
        longest: seconds that one answer may take in all.
        patience: how often to try.
    """

    def __init__(
        self,
        address: str,
        *,
        login: Login | None = None,
        verify: bool | str = True,
        certificate: tuple[str, str] | None = None,
        timeout: tuple[float, float] = (10.0, 60.0),
        longest: float = 3600.0,
        patience: Patience | None = None,
    ) -> None:
        if not address.startswith(("http://", "https://")):
            msg = f"the address {address!r} does not begin with http:// or https://"
            raise ValueError(msg)
        quiet()
        self.address = address.rstrip("/")
        self.timeout = timeout
        self.longest = longest
        self.patience = patience or Patience()
        self._session = requests.Session()
        self._session.auth = (login or Login()).auth()
        # The environment may name proxies and certificates; a .netrc must not replace the connection's login.
        self._session.proxies = requests.utils.get_environ_proxies(self.address)
        bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
        self._session.verify = bundle if verify is True and bundle else verify
        self._session.cert = certificate
        self._session.trust_env = False
        if verify is False and self.address.startswith("https://"):
            # Said once here, and not by urllib3 for each of thousands of requests.
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
            log.warning("The server's certificate is not checked: the connection says so.")

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    @contextmanager
    def get(
        self, path: str, accept: str, params: Mapping[str, str | list[str]] | None = None
    ) -> Iterator[Answer]:
        """GET below the address; one attempt.

        Raises:
            TransientError: no connection, silence, a cut, or a status worth another attempt.
            FetchError: another status than 200, 204 or 206.
        """
        with self._asked("GET", path, {"Accept": accept}, params=params) as answer:
            yield answer

    @contextmanager
    def post(self, path: str, headers: Mapping[str, str], body: io.RawIOBase) -> Iterator[Answer]:
        """POST a body below the address; one attempt. The answer may be any status but those worth another."""
        with self._asked("POST", path, headers, body=body) as answer:
            yield answer

    @contextmanager
    def _asked(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        *,
        params: Mapping[str, str | list[str]] | None = None,
        body: io.RawIOBase | None = None,
    ) -> Iterator[Answer]:
        try:
            response = self._session.request(
                method,
                f"{self.address}/{path}",
                params=dict(params or {}),
                headers={"Accept-Encoding": "identity", **headers},
                data=body,
                timeout=self.timeout,
                stream=True,
                # A redirect would take the login and UIDs to another place.
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise _broken(error, self.timeout[1]) from None
        with response:
            _check(response, stored=method == "POST")
            yield Answer(response, self.longest, self.timeout[1])


class Answer:
    """An answer whose body streams."""

    def __init__(self, response: requests.Response, longest: float, silence: float) -> None:
        self.status = response.status_code
        self.type = response.headers.get("Content-Type", "")
        self._response = response
        self._end = time.monotonic() + longest
        self._longest = longest
        self._silence = silence

    def blocks(self) -> Iterator[bytes]:
        """The body.

        Raises:
            TransientError: it was cut, fell silent, or took too long.
        """
        try:
            # read1 gives what is there: a cut loses nothing of it, and a server that trickles is noticed.
            while block := self._response.raw.read1(BLOCK, decode_content=True):
                yield block
                if time.monotonic() > self._end:
                    msg = f"An answer took more than {self._longest:g} s."
                    raise transient(msg, "too-slow")
        except urllib3.exceptions.ReadTimeoutError:
            raise transient(_silent(self._silence), "stalled") from None
        except urllib3.exceptions.HTTPError:
            msg = "The connection was cut in the middle of an answer."
            raise transient(msg, "cut") from None

    def body(self, most: int) -> bytes:
        """The whole body.

        Raises:
            FetchError: it is larger than ``most`` bytes.
        """
        found = bytearray()
        for block in self.blocks():
            found += block
            if len(found) > most:
                reason = f"An answer is larger than {most} bytes."
                raise FetchError(reason, "Narrow the question.", code="too-much")
        return bytes(found)


def _check(response: requests.Response, *, stored: bool) -> None:
    status = response.status_code
    if status in (200, 204, 206) or (stored and status in (202, 409)):
        return
    if status in (408, 425, 429) or (status >= 500 and status not in (501, 505)):
        msg = f"The server answered HTTP {status}."
        raise transient(msg, f"http-{status}", _retry_after(response))
    if status in (401, 403):
        told = "Check the connection's user and password or token, and what this user may see."
        msg = f"The server refuses access (HTTP {status})."
        raise FetchError(msg, told, code="denied")
    if 300 <= status < 400:
        told = "Set the connection's host to the address that the server leads to."
        msg = f"The server leads elsewhere (HTTP {status})."
        raise FetchError(msg, told, code="redirected")
    if status in (404, 410):
        told = "Was it moved or deleted there? Otherwise check the connection's address, e.g. .../dicom-web."
        msg = f"The server does not have it (HTTP {status})."
        raise FetchError(msg, told, code="nothing-there")
    if status == 406:
        msg = "The server cannot answer in this form (HTTP 406)."
        raise FetchError(msg, _CHECK, code="not-acceptable")
    msg = f"The server answered HTTP {status}."
    raise FetchError(msg, _CHECK, code=f"http-{status}")


def _retry_after(response: requests.Response) -> float | None:
    """Seconds that the server asks to wait (RFC 9110 10.2.3)."""
    said = response.headers.get("Retry-After", "").strip()
    if said.isascii() and said.isdigit():
        return float(said)
    try:
        at = email.utils.parsedate_to_datetime(said)
    except ValueError:
        return None
    return max(0.0, (at - dt.datetime.now(dt.UTC)).total_seconds()) if at.tzinfo else None


def _broken(error: requests.RequestException, silence_s: float) -> TransientError | FetchError:
    if isinstance(error, requests.exceptions.SSLError):
        told = "Give the CA's certificates in the connection's field, or mend the server's certificate."
        return FetchError("The server's certificate is not accepted.", told, code="certificate")
    if isinstance(error, requests.ConnectTimeout):
        return transient("The server could not be reached in time.", "unreachable")
    if isinstance(error, requests.Timeout) or "timed out" in str(error).lower():
        return transient(_silent(silence_s), "stalled")
    return transient("The connection to the server failed.", "unreachable")


def _silent(seconds: float) -> str:
    return f"The server fell silent for {seconds:g} s."
