"""Dates: what is a date moves as a whole, what is none never passes."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deid.actions import Action
from deid.handlers import Element, Scope, Unfit, apply
from deid.handlers.dates import KeepTimes, ShiftDates, shift_date, shift_datetime
from deid.text import TextCleaner

dates = st.dates(datetime.date(1905, 1, 1), datetime.date(2100, 1, 1))
shifts = st.integers(-3650, -180)


@given(dates, dates, shifts)
def test_intervals_between_dates(first, second, days):
    moved = [datetime.date.fromisoformat(shift_date(f"{day:%Y%m%d}", days)) for day in (first, second)]
    assert moved[1] - moved[0] == second - first
    assert moved[0] < first


@given(dates, st.times(), shifts, st.sampled_from(["", "+0100", "-0530"]))
def test_datetimes_keep_time_and_zone(day, time, days, zone):
    text = f"{day:%Y%m%d}{time:%H%M%S.%f}"
    moved = shift_datetime(text + zone, days)
    assert moved[8:] == text[8:] + zone
    assert moved[:8] == f"{day + datetime.timedelta(days=days):%Y%m%d}"


@pytest.mark.parametrize(
    ("text", "days", "expected"),
    [
        ("2019", -365, "2018"),
        ("201903", -365, "201803"),
        ("2019031423", -1, "2019031323"),
        ("20200229", -366, "20190228"),
    ],
)
def test_precision_is_kept(text, days, expected):
    assert shift_datetime(text, days) == expected


def test_old_form_of_dates():
    assert shift_date("2019.03.14", -1) == "2019.03.13"


@pytest.mark.parametrize(
    "text", ["", "2019031", "20190231", "Quimbly", "20190314-20190315", "٢٠١٩٠٣١٤", "2019.0314"]
)
def test_what_is_no_date(text):
    with pytest.raises(Unfit):
        shift_date(text, -1)


@pytest.mark.parametrize(
    "text", ["2019031425", "20190314235959.1234567", "20190314 Quimbly", "20190314+99", "00010101"]
)
def test_what_is_no_datetime(text):
    with pytest.raises(Unfit):
        shift_datetime(text, -400)


@pytest.fixture
def scope(pseudonyms):
    return Scope(pseudonyms, "RF-A", "1", "", -365, TextCleaner([], days=-365))


def test_values_and_padding(scope):
    assert ShiftDates()(Element(0x00080020, "DA", b"20190314\\20190315"), scope) == b"20180314\\20180315 "
    assert (
        ShiftDates()(Element(0x0008002A, "DT", b"20190314120000.5+0100 "), scope) == b"20180314120000.5+0100 "
    )
    assert ShiftDates()(Element(0x00080020, "DA", b""), scope) == b""


@pytest.mark.parametrize("value", [b"235958", b"2359", b"23:59:58.123 ", b"", b"120000\\130000"])
def test_times_stay(scope, value):
    assert KeepTimes()(Element(0x00080030, "TM", value), scope) == value


@pytest.mark.parametrize("value", [b"Quimbly ", b"256000", b"12h00 ", b"2359 Q"])
def test_what_is_no_time_is_treated_as_the_basic_profile_says(scope, value):
    assert apply(Action.TIME, Action.REMOVE, Element(0x00080030, "TM", value), scope) is None
    assert apply(Action.TIME, Action.EMPTY, Element(0x00080030, "TM", value), scope) == b""
    assert apply(Action.TIME, Action.DUMMY, Element(0x00080030, "TM", value), scope) == b"000000"
