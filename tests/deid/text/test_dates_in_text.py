"""Dates in text move by the patient's days and keep the way they are written; without days they go."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deid.text import TextCleaner

FORMS = ["%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%d-%b-%Y", "%d%b%Y", "%d.%m.%Y"]


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("prior 03/25/2019", "prior 03/15/2019"),
        ("prior 25/03/2019", "prior 15/03/2019"),
        ("prior 3/25/2019", "prior 3/15/2019"),
        ("prior 03-25-19", "prior 03-15-19"),
        ("prior 25.03.2019", "prior 15.03.2019"),
        ("prior 2019-03-25T14:30:00", "prior 2019-03-15T14:30:00"),
        ("prior 20190325143000", "prior 20190315143000"),
        ("prior 25 Mar 2019", "prior 15 Mar 2019"),
        ("prior MARCH 25, 2019", "prior MARCH 15, 2019"),
        ("prior March 12th, 2019", "prior March 2nd, 2019"),
        ("Monday, 25 March 2019", "Friday, 15 March 2019"),
        ("am 25. März 2019", "am 15. März 2019"),
        ("le 5 mars 2019", "le 23 févr 2019"),
        ("prior 25MAR2019 14:30", "prior 15MAR2019 14:30"),
        ("since 2015", "since 2015"),
        ("prior 03/2019", "prior 03/2019"),
    ],
)
def test_a_date_moves_as_it_is_written(text: str, moved: str) -> None:
    cleaned = TextCleaner([], days=-10).clean(text, placeholder=True)
    assert cleaned.text in (moved, moved.replace("févr", "février"))
    assert all(cut.kind == "shift" for cut in cleaned.cuts)


def test_the_headers_say_which_reading_is_meant() -> None:
    assert (
        TextCleaner([("date", "20190203")], days=1).clean("03/02/2019", placeholder=False).text
        == "04/02/2019"
    )
    assert (
        TextCleaner([("date", "20190302")], days=1).clean("03/02/2019", placeholder=False).text
        == "03/03/2019"
    )


@given(
    st.dates(datetime.date(1930, 1, 1), datetime.date(2030, 1, 1)),
    st.sampled_from(FORMS),
    st.integers(-3650, -1),
)
def test_intervals_stay_to_the_day(day: datetime.date, form: str, days: int) -> None:
    cleaner = TextCleaner([("date", f"{day:%Y%m%d}")], days=days)
    text = cleaner.clean(f"prior {day:{form}} seen", placeholder=False).text
    new = datetime.datetime.strptime(text.removeprefix("prior ").removesuffix(" seen"), form).date()  # noqa: DTZ007
    assert new - day == datetime.timedelta(days=days)


@given(st.dates(datetime.date(1930, 1, 1), datetime.date(2030, 1, 1)), st.sampled_from(FORMS))
def test_without_days_the_date_goes(day: datetime.date, form: str) -> None:
    assert TextCleaner([], days=None).clean(f"KNEE {day:{form}} AP", placeholder=False).text == "KNEE AP"
