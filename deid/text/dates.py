"""Dates in text: found in the ways people write them, moved without changing the way they are written.

Years alone stay. A time of day stays. ``03/02/2019`` is read as the date of the patient's headers that it can be,
else as the reading that lies nearest to one, else month first (day first where dots separate).
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from deid.text.lexicon import vocabulary
from deid.text.plain import fold

_YEAR = r"(?:1[89]|20)\d\d"
#: What numeric dates have in common; most texts stop here.
_HINT = re.compile(r"\d{6}|\d[-./_ ]\d{1,2}[-./_ ]\d|\d[-/.]\d{4}|\d{4}[-/]\d\d|\d{4}\s?年")
_NUMERIC = re.compile(
    rf"(?<!\d)(?<!\d\.)(?:"
    rf"(?P<y1>{_YEAR})(?P<s1>[-./_ ])(?P<m1>\d\d?)(?P=s1)(?P<d1>\d\d?)(?=T?(?!\d)|T\d)"
    rf"|(?P<y2>{_YEAR})(?P<m2>0[1-9]|1[0-2])(?P<d2>0[1-9]|[12]\d|3[01])(?:T?(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d)?)?(?!\d)"
    rf"|(?<!\d/)(?P<a3>\d\d?)(?P<s3>[-./_])(?P<b3>\d\d?)(?P=s3)(?P<y3>{_YEAR}|'?\d\d)(?!\d|[-./_]\d)"
    rf"|(?P<a4>\d\d) (?P<b4>\d\d) (?P<y4>{_YEAR})(?!\d)"
    rf"|(?P<y7>{_YEAR})\s?年\s?(?P<m7>\d\d?)\s?月(?:\s?(?P<d7>\d\d?)\s?日)?"
    rf"|(?<![-./])(?P<m5>0?[1-9]|1[0-2])[-/.](?P<y5>(?:19|20)\d\d)(?!\d|[-./]\d)"
    rf"|(?<![-./])(?P<y6>(?:19|20)\d\d)[-/](?P<m6>0[1-9]|1[0-2])(?!\d|[-./]\d)"
    rf")"
)
#: Six and eight digits that only a known date explains, or a label before them.
_DIGITS = re.compile(r"(?<![\d.])(?:\d{8}|\d{6})(?![\d])(?!\.\d)")
_LABEL = re.compile(
    r"(?:\b(?:dob|d\.o\.b\.?|doe|dos|dod|birth ?date|date(?: of (?:birth|exam|service|study|scan|death))?|born|birthday"
    r"|geb(?:oren)?|on|dated|since)[ :.=#-]{0,3})$",
    re.IGNORECASE,
)
#: Day and month without a year, after a word that says date.
_SHORT = re.compile(
    r"\b(?:on|dated?|dob|since|from|until|till|thru|through|by|seen|done|performed|scheduled|exam|d/c'?d|admitted|discharged|surgery|dos)"
    r"[ :]{1,2}(?P<a>\d\d?)(?P<s>[/-])(?P<b>\d\d?)(?![\d/.-]|\s?(?:mm|cm|ml|of|slices|views))",
    re.IGNORECASE,
)
#: Not the title: "08/17/18 Ms. Smith".
_MEASURE = re.compile(
    r"\s?(?:(?-i:ms|MS)(?!\.)|msec|mm|cm|mg|ml|kv|mas|mgy|hz|deg|degrees|%)\b", re.IGNORECASE
)
_SEQUENCE = re.compile(r"\b(?:t[erit]|b|[clst]|bp|fa)[ =:]{0,2}$", re.IGNORECASE)
FIRST_YEAR = 1850


def windows(
    places: Sequence[tuple[int, int]], before: int, after: int, length: int
) -> Iterator[tuple[int, int]]:
    """Stretches around places in a text, joined where they overlap: expressions are slow, most text has nothing."""
    if len(places) * (before + after) > length:
        yield 0, length
        return
    begin = end = -1
    for start, stop in places:
        if start - before > end:
            if end > 0:
                yield begin, end
            begin = max(0, start - before)
        end = stop + after
    if end > 0:
        yield begin, min(length, end)


class Found(NamedTuple):
    """A date in a text: where, and its parts to write anew.

    ``parts`` are (start, end, role) with role in y, m, d, M (a month's name), o (an ordinal's ending), w (weekday).
    ``day`` is None when it cannot be a date of the calendar; ``precision`` is y-m-d, y-m or m-d.
    """

    start: int
    end: int
    day: datetime.date | None
    parts: tuple[tuple[int, int, str], ...]
    precision: str


class _Months(NamedTuple):
    pattern: re.Pattern[str]
    number: dict[str, int]
    spellings: list[list[list[str]]]


@cache
def _months() -> _Months:
    languages = [[month.split() for month in language] for language in vocabulary()["months"]]
    number: dict[str, int] = {}
    for language in languages:
        for index, spellings in enumerate(language):
            for spelling in spellings:
                number.setdefault(fold(spelling).lower(), index + 1)
    names = "|".join(sorted(number, key=len, reverse=True))
    weekdays = "|".join(sorted(" ".join(vocabulary()["weekdays"]).split(), key=len, reverse=True))
    week = rf"(?:(?P<w>{weekdays})\.?,?\s{{1,2}}(?:the\s)?)?"
    ordinal = r"(?:(?P<o>st|nd|rd|th)\b)?"
    year = rf"(?P<y>{_YEAR}|'\d\d)(?!\d)"
    # "28_Aug 06 2019" is a number and a date
    short_year = rf"(?P<y>{_YEAR}|'?\d\d(?![ ,]{{1,2}}{_YEAR}(?!\d)))(?!\d|:\d)"
    day = rf"(?P<d>3[01]|[12]\d|0?[1-9]){ordinal}"
    month = rf"(?P<M>{names})(?![a-z])\.?"
    gap = r"[\s,._/-]{0,2}"
    forms = (
        rf"{week}(?<!\d)(?<!\d\.)(?P<A>{day}\.?\s{{0,2}}(?:of\s|de\s)?[-/._]?{month}(?:{gap}|\sde\s|\sdel\s){short_year})",
        rf"{week}(?<![a-z])(?P<A>{month}{gap}{day}[\s,._/-]{{1,3}}{year})",
        rf"(?<![\d.])(?P<A>{year}{gap}{month}{gap}{day}(?!\d))",
        rf"(?<![a-z])(?P<A>{month}(?:{gap}|\sde\s|\sof\s){year})",
    )
    partial = (
        rf"{week}(?<![\d.])(?P<A>{day}\.?\s(?:of\s|de\s)?{month})(?![\s]?\d)",
        rf"{week}(?<![a-z])(?P<A>{month}\s{{1,2}}(?:the\s)?{day})(?![\d.:/x]|\s?(?:mm|cm|st|x)\b)",
    )
    merged = []
    for count, form in enumerate((*forms, *partial)):
        merged.append(re.sub(r"\(\?P<(\w)>", rf"(?P<\g<1>{count}>", form))
    return _Months(re.compile("|".join(f"(?:{form})" for form in merged), re.IGNORECASE), number, languages)


class Dates:
    """Finds and moves the dates of one patient's texts.

    Args:
        known: dates of the patient's headers.
    """

    def __init__(self, known: list[datetime.date]) -> None:
        self._known = sorted(set(known))
        self._exact = frozenset(self._known)

    def find(self, text: str, months: Sequence[tuple[int, int]]) -> Iterator[Found]:
        """The dates in a plain text.

        Args:
            text: plain text.
            months: where the names of months are in it.
        """
        digits = _HINT.search(text) is not None
        if digits:
            for found in _NUMERIC.finditer(text):
                yield from self._numeric(text, found)
            for found in _DIGITS.finditer(text):
                yield from self._digits(text, found)
        for begin, end in windows(months, 32, 48, len(text)):
            for found in _months().pattern.finditer(text, begin, end):
                yield from self._textual(text, found)
        if "/" in text or "-" in text:
            for found in _SHORT.finditer(text):
                yield from self._short(found)

    def _numeric(self, text: str, found: re.Match[str]) -> Iterator[Found]:
        group = found.lastgroup or ""
        which = group[-1]
        begin, end = found.span()
        if which in "127":
            parts = [(*found.span(name + which), name) for name in "ymd" if found.span(name + which)[0] >= 0]
            numbers = [int(text[a:b]) for a, b, _ in parts]
            if len(parts) == 2:
                yield _found(begin, end, _day(numbers[0], numbers[1], 15), parts, "ym")
                return
            yield _found(begin, max(b for _, b, _ in parts) + (which == "7"), _day(*numbers), parts, "ymd")
            return
        if which in "56":
            spans = [(*found.span("y" + which), "y"), (*found.span("m" + which), "m")]
            year, month = (int(text[a:b]) for a, b, _ in spans)
            yield _found(begin, end, _day(year, month, 15), spans, "ym")
            return
        (a0, a1), (b0, b1), (y0, y1) = (found.span(name + which) for name in "aby")
        year_text = text[y0:y1]
        y0 += year_text.startswith("'")
        separator = found["s3"] if which == "3" else " "
        short = y1 - y0 == 2
        if short and separator in "._" and (a1 - a0, b1 - b0) != (2, 2):
            return  # a version number
        first, second = int(text[a0:a1]), int(text[b0:b1])
        if short and (_MEASURE.match(text, end) or _SEQUENCE.search(text, max(0, begin - 8), begin)):
            return
        readings = []
        for month_first in (separator not in "._", separator in "._"):
            month, day = (first, second) if month_first else (second, first)
            for year in _centuries(text[y0:y1]):
                moment = _day(year, month, day)
                if moment:
                    roles = ("m", "d") if month_first else ("d", "m")
                    readings.append((moment, roles))
        if not readings and short:
            # 19/02/03 with the year in front
            for year in _centuries(text[a0:a1]) if a1 - a0 == 2 and b1 - b0 == 2 else ():
                moment = _day(year, second, int(text[y0:y1]))
                if moment:
                    yield _found(begin, end, moment, [(a0, a1, "y"), (b0, b1, "m"), (y0, y1, "d")], "ymd")
                    return
            return
        if not readings:
            if first <= 31 and second <= 31 and first and second:
                yield _found(begin, end, None, [], "ymd")
            return
        moment, roles = self._nearest(readings)
        yield _found(begin, end, moment, [(a0, a1, roles[0]), (b0, b1, roles[1]), (y0, y1, "y")], "ymd")

    def _nearest(
        self, readings: list[tuple[datetime.date, tuple[str, str]]]
    ) -> tuple[datetime.date, tuple[str, str]]:
        if len(readings) == 1 or not self._known:
            return readings[0]
        return min(readings, key=lambda reading: min(abs((reading[0] - day).days) for day in self._known))

    def _digits(self, text: str, found: re.Match[str]) -> Iterator[Found]:
        """DDMMYYYY, MMDDYYYY, YYMMDD, DDMMYY, MMDDYY: where a header has the date, or a label says date."""
        begin, end = found.span()
        value = found.group()
        layouts = ("mdy", "dmy") if len(value) == 8 else ("ymd", "mdy", "dmy")
        labelled = _LABEL.search(text, max(0, begin - 24), begin) is not None
        for layout in layouts:
            position, spans = begin, {}
            for role in layout:
                width = len(value) - 4 if role == "y" else 2
                spans[role] = (position, position + width)
                position += width
            for year in _centuries(text[slice(*spans["y"])]):
                moment = _day(year, int(text[slice(*spans["m"])]), int(text[slice(*spans["d"])]))
                if moment and (moment in self._exact or labelled):
                    yield _found(begin, end, moment, [(*spans[role], role) for role in layout], "ymd")
                    return

    def _short(self, found: re.Match[str]) -> Iterator[Found]:
        first, second = int(found["a"]), int(found["b"])
        day = self._yearless(first, second)
        roles = ("m", "d")
        if day is None:
            day, roles = self._yearless(second, first), ("d", "m")
        if day:
            parts = [(*found.span("a"), roles[0]), (*found.span("b"), roles[1])]
            yield _found(found.start("a"), found.end("b"), day, parts, "md")

    def _yearless(self, month: int, day: int) -> datetime.date | None:
        """The reading nearest to a known date; a common year where none is known."""
        years = {known.year + step for known in self._known for step in (-1, 0, 1)} or {2001}
        days = [moment for moment in (_day(year, month, day) for year in sorted(years)) if moment]
        if not days or not self._known:
            return days[0] if days else _day(2000, month, day)
        return min(days, key=lambda moment: min(abs((moment - known).days) for known in self._known))

    def _textual(self, text: str, found: re.Match[str]) -> Iterator[Found]:
        form = next(number for number in "012345" if found["A" + number] is not None)
        roles = {name: found.span(name + form) for name in "dyMow" if _has(found, name + form)}
        month_text = text[slice(*roles["M"])]
        month = _months().number[month_text.lower()]
        begin, end = found.span()
        if form in "45" and not _yearless_month(text, found, form, month_text):
            return
        if (
            form == "3"
            and month_text.lower() in ("mar", "mars", "sep", "dec", "set")
            and month_text.isupper()
            and "'" in found.group()
        ):
            return
        day = int(text[slice(*roles["d"])]) if "d" in roles else 15
        parts = [(*span, role) for role, span in roles.items()]
        if "y" in roles:
            start, stop = roles["y"]
            if text[start] == "'":
                start += 1
                parts = [(start, stop, role) if role == "y" else (a, b, role) for a, b, role in parts]
            moments = [moment for year in _centuries(text[start:stop]) if (moment := _day(year, month, day))]
            moment = self._nearest([(m, ("", "")) for m in moments])[0] if moments else None
            yield _found(begin, end, moment, parts, "ymd" if "d" in roles else "ym")
        else:
            yield _found(begin, end, self._yearless(month, day), parts, "md")


def _has(found: re.Match[str], name: str) -> bool:
    return name in found.re.groupindex and found.start(name) >= 0


def _yearless_month(text: str, found: re.Match[str], form: str, month: str) -> bool:
    """Whether "MAR 3" or "May 5" means a date: a full name, an ordinal, a weekday or a word like "on" before."""
    if month.islower() and month in ("may", "march", "mar", "sep", "dec", "mars", "set", "mai", "mei"):
        return _has(found, "o" + form)
    if _has(found, "o" + form) or _has(found, "w" + form):
        return True
    if len(month) > 4 and month != "MARCH":
        return True
    before = text[max(0, found.start() - 8) : found.start()].lower()
    return (month != "MAR" and month.lower() != "may" and form == "4") or before.endswith(
        ("on ", "since ", "dated ", "until ", "from ", "date: ", "of ")
    )


def _found(
    start: int, end: int, day: datetime.date | None, parts: list[tuple[int, int, str]], precision: str
) -> Found:
    return Found(start, end, day, tuple(sorted(parts)), precision)


def _centuries(text: str) -> tuple[int, ...]:
    """The years that a written year may be; of two digits the 2000s first up to 49."""
    year = int(text)
    if len(text) == 4:
        return (year,) if FIRST_YEAR <= year < 2100 else ()
    return (2000 + year, 1900 + year) if year < 50 else (1900 + year, 2000 + year)


def _day(year: int, month: int, day: int) -> datetime.date | None:
    try:
        return datetime.date(year, month, day)
    except ValueError:
        return None


def moved(text: str, found: Found, days: int) -> str | None:
    """The date moved by a number of days, written as it was.

    Returns:
        The new text of the span, or None when it is no date of the calendar or would leave it.
    """
    if found.day is None:
        return None
    try:
        day = found.day + datetime.timedelta(days=days)
    except OverflowError:
        return None
    if day.year < FIRST_YEAR or day.year > 2199:
        return None
    pieces, position = [], found.start
    numbers = [text[start:end] for start, end, role in found.parts if role in "md"]
    if any(number[0] == "0" for number in numbers):
        padded = True
    elif any(len(number) == 1 for number in numbers) or any(role == "o" for _, _, role in found.parts):
        padded = False
    else:  # "November 23, 1990" and "23-NOV-1990" read alike: a blank says unpadded
        padded = (
            not any(role == "M" for _, _, role in found.parts) or " " not in text[found.start : found.end]
        )
    for start, end, role in found.parts:
        old = text[start:end]
        pieces.append(text[position:start])
        pieces.append(_written(old, role, day, padded=padded))
        position = end
    pieces.append(text[position : found.end])
    new = "".join(pieces)
    return new if len(new) <= found.end - found.start + len("[DATE]") else None


def _written(old: str, role: str, day: datetime.date, *, padded: bool) -> str:
    if role == "y":
        return f"{day.year:04d}" if len(old) == 4 else f"{day.year % 100:02d}"
    if role in "md":
        number = day.month if role == "m" else day.day
        return f"{number:02d}" if padded else str(number)
    if role == "M":
        return _cased(_month_name(old.lower(), day.month), old)
    if role == "o":
        ending = "th" if 10 < day.day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
        return _cased(ending, old)
    spellings = vocabulary()["weekdays"][day.weekday()].split()
    return _cased(spellings[0] if old.lower().endswith("day") else spellings[1], old)


def _month_name(old: str, month: int) -> str:
    """The month in the language and length of the old one; "may" counts as short."""
    for language in _months().spellings:
        for spellings in language:
            plain = [fold(spelling) for spelling in spellings]
            if old in plain:
                full = old == plain[0] and old not in plain[1:]
                names = language[month - 1]
                return (
                    names[0] if full else min(names[1:] or names, key=lambda name: abs(len(name) - len(old)))
                )
    return old


def _cased(new: str, old: str) -> str:
    return new.upper() if old.isupper() else new.capitalize() if old[0].isupper() else new
