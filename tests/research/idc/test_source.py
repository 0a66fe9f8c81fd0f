"""IDC over real sockets: every fault ends in a whole series, in one clear sentence, or in quarantine."""

from __future__ import annotations

import logging
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest

from research.errors import FetchError
from research.idc import Bucket, IdcIndex, IdcSource
from research.idc.s3 import split
from research.landing import QuarantinedError, Received, verified
from research.sources import OfferedSeries, Patience, Selection, Source
from scripts.standins.idc import IdcStandIn
from scripts.standins.idc.holdings import folder_of

LABEL = "series 1 of DEMO"
MENDED = ("slow-down", "500", "cut", "stall", "truncated", "longer", "wrong-bytes", "redirect", "changed")
LISTS = ("slow-down", "500", "short-listing", "other-size", "endless-listing", "no-listing")


def download(source: IdcSource, offer: OfferedSeries, folder: Path, **more: object) -> Received:
    return source.download(
        offer, folder / "landing" / "one", label=LABEL, quarantine_root=folder / "quarantine", **more
    )  # type: ignore[arg-type]


def left_over(folder: Path) -> list[str]:
    return [path.name for path in (folder / "landing").iterdir() if path.name != "one"]


@pytest.fixture(autouse=True)
def no_uid_is_logged(caplog: pytest.LogCaptureFixture, server: IdcStandIn):
    with caplog.at_level(logging.INFO):
        yield
    assert [one.uid for one in server.holdings.series.values() if one.uid in caplog.text] == []


def test_is_a_source(source: IdcSource) -> None:
    assert isinstance(source, Source)


def test_a_series_arrives_whole(
    source: IdcSource, server: IdcStandIn, offer: OfferedSeries, tmp_path: Path
) -> None:
    told: list[int] = []
    received = download(source, offer, tmp_path, progress=told.append)
    assert received.count == offer.image_count == 8
    assert received.bytes == offer.byte_count == told[-1] == max(told)
    held = {one.path.read_bytes() for one in server.holdings.below(folder_of(offer.series_uid))}
    assert {path.read_bytes() for path in received.paths} == held
    assert verified(tmp_path / "landing" / "one", series_uid=offer.series_uid) is not None
    assert left_over(tmp_path) == []
    assert server.count("list") == 3  # in pages of three keys
    assert download(source, offer, tmp_path).reused
    assert server.count("get") == 8


def test_the_address_is_looked_up_where_it_was_not_noted(
    source: IdcSource, offer: OfferedSeries, tmp_path: Path
) -> None:
    assert download(source, replace(offer, address="http://nbia.example.org"), tmp_path).count == 8
    shutil.rmtree(tmp_path / "landing")
    assert download(source, replace(offer, address=None), tmp_path).count == 8
    with pytest.raises(FetchError, match="does not have it") as caught:
        download(source, OfferedSeries("1.2.3"), tmp_path)
    assert caught.value.code == "nothing-there"


@pytest.mark.parametrize("kind", MENDED)
def test_a_fault_of_an_object_is_mended_by_trying_again(
    source: IdcSource, server: IdcStandIn, offer: OfferedSeries, tmp_path: Path, kind: str
) -> None:
    server.fault(kind, offer.series_uid)
    assert download(source, offer, tmp_path).count == 8
    assert server.count("get", offer.series_uid) == 9
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("kind", MENDED)
def test_a_lasting_fault_of_an_object_is_one_sentence(
    source: IdcSource, server: IdcStandIn, offer: OfferedSeries, tmp_path: Path, kind: str
) -> None:
    server.fault(kind, offer.series_uid, count=999)
    with pytest.raises(FetchError) as caught:
        download(source, offer, tmp_path)
    assert caught.value.reason.startswith(LABEL)
    assert caught.value.instruction
    assert offer.series_uid not in str(caught.value)
    assert not (tmp_path / "landing" / "one").exists()
    server.clear()
    assert download(source, offer, tmp_path).count == 8


@pytest.mark.parametrize(
    ("kind", "code"), [("403", "denied"), ("missing", "missing-object"), ("moved", "redirected")]
)
def test_a_refusal_is_not_asked_for_twice(
    source: IdcSource, server: IdcStandIn, offer: OfferedSeries, tmp_path: Path, kind: str, code: str
) -> None:
    server.fault(kind, offer.series_uid, count=999)
    with pytest.raises(FetchError) as caught:
        download(source, offer, tmp_path)
    assert caught.value.code == code
    assert server.count("get", offer.series_uid) <= source.parallel


@pytest.mark.parametrize("kind", LISTS)
def test_a_fault_of_the_listing_is_mended_by_trying_again(
    source: IdcSource, server: IdcStandIn, offer: OfferedSeries, tmp_path: Path, kind: str
) -> None:
    server.fault(kind, offer.series_uid, on="list", count=3 if kind == "short-listing" else 1)
    if kind == "endless-listing":  # the page after the last one is empty, and so no listing
        server.fault(kind, offer.series_uid, count=3)
    assert download(source, offer, tmp_path).count == 8


@pytest.mark.parametrize(
    ("kind", "code"),
    [("short-listing", "short-series"), ("other-size", "size-mismatch"), ("no-listing", "not-s3"), ("403", "denied"),
     ("endless-listing", "not-s3")],
)  # fmt: skip
def test_a_lasting_fault_of_the_listing_is_one_sentence(
    source: IdcSource, server: IdcStandIn, offer: OfferedSeries, tmp_path: Path, kind: str, code: str
) -> None:
    server.fault(kind, offer.series_uid, on="list", count=999)
    with pytest.raises(FetchError) as caught:
        download(source, offer, tmp_path)
    assert caught.value.code == code
    assert LABEL in caught.value.reason
    assert server.count("get") == 0


@pytest.mark.parametrize("kind", ["no-ranges", "other-range"])
def test_a_range_that_is_not_kept_to_spoils_nothing(
    source: IdcSource, server: IdcStandIn, offer: OfferedSeries, tmp_path: Path, kind: str
) -> None:
    server.fault("cut", offer.series_uid, count=2)
    server.fault(kind, offer.series_uid, count=2)
    assert download(source, offer, tmp_path).count == 8
    assert any(one.fault == kind and one.range for one in server.requests)


def test_a_cut_object_goes_on_where_it_broke_off(
    source: IdcSource, server: IdcStandIn, offer: OfferedSeries, tmp_path: Path
) -> None:
    server.fault("cut", offer.series_uid)
    download(source, offer, tmp_path)
    (again,) = [one for one in server.requests if one.range]
    assert 0 < int(again.range.removeprefix("bytes=").rstrip("-")) < (offer.byte_count or 0)


def test_an_object_that_was_uploaded_in_parts_is_checked_by_its_size(
    source: IdcSource, server: IdcStandIn, offer: OfferedSeries, tmp_path: Path
) -> None:
    server.fault("multipart", offer.series_uid, count=3)
    server.fault("truncated", offer.series_uid)
    assert download(source, offer, tmp_path).count == 8


def test_what_an_earlier_attempt_had_is_not_asked_for_again(
    source: IdcSource, server: IdcStandIn, offer: OfferedSeries, tmp_path: Path
) -> None:
    class Refused(Exception):
        pass

    def progress(done: int) -> None:
        if done > (offer.byte_count or 0) * 0.55:
            raise Refused

    with pytest.raises(Refused):
        download(IdcSource(source.index, source.bucket, parallel=1), offer, tmp_path, progress=progress)
    assert server.count("get", offer.series_uid) == 5
    (part,) = left_over(tmp_path)
    assert len(list((tmp_path / "landing" / part).glob("*.dcm"))) == 4
    assert download(source, offer, tmp_path).count == 8
    assert server.count("get", offer.series_uid) == 9
    assert any(one.range for one in server.requests)  # the fifth went on where it was left


KILLED = """
import sys
from pathlib import Path
from research.idc import Bucket, IdcIndex, IdcSource
from research.sources import Selection
source = IdcSource(IdcIndex.of([Path(sys.argv[2])]), Bucket(sys.argv[1], timeout=(2, 60)), parallel=1)
one = next(o for o in source.series(Selection(series=(sys.argv[3],))))
source.download(one, Path(sys.argv[4]) / "landing" / "one", label="x", quarantine_root=Path(sys.argv[4]) / "q")
"""


def test_a_killed_download_is_taken_up(
    source: IdcSource, server: IdcStandIn, offer: OfferedSeries, tmp_path: Path
) -> None:
    stalled = server.holdings.below(folder_of(offer.series_uid))[5].key  # the sixth of eight
    server.stall_at = stalled
    command = [sys.executable, "-c", KILLED, server.url, str(server.index), offer.series_uid, str(tmp_path)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[3]) as process:
        end = time.monotonic() + 30
        while server.count("get") < 6 and time.monotonic() < end:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    server.stall_at = ""
    assert server.count("get") == 6
    assert not (tmp_path / "landing" / "one").exists()
    assert download(source, offer, tmp_path).count == 8
    assert server.count("get") == 6 + 3
    assert left_over(tmp_path) == []


def test_objects_of_another_content_are_not_mixed_in(
    source: IdcSource, offer: OfferedSeries, tmp_path: Path
) -> None:
    part = tmp_path / "landing" / ".one.part"
    part.mkdir(parents=True)
    (part / "objects.json").write_text("[]")
    (part / "00000001.dcm").write_bytes(b"of another version")
    assert download(source, offer, tmp_path).count == 8


@pytest.mark.parametrize(
    ("change", "code"), [("patient", "two-patients"), ("series", "two-series"), ("text", "not-dicom")]
)
def test_what_is_bad_in_the_bucket_goes_to_quarantine(
    root: Path, tmp_path: Path, change: str, code: str
) -> None:
    shutil.copytree(root, tmp_path / "bad")
    with IdcStandIn(tmp_path / "bad") as server:
        index = IdcIndex.of([server.index])
        offer = next(index.select(Selection(modalities=("CT",))))
        stored = server.holdings.below(folder_of(offer.series_uid))
        image = pydicom.dcmread(stored[3].path)
        if change == "patient":
            image.PatientID = "RF-STRANGER"
        elif change == "series":
            image.SeriesInstanceUID = "1.2.3"
        image.save_as(stored[3].path)
        if change == "text":
            stored[3].path.write_bytes(b"not an image" * 99)
        uid = offer.series_uid
        server.holdings = type(server.holdings)(
            {
                one.key: replace(one, size=one.path.stat().st_size, md5=_md5(one.path))
                for one in server.holdings.objects.values()
            },
            server.holdings.series,
        )
        source = IdcSource(index, Bucket(server.url, patience=Patience(0, 0)))
        with pytest.raises(QuarantinedError) as caught:
            download(source, replace(offer, byte_count=None), tmp_path)
        source.close()
    assert caught.value.code == code
    assert (caught.value.evidence / "reason.json").is_file()
    assert uid not in (caught.value.evidence / "reason.json").read_text()
    assert left_over(tmp_path) == []


def _md5(path: Path) -> str:
    from research.landing.archives import digest

    return digest(path).md5


def test_a_server_that_is_not_there(source: IdcSource, offer: OfferedSeries, tmp_path: Path) -> None:
    gone = IdcSource(source.index, Bucket("http://127.0.0.1:9", patience=Patience(1, 0)))
    with pytest.raises(FetchError) as caught:
        download(gone, offer, tmp_path)
    assert caught.value.code == "unreachable"


def test_addresses() -> None:
    own = Bucket()
    assert own.url("s3", "idc-open-data", "a/b c.dcm") == "https://idc-open-data.s3.amazonaws.com/a/b%20c.dcm"
    assert own.url("gs", "idc-open-idc1", "a") == "https://storage.googleapis.com/idc-open-idc1/a"
    assert Bucket("http://h:1/").url("s3", "b", "k") == "http://h:1/b/k"
    assert split("s3://idc-open-data/0a1b/*") == ("s3", "idc-open-data", "0a1b")
    for bad in ("file:///etc/passwd", "s3:///x/*", "http://h/b/k"):
        with pytest.raises(FetchError):
            split(bad)
    with pytest.raises(ValueError, match="http"):
        Bucket("ftp://h")
