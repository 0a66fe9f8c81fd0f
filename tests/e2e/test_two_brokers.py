"""Re-identification on the running installation: two brokers, a waiting run, and nothing of it in Airflow."""

from __future__ import annotations

import json

import pytest

from tests.support.platform import Platform

pytestmark = pytest.mark.airflow

PATH = "/radflow/api/v1/reidentify"
REASON = "A finding must reach the referring physician."


def somebody(platform: Platform) -> tuple[str, str]:
    """An alias, and the patient ID behind it."""
    text = "select patient_alias, patient_id from phi.patient order by recorded_at, 1 limit 1"
    return tuple(platform.query(text, role="radflow_owner")[0])


def opened(platform: Platform, dag_run: str) -> int:
    """Number of the request that a run opens."""
    text = "select id from broker.request where dag_run = %s"
    return platform.until(lambda: platform.query(text, dag_run), 180, "a request")[0][0]


def test_two_brokers_and_a_run_that_waits_for_them(platform: Platform) -> None:
    alias, patient = somebody(platform)
    asker, second = platform.api("broker"), platform.api("broker2")
    run = asker.trigger("reidentify", {"subjects": [alias], "reason": REASON})
    number = opened(platform, f"reidentify/{run}")
    assert asker.call("GET", f"{PATH}/{number}/result", ok=(403,)) is None
    assert asker.call("POST", f"{PATH}/{number}/approve", json={}, ok=(403,)) is None
    assert second.call("POST", f"{PATH}/{number}/approve", json={})["state"] == "approved"
    assert second.call("GET", f"{PATH}/{number}/result", ok=(403,)) is None
    answer = asker.call("GET", f"{PATH}/{number}/result")
    assert patient in {row["patient_id"] for row in answer["rows"]}
    assert asker.wait("reidentify", run, 240) == "success"
    told = [
        asker.call("GET", f"/api/v2/dags/reidentify/dagRuns/{run}{path}")
        for path in ("", "/taskInstances", "/taskInstances/second_person/xcomEntries/return_value")
    ]
    assert told[-1]["value"]["result"] == f"{PATH}/{number}/result"
    assert patient not in json.dumps(told)
    actions = platform.query(
        "select account, action from audit.event where object_kind = 'reidentify' and object_id = %s order by id",
        str(number),
    )
    assert [row for row in actions if row[1] != "reidentify.denied"] == [
        ("broker", "reidentify.request"),
        ("broker2", "reidentify.approve"),
        ("broker", "reidentify.disclose"),
    ]


def test_a_run_of_somebody_else_ends_without_a_request(platform: Platform) -> None:
    alias, _ = somebody(platform)
    run = platform.api("researcher").trigger("reidentify", {"subjects": [alias], "reason": REASON})
    assert platform.api("researcher").wait("reidentify", run, 240) == "failed"
    assert platform.query("select 1 from broker.request where dag_run = %s", f"reidentify/{run}") == []
    assert platform.api("researcher").call("GET", PATH, ok=(403,)) is None


def test_only_the_web_server_speaks_as_the_broker(platform: Platform) -> None:
    name = "AIRFLOW__RADFLOW__BROKER_DSN"
    assert name in platform.state.environment_of("api-server")
    for component in ("scheduler", "dag-processor", "triggerer"):
        assert name not in platform.state.environment_of(component)
