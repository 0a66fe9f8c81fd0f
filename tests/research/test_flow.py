"""The flow adds up, reads aloud, and is SVG that a page may hold."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.cohorts import AttritionStep
from research.flow import flow, flow_svg

STEPS = [
    AttritionStep(0, "Released series visible to the owner", 12_000, 800),
    AttritionStep(1, "Modality is CT", 9_000, 700),
    AttritionStep(2, 'Excluded: study description contains "<phantom> & co"', 8_990, 699),
]
SVG = "{http://www.w3.org/2000/svg}"


def test_what_each_rule_took_away() -> None:
    told = flow(STEPS, "chest@1")
    assert [(r["excluded_series"], r["excluded_patients"]) for r in told["rules"]] == [(3_000, 100), (10, 1)]
    assert (told["included_series"], told["included_patients"]) == (8_990, 699)


def test_the_drawing_says_it_all_and_takes_the_pages_colours() -> None:
    text = flow_svg(STEPS, "chest@1")
    root = ElementTree.fromstring(text)
    assert root.get("role") == "img"
    ids = {node.get("id"): node for node in root.iter() if node.get("id")}
    assert all(name in ids for name in root.get("aria-labelledby", "").split())
    assert "10 series, 1 patient taken out, 8,990 series, 699 patients left" in (ids["flow-desc"].text or "")
    shown = [node.text for node in root.iter(f"{SVG}text")]
    assert "9,000 series, 700 patients" in shown
    assert any("<phantom>" in (line or "") for line in shown)
    colours = set(re.findall(r'(?:fill|stroke)="([^"]+)"', text))
    assert colours == {"none", "currentColor"}
    assert not re.search(r"<style|<script|style=|onload|href", text)


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=300), max_size=6))
def test_any_rule_is_well_formed_and_inside(texts: list[str]) -> None:
    steps = [AttritionStep(number, text, 100 - number, 10) for number, text in enumerate(["start", *texts])]
    root = ElementTree.fromstring(flow_svg(steps, "x"))
    _, _, width, height = map(float, root.get("viewBox", "").split())
    for box in root.iter(f"{SVG}rect"):
        x, y, w, h = (float(box.get(name, "nan")) for name in ("x", "y", "width", "height"))
        assert x >= 0
        assert y >= 0
        assert x + w <= width
        assert y + h <= height


def test_nothing_is_no_flow() -> None:
    with pytest.raises(ValueError, match="without steps"):
        flow([], "x")
