"""NBIA as a source: the host of NLST, v1 and v2, named series, what is new since a day."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from research.errors import FetchError
from research.nbia import NbiaClient, NbiaSource
from research.nbia.rows import SeriesRow
from research.sources import Selection, Source
from scripts.demo_images.build import build, small_cases
from scripts.demo_images.volumes import phantom
from scripts.standins.nbia import NbiaStandIn

LABEL = "series 1"
V1_ROW = {
    "SeriesInstanceUID": "1.3.6.1.4.1.14519.5.2.1.6279.6001.1", "StudyInstanceUID": "1.2.3", "Modality": "DX",
    "SeriesDate": "2000-01-01 00:00:00.0", "BodyPartExamined": "CHEST", "SeriesNumber": 3000923,
    "AnnotationsFlag": True, "Collection": "LIDC-IDRI", "PatientID": "LIDC-IDRI-0001", "ImageCount": 2,
    "FileSize": 16357620, "LicenseName": "Creative Commons Attribution 3.0 Unported License",
    "LicenseURI": "http://creativecommons.org/licenses/by/3.0/", "DateReleased": "2011-06-21 00:00:00.0",
    "CollectionURI": "https://doi.org/10.7937/K9/TCIA.2015.LO9QL9SX",
}  # fmt: skip


def images(folder: Path, collection: str, cases: int) -> Path:
    root = build(folder / "images", [phantom(slices=8, size=48)], small_cases(cases), slices=8)
    for described in root.rglob("collection.json"):
        data = json.loads(described.read_text())
        described.write_text(json.dumps(data | {"Collection": collection}))
    return root


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    main = images(tmp_path_factory.mktemp("main"), "LUNGS", 2)
    apart = images(tmp_path_factory.mktemp("nlst"), "NLST", 3)
    return main, apart


@pytest.fixture
def servers(roots: tuple[Path, Path]) -> Iterator[tuple[NbiaStandIn, NbiaStandIn]]:
    with NbiaStandIn(roots[0]) as main, NbiaStandIn(roots[1]) as nlst:
        shared = set(main.index.series) & set(nlst.index.series)
        for uid in shared:  # the generator makes the same UIDs again: each series lives on one host only
            del main.index.series[uid]  # type: ignore[attr-defined]
        yield main, nlst


def client(server: NbiaStandIn, version: str = "v4", **more: str) -> NbiaClient:
    address = f"{server.url}/nbia-api/services/{version}"
    return NbiaClient(address, timeout=(2.0, 0.5), retries=2, backoff=0.01, **more)  # type: ignore[arg-type]


@pytest.fixture
def source(servers: tuple[NbiaStandIn, NbiaStandIn]) -> Iterator[NbiaSource]:
    opened = NbiaSource(client(servers[1]))
    yield opened
    opened.close()


@pytest.fixture
def both(servers: tuple[NbiaStandIn, NbiaStandIn]) -> Iterator[NbiaSource]:
    opened = NbiaSource(client(servers[0]), client(servers[1]))
    yield opened
    opened.close()


def test_is_a_source(source: NbiaSource) -> None:
    assert isinstance(source, Source)


def test_criteria_select_what_fits(source: NbiaSource) -> None:
    everything = source.series(Selection(collection="nlst"))
    one = everything[0]
    for wanted in (
        Selection(collection="NLST", modalities=("CT",)), Selection(collection="NLST", modalities=("CT", "OT")),
        Selection(patients=(one.patient_id or "",)), Selection(studies=(one.study_uid or "",)),
        Selection(series=(one.series_uid,)), Selection(collection="NLST", body_part="chest", series=(one.series_uid,)),
    ):  # fmt: skip
        found = {row.series_uid for row in source.series(wanted)}
        assert found == {row.series_uid for row in everything if wanted.fits(row)}, wanted
        assert found


def test_a_row_of_v1_says_the_same(source: NbiaSource) -> None:
    row = SeriesRow.of(V1_ROW)
    assert row.description_uri == "https://doi.org/10.7937/K9/TCIA.2015.LO9QL9SX"
    assert row.released == dt.date(2011, 6, 21)
    spaced = SeriesRow.of(
        {"Series UID": "1.2", "Number of Images": "3", "File Size": "9", "License URL": "x"}
    )
    assert (spaced.series_uid, spaced.image_count, spaced.file_size, spaced.licence_uri) == ("1.2", 3, 9, "x")
    with pytest.raises(KeyError):
        SeriesRow.of({"Modality": "CT"})


@pytest.mark.parametrize(("version", "token"), [("v1", ""), ("v2", "abc")])
def test_the_older_versions_list_and_deliver(
    servers: tuple[NbiaStandIn, NbiaStandIn], tmp_path: Path, version: str, token: str
) -> None:
    old, new = NbiaSource(client(servers[1], version, token=token)), NbiaSource(client(servers[1]))
    wanted = Selection(collection="NLST", modalities=("CT",))
    offered = [replace(one, address=None) for one in old.series(wanted)]
    assert offered == [replace(one, address=None) for one in new.series(wanted)]
    since = Selection(collection="NLST", since=dt.date(2026, 1, 14))
    assert len(old.series(since)) == len(new.series(since)) > 0
    assert old.series(replace(since, since=dt.date(2026, 1, 15))) == []
    assert len(old.series(Selection(series=(offered[0].series_uid, "1.2.3")))) == 1
    received = old.download(offered[0], tmp_path / "one", label=LABEL, quarantine_root=tmp_path / "q")
    assert received.count == 8
    assert servers[1].count("getImageWithMD5Hash") == 1
    old.close()
    new.close()


def test_v2_wants_a_token(servers: tuple[NbiaStandIn, NbiaStandIn]) -> None:
    with client(servers[1], "v2") as without, pytest.raises(FetchError) as caught:
        without.series(collection="NLST")
    assert caught.value.code == "http-401"


def test_wrong_checksums_are_noticed_in_v1_too(
    servers: tuple[NbiaStandIn, NbiaStandIn], tmp_path: Path
) -> None:
    source = NbiaSource(client(servers[1], "v1"))
    one = source.series(Selection(collection="NLST", modalities=("CT",)))[0]
    servers[1].fault("wrong-md5", endpoint="getImageWithMD5Hash")
    source.download(one, tmp_path / "one", label=LABEL, quarantine_root=tmp_path / "q")
    assert servers[1].count("getImageWithMD5Hash") == 2
    source.close()


def test_nlst_is_asked_for_at_its_own_host(
    both: NbiaSource, servers: tuple[NbiaStandIn, NbiaStandIn], tmp_path: Path
) -> None:
    one = both.series(Selection(collection="NLST", modalities=("CT",)))[0]
    assert servers[0].requests == []
    assert both.download(one, tmp_path / "one", label=LABEL, quarantine_root=tmp_path / "q").count == 8
    assert servers[0].requests == []
    assert one.series_uid not in {row.series_uid for row in both.series(Selection(collection="LUNGS"))}
    assert servers[0].count("getSeries") >= 1


def test_what_one_host_refuses_is_asked_of_the_other(
    both: NbiaSource, servers: tuple[NbiaStandIn, NbiaStandIn], tmp_path: Path
) -> None:
    """The main host answers HTTP 400 for a series of NLST; a row that does not say where it is finds its way."""
    one = both.series(Selection(collection="NLST", modalities=("CT",)))[0]
    lost = replace(one, address=None, collection="LUNGS")
    assert both.download(lost, tmp_path / "one", label=LABEL, quarantine_root=tmp_path / "q").count == 8
    assert servers[0].count("getImage") == servers[1].count("getImage") == 1
    with pytest.raises(FetchError) as caught:
        both.download(
            replace(lost, series_uid="1.2.3"), tmp_path / "two", label=LABEL, quarantine_root=tmp_path
        )
    assert caught.value.code == "refused"


def test_a_series_without_a_second_host_is_refused_in_one_sentence(
    source: NbiaSource, tmp_path: Path
) -> None:
    one = source.series(Selection(collection="NLST"))[0]
    with pytest.raises(FetchError, match=r"HTTP 400.*nlst\.cancerimagingarchive\.net"):
        source.download(
            replace(one, series_uid="1.2.3"), tmp_path / "x", label=LABEL, quarantine_root=tmp_path
        )


def test_named_series_are_looked_for_on_both_hosts(
    both: NbiaSource, servers: tuple[NbiaStandIn, NbiaStandIn], caplog: pytest.LogCaptureFixture
) -> None:
    uids = [uid for server in servers for uid in server.index.series]
    found = both.series(Selection(series=(*uids, "1.2.3")))
    assert sorted(one.series_uid for one in found) == sorted(uids)
    assert f"1 of {len(uids) + 1} named series are not here" in caplog.text
    assert "1.2.3" not in caplog.text
    assert servers[0].count("getSeriesMetadata") == servers[1].count("getSeriesMetadata") == 1
    assert all(one.image_count and one.byte_count and one.licence for one in found)


def test_a_slow_size_is_waited_for_and_asked_again(
    source: NbiaSource, servers: tuple[NbiaStandIn, NbiaStandIn], tmp_path: Path
) -> None:
    one = source.series(Selection(collection="NLST", modalities=("CT",)))[0]
    servers[1].fault("stall", endpoint="getSeriesSize")
    blank = replace(one, image_count=None)
    assert source.download(blank, tmp_path / "one", label=LABEL, quarantine_root=tmp_path).count == 8
    assert servers[1].count("getSeriesSize") == 2


@pytest.mark.parametrize(
    "wanted", [Selection(), Selection(modalities=("CT",)), Selection(addresses=("s3://a/b/*",))]
)
def test_what_nbia_cannot_be_asked(source: NbiaSource, wanted: Selection) -> None:
    with pytest.raises(FetchError) as caught:
        source.series(wanted)
    assert caught.value.code in ("too-much", "other-source")
