"""A client of FHIR R4 servers: search with pages, and bulk export (FHIR Bulk Data Access IG 2.0)."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import requests

from research.clinical.fhir_http import JSON, Auth, LaterError, Transport, blocks, outcome, retry_after
from research.errors import FetchError
from research.sources.patience import Patience

log = logging.getLogger(__name__)
NDJSON = "application/fhir+ndjson"
_POLL_S = 5.0
_LONGEST_LINE = 1 << 26


@dataclass(frozen=True)
class Search:
    """What is asked of one type of resource: ``DiagnosticReport?category=RAD``."""

    type: str
    params: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """From its text.

        Raises:
            ValueError: it does not begin with a type.
        """
        kind, _, params = text.strip().partition("?")
        if not kind.isalpha():
            msg = f"{kind[:20]!r} is no type of resource"
            raise ValueError(msg)
        return cls(kind, params)


@dataclass(frozen=True)
class Exported:
    """A finished export: the server's time that the next one asks from, and one file per output."""

    at: str
    files: tuple[Path, ...]
    count: int


class FhirClient:
    """Reads from one FHIR server; see :class:`research.clinical.fhir_http.Transport` for the arguments."""

    def __init__(
        self,
        base: str,
        auth: Auth | None = None,
        *,
        patience: Patience | None = None,
        timeout: tuple[float, float] = (10.0, 60.0),
        page_size: int = 500,
        export_wait_s: float = 6 * 3600.0,
    ) -> None:
        self.http = Transport(base, auth or Auth(), patience or Patience(), timeout)
        self.page_size, self.export_wait_s = page_size, export_wait_s
        self.at = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def metadata(self) -> dict[str, Any]:
        """The server's CapabilityStatement.

        Raises:
            FetchError: it is no FHIR R4 server, or does not answer.
        """
        _, found = self.http.json(f"{self.http.base}/metadata", label="The capability statement")
        version = str(found.get("fhirVersion", ""))
        if found.get("resourceType") != "CapabilityStatement" or not version.startswith("4.0"):
            reason = f"The server speaks {'FHIR ' + version if version else 'no FHIR'}, not FHIR R4 (4.0)."
            raise FetchError(reason, "Set the connection's host to the R4 service.", code="not-r4")
        return found

    def search(self, wanted: Search, since: str = "") -> Iterator[dict[str, Any]]:
        """Resources page by page, each once. Sets ``at`` to the server's time of the first page.

        Args:
            wanted: type and parameters.
            since: instant; only what changed since then (``_lastUpdated``).

        Raises:
            FetchError: the server refuses, does not deliver, or its pages lead in a circle or elsewhere.
        """
        url = f"{self.http.base}/{wanted.type}" + (f"?{wanted.params}" if wanted.params else "")
        params: dict[str, str | list[str]] | None = {"_count": str(self.page_size)}
        if since and params is not None:
            params["_lastUpdated"] = f"ge{since}"
        seen_pages: set[str] = set()
        seen: set[int] = set()
        page = 0
        while url:
            if url in seen_pages:
                reason = f"The pages of {wanted.type} lead in a circle after {page} pages."
                raise FetchError(reason, "Tell the server's operator.", code="page-loop")
            seen_pages.add(url)
            page += 1
            response, bundle = self.http.json(url, params, label=f"Page {page} of {wanted.type}")
            if bundle.get("resourceType") != "Bundle":
                reason = f"Page {page} of {wanted.type} is no Bundle{outcome(bundle)}."
                raise FetchError(
                    reason, "Check the connection's address and the search.", code="not-a-bundle"
                )
            if page == 1:
                self.at = _server_time(response, bundle) or self.at
            for resource in _entries(bundle, wanted.type):
                name = hash((resource.get("resourceType"), resource.get("id")))
                if name not in seen:  # servers repeat what moved between two pages
                    seen.add(name)
                    yield resource
            url, params = self._next(bundle, url), None
        log.info("%s: %d resources on %d pages", wanted.type, len(seen), page)

    def _next(self, bundle: Mapping[str, Any], url: str) -> str:
        for link in bundle.get("link") or ():
            if isinstance(link, Mapping) and link.get("relation") == "next" and link.get("url"):
                return self._own(urljoin(url, str(link["url"])))
        return ""

    def _own(self, url: str) -> str:
        """Pass an address of this server on; the token is for nobody else."""
        here, there = urlsplit(self.http.base), urlsplit(url)
        if (here.scheme, here.netloc) != (there.scheme, there.netloc):
            reason = "The server sends us to another server for the rest."
            raise FetchError(
                reason, "Set the host to the address by which the server knows itself.", code="elsewhere"
            )
        return url

    def export(self, types: list[str], folder: Path, *, since: str = "", group: str = "",
               filters: list[str] | None = None) -> Exported:  # fmt: skip
        """Bulk export into ``folder``, one NDJSON file per output, in bounded memory.

        Args:
            types: types of resources.
            folder: exists, and is ours.
            since: instant; only what changed since then.
            group: id of a Group, whose members' resources are wanted; the whole system where empty.
            filters: ``_typeFilter`` values, for instance ``DiagnosticReport?category=RAD``.

        Raises:
            FetchError: the server refuses, fails, takes longer than allowed, or delivers less than it says.
        """
        where = f"Group/{group}/$export" if group else "$export"
        params: dict[str, str | list[str]] = {"_outputFormat": NDJSON, "_type": ",".join(types)}
        if since:
            params["_since"] = since
        if filters:
            params["_typeFilter"] = filters
        headers = {"Accept": JSON, "Prefer": "respond-async"}
        response, _ = self.http.json(
            f"{self.http.base}/{where}", params, headers=headers, label="The export", wanted=(202,)
        )
        status = response.headers.get("Content-Location", "")
        if not status:
            reason = "The server does not say where its export is to be asked for (Content-Location)."
            raise FetchError(reason, "Tell the server's operator.", code="not-fhir")
        status = self._own(urljoin(response.url, status))
        try:
            manifest = self._finished(status)
            return self._outputs(manifest, folder)
        finally:
            self._forget(status)

    def _finished(self, status: str) -> dict[str, Any]:
        end = time.monotonic() + self.export_wait_s
        while True:
            response, manifest = self.http.json(status, headers={"Accept": "application/json"},
                                                label="The export", wanted=(200, 202))  # fmt: skip
            if response.status_code == requests.codes.ok:
                return manifest
            wait = retry_after(response)
            wait = _POLL_S if wait is None else max(0.01, wait)
            if time.monotonic() + wait > end:
                reason = f"The export was not ready within {self.export_wait_s:g} s."
                raise FetchError(
                    reason, "Ask for fewer types, or raise the limit in the connection.", code="too-slow"
                )
            log.info("The export is not ready; asked again in %.0f s", wait)
            time.sleep(wait)

    def _outputs(self, manifest: Mapping[str, Any], folder: Path) -> Exported:
        failed = [one for one in manifest.get("error") or () if isinstance(one, Mapping)]
        if failed:
            self._errors(failed)
        files, total = [], 0
        for number, one in enumerate(manifest.get("output") or (), 1):
            kind, url = (
                str(one.get("type", "")),
                self._own(urljoin(self.http.base + "/", str(one.get("url", "")))),
            )
            if not kind.isalpha():
                reason = f"Output {number} of the export says no type."
                raise FetchError(reason, "Tell the server's operator.", code="not-fhir")
            target = folder / f"{kind}-{number:04d}.ndjson"
            count = self._download(url, target, kind, one.get("count"), f"Output {number} ({kind})")
            files.append(target)
            total += count
        return Exported(str(manifest.get("transactionTime", "")), tuple(files), total)

    def _errors(self, failed: list[Mapping[str, Any]]) -> None:
        """Files of OperationOutcomes: warnings are told, an error means that the export is not whole."""
        worst: list[str] = []
        for one in failed:
            url = self._own(urljoin(self.http.base + "/", str(one.get("url", ""))))
            with self.http.request(url, headers={"Accept": NDJSON}) as response:
                for line in response.content.splitlines():
                    told = json.loads(line) if line.strip() else {}
                    for issue in told.get("issue") or ():
                        if issue.get("severity") in ("error", "fatal"):
                            worst.append(outcome(told))
                        else:
                            log.warning("The export says%s", outcome(told))
        if worst:
            reason = f"The export is not whole: the server met {len(worst)} errors{worst[0]}."
            raise FetchError(reason, "Ask again later; else leave the type out.", code="export-failed")

    def _download(self, url: str, target: Path, kind: str, count: object, label: str) -> int:
        """Stream one output to a file; only whole lines of the announced type, and as many as announced."""

        def attempt() -> int:
            found = 0
            with self.http.request(url, headers={"Accept": NDJSON}) as response, target.open("wb") as file:
                for line in _lines(blocks(response, self.http.timeout[1])):
                    if not line.strip():
                        continue
                    if _type_of(line) != kind:
                        reason = "A line of it is cut or of another type."
                        raise LaterError(reason, "truncated")
                    file.write(line.rstrip(b"\r\n") + b"\n")
                    found += 1
                length = response.headers.get("Content-Length", "")
                if length.isdigit() and response.raw.tell() < int(length):
                    reason = "The connection was cut in the middle of the answer."
                    raise LaterError(reason, "cut")
            if isinstance(count, int) and not isinstance(count, bool) and found != count:
                reason = f"It has {found} resources, {count} were announced."
                raise LaterError(reason, "truncated")
            return found

        return self.http.patiently(label, attempt)

    def _forget(self, status: str) -> None:
        """Let the server drop its files; one that does not know how is no news."""
        try:
            self.http.request(status, method="DELETE", wanted=(200, 202, 204)).close()
        except FetchError as error:
            log.info("The export was not cleared away at the server: %s", error.reason)


def _lines(parts: Any) -> Iterator[bytes]:
    held = b""
    for part in parts:
        held += part
        *whole, held = held.split(b"\n")
        yield from whole
        if len(held) > _LONGEST_LINE:
            reason = "A line of it is longer than any resource."
            raise FetchError(reason, "Tell the server's operator.", code="too-large")
    if held.strip():
        yield held


def _type_of(line: bytes) -> str:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return ""
    return str(found.get("resourceType", "")) if isinstance(found, dict) else ""


def _entries(bundle: Mapping[str, Any], wanted: str) -> Iterator[dict[str, Any]]:
    for entry in bundle.get("entry") or ():
        resource = entry.get("resource") if isinstance(entry, Mapping) else None
        if not isinstance(resource, dict):
            continue
        if resource.get("resourceType") == "OperationOutcome":
            log.warning("The search for %s says%s", wanted, outcome(resource))
            continue
        yield resource


def _server_time(response: requests.Response, bundle: Mapping[str, Any]) -> str:
    """The server's own time, so that its clock and not ours says what is new."""
    said = (bundle.get("meta") or {}).get("lastUpdated")
    if isinstance(said, str) and said:
        return said
    try:
        return parsedate_to_datetime(response.headers["Date"]).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (KeyError, ValueError, TypeError):
        return ""
