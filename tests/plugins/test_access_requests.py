"""Asking for access: an offer, its agreement, a request, a steward's word; nobody lets oneself in."""

from __future__ import annotations

import json
from typing import Any

import portal_world
import psycopg2
import pytest

ACCESS = "/api/v1/access"
WHY = "A study of emphysema in smokers."
TEXT = "Do not try to find out who anybody is. Delete the images when the study ends."


@pytest.fixture(scope="module")
def send(world: Any) -> Any:
    """``send(account, path, **body)`` posts JSON."""
    import requests

    def call(account: str, path: str, /, **body: Any) -> requests.Response:
        return requests.post(
            f"{world.base}/radflow{path}",
            data=json.dumps(body),
            headers={"X-Test-User": account, "Content-Type": "application/json"},
            timeout=20,
        )

    return call


@pytest.fixture(scope="module")
def clinic(world: Any, send: Any) -> dict[str, Any]:
    """Team ``clinic`` with the steward ``stella``, an agreement, an offer and a cohort that only the team sees."""
    with world.cursor() as cursor:
        for name in ("stella", "rita", "rolf", "adam"):
            portal_world.insert(cursor, "access.account", name=name, display_name=name)
        portal_world.insert(cursor, "access.account_role", account="adam", role="admin")
    assert send("ada", f"{ACCESS}/teams", team="clinic", reason="a new group").status_code == 201
    joined = send("ada", f"{ACCESS}/teams/clinic/members", account="stella", steward=True, reason="leads it")
    assert [m["account"] for m in joined.json()] == ["stella"]
    made = send("stella", f"{ACCESS}/agreements", name="clinic-dua", title="Agreement", body=TEXT)
    assert made.status_code == 201, made.text
    agreement = made.json()
    assert send("stella", f"{ACCESS}/agreements/{agreement['id']}/accept", sha256=agreement["sha256"]).ok
    offered = send(
        "stella", f"{ACCESS}/offers/clinic", title="CT of the clinic", summary="300 chests.",
        agreement_id=agreement["id"], most_days=100,
    )  # fmt: skip
    assert offered.status_code == 200, offered.text
    with world.cursor() as cursor:
        cohort = portal_world.insert(
            cursor, "experiment.cohort", "id", name="clinic-only", version=1, english="All.", criteria="{}",
            criteria_sha256="c", catalog_version=1, cohort_sha256="clinic", owner="stella", team="clinic",
            visibility="team",
        )  # fmt: skip
    return {"agreement": agreement, "cohort": cohort}


def test_the_whole_way_in(world: Any, clinic: dict[str, Any], send: Any, get: Any) -> None:
    hidden = f"/api/v1/cohorts/{clinic['cohort']}"
    number = clinic["agreement"]["id"]
    early = send("rita", f"{ACCESS}/requests", team="clinic", purpose=WHY, days=30)
    assert (early.status_code, "agreement" in early.json()["detail"]) == (409, True)
    assert send("rita", f"{ACCESS}/agreements/{number}/accept", sha256="0" * 64).status_code == 409
    assert send("rita", f"{ACCESS}/agreements/{number}/accept", sha256=clinic["agreement"]["sha256"]).ok
    assert send("rita", f"{ACCESS}/requests", team="clinic", purpose=WHY, days=101).status_code == 409
    asked = send("rita", f"{ACCESS}/requests", team="clinic", purpose=WHY, days=30).json()
    assert (asked["state"], asked["may_decide"], asked["may_withdraw"]) == ("waiting", False, True)
    assert send("rita", f"{ACCESS}/requests", team="clinic", purpose=WHY, days=30).status_code == 409
    assert get("rita", hidden).status_code == 404
    approval = f"{ACCESS}/requests/{asked['id']}/approve"
    assert send("rita", approval).status_code in (403, 422)
    assert send("mallory", approval).status_code == 404
    said = send("stella", approval, days=20)
    assert (said.json()["state"], said.json()["decided_days"]) == ("approved", 20)
    assert get("rita", hidden).status_code == 200
    assert send("stella", approval).status_code == 409
    offer = next(o for o in get("rita", f"{ACCESS}/offers").json() if o["team"] == "clinic")
    assert offer["member"]
    assert offer["expires_at"]
    with world.cursor() as cursor:
        cursor.execute(
            "update access.membership set expires_at = now() - interval '1 s' where account = 'rita'"
        )
    assert get("rita", hidden).status_code == 404


def test_a_new_agreement_closes_the_team_until_it_is_accepted(
    clinic: dict[str, Any], send: Any, get: Any
) -> None:
    hidden = f"/api/v1/cohorts/{clinic['cohort']}"
    assert send(
        "ada", f"{ACCESS}/teams/clinic/members", account="rolf", days=5, reason="works there"
    ).ok  # without agreement: in, and blind
    assert get("rolf", hidden).status_code == 404
    first = clinic["agreement"]
    assert send("rolf", f"{ACCESS}/agreements/{first['id']}/accept", sha256=first["sha256"]).ok
    assert get("rolf", hidden).status_code == 200
    second = send(
        "stella", f"{ACCESS}/agreements", name="clinic-dua", title="Agreement", body=TEXT + " Cite us."
    )
    assert second.json()["version"] == first["version"] + 1
    body = {"title": "CT of the clinic", "summary": "300 chests.", "most_days": 100}
    new = second.json()
    assert send("stella", f"{ACCESS}/offers/clinic", agreement_id=new["id"], **body).ok
    assert get("rolf", hidden).status_code == 404
    assert send("rolf", f"{ACCESS}/agreements/{new['id']}/accept", sha256=new["sha256"]).ok
    assert get("rolf", hidden).status_code == 200
    assert send("stella", f"{ACCESS}/offers/clinic", agreement_id=first["id"], **body).ok


def test_a_refusal_says_why_and_a_request_is_withdrawn_by_its_maker(clinic: Any, send: Any, get: Any) -> None:
    first = clinic["agreement"]
    assert send("newcomer", f"{ACCESS}/agreements/{first['id']}/accept", sha256=first["sha256"]).ok
    assert send("newcomer", f"{ACCESS}/requests", team="clinic", purpose="why not", days=3).status_code == 422
    asked = send("newcomer", f"{ACCESS}/requests", team="clinic", purpose=WHY, days=3).json()
    path = f"{ACCESS}/requests/{asked['id']}"
    assert send("stella", f"{path}/withdraw").status_code == 422
    assert send("stella", f"{path}/refuse", reason="  ").status_code == 422
    assert send("stella", f"{path}/refuse", reason="Not our field.").json()["state"] == "refused"
    again = send("newcomer", f"{ACCESS}/requests", team="clinic", purpose=WHY, days=3).json()
    assert send("newcomer", f"{ACCESS}/requests/{again['id']}/withdraw").json()["state"] == "withdrawn"
    assert get("mallory", f"{ACCESS}/requests").json()["total"] == 0
    assert get("mallory", f"{ACCESS}/requests/{asked['id']}").status_code == 404


def test_nobody_changes_the_own_rights_and_only_admins_those_of_others(
    clinic: Any, send: Any, get: Any
) -> None:
    role = {"role": "broker", "given": True, "reason": "needed"}
    assert send("ada", f"{ACCESS}/roles", account="ada", **role).status_code == 403
    assert send("mallory", f"{ACCESS}/roles", account="mallory", **role).status_code == 403
    assert send("stella", f"{ACCESS}/roles", account="rita", **role).status_code == 403
    given = send("ada", f"{ACCESS}/roles", account="rita", role="curator", given=True, reason="reads CT")
    assert given.json()["roles"] == ["curator"]
    taken = send("adam", f"{ACCESS}/roles", account="rita", role="curator", given=False, reason="left")
    assert taken.json()["roles"] == []
    join = {"reason": "me", "account": "mallory"}
    assert send("mallory", f"{ACCESS}/teams/clinic/members", **join).status_code == 403
    assert (
        send("stella", f"{ACCESS}/teams/clinic/members", account="rita", steward=True, reason="x").status_code
        == 403
    )
    assert send("stella", f"{ACCESS}/teams/lungs/members", account="rita", reason="x").status_code == 403
    assert send("mallory", f"{ACCESS}/teams/clinic/members/stella/end", reason="x").status_code == 403
    assert send("mallory", f"{ACCESS}/teams", team="mine", reason="x").status_code == 403
    assert send("mallory", f"{ACCESS}/offers/clinic", title="t", summary="s").status_code == 403
    assert send("mallory", f"{ACCESS}/agreements", name="a", title="t", body=TEXT).status_code == 403
    assert get("mallory", f"{ACCESS}/teams/clinic/members").status_code == 404
    assert [p["account"] for p in get("mallory", f"{ACCESS}/people").json()["items"]] == ["mallory"]
    assert len(get("ada", f"{ACCESS}/people").json()["items"]) > 10
    assert get("ada", "/api/v1/health").json()["roles"] == ["admin"]


@pytest.mark.parametrize(
    "attack",
    [
        "insert into access.membership (team, account) values ('lungs', 'mallory')",
        "update access.membership set expires_at = null where account = 'mallory'",
        "insert into access.account_role values ('mallory', 'admin')",
        "delete from access.decision",
        "update access.offer set agreement_id = null",
        "insert into access.acceptance (account, agreement_id, sha256) select 'rolf', id, sha256 from access.agreement",
        "insert into access.decision (request_id, requester, account, decision) values (1, 'x', 'ada', 'approve')",
        "insert into access.decision (request_id, requester, account, decision) values (1, 'x', 'mallory', 'approve')",
        "select access.set_role('mallory', 'admin', true, 'x')",
        "select access.record('access.approve', 'team', 'lungs', 'x')",
        "select access.know_me()",
        "insert into access.agreement (name, version, title, body, sha256, published_by) "
        "values ('a', 1, 't', repeat('x', 30), repeat('0', 64), 'mallory')",
    ],
)
def test_no_statement_of_the_portals_role_lets_anybody_in(world: Any, clinic: Any, attack: str) -> None:
    with pytest.raises(psycopg2.Error), world.cursor("radflow_portal", "mallory") as cursor:
        cursor.execute(attack)


def test_every_step_is_in_the_audit_and_the_chain_is_whole(
    world: Any, clinic: Any, send: Any, get: Any
) -> None:
    first = clinic["agreement"]
    assert send("audited", f"{ACCESS}/agreements/{first['id']}/accept", sha256=first["sha256"]).ok
    asked = send("audited", f"{ACCESS}/requests", team="clinic", purpose=WHY, days=9).json()
    assert send("stella", f"{ACCESS}/requests/{asked['id']}/approve").ok
    assert send("stella", f"{ACCESS}/teams/clinic/members/audited/end", reason="done").ok
    listed = get("ada", "/api/v1/audit", action="access", limit=500).json()["items"]
    mine = [
        e["action"]
        for e in listed
        if "audited" in (e["account"], e["detail"].get("requester"), e["detail"].get("account"))
    ]
    assert mine == ["access.end-member", "access.approve", "access.request", "access.accept"]
    verdict = get("ada", "/api/v1/audit/verify").json()
    assert verdict["first_broken"] is None
    head = {"id": verdict["head_id"], "hash": verdict["head_hash"]}
    assert get("ada", "/api/v1/audit/verify", **head).json()["noted_holds"] is True
    assert get("ada", "/api/v1/audit/verify", **(head | {"hash": "0" * 64})).json()["noted_holds"] is False
    assert get("stella", "/api/v1/audit").status_code == 403
    assert get("stella", "/api/v1/audit/verify").status_code == 403
    assert get("ada", "/api/v1/audit", who="nobody-of-that-name").json()["total"] == 0


def test_the_pages_show_what_can_be_done(clinic: Any, get: Any) -> None:
    offered = get("mallory", "/access").text
    assert "CT of the clinic" in offered
    assert "Read the agreement first" in offered
    assert "People" not in offered
    agreement = get("mallory", f"/access/agreements/{clinic['agreement']['id']}").text
    assert clinic["agreement"]["sha256"] in agreement
    assert "I accept this agreement" in agreement
    team = get("stella", "/access/teams/clinic").text
    assert "What it offers" in team
    assert "Steward:" not in team
    assert get("mallory", "/access/teams/clinic", headers={"Accept": "text/html"}).status_code == 404
    assert "Give or take a role" in get("ada", "/access/people").text
    assert get("stella", "/access/people").status_code == 403
    audit = get("ada", "/audit", check="true").text
    assert "Whole:" in audit
    assert "access.publish-agreement" in audit
    assert get("stella", "/audit").status_code == 403
