"""Reports in the portal: who sees which, search, and release by a curator."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

API = "/api/v1/clinical"
JSON = "application/json"
#: name -> report id, owner, team, visibility, state, text
REPORTS = {
    "open": ("H000000000001", "pipeline", None, "public", "released", "Severe emphysema."),
    "held": ("H000000000002", "pipeline", None, "public", "held", "Held emphysema."),
    "bobs": ("H000000000003", "bob", None, "private", "released", "Bob's effusion."),
    "teams": ("H000000000004", "alice", "lungs", "team", "released", "Team nodule."),
}
SEES = {
    "mallory": {"open"}, "bob": {"open", "bobs"}, "erin": {"open", "teams"}, "alice": {"open", "teams"},
    "cora": {"open", "held"},
}  # fmt: skip


def insert(cursor: Any, table: str, returning: str = "null", **values: Any) -> Any:
    places = ", ".join(["%s"] * len(values))
    cursor.execute(
        f"insert into {table} ({', '.join(values)}) values ({places}) returning {returning}",
        [*values.values()],
    )
    return cursor.fetchone()[0]


def enter(cursor: Any, number: int, name: str) -> None:
    """A report as the pipeline leaves it, with its fetch and one finding."""
    report, owner, team, visibility, state, text = REPORTS[name]
    owned = {"owner": owner, "team": team, "visibility": visibility}
    patient = {"collection": "CLINICAL", "patient_alias": "RF-CLIN"}
    source = {"source": "fhir_x", "collection": "CLINICAL"}
    run = insert(
        cursor, "catalog.clinical_run", "id", dag_id="d", run_id=name, task_id="t", source_kind="fhir",
        received='{"report": 1}', identifiers="urn:secret=HOSPITAL", licence="CC0", **source, **owned,
    )  # fmt: skip
    key = insert(
        cursor, "landing.received_clinical", "id", run_id=run, format="fhir", kind="report",
        resource_key=f"{number:064x}", sha256="a" * 64, uri="file:///secret", position=0, byte_count=1,
        state="deidentified", **source, **owned,
    )  # fmt: skip
    insert(
        cursor, "catalog.report", report_id=report, received_id=key, report_date="2001-02-03", kind="radiology",
        text=text, source="fhir_x", policy_sha256=hashlib.sha256(b"policy").hexdigest(), state=state,
        **patient, **owned,
    )  # fmt: skip
    insert(
        cursor, "catalog.finding", received_id=key, report_id=report, finding="emphysema", scheme="SCT",
        code="87433001", meaning="Emphysema", match_quality="exact", status="present", start_offset=7, end_offset=16,
        rule_id="emphysema", origin="report", **patient, **owned,
    )  # fmt: skip


@pytest.fixture(scope="module")
def rows(world: Any) -> dict[str, str]:
    """Reports in the portal's world; stored once."""
    if "clinical" not in world.ids:
        with world.cursor() as cursor:
            insert(cursor, "catalog.collection", name="CLINICAL", source="t")
            insert(cursor, "catalog.patient", collection="CLINICAL", patient_alias="RF-CLIN")
            for number, name in enumerate(REPORTS):
                enter(cursor, number, name)
        world.ids["clinical"] = {name: row[0] for name, row in REPORTS.items()}
    return world.ids["clinical"]


def names(rows: dict[str, str], answer: Any) -> set[str]:
    assert answer.status_code == 200, answer.text
    by_id = {number: name for name, number in rows.items()}
    return {by_id[one["report_id"]] for one in answer.json()["items"]}


@pytest.mark.parametrize("who", SEES)
def test_a_person_sees_the_own_reports(get: Any, rows: dict[str, str], who: str) -> None:
    answer = get(who, f"{API}/reports", collection="CLINICAL")
    assert names(rows, answer) == SEES[who]
    assert answer.json()["total"] == len(SEES[who])
    assert "Severe" not in answer.text
    for name, number in rows.items():
        one = get(who, f"{API}/reports/{number}")
        assert one.status_code == (200 if name in SEES[who] else 404)
        if one.status_code == 200:
            assert one.json()["text"] == REPORTS[name][5]
            (mention,) = one.json()["findings"]
            assert (mention["finding"], mention["status"], mention["start_offset"]) == (
                "emphysema",
                "present",
                7,
            )


@pytest.mark.parametrize(
    ("who", "query", "wanted"),
    [
        ("mallory", {"words": "emphysemas"}, {"open"}), ("cora", {"words": "emphysema"}, {"open", "held"}),
        ("mallory", {"words": "effusion"}, set()), ("bob", {"words": '"effusion" -nodule'}, {"bobs"}),
        ("cora", {"state": "held", "collection": "CLINICAL"}, {"held"}), ("cora", {"patient_alias": "nobody"}, set()),
        ("cora", {"words": "emphysema", "state": "released"}, {"open"}), ("erin", {"words": "') or true --"}, set()),
    ],
)  # fmt: skip
def test_search(get: Any, rows: dict[str, str], who: str, query: dict[str, str], wanted: set[str]) -> None:
    assert names(rows, get(who, f"{API}/reports", **query)) == wanted


def test_fetches_with_their_licence_and_without_rules(get: Any, rows: dict[str, str]) -> None:
    answer = get("bob", f"{API}/runs")
    mine = [one for one in answer.json()["items"] if one["collection"] == "CLINICAL"]
    assert len(mine) == 3  # two are public, one is the own
    assert {(one["licence"], one["received"]["report"]) for one in mine} == {("CC0", 1)}
    assert "secret" not in answer.text


def test_addresses_that_are_none(get: Any, rows: dict[str, str]) -> None:
    assert get("bob", f"{API}/reports/1 or 1=1").status_code == 422
    assert get("bob", f"{API}/reports/H00000000000Z").status_code == 404
    assert get(None, f"{API}/reports").status_code == 401


def test_only_a_curator_releases(get: Any, post: Any, rows: dict[str, str], world: Any) -> None:
    held, teams = rows["held"], rows["teams"]
    assert post("mallory", f"{API}/reports/{held}/release", "", JSON).status_code == 404
    judged = post(
        "judy", f"{API}/reports/{held}/release", "", JSON
    )  # an adjudicator sees it, and is no curator
    assert (judged.status_code, judged.json()["type"]) == (403, "urn:radflow:problem:not-a-curator")
    assert post("erin", f"{API}/reports/{teams}/release", "", JSON).status_code == 200  # is released already
    answer = post("cora", f"{API}/reports/{held}/release", "", JSON)
    assert (answer.status_code, answer.json()["state"]) == (200, "released")
    assert get("mallory", f"{API}/reports/{held}").status_code == 200
    with world.cursor() as cursor:
        cursor.execute("select account, object_id from audit.event where action = 'report.released'")
        assert cursor.fetchall() == [("cora", held)]
        # as it was, for whoever comes after: nobody but the owner of the schema can hold a report again
    with world.cursor("radflow_owner") as cursor:
        cursor.execute("alter table catalog.report disable trigger settle_report")
        cursor.execute("alter table catalog.report disable row level security")
        cursor.execute("update catalog.report set state = 'held' where report_id = %s", (held,))
        cursor.execute("alter table catalog.report enable row level security")
        cursor.execute("alter table catalog.report enable trigger settle_report")
