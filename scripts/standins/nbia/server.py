"""The HTTP server: routes, the server's texts for errors, chunked zips, the control endpoint for faults."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from scripts.standins.nbia import archive
from scripts.standins.nbia.answers import ENDPOINTS, BadRequest, as_csv, as_json, as_v1, as_v4, metadata_row
from scripts.standins.nbia.faults import Fault, Faults
from scripts.standins.nbia.index import Index
from scripts.standins.pace import Pace

API = "/nbia-api/services/v4/"
OLD = ("/nbia-api/services/v1/", "/nbia-api/services/v2/")
CONTROL = "/faults"
_ZIPS = {
    "getImage": ("SeriesInstanceUID", "NewFileNames", "IncludeMD5"),
    "getImageWithMD5Hash": ("SeriesInstanceUID",),
}
_HIDDEN = (
    "The user has not been granted the access to image with given SeriesInstanceUID,{uid}. "
    "Please contact System Admin to resolve this issue."
)
_HIDDEN_V1 = "Image with given SeriesInstanceUID,{uid}, is not in public domain."


@dataclass(frozen=True)
class Request:
    """A request as it came in, with the fault that strikes it."""

    method: str
    endpoint: str
    series: str
    fault: str


class NbiaStandIn:
    """An NBIA server on a local port (v4; v1 and v2 at their own addresses); serves while it is open.

    Args:
        root: folder of DICOM series; a ``collection.json`` in it or below it names collection and licence.
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        log: file to append one JSON line to for each request.
        control: answer ``/faults`` (GET, POST, DELETE), so that another process can plan faults.
        rate: bytes per second of each download; 0 means no limit.
    """

    def __init__(
        self,
        root: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        log: Path | None = None,
        control: bool = False,
        rate: float = 0,
    ) -> None:
        self.index = Index.of(Path(root))
        self.faults = Faults()
        self.requests: list[Request] = []
        self.control = control
        self.rate = rate
        self.closing = threading.Event()
        self._log = log
        self._lock = threading.Lock()
        self._server = _Server((host, port), _Handler)
        self._server.stand_in = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """The address up to and without the API path: what a client or a connection is given."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def fault(self, kind: str, series: str = "*", **options: Any) -> Fault:
        """Plan a fault; see ``Fault`` for the options."""
        return self.faults.add(kind, series, **options)

    def count(self, endpoint: str, series: str | None = None) -> int:
        """How many requests for an endpoint (and a series) came so far."""
        return sum(r.endpoint == endpoint and series in (None, r.series) for r in self.requests)

    def log(self, request: Request, status: int) -> None:
        """Write a request to the log file, once it is over."""
        if self._log:
            with self._lock, self._log.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps({**vars(request), "status": status}) + "\n")

    def serve_forever(self) -> None:
        """Serve in this thread until ``close``."""
        self._server.serve_forever(0.2)

    def close(self) -> None:
        """Stop, release stalled requests and wait for the threads."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    stand_in: NbiaStandIn
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news; the request log has the rest."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    timeout = 60

    def log_message(self, *_: object) -> None:
        """Requests go to the stand-in's own log."""

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def do_HEAD(self) -> None:
        self._answer("HEAD")

    def _answer(self, method: str) -> None:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if parts.path == CONTROL and self.server.stand_in.control:
            self._control(method, body)
            return
        self.old = parts.path.startswith(OLD)
        endpoint = parts.path[len(OLD[0]) :] if self.old else parts.path.removeprefix(API)
        uid = query.get("SeriesInstanceUID", "")
        fault = self.server.stand_in.faults.take(endpoint, uid)
        request = Request(method, endpoint, uid, fault.kind if fault else "")
        self.server.stand_in.requests.append(
            request
        )  # on arrival, so that a client that has its answer counts
        self._status = 0
        try:
            if not self._planned(fault):
                self._route(method, endpoint, query, body, fault)
        except BadRequest as error:
            self._send(400, str(error).encode(), "application/json")
        except (ConnectionError, archive.Cut):
            self.close_connection = True
        except archive.Stall as stall:
            self.server.stand_in.closing.wait(stall.seconds)
            self.close_connection = True
        except (KeyError, ValueError, TypeError, OSError) as error:
            self._failed(error)
        finally:
            self.server.stand_in.log(request, self._status)

    def _planned(self, fault: Fault | None) -> bool:
        """Answer with a fault that needs no zip; True where that was the answer."""
        kind = fault.kind if fault else ""
        if kind == "500":
            self._failed(None)
        elif kind == "503":
            self._send(503, b"Service Unavailable", "text/plain")
        elif kind == "empty-200":
            self._send(200, b"", "application/json")
        elif fault and kind == "stall" and fault.endpoint not in _ZIPS:
            raise archive.Stall(fault.seconds)
        else:
            return False
        return True

    def _route(
        self, method: str, endpoint: str, query: dict[str, str], body: bytes, fault: Fault | None
    ) -> None:
        index = self.server.stand_in.index
        if self.path.startswith(OLD[1]) and not self.headers.get("Authorization", "").startswith("Bearer "):
            self._send(401, b"", "text/plain")
        elif method == "GET" and endpoint in ENDPOINTS:
            answer = ENDPOINTS[endpoint].answer(index, as_v4(endpoint, query) if self.old else query)
            self._rows([as_v1(row) for row in answer] if self.old else answer, query.get("format", "JSON"))
        elif method == "GET" and endpoint in _ZIPS:
            self._zip(endpoint, query, fault)
        elif method == "GET" and endpoint == "getSingleImage":
            path = index.series[query["SeriesInstanceUID"]].files[query["SOPInstanceUID"]]
            name = f'attachment; filename="{query["SOPInstanceUID"]}.dcm"'
            self._send(200, path.read_bytes(), "application/dicom", name)
        elif method == "POST" and endpoint == "getSeriesMetadata" and not self.old:
            form = dict(parse_qsl(body.decode()))
            wanted = form["list"].split(",")
            rows = [metadata_row(index.series[uid.strip()]) for uid in wanted if uid.strip() in index.series]
            name = "attachment; filename=SeriesMetaData.csv"
            self._rows(rows, form.get("format", "CSV-DOWNLOAD"), name)
        else:
            self._failed(None)

    def _rows(self, rows: list[dict[str, Any]], form: str, attachment: str | None = None) -> None:
        if form.upper() == "JSON":
            self._send(200, as_json(rows), "application/json")
        elif form.upper() in ("CSV", "CSVQUOTED", "CSV-DOWNLOAD"):
            self._send(200, as_csv(rows, quoted=form.upper() != "CSV"), "text/csv", attachment)
        else:
            msg = f"format {form} is not spoken by this stand-in"
            raise ValueError(msg)

    def _zip(self, endpoint: str, query: dict[str, str], fault: Fault | None) -> None:
        for name in query:
            if name not in _ZIPS[endpoint] and not self.old:
                allowed = ", ".join(_ZIPS[endpoint])
                msg = f"Invalid query parameter: '{name}'. Allowed parameters are: [{allowed}]"
                raise BadRequest(msg)
        uid = query.get("SeriesInstanceUID")
        if not uid:
            msg = "A parameter, SeriesInstanceUID, is required for this API call."
            raise BadRequest(msg)
        series = self.server.stand_in.index.series.get(uid)
        if series is None:
            raise BadRequest((_HIDDEN_V1 if self.old else _HIDDEN).format(uid=uid))
        self._head(200, "application/octet-stream", f'attachment; filename="{uid}.zip"')
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._pace = Pace(self.server.stand_in.rate)
        archive.send(
            series,
            self._chunk,
            licence=endpoint == "getImage",
            md5=endpoint == "getImageWithMD5Hash" or (query.get("IncludeMD5") == "Yes" and not self.old),
            new_names=query.get("NewFileNames") == "Yes",
            fault=fault,
        )
        self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, block: bytes) -> None:
        if block:
            self._pace.let(len(block))
            self.wfile.write(b"%x\r\n" % len(block))
            self.wfile.write(block)
            self.wfile.write(b"\r\n")

    def _failed(self, error: Exception | None) -> None:
        """The text that the server gives for any exception; ``null`` where the exception has no message."""
        text = f"Server was not able to process your request\n{error if error else 'null'}"
        self._send(500, text.encode(), "text/plain")

    def _head(self, status: int, kind: str, attachment: str | None = None) -> None:
        self._status = status
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if attachment:
            self.send_header("Content-Disposition", attachment)

    def _send(self, status: int, body: bytes, kind: str, attachment: str | None = None) -> None:
        self._head(status, kind, attachment)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _control(self, method: str, body: bytes) -> None:
        faults = self.server.stand_in.faults
        try:
            if method == "POST":
                faults.add(**json.loads(body))
            elif method == "DELETE":
                faults.clear()
        except (ValueError, TypeError) as error:
            self._send(400, str(error).encode(), "text/plain")
            return
        self._send(200, json.dumps(faults.as_rows()).encode(), "application/json")
