"""What people sent, sorted and received: verdicts per file, faults, duplicates, retries, tidying."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from airflow.sdk.exceptions import AirflowSkipException
from psycopg2.errors import InsufficientPrivilege, RestrictViolation
from pydicom.uid import generate_uid

from operators.catalog import CatalogOperator
from operators.deidentify import DeidentifyOperator, DeidentifyPlanOperator
from operators.upload import UploadOperator, UploadPlanOperator, UploadTidyOperator
from tests.support.place import OUTSIDER, TEAM, Place, context

PORTAL = "radflow_portal"
NAME = "Zwolinski_Archibald/IM0001"


@pytest.fixture
def slices(tiny: Path, tmp_path: Path) -> list[Path]:
    """One series, loose files."""
    folder = max((path.parent for path in tiny.rglob("*.dcm")), key=lambda one: len(list(one.glob("*.dcm"))))
    copies = tmp_path / "sent"
    copies.mkdir()
    return [Path(shutil.copy(one, copies)) for one in sorted(folder.glob("*.dcm"))]


@pytest.fixture
def place(database: Any, tmp_path: Path) -> Iterator[Place]:
    """An empty installation; nothing to fetch from."""
    database.empty()
    with Place(database, tmp_path / "place").used() as made:
        made.people()
        yield made


Send = Callable[..., int]


@pytest.fixture
def send(place: Place) -> Send:
    """``send(files, who="alice", ...)``: an upload as the portal leaves it, finished; answers its number."""

    def call(files: list[tuple[str, bytes]], who: str = "alice", finish: bool = True, **wanted: Any) -> int:
        values = {"team": None, "visibility": "private", "collection": f"of-{who}"} | wanted
        with place.database.cursor(PORTAL, who) as cursor:
            cursor.execute("select set_config('radflow.upload_quota', '1000000000', true)")
            cursor.execute(
                "insert into upload.upload (owner, team, visibility, collection, licence, attested) "
                "values (%s, %s, %s, %s, 'CC BY 4.0', true) returning id",
                (who, *values.values()),
            )
            number = int(cursor.fetchone()[0])
            folder = place.zone("landing") / "uploads" / str(number)
            folder.mkdir(parents=True)
            for i, (name, content) in enumerate(files, start=1):
                (folder / f"{i:08d}").write_bytes(content)
                cursor.execute(
                    "insert into upload.file (upload_id, number, name, byte_count) values (%s, %s, %s, %s)",
                    (number, i, name, len(content)),
                )
                cursor.execute(
                    "update upload.file set state = 'received', done_bytes = byte_count, sha256 = %s "
                    "where upload_id = %s and number = %s",
                    (hashlib.sha256(content).hexdigest(), number, i),
                )
            if finish:
                cursor.execute(
                    "update upload.upload set state = 'received', received_at = now() where id = %s",
                    (number,),
                )
        return number

    return call


def accept() -> dict[str, int]:
    """What the DAG does."""
    total: dict[str, int] = {}
    for chunk in UploadPlanOperator(task_id="plan").execute(context()):
        for name, count in UploadOperator(task_id="upload", upload_ids=chunk).execute(context()).items():
            total[name] = total.get(name, 0) + count
    return total


def verdicts(place: Place, number: int, who: str = "alice") -> list[tuple[str | None, str]]:
    return place.database.rows(
        "select coalesce(v.name, f.name), v.code from upload.verdict v join upload.file f "
        "on (f.upload_id, f.number) = (v.upload_id, v.file_number) where v.upload_id = %s order by v.file_number, v.id",
        number, role=PORTAL, account=who,
    )  # fmt: skip


def stages(place: Place, number: int, who: str = "alice") -> list[tuple[Any, ...]]:
    return place.database.rows(
        "select number, patient_number, stage, reason_code, image_count from upload.series where upload_id = %s "
        "order by number", number, role=PORTAL, account=who,
    )  # fmt: skip


def changed(path: Path, **values: Any) -> bytes:
    """The file with other attributes."""
    image = pydicom.dcmread(path)
    for name, value in values.items():
        setattr(image, name, value)
        if name == "SOPInstanceUID":
            image.file_meta.MediaStorageSOPInstanceUID = value
    target = path.with_suffix(".changed")
    image.save_as(target)
    return target.read_bytes()


def zipped(tmp_path: Path, entries: list[tuple[str, bytes]]) -> bytes:
    path = tmp_path / "made.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in entries:
            out.writestr(name, content)
    return path.read_bytes()


def test_from_files_to_held_and_curators_know(place: Place, send: Send, slices: list[Path]) -> None:
    number = send(
        [(f"{NAME}{i}", one.read_bytes()) for i, one in enumerate(slices)], team=TEAM, visibility="team"
    )
    assert accept() == {"received": 1, "quarantined": 0, "refused_files": 0}
    assert {code for _, code in verdicts(place, number)} == {"accepted"}
    assert stages(place, number) == [(1, 1, "received", None, len(slices))]
    (row,) = place.database.rows(
        "select source, source_kind, collection, owner, team, visibility::text, licence, state "
        "from landing.received_series"
    )
    assert row == ("upload", "upload", "of-alice", "alice", TEAM, "team", "CC BY 4.0", "received")
    assert not (place.zone("landing") / "uploads" / str(number)).exists()
    for chunk in DeidentifyPlanOperator(task_id="plan").execute(context()):
        done = DeidentifyOperator(task_id="deidentify", series_ids=chunk).execute(context())
        CatalogOperator(task_id="catalog", deidentified=done).execute(context())
    assert stages(place, number)[0][2] == "held"
    told = "select upload_id, series_count from upload.notice"
    assert place.database.rows(told, role=PORTAL, account="cora") == [(number, 1)]
    assert place.database.rows(told, role=PORTAL, account="alice") == []
    uid = place.database.value("select series_uid from catalog.series")
    for role, who in (("first", "cora"), ("second", "curt")):
        place.database.rows(
            "insert into curation.sign_off (series_uid, role, account, decision) values (%s, %s, %s, 'accept')",
            uid, role, who,
        )  # fmt: skip
    place.database.rows("update catalog.series set state = 'released', settled_at = now()")
    assert stages(place, number)[0][2] == "released"


def test_two_patients_two_series_and_what_is_no_image(
    place: Place, send: Send, slices: list[Path], tmp_path: Path
) -> None:
    other = {"PatientID": "OTHER-1", "PatientName": "Other^Person", "SeriesInstanceUID": generate_uid(),
             "StudyInstanceUID": generate_uid()}  # fmt: skip
    second = [changed(one, SOPInstanceUID=generate_uid(), **other) for one in slices[:3]]
    number = send(
        [
            (
                "a.zip",
                zipped(tmp_path, [("x/1", slices[0].read_bytes()), ("x/readme.txt", b"hello"), ("x/e", b"")]),
            )
        ]
        + [(f"p2/{i}", one) for i, one in enumerate(second)]
        + [("again", slices[0].read_bytes()), ("letter.pdf", b"%PDF-1.4"), ("nothing", b"")]
    )
    assert accept() == {"received": 2, "quarantined": 0, "refused_files": 4}
    assert verdicts(place, number) == [
        ("x/readme.txt", "not-dicom"), ("x/e", "empty-file"), ("x/1", "accepted"),
        ("p2/0", "accepted"), ("p2/1", "accepted"), ("p2/2", "accepted"),
        ("again", "duplicate"), ("letter.pdf", "not-dicom"), ("nothing", "empty-file"),
    ]  # fmt: skip
    assert [(row[1], row[4]) for row in stages(place, number)] == [(1, 1), (2, 3)]


def test_two_patients_in_one_series_go_to_quarantine(place: Place, send: Send, slices: list[Path]) -> None:
    mixed = changed(slices[1], PatientID="OTHER-1", PatientName="Other^Person")
    number = send([("1", slices[0].read_bytes()), ("2", mixed)])
    assert accept() == {"received": 0, "quarantined": 1, "refused_files": 2}
    assert stages(place, number)[0][2:4] == ("quarantined", "two-patients")
    assert place.database.value("select reason_code from landing.quarantine") == "two-patients"
    assert len(list(place.zone("quarantine").rglob("*.dcm"))) == 2


def test_a_cut_off_image_keeps_its_series_out_until_it_is_sent_again(
    place: Place, send: Send, slices: list[Path]
) -> None:
    whole = [(str(i), one.read_bytes()) for i, one in enumerate(slices)]
    number = send([*whole[:-1], (whole[-1][0], whole[-1][1][:-100])])
    assert accept()["received"] == 0
    assert [code for _, code in verdicts(place, number)] == ["incomplete-series"] * (len(whole) - 1) + [
        "truncated"
    ]
    again = send(whole)
    assert accept()["received"] == 1
    assert stages(place, again)[0][4] == len(slices)


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ([("../../evil.dcm", b"x")], "zip-slip"),
        ([("bomb.dcm", b"\0" * (64 << 20))], "zip-bomb"),
        ([("inner.zip", b"PK\x03\x04rest")], "nested-zip"),
        ([], "not-dicom"),
    ],
    ids=["slip", "bomb", "nested", "nothing"],
)
def test_bad_zips(
    place: Place, send: Send, slices: list[Path], tmp_path: Path, entries: list[tuple[str, bytes]], code: str
) -> None:
    number = send([("bad.zip", zipped(tmp_path, entries)), ("good", slices[0].read_bytes())])
    assert accept()["received"] == 1
    assert verdicts(place, number)[0][1] == code
    assert not list(tmp_path.rglob("evil*"))


def test_a_broken_zip_is_told(place: Place, send: Send, slices: list[Path], tmp_path: Path) -> None:
    whole = zipped(tmp_path, [("1", slices[0].read_bytes())])
    number = send([("cut.zip", whole[: len(whole) // 2])])
    assert accept() == {"received": 0, "quarantined": 0, "refused_files": 1}
    assert verdicts(place, number) == [("cut.zip", "bad-zip")]


def test_the_index_of_a_disc_is_left_out(place: Place, send: Send, slices: list[Path]) -> None:
    import struct

    uid = b"1.2.840.10008.1.3.10"
    meta = b"".join(
        struct.pack("<HH2sH", 2, element, b"UI", len(value)) + value
        for element, value in ((2, uid), (3, b"1.2.3.4."), (16, b"1.2.840.10008.1.2.1\0"))
    )
    number = send([("DICOMDIR", b"\0" * 128 + b"DICM" + meta), ("1", slices[0].read_bytes())])
    assert accept()["refused_files"] == 1
    assert verdicts(place, number)[0] == ("DICOMDIR", "dicomdir")


def test_the_same_upload_twice_is_all_duplicates(place: Place, send: Send, slices: list[Path]) -> None:
    files = [(str(i), one.read_bytes()) for i, one in enumerate(slices)]
    send(files)
    accept()
    number = send(files)
    assert accept() == {"received": 0, "quarantined": 0, "refused_files": 0}
    assert {code for _, code in verdicts(place, number)} == {"duplicate"}
    fewer = send(files[:-1])
    accept()
    assert {code for _, code in verdicts(place, fewer)} == {"differs"}
    assert place.database.value("select count(*) from landing.received_series") == 1


def test_nobody_learns_what_others_have(place: Place, send: Send, slices: list[Path]) -> None:
    files = [(str(i), one.read_bytes()) for i, one in enumerate(slices)]
    send(files)
    accept()
    number = send(files, who=OUTSIDER)
    assert accept() == {"received": 0, "quarantined": 1, "refused_files": len(files)}
    ((_, _, stage, code, _),) = stages(place, number, OUTSIDER)
    assert (stage, code) == ("quarantined", "known-series")
    assert place.database.value("select count(*) from landing.received_series where state = 'received'") == 1


def test_a_killed_task_goes_on_with_what_it_had(
    place: Place, send: Send, slices: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    second = [changed(one, SOPInstanceUID=generate_uid(), SeriesInstanceUID="1.2.3.9") for one in slices[:2]]
    number = send(
        [(one.name, one.read_bytes()) for one in slices] + [(str(i), one) for i, one in enumerate(second)]
    )
    from operators import uploading

    real, calls = uploading.take_series, []

    def killed(*args: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise MemoryError
        return real(*args, **more)

    monkeypatch.setattr(uploading, "take_series", killed)
    with pytest.raises(MemoryError):
        accept()
    assert verdicts(place, number) == []
    assert accept() == {"received": 2, "quarantined": 0, "refused_files": 0}
    assert {code for _, code in verdicts(place, number)} == {"accepted"}
    assert place.database.value("select count(*) from landing.received_series") == 2
    folders = {path.name for path in place.zone("landing").iterdir()} - {"uploads"}
    assert len(folders) == 2


def test_what_is_lost_or_left_out_is_told(place: Place, send: Send, slices: list[Path]) -> None:
    number = send([("1", slices[0].read_bytes()), ("2", slices[1].read_bytes()), ("3", b"x")], finish=False)
    (place.zone("landing") / "uploads" / str(number) / "00000002").unlink()
    with place.database.cursor(PORTAL, "alice") as cursor:
        cursor.execute("update upload.file set state = 'left' where upload_id = %s and number = 3", (number,))
        cursor.execute(
            "update upload.upload set state = 'received', received_at = now() where id = %s", (number,)
        )
    accept()
    assert verdicts(place, number) == [("1", "accepted"), ("2", "lost"), ("3", "not-sent")]


def test_names_are_for_the_sender_alone(place: Place, send: Send, slices: list[Path], caplog: Any) -> None:
    caplog.set_level("DEBUG")
    number = send([(NAME, slices[0].read_bytes()), (f"{NAME}.txt", b"text")])
    result = [
        UploadOperator(task_id="upload", upload_ids=chunk).execute(context())
        for chunk in UploadPlanOperator(task_id="plan").execute(context())
    ]
    assert "Zwolinski" not in caplog.text + str(result)
    assert len(verdicts(place, number)) == 2
    for who in ("admin", "cora", "engineer", OUTSIDER):
        assert verdicts(place, number, who) == []
    with pytest.raises(InsufficientPrivilege):
        place.database.rows("insert into audit.event (account, action, object_kind, object_id, previous_hash, hash) "
                            "values ('alice', 'upload.open', 'upload', '1', '', '')")  # fmt: skip


def test_tidying_ends_forgets_frees_and_starts_what_waits(
    place: Place, send: Send, slices: list[Path]
) -> None:
    old = send([(NAME, slices[0].read_bytes())], finish=False)
    over = send([(NAME, slices[0].read_bytes())])
    accept()
    fresh = send([("new", slices[1].read_bytes())], finish=False)
    for text in (
        "update upload.upload set opened_at = now() - interval '9 days', changed_at = now() - interval '9 days' "
        f"where id <> {fresh}",
        f"update upload.file set changed_at = now() - interval '9 days' where upload_id <> {fresh}",
    ):
        place.database.rows(text, role="postgres")
    tidy = UploadTidyOperator(task_id="tidy")
    with pytest.raises(AirflowSkipException):
        tidy.execute(context())
    states = dict(place.database.rows("select id, state from upload.upload"))
    assert states == {old: "expired", over: "done", fresh: "open"}
    assert {path.name for path in (place.zone("landing") / "uploads").iterdir()} == {str(fresh)}
    assert verdicts(place, over) == [(None, "accepted")]
    names = place.database.rows("select upload_id, name from upload.file", role=PORTAL, account="alice")
    assert dict(names)[fresh] == "new"
    assert dict(names)[over] is None
    with pytest.raises(AirflowSkipException):  # `expired` is forgotten once its own days are over
        tidy.execute(context())
    waiting = send([("1", slices[2].read_bytes())])
    assert tidy.execute(context()) == 1
    place.database.rows(
        f"update upload.upload set attempts = 6, changed_at = now() - interval '2 hours' where id = {waiting}",
        role="postgres",
    )
    with pytest.raises(AirflowSkipException):
        tidy.execute(context())
    assert place.database.value("select reason_code from upload.upload where id = %s", waiting) == "gave-up"


def test_an_upload_that_is_over_is_passed_over(place: Place, send: Send, slices: list[Path]) -> None:
    number = send([("1", slices[0].read_bytes())])
    accept()
    done = UploadOperator(task_id="upload", upload_ids=[number]).execute(context())
    assert done == {"received": 0, "quarantined": 0, "refused_files": 0}
    with pytest.raises(RestrictViolation, match="over"):
        place.database.rows("update upload.upload set state = 'received' where id = %s", number)
