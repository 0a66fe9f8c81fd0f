"""The small lists: series, cohorts, algorithms, health."""

from __future__ import annotations

from typing import Any


def test_series(world: Any, get: Any) -> None:
    one = get("erin", f"/api/v1/series/{world.ids['series']['s3']}").json()
    assert (one["modality"], one["derived"], one["state"]) == ("CT", True, "released")
    assert "uri" not in one


def test_cohort_says_what_each_rule_left(world: Any, get: Any) -> None:
    cohort = get("erin", f"/api/v1/cohorts/{world.ids['cohort']}").json()
    assert (cohort["name"], cohort["version"], cohort["member_count"], cohort["patient_count"]) == (
        "emphysema",
        1,
        6,
        6,
    )
    assert cohort["english"].startswith("CT of the chest")
    assert [rule["series_count"] for rule in cohort["attrition"]] == [9, 6]
    members = get("erin", f"/api/v1/cohorts/{world.ids['cohort']}/members", limit=4).json()
    assert (len(members["items"]), members["total"]) == (4, 6)


def test_algorithms_with_their_latest_version(world: Any, get: Any) -> None:
    with world.cursor() as cursor:
        cursor.execute(
            "insert into registry.algorithm_version (name, digest, version, descriptor, registered_at) "
            "values ('denoise', 'sha256:older', '0.9.0', '{}', now() - interval '1 day')"
        )
    found = {a["name"]: a for a in get("erin", "/api/v1/algorithms").json()["items"]}
    assert set(found) == {"denoise", "lungs", "emphysema_laa", "emphysema_mrf"}
    assert found["denoise"]["version"] == "1.0.0"


def test_health(get: Any) -> None:
    assert get("erin", "/api/v1/health").json() == {
        "status": "ok",
        "account": "erin",
        "known_account": True,
        "roles": [],
        "teams": ["lungs"],
    }
    assert get("nobody", "/api/v1/health").json()["known_account"] is False
    assert get(None, "/health").json() == {"status": "ok"}
