"""The phrase language of the rules, and a matcher whose time is linear in the text.

A phrase is words. ``lung*`` matches words that begin so, ``(a|b c)`` one of several, ``word?`` and ``(a|b)?`` may be
missing, ``~3`` up to three words of any kind (never a sign of punctuation). Signs of punctuation are words of their own
("h / o"); a question mark stands alone. There are no regular expressions in rules,
so no rule can make the matcher hang: a phrase is expanded into sequences which are kept in one tree, gaps are bounded,
and what is tried at one word of the text does not depend on the length of the text.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Generic, NamedTuple, TypeVar

MOST_EXPANSIONS = 2000
MOST_GAP = 8
MOST_GAPS = 2
MOST_WORDS = 16
_LEX = re.compile(r"\s*(?:(~\d+)|(\()|(\))|(\|)|(\?)|([^\s()|?~]+))")

Key = TypeVar("Key", bound=Hashable)


class PhraseError(ValueError):
    """A phrase that does not follow the language; the message is for people."""


def expand(phrase: str) -> list[tuple[str, ...]]:
    """All sequences of elements (``word``, ``stem*``, ``~n``) that a phrase stands for.

    Raises:
        PhraseError: it is empty, malformed or stands for too many sequences.
    """
    if phrase == "?":  # the sign itself
        return [("?",)]
    lexed = _lex(phrase)
    parts, end = _alternatives(lexed, 0, depth=0)
    if end != len(lexed):
        message = f"{phrase!r} closes a bracket that was not opened."
        raise PhraseError(message)
    out = []
    for sequence in parts:
        while sequence and sequence[-1][0] == "~":  # a gap before something that is missing
            sequence = sequence[:-1]
        _check(phrase, sequence)
        out.append(sequence)
    return list(dict.fromkeys(out))


def _lex(phrase: str) -> list[str]:
    out, at = [], 0
    while at < len(phrase.rstrip()):
        match = _LEX.match(phrase, at)
        if match is None:
            message = f"{phrase!r} has a sign that means nothing at position {at}."
            raise PhraseError(message)
        out.append(match[0].strip())
        at = match.end()
    return out


def _alternatives(lexed: Sequence[str], at: int, depth: int) -> tuple[list[tuple[str, ...]], int]:
    whole: list[tuple[str, ...]] = []
    run: list[tuple[str, ...]] = [()]
    while at < len(lexed) and lexed[at] != ")":
        item = lexed[at]
        at += 1
        if item == "|":
            if depth == 0:
                message = "A bar stands outside brackets."
                raise PhraseError(message)
            whole += run
            run = [()]
            continue
        if item == "?":
            message = "A question mark follows nothing."
            raise PhraseError(message)
        if item == "(":
            choices, at = _alternatives(lexed, at, depth + 1)
            if at >= len(lexed):
                message = "A bracket is not closed."
                raise PhraseError(message)
            at += 1
        else:
            choices = [(item.lower(),)]
        if at < len(lexed) and lexed[at] == "?":
            choices, at = [*choices, ()], at + 1
        run = [left + right for left, right in product(run, choices)]
        if len(run) + len(whole) > MOST_EXPANSIONS:
            message = f"A phrase stands for more than {MOST_EXPANSIONS} sequences."
            raise PhraseError(message)
    return list(dict.fromkeys(whole + run)), at


def _check(phrase: str, sequence: tuple[str, ...]) -> None:
    gaps = [item for item in sequence if item[0] == "~"]
    words = len(sequence) - len(gaps)
    if not words or sequence[0][0] == "~":
        message = f"{phrase!r} may be empty, or begins with a gap."
        raise PhraseError(message)
    if len(gaps) > MOST_GAPS or words > MOST_WORDS or any(not 0 < int(gap[1:]) <= MOST_GAP for gap in gaps):
        message = (
            f"{phrase!r} has over {MOST_WORDS} words, over {MOST_GAPS} gaps, or a gap not in 1..{MOST_GAP}."
        )
        raise PhraseError(message)
    for item in sequence:
        star = item.find("*")
        if star not in (-1, len(item) - 1) or item == "*":
            message = f"{phrase!r} has a star that does not end the beginning of a word."
            raise PhraseError(message)
        if "-" in item:
            message = f"{phrase!r} has a hyphen; words are separated by spaces here."
            raise PhraseError(message)


class Match(NamedTuple, Generic[Key]):
    """A phrase found: its key, tokens from start to stop, and those matched by name (not by a gap)."""

    key: Key
    start: int
    stop: int
    named: tuple[int, ...]


@dataclass(slots=True)
class _Node(Generic[Key]):
    words: dict[str, _Node[Key]] = field(default_factory=dict)
    stems: dict[str, _Node[Key]] = field(default_factory=dict)
    gaps: dict[int, _Node[Key]] = field(default_factory=dict)
    keys: list[Key] = field(default_factory=list)


class Matcher(Generic[Key]):
    """Finds many phrases at once."""

    def __init__(self) -> None:
        self._root: _Node[Key] = _Node()
        self._starts: dict[str, bool] = {}

    def add(self, phrase: str, key: Key) -> None:
        """Add a phrase under a key.

        Raises:
            PhraseError: the phrase is malformed.
        """
        for sequence in expand(phrase):
            node = self._root
            for item in sequence:
                if item[0] == "~":
                    node = node.gaps.setdefault(int(item[1:]), _Node())
                elif item[-1] == "*" and len(item) > 1:
                    node = node.stems.setdefault(item[:-1], _Node())
                else:
                    node = node.words.setdefault(item, _Node())
            if key not in node.keys:
                node.keys.append(key)
        self._starts.clear()

    def at(self, words: Sequence[str], start: int, stop: int) -> list[Match[Key]]:
        """Per key the best match that begins at ``start`` and ends by ``stop``: least gap, then longest."""
        if not self._may_start(words[start]):
            return []
        best: dict[Key, tuple[int, int, tuple[int, ...]]] = {}
        for node, end, skipped, named in self._walk(self._root, words, start, stop, 0, ()):
            for key in node.keys:
                rank = (skipped, -end, named)
                if key not in best or rank < best[key]:
                    best[key] = rank
        return [Match(key, start, -end, named) for key, (_, end, named) in best.items()]

    def within(self, words: Sequence[str], start: int, stop: int) -> list[Match[Key]]:
        """Every match between two tokens."""
        return [match for at in range(start, stop) for match in self.at(words, at, stop)]

    def longest(self, words: Sequence[str], start: int, stop: int) -> list[Match[Key]]:
        """Leftmost longest matches that do not overlap; equally long ones of several keys all count."""
        out: list[Match[Key]] = []
        at = start
        while at < stop:
            found = self.at(words, at, stop)
            if not found:
                at += 1
                continue
            most = max(len(one.named) for one in found)
            chosen = [one for one in found if len(one.named) == most]
            out += chosen
            at = max(one.stop for one in chosen)
        return out

    def _may_start(self, word: str) -> bool:
        known = self._starts.get(word)
        if known is None:
            if len(self._starts) > 50_000:
                self._starts.clear()
            known = word in self._root.words or any(word.startswith(stem) for stem in self._root.stems)
            self._starts[word] = known
        return known

    def _walk(
        self, node: _Node[Key], words: Sequence[str], at: int, stop: int, skipped: int, named: tuple[int, ...]
    ) -> Iterator[tuple[_Node[Key], int, int, tuple[int, ...]]]:
        if node.keys:
            yield node, at, skipped, named
        if at >= stop:
            return
        word = words[at]
        child = node.words.get(word)
        if child is not None:
            yield from self._walk(child, words, at + 1, stop, skipped, (*named, at))
        for stem, child in node.stems.items():
            if word.startswith(stem):
                yield from self._walk(child, words, at + 1, stop, skipped, (*named, at))
        for most, child in node.gaps.items():
            for ahead in range(most + 1):
                yield from self._walk(child, words, at + ahead, stop, skipped + ahead, named)
                if at + ahead >= stop or not words[at + ahead][0].isalnum():
                    break
