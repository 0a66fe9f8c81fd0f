"""The Python client against the served portal."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import requests

from research import client as module
from research.client import Client, ClientError

CT = {"all": [{"field": "modality", "op": "eq", "value": "CT"}]}


@pytest.fixture
def erin(world: Any) -> Client:
    """Erin's client."""
    session = requests.Session()
    session.headers["X-Test-User"] = "erin"
    return Client(world.base, session=session)


@pytest.fixture
def door() -> Iterator[str]:
    """A server that gives a token for one password and shows what it was sent."""

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            good = sent == {"username": "erin", "password": "right"}
            self._say(
                201 if good else 401, {"access_token": "t0"} if good else {"detail": "Invalid credentials"}
            )

        def do_GET(self) -> None:
            self._say(200, {"account": self.headers.get("Authorization")})

        def _say(self, status: int, body: dict[str, Any]) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_login(door: str) -> None:
    assert Client.login(door, "erin", "right").whoami() == {"account": "Bearer t0"}
    with pytest.raises(ClientError) as refused:
        Client.login(door, "erin", "wrong")
    assert (refused.value.status, refused.value.instruction) == (401, "Check name and password.")
    assert "wrong" not in str(refused.value)


def test_tables_are_whole(erin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    facets = erin.facets(modality="CT")
    monkeypatch.setattr(module, "_PAGE", 2)
    studies, series = erin.studies(most=None), erin.series(most=None)
    assert len(studies) == studies.study_uid.nunique() == facets.attrs["study_count"]
    assert len(series) == series.series_uid.nunique()
    assert len(erin.studies(most=3)) == 3
    assert len(erin.runs()) == 3
    assert set(erin.collections().name) == {"chest"}


def test_from_facets_to_a_cohort(erin: Client, tmp_path: Path) -> None:
    criteria = erin.criteria(modality="CT", body_part="Chest")
    steps = erin.preview(criteria)
    frozen = erin.freeze("by-client", criteria)
    assert frozen["series_count"] == steps.attrs["series_count"] == steps.series_count.iloc[-1]
    assert len(erin.members(frozen["id"])) == frozen["series_count"]
    assert erin.cohort(frozen["id"])["english"] == steps.attrs["english"]
    table = pd.read_csv(erin.export(frozen["id"], tmp_path / "cohort.csv"), comment="#")
    assert len(table) == frozen["series_count"]
    assert erin.sparsity(frozen["id"], half_width=0.1)["declared"]["half_width"] == 0.1
    assert not erin.freeze("by-client", criteria)["created"]
    assert frozen["id"] in set(erin.cohorts("by-client")["id"])


def test_results(erin: Client, world: Any, tmp_path: Path) -> None:
    run = world.ids["run"]
    assert {"arm", "estimate", "lower", "upper"} <= set(erin.metrics(run))
    assert len(erin.comparisons(run)) > 0
    assert {"truth", "value"} <= set(erin.cases(run))
    name = erin.pictures(run)[0]
    assert erin.picture(run, name, tmp_path / "picture").stat().st_size > 0


def test_errors_say_what_to_do(erin: Client, world: Any) -> None:
    with pytest.raises(ClientError) as wrong:
        erin.preview({"all": [{"field": "modalty", "op": "eq", "value": "CT"}]})
    assert "modality" in f"{wrong.value.reason} {wrong.value.instruction}"
    with pytest.raises(ClientError) as hidden:
        erin.cohort(world.ids["cohort_bob"])
    assert hidden.value.status == 404
    with pytest.raises(ClientError, match="does not answer"):
        Client("http://127.0.0.1:9").whoami()
