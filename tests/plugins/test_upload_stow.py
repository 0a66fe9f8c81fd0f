"""STOW-RS into uploads: stored, partly stored, refused, in chunks; answered as PS3.18 says."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import Any

import requests

from tests.support.upload_client import dicom


def test_stow_stores_and_answers_as_the_standard_says(person: Any, drop: Path) -> None:
    alice = person("alice")
    number = alice.begin()
    answer = alice.stow(f"/{number}/studies", dicom("1.2.3.1"), dicom("1.2.3.2", os.urandom(100_000)))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("application/dicom+json")
    items = answer.json()["00081199"]["Value"]
    assert [item["00081155"]["Value"] for item in items] == [["1.2.3.1"], ["1.2.3.2"]]
    assert items[0]["00081150"] == {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]}
    files = alice.call("GET", f"/{number}/files").json()["items"]
    assert [one["state"] for one in files] == ["received", "received"]
    for one in files:
        content = (drop / str(number) / f"{one['number']:08d}").read_bytes()
        assert hashlib.sha256(content).hexdigest() == one["sha256"]
    assert not list(drop.rglob("stow-*"))


def test_stow_says_what_failed(person: Any) -> None:
    alice = person("alice")
    number = alice.begin()
    some = alice.stow(f"/{number}/studies", dicom("1.2.3.1"), b"no dicom at all")
    assert some.status_code == 202
    assert some.json()["0008119A"]["Value"] == [{"00081197": {"vr": "US", "Value": [0xC000]}}]
    none = alice.stow(f"/{number}/studies", b"nothing")
    assert none.status_code == 409
    assert "00081199" not in none.json()
    large = alice.stow(f"/{number}/studies", dicom("1.2.3.5", b"x" * 10_000_001))
    assert large.status_code == 409
    assert large.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xA700]
    jpeg = alice.stow(f"/{number}/studies", dicom("1.2.3.6"), media="image/jpeg")
    assert jpeg.status_code == 409
    cut = alice.stow(f"/{number}/studies", dicom("1.2.3.7"), end=False)
    assert cut.status_code == 409
    assert alice.call("GET", f"/{number}").json()["received_count"] == 1
    assert alice.call("GET", "/quota").json()["used_bytes"] < 2_000  # what was set aside came back


def test_stow_in_one_request_is_an_upload_of_its_own(person: Any, world: Any, drop: Path) -> None:
    alice = person("alice")
    before = len(world.ids["told"])
    answer = alice.stow("/studies?licence=CC0&attested=true&collection=stowed", dicom())
    assert answer.status_code == 200
    row = alice.call("GET", f"/{answer.headers['X-Upload']}").json()
    assert (row["state"], row["collection"], row["file_count"]) == ("received", "stowed", 1)
    assert len(world.ids["told"]) == before + 1
    failed = alice.stow("/studies?licence=CC0&attested=true", b"nothing")
    assert failed.status_code == 409
    assert alice.call("GET", f"/{failed.headers['X-Upload']}").json()["state"] == "cancelled"
    assert not (drop / failed.headers["X-Upload"]).exists()
    assert alice.stow("/studies?licence=CC0&attested=false", dicom()).status_code == 422


def test_stow_in_chunks_without_a_length(person: Any) -> None:
    alice = person("alice")
    number = alice.begin()
    body = b"--b\r\n\r\n" + dicom() + b"\r\n--b--"
    answer = requests.post(
        f"{alice.base}/{number}/studies", data=iter(io.BytesIO(body).readline, b""), timeout=20,
        headers={"X-Test-User": "alice", "Content-Type": 'multipart/related; type="application/dicom"; boundary=b'},
    )  # fmt: skip
    assert answer.status_code == 200
    assert alice.call("GET", "/quota").json()["used_bytes"] < 2_000
