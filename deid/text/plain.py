"""One spelling per character: NFKC, no diacritics, Latin ligatures spelled out; with the way back to the input."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

_LETTERS = {
    "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "þ": "th",
    "Þ": "TH", "\u0131": "i", "ß": "ss", "ẞ": "SS", "ð": "d", "Ð": "D", "\u2019": "'", "\u2018": "'", "\u02bc": "'",
    "\u00b4": "'", "`": "'", "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2212": "-",
    "\u00ad": "", "\u200b": "", "\u200c": "", "\u200d": "", "\ufeff": "", "\u30fb": " ", "\uff65": " ",
}  # fmt: skip
#: A character and what belongs to it: combining marks, half-width voiced sound marks, conjoining vowels.
_MARKS = "\u0300-\u036f\u1ab0-\u1aff\u20d0-\u20ff\ufe20-\ufe2f\u3099\u309a\uff9e\uff9f\u1160-\u11ff"
_CLUSTER = re.compile(rf"(?P<ascii>[\x00-\x7f]+)(?![{_MARKS}])|[\s\S][{_MARKS}]*")
_LINE_ENDS = str.maketrans({"\x0b": "\n", "\x0c": "\n", "\x1c": " ", "\x1d": " ", "\x1e": " ", "\x85": "\n"})


@dataclass(frozen=True)
class Plain:
    """Text for matching.

    Attributes:
        text: the plain text.
        starts: for each character of it the offset in the input where it begins; None: the same offsets.
        ends: likewise the offset where it ends.
    """

    text: str
    starts: list[int] | None = None
    ends: list[int] | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """A span of the plain text as a span of the input; empty spans stay empty."""
        if self.starts is None or self.ends is None or start >= end:
            return start, end
        return self.starts[start], self.ends[end - 1]


@lru_cache(maxsize=8192)
def _cluster(cluster: str) -> str:
    known = _LETTERS.get(cluster)
    if known is not None:
        return known
    parts = []
    for character in unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", cluster)):
        if not unicodedata.combining(character):
            parts.append(_LETTERS.get(character, character))
    return unicodedata.normalize("NFC", "".join(parts))


def fold(text: str) -> str:
    """The plain spelling of a text; case stays."""
    if text.isascii():
        return text.replace("`", "'")
    return plain(text).text


def plain(text: str) -> Plain:
    """The plain spelling with offsets. Linear in the length of the text."""
    if text.isascii():
        return Plain(text.replace("`", "'"))
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for found in _CLUSTER.finditer(text):
        start, end = found.span()
        if found.lastgroup:  # plain already, one to one
            pieces.append(found.group().replace("`", "'"))
            starts.extend(range(start, end))
            ends.extend(range(start + 1, end + 1))
            continue
        piece = _cluster(found.group())
        pieces.append(piece)
        starts += [start] * len(piece)
        ends += [end] * len(piece)
    return Plain("".join(pieces).translate(_LINE_ENDS), starts, ends)


def key(word: str) -> str:
    """How a word is looked up: plain, lower case, no apostrophes."""
    return fold(word).lower().replace("'", "")
