"""The patient's own identifiers, found in any form: other orders, glued, joined, without zeros, in another case."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from deid.text.lexicon import (
    CLINICAL,
    ESSENTIAL,
    FUNCTION,
    GENERATION,
    INSTITUTION,
    NAME,
    NOBODY,
    PARTICLE,
    PLACE_PLAIN,
    PLACE_WORD,
    SPEAKER,
    SUFFIX,
    TITLE,
    UNIT,
    WORD,
    bits,
)  # fmt: skip
from deid.text.plain import fold

if TYPE_CHECKING:
    from deid.text.tokens import Tokens

KINDS = ("name", "id", "date", "place", "phone", "other")
_DOUBTFUL = 3
_WORDS = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_NOT_ALNUM = re.compile(r"[\W_]+")
_ISO = re.compile(r"\s*(\d{4})[-./]?(\d{2})[-./]?(\d{2})")
_WIDE = re.compile(r"[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7ff\uf900-\ufaff\u0e00-\u0eff]")
#: Between the parts of an identifier written with separators.
_SEPARATORS = frozenset(" -_./\\:,()+\u3000")
_JOINTS = (" ", "\u3000", "^")
_UNIT_AFTER = re.compile(r"\s?([a-z%]+)")
#: German spellings without the dots.
_UMLAUTS = {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"}


class Dictionary:
    """Looks for one patient's identifiers.

    Args:
        identity: (kind, value) pairs, kind in :data:`KINDS`; see :class:`deid.text.TextCleaner`.
    """

    def __init__(self, identity: Sequence[tuple[str, str]]) -> None:
        self.dates: list[datetime.date] = []
        self._words: dict[str, str] = {}
        self._initials: set[str] = set()
        self._wide: dict[str, str] = {}
        self._single: set[str] = set()
        self._ids: dict[str, str] = {}
        self._phrases: dict[str, str] = {}
        self._ordinary: set[str] = set()  # words of places that are words of the language
        for kind, value in identity:
            for part in value.replace("\0", "").split("\\"):
                self._add(kind, part.strip())
        self._glue = tuple(sorted((word for word in self._words if len(word) > 3), key=len, reverse=True))
        self._long = tuple(self._ids)

    def _add(self, kind: str, value: str) -> None:
        if kind == "name":
            self._add_name(value)
        elif kind == "date":
            found = _ISO.match(value)
            if found:
                try:
                    self.dates.append(datetime.date(*map(int, found.groups())))
                except ValueError:
                    self._add_id("date", value)
        elif kind == "place":
            self._add_place(value)
        elif kind in ("id", "phone", "other"):
            self._add_id(kind, value)
        else:
            reason = f"unknown kind of identity {kind!r}; one of {', '.join(KINDS)}"
            raise ValueError(reason)

    def _add_name(self, value: str) -> None:
        for group in value.split("="):
            parts = []
            for component in group.split("^"):
                spellings = {component}
                if any(letter in component for letter in _UMLAUTS):
                    spellings.add("".join(_UMLAUTS.get(letter, letter) for letter in component))
                for spelling in spellings:
                    parts += [word.lower().replace("'", "") for word in _WORDS.findall(fold(spelling))]
                digits = _NOT_ALNUM.sub("", component)
                if any(character.isdigit() for character in digits):
                    self._add_id("id", component)
            for part in parts:
                self._add_word(part, "name")
            if _WIDE.search(group):
                whole = [part for part in parts if _WIDE.search(part)]
                for joined in ("".join(whole), "".join(reversed(whole))):
                    if len(joined) > 1:
                        self._wide[joined] = "name"

    def _add_word(self, word: str, kind: str) -> None:
        if _WIDE.search(word):
            if len(word) > 1:
                self._wide.setdefault(word, kind)
            else:
                self._single.add(word)
            return
        if len(word) == 1:
            self._initials.add(word)
            return
        flags = bits()[word]
        if flags & (NOBODY | SUFFIX) or (flags & (TITLE | GENERATION) and len(word) < 4):
            return
        self._words.setdefault(word, kind)
        if kind == "name":
            self._initials.add(word[0])

    def _add_place(self, value: str) -> None:
        words = [word.lower().replace("'", "") for word in _WORDS.findall(fold(value))]
        self._add_phrase("place", value)
        for word in words:
            flags = bits()[word]
            plain = flags & (CLINICAL | PLACE_PLAIN | FUNCTION | UNIT | ESSENTIAL) or word in _GENERIC
            if len(word) > 3 and not (plain or (flags & PLACE_WORD and len(words) == 1)):
                self._words.setdefault(word, "place")
                if flags & WORD and not flags & NAME:
                    self._ordinary.add(word)
        acronym = "".join(word[0] for word in words if not bits()[word] & (FUNCTION | PARTICLE))
        if len(acronym) > 2 and not bits()[acronym] & (CLINICAL | WORD | ESSENTIAL):
            self._words.setdefault(acronym, "place")

    def _add_id(self, kind: str, value: str) -> None:
        condensed = _NOT_ALNUM.sub("", fold(value)).lower()
        digits = "".join(character for character in condensed if character.isdigit())
        if condensed and not digits:
            words = [word.lower().replace("'", "") for word in _WORDS.findall(fold(value))]
            if len(words) > 1:
                self._add_phrase(kind, value)
            elif words and not bits()[words[0]] & (CLINICAL | ESSENTIAL | FUNCTION) and len(words[0]) > 2:
                self._add_word(words[0], kind)
            return
        if kind == "other" and len(condensed) > 2 * len(digits) + 8:
            self._add_phrase(kind, value)  # a sentence with a number in it
            return
        forms = {condensed, condensed.lstrip("0")}
        if len(digits) >= 5 or 2 * len(digits) > len(condensed):
            forms |= {digits, digits.lstrip("0")}
        if kind == "phone" and len(digits) >= 7:
            forms |= {digits[-10:], digits[-7:], digits.lstrip("0")}
        for form in forms:
            if len(form) > 3 or (len(form) == 3 and not form.isdigit() and form != digits):
                self._ids.setdefault(form, "phone" if kind == "phone" else "id")

    def _add_phrase(self, kind: str, value: str) -> None:
        condensed = _NOT_ALNUM.sub("", fold(value)).lower()
        if len(condensed) > 5:
            self._phrases.setdefault(condensed, "place" if kind == "place" else kind)

    def find(self, tokens: Tokens, *, digits: bool) -> list[tuple[int, int, str]]:
        """Spans with their kind; marks the words in ``tokens.known``."""
        spans: list[tuple[int, int, str]] = []
        text = tokens.text
        lower = text.lower()
        if len(lower) != len(text):  # a letter whose lower case is longer, such as İ: keep offsets
            lower = "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)
        self._whole(tokens, spans)
        joined = "\0".join(tokens.lows) if "'" in lower else lower
        for word in self._glue:
            if word in joined:
                self._glued(tokens, lower, spans)
                break
        for word, kind in self._wide.items():
            spans.extend((start, start + len(word), kind) for start in _all(lower, word))
        if self._single and spans:
            edges = _edges(spans, text)
            spans += [
                (at, at + 1, "name") for word in self._single for at in _all(lower, word) if at in edges
            ]
        if (digits and self._ids) or self._phrases:
            self._identifiers(lower, spans, digits=digits)
        return spans

    def _whole(self, tokens: Tokens, spans: list[tuple[int, int, str]]) -> None:
        words = self._words
        hits = [index for index, low in enumerate(tokens.lows) if low in words]
        for index in hits:
            if self._meant(tokens, index):
                tokens.known.add(index)
        if not tokens.known:
            return
        for index in hits:  # a doubtful word beside a sure one
            if index not in tokens.known and self._beside(tokens, index):
                tokens.known.add(index)
        for index in sorted(tokens.known):
            kind = words.get(tokens.lows[index], "name")
            spans.append((tokens.starts[index], tokens.ends[index], kind))
            if kind == "name":
                self._take_initials(tokens, index, spans)

    def _meant(self, tokens: Tokens, index: int) -> bool:
        """Whether a word that is one of the patient's names is meant as the name."""
        low = tokens.lows[index]
        flags = tokens.bits[index]
        if low in self._ordinary and self._words[low] == "place":
            return self._located(tokens, index)
        doubtful = flags & (ESSENTIAL | FUNCTION | UNIT) or (len(low) == 2 and flags & (CLINICAL | WORD))
        if not doubtful:
            return True
        if _measures(tokens, index):
            return False
        if self._said(tokens, index, low):
            return True
        before, after = tokens.at(index - 1), tokens.at(index + 1)
        text, start, end = tokens.text, tokens.starts[index], tokens.ends[index]
        if "^" in (text[start - 1 : start], text[end : end + 1]) and not (before | after) & CLINICAL:
            return True
        if (
            before & TITLE
            and text[tokens.ends[index - 1] : start] in (". ", ".", " ")
            and tokens.capital(index)
        ):
            if tokens.words[index - 1] in _WRITTEN_TITLES and not flags & UNIT:
                return True  # "Dr STONE": DR is a modality, Dr is not
            return not before & CLINICAL or "." in text[tokens.ends[index - 1] : start]
        if tokens.possessive(index) and not flags & ESSENTIAL:
            return True
        if index and tokens.lows[index - 1] in ("name", "surname", "lastname", "firstname"):
            return True
        if self._neighbour(tokens, index):
            return True
        if flags & ESSENTIAL or not flags & FUNCTION:
            return False
        word = tokens.words[index]
        opens = index == 0 or text[:start].rstrip()[-1:] in (".", "?", "!", "\n", ":")
        return word[0].isupper() and (len(word) == 1 or not word.isupper()) and tokens.mixed and not opens

    def _said(self, tokens: Tokens, index: int, low: str) -> bool:
        """Whether a doubtful word is all there is, or somebody says that a name follows: "pt Li", "Operator: Long"."""
        if self._words[low] != "name" or not tokens.words[index].istitle():
            return len(tokens) == 1 and self._words[low] == "name" and len(low) > _DOUBTFUL
        if len(tokens) == 1:
            return True
        spoken = tokens.at(index - 1) & (SPEAKER | TITLE) if index else 0
        last = index + 1 >= len(tokens) or tokens.gap(index) != " " or tokens.words[index + 1].istitle()
        return bool(spoken) and (last or len(low) < _DOUBTFUL or ":" in tokens.gap(index - 1))

    def _located(self, tokens: Tokens, index: int) -> bool:
        """Whether an ordinary word names the place: "from Riverside", "RIVERSIDE", not "Community acquired"."""
        if len(tokens) == 1:
            return True
        if index and tokens.lows[index - 1] in _WHERE and tokens.close(index - 1) and tokens.capital(index):
            return True
        beside = (index - 1, index + 1)
        return any(
            0 <= at < len(tokens)
            and tokens.close(min(at, index))
            and (self._words.get(tokens.lows[at]) == "place" or tokens.bits[at] & INSTITUTION)
            for at in beside
        )

    def _neighbour(self, tokens: Tokens, index: int) -> bool:
        """Whether another part of the name, or an initial of it, stands beside a doubtful word."""
        for step in (-1, 1):
            other, inner = index + step, index
            if (
                0 <= other < len(tokens)
                and len(tokens.words[other]) == 1
                and tokens.lows[other] in self._initials
            ):
                if not tokens.close(min(other, inner)):
                    continue
                dotted = tokens.text[tokens.ends[other] : tokens.ends[other] + 1] == "."
                ends = (
                    other + 1 >= len(tokens)
                    or tokens.gap(other) not in (" ", "-")
                    or not _limb(tokens, other)
                )
                if tokens.capital(other) and tokens.capital(index) and (dotted or (step > 0 and ends)):
                    return True
                other, inner = other + step, other
            if (
                0 <= other < len(tokens)
                and tokens.close(min(other, inner))
                and tokens.lows[other] in self._words
            ):
                return True
        return False

    def _beside(self, tokens: Tokens, index: int) -> bool:
        if tokens.lows[index] in self._ordinary or _measures(tokens, index):
            return False
        return (index - 1 in tokens.known and tokens.close(index - 1)) or (
            index + 1 in tokens.known and tokens.close(index)
        )

    def _take_initials(self, tokens: Tokens, index: int, spans: list[tuple[int, int, str]]) -> None:
        """Take an initial: "J. Smith", "Smith J", "SMITH_J": an initial of the patient's beside the name."""
        for other, link in ((index - 1, index - 1), (index + 1, index)):
            if (
                not 0 <= other < len(tokens)
                or tokens.lows[other] not in self._initials
                or other in tokens.known
            ):
                continue
            if len(tokens.words[other]) != 1 or tokens.gap(link) not in _INITIAL_GAPS or tokens.glued(other):
                continue
            if tokens.text[tokens.ends[other] : tokens.ends[other] + 1] == "/":
                continue  # r/o, w/o
            if other < index and tokens.lettered(other):
                continue
            dotted = tokens.text[tokens.ends[other] : tokens.ends[other] + 1] == "."
            if other > index and not dotted and _limb(tokens, other):
                continue  # SMITH L KNEE
            tokens.known.add(other)
            spans.append((tokens.starts[other], tokens.ends[other] + dotted, "name"))

    def _glued(self, tokens: Tokens, lower: str, spans: list[tuple[int, int, str]]) -> None:
        """SMITHJOHN, JSmith, CHESTSMITH: names inside longer words."""
        for index, low in enumerate(tokens.lows):
            if len(low) < 5 or index in tokens.known or low in self._words:
                continue
            hits = [word for word in self._glue if word in low]
            if not hits:
                continue
            start, end = tokens.starts[index], tokens.ends[index]
            rest = low
            for word in hits:
                rest = rest.replace(word, " ")
            for word in self._words:
                if len(word) > 1 and word in rest:
                    rest = rest.replace(word, " ")
            others = rest.split()
            if tokens.bits[index] & (WORD | CLINICAL) and (len(hits) < 2 or others):
                continue
            if others and all(bits()[word] & (FUNCTION | ESSENTIAL) for word in hits):
                continue  # longTR
            if all(len(other) < 3 for other in others):
                tokens.known.add(index)
                spans.append((start, end, "name"))
            elif all(bits()[other] & (WORD | CLINICAL) for other in others if len(other) > 2):
                for word in hits:
                    spans += [
                        (start + at, start + at + len(word), self._words[word])
                        for at in _all(lower[start:end], word)
                    ]
            elif any(len(word) > 4 or low.startswith(word) or low.endswith(word) for word in hits):
                tokens.known.add(index)
                spans.append((start, end, "name"))

    def _identifiers(self, lower: str, spans: list[tuple[int, int, str]], *, digits: bool) -> None:
        condensed = _NOT_ALNUM.sub("", lower)
        forms = [form for form in self._long if form in condensed] if digits else []
        phrases = [phrase for phrase in self._phrases if phrase in condensed]
        if not forms and not phrases:
            return
        offsets = [offset for offset, letter in enumerate(lower) if letter.isalnum()]
        for form in forms:
            for at in _all(condensed, form):
                span = _bounded(lower, offsets, at, at + len(form), form)
                if span:
                    spans.append((*span, self._ids[form]))
        for phrase in phrases:
            for at in _all(condensed, phrase):
                start, end = offsets[at], offsets[at + len(phrase) - 1] + 1
                if not lower[start - 1 : start].isalnum() and not lower[end : end + 1].isalnum():
                    spans.append((start, end, self._phrases[phrase]))


_INITIAL_GAPS = frozenset({" ", "  ", ".", ". ", "_", "^", "^^", "-", ", ", ",", "\u3000", " , "})
_WRITTEN_TITLES = frozenset({"Dr", "Mr", "Mrs", "Ms", "Prof"})
_WHERE = frozenset(["at", "from", "to", "of", "in", "near", "via", "by", "site", "hospital", "clinic"])
_GENERIC = frozenset(
    [
        "hospital",
        "hospitals",
        "clinic",
        "clinics",
        "medical",
        "center",
        "centre",
        "health",
        "healthcare",
        "institute",
        "department",
        "radiology",
        "university",
        "imaging",
        "klinik",
        "klinikum",
        "krankenhaus",
        "street",
        "avenue",
        "road",
        "lane",
        "drive",
        "terrace",
        "north",
        "south",
        "east",
        "west",
        "city",
        "state",
    ]
)


def _measures(tokens: Tokens, index: int) -> bool:
    """Whether a word is the unit of a number: "15 min", not "Min" of "Min-jun"."""
    return bool(tokens.bits[index] & UNIT) and tokens.text[: tokens.starts[index]].rstrip()[-1:].isdigit()


def _limb(tokens: Tokens, index: int) -> bool:
    """Whether a single letter is a side or a part of the spine: "L KNEE", "T SPINE"."""
    low, following = tokens.lows[index], tokens.at(index + 1)
    if index + 1 >= len(tokens) or tokens.gap(index) not in (" ", "-"):
        return False
    if low in "tcs":
        return tokens.lows[index + 1] in ("spine", "sp", "spin", "column")
    return low in "lr" and bool(following & (CLINICAL | ESSENTIAL))


def _all(text: str, word: str) -> Iterator[int]:
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + len(word))


def _edges(spans: list[tuple[int, int, str]], text: str) -> set[int]:
    """Where a single character touches a cut, with at most a blank or caret between."""
    edges = set()
    for start, end, _ in spans:
        edges.add(end + (text[end : end + 1] in _JOINTS))
        edges.add(start - 1 - (text[start - 1 : start] in _JOINTS))
    return edges


def _bounded(lower: str, offsets: list[int], first: int, stop: int, form: str) -> tuple[int, int] | None:
    """The span of an identifier found in the text without separators, or None when it is part of something else."""
    start, end = offsets[first], offsets[stop - 1] + 1
    inside = lower[start:end]
    if len(inside) > len(form):
        # separators only, and one between any two characters
        position = 0
        for separator in _NOT_ALNUM.finditer(inside):
            if len(separator.group()) > 1 or separator.group() not in _SEPARATORS:
                return None
            position += 1
        if len(form) < 5 or position > 6:
            return None
    if form[0].isdigit():
        while start > 0 and lower[start - 1] == "0" and first > 0:  # leading zeros
            start -= 1
        if lower[start - 1 : start].isdigit() or (
            start > 1 and lower[start - 1] == "." and lower[start - 2].isdigit()
        ):
            return None
    elif lower[start - 1 : start].isalpha() and len(form) < 6:
        return None
    after = lower[end : end + 1]
    if form[-1].isdigit() and after.isdigit():
        return None
    if form[-1].isalpha() and after.isalpha() and len(form) < 6:
        return None
    if form.isdigit() and len(form) == 4:
        unit = _UNIT_AFTER.match(lower, end)
        if (
            (unit and bits()[unit[1]] & UNIT)
            or lower[start - 1 : start].isalpha()
            or lower[end : end + 2][:1] == "."
        ):
            return None
    return start, end
