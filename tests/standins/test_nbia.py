"""The stand-in speaks NBIA v4 with the real server's quirks (what a client must survive)."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from scripts.demo_images.build import build, small_cases
from scripts.demo_images.volumes import phantom
from scripts.standins.nbia import KINDS, NbiaStandIn
from scripts.standins.nbia.__main__ import parse_fault

V4 = "/nbia-api/services/v4/"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(
        tmp_path_factory.mktemp("demo") / "images", [phantom(slices=8, size=48)], small_cases(3), slices=8
    )


@pytest.fixture
def server(root: Path) -> Iterator[NbiaStandIn]:
    with NbiaStandIn(root, control=True) as running:
        yield running


def get(server: NbiaStandIn, endpoint: str, **query: str) -> requests.Response:
    return requests.get(server.url + V4 + endpoint, params=query, timeout=5)


def first_ct(server: NbiaStandIn) -> str:
    return next(uid for uid, series in server.index.series.items() if series.header["Modality"] == "CT")


def test_lists_what_is_there(server: NbiaStandIn) -> None:
    assert get(server, "getCollectionValues").json() == [{"Collection": "RADFLOW-DEMO"}]
    assert get(server, "getModalityValues").json() == [
        {"Modality": "CT"},
        {"Modality": "DOC"},
        {"Modality": "OT"},
    ]
    assert get(server, "getBodyPartValues", Collection="radflow-demo").json() == [
        {"BodyPartExamined": "CHEST"}
    ]
    assert len(get(server, "getPatient").json()) == 3
    assert {row["SeriesCount"] for row in get(server, "getPatientStudy").json()} == {1, 2}
    assert len(get(server, "getSeries", Modality="ct").json()) == 3
    row = get(server, "getSeries", SeriesInstanceUID=first_ct(server)).json()[0]
    assert (row["ImageCount"], row["AnnotationsFlag"], row["Authorized"]) == (8, False, 1)
    assert row["StudyDate"][2] == row["StudyDate"][5] == "-"


def test_nothing_found_is_200_with_an_empty_body(server: NbiaStandIn) -> None:
    answer = get(server, "getSeries", Collection="no such collection")
    assert (answer.status_code, answer.content) == (200, b"")


def test_uids_match_exactly_and_null_values_are_missing_keys(server: NbiaStandIn) -> None:
    uid = first_ct(server)
    assert get(server, "getSeries", SeriesInstanceUID=uid[:-1]).content == b""
    assert "Site" not in get(server, "getSeries", SeriesInstanceUID=uid).json()[0]


def test_a_wrong_parameter_is_400_and_says_which_are_allowed(server: NbiaStandIn) -> None:
    answer = get(server, "getSeriesSize", Series="1")
    assert answer.status_code == 400
    assert (
        answer.text
        == "Invalid query parameter: 'Series'. Allowed parameters are: [SeriesInstanceUID, format]"
    )
    answer = get(server, "getSeriesSize")
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/json")
    assert answer.text == "A parameter, SeriesInstanceUID, is required for this API call."


def test_an_unknown_path_or_method_is_500_with_48_bytes(server: NbiaStandIn) -> None:
    for answer in (
        get(server, "getNothing"),
        requests.post(server.url + V4 + "getSeries", timeout=5),
        requests.get(server.url + "/", timeout=5),
        requests.head(server.url + V4 + "getSeries", timeout=5),
    ):
        assert answer.status_code == 500
        assert answer.headers["Content-Length"] == "48"
    assert get(server, "getNothing").text == "Server was not able to process your request\nnull"


def test_an_unknown_series_is_400_and_an_unknown_image_500(server: NbiaStandIn) -> None:
    answer = get(server, "getImage", SeriesInstanceUID="1.2.3")
    assert answer.status_code == 400
    assert answer.text.startswith("The user has not been granted the access to image")
    assert get(server, "getSingleImage", SeriesInstanceUID="1.2.3", SOPInstanceUID="1").status_code == 500


def test_new_since_is_strictly_after(server: NbiaStandIn) -> None:
    assert get(server, "getUpdatedSeries", fromDate="01-15-2026").content == b""
    assert len(get(server, "getUpdatedSeries", fromDate="01-14-2026").json()) == 5
    assert get(server, "getUpdatedSeries", fromDate="2026-01-14").status_code == 500


def test_metadata_is_posted_and_comes_as_quoted_csv(server: NbiaStandIn) -> None:
    uid = first_ct(server)
    answer = requests.post(server.url + V4 + "getSeriesMetadata", data={"list": f"{uid},1.2.3"}, timeout=5)
    lines = answer.text.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith('"PatientID","PatientName"')
    assert "PixelSpacing(mm)-Row" in lines[0]


def test_the_zip_is_chunked_without_length_and_in_the_servers_order(server: NbiaStandIn) -> None:
    answer = get(server, "getImage", SeriesInstanceUID=first_ct(server), IncludeMD5="Yes")
    assert "Content-Length" not in answer.headers
    assert answer.headers["Transfer-Encoding"] == "chunked"
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    names = archive.namelist()
    assert names == ["LICENSE", *(f"{i:08d}.dcm" for i in range(1, 9)), "md5hashes.csv"]
    rows = dict(line.split(",") for line in archive.read("md5hashes.csv").decode().splitlines()[1:])
    assert rows == {name: hashlib.md5(archive.read(name)).hexdigest() for name in names[1:-1]}


def test_other_forms_of_the_zip(server: NbiaStandIn) -> None:
    uid = first_ct(server)
    named = zipfile.ZipFile(
        io.BytesIO(get(server, "getImage", SeriesInstanceUID=uid, NewFileNames="Yes").content)
    )
    assert named.namelist()[1] == "1-001.dcm"
    assert "md5hashes.csv" not in named.namelist()
    hashed = zipfile.ZipFile(io.BytesIO(get(server, "getImageWithMD5Hash", SeriesInstanceUID=uid).content))
    assert "LICENSE" not in hashed.namelist()
    assert hashed.namelist()[-1] == "md5hashes.csv"


def test_one_image(server: NbiaStandIn) -> None:
    uid = first_ct(server)
    sop, path = next(iter(server.index.series[uid].files.items()))
    answer = get(server, "getSingleImage", SeriesInstanceUID=uid, SOPInstanceUID=sop)
    assert answer.content == path.read_bytes()
    assert answer.headers["Content-Type"] == "application/dicom"


def test_faults_are_planned_through_the_control_endpoint_and_used_up(server: NbiaStandIn) -> None:
    uid = first_ct(server)
    control = server.url + "/faults"
    plan = requests.post(control, json={"kind": "500", "series": uid, "count": 2}, timeout=5)
    assert plan.json()[0]["count"] == 2
    assert [get(server, "getImage", SeriesInstanceUID=uid).status_code for _ in range(3)] == [500, 500, 200]
    assert requests.get(control, timeout=5).json() == []
    assert requests.post(control, json={"kind": "no such fault"}, timeout=5).status_code == 400
    requests.post(control, json={"kind": "503", "endpoint": "getSeries"}, timeout=5)
    requests.delete(control, timeout=5)
    assert get(server, "getSeries").status_code == 200


def test_no_control_unless_asked_for(root: Path) -> None:
    with NbiaStandIn(root) as server:
        assert requests.post(server.url + "/faults", json={"kind": "500"}, timeout=5).status_code == 500


def test_faults_of_the_command_line() -> None:
    assert parse_fault("cut") == {"kind": "cut", "series": "*"}
    assert parse_fault("500x2") == {"kind": "500", "series": "*", "count": 2}
    assert parse_fault("stall@#3") == {"kind": "stall", "series": "#3"}
    assert parse_fault("zip-slip@1.2.3x4") == {"kind": "zip-slip", "series": "1.2.3", "count": 4}
    assert all(parse_fault(kind) == {"kind": kind, "series": "*"} for kind in KINDS)


@pytest.mark.parametrize("command", [["-m", "scripts.standins.nbia"], ["scripts/standins/nbia"]])
def test_runs_as_a_program_and_logs_requests(root: Path, tmp_path: Path, command: list[str]) -> None:
    log = tmp_path / "requests.jsonl"
    arguments = ["--root", str(root), "--port", "0", "--log", str(log), "--fault", "500@#1"]
    with subprocess.Popen(
        [sys.executable, *command, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            address = line.split(" at ")[1].strip()
            assert line.startswith("5 series")
            assert len(requests.get(f"{address}getSeries", timeout=5).json()) == 5
            end = time.monotonic() + 10
            while not (log.is_file() and log.stat().st_size) and time.monotonic() < end:
                time.sleep(0.02)  # the line is written once the request is over
        finally:
            process.terminate()
        assert process.wait(10) == 0
    logged = json.loads(log.read_text().splitlines()[0])
    assert (logged["endpoint"], logged["status"]) == ("getSeries", 200)


def test_an_empty_root_says_what_to_do(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scripts.standins.nbia", "--root", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 2
    assert "python -m scripts.demo_images" in done.stderr
