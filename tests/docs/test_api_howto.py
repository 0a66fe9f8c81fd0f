"""The curl block of docs/how-to/api.md, run as it is against a small server that speaks the same addresses.

The end-to-end suite runs the same block against the real thing; this shows when it must fail, in a second.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "api.md"
BLOCKS = re.findall(r"^```bash\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
RUN = "manual__2026-01-01T00:00:00+00:00_a/b"
PASSWORD = 'quote " and \\ and space'


class Server(ThreadingHTTPServer):
    """Answers as Airflow and the portal do; ``states`` are told one after the other."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.states = ["queued", "running", "success"]
        self.outcome = "success"
        self.cohorts: list[dict[str, Any]] = [{"name": "emphysema", "version": 3}]
        self.triggered: list[dict[str, Any]] = []


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def tell(self, status: int, body: Any) -> None:
        sent = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def known(self) -> bool:
        return self.headers["Authorization"] == "Bearer a-token"

    def do_POST(self) -> None:
        body = self.body()
        if self.path == "/auth/token":
            right = body == {"username": "researcher", "password": PASSWORD}
            self.tell(201 if right else 401, {"access_token": "a-token"} if right else {})
        elif self.path == "/api/v2/dags/exp_emphysema/dagRuns" and self.known():
            self.server.triggered.append(body)
            self.tell(200, {"dag_run_id": RUN, "state": "queued"})
        else:
            self.tell(404, {})

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        prefix = "/radflow/api/v1"
        encoded = RUN.replace(":", "%3A").replace("+", "%2B").replace("/", "%2F")
        if not self.known():
            self.tell(401, {})
        elif address.path == f"{prefix}/cohorts":
            self.tell(200, {"items": self.server.cohorts, "total": len(self.server.cohorts)})
        elif address.path == f"/api/v2/dags/exp_emphysema/dagRuns/{encoded}":
            state = self.server.states.pop(0) if len(self.server.states) > 1 else self.server.states[0]
            self.tell(200, {"state": state})
        elif address.path == f"{prefix}/runs/by-dag-run" and query == {
            "dag_id": "exp_emphysema",
            "run_id": RUN,
        }:
            self.tell(200, {"id": 7, "state": self.server.outcome})
        elif address.path == f"{prefix}/runs/7/metrics":
            row = {
                "name": "absolute_error",
                "estimate": 0.01234,
                "lower": None,
                "upper": 0.5,
                "n_ok": 8,
                "n_total": 9,
            }
            self.tell(200, [{"arm": "mrf"} | row])
        else:
            self.tell(404, {"path": self.path})


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield made
        made.shutdown()


def follow(server: Server, tmp_path: Path, password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
    quick = tmp_path / "sleep"  # the page waits two seconds between questions
    quick.write_text("#!/bin/sh\n", encoding="utf-8")
    quick.chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:/usr/local/bin:/usr/bin:/bin",
        "RADFLOW_URL": f"http://127.0.0.1:{server.server_port}",
        "RADFLOW_USER": "researcher",
        "RADFLOW_PASSWORD": password,
    }
    return subprocess.run(
        ["bash", "-c", BLOCKS[0]], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed here")


def test_the_page_has_one_block_and_needs_curl_and_python_only() -> None:
    (block,) = BLOCKS
    bare = re.sub(r"'[^']*'|^#.*$", "", block, flags=re.M)
    commands = set(re.findall(r"(?:^|[|(;]|\bdo\b|\{)\s*([a-z0-9_]+)(?= )", bare, re.M))
    assert commands <= {
        "set", "field", "quoted", "call", "python3", "curl", "echo", "for", "case", "success", "sleep", "seq",
    }  # fmt: skip
    assert "jq" not in re.findall(r"\w+", block)


@needs_curl
def test_success_prints_the_metrics(server: Server, tmp_path: Path) -> None:
    told = follow(server, tmp_path)
    assert told.returncode == 0, told.stderr
    assert server.triggered == [{"logical_date": None, "conf": {"cohort": "emphysema@3"}}]
    assert re.search(r"^mrf +absolute_error +0\.01234 +\[-, 0\.5\] +8 of 9 cases$", told.stdout, re.M)


@needs_curl
@pytest.mark.parametrize(
    ("states", "outcome"), [(["failed"], "failed"), (["success"], "partial"), (["failed"], "success")]
)
def test_anything_less_is_a_failure(server: Server, tmp_path: Path, states: list[str], outcome: str) -> None:
    server.states, server.outcome = states, outcome
    told = follow(server, tmp_path)
    assert told.returncode != 0
    assert f"the DAG run ended: {states[-1]}" in told.stdout


@needs_curl
def test_a_wrong_password_triggers_nothing(server: Server, tmp_path: Path) -> None:
    assert follow(server, tmp_path, password="wrong").returncode != 0
    assert server.triggered == []


@needs_curl
def test_without_a_cohort_it_says_what_to_do(server: Server, tmp_path: Path) -> None:
    server.cohorts = []
    told = follow(server, tmp_path)
    assert told.returncode != 0
    assert "docs/how-to/cohort.md" in told.stderr
    assert server.triggered == []
