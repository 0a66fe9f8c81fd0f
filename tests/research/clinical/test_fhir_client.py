"""The client against the stand-in: pages, exports, logins, and every fault."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from research.clinical.fhir_client import FhirClient, Search
from research.clinical.fhir_http import Auth
from research.errors import FetchError
from research.sources.patience import Patience
from scripts.standins.fhir import KINDS, FhirStandIn

PATIENTS = [
    {"resourceType": "Patient", "id": f"p{n}", "meta": {"lastUpdated": f"2026-01-{n + 1:02d}T00:00:00Z"}}
    for n in range(25)
]
REPORTS = [
    {
        "resourceType": "DiagnosticReport",
        "id": f"r{n}",
        "category": [{"coding": [{"code": "RAD" if n % 2 else "LAB"}]}],
    }
    for n in range(6)
]
PATIENCE = Patience(retries=2, backoff=0.01)


@pytest.fixture
def server() -> Iterator[FhirStandIn]:
    with FhirStandIn([*PATIENTS, *REPORTS], page=10) as running:
        yield running


def client(server: FhirStandIn, auth: Auth | None = None, **more: object) -> FhirClient:
    given = {"patience": PATIENCE, "timeout": (2.0, 0.3), **more}
    return FhirClient(server.url, auth, **given)  # type: ignore[arg-type]


def ids(found: object) -> list[str]:
    return [one["id"] for one in found]  # type: ignore[attr-defined]


def test_the_capability_statement(server: FhirStandIn) -> None:
    assert client(server).metadata()["fhirVersion"] == "4.0.1"
    server.fault("html", "metadata", count=9)
    with pytest.raises(FetchError, match="not in FHIR's form"):
        client(server).metadata()


def test_an_older_or_newer_fhir_is_refused(server: FhirStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    one = client(server)
    answer = {"resourceType": "CapabilityStatement", "fhirVersion": "5.0.0"}
    monkeypatch.setattr(one.http, "json", lambda *a, **k: (None, answer))
    with pytest.raises(FetchError, match=r"FHIR 5\.0\.0, not FHIR R4"):
        one.metadata()


def test_all_pages_in_order(server: FhirStandIn) -> None:
    one = client(server)
    assert ids(one.search(Search("Patient"))) == [f"p{n}" for n in range(25)]
    assert server.count("/Patient") == 3
    assert one.at.startswith("20")
    assert ids(one.search(Search("Observation"))) == []


def test_parameters_and_since(server: FhirStandIn) -> None:
    assert ids(client(server).search(Search.parse("DiagnosticReport?category=RAD"))) == ["r1", "r3", "r5"]
    assert ids(client(server).search(Search("Patient"), since="2026-01-20")) == [
        f"p{n}" for n in range(19, 25)
    ]
    with pytest.raises(ValueError, match="no type of resource"):
        Search.parse("/etc/passwd")


def test_what_pages_repeat_comes_once(server: FhirStandIn) -> None:
    server.fault("duplicate-page", "/Patient", count=3)
    assert ids(client(server).search(Search("Patient"))) == [f"p{n}" for n in range(25)]


@pytest.mark.parametrize(("kind", "code"), [("page-loop", "page-loop"), ("foreign-next", "elsewhere")])
def test_pages_that_lead_nowhere(server: FhirStandIn, kind: str, code: str) -> None:
    server.fault(kind, "/Patient", count=9)
    with pytest.raises(FetchError) as caught:
        list(client(server).search(Search("Patient")))
    assert caught.value.code == code
    assert server.count("elsewhere") == 0


@pytest.mark.parametrize("kind", ["429", "429-date", "500", "503", "cut", "stall", "slow", "html"])
def test_what_another_attempt_mends(server: FhirStandIn, kind: str) -> None:
    server.fault(kind, "/Patient", count=2, seconds=1 if kind in ("stall", "slow") else 0.01)
    assert len(list(client(server).search(Search("Patient")))) == 25


def test_the_server_says_when_to_come_back(server: FhirStandIn) -> None:
    server.fault("429", "/Patient", seconds=0.4)
    begun = time.monotonic()
    list(client(server, patience=Patience(1, 0.0)).search(Search("Patient")))
    assert time.monotonic() - begun >= 0.4


@pytest.mark.parametrize(
    ("kind", "code"),
    [("401", "refused"), ("403", "refused"), ("404", "http-404"), ("redirect", "moved"),
     ("outcome-200", "not-a-bundle")],
)  # fmt: skip
def test_what_no_other_attempt_mends(server: FhirStandIn, kind: str, code: str) -> None:
    server.fault(kind, "/Patient")
    with pytest.raises(FetchError) as caught:
        list(client(server).search(Search("Patient")))
    assert caught.value.code == code
    assert server.count("/Patient") == 1


def test_a_server_that_stays_broken_is_told_without_its_words(
    server: FhirStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    server.fault("500", "/Patient", count=9)
    with caplog.at_level(logging.DEBUG), pytest.raises(FetchError) as caught:
        list(client(server).search(Search("Patient")))
    assert (caught.value.code, server.count("/Patient")) == ("http-500", 3)
    assert "(exception)" in str(caught.value)
    assert "Quimbly" not in str(caught.value) + caplog.text.replace("urllib3", "")


@pytest.mark.parametrize(
    "auth", [Auth("basic", "client", "secret"), Auth("bearer", secret="secret"),
             Auth("client_credentials", "client", "secret")], ids=lambda auth: auth.kind,
)  # fmt: skip
def test_logins(auth: Auth) -> None:
    with FhirStandIn(PATIENTS, auth=auth.kind) as server:
        assert len(list(client(server, auth).search(Search("Patient")))) == 25
        with pytest.raises(FetchError, match="HTTP 401"):
            client(server).metadata()
        assert "secret" not in repr(auth)


def test_a_token_serves_until_it_ends_and_is_renewed_when_refused() -> None:
    auth = Auth("client_credentials", "client", "secret")
    with FhirStandIn(PATIENTS, auth=auth.kind, page=5) as server:
        one = client(server, auth)
        list(one.search(Search("Patient")))
        assert server.tokens == 1
        server.fault("expired-token", "/Patient")
        assert len(list(one.search(Search("Patient")))) == 25
        assert server.tokens == 2
        server.fault("expired-token", "/Patient", count=2)
        with pytest.raises(FetchError, match="HTTP 401"):
            list(one.search(Search("Patient")))
        wrong = client(server, Auth("client_credentials", "client", "wrong"))
        with pytest.raises(FetchError, match="refused the client"):
            wrong.metadata()


def test_a_login_without_a_secret_is_none() -> None:
    for kind, secret in (("bearer", ""), ("kerberos", "x")):
        with pytest.raises(ValueError, match="auth"):
            Auth(kind, "u", secret)
    with pytest.raises(ValueError, match="http"):
        FhirClient("ftp://example.org")


def test_bulk_export(server: FhirStandIn, tmp_path: Path) -> None:
    server.polls = 3
    done = client(server).export(["Patient", "DiagnosticReport", "Condition"], tmp_path, since="2026-01-20",
                                 filters=["DiagnosticReport?category=RAD"])  # fmt: skip
    assert [path.name for path in done.files] == ["Patient-0001.ndjson"]
    assert done.count == 6
    assert [json.loads(line)["id"] for line in done.files[0].read_text().splitlines()] == [
        f"p{n}" for n in range(19, 25)
    ]
    assert server.exports[0]["query"]["_since"] == ["2026-01-20"]
    assert server.count("/status/") == 5  # three times not ready, the manifest, and cleared away
    assert server.deleted == [0]
    assert done.at > "2026"


def test_bulk_export_with_a_token_and_of_a_group(tmp_path: Path) -> None:
    auth = Auth("client_credentials", "client", "secret")
    with FhirStandIn(PATIENTS, auth=auth.kind) as server:
        assert client(server, auth).export(["Patient"], tmp_path, group="lungs").count == 25
        assert server.count("/Group/lungs/$export") == 1


@pytest.mark.parametrize("kind", ["truncated-ndjson", "short-file", "cut", "stall", "500", "429"])
def test_a_file_of_an_export_is_whole_or_asked_for_again(
    server: FhirStandIn, tmp_path: Path, kind: str
) -> None:
    server.fault(kind, "/files/", count=2, seconds=0.5 if kind == "stall" else 0.01)
    done = client(server).export(["Patient"], tmp_path)
    assert len(done.files[0].read_text().splitlines()) == 25
    server.fault(kind, "/files/", count=9, seconds=0.5 if kind == "stall" else 0.01)
    with pytest.raises(FetchError, match="not delivered in 3 attempts"):
        client(server).export(["Patient"], tmp_path)


@pytest.mark.parametrize(
    ("kind", "code"),
    [("no-location", "not-fhir"), ("endless-export", "too-slow"), ("export-error", "export-failed")],
)
def test_exports_that_fail(server: FhirStandIn, tmp_path: Path, kind: str, code: str) -> None:
    server.fault(kind, "$export")
    with pytest.raises(FetchError) as caught:
        client(server, export_wait_s=0.2).export(["Patient"], tmp_path)
    assert caught.value.code == code


def test_a_warning_stops_no_export(
    server: FhirStandIn, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.fault("export-warning", "$export")
    assert client(server).export(["Patient"], tmp_path).count == 25
    assert "(timeout)" in caplog.text


def test_every_fault_is_used_here() -> None:
    used = Path(__file__).read_text(encoding="utf-8")
    assert [kind for kind in KINDS if f'"{kind}"' not in used] == []
