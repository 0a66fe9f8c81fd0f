"""Names of people that no header knows: by what stands around them, and by the lexicon.

Levels of trust in the place: 4 after a title with a full stop, "signed by" or "name:"; 3 after "radiologist:";
2 after "for" or "patient"; 1 nowhere in particular, where only the lexicon speaks.
"""

from __future__ import annotations

import re

from deid.text.lexicon import (
    CERTAIN, KNOWN_WORD, RELATIVE,    CLINICAL, COMMON, DEED, DIAGNOSTIC, EPONYM, ESSENTIAL, FIRST, FREQUENT, FUNCTION, GENERATION, LAST, LINK, MONTH,
    NAME, NOBODY, NOUN, PARTICLE, SPEAKER, STRICT_NOUN, STRONG, SUFFIX, TITLE, UNIT, WEAK_SUFFIX, WEAK_TITLE, WORD, bits, phrases,
)  # fmt: skip
from deid.text.tokens import Tokens

#: A grade, or the year of an author's table.
_SCALE = re.compile(r",? (?:\d[a-fA-F]?(?![\w.])|19[6-9]\d(?!\w)|200\d(?!\w))")
_WORTH = STRONG | FIRST | TITLE | SUFFIX | DEED | SPEAKER | LINK | WEAK_SUFFIX
_LONGEST = 6
#: Words before a person rather than a thing.
_PERSONS = frozenset({"for", "by", "re", "attn", "o", "w"})
_LISTING = frozenset({"/", " / ", "&", " & ", ", ", " , ", "; ", "+", " + "})
_BREAKS = frozenset({"/", "=", "; ", " - ", "\t"})
_CONCEPT = frozenset({" ", "-", ", "})
_SIDES = frozenset("ltrcs")


#: Start and end of a name, and where the word that introduced it begins ("for", "by", the colon of a label).
Span = tuple[int, int, int]


def find(tokens: Tokens) -> list[Span]:
    """Spans of names."""
    flags = tokens.bits
    spans: list[Span] = []
    if "^" in tokens.text:
        _carets(tokens, spans)
    index, count = 0, len(tokens)
    while index < count:
        own = flags[index]
        if not own & _WORTH:
            if not own & KNOWN_WORD and len(tokens.words[index]) > 3:
                _stranger(tokens, index, spans)
            index += 1
            continue
        index = max(index + 1, _at(tokens, index, own, spans))
    return spans


def _at(tokens: Tokens, index: int, own: int, spans: list[Span]) -> int:
    """Look for a name at or behind a word; the index to go on from."""
    if own & TITLE:
        after = _titled(tokens, index, own, spans)
        if after:
            return after
    if own & (DEED | SPEAKER | LINK):
        after = _introduced(tokens, index, own, spans)
        if after:
            return after
    if own & SUFFIX or (own & WEAK_SUFFIX):
        _suffixed(tokens, index, own, spans)
    if own & (STRONG | FIRST) and tokens.capital(index):
        return _alone(tokens, index, own, spans)
    return 0


def _put(
    tokens: Tokens, first: int, stop: int, spans: list[Span], *, start: int | None = None, lead: int | None = None
) -> int:
    end = tokens.ends[stop - 1]
    if len(tokens.words[stop - 1]) == 1 and tokens.text[end : end + 1] == ".":
        end += 1
    start = tokens.starts[first] if start is None else start
    spans.append((start, end, start if lead is None else lead))
    return stop


def _titled(tokens: Tokens, index: int, own: int, spans: list[Span]) -> int:
    """ "Dr. Smith/Jones", "Mrs. van Dyke"."""
    if index + 1 >= len(tokens) or not tokens.capital(index) and own & CLINICAL and not own & WEAK_TITLE:
        return 0
    gap = tokens.gap(index)
    if gap not in (".", ". ", " ", ".  ", "  ", "_", ": ", "._", "^", "-"):
        return 0
    stopped = gap.startswith(".")
    if own & WEAK_TITLE and not stopped:
        if gap in ("-", "^"):
            return 0
        title = tokens.words[index]
        level = 4 if title == "Dr" or (title in ("Mr", "Ms") and tokens.mixed and _titular(tokens, index + 1)) else 2
        if level == 2 and title == "DR" and tokens.unknown(index + 1) and len(tokens.words[index + 1]) > 4:
            level = 4
        if level == 2 and not _sure(tokens, index + 1):
            return 0
    else:
        level = 4
    stop = _run(tokens, index + 1, level)
    if stop == index + 1:
        return 0
    _put(tokens, index + 1, stop, spans, start=tokens.starts[index])
    return _more(tokens, stop, level, spans)


def _titular(tokens: Tokens, index: int) -> bool:
    """Whether a word after "Mr" without a full stop can be a name."""
    own, word = tokens.bits[index], tokens.words[index]
    return word.istitle() and len(word) > 1 and not own & ESSENTIAL and (bool(own & NAME) or tokens.unknown(index))


def _sure(tokens: Tokens, index: int) -> bool:
    """A name of the lexicon, or known to be the patient's, or an initial before one."""
    if index >= len(tokens):
        return False
    own = tokens.bits[index]
    if len(tokens.words[index]) == 1:
        return tokens.close(index) and _sure(tokens, index + 1) and tokens.capital(index)
    if own & PARTICLE and tokens.close(index):
        return _sure(tokens, index + 1)
    return index in tokens.known or bool(own & STRONG) and tokens.capital(index) and len(tokens.words[index]) > 2


def _more(tokens: Tokens, stop: int, level: int, spans: list[Span]) -> int:
    """Further names of a list: "Smith/Jones", "Smith and Jones"."""
    while 0 < stop < len(tokens):
        gap = tokens.gap(stop - 1)
        following = stop
        if gap == " " and tokens.lows[stop] in ("and", "und", "et", "y", "e") and tokens.close(stop):
            following = stop + 1
        elif gap not in _LISTING:
            return stop
        own = tokens.bits[following] if following < len(tokens) else 0
        if level > 3 and own & STRONG and not _protected(tokens, following, own):
            own &= ~EPONYM
        sure = own & STRONG and not own & EPONYM or own & NAME and gap in ("/", " / ", "&") and not own & (CLINICAL | WORD)
        if not sure and not (level > 3 and following < len(tokens) and tokens.unknown(following) and tokens.capital(following)):
            return stop
        after = _run(tokens, following, 2 if sure else level)
        if after == following:
            return stop
        _put(tokens, following, after, spans)
        stop = after
    return stop


def _introduced(tokens: Tokens, index: int, own: int, spans: list[Span]) -> int:
    """ "signed by NAME", "radiologist: NAME", "for NAME"."""
    if index + 1 >= len(tokens):
        return 0
    gap, low = tokens.gap(index), tokens.lows[index]
    if low in ("o", "w") and not (index and tokens.lows[index - 1] == ("c" if low == "o" else "d") and tokens.gap(index - 1) == "/"):
        return 0
    marked = gap.strip() in (":", "=", ":=", ".:", ">", "(", "#:")
    start, level = index + 1, 2
    if own & DEED and gap.strip(" .:_-") == "":
        if tokens.lows[start] in ("by", "with", "to", "per", "von", "par", "por"):
            if start + 1 >= len(tokens) or tokens.gap(start).strip(" :.-_") != "":
                return 0
            level = 4 if tokens.lows[start] in ("by", "von", "par", "por") else 2
            start += 1
        elif marked and own & DEED and not own & CLINICAL:
            level = 3
        else:
            return 0
    elif own & SPEAKER:
        following = tokens.lows[start]
        if following in ("name", "names", "md", "initials", "is", "s") and start + 1 < len(tokens) and gap in (" ", "_", "-", "'"):
            gap = tokens.gap(start)
            marked = gap.strip() in (":", "=", "") and following != "is"
            low = following if following == "name" else low
            start += 1
        if gap.strip() not in ("", ":", "=", "-", ".", ":=", "(", "_", "#:"):
            return 0
        level = (4 if "name" in low or "nom" in low else 3) if marked and gap.strip() else 2
    elif low in ("by", "per") and marked:
        level = 3
    elif gap.strip(" .") not in ("", ":", "-"):
        return 0
    if start + 1 < len(tokens) and tokens.bits[start] & TITLE and tokens.gap(start) in (". ", " ", "."):
        return 0  # the title says more
    person = bool(own & SPEAKER) or low in _PERSONS or start > index + 1
    if own & SPEAKER and gap.strip() in (":", "#:", "") and _sign(tokens, start, marked=level > 2):
        return _put(tokens, start, start + 1, spans, lead=tokens.ends[start - 1])
    if own & RELATIVE and tokens.mixed and tokens.words[start].istitle() and tokens.bits[start] & FIRST:
        if not tokens.bits[start] & (CLINICAL | ESSENTIAL) and tokens.bits[start] & COMMON:
            level = 4  # daughter Rose
    elif level == 2 and not _likely(tokens, start, person=person):
        return 0
    stop = _run(tokens, start, level)
    if stop == start:
        return 0
    link = start - 1 if tokens.bits[start - 1] & LINK else None
    lead = tokens.ends[start - 1] if link is None else tokens.starts[link]
    if tokens.lows[start - 1] in ("o", "w"):
        lead = tokens.starts[start - 2]
    _put(tokens, start, stop, spans, lead=lead)
    return _more(tokens, stop, level, spans)


def _sign(tokens: Tokens, index: int, *, marked: bool) -> bool:
    """A technologist's sign, two or three letters: "tech: abc", "tech JS"."""
    word = tokens.words[index]
    if not 2 <= len(word) <= 3 or tokens.bits[index] & (KNOWN_WORD | SUFFIX | WEAK_SUFFIX | TITLE) or tokens.glued(index):
        return False
    if not (word.isupper() or marked) or not word.isascii():
        return False
    return index + 1 >= len(tokens) or tokens.gap(index) not in (" ", "-", "/", "_", "'")


def _likely(tokens: Tokens, index: int, *, person: bool) -> bool:
    """Whether a name begins here, seen from a weak introduction."""
    if index >= len(tokens) or not tokens.capital(index):
        return False
    own = tokens.bits[index]
    if index in tokens.known:
        return True
    if own & EPONYM and (_protected(tokens, index, own) or own & CERTAIN):
        return False
    if own & STRONG:
        return not _protected(tokens, index, own)
    if own & (CLINICAL | UNIT) or own & MONTH and not own & FIRST:
        return False
    title = not tokens.words[index].isupper() or len(tokens.words[index]) == 1
    if index + 1 < len(tokens) and tokens.close(index):
        follows = tokens.bits[index + 1]
        if len(tokens.words[index]) == 1:
            return bool(follows & STRONG) and not own & FUNCTION or title and tokens.gap(index).startswith(".")
        if follows & STRONG and tokens.capital(index + 1):
            return bool(own & NAME) or tokens.unknown(index)
        if title and tokens.mixed and own & FIRST and follows & LAST and tokens.capital(index + 1):
            return not follows & (CLINICAL | MONTH)
        if own & PARTICLE:
            return bool(follows & NAME)
        if person and tokens.unknown(index) and tokens.unknown(index + 1) and tokens.capital(index + 1):
            return min(len(tokens.words[index]), len(tokens.words[index + 1])) > 4
        if own & FIRST and own & COMMON and not own & FUNCTION and tokens.unknown(index + 1):
            return tokens.capital(index + 1)
        if person and title and tokens.unknown(index) and tokens.unknown(index + 1) and tokens.capital(index + 1):
            return tokens.mixed or tokens.words[index + 1].istitle()
    return bool(person and own & LAST and own & FREQUENT and title and tokens.mixed and not own & FUNCTION and not _protected(tokens, index, own))


def _run(tokens: Tokens, index: int, level: int) -> int:
    """Where a name that begins here ends (exclusive); the same index when none does."""
    position, names, first_seen = index, 0, False
    count = min(len(tokens), index + _LONGEST)
    while position < count:
        if position > index:
            gap = tokens.gap(position - 1)
            if not tokens.close(position - 1) or gap in _BREAKS:
                break
            if gap == ". " and len(tokens.words[position - 1]) > 1 and tokens.lows[position - 1] not in ("st", "ste"):
                break  # a sentence ends
            comma = "," in gap
        else:
            comma = False
        own = tokens.bits[position]
        word = tokens.words[position]
        if len(word) == 1 and word.isascii():
            if not _initial(tokens, position, names):
                break
        elif own & GENERATION and names:
            position += 1
            break
        elif own & PARTICLE and position + 1 < count and not comma and _continues(tokens, position + 1, level, names=names) and tokens.close(position):
            pass
        elif names == 0:
            if not _opens(tokens, position, level):
                break
            names, first_seen = 1, bool(own & FIRST)
        elif names < 4 and _continues(tokens, position, level, names=names, comma=comma, first=first_seen):
            names += 1
        else:
            break
        position += 1
    return position if names else index


def _initial(tokens: Tokens, index: int, names: int) -> bool:
    """Whether a single letter belongs to the name: "J. Smith", "Smith J", not "SMITH L KNEE"."""
    if not tokens.capital(index) or tokens.glued(index):
        return False
    end = tokens.ends[index]
    dotted = tokens.text[end : end + 1] == "."
    following = tokens.at(index + 1)
    closes = tokens.close(index)
    if not names:
        return closes and (index + 1 in tokens.known or bool(following & NAME) or dotted or (len(tokens.words[index + 1]) == 1))
    if dotted:
        return True
    if closes and following & (CLINICAL | ESSENTIAL) and tokens.gap(index) == " ":
        return tokens.lows[index] not in _SIDES and not following & ESSENTIAL
    return not (closes and tokens.gap(index) == "-") and not (end < len(tokens.text) and tokens.text[end] in "+/-^*")


def _opens(tokens: Tokens, index: int, level: int) -> bool:
    own = tokens.bits[index]
    if index in tokens.known:
        return True
    if own & NOBODY:
        return False
    word = tokens.words[index]
    if not tokens.capital(index):
        return level >= 4 and bool(own & NAME) and not own & (CLINICAL | FUNCTION) and bool(own & STRONG or not own & WORD)
    if own & STRONG:
        return True
    title = not word.isupper() and tokens.mixed
    if own & CLINICAL:
        if level > 1 and own & NAME and own & FUNCTION and _strong_next(tokens, index):
            return True  # "Patient Brown, Charlie"
        return level >= 4 and title and bool(own & NAME) and not own & UNIT
    if own & NAME:
        return level >= 4 or not own & FUNCTION or (level > 1 and _strong_next(tokens, index))
    if tokens.unknown(index):
        return level >= 3 or (level == 2 and not word.isupper())
    if own & EPONYM:
        return level >= 3
    return level >= 4 and title and bool(own & WORD) and not own & (FUNCTION | MONTH | UNIT | DEED | SPEAKER)


def _strong_next(tokens: Tokens, index: int) -> bool:
    return tokens.close(index) and bool(tokens.bits[index + 1] & STRONG) and tokens.capital(index + 1)


def _continues(tokens: Tokens, index: int, level: int, *, names: int, comma: bool = False, first: bool = False) -> bool:
    own = tokens.bits[index]
    if index in tokens.known:
        return True
    if not tokens.capital(index):
        return level >= 4 and bool(own & STRONG) and not comma
    if own & (CLINICAL | NOBODY | SUFFIX):
        return False
    if own & (STRONG | EPONYM) and _protected(tokens, index, own):
        return False
    if own & STRONG:
        return not comma or bool(own & FIRST)
    if own & (MONTH | UNIT):
        return False
    title = not tokens.words[index].isupper()
    if comma and not (own & FIRST and own & COMMON):
        return names == 1 and title and tokens.unknown(index) and not tokens.glued(index)
    if own & NAME:
        if own & FUNCTION:
            return first and names == 1 and bool(own & LAST) and (title or _ends(tokens, index))
        if own & WORD:
            following = tokens.at(index + 1)
            if (
                index + 1 < len(tokens) and tokens.gap(index) == " " and tokens.words[index + 1].islower()
                and not following & FUNCTION
            ):
                return False  # "Dr. Suleiman. Fall risk"
            return (title or first or comma) and (first or len(tokens.words[index - 1]) > 1) and (names == 1 or bool(tokens.bits[index - 1] & FIRST))
        return True
    if own & EPONYM:
        return not comma
    if tokens.unknown(index):
        if index + 1 < len(tokens) and tokens.gap(index) == "-" and not (tokens.bits[index + 1] & NAME or tokens.unknown(index + 1)):
            return False  # Dr. Patel Readi-Cat
        return not tokens.glued(index) and (len(tokens.lows[index]) > 3 or title)
    return False


def _ends(tokens: Tokens, index: int) -> bool:
    """Whether nothing follows at once that would make the word an adjective: "JOHN LONG", not "JOHN LONG LEG"."""
    return index + 1 >= len(tokens) or tokens.gap(index) != " "


def _suffixed(tokens: Tokens, index: int, own: int, spans: list[Span]) -> None:
    """ "Smith MD", "Jones, RN"."""
    if not index or not tokens.words[index].isupper() and tokens.words[index] not in ("PhD", "Ph", "MBChB"):
        return
    gap = tokens.gap(index - 1)
    if gap not in (" ", ", ", ",", " , ") or (own & WEAK_SUFFIX and "," not in gap and tokens.lows[index] != "rn"):
        return
    first = index
    while first > 0 and index - first < 3:
        previous = first - 1
        flags = tokens.bits[previous]
        if first < index and not tokens.close(previous) or (first < index and "," in tokens.gap(previous)):
            break
        word = tokens.words[previous]
        if not tokens.capital(previous) or flags & (CLINICAL | FUNCTION | UNIT) and len(word) > 1 or tokens.glued(previous):
            break
        if len(word) > 1 and not flags & NAME and not tokens.unknown(previous):
            break
        if own & WEAK_SUFFIX and not flags & STRONG and first == index:
            break
        first = previous
    if first < index and any(len(tokens.words[at]) > 1 for at in range(first, index)):
        spans.append((tokens.starts[first], tokens.ends[index], tokens.starts[first]))


def _protected(tokens: Tokens, index: int, own: int) -> bool:
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
    if gap in ("-", "/") and following & (EPONYM | STRONG) or behind in ("-", "/") and before & (EPONYM | STRONG):
        return True
    if behind == " " and tokens.lows[index - 1] == "of" and tokens.at(index - 2) & NOUN:
        return True
    if before & DIAGNOSTIC or behind.strip() in ("?", "h/o"):
        return not (following & FIRST and following & STRONG)
    return _number_follows(tokens, index)


def _concept(tokens: Tokens, index: int) -> bool:
    """Whether the word and a neighbour are a coded concept of DICOM: "Bruce protocol", "Evans blue"."""
    known, lows = phrases(), tokens.lows
    return (index + 1 < len(tokens) and f"{lows[index]} {lows[index + 1]}" in known and tokens.gap(index) in _CONCEPT) or (
        index > 0 and f"{lows[index - 1]} {lows[index]}" in known and tokens.gap(index - 1) in _CONCEPT
    )


def _number_follows(tokens: Tokens, index: int) -> bool:
    """ "Gleason 3+4", "Bosniak 2F", "Merz 1988"."""
    end = tokens.ends[index]
    return _SCALE.match(tokens.text, end) is not None


def _alone(tokens: Tokens, index: int, own: int, spans: list[Span]) -> int:
    """A name of the lexicon without an introduction."""
    if own & EPONYM and (_protected(tokens, index, own) or _eponym_before(tokens, index)):
        return 0
    if own & STRONG:
        return _strong(tokens, index, own, spans)
    return _weak_pair(tokens, index, own, spans)


def _eponym_before(tokens: Tokens, index: int) -> bool:
    return index > 0 and tokens.gap(index - 1) == "-" and bool(tokens.at(index - 1) & EPONYM)


def _strong(tokens: Tokens, index: int, own: int, spans: list[Span]) -> int:
    glued = tokens.glued(index)
    if glued and not (own & COMMON and len(tokens.lows[index]) > 4):
        return 0
    if _protected(tokens, index, own):
        return 0
    stop = index + 1 if glued else max(index + 1, _run(tokens, index, 1))
    first = _back(tokens, index)
    parts = stop - first
    if own & CERTAIN and not any(
        at != index and (at in tokens.known or tokens.bits[at] & STRONG) for at in range(first, stop)
    ):
        return 0
    if parts == 1:
        word = tokens.words[index]
        if (len(word) < (4 if own & COMMON else 7)) and not _of_protocol(tokens, index):
            return 0
        if tokens.gap(index - 1) == "-" if index else False:
            return 0
    _put(tokens, first, stop, spans)
    return _more(tokens, stop, 1, spans)


def _back(tokens: Tokens, index: int) -> int:
    """Where a name begins that the lexicon knows from its second part on: "Xiomara Gonzalez", "J. Smith", "Brown, Anna"."""
    first = index
    while first > 0 and index - first < 3 and tokens.close(first - 1) and tokens.gap(first - 1) not in ("/", "=", "; ", "\t"):
        previous = first - 1
        own, word = tokens.bits[previous], tokens.words[previous]
        gap = tokens.gap(previous)
        if previous in tokens.known:
            first = previous
            continue
        if not tokens.capital(previous) and not own & PARTICLE or tokens.glued(previous):
            break
        if len(word) == 1:
            if gap.startswith(".") or (gap in (" ", "_") and (previous == 0 or not tokens.at(previous - 1) & ESSENTIAL) and not _side(tokens, previous)):
                first = previous
                continue
            break
        month = own & MONTH and not (own & FIRST and not tokens.text[: tokens.starts[previous]].rstrip(" .-")[-1:].isdigit())
        if own & FUNCTION and own & LAST and own & COMMON and "," in gap and tokens.bits[index] & FIRST and len(word) > 3:
            first = previous  # "Brown, Charlie"
            continue
        if (month or own & (CLINICAL | UNIT | TITLE | SUFFIX | LINK | SPEAKER | DEED)) and not own & STRONG:
            break
        same_case = word.isupper() == tokens.words[index].isupper()
        if own & PARTICLE and previous > 0 and tokens.at(previous - 1) & STRONG and "," not in gap:
            first = previous
            continue
        if own & STRONG or (own & NAME and not own & (WORD | FUNCTION)):
            first = previous
        elif own & FIRST and own & MONTH and same_case and "," not in gap:
            first = previous
        elif own & FIRST and same_case and "," not in gap and len(word) > 2 and (not own & FUNCTION or not word.isupper() or own & COMMON and len(word) > 3):
            first = previous
        elif own & LAST and own & COMMON and same_case and "," in gap and tokens.bits[index] & FIRST and len(word) > 3:
            first = previous
        elif tokens.unknown(previous) and same_case and len(word) > 3 and first == index:
            first = previous
        else:
            break
    return first


def _side(tokens: Tokens, index: int) -> bool:
    """ "L" and "R" as sides, "T", "C", "S" of the spine."""
    return tokens.lows[index] in _SIDES and bool(tokens.at(index - 1) & CLINICAL) and index > 0


def _weak_pair(tokens: Tokens, index: int, own: int, spans: list[Span]) -> int:
    """ "Grace Young", "Young, Grace": two words that both are names, written as names."""
    if index + 1 >= len(tokens) or own & (CLINICAL | MONTH | UNIT) or len(tokens.words[index]) < 3:
        return 0
    gap, second = tokens.gap(index), tokens.bits[index + 1]
    if not tokens.capital(index + 1) or tokens.glued(index) or tokens.glued(index + 1):
        return 0
    if second & (CLINICAL | MONTH | UNIT) or len(tokens.words[index + 1]) < 3 or second & STRONG:
        return 0
    upper = tokens.words[index].isupper() or tokens.words[index + 1].isupper()
    forward = own & FIRST and own & COMMON and second & LAST and second & COMMON and gap in (" ", "_")
    backward = own & LAST and second & FIRST and own & COMMON and second & COMMON and gap in (", ", ",", "^", "_")
    if not forward and not backward:
        return 0
    if own & FUNCTION and (upper or second & FUNCTION and not backward):
        return 0
    _put(tokens, index, index + 2, spans)
    return index + 2


def _stranger(tokens: Tokens, index: int, spans: list[Span]) -> None:
    """A word that no list has: "I. Moxychsky", "Corvik protocol", JohnSmith."""
    word = tokens.words[index]
    if not tokens.unknown(index) or not tokens.capital(index):
        return
    if (not word.isupper() or len(word) > 5) and not tokens.glued(index):
        if index and len(tokens.words[index - 1]) == 1 and tokens.gap(index - 1) in (". ", ".") and tokens.words[index - 1].isupper():
            _put(tokens, index - 1, index + 1, spans)
            return
        if _of_protocol(tokens, index) and not word.isupper():
            _put(tokens, index, index + 1, spans)
            return
    if len(word) > 5:
        _joined(tokens, index, spans)


def _of_protocol(tokens: Tokens, index: int) -> bool:
    return index + 1 < len(tokens) and tokens.lows[index + 1] in ("protocol", "technique") and tokens.gap(index) == " "


def _joined(tokens: Tokens, index: int, spans: list[Span]) -> None:
    """JohnSmith, JSmith, SMITHJOHN: two names of the lexicon in one word."""
    word = tokens.words[index]
    table = bits()
    low = tokens.lows[index]
    if len(word) > 40 or not low.isascii():
        return
    for cut in range(1, len(word) - 2):
        camel = word[cut].isupper() and word[cut - 1].islower() or (cut == 1 and word[0].isupper() and word[1].isupper() and word[2].islower())
        if not camel and not (word.isupper() and len(word) > 8 and 3 < cut < len(word) - 3):
            continue
        left, right = table[low[:cut]], table[low[cut:]]
        if left & STRONG and right & STRONG and (left | right) & FIRST and (left | right) & LAST and left & right & COMMON:
            _put(tokens, index, index + 1, spans)
            return
        if cut == 1 and camel and right & STRONG and right & COMMON and len(low) > 5:
            _put(tokens, index, index + 1, spans)
            return


def _carets(tokens: Tokens, spans: list[Span]) -> None:
    """ "Smith^John^Q", not "HEAD^Routine": the parts around carets, unless one is a clinical word."""
    index, count = 0, len(tokens)
    while index + 1 < count:
        if "^" not in tokens.gap(index) or tokens.gap(index).strip(" ^"):
            index += 1
            continue
        stop = index + 1
        while stop < count and "^" in tokens.gap(stop - 1) and not tokens.gap(stop - 1).strip(" ^"):
            stop += 1
        flags = [tokens.bits[at] for at in range(index, stop)]
        long = [own for at, own in zip(range(index, stop), flags, strict=True) if len(tokens.words[at]) > 1]
        plain = any(own & CLINICAL or (own & WORD and not own & NAME) for own in long)
        glued = any(tokens.glued(at) for at in range(index, stop))
        sure = any(own & STRONG for own in long)
        if long and not plain and (not glued or sure):
            _put(tokens, _back(tokens, index) if flags[0] & NAME else index, stop, spans)
        elif sure:
            for at, own in zip(range(index, stop), flags, strict=True):
                if own & STRONG or (own & NAME and not own & (CLINICAL | FUNCTION)):
                    _put(tokens, at, at + 1, spans)
        index = stop
