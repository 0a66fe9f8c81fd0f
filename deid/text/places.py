"""Names of hospitals and other places of care."""

from __future__ import annotations

from deid.text.lexicon import (
    CLINICAL,
    ESSENTIAL,
    FUNCTION,
    INSTITUTION,
    LINK,
    NAME,
    PLACE_PLAIN,
    PLACE_WORD,
    STRONG,
    UNIT,
    WORD,
    vocabulary,
)  # fmt: skip
from deid.text.tokens import Tokens

_FOREIGN = frozenset(
    [
        "klinikum",
        "klinik",
        "krankenhaus",
        "spital",
        "universitatsklinikum",
        "universitaetsklinikum",
        "hopital",
        "clinique",
        "ospedale",
        "policlinico",
        "clinica",
        "ziekenhuis",
        "sykehus",
        "sjukhus",
        "szpital",
        "hospital",
    ]
)
_SPANISH = frozenset(["universitario", "universitari", "clinico", "provincial", "civil", "infantil"])
_SAINTS = frozenset({"st", "ste", "saint", "sankt", "santa", "san"})
_OF = frozenset(
    ["of", "de", "del", "della", "di", "da", "la", "le", "du", "des", "der", "am", "im", "rechts", "an"]
)
_PAIRS = frozenset(tuple(pair.replace("'", "").split()) for pair in vocabulary()["institution_pairs"])
_SECOND = frozenset(pair[-1] for pair in _PAIRS)


def find(tokens: Tokens) -> list[tuple[int, int, str]]:
    """Spans of places, kind "place"."""
    spans = []
    for index, low in enumerate(tokens.lows):
        first = index
        if tokens.bits[index] & INSTITUTION:
            if index and tokens.lows[index - 1] == "general":
                pass
        elif low in _SECOND and index and (tokens.lows[index - 1], low) in _PAIRS:
            first = index - 1
        elif low in _SECOND and index > 1 and (tokens.lows[index - 2], tokens.lows[index - 1], low) in _PAIRS:
            first = index - 2
        elif low in (
            "university",
            "universitat",
            "universite",
            "universidad",
            "universita",
            "univ",
        ) and index + 1 < len(tokens):
            stop = _behind(tokens, index, of=True)
            if stop > index + 1:
                spans.append((tokens.starts[index], tokens.ends[stop - 1], "place"))
            continue
        else:
            continue
        begin, distinct = _before(tokens, first)
        stop = _behind(tokens, index, of=low not in _FOREIGN or low == "hospital")
        if distinct or stop > index + 1:
            spans.append((tokens.starts[begin], tokens.ends[stop - 1], "place"))
    return spans


def _before(tokens: Tokens, index: int) -> tuple[int, bool]:
    """Where the name begins, and whether it names anything."""
    first, distinct, filler = index, False, False
    while first > 0 and index - first < 4:
        previous = first - 1
        gap = tokens.gap(previous)
        if (
            gap not in (" ", "-", ". ", ".", "'", "' ", " & ", "_")
            or not tokens.capital(previous)
            or tokens.glued(previous)
            or (gap == "_" and first < index and tokens.gap(first) != "_")
        ):
            break
        own, word = tokens.bits[previous], tokens.words[previous]
        if tokens.lows[previous] in ("of", "the", "and", "at", "in") and first < index and previous > 0:
            break
        place = bool(own & PLACE_WORD)
        if (
            own & (WORD | CLINICAL)
            and len(word) > 1
            and word.isupper()
            and not tokens.words[first].isupper()
            and not place
            and previous not in tokens.known
        ):
            break  # "MP-RAGE Mercy General Hospital"
        if previous in tokens.known:
            first, distinct, filler = previous, True, False
            continue
        if (
            place
            and own & CLINICAL
            and tokens.lows[previous] not in _SAINTS
            and not tokens.bits[first] & (PLACE_WORD | INSTITUTION | PLACE_PLAIN)
        ):
            break  # "Heart Lakeview Medical Center", but "Sacred Heart Hospital"
        if tokens.lows[first] in _SAINTS and first < index:
            break  # "Measurements St. Bartholomew Clinic"
        if own & (PLACE_PLAIN | FUNCTION | LINK) and not place:
            break
        if own & (CLINICAL | ESSENTIAL | UNIT) and not place and not (own & STRONG):
            break
        plain = word.isupper() or not tokens.mixed
        if not place and not own & NAME and own & WORD and plain and first != index and not filler:
            break
        if not own & PLACE_PLAIN:
            distinct = True
        filler = place
        first = previous
    return first, distinct


def _behind(tokens: Tokens, index: int, *, of: bool) -> int:
    """Where the name ends: "Hospital of Saint Raphael", "Klinikum Großhadern"."""
    stop = index + 1
    links = 0
    if of:
        if (
            stop < len(tokens)
            and tokens.lows[stop] in _SPANISH
            and tokens.capital(stop)
            and tokens.gap(index) == " "
        ):
            pass
        elif (
            stop >= len(tokens)
            or tokens.gap(index) not in (" ", ". ")
            or tokens.lows[stop] not in _OF - {"an", "am", "im"}
        ):
            return stop
    elif stop >= len(tokens) or tokens.gap(index) not in (" ", "-", " - "):
        return stop
    while stop < len(tokens) and stop - index < 6 and tokens.gap(stop - 1) in (" ", "-", ". ", " - "):
        own = tokens.bits[stop]
        if tokens.lows[stop] in _OF or tokens.lows[stop] == "the":
            links += 1
        elif (
            tokens.capital(stop)
            and (own & PLACE_WORD or not own & (CLINICAL | FUNCTION | UNIT))
            and not (own & WORD and not own & (NAME | PLACE_WORD) and tokens.words[stop].isupper())
        ) or (tokens.capital(stop) and own & INSTITUTION):
            links = 0
        else:
            break
        stop += 1
    return stop - links
