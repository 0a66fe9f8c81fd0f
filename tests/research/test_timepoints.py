"""Baseline, follow-ups and what lies before, patient by patient."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.errors import CriteriaError
from research.timepoints import Grouping, Timepoint, parse_grouping, place

DAY = dt.date(2020, 1, 1)


def members(*days: int | None, patient: str = "A", collection: str = "c") -> list[dict[str, Any]]:
    return [
        {
            "series_uid": f"{collection}{patient}{number}",
            "collection": collection,
            "patient_alias": patient,
            "study_date": None if day is None else DAY + dt.timedelta(days=day),
        }
        for number, day in enumerate(days)
    ]


def numbers(found: list[Timepoint]) -> list[tuple[int, int]]:
    return [(one.timepoint, one.days_from_baseline) for one in found]


def test_in_the_order_of_days() -> None:
    found = place(members(5, 5, 0, 400, None), Grouping())
    assert [one.series_uid for one in found] == ["cA0", "cA1", "cA2", "cA3"]
    assert numbers(found) == [(1, 5), (1, 5), (0, 0), (2, 400)]
    assert [one.label for one in found] == ["follow-up 1", "follow-up 1", "baseline", "follow-up 2"]


def test_days_together_are_one_time_point_and_do_not_chain() -> None:
    assert numbers(place(members(0, 3, 4, 7, 8), Grouping(within_days=4))) == [
        (0, 0), (0, 3), (0, 4), (1, 7), (1, 8),
    ]  # fmt: skip


def test_the_index_event_decides_and_what_lies_before_is_negative() -> None:
    rule = Grouping(within_days=2)
    found = place(members(0, 10, 11, 50, 60), rule, frozenset({"cA3", "cA4"}))
    assert numbers(found) == [(-2, -50), (-1, -40), (-1, -39), (0, 0), (1, 10)]


def test_windows() -> None:
    rule = parse_grouping({"follow_ups": [[30, 90], [91, 400]]})
    assert rule is not None
    assert numbers(place(members(0, 10, 30, 90, 91, 500), rule)) == [(0, 0), (1, 30), (1, 90), (2, 91)]


def test_patients_of_one_alias_in_two_collections_are_two() -> None:
    found = place(members(0, 9) + members(3, collection="d"), Grouping())
    assert numbers(found) == [(0, 0), (1, 9), (0, 0)]
    assert place(members(0), Grouping(), frozenset()) == []


@given(st.lists(st.integers(-300, 300), min_size=1, max_size=12), st.integers(0, 30), st.data())
def test_numbers_go_with_days(days: list[int], within: int, data: st.DataObject) -> None:
    rows = members(*days)
    index = data.draw(st.sets(st.sampled_from([row["series_uid"] for row in rows]), min_size=1))
    found = place(rows, Grouping(within_days=within), frozenset(index))
    by_day = sorted((one.days_from_baseline, one.timepoint) for one in found)
    assert len(found) == len(days)
    assert [number for _, number in by_day] == sorted(number for _, number in by_day)
    assert {number for _, number in by_day} == set(range(by_day[0][1], by_day[-1][1] + 1))
    assert all((day == 0) <= (number == 0) for day, number in by_day)
    for number in {number for _, number in by_day}:
        of = [day for day, one in by_day if one == number]
        assert max(of) - min(of) <= within


@pytest.mark.parametrize(
    "raw",
    [
        [], {"baseline": 1}, {"within_days": -1}, {"within_days": True}, {"follow_ups": []}, {"follow_ups": [[5, 1]]},
        {"follow_ups": [[0, 5]]}, {"follow_ups": [[1, 5], [5, 9]]}, {"index": {"field": "x"}},
    ],
)  # fmt: skip
def test_rules_that_mean_nothing(raw: Any) -> None:
    with pytest.raises(CriteriaError):
        parse_grouping(raw)


def test_one_text_per_rule() -> None:
    rule = parse_grouping({"index": {"field": "kvp", "op": "exists"}})
    assert rule is not None
    text = '{"follow_ups":null,"index":{"field":"kvp","op":"exists","value":true},"within_days":0}'
    assert rule.canonical() == text
    assert parse_grouping(None) is None
