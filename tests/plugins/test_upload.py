"""Uploads through the API: resuming, quotas, other people's, and what a foreign page could try."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2.errors
import pytest
import requests

from tests.support.upload_client import API, BYTES, NAME, WANTED, Client, dicom

HTML = {"Accept": "text/html"}


def test_a_file_in_pieces_then_finish(person: Any, drop: Path, world: Any) -> None:
    alice, content = person("alice"), os.urandom(5000)
    licence = "https://creativecommons.org/licenses/by/4.0/"
    number = alice.begin(team="lungs", visibility="team", collection="Heads of A", licence_uri=licence)
    assert alice.call("GET", f"/{number}").json()["licence_uri"] == licence
    (file,) = alice.announce(number, (NAME, 5000), sha256=hashlib.sha256(content).hexdigest(), mark="m1")
    assert (file["number"], file["done_bytes"], file["mark"]) == (1, 0, "m1")
    assert alice.patch(number, 1, 0, content[:2000]).json()["done_bytes"] == 2000
    assert alice.offset(number, 1) == 2000
    assert alice.call("POST", f"/{number}/finish", {}).status_code == 409
    assert alice.patch(number, 1, 2000, content[2000:]).json()["state"] == "received"
    assert (drop / str(number) / "00000001").read_bytes() == content
    assert not list(drop.rglob("*.part"))
    before = len(world.ids["told"])
    done = alice.call("POST", f"/{number}/finish", {}).json()
    assert (done["state"], done["started"], done["done_bytes"]) == ("received", True, 5000)
    again = alice.call("POST", f"/{number}/finish", {})
    assert (again.status_code, again.json()["received_at"]) == (200, done["received_at"])
    assert len(world.ids["told"]) == before + 2
    assert alice.patch(number, 1, 0, b"x").status_code == 409
    assert (
        alice.call("POST", f"/{number}/files", {"files": [{"name": "n", "byte_count": 1}]}).status_code == 409
    )
    with world.cursor() as cursor:
        cursor.execute(
            "select action, detail from audit.event where object_kind = 'upload' and object_id = %s order by id",
            (str(number),),
        )
        (opened, received) = cursor.fetchall()
    assert (opened[0], opened[1]["attested"], opened[1]["licence"]) == ("upload.open", True, "CC BY 4.0")
    assert received == ("upload.receive", {"files": 1, "bytes": 5000})


@pytest.mark.parametrize(
    ("offset", "status", "code"),
    [
        (7, 409, "wrong-offset"),
        (0, 409, "wrong-offset"),
        ("", 400, "offset"),
        ("-1", 400, "offset"),
        ("1e2", 400, "offset"),
    ],
)
def test_a_wrong_offset_changes_nothing(person: Any, offset: Any, status: int, code: str) -> None:
    alice = person("alice")
    number = alice.begin()
    alice.announce(number, (NAME, 10))
    alice.patch(number, 1, 0, b"abc")
    answer = alice.patch(number, 1, offset, b"def")
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:radflow:problem:{code}")
    if status == 409:
        assert answer.headers["Upload-Offset"] == "3"
    assert alice.offset(number, 1) == 3


def test_more_bytes_than_announced_are_refused(person: Any) -> None:
    alice = person("alice")
    number = alice.begin()
    alice.announce(number, (NAME, 4))
    assert alice.patch(number, 1, 0, b"12345").status_code == 413
    chunked = requests.patch(
        f"{alice.base}/{number}/files/1", data=iter([b"12", b"345"]), timeout=20,
        headers={"X-Test-User": "alice", "Content-Type": BYTES, "Upload-Offset": "0"},
    )  # fmt: skip
    assert chunked.status_code == 413
    assert alice.offset(number, 1) == 0
    assert alice.patch(number, 1, 0, b"1234").json()["state"] == "received"


def test_another_hash_means_again_from_the_start(person: Any) -> None:
    alice = person("alice")
    number = alice.begin()
    alice.announce(number, (NAME, 4), sha256=hashlib.sha256(b"good").hexdigest())
    alice.patch(number, 1, 0, b"ba")
    answer = alice.patch(number, 1, 2, b"ad")
    assert answer.json()["type"].endswith("wrong-hash")
    assert alice.offset(number, 1) == 0
    assert alice.patch(number, 1, 0, b"good").json()["state"] == "received"


def test_what_came_before_a_cut_stays(person: Any, drop: Path) -> None:
    alice, content = person("alice"), os.urandom(3_000_000)
    number = alice.begin()
    alice.announce(number, (NAME, len(content)))
    address = urlsplit(alice.base)
    head = (
        f"PATCH {address.path}/{number}/files/1 HTTP/1.1\r\nHost: x\r\nX-Test-User: alice\r\n"
        f"Content-Type: {BYTES}\r\nUpload-Offset: 0\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port)) as line:
        line.sendall(head.encode() + content[:2_000_000])
        time.sleep(0.3)
        busy = alice.patch(number, 1, 0, content[:10])
        assert busy.status_code == 423
    deadline = time.monotonic() + 15
    while (there := alice.offset(number, 1)) < 2_000_000 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert there == 2_000_000
    assert alice.patch(number, 1, there, content[there:]).json()["state"] == "received"
    assert (drop / str(number) / "00000001").read_bytes() == content


def test_a_server_that_died_at_any_moment(person: Any, drop: Path, world: Any) -> None:
    alice = person("alice")
    number = alice.begin()
    alice.announce(number, (NAME, 6))
    alice.patch(number, 1, 0, b"abc")
    part = drop / str(number) / "00000001.part"
    part.write_bytes(b"abcXX")  # written, and the database was not told
    assert alice.patch(number, 1, 3, b"de").status_code == 200
    assert part.read_bytes() == b"abcde"
    part.write_bytes(b"ab")  # the database was told, and the disk lost it
    answer = alice.patch(number, 1, 5, b"f")
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (409, "2")
    assert alice.patch(number, 1, 2, b"cdef").json()["sha256"] == hashlib.sha256(b"abcdef").hexdigest()
    with world.cursor("postgres") as cursor:  # renamed, and the database was not told
        cursor.execute(
            "update upload.file set state = 'open', done_bytes = 3 where upload_id = %s", (number,)
        )
    assert alice.patch(number, 1, 3, b"def").json()["state"] == "received"
    assert (drop / str(number) / "00000001").read_bytes() == b"abcdef"


def test_the_quota_is_looked_at_before_a_byte_moves(person: Any, world: Any) -> None:
    alice, bob = person("alice"), person("bob")
    number = alice.begin()
    alice.announce(number, ("a", 9_000_000), ("b", 9_000_000))
    answer = alice.call("POST", f"/{number}/files", {"files": [{"name": "c", "byte_count": 3_000_000}]})
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:radflow:problem:over-quota")
    assert alice.call("GET", f"/{number}/files").json()["total"] == 2
    assert alice.call("GET", "/quota").json() == {
        "used_bytes": 18_000_000,
        "allowed_bytes": 20_000_000,
        "file_bytes": 10_000_000,
    }
    assert bob.call("GET", "/quota").json()["used_bytes"] == 0
    large = alice.call("POST", f"/{number}/files", {"files": [{"name": "c", "byte_count": 11_000_000}]})
    assert large.json()["type"].endswith("too-large")
    stow = alice.stow(f"/{number}/studies", dicom(body=b"x" * 3_000_000))
    assert (stow.status_code, stow.json()["type"]) == (413, "urn:radflow:problem:over-quota")
    assert alice.call("POST", f"/{number}/cancel", {}).json()["state"] == "cancelled"
    assert alice.call("GET", "/quota").json()["used_bytes"] == 0
    more = {"account": "alice", "gigabytes": 0.05, "reason": "the trial"}
    assert alice.call("POST", "/quota", more).status_code == 403
    assert person("ada").call("POST", "/quota", more).status_code == 200
    assert alice.call("GET", "/quota").json()["allowed_bytes"] == 50_000_000
    with world.cursor("postgres") as cursor:
        cursor.execute("delete from upload.quota")


def test_two_requests_at_once_do_not_share_the_room(person: Any) -> None:
    alice = person("alice")
    numbers = [alice.begin() for _ in range(4)]
    statuses: list[int] = []

    def announce(number: int) -> None:
        answer = alice.call("POST", f"/{number}/files", {"files": [{"name": "n", "byte_count": 9_000_000}]})
        statuses.append(answer.status_code)

    threads = [threading.Thread(target=announce, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [201, 201, 413, 413]


def test_an_upload_is_its_senders_alone(person: Any, world: Any, get: Any) -> None:
    alice = person("alice")
    number = alice.send(b"secret")
    for who in ("erin", "ada", "cora", "mallory"):  # in the team, an admin, a curator, anybody
        other = Client(world.base, who)
        for path in (f"/{number}", f"/{number}/files", f"/{number}/verdicts", f"/{number}/series"):
            assert other.call("GET", path).status_code == 404
        assert other.call("HEAD", f"/{number}/files/1").status_code == 404
        assert other.patch(number, 1, 0, b"x").status_code == 404
        assert other.stow(f"/{number}/studies", dicom()).status_code == 404
        for path in ("finish", "cancel"):
            assert other.call("POST", f"/{number}/{path}", {}).status_code == 404
        assert number not in {one["id"] for one in other.call("GET", "").json()["items"]}
        with world.cursor("radflow_portal", who) as cursor:
            for table in ("upload", "file", "series", "verdict"):
                cursor.execute(
                    f"select count(*) from upload.{table} where {'id' if table == 'upload' else 'upload_id'} = %s",
                    (number,),
                )
                assert cursor.fetchone()[0] == 0
            cursor.execute(
                "update upload.file set name = name" if False else "update upload.file set done_bytes = 0"
            )
            assert cursor.rowcount == 0
    assert get(None, f"{API}/{number}").status_code == 401
    assert alice.call("POST", f"/{number}/cancel", {}).status_code == 200


@pytest.mark.parametrize(
    "text",
    [
        "insert into upload.upload (owner, collection, licence, attested) values ('alice', 'c', 'CC0', true)",
        "insert into upload.upload (owner, team, collection, licence, attested) "
        "values ('mallory', 'lungs', 'c', 'CC0', true)",
        "update upload.upload set owner = 'mallory'",
        "delete from upload.upload",
        "insert into upload.verdict (upload_id, file_number, code) values (1, 1, 'accepted')",
        "insert into upload.quota values ('mallory', 1000000000000)",
        "select upload.set_quota('mallory', 1000000000000, 'please')",
    ],
)
def test_the_database_refuses_it_too(world: Any, text: str) -> None:
    with (
        pytest.raises(psycopg2.errors.InsufficientPrivilege),
        world.cursor("radflow_portal", "mallory") as cursor,
    ):
        cursor.execute(text)


def test_nobody_adds_to_what_is_others(person: Any, world: Any) -> None:
    alice = person("alice")
    alice.begin(collection="mine", team="lungs")
    assert (
        person("erin").call("POST", "", WANTED | {"collection": "mine", "team": "lungs"}).status_code == 201
    )
    mallory = Client(world.base, "mallory")
    for collection in ("mine", "chest"):  # somebody's, and a fetched one
        answer = mallory.call("POST", "", WANTED | {"collection": collection})
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:radflow:problem:not-now")
    assert mallory.call("POST", "", WANTED | {"team": "lungs"}).status_code == 403


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ({"attested": False}, 422), ({"licence": " "}, 422), ({"visibility": "team"}, 422),
        ({"collection": "../x"}, 422), ({"licence_uri": "javascript:alert(1)"}, 422), ({"owner": "bob"}, 422),
    ],
)  # fmt: skip
def test_what_is_asked_of_the_sender(person: Any, wanted: dict[str, Any], status: int) -> None:
    assert person("alice").call("POST", "", WANTED | wanted).status_code == status


def test_finishing_without_what_is_missing(person: Any) -> None:
    alice = person("alice")
    number = alice.begin()
    assert alice.call("POST", f"/{number}/finish", {"without_missing": True}).status_code == 409
    alice.announce(number, ("a", 1), ("b", 1), ("empty", 0))
    alice.patch(number, 1, 0, b"x")
    assert alice.patch(number, 3, 0, b"").json()["state"] == "received"
    refused = alice.call("POST", f"/{number}/finish", {})
    assert refused.json()["detail"] == "1 of 3 files are not here yet."
    done = alice.call("POST", f"/{number}/finish", {"without_missing": True}).json()
    assert (done["state"], done["file_count"], done["received_count"]) == ("received", 2, 2)


@pytest.mark.parametrize(
    "media",
    [
        "text/plain", "multipart/form-data; boundary=b", "application/x-www-form-urlencoded", "",
        "multipart/related; boundary=b", 'multipart/related; type="text/html"; boundary=b',
    ],
)  # fmt: skip
def test_what_a_form_can_send_is_refused(person: Any, media: str) -> None:
    alice = person("alice")
    number = alice.begin()
    alice.announce(number, ("a", 1))
    for method, path in (
        ("POST", f"/{number}/studies"),
        ("PATCH", f"/{number}/files/1"),
        ("POST", f"/{number}/finish"),
    ):
        answer = alice.call(method, path, b"x", Content_Type=media, Upload_Offset="0")
        assert answer.status_code == 415, (method, media)


def test_bytes_are_taken_by_uploads_only_and_from_our_pages_only(person: Any, post: Any) -> None:
    assert post("alice", "/api/v1/experiments", b"x", BYTES).status_code == 415
    assert post("alice", "/api/v1/access/requests", b"x", "application/zip").status_code == 415
    alice = person("alice")
    number = alice.begin()
    alice.announce(number, ("a", 1))
    for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 200)):
        assert alice.patch(number, 1, 0, b"x", Sec_Fetch_Site=site).status_code == status


def test_names_are_forgotten_and_control_characters_never_kept(person: Any) -> None:
    alice = person("alice")
    number = alice.begin()
    (file,) = alice.announce(number, ("a\u0000b\u001b[31m/\ud83d\ude00", 1))
    assert file["name"] == "ab[31m/\U0001f600"


def test_pages_say_the_same_and_only_to_the_sender(person: Any, get: Any) -> None:
    alice = person("alice")
    number = alice.send()
    page = get("alice", f"/uploads/{number}", headers=HTML)
    assert page.status_code == 200, page.text
    assert f"Upload {number}" in page.text
    assert f"/uploads/{number}" in get("alice", "/uploads", headers=HTML).text
    assert alice.call("POST", f"/{number}/finish", {}).status_code == 200
    assert "being sorted" in get("alice", f"/uploads/{number}", headers=HTML).text
    for who in ("erin", "ada", "cora"):
        assert get(who, f"/uploads/{number}", headers=HTML).status_code == 404
        assert f"/uploads/{number}" not in get(who, "/uploads", headers=HTML).text
    for path in ("/uploads", f"/uploads/{number}"):
        text = get("alice", path, headers=HTML).text
        assert " style=" not in text
        assert "onclick" not in text


def test_curators_are_told_once(person: Any, world: Any) -> None:
    alice = person("alice")
    number = alice.send()
    with world.cursor("postgres") as cursor:
        cursor.execute("insert into upload.notice (upload_id, series_count) values (%s, 3)", (number,))
    cora, erin = Client(world.base, "cora"), Client(world.base, "erin")
    (notice,) = cora.call("GET", "/notices").json()
    assert (notice["upload_id"], notice["owner"], notice["series_count"], notice["new_count"]) == (
        number,
        "alice",
        3,
        3,
    )
    assert NAME not in cora.call("GET", "/notices").text
    assert erin.call("GET", "/notices").json() == []
    assert cora.call("POST", "/notices/seen", {}).json() == []
    with world.cursor("postgres") as cursor:
        cursor.execute("update upload.notice set series_count = 4")
    assert [one["new_count"] for one in cora.call("GET", "/notices").json()] == [1]


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """100 MB through the writer, in a process of its own: the peak stays below 30 MB more than before."""
    program = """
import asyncio, resource, sys
from radflow_portal import upload_store
async def body():
    for _ in range(1600): yield bytes(65536)
async def main():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with upload_store.Writing(__import__('pathlib').Path(sys.argv[1]) / '1' / '00000001', 0) as writing:
        async for block in upload_store.blocks(body()):
            await upload_store.write(writing, block)
        writing.whole()
        print(writing.offset, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, timeout=120, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )  # fmt: skip
    written, more_kib = map(int, done.stdout.split()[-2:])
    assert written == 1600 * 65536
    assert more_kib < 30 * 1024


def test_the_scheduler_is_told_through_airflows_own_database(tmp_path: Path) -> None:
    """In a process of its own, on a new database of Airflow's: one event, and the DAG's run is asked for."""
    program = """
from airflow.models.base import Base
from airflow import settings
from airflow.utils.session import create_session
import airflow.models, airflow.models.dagbundle
from airflow.models import import_all_models
import_all_models()
settings.initialize()
Base.metadata.create_all(settings.engine)
from radflow_portal import upload_news
print('before', upload_news.tell())
from airflow.models.asset import AssetActive, AssetEvent, AssetDagRunQueue, AssetModel, DagScheduleAssetReference
from airflow.models import DagModel
with create_session() as session:
    asset = AssetModel(name=upload_news.ASSET, uri=upload_news.ASSET, group='asset', extra={})
    session.add(asset)
    session.add(airflow.models.dagbundle.DagBundleModel(name='b'))
    session.flush()
    session.add(AssetActive(name=asset.name, uri=asset.uri))
    session.add(DagModel(dag_id='upload', bundle_name='b', is_paused=False, is_stale=False))
    session.flush()
    session.add(DagScheduleAssetReference(asset_id=asset.id, dag_id='upload'))
print('after', upload_news.tell())
with create_session() as session:
    print('events', session.query(AssetEvent).count(), 'queued', session.query(AssetDagRunQueue).count())
"""
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
                   "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db",
                   "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "before False" in done.stdout
    assert "after True" in done.stdout
    assert "events 1 queued 1" in done.stdout
