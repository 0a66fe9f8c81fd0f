"""Public buckets over HTTPS: list a prefix, stream an object, go on where a connection broke. No credentials.

The protocol is ListObjectsV2 and GET of Amazon S3's REST API (API version 2006-03-01), which Google Cloud
Storage and others speak as well.
"""

from __future__ import annotations

import os
import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter

from research.errors import FetchError
from research.landing import Digesting, Digests
from research.sources.patience import Patience, TransientError, transient

_BLOCK = 1 << 16
_LARGEST_LISTING = 16 << 20
_CODE = re.compile(rb"<Code>([A-Za-z0-9]{1,64})</Code>")
_ADDRESS = re.compile(r"^(s3|gs)://([a-z0-9][a-z0-9.-]+)/(.+?)/?\*?$")


@dataclass(frozen=True)
class RemoteObject:
    """One object of a listing; ``md5`` is None where the ETag is not one (uploaded in several parts)."""

    key: str
    size: int
    etag: str

    @property
    def md5(self) -> str | None:
        """The MD5 of the content, which S3 gives as the ETag of an object uploaded in one part."""
        return self.etag if re.fullmatch(r"[0-9a-f]{32}", self.etag) else None


class Bucket:
    """Anonymous access to public buckets.

    Args:
        endpoint: a server that takes ``/bucket/key``; Amazon's own addresses by bucket where None.
        patience: how often to try; a download goes on from what has arrived.
        timeout: seconds to connect, seconds of silence after which a transfer counts as stalled.
        longest: seconds that one object may take in all.
        connections: how many transfers at once share this object.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        patience: Patience | None = None,
        timeout: tuple[float, float] = (10.0, 60.0),
        longest: float = 3600.0,
        connections: int = 4,
    ) -> None:
        if endpoint and not endpoint.startswith(("http://", "https://")):
            msg = f"The endpoint {endpoint!r} does not begin with http:// or https://."
            raise ValueError(msg)
        self.endpoint = endpoint.rstrip("/") if endpoint else None
        self.patience = patience or Patience()
        self.timeout = timeout
        self.longest = longest
        self._session = requests.Session()
        self._session.max_redirects = 5
        # The environment's proxies and certificates are looked up once and not for each of thousands of objects.
        self._session.proxies = requests.utils.get_environ_proxies(self.url("s3", "idc-open-data"))
        self._session.verify = (
            os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
        )
        self._session.trust_env = False
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=connections))

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    @property
    def where(self) -> str:
        """The server as records name it."""
        return self.endpoint or "public buckets"

    def url(self, scheme: str, bucket: str, key: str = "") -> str:
        """Where a key lies."""
        path = quote(key, safe="/-_.~")
        if self.endpoint:
            return f"{self.endpoint}/{bucket}/{path}"
        return f"https://{bucket}.s3.amazonaws.com/{path}" if scheme == "s3" else f"{_GOOGLE}/{bucket}/{path}"

    def objects(self, address: str, *, label: str, most: int | None = None) -> list[RemoteObject]:
        """All objects below an address (``s3://bucket/prefix/*``), by key; at most ``most`` where given.

        Raises:
            FetchError: the bucket did not answer, or not in S3's form.
        """
        scheme, bucket, prefix = split(address)
        query = {"list-type": "2", "prefix": f"{prefix}/"} | ({"max-keys": str(most)} if most else {})
        found: list[RemoteObject] = []
        token, seen = "", set[str]()
        while True:
            more = query | ({"continuation-token": token} if token else {})

            def attempt(asked: dict[str, str] = more) -> tuple[list[RemoteObject], str]:
                with self._get(self.url(scheme, bucket), params=asked) as answer:
                    body = answer.raw.read(_LARGEST_LISTING + 1, decode_content=True)
                return _listing(body, f"{prefix}/")

            rows, token = self.patience.run(f"{label}: its list of objects", attempt)
            found += rows
            if not token or (most and len(found) >= most):
                return sorted(found, key=lambda one: one.key)
            if not rows or token in seen:  # a listing that never ends
                raise not_s3()
            seen.add(token)

    def download(
        self,
        address: str,
        one: RemoteObject,
        target: Path,
        progress: Callable[[int], None],
        *,
        label: str,
    ) -> Digests:
        """Stream an object to a file; a whole ``target`` and what ``target.part`` has of it already are kept.

        Args:
            address: the address that the object was listed below.
            one: the object as listed; its size and MD5 are checked.
            target: the file; it appears under this name when it is whole.
            progress: told how many bytes of it are there.
            label: what to call it in errors.

        Raises:
            FetchError: not delivered in spite of every attempt, or refused.
        """
        scheme, bucket, _ = split(address)
        url = self.url(scheme, bucket, one.key)
        part = target.with_name(f"{target.name}.part")
        if target.exists():
            kept = _Received.of(target, one.size)
            if kept.done == one.size and one.md5 in (None, kept.digests.md5):
                progress(kept.done)
                return kept.digests
            target.unlink()

        def attempt() -> Digests:
            digests = self._stream(url, one, part, progress)
            if one.md5 is not None and digests.md5 != one.md5:
                part.unlink()
                raise transient(reason="An object is not what its ETag says.", code="md5-mismatch")
            return digests

        digests = self.patience.run(label, attempt)
        part.replace(target)
        return digests

    def _stream(self, url: str, one: RemoteObject, part: Path, progress: Callable[[int], None]) -> Digests:
        state = _Received.of(part, one.size)
        if state.done < one.size or not part.exists():
            headers = {"Accept-Encoding": "identity"}
            if state.done:
                headers |= {"Range": f"bytes={state.done}-", "If-Match": f'"{one.etag}"'}
            try:
                with self._get(url, headers=headers) as answer:
                    if state.done and not _goes_on(answer, state.done):
                        state = _Received()
                    self._receive(answer, part, one.size, state, progress)
            except TransientError as error:
                if error.code in ("changed", "size-mismatch"):
                    part.unlink(missing_ok=True)
                raise
        if state.done != one.size:
            raise transient(reason=f"{state.done} of {one.size} bytes of an object arrived.", code="cut")
        progress(state.done)
        return state.digests

    def _receive(
        self,
        answer: requests.Response,
        part: Path,
        size: int,
        state: _Received,
        progress: Callable[[int], None],
    ) -> None:
        end = time.monotonic() + self.longest
        try:
            with part.open("ab" if state.done else "wb") as out:
                for block in answer.iter_content(_BLOCK):
                    if state.done + len(block) > size:
                        raise transient(reason="An object is larger than listed.", code="size-mismatch")
                    out.write(block)
                    state.add(block)
                    progress(state.done)
                    if time.monotonic() > end:
                        msg = f"An object took more than {self.longest:g} s."
                        raise transient(msg, "too-slow")
        except requests.RequestException as error:
            raise _broken(error, self.timeout[1]) from None

    def _get(
        self, url: str, *, params: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> requests.Response:
        try:
            answer = self._session.get(url, params=params, headers=headers, timeout=self.timeout, stream=True)
        except requests.TooManyRedirects:
            msg = "The bucket leads in circles."
            raise FetchError(msg, _CHECK, code="redirected") from None
        except requests.RequestException as error:
            raise _broken(error, self.timeout[1]) from None
        if answer.status_code in (requests.codes.ok, requests.codes.partial_content):
            return answer
        with answer:
            raise _refusal(answer)


class _Received(Digesting):
    """What has arrived of an object, and its running checksums."""

    def __init__(self, done: int = 0) -> None:
        super().__init__(BytesIO())
        self.done = done

    @classmethod
    def of(cls, part: Path, size: int) -> _Received:
        """What an earlier attempt left; nothing where it left too much."""
        state = cls()
        if part.exists() and part.stat().st_size <= size:
            with part.open("rb") as file:
                while block := file.read(_BLOCK):
                    state.add(block)
        return state

    def add(self, block: bytes) -> None:
        """Count a block."""
        self.done += len(block)
        super().add(block)


_GOOGLE = "https://storage.googleapis.com"
_CHECK = "Check the connection's endpoint; leave it empty for IDC's own buckets."


def split(address: str) -> tuple[str, str, str]:
    """Scheme, bucket and prefix of ``s3://bucket/prefix/*``.

    Raises:
        FetchError: it is none.
    """
    found = _ADDRESS.match(address)
    if not found:
        msg = "The index names a place that is no bucket."
        raise FetchError(msg, _CHECK, code="bad-address")
    return found[1], found[2], found[3]


def not_s3() -> TransientError:
    """An answer of another kind of server, or a cut listing."""
    return TransientError("The answer is no listing of a bucket.", _CHECK, code="not-s3")


def _listing(body: bytes, prefix: str) -> tuple[list[RemoteObject], str]:
    if len(body) > _LARGEST_LISTING or b"<!DOCTYPE" in body[:4096] or b"<!ENTITY" in body:
        raise not_s3()
    try:
        root = ET.fromstring(body)  # noqa: S314 - without entities, which are refused above
        space = root.tag.partition("}")[0] + "}" if root.tag.startswith("{") else ""
        if root.tag != f"{space}ListBucketResult":
            raise not_s3()
        rows = [
            RemoteObject(
                key=row.findtext(f"{space}Key") or "",
                size=int(row.findtext(f"{space}Size") or ""),
                etag=(row.findtext(f"{space}ETag") or "").strip('"').lower(),
            )
            for row in root.iter(f"{space}Contents")
        ]
    except (ET.ParseError, ValueError):
        raise not_s3() from None
    if any(not one.key.startswith(prefix) or one.size < 0 for one in rows):
        raise not_s3()
    more = (root.findtext(f"{space}IsTruncated") or "").strip() == "true"
    token = (root.findtext(f"{space}NextContinuationToken") or "").strip()
    if more and not token:
        raise not_s3()
    # A key that ends with a slash is a folder as consoles make it; it holds nothing.
    return [one for one in rows if not one.key.endswith("/")], token if more else ""


def _goes_on(answer: requests.Response, done: int) -> bool:
    """Whether the answer is the rest from ``done`` on; a server may send the whole instead."""
    if answer.status_code != requests.codes.partial_content:
        return False
    if not answer.headers.get("Content-Range", "").startswith(f"bytes {done}-"):
        raise transient(reason="The server sent another part of an object than was asked for.", code="cut")
    return True


def _refusal(answer: requests.Response) -> FetchError:
    """The error that a status means; the code that S3 gives in its body is told where it is a plain word."""
    status = answer.status_code
    try:
        body = answer.raw.read(4096, decode_content=True) or b""
    except Exception:  # noqa: BLE001 - urllib3 raises many kinds; the status alone decides
        body = b""
    found = _CODE.search(body)
    named = f"HTTP {status}" + (f", {found[1].decode()}" if found else "")
    if (
        status == requests.codes.precondition_failed
        or status == requests.codes.requested_range_not_satisfiable
    ):
        return transient(f"An object changed while it was fetched ({named}).", "changed")
    if status == requests.codes.too_many_requests or status >= requests.codes.server_error:
        slow = bool(found and found[1] == b"SlowDown")
        return transient(f"The bucket answered {named}.", "slow-down" if slow else f"http-{status}")
    if status == requests.codes.not_found:
        told = (
            "Ask the archive: the index names what the bucket does not have. An older or newer index may fit."
        )
        return FetchError(f"An object is not in the bucket ({named}).", told, code="missing-object")
    if status == requests.codes.forbidden:
        told = "It is not public (any more); fetch from another source, or ask the archive."
        return FetchError(f"The bucket refuses anonymous access ({named}).", told, code="denied")
    if status in (301, 302, 303, 307, 308):
        return FetchError(
            f"The bucket has moved and does not say where to ({named}).", _CHECK, code="redirected"
        )
    return FetchError(f"The bucket answered {named}.", _CHECK, code=f"http-{status}")


def _broken(error: requests.RequestException, silence_s: float) -> TransientError:
    if isinstance(error, requests.ConnectTimeout):
        return transient("The bucket could not be reached in time.", "unreachable")
    if isinstance(error, requests.Timeout) or "timed out" in str(error).lower():
        return transient(f"The bucket fell silent for {silence_s:g} s.", "stalled")
    if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
        return transient("The connection was cut in the middle of an object.", "cut")
    return transient("The connection to the bucket failed.", "unreachable")
