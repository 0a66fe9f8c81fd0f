"""Attacks on the catalog and on cohorts: as the portal's role in SQL, and over HTTP.

Mallory has an account and nothing else. Ben owns private series that share a patient and a study with public ones, and
whose words, codes and collection occur nowhere else. Whatever Mallory asks must be answered as if they were not there.
"""

from __future__ import annotations

import json
from typing import Any

import portal_world as pw
import pytest

API = "/api/v1"
FACETS = (
    "collection", "modality", "body_part", "sex", "age_band", "manufacturer", "licence", "analysis_result", "state",
)  # fmt: skip
WORD, MAKER, HIDDEN = "quetzalcoatl", "Hidden Maker", "hidden-collection"
CT = {"field": "modality", "op": "eq", "value": "CT"}


@pytest.fixture(scope="module")
def secret(world: Any) -> dict[str, str]:
    """Ben's series: ``beside`` a public one in its study, ``same`` patient as a public one, ``alone`` in a collection."""
    shown = world.ids["series"]["s1"]
    found = {"study": pw.uid("study", "s1"), "patient": pw.alias_of("s1"), "shown": shown}
    with world.cursor() as cursor:
        pw.insert(cursor, "catalog.collection", name=HIDDEN, source="test", title=WORD)
        places = {
            "beside": ("chest", found["patient"], found["study"]),
            "same": ("chest", found["patient"], pw.uid("study", "hidden")),
            "alone": (HIDDEN, "RF-HIDDEN", pw.uid("study", "alone")),
        }
        for name, (collection, alias, study) in places.items():
            found[name], found[f"{name}_study"] = pw.uid("series", name), study
            at = {"collection": collection, "patient_alias": alias}
            if name == "alone":
                pw.insert(cursor, "catalog.patient", **at)
            if name != "beside":
                pw.insert(cursor, "catalog.study", study_uid=study, study_date="2019-05-04", **at)
            pw.insert(
                cursor, "catalog.series", series_uid=found[name], study_uid=study, **at, modality="MG",
                body_part="BREAST", manufacturer=MAKER, series_description=f"{WORD} view", image_count=77,
                uri="file:///nowhere", manifest_sha256=pw.sha(name), policy_sha256=pw.sha("policy"), owner="ben",
                visibility="private",
            )  # fmt: skip
            pw._release(cursor, found[name])
    found["cohort"] = str(_cohort(world, [found["alone"]]))
    return found


def _cohort(world: Any, members: list[str]) -> int:
    with world.cursor() as cursor:
        return pw._cohort(cursor, "bens-own", "ben", "private", members)


def rows(world: Any, account: str, query: str, *values: Any) -> list[Any]:
    with world.cursor("radflow_portal", account) as cursor:
        cursor.execute(query, values)
        return list(cursor.fetchall())


def preview(post: Any, account: str, criteria: Any) -> Any:
    return post(account, f"{API}/cohorts/preview", json.dumps({"criteria": criteria}), "application/json")


@pytest.mark.parametrize(
    "query",
    [
        "select series_uid from catalog.series where manufacturer = 'Hidden Maker'",
        "select study_uid from catalog.study where study_date = '2019-05-04'",
        "select patient_alias from catalog.patient where patient_alias = 'RF-HIDDEN'",
        "select name from catalog.collection where name = 'hidden-collection'",
        "select id from catalog.facet where manufacturer = 'Hidden Maker' or collection = 'hidden-collection'",
        "select id from catalog.share where owner = 'ben' or collection = 'hidden-collection'",
        "select catalog.described(to_tsquery('simple', 'quetzal:*'))",
        "select id from experiment.cohort where name = 'bens-own'",
        "select m.series_uid from experiment.cohort_member m join experiment.cohort c on c.id = m.cohort_id "
        "where c.owner = 'ben'",
    ],
)
def test_no_table_shows_it(world: Any, secret: dict[str, str], query: str) -> None:
    assert rows(world, "ben", query)
    assert rows(world, "mallory", query) == []


def test_no_sum_counts_it(world: Any, secret: dict[str, str], get: Any) -> None:
    for query in (
        "select sum(series_count) from catalog.facet",
        "select sum(bit_count(members)) from catalog.facet_members where kind = 'study'",
        "select sum(series_count) from catalog.study_facet",
    ):
        (mallory,), (ben,) = (rows(world, who, query)[0] for who in ("mallory", "ben"))
        assert ben - mallory == 3, query
    found = get("mallory", f"{API}/facets").json()
    assert (found["series_count"], found["patient_count"], found["image_count"]) == (6, 6, 720)
    assert WORD not in get("mallory", f"{API}/collections").text
    assert MAKER not in json.dumps(found)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("collection", HIDDEN),
        ("manufacturer", MAKER),
        ("modality", "MG"),
        ("body_part", "Breast"),
        ("q", WORD),
        ("q", "que"),
    ],
)
def test_a_hidden_value_is_like_one_that_is_not_there(
    secret: dict[str, str], get: Any, name: str, value: str
) -> None:
    for path in ("/facets", "/studies", "/series"):
        hidden = get("mallory", f"{API}{path}", **{name: value})
        absent = get("mallory", f"{API}{path}", **{name: "zzz"})
        assert hidden.json() == absent.json(), path
    assert get("ben", f"{API}/facets", **{name: value}).json()["series_count"] > 0


def test_facets_as_criteria_reveal_no_spelling(secret: dict[str, str], get: Any) -> None:
    said = get("mallory", f"{API}/facets/criteria", manufacturer=MAKER).json()["criteria"]
    assert said == get("mallory", f"{API}/facets/criteria", manufacturer="zzz").json()["criteria"]
    assert MAKER in json.dumps(get("ben", f"{API}/facets/criteria", manufacturer=MAKER).json())


def test_a_public_study_does_not_tell_of_its_private_series(secret: dict[str, str], get: Any) -> None:
    study = get("mallory", f"{API}/studies/{secret['study']}").json()
    assert [one["series_uid"] for one in study["series"]] == [secret["shown"]]
    assert (study["modalities"], study["series_count"], study["image_count"]) == (["CT"], 1, 120)
    assert MAKER not in json.dumps(study)
    assert get("mallory", f"{API}/studies", also="MG").json()["items"] == []
    (listed,) = get("mallory", f"{API}/studies", patient=secret["patient"]).json()["items"]
    assert (listed["modalities"], listed["image_count"]) == (["CT"], 120)
    counts = [
        one["image_count"] for one in get("mallory", f"{API}/studies", sort="-image_count").json()["items"]
    ]
    assert counts == sorted(counts, reverse=True)
    assert "MG" not in get("mallory", f"/studies/{secret['study']}").text


@pytest.mark.parametrize(
    "criteria",
    [
        {"field": "series_description", "op": "has_words", "value": "quetzal*"},
        {"field": "manufacturer", "op": "contains", "value": "Hidden"},
        {"study_has": {"field": "modality", "op": "eq", "value": "MG"}},
        {"at_least": {"n": 2, "of": {"all": []}, "count": "series"}},
        {"at_least": {"n": 1, "of": {"field": "modality", "op": "eq", "value": "MG"}, "count": "study"}},
        {"not": {"first": {"all": []}}},
        {"last": {"field": "modality", "op": "eq", "value": "MG"}},
        {"among": ["released", "listed"], "of": {"field": "collection", "op": "eq", "value": HIDDEN}},
    ],
)
def test_criteria_find_and_count_nothing_hidden(secret: dict[str, str], post: Any, criteria: Any) -> None:
    assert preview(post, "mallory", criteria).json()["series_count"] == 0
    assert preview(post, "ben", criteria).json()["series_count"] > 0


def test_nobody_freezes_what_is_hidden(secret: dict[str, str], post: Any, get: Any, world: Any) -> None:
    body = json.dumps({"name": "mallorys", "criteria": {"all": []}, "visibility": "private"})
    made = post("mallory", f"{API}/cohorts", body, "application/json").json()
    members = get("mallory", f"{API}/cohorts/{made['id']}/members", limit=500).json()["items"]
    assert len(members) == 6
    assert not {one["series_uid"] for one in members} & {secret[n] for n in ("beside", "same", "alone")}


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/members",
        "/flow",
        "/flow.svg",
        "/diff?with=now",
        "/export?format=csv",
        "/export?format=json",
        "/sparsity",
    ],
)
def test_a_private_cohort_is_like_none(secret: dict[str, str], get: Any, path: str) -> None:
    hidden, absent = (get("mallory", f"{API}/cohorts/{n}{path}") for n in (secret["cohort"], 999_999))
    assert hidden.status_code == absent.status_code == 404
    assert hidden.content == absent.content


def test_a_private_cohort_cannot_be_compared_with(secret: dict[str, str], get: Any, world: Any) -> None:
    number = world.ids["cohort"]
    hidden, absent = (
        get("mallory", f"{API}/cohorts/{number}/diff", **{"with": n}) for n in (secret["cohort"], 999_999)
    )
    assert (hidden.status_code, hidden.content) == (404, absent.content)
    again = get("mallory", f"{API}/cohorts/{number}/diff", **{"with": "now"}).json()
    assert not set(again["added"]) & {secret[name] for name in ("beside", "same", "alone")}


@pytest.mark.parametrize(
    "file", ["thumbnail.png", "view", "volume.nii.gz", "masks/{shown}.nii.gz", "masks/{shown}/labels"]
)
def test_pictures_of_private_series_are_like_none(secret: dict[str, str], get: Any, file: str) -> None:
    file = file.format(**secret)
    hidden, absent = (get("mallory", f"{API}/series/{one}/{file}") for one in (secret["alone"], "2.25.1"))
    assert hidden.status_code == 404
    assert hidden.content == absent.content


@pytest.mark.parametrize(
    "uid",
    [
        "..%2f..%2fetc%2fpasswd",
        "..",
        "%2e%2e%2f%2e%2e",
        "x%00y",
        "file:%2f%2f%2fetc",
        "'%20or%201=1--",
        "a" * 4000,
    ],
)
def test_a_uid_is_no_path(get: Any, uid: str) -> None:
    for address in (
        f"/series/{uid}/thumbnail.png",
        f"/series/{uid}/volume.nii.gz",
        f"/series/1.2/masks/{uid}.nii.gz",
    ):
        answer = get("mallory", f"{API}{address}")
        assert answer.status_code in (404, 422), address
        assert b"root:" not in answer.content


SQL = (
    "' or true --",
    "'); drop table catalog.series; --",
    "\\' union select 1 --",
    "%(account)s",
    "{s}.owner",
    "1::text",
    "%s%s",
)


@pytest.mark.parametrize("text", SQL)
def test_filters_are_values(secret: dict[str, str], get: Any, text: str) -> None:
    names = (
        "collection",
        "modality",
        "body_part",
        "sex",
        "age_band",
        "manufacturer",
        "licence",
        "analysis_result",
        "state",
    )
    for name in names:
        found = get("mallory", f"{API}/facets", **{name: text})
        assert (found.status_code, found.json()["series_count"]) == (200, 0), name
        assert get("mallory", f"{API}/studies", **{name: text}).json()["items"] == []
        assert get("mallory", f"{API}/facets/criteria", **{name: text}).status_code == 200
    for name in ("patient", "also"):
        assert get("mallory", f"{API}/studies", **{name: text}).json()["items"] == []
    for name in ("sort", "after", "limit"):
        assert get("mallory", f"{API}/studies", **{name: text}).status_code == 422
    assert get("mallory", f"{API}/facets", q=text).status_code in (200, 422)
    assert get("mallory", f"{API}/cohorts", name=text).json()["total"] == 0
    assert get("mallory", f"{API}/facets").json()["series_count"] == 6


@pytest.mark.parametrize("text", SQL)
def test_criteria_are_values(secret: dict[str, str], post: Any, text: str) -> None:
    for criteria in (
        {"field": text, "op": "eq", "value": "CT"},
        {"field": "modality", "op": text, "value": "CT"},
        {"field": "kvp", "op": "eq", "value": text},
        {text: []},
        {"among": [text], "of": {"all": []}},
        {"at_least": {"n": text, "of": CT, "count": "study"}},
        {"finding": {"is": "nodule", "when": text}},
    ):
        assert preview(post, "mallory", criteria).status_code == 422, criteria
    for criteria in (
        {"field": "modality", "op": "eq", "value": text},
        {"field": "modality", "op": "in", "value": [text, "MG"]},
        {"field": "series_description", "op": "contains", "value": text},
        {"finding": {"is": text}},
        {"report_text": {"op": "contains", "value": text}},
    ):
        answer = preview(post, "mallory", criteria)
        assert answer.status_code in (200, 422), criteria
        assert answer.json().get("series_count", 0) == 0
    assert preview(post, "mallory", {"all": []}).json()["series_count"] == 6


def test_a_place_in_a_list_reveals_nothing(secret: dict[str, str], get: Any) -> None:
    after = get("ben", f"{API}/studies", limit=1, sort="-image_count").json()["next"]
    mallory = get("mallory", f"{API}/studies", sort="-image_count", after=after)
    assert mallory.status_code == 200
    assert HIDDEN not in mallory.text
