"""The Airflow connection of type idc."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from operators.connections import IDC as CONNECTION_TYPE
from operators.hooks.idc import IdcHook
from operators.sources import kind_of, open_source
from research.errors import SettingsError
from research.idc import IdcSource
from research.nbia import NbiaSource
from scripts.demo_images.build import build, small_cases
from scripts.demo_images.volumes import phantom
from scripts.standins.idc import IdcStandIn


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdcStandIn]:
    folder = tmp_path_factory.mktemp("demo") / "images"
    with IdcStandIn(build(folder, [phantom(slices=8, size=48)], small_cases(2), slices=8)) as running:
        yield running


@pytest.fixture(autouse=True)
def scratch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW__RADFLOW__SCRATCH_DIR", str(tmp_path / "scratch"))


def connect(monkeypatch: pytest.MonkeyPatch, host: str = "", kind: str = "idc", **extra: object) -> IdcHook:
    fields = {"conn_type": kind, "host": host, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_IDC_TEST", json.dumps(fields))
    return IdcHook("idc_test")


def test_gives_a_source_with_the_connections_fields(
    monkeypatch: pytest.MonkeyPatch, server: IdcStandIn
) -> None:
    source = connect(
        monkeypatch,
        server.url,
        index=str(server.index),
        read_timeout=7,
        retries=1,
        backoff=0.5,
        parallel_objects=2,
    ).get_conn()
    assert source.bucket.timeout == (10.0, 7.0)
    assert (source.bucket.patience.retries, source.bucket.patience.backoff, source.parallel) == (1, 0.5, 2)
    assert source.bucket.endpoint == server.url
    assert source.index.count == 3


def test_empty_fields_mean_idc_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("idc_index_data")
    source = connect(monkeypatch).get_conn()
    assert source.bucket.endpoint is None
    assert source.index.count > 1_000_000


def test_the_test_button(monkeypatch: pytest.MonkeyPatch, server: IdcStandIn) -> None:
    hook = connect(monkeypatch, server.url, index=f"{server.url}/index/idc_index.parquet", retries=0)
    assert hook.test_connection() == (True, "An index of 3 series, and its buckets answer.")
    server.fault("403", on="list")
    worked, why = hook.test_connection()
    assert not worked
    assert "refuses anonymous access" in why


@pytest.mark.parametrize(
    ("host", "extra"),
    [("ftp://example.org", {}), ("http://h", {"retries": "many"}), ("http://h", {"index": "/no/such/file"}),
     ("http://h", {"parallel_objects": 0})],
)  # fmt: skip
def test_a_malformed_connection_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, server: IdcStandIn, host: str, extra: dict[str, object]
) -> None:
    hook = connect(monkeypatch, host, **{"index": str(server.index), **extra})
    with pytest.raises(SettingsError) as caught:
        hook.get_conn()
    assert caught.value.instruction
    assert hook.test_connection()[0] is False


def test_the_form_names_the_class() -> None:
    module, _, name = CONNECTION_TYPE["hook-class-name"].rpartition(".")
    assert (module, name) == (IdcHook.__module__, IdcHook.__name__)
    assert CONNECTION_TYPE["connection-type"] == IdcHook.conn_type
    assert set(IdcHook.get_ui_field_behaviour()) == {"hidden_fields", "relabeling", "placeholders"}


def test_a_source_is_opened_by_the_connections_type(
    monkeypatch: pytest.MonkeyPatch, server: IdcStandIn
) -> None:
    connect(monkeypatch, server.url, index=str(server.index))
    assert kind_of("idc_test") == "idc"
    assert isinstance(open_source("idc_test"), IdcSource)
    connect(monkeypatch, "https://nbia.cancerimagingarchive.net", "nbia")
    found = open_source("idc_test")
    assert isinstance(found, NbiaSource)
    assert found.nlst is not None
    assert found.nlst.address.startswith("https://nlst.cancerimagingarchive.net")
    connect(monkeypatch, "http://127.0.0.1:1", "nbia")
    elsewhere = open_source("idc_test")
    assert isinstance(elsewhere, NbiaSource)
    assert elsewhere.nlst is None
    connect(monkeypatch, "http://127.0.0.1:1", "nbia", nlst_host="http://127.0.0.1:2")
    apart = open_source("idc_test")
    assert isinstance(apart, NbiaSource)
    assert apart.nlst is not None
    assert apart.nlst.address.startswith("http://127.0.0.1:2")


def test_other_connections_are_no_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, "h", "generic")
    with pytest.raises(SettingsError, match="of type generic is no source"):
        open_source("idc_test")
    with pytest.raises(SettingsError, match="no connection nowhere"):
        open_source("nowhere")
