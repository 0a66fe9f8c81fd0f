"""Names that are not meant as people: "Hill-Sachs", "Crohn's", "Jones fracture", "Bruce protocol"."""

from __future__ import annotations

import re

from deid.text.lexicon import DIAGNOSTIC, EPONYM, FIRST, NOUN, STRICT_NOUN, STRONG, phrases
from deid.text.tokens import Tokens

#: A grade, or the year of an author's table.
_SCALE = re.compile(r",? (?:\d[a-fA-F]?(?![\w.])|19[6-9]\d(?!\w)|200\d(?!\w))")
_CONCEPT = frozenset({" ", "-", ", "})


def protected(tokens: Tokens, index: int, own: int) -> bool:
    """Whether a name here is an eponym: "Hill-Sachs", "Crohn's", "Jones fracture", "pouch of Douglas"."""
    following = tokens.at(index + 1)
    gap = tokens.gap(index) if index + 1 < len(tokens) else ""
    if following & STRICT_NOUN and gap in (" ", "-", "  ", "'"):
        return True
    if own & STRONG and _concept(tokens, index):
        return True
    if not own & EPONYM:
        return False
    if index + 2 < len(tokens) and len(tokens.words[index + 1]) == 1 and tokens.bits[index + 2] & NOUN:
        return True  # Kerley B lines
    if tokens.possessive(index) or (following & NOUN and gap in (" ", "-", "  ")):
        return True
    before = tokens.at(index - 1)
    behind = tokens.gap(index - 1) if index else ""
    if (gap in ("-", "/") and following & (EPONYM | STRONG)) or (
        behind in ("-", "/") and before & (EPONYM | STRONG)
    ):
        return True
    if behind == " " and tokens.lows[index - 1] == "of" and tokens.at(index - 2) & (NOUN | DIAGNOSTIC):
        return True
    if before & DIAGNOSTIC or behind.strip() in ("?", "h/o"):
        return not (following & FIRST and following & STRONG)
    return _number_follows(tokens, index)


def _concept(tokens: Tokens, index: int) -> bool:
    """Whether the word and a neighbour are a coded concept of DICOM: "Bruce protocol", "Evans blue"."""
    known, lows = phrases(), tokens.lows
    return (
        index + 1 < len(tokens)
        and f"{lows[index]} {lows[index + 1]}" in known
        and tokens.gap(index) in _CONCEPT
    ) or (index > 0 and f"{lows[index - 1]} {lows[index]}" in known and tokens.gap(index - 1) in _CONCEPT)


def _number_follows(tokens: Tokens, index: int) -> bool:
    """Such as "Gleason 3+4", "Bosniak 2F", "Merz 1988"."""
    end = tokens.ends[index]
    return _SCALE.match(tokens.text, end) is not None


def eponym_before(tokens: Tokens, index: int) -> bool:
    """Whether an eponym is joined to the word before it: "Hill-Sachs"."""
    return index > 0 and tokens.gap(index - 1) == "-" and bool(tokens.at(index - 1) & EPONYM)
