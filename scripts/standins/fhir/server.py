"""The HTTP server: search sets, bulk export, tokens, OperationOutcomes, and faults on request."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

KINDS: dict[str, str] = {
    "401": "HTTP 401, whatever the request brings",
    "403": "HTTP 403 with an OperationOutcome",
    "404": "HTTP 404 with an OperationOutcome",
    "429": "HTTP 429 with `Retry-After: seconds`",
    "429-date": "HTTP 429 with `Retry-After` as a date",
    "500": "HTTP 500 with an OperationOutcome whose text quotes a patient",
    "503": "HTTP 503 without a body",
    "html": "HTTP 200 with a page in HTML",
    "outcome-200": "HTTP 200 with an OperationOutcome instead of a Bundle",
    "cut": "the connection drops in the middle of the answer",
    "stall": "some bytes, then silence for `seconds`",
    "slow": "the answer comes after `seconds`",
    "redirect": "HTTP 302 to another server",
    "duplicate-page": "the page repeats the last resource of the page before",
    "page-loop": "the link to the next page leads to the first",
    "foreign-next": "the link to the next page leads to another server",
    "truncated-ndjson": "the file ends in the middle of a line, with a length that agrees",
    "short-file": "the file lacks its last line",
    "expired-token": "HTTP 401 as for a token that ended before its time",
    "no-location": "the export is accepted without Content-Location",
    "endless-export": "the export is never ready",
    "export-error": "the export's manifest names a file with an error",
    "export-warning": "the export's manifest names a file with a warning",
}
BASE = "/fhir"
_PAGES = {"duplicate-page", "page-loop", "foreign-next"}
_FILES = {"truncated-ndjson", "short-file"}
_EXPORTS = {"no-location", "endless-export", "export-error", "export-warning"}


@dataclass
class Fault:
    """One planned fault: its kind, the path it strikes (a part of it; empty: any), how many requests, how long."""

    kind: str
    path: str = ""
    count: int = 1
    seconds: float = 0.05


@dataclass(frozen=True)
class Request:
    """A request as it came in."""

    method: str
    path: str
    query: dict[str, list[str]]
    token: str
    fault: str


class FhirStandIn:
    """A FHIR R4 server on a local port; serves while it is open.

    Args:
        resources: what it holds.
        page: resources per page where the client asks for no fewer.
        auth: ``none``, ``basic``, ``bearer`` or ``client_credentials`` (user ``client``, secret ``secret``).
        polls: how often an export is asked for before it is ready.
    """

    USER, SECRET = "client", "secret"

    def __init__(
        self, resources: Iterable[dict[str, Any]], *, page: int = 100, auth: str = "none", polls: int = 1,
        expires_in: float = 300, port: int = 0,
    ) -> None:  # fmt: skip
        self.resources = list(resources)
        self.page, self.auth, self.polls, self.expires_in = page, auth, polls, expires_in
        self.requests: list[Request] = []
        self.tokens = 0
        self.exports: list[dict[str, Any]] = []
        self.deleted: list[int] = []
        self.closing = threading.Event()
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.stand_in = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @classmethod
    def of(cls, folder: Path, **options: Any) -> FhirStandIn:
        """From a folder of NDJSON files."""
        texts = (path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.ndjson")))
        lines = (line for text in texts for line in text.split("\n"))
        return cls((json.loads(line) for line in lines if line.strip()), **options)

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    @property
    def url(self) -> str:
        """The service's address."""
        return self.origin + BASE

    def fault(self, kind: str, path: str = "", **options: Any) -> None:
        """Plan a fault; see ``Fault``."""
        if kind not in KINDS:
            msg = f"unknown fault {kind!r}"
            raise ValueError(msg)
        with self._lock:
            self._faults.append(Fault(kind, path, **options))

    def take(self, path: str) -> Fault | None:
        """The fault that strikes a request, counted down."""
        with self._lock:
            for one in self._faults:
                if one.path in path:
                    one.count -= 1
                    if not one.count:
                        self._faults.remove(one)
                    return one
        return None

    def count(self, part: str) -> int:
        """How many requests had this in their path."""
        return sum(part in one.path for one in self.requests)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    stand_in: FhirStandIn
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    timeout = 30

    def log_message(self, *_: object) -> None:
        """Requests are kept by the stand-in."""

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def _answer(self, method: str) -> None:
        here = self.server.stand_in
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = here.take(parts.path)
        self.fault = fault.kind if fault else ""
        said = self.headers.get("Authorization", "")
        here.requests.append(Request(method, parts.path, parse_qs(parts.query), said, self.fault))
        try:
            if fault and self._struck(fault):
                return
            self._route(method, parts.path, parse_qs(parts.query), body)
        except ConnectionError:
            self.close_connection = True

    def _struck(self, fault: Fault) -> bool:
        """Answer with the fault; False where the usual answer is only changed by it."""
        kind = fault.kind
        if kind in ("401", "expired-token"):
            self._outcome(401, "login")
        elif kind in ("403", "404"):
            self._outcome(int(kind), "forbidden" if kind == "403" else "not-found")
        elif kind == "429":
            self._outcome(429, "throttled", {"Retry-After": f"{fault.seconds:g}"})
        elif kind == "429-date":
            when = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + fault.seconds))
            self._outcome(429, "throttled", {"Retry-After": when})
        elif kind == "500":
            self._outcome(500, "exception")
        elif kind == "503":
            self._send(503, b"", "text/plain")
        elif kind == "html":
            self._send(200, b"<html>Maintenance</html>", "text/html")
        elif kind == "outcome-200":
            self._outcome(200, "processing")
        elif kind == "redirect":
            self._send(302, b"", "text/plain", {"Location": "http://elsewhere.invalid/fhir"})
        elif kind in ("cut", "stall"):
            self.send_response(200)
            self.send_header("Content-Type", "application/fhir+json")
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"resourceType":"Patient"')
            self.wfile.flush()
            if kind == "stall":
                self.server.stand_in.closing.wait(fault.seconds)
            self.close_connection = True
        elif kind == "slow":
            self.server.stand_in.closing.wait(fault.seconds)
            return False
        else:
            return False
        return True

    def _route(self, method: str, path: str, query: dict[str, list[str]], body: bytes) -> None:
        here = self.server.stand_in
        if path == f"{BASE}/.well-known/smart-configuration":
            self._json({"token_endpoint": f"{here.origin}/token"}, kind="application/json")
        elif path == "/token" and method == "POST":
            self._token(parse_qs(body.decode()))
        elif not self._known():
            self._outcome(401, "login")
        elif path == f"{BASE}/metadata":
            self._json({"resourceType": "CapabilityStatement", "status": "active", "fhirVersion": "4.0.1",
                        "software": {"name": "Stand-in"}, "format": ["json"]})  # fmt: skip
        elif path.endswith("/$export"):
            self._export(query)
        elif path.startswith("/status/"):
            self._status(method, int(path.removeprefix("/status/")))
        elif path.startswith("/files/"):
            self._file(path)
        elif path.count("/") == 2 and path.removeprefix(f"{BASE}/").isalpha():
            self._search(path.removeprefix(f"{BASE}/"), query)
        else:
            self._outcome(404, "not-found")

    def _known(self) -> bool:
        here, said = self.server.stand_in, self.headers.get("Authorization", "")
        basic = "Basic " + base64.b64encode(f"{here.USER}:{here.SECRET}".encode()).decode()
        wanted = {"none": said, "basic": basic, "bearer": f"Bearer {here.SECRET}",
                  "client_credentials": f"Bearer token-{here.tokens}"}[here.auth]  # fmt: skip
        return said == wanted

    def _token(self, form: dict[str, list[str]]) -> None:
        here = self.server.stand_in
        basic = "Basic " + base64.b64encode(f"{here.USER}:{here.SECRET}".encode()).decode()
        if self.headers.get("Authorization") != basic or form.get("grant_type") != ["client_credentials"]:
            self._json({"error": "invalid_client"}, status=401, kind="application/json")
            return
        here.tokens += 1
        self._json({"access_token": f"token-{here.tokens}", "token_type": "Bearer",
                    "expires_in": here.expires_in}, kind="application/json")  # fmt: skip

    def _search(self, kind: str, query: dict[str, list[str]]) -> None:
        here = self.server.stand_in
        found = self._matching([kind], query)
        size = min(here.page, int(query.get("_count", [str(here.page)])[0]))
        first = int(query.get("_offset", ["0"])[0])
        rows = found[first : first + size]
        if self.fault == "duplicate-page" and first:
            rows = [found[first - 1], *rows]
        bundle: dict[str, Any] = {
            "resourceType": "Bundle", "type": "searchset", "total": len(found),
            "meta": {"lastUpdated": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())},
            "link": [{"relation": "self", "url": here.origin + self.path}],
            "entry": [{"fullUrl": f"{here.url}/{kind}/{one['id']}", "resource": one, "search": {"mode": "match"}}
                      for one in rows],
        }  # fmt: skip
        if first + size < len(found):
            kept = {name: values[0] for name, values in query.items()} | {"_offset": str(first + size)}
            there = f"{here.url}/{kind}?{urlencode(kept)}"
            if self.fault == "page-loop":
                there = here.origin + self.path
            elif self.fault == "foreign-next":
                there = f"http://elsewhere.invalid/fhir/{kind}?_offset=1"
            bundle["link"].append({"relation": "next", "url": there})
        self._json(bundle)

    def _matching(self, kinds: list[str], query: dict[str, list[str]]) -> list[dict[str, Any]]:
        since = next(
            (value.removeprefix("ge") for value in query.get("_lastUpdated", query.get("_since", []))), ""
        )
        category = query.get("category", [""])[0]
        return [
            one
            for one in self.server.stand_in.resources
            if one.get("resourceType") in kinds
            and (not since or str((one.get("meta") or {}).get("lastUpdated", "")) >= since)
            and (not category or f'"{category}"' in json.dumps(one.get("category", "")))
        ]

    def _export(self, query: dict[str, list[str]]) -> None:
        here = self.server.stand_in
        if self.headers.get("Prefer") != "respond-async":
            self._outcome(400, "invalid")
            return
        here.exports.append({"query": query, "polls": here.polls, "fault": self.fault})
        place = {"Content-Location": f"{here.origin}/status/{len(here.exports) - 1}"}
        self._send(202, b"", "application/fhir+json", {} if self.fault == "no-location" else place)

    def _status(self, method: str, number: int) -> None:
        here, export = self.server.stand_in, self.server.stand_in.exports[number]
        if method == "DELETE":
            here.deleted.append(number)
            self._send(202, b"", "application/fhir+json")
            return
        if export["polls"] or export["fault"] == "endless-export":
            export["polls"] = max(0, export["polls"] - 1)
            self._send(202, b"", "text/plain", {"X-Progress": "working", "Retry-After": "0"})
            return
        kinds = export["query"]["_type"][0].split(",")
        outputs = []
        for kind in kinds:
            rows = self._matching([kind], export["query"])
            if rows:
                outputs.append(
                    {"type": kind, "url": f"{here.origin}/files/{number}/{kind}", "count": len(rows)}
                )
        bad = export["fault"].startswith("export-")
        self._json(
            {
                "transactionTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "request": f"{here.url}/$export", "requiresAccessToken": here.auth != "none", "output": outputs,
                "error": [{"type": "OperationOutcome", "url": f"{here.origin}/files/{number}/error"}] if bad else [],
            },
            kind="application/json",
        )  # fmt: skip

    def _file(self, path: str) -> None:
        _, _, number, kind = path.split("/")
        export = self.server.stand_in.exports[int(number)]
        if kind == "error":
            grave = "warning" if export["fault"] == "export-warning" else "error"
            rows = [{"resourceType": "OperationOutcome", "issue": [{"severity": grave, "code": "timeout"}]}]
        else:
            rows = self._matching([kind], export["query"])
        raw = b"".join(json.dumps(one).encode() + b"\n" for one in rows)
        if self.fault == "truncated-ndjson":
            raw = raw[: -len(json.dumps(rows[-1])) // 2]
        elif self.fault == "short-file":
            raw = b"".join(raw.splitlines(keepends=True)[:-1])
        self._send(200, raw, "application/fhir+ndjson")

    def _outcome(self, status: int, code: str, headers: dict[str, str] | None = None) -> None:
        """An OperationOutcome; its words quote a patient, as real ones do."""
        issue = {"severity": "error", "code": code, "diagnostics": "Patient Quimbly^Archibald MRN-0012345"}
        raw = json.dumps({"resourceType": "OperationOutcome", "issue": [issue]}).encode()
        self._send(status, raw, "application/fhir+json", headers)

    def _json(self, body: dict[str, Any], *, status: int = 200, kind: str = "application/fhir+json") -> None:
        self._send(status, json.dumps(body).encode(), kind)

    def _send(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
