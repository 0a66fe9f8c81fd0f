"""reidentify: tasks open a request and wait; they neither approve one nor see an answer."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from airflow.sdk.bases.sensor import PokeReturnValue

from operators.exceptions import DatabaseError
from operators.hooks.research_db import ResearchDbHook
from operators.reidentify import AwaitApprovalOperator, RequestIdentityOperator
from research.errors import AccessError
from research.reidentify import ReidentifyError
from tests.support import rows
from tests.support.place import Place, context

ALIAS = "RF-0123456789"


@pytest.fixture
def brokers(place: Place) -> Place:
    """Brokers, and one patient in the crosswalk."""
    rows.brokers(place.database)
    rows.crosswalk(place.database, {ALIAS: "MRN-7741"})
    return place


def ask(run_id: str = "manual__1", **more: Any) -> dict[str, Any]:
    wanted = {"subjects": [ALIAS], "reason": rows.REASON, "account": "bea"} | more
    return RequestIdentityOperator(task_id="request", **wanted).execute(
        context(dag_id="reidentify", run_id=run_id)
    )


def wait(asked: dict[str, Any]) -> Any:
    return AwaitApprovalOperator(task_id="second_person", request=asked).poke(context())


def test_a_run_opens_one_request_however_often_it_is_repeated(brokers: Place) -> None:
    asked = ask()
    assert asked == {"request": 1, "subjects": 1, "page": "/radflow/reidentify/1"}
    assert ask() == asked
    assert ask("manual__2")["request"] == 2
    found = brokers.database.rows("select requester, dag_run, subjects from broker.request order by id")
    assert found == [("bea", "reidentify/manual__1", [ALIAS]), ("bea", "reidentify/manual__2", [ALIAS])]


def test_the_run_waits_and_then_says_where_the_answer_is_and_not_what(
    brokers: Place, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        asked = ask()
        assert wait(asked) is False
        rows.approve(brokers.database, asked["request"])
        done = wait(asked)
    assert isinstance(done, PokeReturnValue)
    assert done.is_done
    assert done.xcom_value == {
        "request": 1, "state": "approved", "result": "/radflow/api/v1/reidentify/1/result",
    }  # fmt: skip
    said = caplog.text + json.dumps([asked, done.xcom_value])
    assert "MRN-7741" not in said
    assert "Name^" not in said


def test_refused_lapsed_and_unknown_requests_end_the_run(brokers: Place) -> None:
    refused, late = ask(), ask("manual__2")
    rows.approve(brokers.database, refused["request"], decision="refuse")
    rows.lapse(brokers.database, late["request"])
    for asked, word in ((refused, "refused"), (late, "expired"), ({"request": 99}, "unknown")):
        with pytest.raises(ReidentifyError, match=f"is {word}"):
            wait(asked)


def test_it_waits_without_a_worker() -> None:
    waiting = AwaitApprovalOperator(task_id="second_person", request={"request": 1})
    assert waiting.mode == "reschedule"
    assert waiting.timeout > 30 * 86400


def test_a_cohort_stands_for_its_aliases(brokers: Place) -> None:
    made = [rows.release(brokers.database, rows.series(brokers.database, name)) for name in ("one", "two")]
    rows.cohort(brokers.database, "chest", made, owner="admin", visibility="public")
    rows.cohort(brokers.database, "mine", made, owner="alice")
    asked = ask(subjects="", cohort="chest@1")
    assert asked["subjects"] == 2
    assert ask("manual__2", cohort="chest@1")["subjects"] == 3
    for hidden in ("mine@1", "chest@2", "no-such@1"):
        with pytest.raises(ReidentifyError, match="no frozen cohort"):
            ask("manual__3", cohort=hidden)


@pytest.mark.parametrize("account", ["alice", "cora", "admin", "nobody"])
def test_only_brokers_ask(brokers: Place, account: str) -> None:
    with pytest.raises(DatabaseError, match="has not the role broker") as caught:
        ask(account=account)
    assert "Only honest brokers" in caught.value.instruction
    assert brokers.database.value("select count(*) from broker.request") == 0


def test_a_run_that_nobody_started_asks_for_nothing(brokers: Place) -> None:
    with pytest.raises(AccessError, match="Nobody's name"):
        ask(account="")


@pytest.mark.parametrize(
    "wrong",
    [{"subjects": []}, {"subjects": ["MRN-7741"]}, {"subjects": f"{ALIAS} '; drop"}, {"reason": "so"}, {"reason": ""},
     {"valid_days": 0}, {"valid_days": "31"}, {"valid_days": "soon"}, {"cohort": "chest"}],
)  # fmt: skip
def test_what_is_no_request_is_refused_and_not_repeated(brokers: Place, wrong: dict[str, Any]) -> None:
    with pytest.raises(ReidentifyError) as caught:
        ask(**wrong)
    assert "MRN-7741" not in str(caught.value)
    assert brokers.database.value("select count(*) from broker.request") == 0


def test_a_task_cannot_decide_nor_read(brokers: Place) -> None:
    asked = ask()
    for statement, values in (
        ("reidentify_decide", {"id": asked["request"], "decision": "approve", "reason": None}),
        ("reidentify_disclose", {"id": asked["request"]}),
        ("reidentify_identities", {"disclosure": 1}),
        ("reidentify_linkage", {"disclosure": 1}),
    ):
        for seen_by in (None, "ben", "bea"):
            with (
                pytest.raises(DatabaseError, match="42501"),
                ResearchDbHook().transaction(seen_by=seen_by) as work,
            ):
                work.execute(statement, **values)
    assert wait(asked) is False
