"""A server in front of another one that does what bad servers and bad networks do, once for each planned fault."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

Change = Callable[[bytes, dict[str, str]], tuple[int, bytes, dict[str, str]]]


@dataclass
class Fault:
    """What happens to requests whose path and query contain ``where``, ``count`` times."""

    where: str
    change: Change | None = None
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    cut: float = 1.0
    pause: float = 0.0
    trickle: float = 0.0
    count: int = 1


@dataclass
class Proxy:
    """What was asked, and what shall go wrong."""

    url: str = ""
    faults: list[Fault] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def plan(self, where: str, **more: object) -> None:
        """Plan a fault."""
        self.faults.append(Fault(where, **more))  # type: ignore[arg-type]

    def asked(self, piece: str) -> int:
        """How many requests had this in their path."""
        return sum(piece in path for path in self.paths)

    def next(self, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.where in path and fault.count > 0:
                fault.count -= 1
                return fault
        return None


@contextmanager
def proxy(target: str, tls: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    """Serve ``target`` under another address."""
    state, lock, session = Proxy(), threading.Lock(), requests.Session()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            with lock:
                state.paths.append(self.path)
                state.headers.append(dict(self.headers))
                state.times.append(time.monotonic())
                fault = state.next(self.path)
            if fault and fault.pause:
                time.sleep(fault.pause)
            if fault and fault.status:
                self.answer(fault.status, b"secret MRN-4711-0815", fault.headers)
                return
            given = session.get(
                target + self.path, headers={"Accept": self.headers.get("Accept", "*/*")}, timeout=30
            )
            status, body = given.status_code, given.content
            headers = {"Content-Type": given.headers.get("Content-Type", "")}
            if fault and fault.change:
                status, body, headers = fault.change(body, headers)
            self.answer(status, body, headers, fault)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                state.paths.append(self.path)
                fault = state.next(self.path)
            if fault and fault.status:
                self.answer(fault.status, b"", fault.headers)
                return
            wanted = {name: self.headers[name] for name in ("Content-Type", "Accept")}
            given = session.post(target + self.path, data=body, headers=wanted, timeout=30)
            self.answer(
                given.status_code, given.content, {"Content-Type": given.headers.get("Content-Type", "")}
            )

        def answer(
            self, status: int, body: bytes, headers: dict[str, str], fault: Fault | None = None
        ) -> None:
            try:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if fault and fault.trickle:
                    for place in range(0, len(body), 512):
                        self.wfile.write(body[place : place + 512])
                        time.sleep(fault.trickle)
                    return
                self.wfile.write(body[: int(len(body) * fault.cut)] if fault else body)
            except OSError:  # whoever asked has gone
                pass
            self.close_connection = True

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # whoever does not trust us hangs up
        state.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()
            session.close()
