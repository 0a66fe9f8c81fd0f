"""Fetching from a hospital's archive: DAG parameters and XCom name nobody, files of the landing zone do."""

from __future__ import annotations

import gc
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from operators.deidentify import DeidentifyPlanOperator
from operators.fetch import FetchOperator
from operators.fetch_dicom import FetchArchivePlanOperator, read_request
from operators.hooks.dicomweb import DicomWebHook
from operators.hooks.dimse import DimseHook
from research.dicomweb import DicomWebSource
from research.dimse import DimseSource
from research.errors import FetchError, SettingsError
from research.sources import Selection
from tests.support.orthanc import ACCESSION, OURS, PATIENT, TITLE, Orthanc, free_port, orthanc, series
from tests.support.place import TEAM, Place, context

CHEST = series("chest", 5)
HEAD = series("head", 3, body_part="HEAD")
MR = series(
    "knee", 4, study="two", modality="MR", date="20240601", body_part="KNEE", accession="ACC-2", patient="P2"
)
# pynetdicom forgets to close the socket of a connection that was refused.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning",
    "ignore:unclosed <socket:ResourceWarning",
)


@pytest.fixture(scope="module", autouse=True)
def forgotten_sockets() -> Iterator[None]:
    """What pynetdicom forgot is collected here, where the warning is expected."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        running.put(CHEST, HEAD, MR)
        yield running


def dicomweb(patch: pytest.MonkeyPatch, archive: Orthanc, **more: object) -> str:
    fields = {"conn_type": "dicomweb", "host": archive.web, "extra": {"retries": 1, "backoff": 0.01}, **more}
    patch.setenv("AIRFLOW_CONN_DICOMWEB_DEFAULT", json.dumps(fields))
    return "dicomweb_default"


def dimse(patch: pytest.MonkeyPatch, archive: Orthanc, way: str = "move", **more: object) -> str:
    port = free_port()
    archive.register(port)
    extra = {
        "retries": 1,
        "backoff": 0.01,
        "retrieve": way,
        "our_port": port,
        "our_address": "127.0.0.1",
        **more,
    }
    fields = {
        "conn_type": "dimse",
        "host": "127.0.0.1",
        "port": archive.dicom,
        "login": TITLE,
        "extra": extra,
    }
    patch.setenv("AIRFLOW_CONN_DIMSE_DEFAULT", json.dumps(fields))
    return "dimse_default"


@pytest.fixture(params=["dicomweb", "move", "get"])
def connection(request: pytest.FixtureRequest, archive: Orthanc, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "dicomweb":
        return dicomweb(monkeypatch, archive)
    return dimse(monkeypatch, archive, request.param)


def plan(conn_id: str, run_id: str = "manual__1", **more: object) -> list[int]:
    operator = FetchArchivePlanOperator(task_id="plan", conn_id=conn_id, **{"collection": "chests", **more})
    return [number for chunk in operator.execute(context("fetch_test", run_id)) for number in chunk]


def fetch(ids: list[int]) -> dict[str, list[int]]:
    return FetchOperator(task_id="fetch", series_ids=ids, parallel=2).execute(context())


def put(place: Place, name: str, text: str) -> str:
    folder = place.zone("landing") / "requests"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return name


def test_the_whole_way(place: Place, connection: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    ids = plan(connection, studied_from="2024-03-01", studied_to="2024-03-31", team=TEAM, visibility="team")
    assert fetch(ids) == {"received": ids, "quarantined": []}
    rows = place.database.rows(
        "select series_uid, collection, source, source_kind, object_count, image_count, team, state "
        "from landing.received_series"
    )
    kind = connection.partition("_")[0]
    assert sorted(rows) == sorted(
        (one.series, "chests", connection, kind, count, count, TEAM, "received")
        for one, count in ((CHEST, 5), (HEAD, 3))
    )
    assert plan(connection, studied_from="2024-03-01", studied_to="2024-03-31") == []
    waiting = DeidentifyPlanOperator(task_id="plan").execute(context())
    assert sorted(one for chunk in waiting for one in chunk) == ids
    shown = caplog.text + repr(
        place.database.rows("select * from catalog.fetch_run")
        + place.database.rows("select * from catalog.fetched_series")
    )
    for secret in (PATIENT, ACCESSION, CHEST.series, CHEST.study, HEAD.sops[0], "Fillmore"):
        assert secret not in shown


def test_a_request_file_names_who_is_wanted(
    place: Place, archive: Orthanc, monkeypatch: pytest.MonkeyPatch
) -> None:
    conn = dicomweb(monkeypatch, archive)
    ids = plan(conn, request=put(place, "a.csv", f"AccessionNumber,note\n{ACCESSION},x\n"), body_part="HEAD")
    assert len(ids) == 1
    ids = plan(conn, "second", request=put(place, "b.csv", "PatientID\nP2\nP3\n"))
    assert place.database.rows("select modality from landing.received_series where id = any(%s)", ids) == [
        ("MR",)
    ]
    told = repr(place.database.rows("select selection from catalog.fetch_run"))
    assert "1 named accession" in told
    assert "2 named patients" in told
    assert ACCESSION not in told


def test_a_dry_run_takes_nothing(place: Place, connection: str) -> None:
    assert plan(connection, studied_from="2024-01-01", only_count="True") == []
    assert place.database.rows("select count(*) from landing.received_series") == [(0,)]
    ((wanted,),) = place.database.rows("select wanted from catalog.fetch_run")
    assert {name: one["images"] for name, one in wanted.items()} == {"CT": 8, "MR": 4}


@pytest.mark.parametrize(
    "more",
    [{"description": "MRN 4711081"}, {"description": "Fillmore^Quentina"}, {"collection": "1.2.3"},
     {"modality": "2024-01-01"}, {"body_part": "12.03.1960"}],
)  # fmt: skip
def test_parameters_that_look_like_a_person_are_refused(
    place: Place, archive: Orthanc, monkeypatch: pytest.MonkeyPatch, more: dict[str, str]
) -> None:
    with pytest.raises(FetchError) as caught:
        plan(dicomweb(monkeypatch, archive), studied_from="2024-01-01", **more)
    assert caught.value.code == "identifying"
    assert next(iter(more.values())) not in str(caught.value)


@pytest.mark.parametrize(
    ("more", "code"),
    [({}, "too-much"), ({"studied_from": "yesterday"}, "bad-day"), ({"collection": ""}, "no-collection"),
     ({"request": "../absent.csv"}, "no-request")],
)  # fmt: skip
def test_questions_that_cannot_be_asked(
    place: Place, archive: Orthanc, monkeypatch: pytest.MonkeyPatch, more: dict[str, str], code: str
) -> None:
    put(place, "x.csv", "")
    with pytest.raises(FetchError) as caught:
        plan(dicomweb(monkeypatch, archive), **more)
    assert caught.value.code == code


def test_an_archive_of_another_kind(place: Place) -> None:
    with pytest.raises(SettingsError, match="no hospital's archive"):
        plan("nbia_default", studied_from="2024-01-01")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("StudyInstanceUID\n1.2\n1.3\n1.2\n", Selection(studies=("1.2", "1.3"))),
        (
            "\ufeffPatientID, Study UID , SeriesInstanceUID\nA,1.2,1.2.1\n",
            Selection(studies=("1.2",), series=("1.2.1",)),
        ),
        ("accession\n A-1 \n", Selection(accessions=("A-1",))),
        ("MRN,comment\n0042,\n", Selection(patients=("0042",))),
    ],
)
def test_request_files(tmp_path: Path, text: str, wanted: Selection) -> None:
    (tmp_path / "r.csv").write_text(text, encoding="utf-8")
    assert read_request(tmp_path / "r.csv") == wanted


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (b"", "line 1"),
        (b"name\nx\n", "line 1"),
        (b"PatientID\n", "r.csv has no line"),
        (b'PatientID\nA\n" "\n', "line 3"),
        (b"StudyInstanceUID\nSECRET\n", "line 2"),
        (b"StudyInstanceUID,SeriesInstanceUID\n1.2,\n", "line 2"),
        (b"\xff\xfe", "UTF-8"),
    ],
)
def test_request_files_that_mean_nothing(tmp_path: Path, text: bytes, where: str) -> None:
    (tmp_path / "r.csv").write_bytes(text)
    with pytest.raises(FetchError, match=where) as caught:
        read_request(tmp_path / "r.csv")
    assert "SECRET" not in str(caught.value)


# -- the connections -------------------------------------------------------------------------------------


def test_dicomweb_fields(archive: Orthanc, monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"page_size": 7, "verify": False, "read_timeout": 3, "retries": 2, "longest": 9}
    dicomweb(monkeypatch, archive, login="ann", password="s3", extra=extra)
    client = DicomWebHook().get_conn()
    assert (client.page, client.transport.timeout, client.transport.longest) == (7, (10.0, 3.0), 9.0)
    assert client.transport._session.verify is False
    assert isinstance(DicomWebHook().get_source(), DicomWebSource)
    assert "host" in DicomWebHook.get_ui_field_behaviour()["relabeling"]
    for wrong in ({"host": ""}, {"extra": {"retries": "many"}}, {"extra": {"page_size": 0}}):
        dicomweb(monkeypatch, archive, **wrong)
        with pytest.raises(SettingsError, match="malformed"):
            DicomWebHook().get_conn()


def test_dimse_fields(archive: Orthanc, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    dimse(monkeypatch, archive, callers="A, B", associations=2, read_timeout=3, calling="US")
    source = DimseHook().get_conn()
    assert source.listening is not None
    assert (source.listening.callers, source.listening.associations) == (("A", "B"), 2)
    assert (source.peer.calling, source.peer.ae_title, source.peer.silence) == ("US", TITLE, 3.0)
    dimse(monkeypatch, archive, "get", our_port="")
    assert isinstance(DimseHook().get_source(), DimseSource)
    assert DimseHook().get_source().listening is None
    assert "login" in DimseHook.get_ui_field_behaviour()["relabeling"]
    (tmp_path / "bad.pem").write_text("none")
    for wrong in ({"our_port": ""}, {"retrieve": "push"}, {"calling": "X" * 20}, {"tls": True},
                  {"tls": True, "ca": str(tmp_path / "bad.pem")}):  # fmt: skip
        dimse(
            monkeypatch,
            archive,
            **{"way": "move", **{{"retrieve": "way"}.get(k, k): v for k, v in wrong.items()}},
        )
        with pytest.raises(SettingsError, match="malformed"):
            DimseHook().get_conn()


def test_the_test_button(archive: Orthanc, monkeypatch: pytest.MonkeyPatch) -> None:
    dicomweb(monkeypatch, archive)
    assert DicomWebHook().test_connection() == (True, "A DICOMweb service that shows studies.")
    dicomweb(monkeypatch, archive, host=archive.url + "/nothing")
    assert DicomWebHook().test_connection()[0] is False
    dimse(monkeypatch, archive)
    assert DimseHook().test_connection() == (True, "The archive answers C-ECHO.")
    dimse(monkeypatch, archive, calling=OURS, connect_timeout=1)
    fields = {
        "conn_type": "dimse",
        "host": "127.0.0.1",
        "port": archive.dicom,
        "login": "WRONG",
        "extra": {"retrieve": "get"},
    }
    monkeypatch.setenv("AIRFLOW_CONN_DIMSE_DEFAULT", json.dumps(fields))
    ok, told = DimseHook().test_connection()
    assert (ok, "AE title" in told) == (False, True)
