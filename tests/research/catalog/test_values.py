"""Odd values of public data: what can be read is read, nothing is guessed, nothing raises."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.catalog import Age, age, clean, day, parse_packed, sex


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("062Y", Age(62.0, odd=False)),
        ("018M", Age(1.5, odd=False)),
        ("010D", Age(0.0274, odd=False)),
        ("052W", Age(0.9966, odd=False)),
        ("042y", Age(42.0, odd=True)),
        ("64", Age(64.0, odd=True)),
        ("120Y", Age(120.0, odd=False)),
        ("155Y", Age(None, odd=True)),
        ("000Y", Age(None, odd=True)),
        ("N-A", Age(None, odd=True)),
        ("\x00", Age(None, odd=True)),
        ("", Age(None, odd=False)),
        (None, Age(None, odd=False)),
    ],
)
def test_ages(text: str | None, expected: Age) -> None:
    assert age(text) == expected


@given(st.text(max_size=8))
def test_an_age_is_unknown_or_human(text: str) -> None:
    years = age(text).years
    assert years is None or 0 < years <= 120


@pytest.mark.parametrize(
    ("text", "expected"), [("M", "M"), ("f", "F"), ("O ", "O"), ("U", None), ("0000", None)]
)
def test_sexes(text: str, expected: str | None) -> None:
    assert sex(text) == expected


@given(st.text(max_size=40))
def test_a_clean_text_can_be_stored(text: str) -> None:
    found = clean(text)
    assert found is None or ("\0" not in found and found == found.strip() and clean(found) == found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1999-01-02", dt.date(1999, 1, 2)),
        ("19990102", dt.date(1999, 1, 2)),
        ("1999-02-30", None),
        ("", None),
        ("\u0661999-01-02", None),
    ],
)
def test_days(text: str, expected: dt.date | None) -> None:
    assert day(text) == expected


def test_a_packed_description() -> None:
    found = parse_packed("0,OPA,SE,VZOOM,B30f,320,5,120,60,30,na")
    assert found is not None
    assert (found.study_year, found.convolution_kernel, found.slice_thickness_mm) == (0, "B30f", 5.0)
    assert (found.kvp, found.exposure_mas, found.effective_mas, found.pitch) == (120.0, 60.0, 30.0, None)


def test_unknown_and_absurd_parts_of_a_packed_description() -> None:
    found = parse_packed("1,OPL,GE,LSQX,unkn,null,350.2,0,na,0,1.5")
    assert found is not None
    assert found.convolution_kernel is None
    assert (found.slice_thickness_mm, found.kvp, found.exposure_mas, found.pitch) == (None, None, None, 1.5)


def test_a_separator_of_thousands_is_no_field() -> None:
    found = parse_packed("1,OPL,SE,SEN16,T20s,1,024,na,80,223.7,223,na")
    assert found is not None
    assert (found.field_of_view_mm, found.kvp, found.exposure_mas) == (1024.0, 80.0, 223.7)


@pytest.mark.parametrize("text", ["", "CHEST", "a,b,c", "x,OPA,SE,VZOOM,B30f,320,5,120,60,30,na", None])
def test_other_descriptions_are_not_packed(text: str | None) -> None:
    assert parse_packed(text) is None
