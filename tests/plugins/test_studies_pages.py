"""The Studies pages: what is chosen is in the address, and the numbers are those of the API."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

API = "/api/v1"
HTML = {"Accept": "text/html"}


def links(text: str, css_class: str) -> list[str]:
    return [href.replace("&amp;", "&") for href in re.findall(rf'class="{css_class}" href="([^"]+)"', text)]


def test_the_page_shows_what_the_api_finds(get: Any) -> None:
    found = get("bob", f"{API}/facets").json()
    page = get("bob", "/studies", headers=HTML)
    assert page.status_code == 200
    assert f"<b>{found['study_count']}</b> studies" in page.text
    assert page.text.count('<tr>\n          <th scope="row"') == found["study_count"]
    for facet, values in found["facets"].items():
        for one in values if any(value["value"] for value in values) else []:
            assert f'name="{facet}" value="{one["value"]}"' in page.text


def test_a_filter_is_a_chip_that_takes_it_away(get: Any) -> None:
    text = get("bob", "/studies", headers=HTML, modality="CT", sex="", sort="patient", q="none such").text
    drops = links(text, "chip drop")
    assert len(drops) == 3
    assert parse_qs(urlsplit(drops[1]).query, keep_blank_values=True) == {
        "q": ["none such"], "sex": [""], "sort": ["patient"],
    }  # fmt: skip
    assert "No study that you may see fits" in text
    assert re.search(r'value="CT" checked', text)
    assert re.search(r'name="sex" value="" checked', text)


def test_pages_follow_one_another(get: Any) -> None:
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 3}
    for _ in range(5):
        text = get("bob", "/studies", headers=HTML, **query).text
        seen += re.findall(r'<a href="/radflow/studies/(2\.25\.[0-9]+)"', text)
        more = re.search(r'rel="next" href="[^"?]*\?([^"]+)"', text)
        if more is None:
            break
        query = {"limit": 3, **{k: v[0] for k, v in parse_qs(more[1].replace("&amp;", "&")).items()}}
    assert len(seen) == len(set(seen)) == 7


def test_one_study(world: Any, get: Any) -> None:
    series = get("erin", f"{API}/series/{world.ids['series']['s3']}").json()
    page = get("erin", f"/studies/{series['study_uid']}", headers=HTML)
    assert page.status_code == 200
    for piece in (series["series_uid"], series["patient_alias"], "derived", "released", "120 images"):
        assert piece in page.text, piece
    hidden = get("bob", f"{API}/series/{world.ids['series']['bob']}").json()["study_uid"]
    assert get("mallory", f"/studies/{hidden}", headers=HTML).status_code == 404
    assert get("mallory", f"{API}/studies/{hidden}/findings").status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"modality": ["CT", "MR"]},
        {"body_part": ["Chest", ""]},
        {"sex": [""], "state": "released"},
        {"age_band": ["90+", "", "0-17", "60-69", "no band"]},
        {"age_band": "no band"},
        {"manufacturer": [""], "licence": ["", "none such"]},
        {"body_part": "none such", "q": "chest"},
        {"q": "lung nod"},
    ],
)
def test_filters_are_criteria_that_choose_the_same_series(
    world: Any, get: Any, query: dict[str, Any]
) -> None:
    from research.criteria import FROM_SQL, to_sql

    said = get("bob", f"{API}/facets/criteria", **query).json()
    assert said["english"]
    found = get("bob", f"{API}/facets", **query).json()
    text, values = to_sql(said["criteria"])
    with world.cursor("radflow_portal", "bob") as cursor:
        cursor.execute(f"select count(*) from {FROM_SQL} where {text}", values)
        assert cursor.fetchone()[0] == found["series_count"], json.dumps(said["criteria"])
