"""The stand-in buckets behave as S3 does."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from scripts.demo_images.build import build, small_cases
from scripts.demo_images.volumes import phantom
from scripts.standins.idc import BUCKET, KINDS, IdcStandIn
from scripts.standins.idc.__main__ import main
from scripts.standins.idc.holdings import folder_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("idc") / "images"
    return build(folder, [phantom(slices=8, size=48)], small_cases(2), slices=8)


@pytest.fixture
def server(root: Path) -> Iterator[IdcStandIn]:
    with IdcStandIn(root, page=5) as running:
        yield running


def ask(
    server: IdcStandIn, path: str, headers: dict[str, str] | None = None, **query: str
) -> requests.Response:
    return requests.get(
        f"{server.url}/{path}", params=query, headers=headers, timeout=10, allow_redirects=False
    )


def test_a_listing_comes_in_pages(server: IdcStandIn) -> None:
    folder = max(server.holdings.series, key=lambda name: len(server.holdings.series[name].files))
    keys: list[str] = []
    token: dict[str, str] = {}
    for _ in range(2):
        body = ask(server, BUCKET, **{"list-type": "2", "prefix": f"{folder}/"}, **token).text
        keys += re.findall("<Key>(.*?)</Key>", body)
        token = {"continuation-token": found[1]} if (found := re.search("<Next.*?>(.*?)</", body)) else {}
    assert token == {}
    assert keys == sorted(one.key for one in server.holdings.below(folder))
    assert len(keys) == 8


def test_an_object_has_its_md5_as_etag_and_ranges(server: IdcStandIn) -> None:
    one = next(iter(server.holdings.objects.values()))
    whole = ask(server, f"{BUCKET}/{one.key}")
    assert whole.content == one.path.read_bytes()
    etag = whole.headers["ETag"]
    assert etag.strip('"') == hashlib.md5(whole.content).hexdigest()
    part = ask(server, f"{BUCKET}/{one.key}", {"Range": "bytes=100-", "If-Match": etag})
    assert (part.status_code, part.content) == (206, whole.content[100:])
    assert part.headers["Content-Range"] == f"bytes 100-{one.size - 1}/{one.size}"
    assert ask(server, f"{BUCKET}/{one.key}", {"Range": f"bytes={one.size}-"}).status_code == 416
    assert ask(server, f"{BUCKET}/{one.key}", {"If-Match": '"x"'}).status_code == 412


def test_what_is_not_there_is_said_in_xml(server: IdcStandIn) -> None:
    for path, code in ((f"{BUCKET}/nothing", "NoSuchKey"), ("other-bucket/x", "NoSuchBucket")):
        answer = ask(server, path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/xml")
        assert f"<Code>{code}</Code>" in answer.text


@pytest.mark.parametrize(
    ("kind", "status"), [("slow-down", 503), ("500", 500), ("403", 403), ("missing", 404), ("redirect", 307),
                         ("moved", 301), ("changed", 412)],
)  # fmt: skip
def test_faults_strike_once_and_one_series(server: IdcStandIn, kind: str, status: int) -> None:
    first, other = list(server.holdings.series.values())[:2]
    server.fault(kind, first.uid)
    mine = server.holdings.below(folder_of(first.uid))[0].key
    theirs = server.holdings.below(folder_of(other.uid))[0].key
    assert [ask(server, f"{BUCKET}/{key}").status_code for key in (theirs, mine, mine)] == [200, status, 200]
    assert server.count("get", first.uid) == 2


def test_unknown_faults_are_told(server: IdcStandIn) -> None:
    with pytest.raises(ValueError, match="known: slow-down"):
        server.fault("flood")


def test_every_fault_is_documented() -> None:
    page = (ROOT / "docs" / "reference" / "idc-standin.md").read_text(encoding="utf-8")
    documented = dict(re.findall(r"^\| `([\w-]+)` \| (.+) \|$", page, re.M))
    assert documented == KINDS


def test_a_rate_is_kept(root: Path) -> None:
    import time

    with IdcStandIn(root, rate=50_000) as server:
        one = next(iter(server.holdings.objects.values()))
        begun = time.monotonic()
        ask(server, f"{BUCKET}/{one.key}")
        assert time.monotonic() - begun >= 0.9 * one.size / 50_000


def test_runs_as_a_program(root: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "scripts.standins.idc", "--root", str(root), "--port", "0",
               "--index", str(tmp_path / "index.parquet")]  # fmt: skip
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = process.stdout.readline()
        url = told.split(" at ")[1].strip()
        assert requests.get(f"{url}/index/idc_index.parquet", timeout=10).content == (
            (tmp_path / "index.parquet").read_bytes()
        )
        process.terminate()
        assert process.wait(10) == 0


def test_an_empty_root_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--root", str(tmp_path / "none")])
    assert "demo_images" in capsys.readouterr().err
