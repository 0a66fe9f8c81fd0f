"""The HTTP server: listings, objects, S3's errors in XML, and faults."""

from __future__ import annotations

import hashlib
import json
import tempfile
import threading
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

from scripts.standins.idc.holdings import BUCKET, Holdings, Stored, folder_of, write_index
from scripts.standins.pace import Pace

KINDS: dict[str, str] = {
    "slow-down": "HTTP 503 with the code SlowDown",
    "500": "HTTP 500 with the code InternalError",
    "403": "HTTP 403 with the code AccessDenied",
    "missing": "HTTP 404 with the code NoSuchKey",
    "redirect": "HTTP 307 to the same object at the other name of this server",
    "moved": "HTTP 301 without an address, as for a bucket of another region",
    "cut": "the connection drops in the middle of the object",
    "stall": "some bytes, then silence for `seconds`",
    "truncated": "half of the object, with a length that agrees",
    "longer": "one byte more than the listing says, with a length that agrees",
    "wrong-bytes": "one byte of the object is another: its ETag no longer fits",
    "no-ranges": "a range is answered with the whole object",
    "other-range": "a range is answered with another part",
    "changed": "HTTP 412, as if the object was replaced since the listing",
    "short-listing": "the listing lacks its last object",
    "other-size": "the listing states one byte more for the first object",
    "endless-listing": "the listing says that there is always more",
    "no-listing": "a page in HTML instead of the listing",
    "multipart": "the listing has an ETag that is no MD5, as for an upload in parts",
}
_LISTINGS = {"short-listing", "other-size", "endless-listing", "no-listing", "multipart"}
_BLOCK = 1 << 18
_SPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


@dataclass(frozen=True)
class Fault:
    """One planned fault: its kind, the series UID it strikes (``*``: any), how many requests, how long a stall is."""

    kind: str
    series: str = "*"
    on: str = "get"
    count: int = 1
    seconds: float = 3600.0


@dataclass(frozen=True)
class Request:
    """A request as it came in: ``list`` or ``get``, the folder of the series, the range, the fault."""

    on: str
    folder: str
    range: str
    fault: str


class IdcStandIn:
    """Buckets on a local port; a context manager that serves while it is open.

    Args:
        root: folder of DICOM series, as for the NBIA stand-in.
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        page: keys per listing; S3 gives 1000.
        rate: bytes per second of each connection; 0 means no limit.
    """

    def __init__(
        self, root: Path, *, host: str = "127.0.0.1", port: int = 0, page: int = 1000, rate: float = 0
    ) -> None:
        self.holdings = Holdings.of(Path(root))
        self.page = page
        self.rate = rate
        self.requests: list[Request] = []
        self.closing = threading.Event()
        self.stall_at = ""  # key of an object that stalls for ever
        self._planned: list[Fault] = []
        self._lock = threading.Lock()
        self._server = _Server((host, port), _Handler)
        self._server.stand_in = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._folder = tempfile.TemporaryDirectory(prefix="idc-standin-")
        self.index = write_index(self.holdings, Path(self._folder.name) / "idc_index.parquet")

    @property
    def url(self) -> str:
        """The endpoint: what a connection is given."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def fault(
        self, kind: str, series: str = "*", *, on: str = "", count: int = 1, seconds: float = 3600.0
    ) -> Fault:
        """Plan a fault for ``get`` or ``list``; those of listings are for ``list`` by themselves."""
        if kind not in KINDS:
            msg = f"unknown fault {kind!r}; known: {', '.join(KINDS)}"
            raise ValueError(msg)
        one = Fault(kind, series, on or ("list" if kind in _LISTINGS else "get"), count, seconds)
        with self._lock:
            self._planned.append(one)
        return one

    def take(self, on: str, folder: str) -> Fault | None:
        """The fault that strikes this request, used up once."""
        with self._lock:
            for i, one in enumerate(self._planned):
                if one.on == on and (one.series == "*" or folder_of(one.series) == folder):
                    if one.count == 1:
                        del self._planned[i]
                    else:
                        self._planned[i] = replace(one, count=one.count - 1)
                    return one
        return None

    def clear(self) -> None:
        """Forget every planned fault."""
        with self._lock:
            self._planned.clear()

    def count(self, on: str, series: str | None = None) -> int:
        """How many requests of a kind (for a series) came so far."""
        folder = None if series is None else folder_of(series)
        return sum(one.on == on and folder in (None, one.folder) for one in self.requests)

    def serve_forever(self) -> None:
        """Serve in this thread until ``close``."""
        self._server.serve_forever(0.2)

    def close(self) -> None:
        """Stop, and release stalled requests."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    stand_in: IdcStandIn
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    timeout = 60
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        """Requests are kept by the stand-in."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        try:
            if bucket == "index":
                self._index(key)
            elif bucket != BUCKET:
                self._refuse(404, "NoSuchBucket")
            elif query.get("list-type") == "2":
                self._listing(query)
            else:
                self._object(key)
        except ConnectionError:
            self.close_connection = True

    def _note(self, on: str, folder: str) -> Fault | None:
        stand_in = self.server.stand_in
        fault = stand_in.take(on, folder)
        stand_in.requests.append(
            Request(on, folder, self.headers.get("Range", ""), fault.kind if fault else "")
        )
        return fault

    def _planned(self, fault: Fault | None) -> bool:
        """Answer with a fault that needs no content; True where that was the answer."""
        kind = fault.kind if fault else ""
        refusals = {
            "slow-down": (503, "SlowDown"), "500": (500, "InternalError"), "403": (403, "AccessDenied"),
            "missing": (404, "NoSuchKey"), "moved": (301, "PermanentRedirect"),
            "changed": (412, "PreconditionFailed"),
        }  # fmt: skip
        if kind in refusals:
            self._refuse(*refusals[kind])
            return True
        if kind == "redirect":
            self.send_response(307)
            self.send_header("Location", f"{self.server.stand_in.url}{self.path}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return True
        return False

    def _listing(self, query: dict[str, str]) -> None:
        prefix, start = query.get("prefix", ""), int(query.get("continuation-token") or 0)
        fault = self._note("list", prefix.rstrip("/"))
        if self._planned(fault):
            return
        kind = fault.kind if fault else ""
        if kind == "no-listing":
            self._send(200, b"<html><body>Sign in to the network first.</body></html>", "text/html")
            return
        found = self.server.stand_in.holdings.below(prefix)
        found = found[: len(found) - (kind == "short-listing")]
        most = min(int(query.get("max-keys") or 1000), self.server.stand_in.page)
        page, more = found[start : start + most], start + most < len(found) or kind == "endless-listing"
        rows = "".join(
            f"<Contents><Key>{escape(one.key)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            f"<ETag>&quot;{one.md5}{'-2' if kind == 'multipart' else ''}&quot;</ETag>"
            f"<Size>{one.size + (kind == 'other-size' and number == 0)}</Size>"
            f"<StorageClass>INTELLIGENT_TIERING</StorageClass></Contents>"
            for number, one in enumerate(page)
        )
        token = f"<NextContinuationToken>{start + most}</NextContinuationToken>" if more else ""
        body = (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="{_SPACE}"><Name>{BUCKET}</Name>'
            f"<Prefix>{escape(prefix)}</Prefix>{token}<KeyCount>{len(page)}</KeyCount><MaxKeys>{most}</MaxKeys>"
            f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>{rows}</ListBucketResult>"
        )
        self._send(200, body.encode(), "application/xml")

    def _object(self, key: str) -> None:
        fault = self._note("get", key.partition("/")[0])
        if key == self.server.stand_in.stall_at:
            fault = Fault("stall")
        if self._planned(fault):
            return
        one = self.server.stand_in.holdings.objects.get(key)
        if one is None:
            self._refuse(404, "NoSuchKey")
            return
        kind = fault.kind if fault else ""
        first = self._first(one)
        if first is None:
            return
        if kind == "no-ranges":
            first = 0
        shown = first - 1 if kind == "other-range" and first else first
        length = one.size - first
        sent = length // 2 if kind == "truncated" else length + (kind == "longer")
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", f"bytes {shown}-{one.size - 1}/{one.size}")
        self.send_header("Content-Length", str(sent))
        self.send_header("ETag", f'"{one.md5}"')
        self.send_header("Content-Type", "application/dicom")
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        self._body(one, first, sent, fault)

    def _first(self, one: Stored) -> int | None:
        """Where the wanted range begins; None where it was refused."""
        wanted = self.headers.get("If-Match")
        if wanted and wanted.strip('"').partition("-")[0] != one.md5:
            self._refuse(412, "PreconditionFailed")
            return None
        text = self.headers.get("Range", "")
        if not text.startswith("bytes=") or not text.endswith("-"):
            return 0
        first = int(text[6:-1])
        if first >= one.size:
            self._refuse(416, "InvalidRange")
            return None
        return first

    def _body(self, one: Stored, first: int, length: int, fault: Fault | None) -> None:
        kind = fault.kind if fault else ""
        stop = length // 2 if kind in ("cut", "stall") else length
        done, pace = 0, Pace(self.server.stand_in.rate)
        with one.path.open("rb") as file:
            file.seek(first)
            while done < stop:
                block = file.read(min(_BLOCK, stop - done)) or b"?"
                if kind == "wrong-bytes" and not done:
                    block = block[:-1] + bytes([block[-1] ^ 1])
                pace.let(len(block))
                self.wfile.write(block)
                done += len(block)
        if fault is not None and kind == "stall":
            self.server.stand_in.closing.wait(fault.seconds)
        if kind in ("cut", "stall"):
            self.close_connection = True
            self.connection.close()

    def _index(self, name: str) -> None:
        data = self.server.stand_in.index.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        self._note("index", name)
        if name == "idc_index.parquet.sha256":
            self._send(200, f"{digest}  idc_index.parquet\n".encode(), "text/plain")
        elif name != "idc_index.parquet":
            self._refuse(404, "NoSuchKey")
        elif self.headers.get("If-None-Match") == f'"{digest}"':
            self.send_response(304)
            self.end_headers()
        else:
            self._send(200, data, "application/octet-stream", etag=digest)

    def _refuse(self, status: int, code: str) -> None:
        body = (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code>'
            f"<Message>{escape(json.dumps(quote(self.path)))}</Message></Error>"
        )
        self._send(status, body.encode(), "application/xml")

    def _send(self, status: int, body: bytes, kind: str, *, etag: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if etag:
            self.send_header("ETag", f'"{etag}"')
        self.end_headers()
        self.wfile.write(body)
