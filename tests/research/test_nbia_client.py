"""The client over real sockets: every fault ends complete, in quarantine, or in one clear sentence."""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from research.errors import FetchError
from research.landing import Limits, QuarantinedError, Received, verified
from research.nbia import NbiaClient, SeriesRow
from research.nbia.transport import base_address
from scripts.demo_images.build import IDENTITIES, build, small_cases
from scripts.demo_images.volumes import phantom
from scripts.standins.nbia import NbiaStandIn

LABEL = "series 1 of 3"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(
        tmp_path_factory.mktemp("demo") / "images", [phantom(slices=8, size=48)], small_cases(3), slices=8
    )


@pytest.fixture
def server(root: Path) -> Iterator[NbiaStandIn]:
    with NbiaStandIn(root) as running:
        yield running


@pytest.fixture
def client(server: NbiaStandIn) -> Iterator[NbiaClient]:
    with NbiaClient(server.url, timeout=(2.0, 0.4), retries=2, backoff=0.01) as opened:
        yield opened


@pytest.fixture
def row(client: NbiaClient) -> SeriesRow:
    return client.series(modality="CT")[0]


@pytest.fixture(autouse=True)
def no_identity_is_logged(root: Path, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.INFO):
        yield
    planted = json.loads((root.parent / IDENTITIES).read_text("utf-8"))
    assert [s for s in planted["strings"] + planted["uids"] if s in caplog.text] == []


def download(client: NbiaClient, row: SeriesRow, folder: Path, **options: object) -> Received:
    return client.download_series(
        row.series_uid,
        folder / "landing" / "one",
        row.image_count,
        label=LABEL,
        quarantine_root=folder / "quarantine",
        **options,  # type: ignore[arg-type]
    )


def left_over(folder: Path) -> list[str]:
    """Everything below a folder that is neither an accepted series nor quarantine."""
    return [p.name for p in (folder / "landing").iterdir() if p.name != "one"]


def test_lists(client: NbiaClient) -> None:
    assert client.collections() == ["RADFLOW-DEMO"]
    assert len(client.series()) == 5
    assert client.series(collection="nothing like it") == []
    row = client.series(modality="CT", collection="radflow-demo")[0]
    assert (row.image_count, row.modality, row.released) == (8, "CT", dt.date(2026, 1, 15))
    assert row.licence_name == "BSD 3-Clause (pyradiomics 3.0.1)"
    size = client.series_size(row.series_uid)
    assert size is not None
    assert (size.object_count, size.total_bytes) == (8, row.file_size)
    assert client.series_size("1.2.3") is None
    assert len(client.sop_uids(row.series_uid)) == 8
    assert client.sop_uids("1.2.3") == frozenset()
    assert client.series(patient_id=row.patient_id, study_uid=row.study_uid, body_part="chest")


def test_what_a_row_shows_is_no_identity(row: SeriesRow) -> None:
    for hidden in (row.series_uid, row.patient_id, row.study_uid):
        assert str(hidden) not in repr(row)


def test_missing_keys_are_none() -> None:
    row = SeriesRow.of({"SeriesInstanceUID": "1.2", "ImageCount": "7", "DateReleased": "some day"})
    assert (row.image_count, row.file_size, row.modality, row.released) == (7, None, None, None)


def test_new_since_a_day(client: NbiaClient) -> None:
    assert client.updated_since(dt.date(2026, 1, 15)) == []
    assert len(client.updated_since(dt.date(2026, 1, 14))) == 5
    assert client.updated_since(dt.date(2026, 1, 14), collection="another") == []


def test_a_series_arrives_whole(client: NbiaClient, row: SeriesRow, root: Path, tmp_path: Path) -> None:
    received = download(client, row, tmp_path)
    sent = {p.read_bytes() for p in (root / "case-01").iterdir()}
    assert {p.read_bytes() for p in received.paths} == sent
    assert (received.count, received.modality, received.uids_checked, received.reused) == (
        8,
        "CT",
        True,
        False,
    )
    assert received.licence is not None
    assert (received.folder / "LICENSE").read_text("utf-8") == received.licence
    assert left_over(tmp_path) == []
    assert not (tmp_path / "quarantine").exists()


def test_a_complete_folder_is_reused_without_a_download(
    client: NbiaClient, server: NbiaStandIn, row: SeriesRow, tmp_path: Path
) -> None:
    first = download(client, row, tmp_path)
    again = download(client, row, tmp_path)
    assert again.reused
    assert again.manifest_sha256 == first.manifest_sha256
    assert server.count("getImage") == 1


def test_half_a_folder_is_discarded(
    client: NbiaClient, server: NbiaStandIn, row: SeriesRow, tmp_path: Path
) -> None:
    received = download(client, row, tmp_path)
    received.paths[2].unlink()
    part = tmp_path / "landing" / ".one.part"
    part.mkdir()
    (part / "00000001.dcm").write_bytes(b"half")
    (tmp_path / "landing" / ".one.part.zip").write_bytes(b"half")
    again = download(client, row, tmp_path)
    assert (again.reused, again.count) == (False, 8)
    assert verified(again.folder) is not None
    assert left_over(tmp_path) == []


@pytest.mark.parametrize(
    "kind", ["500", "503", "empty-200", "cut", "truncated-valid-zip", "wrong-md5", "stall"]
)
def test_what_another_attempt_mends_ends_complete(
    client: NbiaClient, server: NbiaStandIn, row: SeriesRow, tmp_path: Path, kind: str
) -> None:
    server.fault(kind, row.series_uid, count=2)
    received = download(client, row, tmp_path)
    assert received.count == 8
    assert server.count("getImage", row.series_uid) == 3
    assert left_over(tmp_path) == []
    assert not (tmp_path / "quarantine").exists()


@pytest.mark.parametrize(
    ("kind", "code", "why"),
    [
        ("500", "http-500", "HTTP 500"),
        ("503", "http-503", "HTTP 503"),
        ("empty-200", "empty-answer", "empty answer"),
        ("cut", "cut", "cut in the middle"),
        ("truncated-valid-zip", "short-series", "4 of 8 images"),
        ("wrong-md5", "md5-mismatch", "checksum"),
        ("stall", "stalled", "silent for 0.4 s"),
    ],
)
def test_what_stays_broken_fails_with_a_sentence_and_leaves_nothing(
    client: NbiaClient, server: NbiaStandIn, row: SeriesRow, tmp_path: Path, kind: str, code: str, why: str
) -> None:
    server.fault(kind, row.series_uid, count=99)
    with pytest.raises(FetchError) as caught:
        download(client, row, tmp_path)
    assert caught.value.code == code
    assert caught.value.reason.startswith(f"{LABEL}: not delivered in 3 attempts.")
    assert why in caught.value.reason
    assert row.series_uid not in str(caught.value)
    assert server.count("getImage") == 3
    assert not (tmp_path / "landing" / "one").exists()
    assert left_over(tmp_path) == []


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("duplicate-sop", "duplicate-sop-instance"),
        ("zip-slip", "zip-slip"),
        ("symlink", "zip-symlink"),
        ("zip-bomb", "zip-bomb"),
        ("0-byte", "empty-file"),
        ("not-dicom", "not-dicom"),
        ("truncated-dicom", "truncated"),
        ("two-patients", "two-patients"),
        ("two-series", "two-series"),
    ],
)
def test_what_is_bad_at_the_source_goes_to_quarantine_and_the_rest_goes_on(
    client: NbiaClient, server: NbiaStandIn, tmp_path: Path, kind: str, code: str
) -> None:
    bad, good, *_ = client.series(modality="CT")
    server.fault(kind, bad.series_uid, count=99)
    with pytest.raises(QuarantinedError) as caught:
        download(client, bad, tmp_path)
    assert caught.value.code == code
    assert str(caught.value).startswith(f"{LABEL}: ")
    assert server.count("getImage") == 1  # no second attempt: it would bring the same
    evidence = caught.value.evidence
    assert (evidence / "received.zip").stat().st_size > 0
    record = json.loads((evidence / "reason.json").read_text("utf-8"))
    assert (record["code"], record["label"]) == (code, LABEL)
    assert bad.series_uid not in json.dumps(record)
    assert not (tmp_path / "landing" / "one").exists()
    assert left_over(tmp_path) == []
    assert [p for p in tmp_path.parent.rglob("radflow-zip-slip*")] == []
    assert download(client, good, tmp_path).count == 8


def test_an_unknown_series_is_not_asked_for_twice(
    client: NbiaClient, server: NbiaStandIn, tmp_path: Path
) -> None:
    with pytest.raises(FetchError) as caught:
        client.download_series(
            "1.2.3", tmp_path / "landing" / "one", label=LABEL, quarantine_root=tmp_path / "quarantine"
        )
    assert caught.value.code == "refused"
    assert caught.value.reason.startswith(f"{LABEL}: ")
    assert "NLST" in caught.value.instruction
    assert server.count("getImage") == 1


def test_the_count_is_asked_for_where_it_is_not_given(
    client: NbiaClient, server: NbiaStandIn, row: SeriesRow, tmp_path: Path
) -> None:
    server.fault("truncated-valid-zip", row.series_uid)
    received = client.download_series(
        row.series_uid, tmp_path / "landing" / "one", label=LABEL, quarantine_root=tmp_path / "quarantine"
    )
    assert (received.count, server.count("getSeriesSize")) == (8, 1)


def test_a_host_that_lists_no_instances_is_believed_on_the_count(
    client: NbiaClient, server: NbiaStandIn, row: SeriesRow, tmp_path: Path
) -> None:
    server.fault("empty-200", endpoint="getSOPInstanceUIDs")
    assert not download(client, row, tmp_path).uids_checked


def test_a_source_that_announces_more_than_it_has_never_gives_a_short_series(
    client: NbiaClient, row: SeriesRow, tmp_path: Path
) -> None:
    with pytest.raises(FetchError) as caught:
        client.download_series(
            row.series_uid, tmp_path / "landing" / "one", 9, label=LABEL, quarantine_root=tmp_path / "q"
        )
    assert caught.value.code == "short-series"


@pytest.mark.parametrize("kind", ["500", "503", "stall"])
def test_queries_are_retried_too(client: NbiaClient, server: NbiaStandIn, kind: str) -> None:
    server.fault(kind, endpoint="getSeries", count=2)
    assert len(client.series()) == 5
    server.fault(kind, endpoint="getSeries", count=3)
    with pytest.raises(FetchError, match="The list of series: not delivered in 3 attempts"):
        client.series()


def test_an_empty_answer_is_doubted_where_rows_are_expected(client: NbiaClient, server: NbiaStandIn) -> None:
    server.fault("empty-200", endpoint="getSeries", count=2)
    assert len(client.series(expected=True)) == 5
    assert client.series(collection="nothing like it", expected=True) == []
    assert server.count("getSeries") == 6
    server.fault("empty-200", endpoint="getSeries")
    assert client.series() == []


def test_a_server_that_is_not_there(tmp_path: Path, root: Path) -> None:
    with NbiaStandIn(root) as gone:
        url = gone.url
    with (
        NbiaClient(url, timeout=(0.5, 0.5), retries=1, backoff=0) as client,
        pytest.raises(FetchError) as caught,
    ):
        client.collections()
    assert caught.value.code == "unreachable"


def test_a_server_that_drips_is_cut_off(server: NbiaStandIn, row: SeriesRow, tmp_path: Path) -> None:
    with (
        NbiaClient(server.url, retries=0, longest=0.0) as client,
        pytest.raises(FetchError) as caught,
    ):
        download(client, row, tmp_path)
    assert caught.value.code == "too-slow"


def test_a_zip_beyond_the_limits_is_not_even_received(
    server: NbiaStandIn, row: SeriesRow, tmp_path: Path
) -> None:
    with (
        NbiaClient(server.url, retries=0, limits=Limits(total_bytes=10_000)) as client,
        pytest.raises(QuarantinedError) as caught,
    ):
        download(client, row, tmp_path)
    assert caught.value.code == "zip-bomb"


class _Html(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "13")
        self.end_headers()
        self.wfile.write(b"<html></html>")

    def log_message(self, *_: object) -> None:
        pass


def test_a_server_that_is_something_else() -> None:
    with HTTPServer(("127.0.0.1", 0), _Html) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        with (
            NbiaClient(f"http://127.0.0.1:{server.server_port}", retries=0) as client,
            pytest.raises(FetchError) as caught,
        ):
            client.series()
        server.shutdown()
    assert caught.value.code == "not-nbia"


def test_addresses() -> None:
    whole = "https://nbia.example.org/nbia-api/services/v4"
    for given in ("https://nbia.example.org", "https://nbia.example.org/nbia-api/", whole, whole + "/"):
        assert base_address(given) == whole
    with pytest.raises(ValueError, match="http"):
        base_address("nbia.example.org")


KILLED = """
import sys
from pathlib import Path
from research.nbia import NbiaClient
with NbiaClient(sys.argv[1], timeout=(2, 60)) as client:
    uid = sys.argv[2]
    print("ready", flush=True)
    folder = Path(sys.argv[3])
    client.download_series(uid, folder / "landing" / "one", 8, label="x", quarantine_root=folder / "q")
"""


@pytest.mark.skipif(not hasattr(os, "kill") or sys.platform == "win32", reason="needs SIGKILL")
def test_a_download_killed_in_the_middle_leaves_no_series_and_the_next_one_completes(
    client: NbiaClient, server: NbiaStandIn, row: SeriesRow, tmp_path: Path
) -> None:
    server.fault("stall", row.series_uid)
    command = [sys.executable, "-c", KILLED, server.url, row.series_uid, str(tmp_path)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE) as process:
        archive = tmp_path / "landing" / ".one.part.zip"
        end = time.monotonic() + 20
        while not (archive.is_file() and archive.stat().st_size) and time.monotonic() < end:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert archive.is_file()
    assert not (tmp_path / "landing" / "one").exists()
    assert download(client, row, tmp_path).count == 8
    assert left_over(tmp_path) == []


def test_a_real_series_with_odd_elements(tmp_path: Path) -> None:
    real = Path(__file__).parents[3] / "shared" / "data" / "lidc_idri_small"
    archives = sorted(real.glob("*.tar.xz")) if real.is_dir() else []
    if not archives:
        pytest.skip("the LIDC-IDRI sample is not on this machine")
    shutil.unpack_archive(archives[0], tmp_path / "source", filter="data")
    with NbiaStandIn(tmp_path / "source") as server, NbiaClient(server.url) as client:
        for i, row in enumerate(client.series()):
            received = client.download_series(
                row.series_uid,
                tmp_path / "landing" / str(i),
                row.image_count,
                label=f"series {i}",
                quarantine_root=tmp_path / "quarantine",
            )
            assert received.count == row.image_count
