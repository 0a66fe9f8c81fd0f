"""Single values as public indexes have them, and what the catalog makes of them. Pure functions of text."""

from __future__ import annotations

import datetime as dt
import re
from typing import NamedTuple

OLDEST_YEARS = 120.0
"""An age above this is taken for a slip of the keyboard."""

_AGE = re.compile(r"^(\d{1,3})([DWMYdwmy]?)$")
_PER_YEAR = {"D": 365.25, "W": 52.1786, "M": 12.0, "Y": 1.0, "": 1.0}
_SEXES = frozenset("MFO")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


class Age(NamedTuple):
    """An age, and whether its text was what the standard asks for."""

    years: float | None
    odd: bool


def age(text: str | None) -> Age:
    """Patient's Age (0010,1010), VR AS: three digits and D, W, M or Y (PS3.5 section 6.2).

    Lower-case units and bare numbers, which are years, are read and called odd. Zero and more than
    ``OLDEST_YEARS`` mean unknown: public data say ``000Y`` where the age was removed.
    """
    stripped = (text or "").strip()
    if not stripped:
        return Age(None, odd=False)
    found = _AGE.match(stripped)
    if found is None:
        return Age(None, odd=True)
    unit = found[2].upper()
    years = int(found[1]) / _PER_YEAR[unit]
    if not 0 < years <= OLDEST_YEARS:
        return Age(None, odd=True)
    return Age(round(years, 4), odd=len(stripped) != 4 or found[2] != unit)


def sex(text: str | None) -> str | None:
    """Patient's Sex (0010,0040): M, F or O (PS3.3 C.7.1.1); None for anything else, such as ``U`` or ``0000``."""
    value = (text or "").strip().upper()
    return value if value in _SEXES else None


def clean(text: str | None) -> str | None:
    """A text that a database can hold: control characters (NUL among them) become one space; None if empty."""
    return _CONTROL.sub(" ", text or "").strip() or None


def day(text: str | None) -> dt.date | None:
    """A date ``YYYY-MM-DD`` or ``YYYYMMDD``; None for what is no date."""
    digits = (text or "").strip().replace("-", "")
    if len(digits) != 8 or not digits.isascii() or not digits.isdigit():
        return None
    try:
        return dt.date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None
