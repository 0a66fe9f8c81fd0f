"""curate: bad answers are asked again, two different people decide, a third settles, nothing else releases."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import airflow.providers.standard.operators.hitl as hitl
import pytest
from airflow.sdk.exceptions import AirflowSkipException, TaskAwaitingInput

from operators.curate import (
    AdjudicateOperator,
    FirstReadOperator,
    ReleaseOperator,
    SecondReadOperator,
    SignOffOperator,
    WorklistOperator,
)
from operators.exceptions import DatabaseError
from operators.hooks.research_db import ResearchDbHook
from research.errors import SignOffError
from tests.support import rows
from tests.support.place import Place, context

GOOD, LOW = "RADLEX:RID12", "99RADFLOW:low-dose-ct"


@dataclass
class Asked:
    """The last request that was put before people."""

    times: int = 0
    last: dict[str, Any] = field(default_factory=dict)

    @property
    def people(self) -> set[str]:
        return {person["id"] for person in self.last["assigned_users"]}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Airflow's side of a question: the row that its API server would show."""
    seen = Asked()

    def upsert(**request: Any) -> None:
        seen.times += 1
        seen.last = request

    monkeypatch.setattr(hitl, "upsert_hitl_detail", upsert)
    return seen


def event(account: str, decision: str = "accept", tags: Any = (GOOD,), comment: Any = None) -> dict[str, Any]:
    """What Airflow hands to ``execute_complete`` after an answer."""
    return {
        "chosen_options": [decision],
        "params_input": {"tags": list(tags) if isinstance(tags, tuple) else tags, "comment": comment},
        "responded_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        "responded_by_user": {"id": account, "name": account},
    }


@pytest.fixture
def request_(place: Place) -> dict[str, str]:
    rows.series(place.database, "one")
    (found,) = WorklistOperator(task_id="worklist").execute(context())
    return found


def answer(kind: type[SignOffOperator], request: dict[str, str], given: dict[str, Any]) -> Any:
    return kind(task_id="read", request=request).execute_complete(context(), given)


def ask(kind: type[SignOffOperator], request: dict[str, str]) -> Any:
    return kind(task_id="read", request=request).execute(context())


def release(request: dict[str, str]) -> str:
    return ReleaseOperator(task_id="release", request=request).execute(context())


def signed(place: Place) -> list[tuple]:
    return place.database.rows("select role, account, decision, tags from curation.sign_off order by id")


def state(place: Place) -> str:
    return place.database.value("select state from catalog.series")


def test_the_worklist_is_claimed_once_and_again_by_the_same_run(place: Place) -> None:
    for name in ("one", "two", "three"):
        rows.series(place.database, name)
    mine = WorklistOperator(task_id="worklist", limit=2).execute(context())
    assert len(mine) == 2
    assert WorklistOperator(task_id="worklist", limit=2).execute(context())[:2] != []
    others = context(run_id="manual__2")
    known = {one["series_uid"] for one in WorklistOperator(task_id="worklist").execute(context())}
    assert len(known) == 3
    with pytest.raises(AirflowSkipException):
        WorklistOperator(task_id="worklist").execute(others)
    place.database.rows("update curation.worklist set claimed_at = now() - interval '40 days'")
    assert len(WorklistOperator(task_id="worklist").execute(others)) == 3


def test_a_rerun_of_the_worklist_keeps_to_its_limit(place: Place) -> None:
    for name in ("one", "two", "three"):
        rows.series(place.database, name)
    first = WorklistOperator(task_id="worklist", limit=2).execute(context())
    assert WorklistOperator(task_id="worklist", limit=2).execute(context()) == first


def test_the_question_shows_facts_and_goes_to_curators(place: Place, request_: dict, asked: Asked) -> None:
    with pytest.raises(TaskAwaitingInput):
        ask(FirstReadOperator, request_)
    assert asked.people == {"cora", "curt"}
    assert asked.last["options"] == ["accept", "reject"]
    assert asked.last["subject"].startswith("First read: CT CHEST of RF-")
    assert request_["series_uid"] in asked.last["body"]
    assert set(asked.last["params"]) == {"tags", "comment"}


def test_two_people_agree_and_the_series_is_released_with_its_tags(
    place: Place, request_: dict, asked: Asked
) -> None:
    first = answer(FirstReadOperator, request_, event("cora", tags=(GOOD, LOW), comment="fine"))
    assert first == {"decision": "accept", "by": "cora", "asked": True}
    with pytest.raises(TaskAwaitingInput):
        ask(SecondReadOperator, request_)
    assert asked.people == {"curt"}
    assert "fine" not in asked.last["body"]  # the second read is blind
    answer(SecondReadOperator, request_, event("curt", tags=(LOW, GOOD)))
    assert ask(AdjudicateOperator, request_) == {"decision": None, "by": None, "asked": False}
    assert release(request_) == "released"
    assert release(request_) == "released"
    assert place.database.rows("select scheme || ':' || code from catalog.tag order by 1") == [
        (LOW,),
        (GOOD,),
    ]
    assert place.database.value("select count(*) from catalog.revision") == 1
    found = place.database.rows("select account, action, object_kind, object_id from audit.event order by id")
    assert found == [
        ("cora", "curate.first", "series", request_["series_uid"]),
        ("curt", "curate.second", "series", request_["series_uid"]),
    ]


def test_an_answer_that_is_recorded_is_not_asked_again(place: Place, request_: dict, asked: Asked) -> None:
    answer(FirstReadOperator, request_, event("cora"))
    assert ask(FirstReadOperator, request_) == {"decision": "accept", "by": "cora", "asked": False}
    assert asked.times == 0


BAD = {
    "unknown tag": event("cora", tags=("RADLEX:NOPE",)),
    "not a tag": event("cora", tags=("emphysema; drop table",)),
    "tags that are no list": event("cora", tags=7),
    "tags of another type": event("cora", tags=[{"a": 1}]),
    "text for tags": event("cora", tags=GOOD),
    "unknown option": event("cora", decision="perhaps"),
    "no option": event("cora") | {"chosen_options": []},
    "two options": event("cora") | {"chosen_options": ["accept", "reject"]},
    "nobody": event("cora") | {"responded_by_user": None},
    "unknown person": event("stranger"),
    "no form": event("cora") | {"params_input": "accept"},
    "a name for an account": event("cora") | {"responded_by_user": {"name": "cora"}},
    "person without the role": event("alice"),
    "adjudicator reading first": event("judy"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_answer_is_asked_again_and_never_taken(
    place: Place, request_: dict, asked: Asked, name: str
) -> None:
    with pytest.raises(TaskAwaitingInput):
        answer(FirstReadOperator, request_, BAD[name])
    assert asked.times == 1
    assert signed(place) == []
    assert place.database.value("select count(*) from audit.event") == 0
    answer(FirstReadOperator, request_, event("cora"))
    assert signed(place) == [("first", "cora", "accept", [GOOD])]


def test_a_comment_keeps_what_the_database_can_hold(place: Place, request_: dict, asked: Asked) -> None:
    answer(FirstReadOperator, request_, event("cora", comment=" a\0b%s'; -- "))
    assert place.database.value("select comment from curation.sign_off") == "ab%s'; --"


def test_an_empty_form_is_an_answer_without_tags(place: Place, request_: dict, asked: Asked) -> None:
    answer(FirstReadOperator, request_, event("cora") | {"params_input": None})
    assert signed(place) == [("first", "cora", "accept", [])]


@pytest.mark.parametrize("later", [SecondReadOperator, AdjudicateOperator])
def test_the_same_person_twice_is_asked_of_somebody_else(
    place: Place, request_: dict, asked: Asked, later: type[SignOffOperator]
) -> None:
    place.database.rows("insert into access.account_role values ('cora', 'adjudicator')")
    answer(FirstReadOperator, request_, event("cora"))
    if later is AdjudicateOperator:
        answer(SecondReadOperator, request_, event("curt", decision="reject"))
    before = signed(place)
    with pytest.raises(TaskAwaitingInput):
        answer(later, request_, event("cora"))
    assert "cora" not in asked.people
    assert signed(place) == before


def test_second_before_first_is_not_taken(place: Place, request_: dict, asked: Asked) -> None:
    with pytest.raises(TaskAwaitingInput):
        answer(SecondReadOperator, request_, event("curt"))
    assert signed(place) == []


def test_disagreement_goes_to_a_third_person_who_sees_both_answers_without_names(
    place: Place, request_: dict, asked: Asked
) -> None:
    answer(FirstReadOperator, request_, event("cora", tags=(GOOD, LOW), comment="as the header says"))
    answer(SecondReadOperator, request_, event("curt", decision="reject", tags=()))
    with pytest.raises(SignOffError, match="no settled sign-offs"):
        release(request_)
    with pytest.raises(TaskAwaitingInput):
        ask(AdjudicateOperator, request_)
    assert asked.people == {"judy"}
    body = asked.last["body"]
    assert "**accept**" in body
    assert "**reject**" in body
    assert "as the header says" in body
    assert not {"cora", "curt"} & set(body.replace("*", " ").split())
    answer(AdjudicateOperator, request_, event("judy", tags=(LOW,)))
    assert release(request_) == "released"
    assert place.database.rows("select scheme || ':' || code from catalog.tag") == [(LOW,)]


def test_agreement_on_the_decision_but_not_on_the_tags_is_a_dispute(
    place: Place, request_: dict, asked: Asked
) -> None:
    answer(FirstReadOperator, request_, event("cora", tags=(GOOD,)))
    answer(SecondReadOperator, request_, event("curt", tags=(GOOD, LOW)))
    with pytest.raises(TaskAwaitingInput):
        ask(AdjudicateOperator, request_)


def test_a_rejected_series_is_never_released(place: Place, request_: dict, asked: Asked) -> None:
    answer(FirstReadOperator, request_, event("cora", decision="reject"))
    answer(SecondReadOperator, request_, event("curt", decision="reject", tags=()))
    for _ in range(2):
        with pytest.raises(AirflowSkipException):
            release(request_)
    assert state(place) == "rejected"
    assert place.database.value("select count(*) from catalog.tag") == 0


@pytest.mark.parametrize("answers", [0, 1, 2])
def test_marking_the_tasks_a_success_releases_nothing(
    place: Place, request_: dict, asked: Asked, answers: int
) -> None:
    if answers > 0:
        answer(FirstReadOperator, request_, event("cora"))
    if answers > 1:
        answer(SecondReadOperator, request_, event("curt", decision="reject"))
    with pytest.raises(SignOffError) as caught:
        release(request_)
    assert request_["series_uid"] in caught.value.reason
    assert "Clear its sign-off tasks" in caught.value.instruction
    assert state(place) == "held"
    assert place.database.value("select count(*) from catalog.tag") == 0


def test_the_database_refuses_what_the_operator_might_forget(place: Place, request_: dict) -> None:
    uid = request_["series_uid"]
    with (
        pytest.raises(DatabaseError, match="its sign-offs say nothing yet") as caught,
        ResearchDbHook().transaction() as work,
    ):
        work.execute("curate_settle", series_uid=uid, state="released")
    assert caught.value.instruction == "Two curators sign off, or an adjudicator settles it."


def test_nobody_left_to_ask_says_which_role(place: Place, request_: dict, asked: Asked) -> None:
    place.database.rows("delete from access.account_role where account = 'curt'")
    answer(FirstReadOperator, request_, event("cora"))
    with pytest.raises(SignOffError, match="role curator"):
        ask(SecondReadOperator, request_)


def test_a_timeout_is_airflows_to_tell(place: Place, request_: dict) -> None:
    with pytest.raises(hitl.HITLTimeoutError):
        answer(FirstReadOperator, request_, {"error": "nobody came", "error_type": "timeout"})


def test_runs_that_start_at_once_never_ask_about_the_same_series(place: Place) -> None:
    made = {rows.series(place.database, f"s{number}") for number in range(12)}

    def claim(number: int) -> list[str]:
        operator = WorklistOperator(task_id="worklist", limit=3)
        return [one["series_uid"] for one in operator.execute(context(run_id=f"manual__{number}"))]

    with ThreadPoolExecutor(4) as pool:
        claimed = [uid for part in pool.map(claim, range(4)) for uid in part]
    assert len(claimed) == 12
    assert set(claimed) == made
