"""Selecting from the index: whatever is asked, the same rows as plain Python finds; low memory at full size."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from research.errors import FetchError, SettingsError
from research.idc import IdcIndex, IdcSource, current_index
from research.sources import Selection
from scripts.standins.idc import IdcStandIn

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def index(server: IdcStandIn) -> IdcIndex:
    return IdcIndex.of([server.index])


def test_every_criterion_selects_what_python_would(index: IdcIndex) -> None:
    everything = list(index.select(Selection()))
    assert len(everything) == index.count == 5
    one = everything[0]
    for wanted in (
        Selection(collection="radflow demo"), Selection(modalities=("ct",)), Selection(body_part="chest"),
        Selection(patients=(one.patient_id or "",)), Selection(studies=(one.study_uid or "",)),
        Selection(series=(one.series_uid, "1.2")), Selection(collection="RADFLOW-DEMO", modalities=("OT", "DOC")),
        Selection(collection="another"), Selection(modalities=("CT",), body_part="HEAD"),
    ):  # fmt: skip
        assert list(index.select(wanted)) == [row for row in everything if wanted.fits(row)], wanted
    assert list(index.select(Selection(addresses=(one.address or "",)))) == [one]


def test_licence_doi_and_size_are_as_the_archive_says(index: IdcIndex, server: IdcStandIn) -> None:
    for one in index.select(Selection()):
        series = next(row for row in server.holdings.series.values() if row.uid == one.series_uid)
        assert (one.image_count, one.byte_count) == (len(series.files), series.size)
        assert one.licence == series.collection.licence_name


def test_short_names_of_licences_and_dois_get_addresses(tmp_path: Path) -> None:
    rows = {
        "SeriesInstanceUID": ["1.2", "1.3"], "collection_id": ["a", "a"], "series_aws_url": ["s3://bucket/x/*"] * 2,
        "license_short_name": ["CC BY-NC 4.0", "Terms of its own"], "source_DOI": ["10.7937/abc", "https://x.org/1"],
    }  # fmt: skip
    pq.write_table(pa.table(rows), tmp_path / "index.parquet")
    one, other = IdcIndex.of([tmp_path / "index.parquet"]).select(Selection(collection="a"))
    assert one.licence_uri == "https://creativecommons.org/licenses/by-nc/4.0/"
    assert one.citation_uri == "https://doi.org/10.7937/abc"
    assert (other.licence, other.licence_uri) == ("Terms of its own", None)
    assert other.citation_uri == "https://x.org/1"


def test_columns_that_are_missing_or_empty_are_none(tmp_path: Path) -> None:
    rows = {
        "SeriesInstanceUID": ["1.2", None, "1.3"], "collection_id": ["a", "a", "a"],
        "series_aws_url": ["s3://bucket/x/*"] * 3, "series_size_MB": [27.46, 1.0, None], "Modality": ["", "CT", "CT"],
    }  # fmt: skip
    pq.write_table(pa.table(rows), tmp_path / "prior.parquet")
    prior = IdcIndex.of([tmp_path / "prior.parquet"])
    first, second = prior.select(Selection(collection="A"))
    assert (first.byte_count, first.modality, first.image_count, first.licence) == (
        27_460_000,
        None,
        None,
        None,
    )
    assert second.byte_count is None
    assert list(prior.select(Selection(collection="a", body_part="CHEST"))) == []


def test_the_first_file_counts_where_two_have_a_series(server: IdcStandIn, tmp_path: Path) -> None:
    table = pq.read_table(server.index)
    pq.write_table(table.drop_columns(["instanceCount", "license_short_name"]), tmp_path / "prior.parquet")
    both = IdcIndex.of([server.index, tmp_path / "prior.parquet"])
    assert list(both.select(Selection())) == list(IdcIndex.of([server.index]).select(Selection()))


@pytest.mark.parametrize("content", [b"", b"no parquet", None])
def test_a_file_that_is_no_index_is_told(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match="no index of IDC"):
        IdcIndex.of([path])


def test_a_parquet_of_something_else_is_told(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "x.parquet")
    with pytest.raises(SettingsError, match="lacks SeriesInstanceUID"):
        current_index(str(tmp_path / "x.parquet"), tmp_path)


def test_nothing_narrows_it(source: IdcSource) -> None:
    with pytest.raises(FetchError, match="100 TB"):
        source.series(Selection(modalities=("CT",)))


def test_a_manifest_of_another_version_is_told(source: IdcSource) -> None:
    known = next(source.series(Selection(collection="radflow-demo"))).address or ""
    assert len(list(source.series(Selection(addresses=(known,))))) == 1
    with pytest.raises(FetchError, match="1 of 2 places") as caught:
        list(source.series(Selection(addresses=(known, "s3://idc-open-data/gone/*"))))
    assert caught.value.code == "other-version"


def test_an_index_is_downloaded_once_and_checked(server: IdcStandIn, tmp_path: Path) -> None:
    address = f"{server.url}/index/idc_index.parquet"
    first = current_index(address, tmp_path)
    assert (
        hashlib.sha256(first.paths[0].read_bytes()).digest()
        == hashlib.sha256(server.index.read_bytes()).digest()
    )
    assert current_index(address, tmp_path) == first
    asked = [one.folder for one in server.requests if one.on == "index"]
    assert asked == ["idc_index.parquet", "idc_index.parquet.sha256", "idc_index.parquet"]
    with pytest.raises(FetchError, match="could not be downloaded"):
        current_index(f"{server.url}/index/none.parquet", tmp_path)


MEMORY = """
import re
from research.idc import current_index
from research.sources import Selection
from pathlib import Path
index = current_index("", Path("."))
found = sum(1 for _ in index.select(Selection(collection="LIDC-IDRI", modalities=("CT",))))
peak = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())
print(found, index.count, int(peak[1]) // 1024)
"""


def test_the_packaged_index_is_selected_from_in_little_memory() -> None:
    pytest.importorskip("idc_index_data")
    if not Path("/proc/self/status").is_file():
        pytest.skip("the peak of one process alone is read from /proc")
    told = subprocess.run(
        [sys.executable, "-c", MEMORY], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    found, count, megabytes = map(int, told.split())
    assert found == 1018  # every scan of LIDC-IDRI
    assert count > 1_000_000
    assert megabytes < 500  # reading it whole takes 800 and more
