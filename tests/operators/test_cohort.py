"""cohort: frozen once, seen through the eyes of its owner, never more visible than its members."""

from __future__ import annotations

import json

import pytest

from operators.cohort import FreezeCohortOperator
from operators.exceptions import DatabaseError
from research.errors import AccessError, CriteriaError
from tests.support import rows
from tests.support.place import OUTSIDER, TEAM, Place, context

CT = {"all": [{"field": "modality", "op": "eq", "value": "CT"}]}


def freeze(name: str = "chest", rules: object = CT, account: str = "alice", **more: str) -> dict:
    operator = FreezeCohortOperator(task_id="freeze", cohort=name, rules=rules, account=account, **more)
    return operator.execute(context())


def members(place: Place, cohort: int) -> set[str]:
    found = place.database.rows(
        "select series_uid from experiment.cohort_member where cohort_id = %s", cohort
    )
    return {row[0] for row in found}


def test_frozen_with_members_attrition_and_an_event(place: Place) -> None:
    shown = {rows.release(place.database, rows.series(place.database, name)) for name in ("a", "b")}
    rows.series(place.database, "held")
    told = freeze(visibility="public")
    assert (told["name"], told["version"], told["series"], told["patients"]) == ("chest", 1, 2, 2)
    assert members(place, told["id"]) == shown
    found = place.database.rows(
        "select owner, visibility::text, catalog_version, cohort_sha256, english from experiment.cohort"
    )
    assert found[0][:4] == ("alice", "public", 2, told["sha256"])
    assert "CT" in found[0][4]
    counts = place.database.rows("select rule_no, series_count from experiment.cohort_attrition order by 1")
    assert counts[-1][1] == 2
    assert place.database.rows("select account, action, object_id from audit.event") == [
        ("alice", "cohort.freeze", "chest@1")
    ]


def test_freezing_again_gives_the_same_and_a_change_the_next_version(place: Place) -> None:
    rows.release(place.database, rows.series(place.database, "a"))
    first = freeze()
    assert freeze(rules=json.dumps(CT)) == first
    assert place.database.value("select count(*) from experiment.cohort") == 1
    rows.release(place.database, rows.series(place.database, "b"))
    second = freeze()
    assert (second["version"], second["series"]) == (2, 2)
    assert len(members(place, first["id"])) == 1
    assert place.database.value("select count(*) from experiment.cohort_attrition where rule_no = 0") == 2


def test_it_holds_what_its_owner_may_see(place: Place) -> None:
    mine = rows.release(place.database, rows.series(place.database, "a", owner="alice", visibility="private"))
    rows.release(place.database, rows.series(place.database, "b", owner="admin", visibility="private"))
    ours = rows.release(place.database, rows.series(place.database, "c", team=TEAM, visibility="team"))
    everybodys = rows.release(place.database, rows.series(place.database, "d"))
    assert members(place, freeze("hers")["id"]) == {mine, ours, everybodys}
    assert members(place, freeze("strangers", account=OUTSIDER)["id"]) == {everybodys}


@pytest.mark.parametrize(("wanted", "team"), [("team", TEAM), ("public", "")])
def test_visibility_never_widens(place: Place, wanted: str, team: str) -> None:
    rows.release(place.database, rows.series(place.database, "a", owner="alice", visibility="private"))
    with pytest.raises(DatabaseError, match="cannot be") as caught:
        freeze(visibility=wanted, team=team)
    assert caught.value.instruction == "Choose a narrower visibility."
    assert place.database.value("select count(*) from experiment.cohort") == 0


def test_a_team_cohort_of_another_teams_images_is_refused(place: Place) -> None:
    place.database.rows("insert into access.team values ('hearts')")
    rows.release(place.database, rows.series(place.database, "a", team=TEAM, visibility="team"))
    with pytest.raises(DatabaseError, match="you are not in the team hearts"):
        freeze(visibility="team", team="hearts")
    place.database.rows("insert into access.membership (team, account) values ('hearts', 'alice')")
    with pytest.raises(DatabaseError, match="cannot be team"):
        freeze(visibility="team", team="hearts")


def test_nothing_found_says_after_which_rule(place: Place) -> None:
    rows.release(place.database, rows.series(place.database, "a"))
    rules = {"all": [*CT["all"], {"field": "kvp", "op": "lte", "value": 80}]}
    with pytest.raises(CriteriaError, match="0 series left"):
        freeze(rules=rules)
    assert place.database.value("select count(*) from experiment.cohort") == 0


@pytest.mark.parametrize(
    "rules", ["{", "[]", '{"all": [{"field": "patient_name", "op": "eq", "value": "x"}]}']
)
def test_criteria_that_mean_nothing_are_refused(place: Place, rules: str) -> None:
    with pytest.raises(CriteriaError):
        freeze(rules=rules)


def test_a_person_whom_airflow_knows_and_we_do_not_yet_sees_what_is_public(place: Place) -> None:
    rows.release(place.database, rows.series(place.database, "a"))
    assert freeze(account="newcomer")["series"] == 1


def test_a_name_belongs_to_whoever_took_it(place: Place) -> None:
    rows.release(place.database, rows.series(place.database, "a"))
    freeze(visibility="public")
    with pytest.raises(AccessError, match="chest"):
        freeze(account=OUTSIDER, visibility="public")
    assert place.database.rows("select distinct owner from experiment.cohort") == [("alice",)]
