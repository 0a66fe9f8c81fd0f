"""Finding studies: facets, filters and pages, each as far as the asker may see."""

from __future__ import annotations

from typing import Any

import pytest

API = "/api/v1"


def pages(get: Any, account: str, path: str, **query: Any) -> list[dict[str, Any]]:
    """All rows of a list, page by page."""
    found: list[dict[str, Any]] = []
    after = None
    for _ in range(50):
        page = get(account, f"{API}{path}", **query, **({"after": after} if after else {})).json()
        found += page["items"]
        after = page["next"]
        if after is None:
            return found
    pytest.fail("the list does not end")


def test_facets_count_what_one_may_see(get: Any) -> None:
    for account, series in (("mallory", 6), ("bob", 7)):
        found = get(account, f"{API}/facets").json()
        assert (found["series_count"], found["study_count"], found["patient_count"]) == (
            series,
            series,
            series,
        )
        for values in found["facets"].values():
            assert sum(value["series_count"] for value in values) == series
        assert found["facets"]["body_part"] == [{"value": "Chest", "series_count": series}]
        assert {value["value"] for value in found["facets"]["state"]} == {"released"}


def test_a_facet_is_counted_without_its_own_filter(get: Any) -> None:
    found = get("erin", f"{API}/facets", modality="MR").json()
    assert (found["series_count"], found["study_count"]) == (0, 0)
    assert [value["value"] for value in found["facets"]["modality"]] == ["CT"]
    assert found["facets"]["collection"] == []
    both = get("erin", f"{API}/facets", modality=["MR", "CT"], collection="chest").json()
    assert both["series_count"] > 0


@pytest.mark.parametrize(
    "sort", ["-study_date", "study_date", "-image_count", "image_count", "patient", "-patient"]
)
@pytest.mark.parametrize("query", [{}, {"modality": "CT"}])
def test_pages_are_all_there_once(get: Any, sort: str, query: dict[str, str]) -> None:
    whole = get("bob", f"{API}/studies", sort=sort, limit=500, **query).json()
    assert whole["next"] is None
    uids = [one["study_uid"] for one in whole["items"]]
    assert len(uids) == len(set(uids)) == 7
    assert [one["study_uid"] for one in pages(get, "bob", "/studies", sort=sort, limit=2, **query)] == uids
    series = [one["series_uid"] for one in pages(get, "bob", "/series", limit=2, **query)]
    assert len(series) == len(set(series)) == 7


def test_many_and_few_are_found_alike(get: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    few = get("bob", f"{API}/studies", modality="CT", limit=3).json()
    monkeypatch.setattr("radflow_portal.catalog_filters._WALKS", ((0, 4), (0, 100)))
    assert get("bob", f"{API}/studies", modality="CT", limit=3).json() == few


def test_a_study_with_its_series(world: Any, get: Any) -> None:
    one = get("erin", f"{API}/series/{world.ids['series']['s3']}").json()
    study = get("erin", f"{API}/studies/{one['study_uid']}").json()
    assert [s["series_uid"] for s in study["series"]] == [one["series_uid"]]
    assert study["modalities"] == ["CT"]
    assert get("erin", f"{API}/series", study_uid=one["study_uid"]).json()["items"] == [one]
    assert (one["body_part_code"], one["remote_uri"]) == ("SCT:816094009", None)


def test_what_is_hidden_is_not_found(world: Any, get: Any) -> None:
    secret = get("bob", f"{API}/series/{world.ids['series']['bob']}").json()
    assert get("mallory", f"{API}/studies/{secret['study_uid']}").status_code == 404
    assert get("mallory", f"{API}/studies", patient=secret["patient_alias"]).json()["items"] == []
    assert get("mallory", f"{API}/series", study_uid=secret["study_uid"]).json()["items"] == []
    assert get("mallory", f"{API}/collections/chest").json()["series_count"] == 6
    assert get("bob", f"{API}/collections/chest").json()["series_count"] == 7
    assert get("bob", f"{API}/collections/nothing").status_code == 404


def test_words_are_searched_and_hidden_words_are_not(world: Any, get: Any) -> None:
    with world.cursor("postgres") as cursor:
        cursor.execute(
            "insert into catalog.series (series_uid, study_uid, collection, patient_alias, modality, image_count, uri, "
            "manifest_sha256, policy_sha256, owner, visibility, series_description) "
            "select series_uid || '.1', study_uid, collection, patient_alias, 'SR', 1, 'file:///x', manifest_sha256, "
            "policy_sha256, 'bob', 'private', 'AX_Zebra/fish' from catalog.series where series_uid = %s",
            (world.ids["series"]["bob"],),
        )
        cursor.execute("set local session_replication_role = origin")
    try:
        # Held: nobody but a curator may see it, not even its owner; so its words are found by nobody else.
        for account in ("bob", "mallory"):
            assert get(account, f"{API}/facets", q="zebra").json()["series_count"] == 0
        with world.cursor("radflow_portal", "bob") as cursor:
            cursor.execute("select count(*) from catalog.described(to_tsquery('simple', 'zebra'))")
            assert cursor.fetchone()[0] == 0
    finally:
        with world.cursor("postgres") as cursor:
            cursor.execute("set local session_replication_role = replica")
            cursor.execute("delete from catalog.series where series_description = 'AX_Zebra/fish'")
            cursor.execute("set local session_replication_role = origin")
            cursor.execute("update catalog.facet set series_count = 0 where modality = 'SR'")


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("studies", {"after": "x"}),
        ("studies", {"after": "WzFd"}),
        ("series", {"after": "bm8"}),
        ("studies", {"sort": "owner"}),
        ("facets", {"q": "!!!"}),
        ("facets", {"q": " ".join("abcdefghijklm")}),
        ("series", {"study_uid": "1", "modality": "CT"}),
    ],
)
def test_requests_that_mean_nothing_are_refused(get: Any, path: str, query: dict[str, str]) -> None:
    answer = get("erin", f"{API}/{path}", **query)
    assert answer.status_code == 422
    assert answer.json()["instruction"]
