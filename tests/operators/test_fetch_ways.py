"""Fetching from any source: IDC, a fallback, manifests, dry runs, what is new since, a few at once, progress."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from operators import fetching
from operators.fetch import FetchOperator, FetchPlanOperator, followed_collections
from research.errors import FetchError, SettingsError
from scripts.demo_images.build import COLLECTION
from scripts.standins.idc import IdcStandIn
from scripts.standins.nbia import NbiaStandIn
from tests.support.place import TEAM, Place, context


@pytest.fixture
def buckets(tiny: Path, place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[IdcStandIn]:
    """The same images at IDC, behind the connection ``idc_default``."""
    with IdcStandIn(tiny) as running:
        extra = {"index": str(running.index), "retries": 2, "backoff": 0.01, "read_timeout": 1}
        monkeypatch.setenv(
            "AIRFLOW_CONN_IDC_DEFAULT", json.dumps({"conn_type": "idc", "host": running.url, "extra": extra})
        )
        yield running


def plan(run_id: str = "manual__1", **more: object) -> list[int]:
    given = {"conn_id": "nbia_default", "collection": COLLECTION, "modality": "CT", **more}
    chunks = FetchPlanOperator(task_id="plan", **given).execute(context("fetch_test", run_id))
    return [number for chunk in chunks for number in chunk]


def fetch(ids: list[int], **more: object) -> dict[str, list[int]]:
    return FetchOperator(task_id="fetch", series_ids=ids, **more).execute(context())


def rows(place: Place, columns: str, table: str = "landing.received_series") -> list[tuple]:
    return place.database.rows(f"select {columns} from {table} order by 1")


def manifest(place: Place, name: str, text: str) -> str:
    folder = place.zone("landing") / "manifests"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return name


def cts(server: NbiaStandIn) -> list[str]:
    return [uid for uid, one in server.index.series.items() if one.header["Modality"] == "CT"]


def test_idc_lands_the_same_series_as_nbia(place: Place, server: NbiaStandIn, buckets: IdcStandIn) -> None:
    assert fetch(plan()) == {"received": [1, 2, 3], "quarantined": []}
    assert fetch(plan(conn_id="idc_default")) == {"received": [4, 5, 6], "quarantined": []}
    found = place.database.rows(
        "select series_uid, count(*), count(distinct manifest_sha256), count(distinct source_kind), "
        "bool_and(object_count = image_count and byte_count = offered_bytes), count(citation_uri) "
        "from landing.received_series group by series_uid"
    )
    assert {row[1:] for row in found} == {(2, 1, 2, True, 2)}
    assert plan(conn_id="idc_default") == []


def test_a_series_that_nbia_lacks_comes_from_idc(
    place: Place, server: NbiaStandIn, buckets: IdcStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    ids = plan(fallback_conn_id="idc_default")
    lost = cts(server)[1]
    server.fault("500", lost, count=99)
    assert fetch(ids)["received"] == [1, 2, 3]
    given = place.database.rows("select series_uid, given_by, licence from landing.received_series")
    assert [(uid, by) for uid, by, _ in given if by] == [(lost, "idc_default")]
    assert all(licence for *_, licence in given)
    assert "given by idc_default" in caplog.text
    assert [row[1] for row in rows(place, "received_id, given_by", "catalog.fetched_series")].count(
        "idc_default"
    ) == 1


def test_a_collection_that_nbia_dropped_comes_from_idc(
    place: Place, server: NbiaStandIn, buckets: IdcStandIn
) -> None:
    server.index.series.clear()  # type: ignore[attr-defined]
    ids = plan(fallback_conn_id="idc_default", collection="radflow demo")
    assert fetch(ids)["received"] == [1, 2, 3]
    assert server.count("getImage") == 0  # who has it is asked first
    assert set(rows(place, "source, given_by, collection")) == {
        ("nbia_default", "idc_default", "radflow demo")
    }
    assert rows(place, "source, found_at", "catalog.fetch_run") == [("nbia_default", "idc_default")]


def test_a_server_that_is_down_has_a_fallback_too(
    place: Place, server: NbiaStandIn, buckets: IdcStandIn
) -> None:
    server.fault("503", endpoint="getSeries", count=99)
    assert len(plan(fallback_conn_id="idc_default")) == 3
    with pytest.raises(FetchError, match="nbia_default"):
        plan()


def test_a_fallback_that_cannot_be_opened_stops_nobody(
    place: Place, server: NbiaStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    assert fetch(plan(fallback_conn_id="nowhere"))["received"] == [1, 2, 3]
    assert "The fallback nowhere cannot be used" in caplog.text
    with pytest.raises(SettingsError, match="nowhere"):
        plan(conn_id="nowhere")


def test_bad_bytes_are_not_asked_of_another_archive(
    place: Place, server: NbiaStandIn, buckets: IdcStandIn
) -> None:
    server.fault("two-patients", cts(server)[0])
    done = fetch(plan(fallback_conn_id="idc_default"))
    assert len(done["quarantined"]) == 1
    assert buckets.requests == []


def test_manifests_name_the_series(place: Place, server: NbiaStandIn, buckets: IdcStandIn) -> None:
    first, second = cts(server)[:2]
    tcia = f"manifestVersion=3.0\nListOfSeriesToDownload=\n{first}\n1.2.3\n"
    assert len(plan(collection="", modality="", manifest=manifest(place, "a.tcia", tcia))) == 1
    address = next(one.address for one in _index(buckets) if one.series_uid == second)
    s5cmd = manifest(place, "b.s5cmd", f"cp {address} .\n")
    assert len(plan("second", collection="", modality="", manifest=s5cmd, conn_id="idc_default")) == 1
    assert rows(place, "series_uid, source, collection") == sorted(
        [(first, "nbia_default", COLLECTION), (second, "idc_default", "radflow_demo")]
    )
    told = repr(rows(place, "selection, collection", "catalog.fetch_run"))
    assert first not in told
    assert "2 named series" in told
    assert followed_collections() == []  # a manifest is not followed
    with pytest.raises(FetchError, match=r"c\.tcia line 2"):
        plan(manifest=manifest(place, "c.tcia", "ListOfSeriesToDownload=\nMRN-1\n"))


def _index(buckets: IdcStandIn):
    from research.idc import IdcIndex
    from research.sources import Selection

    return list(IdcIndex.of([buckets.index]).select(Selection()))


def test_a_dry_run_counts_and_takes_nothing(
    place: Place, server: NbiaStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    assert plan(modality="", only_count="True", team=TEAM, visibility="team") == []
    assert rows(place, "id") == []
    assert followed_collections() == []
    ((offered, wanted, dry, selection),) = place.database.rows(
        "select offered, wanted, dry_run, selection from catalog.fetch_run"
    )
    size = sum(one.size for one in server.index.series.values() if one.header["Modality"] == "CT")
    assert offered["CT"] == wanted["CT"] == {"series": 3, "images": 24, "bytes": size, "unsized": 0}
    assert set(offered) == {"CT", "OT", "DOC"}
    assert dry is True
    assert selection == f"collection {COLLECTION!r}"
    assert "wanted: 3 series CT, 24 images" in caplog.text
    assert server.count("getImage") == 0
    fetch(plan())
    assert plan(run_id="second", only_count=True) == []
    assert place.database.value("select wanted from catalog.fetch_run where run_id = 'second'") == {}


def test_the_next_night_asks_only_for_what_is_new(place: Place, server: NbiaStandIn) -> None:
    fetch(plan())
    place.database.rows("update landing.followed set synced_on = '2026-01-17'")
    place.database.rows("update landing.received_series set state = 'failed' where id = 2")
    (how,) = followed_collections()
    day_of_month = place.database.value("select extract(day from current_date)::int")
    assert how["since"] == ("" if day_of_month == 1 else "2026-01-15")
    asked = server.count("getSeries")
    how["since"] = "2026-01-15"
    chunks = FetchPlanOperator(task_id="plan", **how).execute(context(run_id="night"))
    assert chunks == [[2]]  # nothing new; what an earlier night left behind is tried again
    assert (server.count("getUpdatedSeries"), server.count("getSeries")) == (1, asked)
    assert str(place.database.value("select synced_on from landing.followed")) > "2026-01-17"
    assert fetch([2])["received"] == [2]


def test_progress_is_noted_while_it_runs(
    place: Place, server: NbiaStandIn, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fetching, "BEAT_S", 0.02)
    monkeypatch.setattr(fetching, "TOLD_S", 0.02)
    seen: list[int] = []
    beat = fetching.Fetching.beat

    def watched(self: fetching.Fetching, running: dict[int, int]) -> None:
        beat(self, running)
        seen.extend(row[0] for row in rows(place, "bytes_done", "catalog.fetched_series") if row[0])

    monkeypatch.setattr(fetching.Fetching, "beat", watched)
    ids = plan()
    server.fault("stall", cts(server)[0])
    assert fetch(ids, parallel="2")["received"] == ids
    assert seen
    assert " MB/s" in caplog.text
    assert "of 3 series" in caplog.text
    assert set(rows(place, "state, bytes_done, byte_count > 0", "catalog.fetched_series")) == {
        ("received", None, True)
    }
    assert {row[0] for row in rows(place, "fetch_run_id")} == {1}


def test_the_summary_follows_whatever_happens(place: Place, server: NbiaStandIn) -> None:
    struck = cts(server)
    server.fault("zip-slip", struck[0])
    server.fault("500", struck[1], count=99)
    with pytest.raises(FetchError):
        fetch(plan())
    told = rows(place, "state, reason_code, modality, licence, image_count", "catalog.fetched_series")
    assert [(state, code) for state, code, *_ in told] == [
        ("failed", "http-500"), ("quarantined", "zip-slip"), ("received", None),
    ]  # fmt: skip
    assert {row[2:] for row in told} == {("CT", told[0][3], 8)}
    columns = place.database.rows(
        "select column_name from information_schema.columns where table_name = 'fetched_series'"
    )
    assert not {"series_uid", "uri", "address"} & {name for (name,) in columns}


def test_a_killed_task_goes_on_with_the_rest(
    place: Place, server: NbiaStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process ends after the first series: the second task goes on with the other two."""
    ids = plan()
    received = fetching.Fetching.received

    class Killed(BaseException):
        pass

    def once(self: fetching.Fetching, row: dict, what: object) -> None:
        received(self, row, what)  # type: ignore[arg-type]
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(fetching.Fetching, "received", once)
        with pytest.raises(Killed):
            fetch(ids, parallel=1)
    assert sorted(row[1] for row in rows(place, "id, state")) == ["received", "wanted", "wanted"]
    had = server.count("getImage")
    assert fetch(ids)["received"] == ids
    assert server.count("getImage") - had <= 2  # what had been placed before the end is not asked for again
