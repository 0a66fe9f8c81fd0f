"""deidentify and catalog: published whole or quarantined, the same on every run, nothing of the identity."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import psycopg2
import pydicom
import pytest
from airflow.sdk.exceptions import AirflowSkipException
from PIL import Image, ImageDraw, ImageFont

from deid.pixels import PixelRules, find_text
from operators.catalog import CatalogOperator, HeldNewsOperator
from operators.deidentify import DeidentifyOperator, DeidentifyPlanOperator
from operators.fetch import FetchOperator, FetchPlanOperator, ImportTruthOperator
from research.attributes import manifest_sha256
from research.errors import SettingsError
from scripts.demo_images.build import COLLECTION, IDENTITIES
from tests.support.place import TEAM, Place, context

TABLES = (
    "catalog.policy", "catalog.collection", "catalog.patient", "catalog.study", "catalog.series",
    "catalog.instance", "catalog.truth", "landing.received_series", "landing.quarantine",
)  # fmt: skip


def fetched(modality: str = "CT") -> list[int]:
    plan = FetchPlanOperator(
        task_id="plan",
        conn_id="nbia_default",
        collection=COLLECTION,
        modality=modality,
        team=TEAM,
        visibility="team",
    )
    ids = [number for chunk in plan.execute(context()) for number in chunk]
    return FetchOperator(task_id="fetch", series_ids=ids).execute(context())["received"]


def deidentify(ids: list[int], **more: str) -> dict:
    return DeidentifyOperator(task_id="deidentify", series_ids=ids, **more).execute(context())


def catalog(done: dict) -> list[str]:
    return CatalogOperator(task_id="catalog", deidentified=done).execute(context())


def files(root: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(p.relative_to(root)): (p.read_bytes(), p.stat().st_mtime_ns)
        for p in root.rglob("*")
        if p.is_file()
    }


def rows(place: Place, but: str = "catalogued_at recorded_at created_at changed_at") -> dict[str, list[str]]:
    """All rows as JSON, without the columns that hold the time of writing."""
    return {
        table: sorted(
            json.dumps({k: v for k, v in row.items() if k not in but.split()}, sort_keys=True)
            for (row,) in place.database.rows(f"select to_jsonb(t) from {table} t")
        )
        for table in TABLES
    }


def test_published_under_new_names_with_a_manifest(place: Place) -> None:
    ids = fetched()
    done = deidentify(ids)
    assert done["quarantined"] == []
    assert [one["received_id"] for one in done["published"]] == ids
    for one in done["published"]:
        folder = Path(one["uri"].removeprefix("file://"))
        tail = f"{COLLECTION}/{one['patient_alias']}/{one['study_uid']}/{one['series_uid']}"
        assert folder == place.zone("research") / tail
        headers = [pydicom.dcmread(path) for path in sorted(folder.glob("*.dcm"))]
        assert len(headers) == 8
        assert {h.SeriesInstanceUID for h in headers} == {one["series_uid"]}
        assert {h.PatientID for h in headers} == {one["patient_alias"]}
        assert {path.stem for path in folder.glob("*.dcm")} == {h.SOPInstanceUID for h in headers}
        manifest = [tuple(entry) for entry in json.loads((folder / "manifest.json").read_text())]
        assert manifest_sha256(manifest) == one["manifest_sha256"]


def test_nothing_planted_is_left_in_the_store_the_results_or_the_catalog(place: Place, tiny: Path) -> None:
    done = deidentify(fetched())
    entered = catalog(done)
    planted = json.loads((tiny.parent / IDENTITIES).read_text(encoding="utf-8"))
    needles = [text.encode() for text in (*planted["strings"], *planted["uids"])]
    stored = b"".join(content for content, _ in files(place.zone("research")).values())
    told = json.dumps([done, entered]).encode()
    catalogued = json.dumps(
        [
            r
            for t in TABLES
            if t.startswith("catalog")
            for r in place.database.rows(f"select to_jsonb(t) from {t} t")
        ]
    ).encode()
    for haystack in (stored, told, catalogued):
        assert len(haystack) > 100
        assert [needle for needle in needles if needle in haystack] == []


def test_a_second_run_changes_no_byte_and_no_row(place: Place) -> None:
    ids = fetched()
    done = deidentify(ids)
    catalog(done)
    store, before = files(place.zone("research")), rows(place)
    crosswalk = "select count(*) from phi.uid"
    count = place.database.value(crosswalk, role="radflow_owner")
    assert count == 3 * (1 + 1 + 8)
    assert deidentify(ids) == done
    assert catalog(done) == [one["series_uid"] for one in done["published"]]
    assert files(place.zone("research")) == store
    assert rows(place) == before
    assert place.database.value(crosswalk, role="radflow_owner") == count
    assert place.database.value("select count(*) from phi.patient", role="radflow_owner") == 3


def test_same_key_same_names_on_another_machine(place: Place, tmp_path: Path, monkeypatch) -> None:
    ids = fetched()
    done = deidentify(ids)
    monkeypatch.setenv("AIRFLOW__RADFLOW__RESEARCH_URI", (tmp_path / "elsewhere").as_uri())
    again = deidentify(ids)
    strip = [{k: v for k, v in one.items() if k != "uri"} for one in done["published"]]
    assert [{k: v for k, v in one.items() if k != "uri"} for one in again["published"]] == strip
    assert {k: v[0] for k, v in files(tmp_path / "elsewhere").items()} == {
        k: v[0] for k, v in files(place.zone("research")).items()
    }


def test_a_document_goes_to_quarantine_and_the_rest_goes_on(place: Place) -> None:
    ids = fetched(modality="")
    done = deidentify(ids)
    assert [len(done[name]) for name in ("published", "quarantined")] == [4, 1]
    assert {one["reason_code"] for one in done["quarantined"]} == {"encapsulated-document"}
    assert len(catalog(done)) == 4
    found = place.database.rows("select stage, reason_code, uri from landing.quarantine")
    assert [row[:2] for row in found] == [("deidentify", "encapsulated-document")]
    assert len(list(Path(found[0][2].removeprefix("file://")).glob("*.dcm"))) == 1
    states = place.database.rows("select state, count(*) from landing.received_series group by 1 order by 1")
    assert states == [("deidentified", 4), ("quarantined", 1)]
    assert deidentify(ids) == done
    assert place.database.value("select count(*) from landing.quarantine") == 1


def test_burned_in_text_is_made_black_and_the_rest_of_the_picture_stays(place: Place, tiny: Path) -> None:
    (source,) = tiny.glob("*-capture/*.dcm")
    before = pydicom.dcmread(source)
    known = json.loads((tiny.parent / IDENTITIES).read_text(encoding="utf-8"))
    (line,) = [case["burned_in"] for case in known["cases"] if "burned_in" in case]
    readable = " ".join(box.text for box in find_text(source, PixelRules()))
    assert [word for word in line.split()[:3] if word not in readable] == []
    done = deidentify(fetched(modality="OT"))
    (one,) = done["published"]
    (path,) = Path(one["uri"].removeprefix("file://")).glob("*.dcm")
    after = pydicom.dcmread(path)
    assert find_text(path, PixelRules()) == []
    assert not after.pixel_array[burned_ink(line)].any()
    assert np.array_equal(after.pixel_array[48:], before.pixel_array[48:])
    assert after.BurnedInAnnotation == "NO"
    catalog(done)
    assert place.database.rows("select modality, state, image_count, exposure_mas from catalog.series") == [
        ("OT", "held", 1, None)
    ]


def burned_ink(line: str) -> np.ndarray:
    """Which pixels of a capture the line was drawn into."""
    picture = Image.new("L", (512, 512))
    ImageDraw.Draw(picture).text((8, 8), line, fill=255, font=ImageFont.load_default(size=16))
    ink = np.asarray(picture) > 0
    assert ink.sum() > 500
    return ink


@pytest.mark.parametrize("empty", ["", None])
def test_an_empty_field_of_a_form_means_nothing_wanted(place: Place, empty: str | None) -> None:
    plan = FetchPlanOperator(
        task_id="plan", conn_id="nbia_default", collection=COLLECTION, modality=empty, team=empty
    )
    assert sum(map(len, plan.execute(context()))) == 5
    assert place.database.rows("select distinct team from landing.received_series") == [(None,)]
    assert (
        ImportTruthOperator(task_id="truth", file_name=empty, collection=COLLECTION).execute(context()) == 0
    )
    assert DeidentifyOperator(task_id="deidentify", series_ids=[], policy=empty).execute(context()) == {
        "published": [], "quarantined": []
    }  # fmt: skip


@pytest.mark.parametrize("harm", ["lost", "cut", "changed"])
def test_what_was_harmed_in_the_landing_zone_never_becomes_a_short_series(place: Place, harm: str) -> None:
    ids = fetched()
    path = sorted((place.zone("landing") / f"{ids[0]:08d}").glob("*.dcm"))[3]
    if harm == "lost":
        path.unlink()
    elif harm == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    done = deidentify(ids)
    assert [one["received_id"] for one in done["quarantined"]] == ids[:1]
    catalog(done)
    assert place.database.rows("select distinct image_count from catalog.series") == [(8,)]
    assert place.database.value("select count(*) from catalog.series") == 2


def test_a_crash_before_the_catalog_leaves_it_for_the_next_run(place: Place) -> None:
    ids = fetched()
    plan = DeidentifyPlanOperator(task_id="plan")
    assert plan.execute(context()) == [ids[:2], ids[2:]]
    expected = "select received_id, report_id from catalog.deid_outcome order by received_id"
    assert place.database.rows(expected) == [(number, None) for number in ids]
    done = deidentify(ids)
    assert [number for number, report in place.database.rows(expected) if report] == ids
    assert plan.execute(context()) == [ids[:2], ids[2:]]
    catalog(done)
    assert plan.execute(context()) == []


def test_the_catalog_row_has_what_came_with_the_series_and_is_held(place: Place) -> None:
    with pytest.raises(AirflowSkipException):
        HeldNewsOperator(task_id="announce").execute(context())
    ids = fetched()
    place.database.rows(
        "insert into landing.truth select source, collection, series_uid, 'emphysema_fraction', 0.25, 'by hand' "
        "from landing.received_series where id = %s", ids[1]
    )  # fmt: skip
    done = deidentify(ids)
    entered = catalog(done)
    found = place.database.rows(
        "select distinct state, owner, team, visibility::text, licence, modality, image_count, collection "
        "from catalog.series"
    )
    assert found == [("held", "admin", TEAM, "team", "BSD 3-Clause (pyradiomics 3.0.1)", "CT", 8, COLLECTION)]
    assert place.database.rows("select series_uid, value, origin from catalog.truth") == [
        (entered[1], 0.25, "by hand")
    ]
    assert place.database.rows("select series_uid, count(*) from catalog.instance group by 1 order by 1") == [
        (one, 8) for one in sorted(entered)
    ]
    assert HeldNewsOperator(task_id="announce").execute(context()) == 3


def test_dates_move_by_days_that_only_the_broker_knows(place: Place) -> None:
    catalog(deidentify(fetched()))
    shifts = place.database.rows(
        "select patient_alias, days_offset, patient_name from phi.patient", role="radflow_owner"
    )
    assert len(shifts) == 3
    assert all(days != 0 for _, days, _ in shifts)
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        place.database.rows("select * from phi.patient")


@pytest.mark.parametrize("password", ["", "too short", "ab" * 8 + "zz", "ab" * 15])
def test_without_a_key_nothing_is_touched(place: Place, monkeypatch, password: str) -> None:
    ids = fetched()
    monkeypatch.setenv(
        "AIRFLOW_CONN_RADFLOW_DEID", json.dumps({"conn_type": "generic", "password": password})
    )
    with pytest.raises(SettingsError) as caught:
        deidentify(ids)
    assert "radflow_deid" in caught.value.reason
    assert not (password and password in str(caught.value))
    assert not place.zone("research").exists()
    assert place.database.rows("select distinct state from landing.received_series") == [("received",)]


def test_a_published_series_is_never_written_over_by_another_policy(place: Place) -> None:
    ids = fetched()
    catalog(deidentify(ids))
    store = files(place.zone("research"))
    done = deidentify(ids, policy="basic")
    assert {one["reason_code"] for one in done["quarantined"]} == {"differs-from-published"}
    assert files(place.zone("research")) == store
    assert place.database.rows("select distinct state from catalog.series") == [("held",)]
    assert place.database.rows("select distinct state from landing.received_series") == [("deidentified",)]
    found = place.database.rows("select distinct stage, reason_code from landing.quarantine")
    assert found == [("deidentify", "differs-from-published")]
    assert catalog(deidentify(ids))  # under the first policy it is what it was
