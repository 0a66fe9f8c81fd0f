"""The Airflow connection of type nbia."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from operators.connections import NBIA as CONNECTION_TYPE
from operators.hooks.nbia import NbiaHook, address
from research.errors import SettingsError
from scripts.demo_images.build import build, small_cases
from scripts.demo_images.volumes import phantom
from scripts.standins.nbia import NbiaStandIn


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NbiaStandIn]:
    folder = tmp_path_factory.mktemp("demo") / "images"
    with NbiaStandIn(build(folder, [phantom(slices=8, size=48)], small_cases(2), slices=8)) as running:
        yield running


def connect(monkeypatch: pytest.MonkeyPatch, text: str) -> NbiaHook:
    monkeypatch.setenv("AIRFLOW_CONN_NBIA_TEST", text)
    return NbiaHook("nbia_test")


def test_gives_a_client_with_the_connections_fields(
    monkeypatch: pytest.MonkeyPatch, server: NbiaStandIn
) -> None:
    extra = '{"read_timeout": 7, "retries": 1, "backoff": 0.5, "connect_timeout": null}'
    hook = connect(monkeypatch, f'{{"conn_type": "nbia", "host": "{server.url}", "extra": {extra}}}')
    with hook.get_conn() as client:
        assert client.timeout == (10.0, 7.0)
        assert (client.patience.retries, client.patience.backoff) == (1, 0.5)
        assert client.collections() == ["RADFLOW-DEMO"]


def test_the_test_button(monkeypatch: pytest.MonkeyPatch, server: NbiaStandIn) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    fields = f'"conn_type": "nbia", "host": "{host}", "port": {port}, "schema": "http"'
    assert connect(monkeypatch, f"{{{fields}}}").test_connection() == (
        True,
        "An NBIA server with 1 public collection(s).",
    )
    server.fault("500", endpoint="getCollectionValues")
    worked, why = connect(monkeypatch, f'{{{fields}, "extra": {{"retries": 0}}}}').test_connection()
    assert not worked
    assert "HTTP 500" in why


@pytest.mark.parametrize(
    "text",
    [
        '{"conn_type": "nbia"}',
        '{"conn_type": "nbia", "host": "ftp://example.org"}',
        '{"conn_type": "nbia", "host": "http://example.org", "extra": {"retries": "many"}}',
    ],
)
def test_a_malformed_connection_says_what_to_set(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    hook = connect(monkeypatch, text)
    with pytest.raises(SettingsError) as caught:
        hook.get_conn()
    assert "nbia_test" in caught.value.reason
    assert hook.test_connection()[0] is False


def test_addresses() -> None:
    assert address("example.org", None, None) == "https://example.org"
    assert address("example.org", "http", 8480) == "http://example.org:8480"
    assert address("http://example.org/nbia-api", None, 81) == "http://example.org:81/nbia-api"


def test_the_form_names_the_class() -> None:
    module, _, name = CONNECTION_TYPE["hook-class-name"].rpartition(".")
    assert (module, name) == (NbiaHook.__module__, NbiaHook.__name__)
    assert CONNECTION_TYPE["connection-type"] == NbiaHook.conn_type
    assert set(NbiaHook.get_ui_field_behaviour()) == {"hidden_fields", "relabeling", "placeholders"}
