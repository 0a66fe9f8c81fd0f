"""What holds for any text: offsets are true, nothing grows, twice is once, and long texts take no longer than long."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deid.text import PLACEHOLDERS, TextCleaner

IDENTITY = [
    ("name", "Smith^John^Q=山田^太郎"),
    ("id", "00012345"),
    ("date", "20190203"),
    ("place", "Mercy Hospital"),
    ("phone", "5558675309"),
]
BITS = [
    "Smith",
    "JOHN",
    "Dr. ",
    "Jones",
    "MD",
    "CT CHEST",
    "white matter",
    "for ",
    "by ",
    "^",
    ", ",
    "/",
    "-",
    "_",
    ".",
    ":",
    "(",
    ")",
    "[NAME]",
    " ",
    "12345",
    "03/02/2019",
    "3 Feb 2019",
    "MRN ",
    "555-867-5309",
    "St. ",
    "Hospital",
    "山田太郎",
    "Müller",
    "é",
    "İ",
    "ﾔﾏﾀﾞ",
    "'s",
    "\n",
    "T1",
    "mm",
    "L ",
    "patient: ",
    "signed by ",
    "Brown",
    "May ",
    "1.2.840.1.2.3",
    "12 Main St",
    "IL 62704",
    "\0",
    "#",
    "@x.org",
    "92 yo",
    "a",
    "Z",
]
TEXTS = st.one_of(st.text(max_size=80), st.lists(st.sampled_from(BITS), max_size=14).map("".join))


@pytest.fixture(scope="module")
def cleaner() -> TextCleaner:
    return TextCleaner(IDENTITY, days=None)


@settings(max_examples=400, deadline=None)
@given(text=TEXTS, placeholder=st.booleans())
def test_offsets_are_true_and_nothing_grows(cleaner: TextCleaner, text: str, placeholder: bool) -> None:
    cleaned = cleaner.clean(text, placeholder=placeholder)
    end = 0
    for cut in cleaned.cuts:
        assert end <= cut.start < cut.end <= len(text)
        assert cut.kind in PLACEHOLDERS
        end = cut.end
    room = sum(len(PLACEHOLDERS[cut.kind]) for cut in cleaned.cuts) if placeholder else 0
    assert len(cleaned.text) <= len(text) + room
    if not cleaned.cuts:
        assert cleaned.text == text


@settings(max_examples=400, deadline=None)
@given(text=TEXTS, placeholder=st.booleans())
def test_cleaning_twice_cuts_nothing_more(cleaner: TextCleaner, text: str, placeholder: bool) -> None:
    once = cleaner.clean(text, placeholder=placeholder).text
    twice = cleaner.clean(once, placeholder=placeholder)
    assert twice.text == once
    assert twice.cuts == ()


@settings(max_examples=200, deadline=None)
@given(text=TEXTS)
def test_the_same_text_gives_the_same_result(text: str) -> None:
    first = TextCleaner(IDENTITY, days=-9).clean(text, placeholder=True)
    assert TextCleaner(IDENTITY, days=-9).clean(text, placeholder=True) == first


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "1",
        "1.",
        "Aa ",
        "Smith ",
        "Smith^",
        "J. ",
        "12/",
        "Dr. ",
        "MRN ",
        "May 5 ",
        "(",
        "a@",
        "www.",
        "Mercy Hospital ",
        "o'",
        "山田",
        "é",
        "00-",
    ],
)
def test_time_is_linear(cleaner: TextCleaner, piece: str) -> None:
    def seconds(length: int) -> float:
        text = piece * (length // len(piece))
        begin = time.process_time()
        cleaner.clean(text, placeholder=True)
        return time.process_time() - begin

    small, large = seconds(20_000), seconds(160_000)
    assert large < 40 * small + 1.0  # eight times the length; quadratic would be 64 times
    assert large < 8.0
