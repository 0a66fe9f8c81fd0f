"""DIMSE as a source, against a real Orthanc and against an archive that misbehaves."""

from __future__ import annotations

import datetime as dt
import gc
import logging
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pynetdicom import AE, evt
from pynetdicom.sop_class import CTImageStorage

from research.dimse import DimseSource, Peer, Receiver, echo, in_words
from research.dimse.receiver import Listening
from research.errors import FetchError
from research.landing import QuarantinedError, Received
from research.sources import OfferedSeries, Patience, Selection, Source, Stopped
from tests.support.certificates import certificate
from tests.support.dimse_peer import BadPeer, bad_peer
from tests.support.orthanc import (
    ACCESSION,
    NAME,
    OURS,
    PATIENT,
    TITLE,
    Made,
    Orthanc,
    compressed,
    free_port,
    orthanc,
    series,
)

# pynetdicom forgets to close the socket of a connection that was refused.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning",
    "ignore:unclosed <socket:ResourceWarning",
)

CHEST = series("chest", 12)
HEAD = series("head", 3, body_part="HEAD")
MR = series(
    "knee", 4, study="two", modality="MR", date="20240601", body_part="KNEE", accession="ACC-2", patient="P2"
)
OLD = compressed()
OPEN: list[DimseSource] = []
Of = Callable[..., DimseSource]
YEAR = (dt.date(2024, 1, 1), None)


@pytest.fixture(scope="module", autouse=True)
def forgotten_sockets() -> Iterator[None]:
    """What pynetdicom forgot is collected here, where the warning is expected."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        running.put(CHEST, HEAD, MR, OLD)
        yield running


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No file of an image stays in the temporary folder, and no port is held."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    while OPEN:
        OPEN.pop().close()
    end = time.monotonic() + 5
    while list(folder.glob("*.dcm")) and time.monotonic() < end:
        time.sleep(0.05)
    assert list(folder.glob("*.dcm")) == []
    assert Receiver._running == {}


def made(*args: object, **more: object) -> DimseSource:
    """A source that is closed at the end of the test."""
    OPEN.append(DimseSource(*args, **more))  # type: ignore[arg-type]
    return OPEN[-1]


def archive(server: Orthanc, **more: object) -> Peer:
    return Peer("127.0.0.1", server.dicom, TITLE, OURS, **{"silence": 10.0, **more})  # type: ignore[arg-type]


def listening(port: int, *callers: str, **more: object) -> Listening:
    return Listening(port, OURS, callers or (TITLE,), "127.0.0.1", **more)  # type: ignore[arg-type]


@pytest.fixture(params=["C-MOVE", "C-GET"])
def source(server: Orthanc, request: pytest.FixtureRequest) -> DimseSource:
    if request.param == "C-GET":
        return made(archive(server), patience=Patience(1, 0.01))
    port = free_port()
    server.register(port)
    return made(archive(server), listening(port), patience=Patience(1, 0.01))


def offer(made: Made) -> OfferedSeries:
    return OfferedSeries(series_uid=made.series, address=made.study, image_count=len(made.images))


def download(source: DimseSource, tmp: Path, one: Made, **more: object) -> Received:
    return source.download(
        offer(one), tmp / "series", label="series 7", quarantine_root=tmp / "quarantine", **more
    )


def pixels(tmp: Path) -> dict[str, bytes]:
    found = {}
    for path in (tmp / "series").glob("*.dcm"):
        image = pydicom.dcmread(path)
        found[str(image.SOPInstanceUID)] = image.PixelData
    return found


def made_pixels(made: Made) -> dict[str, bytes]:
    return {
        uid: pydicom.dcmread(BytesIO(raw)).PixelData for uid, raw in zip(made.sops, made.images, strict=True)
    }


# -- against a real archive ------------------------------------------------------------------------------


def test_echo(server: Orthanc) -> None:
    assert isinstance(made(archive(server)), Source)
    echo(archive(server))
    with pytest.raises(FetchError) as caught:
        echo(Peer("127.0.0.1", server.dicom, "WRONG", OURS))
    assert (caught.value.code, "AE title that we call it" in str(caught.value)) == ("rejected", True)
    with pytest.raises(FetchError) as caught:
        echo(Peer("127.0.0.1", free_port(), TITLE, OURS))
    assert caught.value.code == "unreachable"


def test_searches(server: Orthanc) -> None:
    source = made(archive(server))

    def found(**more: object) -> set[str]:
        return {one.series_uid for one in source.series(Selection(collection="ours", **more))}  # type: ignore[arg-type]

    assert found(studied=(dt.date(2024, 3, 1), dt.date(2024, 3, 31))) == {CHEST.series, HEAD.series}
    assert found(studied=YEAR, modalities=("MR",)) == {MR.series}
    assert found(studied=YEAR, body_part="head") == {HEAD.series}
    assert found(studied=YEAR, description="axial KNEE") == {MR.series}
    assert found(studies=(CHEST.study,), series=(HEAD.series,)) == {HEAD.series}
    assert found(accessions=(ACCESSION,)) == {CHEST.series, HEAD.series}
    assert found(patients=("P2", "P")) == {MR.series}
    (one,) = source.series(Selection(studies=(MR.study,)))
    assert (one.image_count, one.modality, one.body_part, one.address) == (4, "MR", "KNEE", MR.study)
    with pytest.raises(FetchError, match="whole archive"):
        found(modalities=("CT",))


@pytest.mark.parametrize("made", [CHEST, MR, OLD], ids=["chest", "knee", "compressed"])
def test_brings_a_series(source: DimseSource, tmp_path: Path, made: Made) -> None:
    seen: list[int] = []
    got = download(source, tmp_path, made, progress=seen.append)
    assert (got.count, got.uids_checked) == (len(made.images), True)
    assert pixels(tmp_path) == made_pixels(made)
    syntaxes = {pydicom.dcmread(path).file_meta.TransferSyntaxUID for path in got.folder.glob("*.dcm")}
    assert syntaxes == {pydicom.dcmread(BytesIO(made.images[0])).file_meta.TransferSyntaxUID}
    assert download(source, tmp_path, made).reused


def test_what_a_killed_run_had_is_not_fetched_again(source: DimseSource, tmp_path: Path) -> None:
    download(source, tmp_path, CHEST)
    part = tmp_path / ".series.part"
    (tmp_path / "series").rename(part)
    kept = sorted(part.glob("*.dcm"))
    kept[0].unlink()
    kept[1].write_bytes(b"damaged")
    before = {path.name: path.stat().st_mtime_ns for path in kept[2:]}
    download(source, tmp_path, CHEST)
    assert pixels(tmp_path) == made_pixels(CHEST)
    assert all((tmp_path / "series" / name).stat().st_mtime_ns == when for name, when in before.items())


def test_two_series_at_once_share_the_port(server: Orthanc, tmp_path: Path) -> None:
    port = free_port()
    server.register(port)

    def bring(one: Made, name: str) -> None:
        (tmp_path / name).mkdir()
        download(made(archive(server), listening(port)), tmp_path / name, one)

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(bring, CHEST, "a"), pool.submit(bring, MR, "b")]:
            future.result()
    assert pixels(tmp_path / "a") == made_pixels(CHEST)
    assert pixels(tmp_path / "b") == made_pixels(MR)


def test_a_destination_that_the_archive_does_not_know(server: Orthanc, tmp_path: Path) -> None:
    port = free_port()
    peer = Peer("127.0.0.1", server.dicom, TITLE, "NOBODY", silence=5.0)
    source = made(peer, Listening(port, "NOBODY", (TITLE,), "127.0.0.1"), patience=Patience(0, 0.0))
    with pytest.raises(FetchError) as caught:
        download(source, tmp_path, MR)
    assert "C-MOVE" in str(caught.value)


# -- our receiver ----------------------------------------------------------------------------------------


def send_to(port: int, calling: str, called: str, image: bytes) -> int | None:
    """What a sender sees: the status of its C-STORE, or None where it was not let in."""
    ae = AE(ae_title=calling)
    ae.add_requested_context(CTImageStorage)
    association = ae.associate("127.0.0.1", port, ae_title=called)
    if not association.is_established:
        return None
    status = association.send_c_store(pydicom.dcmread(BytesIO(image)))
    association.release()
    return int(status.Status)


def test_only_those_on_the_list_may_send_and_only_what_was_asked_for() -> None:
    port = free_port()
    with Receiver.at(listening(port, "PACS")):
        assert send_to(port, "STRANGER", OURS, CHEST.images[0]) is None
        assert send_to(port, "PACS", "OTHER", CHEST.images[0]) is None
        assert send_to(port, "PACS", OURS, CHEST.images[0]) == 0x0124
    assert send_to(port, "PACS", OURS, CHEST.images[0]) is None


def test_a_port_in_use() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(FetchError) as caught, Receiver.at(listening(other.getsockname()[1])):
            pass
    assert caught.value.code == "port-in-use"
    port = free_port()
    with (
        Receiver.at(listening(port)) as one,
        Receiver.at(listening(port)) as two,
        pytest.raises(FetchError, match="each in its own way"),
        Receiver.at(listening(port, "OTHER")),
    ):
        pass
    assert one is two


def test_a_sender_that_drops_in_the_middle_leaves_nothing() -> None:
    """``nothing_is_left`` looks for the file."""
    port = free_port()
    big = pydicom.dcmread(BytesIO(series("big", 1, size=1024).images[0]))
    with Receiver.at(listening(port, "PACS")):
        ae = AE(ae_title="PACS")
        ae.add_requested_context(CTImageStorage)
        association = ae.associate("127.0.0.1", port, ae_title=OURS)
        sender = threading.Thread(target=association.send_c_store, args=(big,))
        sent: list[int] = []

        def cut(*_: object) -> None:
            sent.append(1)
            if len(sent) == 4:
                association.dul.socket.close()

        association.bind(evt.EVT_PDU_SENT, cut)
        sender.start()
        sender.join(10)
        association.abort()
    assert len(sent) >= 4


# -- an archive that misbehaves --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def one_bad_peer() -> Iterator[BadPeer]:
    with bad_peer(CHEST) as running:
        yield running


@pytest.fixture
def bad(one_bad_peer: BadPeer) -> BadPeer:
    one_bad_peer.made, one_bad_peer.plans, one_bad_peer.asked, one_bad_peer.find_status = CHEST, [], [], 0
    one_bad_peer.cancelled.clear()
    one_bad_peer.destination = free_port()
    return one_bad_peer


def move_from(bad: BadPeer, *, retries: int = 1, silence: float = 5.0, longest: float = 60.0) -> DimseSource:
    peer = Peer("127.0.0.1", bad.port, "BAD", OURS, silence=silence)
    return made(peer, listening(bad.destination, "BAD"), patience=Patience(retries, 0.01), longest=longest)


def get_from(bad: BadPeer, *, retries: int = 1, silence: float = 5.0, longest: float = 60.0) -> DimseSource:
    peer = Peer("127.0.0.1", bad.port, "BAD", OURS, silence=silence)
    return made(peer, patience=Patience(retries, 0.01), longest=longest)


either = pytest.mark.parametrize("of", [move_from, get_from], ids=["C-MOVE", "C-GET"])


@either
@pytest.mark.parametrize("status", [0xA701, 0xA702, 0xC123])
def test_a_failure_for_now_is_asked_again(bad: BadPeer, tmp_path: Path, of: Of, status: int) -> None:
    bad.plans = [{"status": status, "send": 0}]
    download(of(bad), tmp_path, CHEST)
    assert pixels(tmp_path) == made_pixels(CHEST)
    assert len(bad.asked) == 2


@either
@pytest.mark.parametrize(
    ("status", "words"),
    [(0xA801, "does not know our AE title as a destination"), (0xA900, "does not fit"), (0x0122, "not supported"),
     (0x0124, "not authorised")],
)  # fmt: skip
def test_a_failure_for_good_is_told_in_words(
    bad: BadPeer, tmp_path: Path, of: Of, status: int, words: str
) -> None:
    bad.plans = [{"status": status, "send": 0}] * 9
    with pytest.raises(FetchError, match=words) as caught:
        download(of(bad), tmp_path, CHEST)
    assert caught.value.code == f"dimse-{status:04x}"
    assert len(bad.asked) == 1
    assert not (tmp_path / "series").exists()


@either
def test_after_a_partial_failure_only_the_rest_is_asked_for(bad: BadPeer, tmp_path: Path, of: Of) -> None:
    bad.plans = [{"status": 0xB000, "send": 8, "count": 12}]
    download(of(bad), tmp_path, CHEST)
    assert pixels(tmp_path) == made_pixels(CHEST)
    assert [one.QueryRetrieveLevel for one in bad.asked] == ["SERIES", "IMAGE"]
    assert len(bad.asked[1].SOPInstanceUID) == 4


@either
def test_many_missing_images_are_asked_for_in_portions(
    bad: BadPeer, tmp_path: Path, of: Of, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("research.dimse.retrieve._AT_ONCE", 2)
    bad.plans = [{"status": 0xB000, "send": 7, "count": 12}]
    download(of(bad), tmp_path, CHEST)
    assert pixels(tmp_path) == made_pixels(CHEST)
    portions = [one.SOPInstanceUID for one in bad.asked[1:]]
    assert [1 if isinstance(one, str) else len(one) for one in portions] == [2, 2, 1]


@either
def test_success_with_fewer_images_is_no_success(bad: BadPeer, tmp_path: Path, of: Of) -> None:
    bad.plans = [{"send": 7}] + [{"send": 0}] * 9
    with pytest.raises(FetchError, match="5 are missing") as caught:
        download(of(bad), tmp_path, CHEST)
    assert caught.value.code == "short-series"
    assert not (tmp_path / "series").exists()


@either
def test_an_association_aborted_in_the_middle(bad: BadPeer, tmp_path: Path, of: Of) -> None:
    bad.plans = [{"abort_at": 8}]
    download(of(bad), tmp_path, CHEST)
    assert pixels(tmp_path) == made_pixels(CHEST)
    assert len(bad.asked[1].SOPInstanceUID) == 4


@either
def test_silence_is_given_up(bad: BadPeer, tmp_path: Path, of: Of) -> None:
    bad.plans = [{"silent_at": 2, "silence": 3.0}]
    begun = time.monotonic()
    with pytest.raises(FetchError) as caught:
        download(of(bad, retries=0, silence=0.8), tmp_path, CHEST)
    assert caught.value.code == "stalled"
    assert time.monotonic() - begun < 3


@either
def test_what_takes_too_long_is_given_up(bad: BadPeer, tmp_path: Path, of: Of) -> None:
    bad.plans = [{"slow": 0.3}]
    with pytest.raises(FetchError) as caught:
        download(of(bad, retries=0, longest=0.5), tmp_path, CHEST)
    assert caught.value.code == "too-slow"


@either
def test_a_stopped_task_cancels(bad: BadPeer, tmp_path: Path, of: Of) -> None:
    bad.plans = [{"slow": 0.3}]

    def stopped(done: int) -> None:
        if done:
            raise Stopped

    with pytest.raises(Stopped):
        download(of(bad), tmp_path, CHEST, progress=stopped)
    assert bad.cancelled.wait(5)


@either
def test_images_nobody_asked_for_are_refused(bad: BadPeer, tmp_path: Path, of: Of) -> None:
    bad.plans = [{"more": [pydicom.dcmread(BytesIO(HEAD.images[0]))]}]
    download(of(bad), tmp_path, CHEST)
    assert pixels(tmp_path) == made_pixels(CHEST)


@either
def test_an_image_broken_at_the_source_goes_to_the_quarantine(bad: BadPeer, tmp_path: Path, of: Of) -> None:
    broken = [pydicom.dcmread(BytesIO(raw)) for raw in CHEST.images]
    del broken[3].PixelData
    out = BytesIO()
    broken[3].save_as(out, enforce_file_format=True)
    images = [*CHEST.images[:3], out.getvalue(), *CHEST.images[4:]]
    bad.made = Made(CHEST.study, CHEST.series, tuple(images), CHEST.sops)
    with pytest.raises(QuarantinedError) as caught:
        download(of(bad), tmp_path, CHEST)
    assert caught.value.code == "truncated"
    assert len(list((caught.value.evidence / "received").glob("*.dcm"))) == 12


def test_more_images_than_announced(bad: BadPeer, tmp_path: Path) -> None:
    one = OfferedSeries(series_uid=CHEST.series, address=CHEST.study, image_count=11)
    with pytest.raises(FetchError) as caught:
        get_from(bad).download(one, tmp_path / "x", label="series 1", quarantine_root=tmp_path)
    assert caught.value.code == "other-count"


@pytest.mark.parametrize(
    ("status", "code"), [(0xA700, "dimse-a700"), (0xC001, "dimse-c001"), (0x0122, "dimse-0122")]
)
def test_a_search_that_fails(bad: BadPeer, status: int, code: str) -> None:
    bad.find_status = status
    with pytest.raises(FetchError) as caught:
        list(get_from(bad).series(Selection(studied=YEAR)))
    assert caught.value.code == code


def test_a_rejected_association_is_told(tmp_path: Path) -> None:
    with bad_peer(CHEST, refuse=True) as running, pytest.raises(FetchError) as caught:
        list(get_from(running).series(Selection(studied=YEAR)))
    assert caught.value.code == "rejected"
    assert "does not know our AE title" in caught.value.reason


def test_nobody_is_named_in_logs_or_errors(
    bad: BadPeer, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    list(get_from(bad).series(Selection(patients=(PATIENT,))))
    bad.plans = [{"send": 2}] * 9
    with pytest.raises(FetchError) as caught:
        download(move_from(bad), tmp_path, CHEST)
    told = caplog.text + "".join(capfd.readouterr()) + str(caught.value) + repr(caught.value)
    for secret in (PATIENT, NAME, ACCESSION, CHEST.series, CHEST.study, *CHEST.sops):
        assert secret not in told


@pytest.mark.parametrize("way", ["C-MOVE", "C-GET"])
def test_tls(tmp_path: Path, way: str) -> None:
    ours = certificate(tmp_path)
    with bad_peer(CHEST, tls=ours) as running:
        running.destination = free_port()
        peer = Peer("127.0.0.1", running.port, "BAD", OURS, tls=ours.client())
        where = listening(running.destination, "BAD", tls=ours.server()) if way == "C-MOVE" else None
        download(made(peer, where, patience=Patience(0, 0.0)), tmp_path, CHEST)
        assert pixels(tmp_path) == made_pixels(CHEST)
        for other in (None, ssl.create_default_context()):
            with pytest.raises(FetchError) as caught:
                echo(
                    Peer("127.0.0.1", running.port, "BAD", OURS, silence=2.0, connect_timeout=2.0, tls=other)
                )
            assert caught.value.code == "unreachable"


@pytest.mark.parametrize(
    ("status", "words"),
    [(0xA801, "destination"), (0xC0DE, "cannot process it (0xC0DE)"), (0xA7FF, "out of resources"),
     (0x0124, "not authorised"), (0x1234, "unknown answer (0x1234)"), (-1, "without an answer")],
)  # fmt: skip
def test_statuses_in_words(status: int, words: str) -> None:
    assert words in in_words(status)


@pytest.mark.parametrize(
    "fields", [{"ae_title": ""}, {"calling": "X" * 17}, {"host": ""}, {"port": 0}, {"port": 70000}]
)
def test_what_is_no_peer(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"AE title|host"):
        Peer(**{"host": "a", "port": 1, "ae_title": "A", "calling": "B", **fields})  # type: ignore[arg-type]
