"""How people, computers and character sets write the same name, number or date.

Two directions: what to search for in bytes (:func:`encodings`, :func:`joined`), and what a text that was
found says (:func:`dates_in`, :func:`digits_in`, :func:`squeezed`).
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Codecs of the character sets of PS3.3 C.12.1.1.2, and what else turns up in text that is not ASCII.
CODECS = (
    "utf-8", "latin-1", "iso8859_2", "iso8859_3", "iso8859_4", "iso8859_5", "iso8859_6", "iso8859_7",
    "iso8859_8", "iso8859_9", "iso8859_15", "cp1252", "koi8_r", "tis_620", "shift_jis", "euc_jp", "iso2022_jp",
    "euc_kr", "gb18030", "big5",
)  # fmt: skip
_WIDE = ("utf-16-le", "utf-16-be")
_DIGRAPHS = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "å": "aa", "ø": "oe", "æ": "ae", "œ": "oe"}
_SEPARATORS = ("^", " ", ",", ", ", "-", "_", ".", "")
_MONTH_WORDS = {
    1: "january jan januar janvier janv enero ene januari gennaio gen janeiro",
    2: "february feb februar fevrier fevr febrero februari febbraio fevereiro fev",
    3: "march mar marz maerz mrz mars marzo maart marco",
    4: "april apr avril avr abril abr aprile",
    5: "may mai mayo mei maggio mag maio",
    6: "june jun juni juin junio giugno giu junho",
    7: "july jul juli juillet juil julio luglio lug julho",
    8: "august aug aout agosto ago augustus",
    9: "september sep sept septembre septiembre settembre set setembro",
    10: "october oct oktober okt octobre octubre ottobre ott outubro out",
    11: "november nov novembre noviembre novembro",
    12: "december dec dezember dez decembre diciembre dic dicembre dezembro",
}
_MONTHS = {word: month for month, words in _MONTH_WORDS.items() for word in words.split()}
_COMPACT = re.compile(r"(?<!\d)(\d{4})(\d{2})(\d{2})(?:(?!\d)|(?=[0-2]\d[0-5]\d))")
_NUMERIC = re.compile(
    r"(?<![\d.])(\d{4}|\d{1,2})\s?([-./ ])\s?(\d{1,2})\s?\2\s?(\d{4}|\d{1,2})(?![\d]|\.\d)", re.ASCII
)
_NAMED = re.compile(
    r"(?<!\d)(\d{1,2})(?:st|nd|rd|th|er|\.)?[\s\-./]*(?:of |de )?([a-z]{3,10})\.?,?[\s\-./]*(\d{4}|'?\d{2})(?!\d)"
    r"|(?<![a-z])([a-z]{3,10})\.?[\s\-./]*(\d{1,2})(?:st|nd|rd|th)?,?[\s\-./]+(\d{4}|'?\d{2})(?!\d)"
    r"|(?<!\d)(\d{4})[\s\-./]*([a-z]{3,10})\.?[\s\-./]*(\d{1,2})(?!\d)"
)
_GAP = re.compile(r"(?<=\d)[\s().+/\-]{1,3}(?=\d)")
_DIGIT = re.compile(r"\d")
_BETWEEN = re.compile(r"[\W_]+")
_RUN = re.compile(r"[^\W_]+")
_LONG_NUMBER = re.compile(r"\d{7,}")


def encodings(text: str, *, wide: bool = True) -> list[bytes]:
    """A text as it may stand in a file, ASCII letters in lower case, without repetitions.

    Args:
        text: at least one character.
        wide: also as UTF-16.
    """
    if text.isascii():
        raw = text.lower().encode("ascii")
        patterns = [raw]
        if wide:
            patterns += [text.lower().encode(codec) for codec in _WIDE]
        return patterns
    patterns = []
    for variant in {text, text.lower(), text.upper(), text.title(), unicodedata.normalize("NFD", text)}:
        for codec in (*CODECS, *(_WIDE if wide else ())):
            try:
                patterns.append(variant.encode(codec).lower())
            except UnicodeEncodeError:
                continue
    return list(dict.fromkeys(patterns))


def plain(text: str) -> list[str]:
    """The text in ASCII letters as people do without diacritics: Müller as Mueller and Muller; or nothing."""
    lowered = unicodedata.normalize("NFC", text).lower()
    spelled = "".join(_DIGRAPHS.get(character, character) for character in lowered)
    found = []
    for variant in (spelled, lowered):
        bare = "".join(
            character
            for character in unicodedata.normalize("NFD", variant)
            if not unicodedata.combining(character)
        )
        if bare.isascii() and bare != text.lower():
            found.append(bare)
    return list(dict.fromkeys(found))


def joined(first: str, second: str) -> Iterator[str]:
    """Two parts of a name in both orders, with what may stand between them."""
    for separator in _SEPARATORS:
        yield first + separator + second
        yield second + separator + first


def byte_dates(day: datetime.date) -> list[bytes]:
    """The spellings of a date that are searched in bytes of any kind."""
    y, m, d = f"{day.year:04d}", f"{day.month:02d}", f"{day.day:02d}"
    found = [y + m + d]
    for separator in "-./":
        found += [separator.join(parts) for parts in ((y, m, d), (d, m, y), (m, d, y))]
    return [text.encode() for text in dict.fromkeys(found)]


@cache
def _date(year: int, month: int, day: int) -> datetime.date | None:
    try:
        return datetime.date(year, month, day)
    except ValueError:
        return None


def _years(text: str) -> tuple[int, ...]:
    number = int(text.lstrip("'"))
    return (1900 + number, 2000 + number) if len(text.lstrip("'")) == 2 else (number,)


def dates_in(text: str, *, loose: bool = True) -> set[datetime.date]:
    """Every date that a text may mean, in any usual format, either order of day and month, either century.

    Args:
        text: any text.
        loose: also years of two digits, which ``1.2.10`` may mean or not.
    """
    return {day for days in readings(text, loose=loose) for day in days}


def readings(text: str, *, loose: bool = True) -> list[set[datetime.date]]:
    """For each date in a text the days that it may mean; see :func:`dates_in`."""
    if not _DIGIT.search(text):
        return []
    lowered = text.lower()
    if not text.isascii():
        decomposed = unicodedata.normalize("NFD", lowered)
        lowered = "".join(character for character in decomposed if not unicodedata.combining(character))
    every: list[set[datetime.date | None]] = []
    for y, m, d in _COMPACT.findall(lowered):
        every.append({_date(int(y), int(m), int(d))})
    for a, _, b, c in _NUMERIC.findall(lowered):
        if not loose and len(a) < 4 and len(c) < 4:
            continue
        found: set[datetime.date | None] = set()
        every.append(found)
        if len(a) == 4 and len(c) <= 2:
            found.add(_date(int(a), int(b), int(c)))
        elif len(a) <= 2 and len(c) in (2, 4):
            for year in _years(c):
                found |= {_date(year, int(b), int(a)), _date(year, int(a), int(b))}
        if len(a) == len(c) == 2:
            for year in _years(a):
                found.add(_date(year, int(b), int(c)))
    for d1, m1, y1, m2, d2, y2, y3, m3, d3 in _NAMED.findall(lowered):
        month = _MONTHS.get(m1 or m2 or m3)
        found = set()
        every.append(found)
        for year in _years(y1 or y2 or y3) if month else ():
            found.add(_date(year, month or 1, int(d1 or d2 or d3)))
    return [days for found in every if (days := {day for day in found if day is not None})]


def digits_in(text: str) -> list[str]:
    """Numbers of seven digits or more, with what people put between digits left out."""
    return _LONG_NUMBER.findall(_GAP.sub("", text)) if _DIGIT.search(text) else []


def squeezed(text: str) -> str:
    """Letters and digits only, in lower case: what is left when somebody spaced a word out."""
    return _BETWEEN.sub("", text.lower())


def runs_in(text: str) -> list[str]:
    """The runs of letters and digits of a text, in lower case."""
    return _RUN.findall(text.lower())


def words_in(text: str) -> Iterable[str]:
    """The words of a text, in lower case."""
    return re.findall(r"[^\W\d_]+", text.lower())
