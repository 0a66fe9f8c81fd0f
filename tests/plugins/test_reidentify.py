"""Re-identification through the API and its pages: two people, in time, and every step in the audit."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import portal_world
import pytest
import requests

PATH = "/api/v1/reidentify"
REASON = "An incidental finding must reach the treating physician."
ALIAS = portal_world.alias_of("s1")
JSON = "application/json"
HTML = {"Accept": "text/html"}


@pytest.fixture(scope="module", autouse=True)
def crosswalk(world: Any) -> None:
    """Who the patients of the cohort are."""
    with world.cursor() as cursor:
        cursor.execute("select phi.use_key('demo', '0123456789abcdef')")
        for no in range(6):
            name = f"s{no + 1}"
            alias = portal_world.alias_of(name)
            portal_world.insert(
                cursor, "phi.patient", project="demo", patient_alias=alias, patient_id=f"=MRN-{no}",
                patient_name=f"Zwolinski^{name.upper()}", patient_birth_date="19510203", days_offset=-1000 - no,
            )  # fmt: skip
            portal_world.insert(
                cursor, "phi.uid", project="demo", level="study", new_uid=portal_world.uid("study", name),
                original_uid=f"1.2.3.{no}", patient_alias=alias,
            )  # fmt: skip


@pytest.fixture
def ask(post: Any) -> Callable[..., int]:
    """``ask(account, **body)``: a new request; answers its number."""

    def call(account: str = "bea", **body: Any) -> int:
        wanted = {"subjects": [ALIAS], "reason": REASON} | body
        answer = post(account, PATH, json.dumps(wanted), JSON)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    return call


@pytest.fixture
def say(post: Any) -> Callable[..., requests.Response]:
    """``say(account, number, "approve" or "refuse", reason)``."""

    def call(account: str | None, number: int, word: str = "approve", reason: str | None = "yes") -> Any:
        return post(account, f"{PATH}/{number}/{word}", json.dumps({"reason": reason}), JSON)

    return call


def lapse(world: Any, number: int) -> None:
    with world.cursor("postgres") as cursor:
        cursor.execute("set local session_replication_role = replica")
        cursor.execute("update broker.request set expires_at = now() where id = %s", (number,))


def events(world: Any, number: int | str) -> list[tuple[str, str]]:
    with world.cursor() as cursor:
        cursor.execute(
            "select account, action from audit.event where object_kind = 'reidentify' and object_id = %s order by id",
            (str(number),),
        )
        return list(cursor.fetchall())


def test_two_people_and_the_requester_reads(world: Any, get: Any, ask: Any, say: Any) -> None:
    study = portal_world.uid("study", "s2")
    number = ask(subjects=f"{ALIAS}, {study}\n{portal_world.alias_of('nobody')}")
    waiting = get("ben", f"{PATH}/{number}").json()
    assert (waiting["state"], waiting["may_decide"], waiting["subject_count"]) == ("waiting", True, 3)
    assert not get("bea", f"{PATH}/{number}").json()["may_decide"]
    assert get("bea", f"{PATH}/{number}/result").status_code == 403
    approved = say("ben", number)
    assert approved.json()["state"] == "approved"
    assert (approved.json()["decided_by"], approved.json()["may_read"]) == ("ben", False)
    answer = get("bea", f"{PATH}/{number}/result")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    found = {row["subject"]: row for row in body["rows"]}
    assert found[ALIAS]["patient_id"] == "=MRN-0"
    assert found[ALIAS]["patient_name"] == "Zwolinski^S1"
    assert (found[study]["level"], found[study]["original_uid"]) == ("study", "1.2.3.1")
    assert body["missing"] == [portal_world.alias_of("nobody")]
    after = get("bo", f"{PATH}/{number}").json()
    assert after["disclosure_count"] == 1
    assert events(world, number) == [
        ("bea", "reidentify.request"), ("bea", "reidentify.denied"), ("ben", "reidentify.approve"),
        ("bea", "reidentify.disclose"),
    ]  # fmt: skip


def test_the_answer_as_csv(get: Any, ask: Any, say: Any) -> None:
    number = ask(subjects=[ALIAS, portal_world.alias_of("nobody")])
    say("ben", number)
    answer = get("bea", f"{PATH}/{number}/result.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"] == f'attachment; filename="request-{number}.csv"'
    table = list(csv.DictReader(io.StringIO(answer.text)))
    assert table[0]["patient_id"] == "'=MRN-0"  # no formula for a spreadsheet
    assert table[0]["patient_name"] == "Zwolinski^S1"
    assert (table[1]["subject"], table[1]["patient_id"]) == (portal_world.alias_of("nobody"), "")


def test_a_cohort_stands_for_its_aliases_as_far_as_one_sees_it(get: Any, ask: Any, post: Any) -> None:
    number = ask(subjects=[], cohort="emphysema@1")
    asked = get("ben", f"{PATH}/{number}").json()
    assert set(asked["subjects"]) == {
        portal_world.alias_of(name) for name in ("s1", "s2", "s3", "s4", "s5", "s6")
    }
    assert asked["cohort"] == "emphysema@1"
    for hidden in ("bobs-own@1", "no-such@1", "emphysema@2", "emphysema", "x'; drop table phi.uid; --@1"):
        body = {"cohort": hidden, "reason": REASON}
        answer = post("bea", PATH, json.dumps(body), JSON)
        assert answer.status_code == 422, hidden
        assert answer.json()["instruction"]


def test_nobody_approves_the_own_request(world: Any, get: Any, ask: Any, say: Any) -> None:
    number = ask()
    for word in ("approve", "refuse"):
        answer = say("bea", number, word)
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:radflow:problem:two-people")
    assert get("ben", f"{PATH}/{number}").json()["state"] == "waiting"
    assert events(world, number)[1:] == [("bea", "reidentify.denied")] * 2


def test_only_the_requester_reads(world: Any, get: Any, ask: Any, say: Any) -> None:
    number = ask()
    say("ben", number)
    for other in ("ben", "bo"):
        for path in ("result", "result.csv"):
            answer = get(other, f"{PATH}/{number}/{path}")
            assert (answer.status_code, answer.json()["type"]) == (403, "urn:radflow:problem:not-granted")
            assert "MRN" not in answer.text
    assert events(world, number)[2:] == [(who, "reidentify.denied") for who in ("ben", "ben", "bo", "bo")]


@pytest.mark.parametrize("account", ["mallory", "ada", "cora", "alice"])
def test_others_learn_nothing_not_even_which_numbers_exist(
    world: Any, get: Any, post: Any, ask: Any, say: Any, account: str
) -> None:
    number = ask()
    say("ben", number)
    told = set()
    for one in (number, 999_999):
        for path in ("", "/result", "/result.csv"):
            told.add(
                (get(account, f"{PATH}/{one}{path}").status_code, get(account, f"{PATH}/{one}{path}").text)
            )
        told.add((say(account, one).status_code, say(account, one).text))
    assert len(told) == 1
    assert told.pop()[0] == 403
    assert get(account, PATH).status_code == 403
    assert post(account, PATH, json.dumps({"subjects": [ALIAS], "reason": REASON}), JSON).status_code == 403
    assert get(account, "/reidentify", headers=HTML).status_code == 403
    assert get(account, f"/reidentify/{number}", headers=HTML).status_code == 403
    assert (account, "reidentify.denied") in events(world, number)


def test_nobody_gets_anything_without_signing_in(get: Any, say: Any, ask: Any) -> None:
    number = ask()
    assert say(None, number).status_code == 401
    for path in (
        PATH,
        f"{PATH}/{number}",
        f"{PATH}/{number}/result",
        f"{PATH}/{number}/result.csv",
        "/reidentify",
    ):
        assert get(None, path).status_code == 401


def test_a_refusal_says_why_and_is_final(get: Any, ask: Any, say: Any) -> None:
    number = ask()
    assert say("ben", number, "refuse", "  ").status_code == 422
    refused = say("ben", number, "refuse", "Not without the ethics vote.")
    assert (refused.json()["state"], refused.json()["decision_reason"]) == (
        "refused",
        "Not without the ethics vote.",
    )
    again = say("bo", number, "approve")
    assert (again.status_code, again.json()["type"]) == (409, "urn:radflow:problem:decided")
    assert get("bea", f"{PATH}/{number}/result").status_code == 403


def test_time_runs_out(world: Any, get: Any, ask: Any, say: Any) -> None:
    late = ask()
    lapse(world, late)
    answer = say("ben", late)
    assert (answer.status_code, answer.json()["detail"]) == (409, f"Request {late} has expired.")
    number = ask()
    say("ben", number)
    lapse(world, number)
    answer = get("bea", f"{PATH}/{number}/result")
    assert (answer.status_code, answer.json()["instruction"]) == (409, "Ask again.")
    assert get("bea", f"{PATH}/{number}").json()["state"] == "expired"


def test_numbers_that_do_not_exist(get: Any, say: Any) -> None:
    for number in (0, -1, 10**30, "x"):
        assert get("bea", f"{PATH}/{number}/result").status_code == 422
    assert get("bea", f"{PATH}/999999/result").status_code == 404
    assert say("ben", 999_999).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"subjects": ["MRN-12345"], "reason": REASON},
        {"subjects": ["Doe^John"], "reason": REASON},
        {"subjects": [f"{ALIAS}' or true --"], "reason": REASON},
        {"subjects": f"{ALIAS}; drop table phi.patient", "reason": REASON},
        {"subjects": [f"{ALIAS}\u0000"], "reason": REASON},
        {"subjects": [["nested"]], "reason": REASON},
        {"subjects": [7], "reason": REASON},
        {"subjects": [f"2.25.{n}" for n in range(1, 5002)], "reason": REASON},
        {"subjects": [], "reason": REASON},
        {"subjects": [ALIAS], "reason": "short"},
        {"subjects": [ALIAS], "reason": "\u0000" * 20},
        {"subjects": [ALIAS]},
        {"subjects": [ALIAS], "reason": REASON, "valid_days": 31},
        {"subjects": [ALIAS], "reason": REASON, "requester": "ben"},
        {"subjects": [ALIAS], "reason": REASON, "project": "demo"},
        {"kind": "rotation", "project": "demo", "reason": REASON},
        {"kind": "linkage", "reason": REASON},
        {"kind": "linkage", "project": "demo", "subjects": [ALIAS], "reason": REASON},
    ],
)
def test_what_is_no_request_is_refused_and_not_repeated(post: Any, body: dict[str, Any]) -> None:
    answer = post("bea", PATH, json.dumps(body), JSON)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["instruction"]
    for said in ("MRN-12345", "Doe^John", "drop table"):
        assert said not in answer.text


def test_a_foreign_page_discloses_nothing(world: Any, get: Any, post: Any, ask: Any, say: Any) -> None:
    number = ask()
    assert (
        post("ben", f"{PATH}/{number}/approve", "reason=x", "application/x-www-form-urlencoded").status_code
        == 415
    )
    say("ben", number)
    for site in ("cross-site", "same-site"):
        answer = get("bea", f"{PATH}/{number}/result.csv", headers={"Sec-Fetch-Site": site})
        assert answer.status_code == 403
    assert ("bea", "reidentify.disclose") not in events(world, number)
    assert (
        get("bea", f"{PATH}/{number}/result.csv", headers={"Sec-Fetch-Site": "same-origin"}).status_code
        == 200
    )


def test_lists_and_their_filter(get: Any, ask: Any, say: Any) -> None:
    waiting, refused = ask(), ask()
    say("ben", refused, "refuse", "no")
    listed = get("bo", PATH, limit=500).json()
    states = [row["state"] for row in listed["items"]]
    assert states == sorted(states, key=lambda state: state != "waiting")
    assert {"waiting", "refused"} <= set(states)
    assert "subjects" not in listed["items"][0]
    found = {row["id"] for row in get("bo", PATH, state="refused", limit=500).json()["items"]}
    assert refused in found
    assert waiting not in found
    assert get("bo", PATH, state="open").status_code == 422


def test_a_linkage_discloses_aliases_only(world: Any, get: Any, post: Any, say: Any) -> None:
    body = {"kind": "linkage", "project": "demo", "reason": "Follow-ups after the rotation must be found."}
    number = post("bea", PATH, json.dumps(body), JSON).json()["id"]
    say("ben", number)
    assert get("bea", f"{PATH}/{number}/result").json() == {
        "request": number, "kind": "linkage", "rows": [], "missing": [],
    }  # fmt: skip
    assert (
        get("bea", f"{PATH}/{number}/result.csv").text
        == "old_alias,old_key_id,new_alias,new_key_id,days_to_add\r\n"
    )
    unknown = post("bea", PATH, json.dumps(body | {"project": "unknown"}), JSON)
    assert (unknown.status_code, unknown.json()["instruction"]) == (
        409,
        "Its first de-identification records one.",
    )


def test_pages_for_requester_and_second_person(get: Any, ask: Any, say: Any) -> None:
    number = ask(reason="<b>An incidental</b> finding must reach the physician.")
    listed = get("ben", "/reidentify", headers=HTML).text
    assert "needs you" in listed
    assert f"/radflow/reidentify/{number}" in listed
    mine, theirs = (get(who, f"/reidentify/{number}", headers=HTML).text for who in ("bea", "ben"))
    assert "another broker decides" in mine
    assert 'value="approve"' not in mine
    assert 'value="approve"' in theirs
    assert ALIAS in theirs
    assert "<b>An incidental" not in theirs
    say("ben", number)
    mine, theirs = (get(who, f"/reidentify/{number}", headers=HTML).text for who in ("bea", "ben"))
    assert f"/radflow/api/v1/reidentify/{number}/result.csv" in mine
    assert "result.csv" not in theirs
    assert "MRN" not in mine + theirs + listed
    assert get("ben", "/reidentify/999999", headers=HTML).status_code == 404


def test_a_missing_broker_login_is_said(get: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from radflow_portal.db import close_database

    close_database()
    monkeypatch.setenv("AIRFLOW__RADFLOW__BROKER_DSN", "")
    try:
        answer = get("bea", PATH)
        assert answer.status_code == 503
        assert "broker_dsn" in answer.json()["detail"]
        assert get("bea", "/api/v1/runs").status_code == 200
    finally:
        monkeypatch.undo()
        close_database()
