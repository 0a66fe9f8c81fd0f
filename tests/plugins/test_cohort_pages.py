"""The Cohorts pages say what the API says, and nothing of what one may not see."""

from __future__ import annotations

import json
from typing import Any

import pytest

HTML = {"Accept": "text/html"}
CT = {"all": [{"field": "modality", "op": "eq", "value": "CT"}]}


def test_the_list_and_a_cohort(world: Any, get: Any) -> None:
    page = get("erin", "/cohorts", headers=HTML).text
    assert f"/cohorts/{world.ids['cohort']}" in page
    assert "bobs-own" not in page
    one = get("erin", f"/cohorts/{world.ids['cohort']}", headers=HTML).text
    for piece in (
        "CT of the chest",
        "<svg",
        "Not met: modality is CT",
        "format=fhir",
        "6</b> series",
        "/sparsity",
    ):
        assert piece in one, piece
    assert get("erin", f"/cohorts/{world.ids['cohort_bob']}", headers=HTML).status_code == 404


def test_the_builder_counts_without_scripts(get: Any) -> None:
    preview = get("erin", "/cohorts/new", headers=HTML, criteria=json.dumps(CT)).text
    assert "Released series where modality is CT." in preview
    assert "<b>6</b> series" in preview
    from_facets = get("erin", "/cohorts/new", headers=HTML, modality="CT", body_part="Chest").text
    assert "<b>6</b> series" in from_facets
    assert "body_part_code" in from_facets


@pytest.mark.parametrize(
    ("criteria", "said"),
    [
        ("{", "No JSON"),
        ("[1]", "JSON object"),
        ('{"all": [{"field": "modalty", "op": "eq", "value": "CT"}]}', "Did you mean &#39;modality&#39;"),
        ('{"any":[' * 900 + "{}" + "]}" * 900, "12 levels|nested too deeply"),
        ("</textarea><script>alert(1)</script>", "No JSON"),
    ],
)
def test_what_is_wrong_is_said(get: Any, criteria: str, said: str) -> None:
    answer = get("erin", "/cohorts/new", headers=HTML, criteria=criteria)
    assert answer.status_code == 200
    assert any(one in answer.text for one in said.split("|")), answer.text[-3000:]
    assert "<script>alert" not in answer.text


def test_difference_and_sparsity(world: Any, get: Any) -> None:
    number = world.ids["cohort"]
    other = get("erin", f"/cohorts/{number}/diff", headers=HTML, **{"with": "now"})
    assert "compared with emphysema@1 asked now" in other.text
    assert (
        get("erin", f"/cohorts/{number}/diff", headers=HTML, **{"with": world.ids["cohort_bob"]}).status_code
        == 404
    )
    report = get(
        "erin", f"/cohorts/{number}/sparsity", headers=HTML, finding="pulmonary_emphysema", half_width=0.1
    )
    assert "underpowered" in report.text
    assert "n = 0" in report.text
    assert 'value="0.1"' in report.text
    assert get("mallory", f"/cohorts/{world.ids['cohort_team']}/sparsity", headers=HTML).status_code == 404
