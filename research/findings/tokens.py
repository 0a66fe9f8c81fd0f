"""Words, sentences: where they stand in the text.

One pass of one expression without nested repetition, so time is linear in the length of the text. Hyphens separate
words ("T-spine" is two), decimals are one word, every other sign is a token of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

_TOKEN = re.compile(r"[^\W\d_]+(?:['\u2019](?:s|t)\b)?|\d+(?:[.,]\d+)*|\n\s*|[^\w\s-]|_")
_SPLITS = frozenset(".!?")
_ABBREVIATIONS = frozenset({"approx", "cf", "dr", "fig", "mr", "mrs", "ms", "prof", "resp", "st", "vs"})
BREAK = "\n"
"""The token for a blank line, or the end of a line after which a sentence cannot go on."""
_BULLET = re.compile(r"[*\u2022\u2013-]|\d{1,2}[.)](?!\d)")
_WRAPPED = 60
"""A line shorter than so many characters was not wrapped: if the next begins with a capital, the sentence is over."""
LONGEST = 300
"""A sentence of more tokens is cut: it is a list or no language, and the cost of a sentence grows with its square."""


class Span(NamedTuple):
    """Half-open range of tokens."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a text: lower-case words and signs and, in characters of the text, where each starts and ends."""

    words: tuple[str, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.words)

    def part(self, start: int, stop: int) -> Tokens:
        """Some of the tokens; offsets still index the whole text."""
        return Tokens(self.words[start:stop], self.starts[start:stop], self.ends[start:stop])


def tokenize(text: str) -> Tokens:
    """Split a text into tokens; the character offsets index the text as given."""
    words: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    line = 0
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        word = match[0]
        if word[0] == "\n":
            length, line = start - line, end
            if not _parts(text, word, length, end):
                continue
            word = BREAK
        words.append(word.lower())
        starts.append(start)
        ends.append(end)
    return Tokens(tuple(words), tuple(starts), tuple(ends))


def _parts(text: str, space: str, length: int, after: int) -> bool:
    """Whether the white space after a line of some length parts two sentences."""
    if space.count("\n") > 1 or _BULLET.match(text, after):
        return True
    return length < _WRAPPED and text[after : after + 1].isupper()


def is_word(word: str) -> bool:
    """Whether a token is a word or a number, not a sign."""
    return word[0].isalnum()


def sentences(tokens: Tokens) -> list[Span]:
    """Split into sentences."""
    words = tokens.words
    out: list[Span] = []
    begin = 0
    for at, word in enumerate(words):
        if (
            word == BREAK
            or (word in _SPLITS and not _abbreviated(words, tokens.starts, at))
            or _numbered(words, at)
        ):
            if at > begin:
                out.append(Span(begin, at))
            begin = at + 1
    if begin < len(words):
        out.append(Span(begin, len(words)))
    return [
        Span(start, min(start + LONGEST, stop))
        for begin, stop in out
        for start in range(begin, stop, LONGEST)
    ]


def _numbered(words: tuple[str, ...], at: int) -> bool:
    """Whether a bracket closes the number of a list, as in ``2) Clear lungs``."""
    return (
        words[at] == ")"
        and at > 0
        and words[at - 1].isdigit()
        and len(words[at - 1]) <= 2
        and (at == 1 or words[at - 2] != "(")
    )


def _abbreviated(words: tuple[str, ...], starts: tuple[int, ...], at: int) -> bool:
    if words[at] == "?":  # "?pneumonia" asks
        return at + 1 < len(words) and starts[at + 1] == starts[at] + 1
    if at == 0 or words[at] != ".":
        return False
    before = words[at - 1]
    after = words[at + 1] if at + 1 < len(words) else ""
    if before == "no":
        return after[:1].isdigit()
    return before in _ABBREVIATIONS and after[:1].isalnum()
