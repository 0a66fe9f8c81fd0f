"""The Airflow connection of type fhir."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from operators.connections import FHIR as CONNECTION_TYPE
from operators.hooks.fhir import FhirHook
from research.errors import SettingsError
from scripts.standins.fhir import FhirStandIn


@pytest.fixture
def server() -> Iterator[FhirStandIn]:
    with FhirStandIn([], auth="client_credentials") as running:
        yield running


def connect(monkeypatch: pytest.MonkeyPatch, host: str = "", **extra: object) -> FhirHook:
    fields = {"conn_type": "fhir", "host": host, "login": "client", "password": "secret", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_FHIR_TEST", json.dumps(fields))
    return FhirHook("fhir_test")


def test_gives_a_client_with_the_connections_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    hook = connect(monkeypatch, "https://h.example/fhir/R4/", auth="basic", page_size=7, export_hours=2, retries=1,
                   backoff=0.5, connect_timeout=3, read_timeout=4, identifiers="urn:a=B")  # fmt: skip
    with hook.get_conn() as client:
        assert client.http.base == "https://h.example/fhir/R4"
        assert (client.page_size, client.export_wait_s, client.http.timeout) == (7, 7200, (3, 4))
        assert (client.http.patience.retries, client.http.patience.backoff) == (1, 0.5)
        assert (client.http.auth.kind, client.http.auth.user) == ("basic", "client")
    assert hook.identifiers() == "urn:a=B"


def test_the_test_button(monkeypatch: pytest.MonkeyPatch, server: FhirStandIn) -> None:
    hook = connect(monkeypatch, server.url, auth="client_credentials", retries=0)
    assert hook.test_connection() == (True, "FHIR 4.0.1: Stand-in.")
    server.fault("403", "metadata")
    worked, why = hook.test_connection()
    assert not worked
    assert "HTTP 403" in why
    assert not connect(monkeypatch, server.url, auth="none", retries=0).test_connection()[0]
    assert not connect(monkeypatch, server.url, auth="basic", identifiers="nonsense").test_connection()[0]


@pytest.mark.parametrize(
    ("host", "extra"),
    [("", {}), ("ftp://h", {}), ("http://h", {"retries": "many"}), ("http://h", {"auth": "kerberos"}),
     ("http://h", {"export_hours": []})],
)  # fmt: skip
def test_a_malformed_connection_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, host: str, extra: dict[str, object]
) -> None:
    hook = connect(monkeypatch, host, **extra)
    with pytest.raises(SettingsError, match="fhir_test is malformed") as caught:
        hook.get_conn()
    assert "secret" not in str(caught.value)
    assert hook.test_connection()[0] is False


def test_the_form_names_the_class() -> None:
    module, _, name = CONNECTION_TYPE["hook-class-name"].rpartition(".")
    assert (module, name) == (FhirHook.__module__, FhirHook.__name__)
    assert CONNECTION_TYPE["connection-type"] == FhirHook.conn_type
    assert set(FhirHook.get_ui_field_behaviour()) == {"hidden_fields", "relabeling", "placeholders"}
