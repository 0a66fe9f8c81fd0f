"""The whole way through real Airflow processes, twice; what Postgres holds afterwards."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import subprocess
import urllib.parse
from pathlib import Path

import pydicom
import pytest

from deid.pixels import PixelRules, find_text
from scripts.standins.nbia.index import Index
from scripts.state import HOME
from tests.support.images import small_collection
from tests.support.platform import Platform

pytestmark = pytest.mark.airflow


def test_the_demo_ends_with_a_result_for_every_case_of_every_arm(platform: Platform) -> None:
    assert platform.first.returncode == 0
    (cases,) = platform.query("select count(*) from experiment.cohort_member")[0]
    assert cases >= 4
    rows = platform.query(
        "select arm, count(*), count(value), count(truth) from experiment.case_result where run_id = 1 group by arm"
    )
    assert sorted(rows) == [("laa950", cases, cases, cases), ("mrf", cases, cases, cases)]
    steps = platform.query(
        "select step, arm, count(*) from experiment.step_run where status = 'ok' and run_id = 1 group by 1, 2"
    )
    assert sorted(steps) == [
        ("denoise", "", cases), ("lungs", "", cases), ("quantify", "laa950", cases), ("quantify", "mrf", cases),
    ]  # fmt: skip


def test_the_demo_prints_results_intervals_and_addresses(platform: Platform) -> None:
    told = platform.first.stdout
    assert "Mean absolute error" in told
    assert "95 % interval" in told
    assert f"{platform.base}/radflow/leaderboard" in told
    assert "Runtime of the models:" in told


def test_results_are_judged_against_the_known_truth(platform: Platform) -> None:
    metrics = dict(
        platform.query("select arm, estimate from experiment.metric where is_primary and run_id = 1")
    )
    assert set(metrics) == {"laa950", "mrf"}
    assert all(0 <= error < 0.1 for error in metrics.values())
    bounds = platform.query(
        "select estimate, lower, upper from experiment.metric where is_primary and run_id = 1"
    )
    assert all(low <= estimate <= high for estimate, low, high in bounds)


def test_a_document_is_quarantined_and_the_rest_goes_on(platform: Platform) -> None:
    codes = platform.query(
        "select q.reason_code, r.state from landing.quarantine q join landing.received_series r on r.id = q.series_id"
    )
    assert codes == [("encapsulated-document", "quarantined")]


def test_the_screen_capture_is_cleaned_and_released(platform: Platform) -> None:
    images = platform.state.root / "demo" / "images"
    (case,) = [
        one for one in json.loads((images / "identities.json").read_text(encoding="utf-8"))["cases"]
        if "burned_in" in one
    ]  # fmt: skip
    (state, uri), *more = platform.query(
        "select s.state, s.uri from landing.received_series r join catalog.series s"
        " on s.series_uid = r.research_series_uid where r.series_uid = %s",
        case["capture_series_instance_uid"],
    )
    assert (state, more) == ("released", [])
    (source,) = (images / "dicom" / f"{case['case']}-capture").glob("*.dcm")
    (path,) = Path(uri.removeprefix("file://")).glob("*.dcm")
    readable = " ".join(box.text for box in find_text(source, PixelRules()))
    assert [word for word in case["burned_in"].split()[:3] if word not in readable] == []
    assert find_text(path, PixelRules()) == []
    before, after = pydicom.dcmread(source).pixel_array, pydicom.dcmread(path).pixel_array
    ink = before[8:26, 8:300] > 200
    assert ink.sum() > 150
    assert not after[8:26, 8:300][ink].any()
    assert (after[48:] == before[48:]).all()


def test_the_demo_says_what_de_identification_did(platform: Platform) -> None:
    told = platform.first.stdout
    assert "deidentify: 6 series in the research store, 1 in quarantine (encapsulated-document)" in told
    assert "burned-in text removed from 1 picture; 0 verifier findings" in told
    (number,) = platform.query("select max(id) from catalog.deid_batch")[0]
    page = f"/radflow/deidentification/batches/{number}"
    assert f"report: {platform.base}{page}" in told
    batch = platform.api("admin").call("GET", f"/radflow/api/v1/deidentification/batches/{number}")
    assert batch["quarantined_count"] == 1
    waiting = platform.api("admin").call("GET", "/radflow/api/v1/deidentification/quarantine")
    assert [one["reason_code"] for one in waiting["items"]] == ["encapsulated-document"]


def test_every_release_has_two_different_signatures(platform: Platform) -> None:
    rows = platform.query(
        "select s.series_uid, count(distinct o.account), bool_or(o.role = 'adjudicator')"
        " from catalog.series s join curation.sign_off o using (series_uid) where s.state = 'released' group by 1"
    )
    assert rows
    assert all(people >= 2 for _, people, _ in rows)
    assert any(adjudicated for _, _, adjudicated in rows), "the demo's readers differ once"
    assert platform.query("select audit.first_broken()", role="radflow_owner") == [(None,)]


def test_a_second_time_is_safe_and_reuses_what_is_known(platform: Platform) -> None:
    before = platform.query("select count(*), max(id) from landing.received_series")
    instances = platform.query("select count(*) from catalog.instance")
    again = platform.script("scripts/demo.py", "--small")
    assert again.returncode == 0, again.stdout + again.stderr
    assert platform.query("select count(*), max(id) from landing.received_series") == before
    assert platform.query("select count(*) from catalog.instance") == instances
    (run,) = platform.query("select max(id) from experiment.run where dag_id = 'exp_emphysema'")[0]
    assert platform.query(
        "select bool_and(reused), count(*) from experiment.step_run where run_id = %s", run
    )[0][0]
    first = platform.query("select arm, name, estimate from experiment.metric where run_id = 1 order by 1, 2")
    assert (
        platform.query(
            "select arm, name, estimate from experiment.metric where run_id = %s order by 1, 2", run
        )
        == first
    )


def test_the_documented_curl_commands_run(platform: Platform) -> None:
    text = (HOME / "docs" / "how-to" / "api.md").read_text(encoding="utf-8")
    block = text.partition("```bash\n")[2].partition("```")[0]
    done = subprocess.run(
        ["bash", "-c", block], capture_output=True, text=True, check=False, timeout=300,
        env=platform.environment | {
            "RADFLOW_URL": platform.base, "RADFLOW_USER": "researcher",
            "RADFLOW_PASSWORD": platform.state.passwords()["researcher"],
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "absolute_error" in done.stdout
    assert "the results are: success" in done.stdout


def test_the_form_offers_the_cohorts_that_exist(platform: Platform) -> None:
    details = platform.api("researcher").call("GET", "/api/v2/dags/exp_emphysema/details")
    assert "emphysema@1" in details["params"]["cohort"]["schema"]["examples"]


def test_a_viewer_without_a_team_sees_no_team_results(platform: Platform) -> None:
    (run_id,) = platform.query("select dag_run_id from experiment.run where id = 1")[0]
    where = "/radflow/api/v1/runs/by-dag-run?" + urllib.parse.urlencode(
        {"dag_id": "exp_emphysema", "run_id": run_id}
    )
    assert platform.api("researcher").call("GET", where)["id"] == 1
    platform.query("delete from access.membership where account = 'broker' returning account")
    assert platform.api("broker").call("GET", where, ok=(404,)) is None


def test_the_plugin_answers_only_those_who_signed_in(platform: Platform) -> None:
    import requests

    for path in ("/radflow/api/v1/runs", "/radflow/leaderboard", "/radflow/api/v1/cohorts"):
        assert requests.get(platform.base + path, timeout=30, allow_redirects=False).status_code in (401, 403)


def test_an_engineers_own_dag_runs(platform: Platform) -> None:
    """The example of fewer than 40 lines, on another collection of another server."""
    admin = platform.api("admin")
    run = admin.trigger("my_ingest", {"collection": "SECOND", "connection": "nbia_second"})
    assert admin.wait("my_ingest", run, 240) == "success"
    rows = platform.query(
        "select state, count(*) from landing.received_series where collection = 'SECOND' group by 1"
    )
    assert dict(rows)["deidentified"] == 5
    assert platform.query("select count(*) from catalog.series where collection = 'SECOND'") == [(5,)]


def test_curation_can_be_left_to_people(platform: Platform) -> None:
    """``make demo CURATE=me`` without a terminal: it says where the forms are and does not claim success."""
    told = platform.script("scripts/demo.py", "--small", "--curate", "me")
    assert told.returncode == 3, told.stdout + told.stderr
    assert f"{platform.base}/required_actions" in told.stdout
    assert platform.state.passwords()["curator1"] in told.stdout
    assert platform.query(
        "select count(*) from catalog.series where state = 'released' and collection = 'SECOND'"
    ) == [(0,)]
    platform.sign_off()
    assert platform.query(
        "select count(*) from catalog.series where state = 'released' and collection = 'SECOND'"
    ) == [(5,)]


def test_the_nightly_fetch_takes_only_what_is_new(platform: Platform) -> None:
    admin = platform.api("admin")
    before = platform.query("select max(id) from landing.received_series")[0][0]
    more = small_collection(platform.second_root.parent, "LATER")
    one = sorted(
        path for path in (more / "dicom").iterdir() if path.is_dir() and len(list(path.iterdir())) > 1
    )[0]
    later = platform.second_root / "dicom" / "later"
    shutil.copytree(one, later)
    # Released today: the nightly run asks for what is newer than the last list, not for everything.
    uid = str(pydicom.dcmread(next(later.iterdir()), stop_before_pixels=True).SeriesInstanceUID)
    described = platform.second_root / "dicom" / "collection.json"
    released = {uid: {"DateReleased": f"{dt.datetime.now(dt.UTC):%m-%d-%Y}"}}
    described.write_text(json.dumps(json.loads(described.read_text()) | {"Series": released}))
    platform.second.index = Index.of(platform.second_root / "dicom")
    admin.call("PATCH", "/api/v2/dags/fetch_daily", json={"is_paused": False})
    platform.until(lambda: nightly(platform), 180, "the nightly run")
    assert nightly(platform) == ["success"]
    new = platform.query("select collection, state from landing.received_series where id > %s", before)
    assert [collection for collection, _ in new] == ["SECOND"]
    admin.call("PATCH", "/api/v2/dags/fetch_daily", json={"is_paused": True})
    platform.settle()
    platform.sign_off()


def nightly(platform: Platform) -> list[str]:
    """States of the nightly runs that have ended."""
    runs = platform.api("admin").call("GET", "/api/v2/dags/fetch_daily/dagRuns")["dag_runs"]
    return [run["state"] for run in runs if run["state"] in ("success", "failed")]
