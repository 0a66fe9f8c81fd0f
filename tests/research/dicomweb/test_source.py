"""DICOMweb as a source, against a real Orthanc and against what bad servers do."""

from __future__ import annotations

import datetime as dt
import json
import logging
import re
import time
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest

from research.dicomweb import DicomWebSource, Login, Transport, send
from research.errors import FetchError
from research.landing import QuarantinedError, Received
from research.sources import OfferedSeries, Selection, Source, Stopped
from tests.research.dicomweb.conftest import CHEST, HEAD, MR, OLD, offer, source_at
from tests.support.certificates import certificate
from tests.support.dicomweb_proxy import Proxy, proxy
from tests.support.orthanc import ACCESSION, NAME, PATIENT, Made, Orthanc, series

SPRING = (dt.date(2024, 3, 1), dt.date(2024, 3, 31))
YEAR = (dt.date(2024, 1, 1), None)


def download(
    source: DicomWebSource, tmp: Path, made: Made, count: int | None = -1, **more: object
) -> Received:
    return source.download(
        offer(made, count), tmp / "series", label="series 7", quarantine_root=tmp / "quarantine", **more
    )


def is_whole(tmp: Path, made: Made) -> bool:
    """Every byte as the archive holds it."""
    return {path.read_bytes() for path in (tmp / "series").glob("*.dcm")} == set(made.images)


# -- search ----------------------------------------------------------------------------------------------


def test_it_is_a_source(source: DicomWebSource) -> None:
    assert isinstance(source, Source)


@pytest.mark.parametrize("page", [1, 2, 200])
def test_searches_by_what_identifies_nobody(web: Proxy, page: int) -> None:
    source = source_at(web.url, page=page)

    def found(**more: object) -> set[str]:
        return {one.series_uid for one in source.series(Selection(collection="ours", **more))}  # type: ignore[arg-type]

    assert found(studied=SPRING) == {CHEST.series, HEAD.series}
    assert found(studied=YEAR) == {CHEST.series, HEAD.series, MR.series}
    assert found(studied=YEAR, modalities=("MR",)) == {MR.series}
    assert found(studied=YEAR, modalities=("MR", "CT"), body_part="head") == {HEAD.series}
    assert found(studied=YEAR, description="AXIAL chest") == {CHEST.series}
    assert found(studied=YEAR, description="thorax two") == {MR.series}
    assert found(studied=(dt.date(2030, 1, 1), None)) == set()
    source.close()


def test_searches_by_names_from_a_file(source: DicomWebSource) -> None:
    def found(**more: object) -> set[str]:
        return {one.series_uid for one in source.series(Selection(**more))}  # type: ignore[arg-type]

    assert found(studies=(MR.study, "1.2.3")) == {MR.series}
    assert found(studies=(CHEST.study,), series=(HEAD.series,)) == {HEAD.series}
    assert found(accessions=(ACCESSION,)) == {CHEST.series, HEAD.series}
    assert found(patients=("P2", PATIENT), modalities=("MR",)) == {MR.series}
    assert found(accessions=("ACC",)) == set()


def test_an_offer_says_what_the_archive_says(source: DicomWebSource) -> None:
    (one,) = source.series(Selection(studies=(MR.study,)))
    assert (one.image_count, one.modality, one.body_part, one.study_uid) == (4, "MR", "KNEE", MR.study)
    assert (one.address, one.collection, one.patient_id) == (MR.study, None, "P2")
    assert MR.study not in repr(one)


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (Selection(collection="x"), "too-much"),
        (Selection(modalities=("CT",), studied=(None, dt.date(2024, 1, 1))), "too-much"),
        (Selection(series=("1.2",)), "no-study"),
        (Selection(addresses=("s3://b/c/*",)), "other-source"),
        (Selection(accessions=("*",)), "bad-request-file"),
        (Selection(patients=("A\\B",)), "bad-request-file"),
    ],
)
def test_questions_that_are_not_asked(
    source: DicomWebSource, web: Proxy, wanted: Selection, code: str
) -> None:
    with pytest.raises(FetchError) as caught:
        list(source.series(wanted))
    assert caught.value.code == code
    assert web.paths == []


def test_a_server_that_ignores_the_criteria_gives_no_more_than_asked_for(web: Proxy, server: Orthanc) -> None:
    web.plan("studies?", change=lambda body, head: (200, _all(server, "studies"), head), count=9)
    web.plan(
        "/series?",
        change=lambda body, head: (200, _all(server, f"studies/{CHEST.study}/series"), head),
        count=9,
    )
    source = source_at(web.url)
    found = list(source.series(Selection(accessions=(ACCESSION,), body_part="HEAD")))
    assert [one.series_uid for one in found] == [HEAD.series]


def _all(server: Orthanc, path: str) -> bytes:
    import requests

    asked = {"includefield": ["00080020", "00080050", "00081030", "00180015", "0008103E", "00201209"]}
    return requests.get(f"{server.web}/{path}", params=asked, timeout=30).content


def test_a_server_that_cannot_page_is_told_of(web: Proxy) -> None:
    web.plan("studies?", change=_first_page(2), count=99)
    source = source_at(web.url, page=2)
    with pytest.raises(FetchError, match="same page again") as caught:
        list(source.series(Selection(studied=YEAR)))
    assert caught.value.code == "no-paging"


def _first_page(rows: int) -> Callable[[bytes, dict[str, str]], tuple[int, bytes, dict[str, str]]]:
    kept: list[bytes] = []

    def change(body: bytes, head: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        kept.append(json.dumps(json.loads(body)[:rows]).encode() if body else b"[]")
        return 200, kept[0], head

    return change


def test_a_smaller_page_than_asked_for_is_no_end(web: Proxy, server: Orthanc) -> None:
    everything = json.loads(_all(server, "studies"))

    def change(body: bytes, head: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        offset = int(re.search(r"offset=(\d+)", web.paths[-1])[1])  # type: ignore[index]
        return 200, json.dumps(everything[offset : offset + 1]).encode(), head

    web.plan("studies?", change=change, count=99)
    found = source_at(web.url).series(Selection(studied=YEAR))
    assert {one.series_uid for one in found} == {CHEST.series, HEAD.series, MR.series}


@pytest.mark.parametrize("body", [b"<html>MRN-4711-0815</html>", b'{"a": 1}', b'["x"]', b'[{"0020000D": '])
def test_answers_that_are_no_dicom_json(web: Proxy, body: bytes) -> None:
    web.plan("studies?", change=lambda *_: (200, body, {"Content-Type": "text/html"}), count=99)
    with pytest.raises(FetchError) as caught:
        list(source_at(web.url, retries=1).series(Selection(studied=YEAR)))
    assert caught.value.code == "not-dicomweb"
    assert "4711" not in str(caught.value)


def test_nothing_there_is_no_content(web: Proxy) -> None:
    web.plan("studies?", change=lambda *_: (204, b"", {}), count=9)
    assert list(source_at(web.url).series(Selection(studied=YEAR))) == []


# -- retrieve --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("made", [CHEST, MR, OLD], ids=["chest", "knee", "compressed"])
def test_brings_every_byte_as_the_archive_holds_it(
    source: DicomWebSource, web: Proxy, tmp_path: Path, made: Made
) -> None:
    seen: list[int] = []
    got = download(source, tmp_path, made, progress=seen.append)
    assert is_whole(tmp_path, made)
    assert (got.count, got.uids_checked, got.bytes) == (len(made.images), True, sum(map(len, made.images)))
    assert seen == sorted(seen)
    assert seen[-1] == got.bytes
    before = len(web.paths)
    again = download(source, tmp_path, made)
    assert again.reused
    assert len(web.paths) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["series"]


def test_a_whole_series_is_one_request(source: DicomWebSource, web: Proxy, tmp_path: Path) -> None:
    download(source, tmp_path, CHEST)
    assert len(web.paths) == 2
    assert "transfer-syntax=*" in web.headers[-1]["Accept"]


@pytest.mark.parametrize("cut", [0.02, 0.55, 0.97])
def test_after_a_cut_only_what_is_missing_is_asked_for(
    source: DicomWebSource, web: Proxy, tmp_path: Path, cut: float
) -> None:
    web.plan(f"{CHEST.series}", cut=1.0, count=1)  # the list of images
    web.plan(f"{CHEST.series}", cut=cut, count=1)
    download(source, tmp_path, CHEST)
    assert is_whole(tmp_path, CHEST)
    single = sum(f"/instances/{uid}" in path for uid in CHEST.sops for path in web.paths)
    assert single == {0.02: 12, 0.55: 6, 0.97: 1}[cut]


def test_what_a_killed_run_had_is_not_fetched_again(
    source: DicomWebSource, web: Proxy, tmp_path: Path
) -> None:
    def killed(done: int) -> None:
        if done > 5 * len(CHEST.images[0]):
            raise Stopped

    with pytest.raises(Stopped):
        download(source, tmp_path, CHEST, progress=killed)
    part = tmp_path / ".series.part"
    kept = sorted(part.glob("*.dcm"))
    assert 3 <= len(kept) <= 5
    kept[0].write_bytes(kept[0].read_bytes()[:-100])  # what was damaged since is fetched again
    (part / "00000099.part").write_bytes(b"half")
    before = len(web.paths)
    download(source, tmp_path, CHEST)
    assert is_whole(tmp_path, CHEST)
    assert len(web.paths) - before in (2, 2 + 12 - len(kept) + 1)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_server_under_load_is_asked_again(
    source: DicomWebSource, web: Proxy, tmp_path: Path, status: int
) -> None:
    web.plan("/series/", status=status, count=2)
    download(source, tmp_path, CHEST)
    assert is_whole(tmp_path, CHEST)


def test_retry_after_is_heeded(web: Proxy, tmp_path: Path) -> None:
    web.plan("/instances", status=503, headers={"Retry-After": "1"})
    begun = time.monotonic()
    download(source_at(web.url), tmp_path, MR)
    assert web.times[1] - web.times[0] >= 1.0
    assert time.monotonic() - begun < 30


def test_a_server_that_falls_silent_is_asked_again(web: Proxy, tmp_path: Path) -> None:
    web.plan("/instances", pause=1.5)
    download(source_at(web.url, timeout=(5.0, 0.7)), tmp_path, MR)
    assert web.asked("/instances?") >= 2


def test_a_server_that_trickles_is_given_up(web: Proxy, tmp_path: Path) -> None:
    web.plan(MR.series, count=1)
    web.plan(MR.series, trickle=0.05, count=99)
    source = source_at(web.url, retries=1, longest=0.3)
    with pytest.raises(FetchError) as caught:
        download(source, tmp_path, MR)
    assert caught.value.code == "too-slow"


def test_fewer_images_than_announced(source: DicomWebSource, web: Proxy, tmp_path: Path) -> None:
    with pytest.raises(FetchError) as caught:
        download(source, tmp_path, CHEST, 13)
    assert caught.value.code == "other-count"
    assert not (tmp_path / "series").exists()


def test_fewer_images_than_listed_are_asked_for_one_by_one(
    source: DicomWebSource, web: Proxy, tmp_path: Path
) -> None:
    web.plan("/instances", count=1)
    web.plan(f"series/{MR.series}", change=_without(*MR.sops[:2]))
    download(source, tmp_path, MR)
    assert is_whole(tmp_path, MR)
    assert web.asked("/instances/") == 2


def _without(*sops: str) -> Callable[[bytes, dict[str, str]], tuple[int, bytes, dict[str, str]]]:
    def change(body: bytes, head: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        edge = body.split(b"\r\n", 1)[0]
        pieces = [piece for piece in body.split(edge) if not any(uid.encode() in piece for uid in sops)]
        return 200, edge.join(pieces), head

    return change


def test_an_image_that_never_comes_fails_the_series(web: Proxy, tmp_path: Path) -> None:
    web.plan("/instances?", count=1)
    web.plan(f"/instances/{MR.sops[1]}", status=404, count=99)
    web.plan(f"series/{MR.series}", change=_without(*MR.sops[:2]))
    with pytest.raises(FetchError) as caught:
        download(source_at(web.url), tmp_path, MR)
    assert caught.value.code == "nothing-there"
    assert caught.value.reason.startswith("series 7")
    assert not re.search(r"\d+\.\d+\.\d+", str(caught.value))


@pytest.mark.parametrize(
    "change",
    [
        lambda body, head: (200, body.replace(b"DICM", b"XXXX"), head),
        lambda body, head: (200, body[: len(body) // 2] + body[len(body) // 2 + 900 :], head),
    ],
    ids=["no DICOM", "bytes lost in a part"],
)
def test_bytes_damaged_on_the_way(
    source: DicomWebSource,
    web: Proxy,
    tmp_path: Path,
    change: Callable[..., tuple[int, bytes, dict[str, str]]],
) -> None:
    web.plan("/instances?", count=1)
    web.plan(f"series/{MR.series}", change=change)
    download(source, tmp_path, MR)
    assert is_whole(tmp_path, MR)


def test_an_image_that_is_broken_at_the_source_goes_to_the_quarantine(web: Proxy, tmp_path: Path) -> None:
    web.plan("/instances?", count=1)
    web.plan(f"/instances/{MR.sops[1]}", change=_truncated, count=99)
    web.plan(f"series/{MR.series}", change=_without(*MR.sops[1:]))
    with pytest.raises(QuarantinedError) as caught:
        download(source_at(web.url), tmp_path, MR)
    assert caught.value.code == "truncated"
    assert len(list((caught.value.evidence / "received").glob("*.dcm"))) == 4
    record = (caught.value.evidence / "reason.json").read_text()
    assert PATIENT not in record
    assert MR.series not in record


def _truncated(body: bytes, head: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
    edge = body.split(b"\r\n", 1)[0]
    start, content, end = body.split(edge)
    return 200, edge.join([start, content[:-600] + b"\r\n", end]), head


@pytest.mark.parametrize("boundary", ['"another"', "", '"--{}"', "{}"])
def test_boundaries_announced_wrongly(
    source: DicomWebSource, web: Proxy, tmp_path: Path, boundary: str
) -> None:
    def change(body: bytes, head: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        own = body.split(b"\r\n", 1)[0][2:].decode()
        said = f"; boundary={boundary.format(own)}" if boundary else ""
        return 200, body, {"Content-Type": f'multipart/related; type="application/dicom"{said}'}

    web.plan("/instances?", count=1)
    web.plan(f"series/{MR.series}", change=change)
    download(source, tmp_path, MR)
    assert is_whole(tmp_path, MR)
    assert len(web.paths) == 2


@pytest.mark.parametrize("kind", ["text/html", "application/json", "application/zip", ""])
def test_something_else_than_images(web: Proxy, tmp_path: Path, kind: str) -> None:
    web.plan("/instances?", count=1)
    web.plan(MR.series, change=lambda body, head: (200, b"x" * 99, {"Content-Type": kind}), count=99)
    with pytest.raises(FetchError) as caught:
        download(source_at(web.url, retries=1), tmp_path, MR)
    assert caught.value.code == "not-dicomweb"


def test_a_part_of_another_type(source: DicomWebSource, web: Proxy, tmp_path: Path) -> None:
    web.plan("/instances?", count=1)
    web.plan(
        MR.series,
        change=lambda body, head: (200, body.replace(b"Type: application/dicom", b"Type: text/plain"), head),
    )
    download(source, tmp_path, MR)
    assert is_whole(tmp_path, MR)


def test_one_image_without_multipart(source: DicomWebSource, web: Proxy, tmp_path: Path) -> None:
    web.plan("/instances?", count=1)
    web.plan(
        OLD.series, change=lambda body, head: (200, OLD.images[0], {"Content-Type": "application/dicom"})
    )
    download(source, tmp_path, OLD)
    assert is_whole(tmp_path, OLD)


def test_images_nobody_asked_for_are_not_kept(source: DicomWebSource, web: Proxy, tmp_path: Path) -> None:
    def change(body: bytes, head: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        edge = body.split(b"\r\n", 1)[0]
        more = b"\r\nContent-Type: application/dicom\r\n\r\n" + HEAD.images[0] + b"\r\n"
        return 200, edge + more + body, head

    web.plan("/instances?", count=1)
    web.plan(MR.series, change=change)
    download(source, tmp_path, MR)
    assert is_whole(tmp_path, MR)


def test_a_server_without_original_syntaxes(
    web: Proxy, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    web.plan("/instances?", count=1)
    web.plan(MR.series, status=406)
    download(source_at(web.url), tmp_path, MR)
    assert is_whole(tmp_path, MR)
    assert "transfer-syntax" not in web.headers[-1]["Accept"]
    assert "syntax it holds them" in caplog.text


def test_a_server_that_gives_images_one_by_one_only(
    source: DicomWebSource, web: Proxy, tmp_path: Path
) -> None:
    web.plan("/instances?", count=1)
    web.plan(f"series/{MR.series}", status=501)
    download(source, tmp_path, MR)
    assert is_whole(tmp_path, MR)
    assert web.asked("/instances/") == 4


@pytest.mark.parametrize(
    ("status", "code"), [(401, "denied"), (403, "denied"), (302, "redirected"), (400, "http-400")]
)
def test_refusals_are_not_asked_again(web: Proxy, tmp_path: Path, status: int, code: str) -> None:
    web.plan("/studies", status=status, headers={"Location": "http://elsewhere/"}, count=99)
    with pytest.raises(FetchError) as caught:
        list(source_at(web.url).series(Selection(studied=YEAR)))
    assert caught.value.code == code
    assert len(web.paths) == 1
    assert "4711" not in str(caught.value)


def test_logins(web: Proxy) -> None:
    for login in (Login("ann", "s3cret"), Login("", "tok"), None):
        list(source_at(web.url, login=login).series(Selection(studied=(dt.date(2030, 1, 1), None))))
    assert [head.get("Authorization") for head in web.headers] == [
        "Basic YW5uOnMzY3JldA==",
        "Bearer tok",
        None,
    ]
    assert "s3cret" not in repr(Login("ann", "s3cret"))


def test_nobody_is_named_in_logs_or_errors(
    web: Proxy, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    source = source_at(web.url, retries=1)
    list(source.series(Selection(patients=(PATIENT,))))
    web.plan(CHEST.series, count=1)
    web.plan(CHEST.series, cut=0.4, count=99)
    with pytest.raises(FetchError) as caught:
        download(source, tmp_path, CHEST)
    told = caplog.text + str(caught.value) + repr(caught.value)
    for secret in (PATIENT, NAME, ACCESSION, CHEST.series, CHEST.study, *CHEST.sops):
        assert secret not in told


def test_an_offer_of_another_source(source: DicomWebSource, tmp_path: Path) -> None:
    other = OfferedSeries(series_uid=MR.series, address="s3://bucket/x/*")
    with pytest.raises(FetchError) as caught:
        source.download(other, tmp_path / "x", label="series 1", quarantine_root=tmp_path)
    assert caught.value.code == "no-study"


def test_tls(server: Orthanc, tmp_path: Path) -> None:
    made = certificate(tmp_path)
    with proxy(server.url, made.server()) as web:
        wanted = Selection(studies=(MR.study,))
        for trusted in (str(made.ca), False):
            assert len(list(source_at(web.url, verify=trusted).series(wanted))) == 1
        with pytest.raises(FetchError) as caught:
            list(source_at(web.url).series(wanted))
        assert caught.value.code == "certificate"


# -- send ------------------------------------------------------------------------------------------------


def test_sends_a_series_and_tells_what_was_refused(server: Orthanc, web: Proxy, tmp_path: Path) -> None:
    made = series("sent", 5, study="sent", date="19990101", patient="P9", accession="S")
    files = []
    for number, image in enumerate(made.images):
        files.append(tmp_path / f"{number}.dcm")
        files[-1].write_bytes(image)
    before = server.count()
    web.plan("/studies", status=503)
    sent = send(source_at(web.url).client.transport, files, batch_bytes=2 * len(made.images[0]))
    assert (sent.stored, sent.failed.total()) == (5, 0)
    assert server.count() == before + 5
    assert len(web.paths) == 4
    got = download(source_at(web.url), tmp_path, made)
    assert got.count == 5
    assert {pydicom.dcmread(path).SOPInstanceUID for path in got.folder.glob("*.dcm")} == set(made.sops)


def test_an_answer_that_does_not_add_up(web: Proxy, tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(b"this is no image")
    with pytest.raises(FetchError):
        send(source_at(web.url, retries=0).client.transport, [tmp_path / "a.dcm"])


def test_addresses() -> None:
    with pytest.raises(ValueError, match="http"):
        Transport("pacs.example")
