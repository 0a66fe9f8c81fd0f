"""Registering specifications through the API."""

from __future__ import annotations

import json
from typing import Any

import portal_world
import pytest
import yaml

PATH = "/api/v1/experiments"


def text_of(name: str, **changes: Any) -> str:
    return yaml.safe_dump({**portal_world.spec_of_emphysema(name), **changes})


def test_yaml_is_registered_and_the_same_again_changes_nothing(world: Any, get: Any, post: Any) -> None:
    first = post("erin", PATH, text_of("erins"), "application/yaml", visibility="team", team="lungs")
    assert first.status_code == 201, first.text
    made = first.json()
    assert (made["name"], made["dag_id"], made["owner"], made["visibility"]) == (
        "erins",
        "exp_erins",
        "erin",
        "team",
    )
    assert made["trigger_url"] == f"{world.base}/api/v2/dags/exp_erins/dagRuns"
    with world.cursor() as cursor:
        cursor.execute("select max(id) from experiment.revision")
        before = cursor.fetchone()
    again = post("erin", PATH, "# a comment\n" + text_of("erins"), "application/yaml")
    assert again.status_code == 200
    assert (again.json()["revision"], again.json()["created"]) == (made["revision"], False)
    with world.cursor() as cursor:
        cursor.execute("select max(id) from experiment.revision")
        assert cursor.fetchone() == before
    assert get("alice", f"{PATH}/erins").json()["spec_sha256"] == made["spec_sha256"]
    assert get("mallory", f"{PATH}/erins").status_code == 404


def test_a_changed_text_is_a_new_revision_and_the_latest_is_listed(get: Any, post: Any) -> None:
    first = post("erin", PATH, text_of("grows"), "application/yaml").json()
    body = json.dumps({"spec": portal_world.spec_of_emphysema("grows") | {"seed": 7}})
    second = post("erin", PATH, body, "application/json").json()
    assert second["revision"] > first["revision"]
    latest = get("erin", f"{PATH}/grows").json()
    assert (latest["revision"], latest["text_count"], latest["spec"]["seed"]) == (second["revision"], 2, 7)
    names = [e["name"] for e in get("erin", PATH).json()["items"]]
    assert names.count("grows") == 1


def test_registration_is_audited(world: Any, post: Any) -> None:
    made = post("erin", PATH, text_of("audited"), "application/yaml").json()
    with world.cursor() as cursor:
        cursor.execute(
            "select account, action from audit.event where object_id = %s", (f"audited@{made['revision']}",)
        )
        assert cursor.fetchall() == [("erin", "register")]
        cursor.execute("select audit.first_broken()")
        assert cursor.fetchone() == (None,)


def test_nobody_else_takes_a_name(post: Any) -> None:
    answer = post("erin", PATH, text_of("emphysema", seed=9), "application/yaml")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:radflow:problem:name-taken")
    hidden = post("erin", PATH, text_of("bobs_secret", seed=9), "application/yaml")
    assert (hidden.status_code, hidden.json()["type"]) == (409, "urn:radflow:problem:name-taken")


def test_no_team_of_others(post: Any) -> None:
    answer = post("mallory", PATH, text_of("mine"), "application/yaml", visibility="team", team="lungs")
    assert answer.status_code == 403


def test_an_unknown_account_is_told_so(post: Any) -> None:
    answer = post("nobody", PATH, text_of("nobodys"), "application/yaml")
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:radflow:problem:no-account")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"cohort": "bobs-own"}, "bobs-own"),
        ({"cohort": "no-such"}, "no-such"),
        ({"metrics": []}, "metrics"),
        ({"colour": "blue"}, "colour"),
        (
            {"steps": [{"name": "a", "algorithm": "nothing", "inputs": {"ct-image": "cohort.ct-image"}}]},
            "nothing",
        ),
    ],
)
def test_what_cannot_run_is_refused_with_a_remedy(post: Any, changes: dict[str, Any], word: str) -> None:
    spec = portal_world.spec_of_emphysema("wrong") | changes
    if "steps" in changes:
        spec["metrics"] = [{**m, "prediction": "a.emphysema-fraction"} for m in spec["metrics"]]
    answer = post("erin", PATH, json.dumps({"spec": spec}), "application/json")
    problem = answer.json()
    assert answer.status_code == 422
    assert word in problem["detail"]
    assert problem["instruction"]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ("spec=x", "application/x-www-form-urlencoded", 415),
        ("{}", "text/plain", 415),
        ("{}", None, 415),
        ("{", "application/json", 422),
        ("{}", "application/json", 422),
        ('{"spec": {}, "owner": "alice"}', "application/json", 422),
        ("- a\n- b", "application/yaml", 422),
        ("a: &a [x]\nb: *a", "application/yaml", 422),
        (b"\xff\xfe", "application/yaml", 422),
        ("x" * 600_000, "application/yaml", 413),
    ],
)
def test_bad_bodies(post: Any, body: str | bytes, content_type: str | None, status: int) -> None:
    answer = post("erin", PATH, body, content_type)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_nobody_registers_without_signing_in(post: Any) -> None:
    assert post(None, PATH, text_of("anon"), "application/yaml").status_code == 401
