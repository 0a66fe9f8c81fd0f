"""Whether a value of an output may be there.

A hit is excused only where it means nothing: a word that a coded attribute of the original had in the same
place (CHEST), a number in a number, a shifted date that falls on another date of the patient, the engine's
own marks. In text that a policy keeps cleaned, "the original said so here" excuses clinical words only.
"""

from __future__ import annotations

import datetime
import re
from functools import cache
from typing import TYPE_CHECKING

from deid import documents, standard
from deid.findings import place
from deid.identity import FREE_VRS, NUMBERS, TEXT_VRS, Grounds, Known, Token, decoded, is_graphics
from deid.policy import OPTIONS
from deid.rawbytes import vr_of
from deid.text import lexicon
from deid.verify import spellings
from deid.verify.generic import generic_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deid.verify.scanner import Event, Scanner

#: In the place of a VR: printable bytes among compressed samples in which nobody typed.
NOISE = "noise"
_SHORT = 5
_ALIAS = re.compile(rb"RF-[0-9A-HJKMNP-TV-Z]{10} ?")
_HASH = re.compile(rb"H[0-9A-HJKMNP-TV-Z]{12} ?")
_CONSTANTS = frozenset(
    {b"DEIDENTIFIED", b"LOCAL CODE", b"99RADFLOW", b"YES", b"NO", b"MODIFIED", b"UNMODIFIED", b"REMOVED"}
)
#: Manufacturer and model: a vendor may also be the institution of a phantom or a converted object.
_MAKERS = frozenset({0x00080070, 0x00081090})
_MARKS = frozenset({0x00120062, 0x00120063, 0x00120064, 0x00280303})
_METHOD = re.compile(rb"Radflow deid [0-9.]+ policy \w+ [0-9a-f]{12} ?")
_MEANINGS = frozenset(
    {b"Basic Application Confidentiality Profile", *(meaning.encode() for _, meaning, _ in OPTIONS.values())}
)
_HOUR = re.compile(rb"[0-2]\d[0-5]\d")
_WORD = re.compile(rb"[A-Za-z]+")
_NEAR = 2  # words
_EVERYDAY = lexicon.FUNCTION | lexicon.CLINICAL | lexicon.ESSENTIAL | lexicon.UNIT
_LEADS = lexicon.SPEAKER | lexicon.TITLE | lexicon.DEED | lexicon.LINK
_WHERE = frozenset({b"at", b"from", b"to", b"in", b"near", b"via", b"of"})
_LAST_WORD = re.compile(rb"([a-z]+)\s*$")
_PRINTABLE = re.compile(rb"[\x20-\x7e]{6,}")
_AGE = re.compile(rb"(\d{3})Y ?")
_MEANING = 0x00080104
#: VRs in which nobody types.
_FORMAL = frozenset({"UI", "DA", "DT"})
_GRAPHICS = frozenset({0x0022, 0x1500, 0x3000, 0x4000})
_COMMENTS = 0x4000
#: What the only item of a dummy sequence must say (type 1, Enumerated Values of PS3.3 C.10.5, C.17.3): nobody's.
_DUMMY_TERMS = {0x00700004: b"PIXEL", 0x00700015: b"N", 0x0040A010: b"CONTAINS", 0x0040A040: b"TEXT"}
#: A number of this many digits is no technical term.
_NUMBER = 5


class Judge:
    """Judges the values of the outputs of one series.

    Args:
        grounds: what the policy makes identity.
        known: what the originals said.
        scanner: remembers the originals' values.
    """

    def __init__(self, grounds: Grounds, known: Known, scanner: Scanner) -> None:
        self._grounds = grounds
        self._known = known
        self._scanner = scanner
        self._places = cache(_in_private)
        self.days = 0

    def codes(self, event: Event) -> Iterator[str]:
        """Codes of everything that is wrong with a value; may repeat."""
        path, vr, value, context, hits = event
        tag, stripped = path[-1], value.strip(b"\0 ")
        if not stripped:
            return
        if self._places(path):
            yield from self._private(event)
            if _reserves(tag) and self._grounds.creator(event):
                return
        if vr not in _FORMAL and self._own(path, value, stripped):
            return
        if self._grounds.must_change(path) and self._is_known(event) and not self._moved(path, stripped):
            yield "unchanged"
        for number, offset in hits or ():
            if number < 0:
                yield "uid"
            else:
                yield from self._hit(self._known.tokens[number], event, offset)
        if vr in _FORMAL:
            return
        if tag == _MEANING and context.startswith(b"99"):
            yield "text"
        if is_graphics(tag) and (tag >> 24 == 0x50 or tag & 0xFFFF in _GRAPHICS):
            curve = tag >> 24 == 0x50 and tag & 0xFFFF == 0x3000
            words = tag & 0xFFFF == _COMMENTS or (curve and _PRINTABLE.fullmatch(stripped))
            cleaned = "clean_graphics" in self._grounds.options and not words
            yield from () if cleaned else ("graphics",)
        if vr == "AS" or (vr in ("", "UN") and vr_of(tag) == "AS"):
            yield from self._age(stripped)
        if vr in FREE_VRS or vr == "PN" or (vr in ("", "UN", "UR") and len(value) < 1 << 12):
            for text in decoded(value, ("latin-1",)):
                yield from self._text(event, text)

    def _private(self, event: Event) -> Iterator[str]:
        """Private elements that are not known to be safe, and anything inside them."""
        tag = event.path[-1]
        if tag == _MEANING:
            return
        if not (self._grounds.creator(event) if _reserves(tag) else self._grounds.private(event)):
            yield "private-text"

    def _own(self, path: tuple[int, ...], value: bytes, stripped: bytes) -> bool:
        """Whether the value is one that de-identification itself writes, whole."""
        if _ALIAS.fullmatch(value) or _HASH.fullmatch(value):
            return not self._scanner.known(path, value)
        if stripped in _CONSTANTS or _DUMMY_TERMS.get(path[-1]) == stripped:
            return True
        if path == (documents.DOCUMENT,):
            return documents.is_replacement(value)
        return path[0] in _MARKS and (stripped in _MEANINGS or _METHOD.fullmatch(value) is not None)

    def _is_known(self, event: Event) -> bool:
        return self._scanner.known(event.path, event.value)

    def _age(self, stripped: bytes) -> Iterator[str]:
        found = _AGE.fullmatch(stripped)
        oldest = self._grounds.oldest
        if found and oldest is not None and int(found.group(1)) > oldest + 1:
            yield "age"

    def _hit(self, token: Token, event: Event, offset: int) -> Iterator[str]:
        lowered = event.value.lower()
        for pattern in token.patterns:
            if lowered.startswith(pattern, offset) and _bounded(token, pattern, event.value, offset):
                if not self._excused(token, pattern, event, offset):
                    yield token.code
                return

    def _excused(self, token: Token, pattern: bytes, event: Event, offset: int) -> bool:
        path, vr, value, _, _ = event
        if len(pattern) < _SHORT and not _textual(vr, value, offset):
            return True
        known = self._is_known(event)
        if token.code == "date":
            if vr == "UI":
                return known and "retain_uids" in self._grounds.options
            day = datetime.date(int(token.word[:4]), int(token.word[4:6]), int(token.word[6:]))
            return self._fallen(path, day)
        cleaned = self._grounds.free_text(path)
        if token.code == "name" and (word := _longer_word(pattern, value, offset)):
            if known or word in standard.words("vendors") | standard.words("terms"):
                return not self._grounds.identifying(path)
            return cleaned and len(word) > len(pattern) + 2
        if cleaned and token.word in self._known.clinical[path]:
            return True
        if path[-1] == _MEANING and known and not event.context.startswith(b"99") and _is_word(token):
            return True  # "Long Axis" of a public scheme is the same for everybody
        if self._said(token, path) and (
            (not token.strong and _is_prose(token)) or (cleaned and _in_compound(pattern, value, offset))
        ):
            return True
        here = known and not self._grounds.identifying(path)
        if (here or (cleaned and self._said(token, path))) and _is_ordinary(token, value, offset):
            return True
        if self._grounds.identifying(path) or not known:
            return False
        if path[-1] in _MAKERS and (token.code == "place" or token.word in standard.words("vendors")):
            return True
        if vr in NUMBERS or token.word in standard.words("terms"):
            return True
        return not token.strong and (not cleaned or _is_prose(token))

    def _said(self, token: Token, path: tuple[int, ...]) -> bool:
        """Whether a text that was to go elsewhere also stood in this place of an original, where text may stay."""
        said = self._known.said.get(path)
        return said is not None and said.issuperset(spellings.runs_in(token.word))

    def _fallen(self, path: tuple[int, ...], day: datetime.date) -> bool:
        """Whether a day is the shifted form of another day that an original had in this place."""
        if not self.days:
            return False
        try:
            return day - datetime.timedelta(days=self.days) in self._known.places.get(path, ())
        except OverflowError:
            return False

    def _unmoved(
        self, path: tuple[int, ...], readings: list[set[datetime.date]], days: set[datetime.date]
    ) -> bool:
        """Whether a date in a text may mean one of the days, and in no reading is a moved one of this place."""
        return any(
            not found.isdisjoint(days) and not any(self._fallen(path, day) for day in found)
            for found in readings
        )

    def _moved(self, path: tuple[int, ...], stripped: bytes) -> bool:
        """Whether a value that an original has here as well is a date that came to fall on it."""
        found = spellings.dates_in(stripped[:8].decode("latin-1"))
        return bool(found) and all(self._fallen(path, day) for day in found)

    def _text(self, event: Event, text: str) -> Iterator[str]:
        """What only a reader of the text sees: other spellings, and forms that identify anybody."""
        path = event.path
        cleaned = self._grounds.free_text(path)
        same = not cleaned and not self._grounds.identifying(path) and self._is_known(event)
        if not (same and path[-1] not in standard.rows()):
            if self._unmoved(path, spellings.readings(text), self._known.dates):
                yield "date"
            if cleaned and self._unmoved(path, spellings.readings(text, loose=False), self._known.told):
                yield "date"
        if not same:
            if any(digits in run for run in spellings.digits_in(text) for digits in self._known.digits):
                yield "identifier"
            together = spellings.squeezed(text)
            if any(whole in together for whole in self._known.squeezed):
                yield "name"
        for hit in generic_in(text, path[-1]) if path[-1] not in self._grounds.open else ():
            if hit.code != "generic-date" or not self.days:
                yield hit.code


def _reserves(tag: int) -> bool:
    """Whether a tag is of a private creator."""
    return tag >> 16 & 1 == 1 and 0x10 <= (tag & 0xFFFF) <= 0xFF


def _in_private(path: tuple[int, ...]) -> bool:
    return any(tag >> 16 & 1 for tag in path)


def _is_prose(token: Token) -> bool:
    """Whether a text that was to go elsewhere is one that may stay in a description: no place, no lone number."""
    digits = sum(map(str.isdigit, token.word))
    if " " not in token.word and digits >= _NUMBER:
        return False
    return token.code == "private-text" or (token.code == "text" and (" " in token.word or not digits))


def _bounded(token: Token, pattern: bytes, value: bytes, offset: int) -> bool:
    """Whether a hit stands by itself, as far as its kind asks for it."""
    end = offset + len(pattern)
    before = value[offset - 1 : offset] if offset else b""
    after = value[end : end + 1]
    if token.code == "uid":
        return not (before.isdigit() or before == b"." or after.isdigit())
    if token.code == "date" and len(pattern) == 8 and pattern.isdigit():
        hour = value[end : end + 4]
        return not before.isdigit() and (not after.isdigit() or _HOUR.fullmatch(hour) is not None)
    if pattern[:1].isdigit() and before.isdigit():
        return False
    if pattern[-1:].isdigit() and after.isdigit():
        return False
    word = len(pattern) >= _SHORT and token.code not in ("text", "private-text")
    return word or not (_letter(before) or _letter(after))


def _letter(byte: bytes) -> bool:
    return byte.isascii() and byte.isalpha()


def _textual(vr: str, value: bytes, offset: int) -> bool:
    """Whether a short hit lies in text; three letters come up by chance in a table of numbers."""
    if vr in TEXT_VRS or vr in ("DS", "IS"):
        return True
    if vr in NUMBERS or vr == NOISE or len(value) > 1 << 12:
        return False
    return any(run.start() <= offset < run.end() for run in _PRINTABLE.finditer(value))


def _is_ordinary(token: Token, value: bytes, offset: int) -> bool:
    """Whether a name is a word of the language here.

    One word of a place: "Community acquired", not "from Riverside". A person's name that every text may hold: "Long
    axis", not "Operator: Long", "Long, John" or "Long" alone.
    """
    own = lexicon.bits()[token.word]
    lowered = value.lower()
    before = [run.group() for run in _WORD.finditer(lowered, 0, offset)][-_NEAR:]
    if token.code == "place" and not token.strong:
        plain = bool(own & lexicon.WORD and not own & lexicon.NAME) or bool(
            own & (lexicon.CLINICAL | lexicon.PLACE_PLAIN)
        )
        said = _LAST_WORD.search(lowered[:offset])
        return plain and not (said and said[1] in _WHERE)
    if token.code != "name" or not _is_word(token) or not own & _EVERYDAY:
        return False
    if own & lexicon.UNIT and value[:offset].rstrip()[-1:].isdigit():
        return True  # "15 min, supine", where somebody is called Min-jun
    end = offset + len(token.word)
    around = value[max(0, offset - 2) : offset] + value[end : end + 2]
    alone = not before and _WORD.search(lowered, end) is None
    leads = any(lexicon.bits()[word.decode("ascii")] & _LEADS for word in before)
    return not (alone or leads or any(mark in around for mark in b",^="))


def _is_word(token: Token) -> bool:
    """Whether a dictionary of the language has the word."""
    return bool(lexicon.bits()[token.word] & (lexicon.WORD | lexicon.CLINICAL))


def _in_compound(pattern: bytes, value: bytes, offset: int) -> bool:
    """Whether a hit is part of a clinical term, as the town of Hill is of Hill-Sachs."""
    behind = [run.group() for run in _WORD.finditer(value.lower(), offset)][:2]
    ahead = [run.group() for run in _WORD.finditer(value.lower(), 0, offset)][-1:]
    pairs = (behind, [*ahead, pattern.lower()])
    return any(b"-".join(pair).decode("latin-1") in standard.words("compounds") for pair in pairs)


def _longer_word(pattern: bytes, value: bytes, offset: int) -> str:
    """The word that a hit is only part of, as Philip is of Philips; empty where it is a word by itself."""
    start, end = offset, offset + len(pattern)
    while start and _letter(value[start - 1 : start]):
        start -= 1
    while _letter(value[end : end + 1]):
        end += 1
    return value[start:end].decode("latin-1").lower() if end - start > len(pattern) else ""


def where(event: Event) -> str:
    """Place of an event."""
    return place(event.path)
