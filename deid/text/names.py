"""Names of people that no header knows: by what stands around them, and by the lexicon.

Levels of trust in the place: 4 after a title with a full stop, "signed by" or "name:"; 3 after "radiologist:";
2 after "for" or "patient"; 1 nowhere in particular, where only the lexicon speaks.
"""

from __future__ import annotations

from deid.text.eponyms import protected
from deid.text.lexicon import (
    CERTAIN,
    CLINICAL,
    COMMON,
    DEED,
    EPONYM,
    ESSENTIAL,
    FIRST,
    FREQUENT,
    FUNCTION,
    KNOWN_WORD,
    LAST,
    LINK,
    MONTH,
    NAME,
    PARTICLE,
    RELATIVE,
    SPEAKER,
    STRONG,
    SUFFIX,
    TITLE,
    UNIT,
    WEAK_SUFFIX,
    WEAK_TITLE,
)
from deid.text.lone import alone, carets, stranger
from deid.text.persons import Span, behind_particles, more, put, run
from deid.text.tokens import Tokens

_WORTH = STRONG | FIRST | TITLE | SUFFIX | DEED | SPEAKER | LINK | WEAK_SUFFIX
#: Words before a person rather than a thing.
_LONG = 4
_INITIALS = frozenset({"", " ", ".", ". "})
#: Before a name, as somebody is called.
_CALLED = frozenset({"Nurse", "Sister"})
_ORGANS = frozenset({"head", "colon"})  # that are frequent names
_CERTAIN_SUFFIXES = frozenset({"RN", "NP", "PA"})
_APART = frozenset({"; ", "_", " - ", "/", ", ", ","})
_PERSONS = frozenset({"for", "by", "re", "attn", "o", "w"})


def find(tokens: Tokens) -> list[Span]:
    """Spans of names."""
    flags = tokens.bits
    spans: list[Span] = []
    if "^" in tokens.text:
        carets(tokens, spans)
    index, count = 0, len(tokens)
    if count > 1 and flags[0] & PARTICLE and _whole(tokens):
        put(tokens, 0, count, spans)
        return spans
    while index < count:
        own = flags[index]
        if not own & _WORTH:
            if not own & KNOWN_WORD and len(tokens.words[index]) > 3:
                stranger(tokens, index, spans)
            index += 1
            continue
        index = max(index + 1, _at(tokens, index, own, spans))
    return spans


def _whole(tokens: Tokens) -> bool:
    """Whether a text is a family name with its particles and nothing else: "van der Berg", "El Amrani"."""
    last = len(tokens) - 1
    own = tokens.bits[last]
    return (
        last < _LONG
        and behind_particles(tokens, 0, len(tokens)) == last
        and len(tokens.words[0]) > 1
        and tokens.words[last].istitle()
        and not tokens.glued(last)
        and not own & (CLINICAL | FUNCTION | EPONYM | UNIT)
        and (
            bool(own & STRONG or own & FREQUENT) or (tokens.unknown(last) and len(tokens.words[last]) > _LONG)
        )
    )


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
        return alone(tokens, index, own, spans)
    return 0


def _titled(tokens: Tokens, index: int, own: int, spans: list[Span]) -> int:
    """Such as "Dr. Smith/Jones", "Mrs. van Dyke"."""
    if index + 1 >= len(tokens) or (not tokens.capital(index) and own & CLINICAL and not own & WEAK_TITLE):
        return 0
    gap = tokens.gap(index)
    if gap not in (".", ". ", " ", ".  ", "  ", "_", ": ", "._", "^", "-"):
        return 0
    stopped = gap.startswith(".")
    if own & WEAK_TITLE and not stopped:
        if gap in ("-", "^"):
            return 0
        title = tokens.words[index]
        level = (
            4
            if title == "Dr" or (title in ("Mr", "Ms") and tokens.mixed and _titular(tokens, index + 1))
            else 2
        )
        if level == 2 and title == "DR" and tokens.unknown(index + 1) and len(tokens.words[index + 1]) > 4:
            level = 4
        if title.istitle() and _addressed(tokens, index + 1, medical=title not in ("Mr", "Dr")):
            level = 4
        if level == 2 and not _sure(tokens, index + 1):
            return 0
    else:
        level = 4
    stop = run(tokens, index + 1, level)
    if stop == index + 1:
        stop = _addressed(tokens, index + 1, medical=stopped or not own & WEAK_TITLE)
    if stop <= index + 1:
        return 0
    # "seen by Dr Ivanov": a "by" that stays would make the next word a name
    linked = index and tokens.bits[index - 1] & LINK and tokens.gap(index - 1) == " "
    lead = tokens.starts[index - 1] if linked else None
    put(tokens, index + 1, stop, spans, start=tokens.starts[index], lead=lead)
    return more(tokens, stop, level, spans)


def _titular(tokens: Tokens, index: int) -> bool:
    """Whether a word after "Mr" without a full stop can be a name."""
    own, word = tokens.bits[index], tokens.words[index]
    return (
        word.istitle()
        and len(word) > 1
        and not own & ESSENTIAL
        and (bool(own & NAME) or tokens.unknown(index))
    )


def _sure(tokens: Tokens, index: int) -> bool:
    """A name of the lexicon, or known to be the patient's, or an initial before one."""
    if index >= len(tokens):
        return False
    own = tokens.bits[index]
    if len(tokens.words[index]) == 1:
        return tokens.close(index) and _sure(tokens, index + 1) and tokens.capital(index)
    if own & PARTICLE and tokens.close(index):
        return _sure(tokens, index + 1)
    return index in tokens.known or (
        bool(own & STRONG) and tokens.capital(index) and len(tokens.words[index]) > 2
    )


def _introduced(tokens: Tokens, index: int, own: int, spans: list[Span]) -> int:
    """Such as "signed by NAME", "radiologist: NAME", "for NAME"."""
    if index + 1 >= len(tokens):
        return 0
    gap, low = tokens.gap(index), tokens.lows[index]
    if low in ("o", "w") and not (
        index and tokens.lows[index - 1] == ("c" if low == "o" else "d") and tokens.gap(index - 1) == "/"
    ):
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
        if (
            following in ("name", "names", "md", "initials", "is", "s")
            and start + 1 < len(tokens)
            and gap in (" ", "_", "-", "'")
        ):
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
        return put(tokens, start, start + 1, spans, lead=tokens.ends[start - 1])
    if person and _hyphenated(tokens, start):
        return put(tokens, start, start + 3, spans)
    if own & RELATIVE and tokens.mixed and tokens.words[start].istitle() and tokens.bits[start] & FIRST:
        if not tokens.bits[start] & (CLINICAL | ESSENTIAL) and tokens.bits[start] & COMMON:
            level = 4  # daughter Rose
    elif tokens.words[index] in _CALLED and (last := _addressed(tokens, start, medical=True)):
        return put(tokens, start, max(last, run(tokens, start, level)), spans)
    elif level == 2 and not _likely(tokens, start, person=person):
        return 0
    stop = run(tokens, start, level)
    if stop == start:
        return 0
    link = start - 1 if tokens.bits[start - 1] & LINK else None
    lead = tokens.ends[start - 1] if link is None else tokens.starts[link]
    if tokens.lows[start - 1] in ("o", "w"):
        lead = tokens.starts[start - 2]
    put(tokens, start, stop, spans, lead=lead)
    return more(tokens, stop, level, spans)


def _sign(tokens: Tokens, index: int, *, marked: bool) -> bool:
    """A technologist's sign, two or three letters: "tech: abc", "tech JS"."""
    word = tokens.words[index]
    if (
        not 2 <= len(word) <= 3
        or tokens.bits[index] & (KNOWN_WORD | SUFFIX | WEAK_SUFFIX | TITLE)
        or tokens.glued(index)
    ):
        return False
    if not (word.isupper() or marked) or not word.isascii():
        return False
    return index + 1 >= len(tokens) or tokens.gap(index) not in (" ", "-", "/", "_", "'")


def _likely(tokens: Tokens, index: int, *, person: bool) -> bool:
    """Whether a name begins here, seen from a weak introduction."""
    if index >= len(tokens):
        return False
    own = tokens.bits[index]
    if (
        person
        and own & PARTICLE
        and len(tokens.words[index]) > 1
        and (name := behind_particles(tokens, index, len(tokens)))
    ):
        return (
            bool(tokens.bits[name] & STRONG)
            or _stranger(tokens, name)
            or bool(
                tokens.bits[name] & NAME and tokens.words[name].istitle() and not tokens.bits[name] & CLINICAL
            )
        )  # "Nurse van der Berg", "Nurse El Amrani"
    if not tokens.capital(index):
        return False
    if index in tokens.known:
        return True
    if person and _stranger(tokens, index):
        return True
    if own & EPONYM and (protected(tokens, index, own) or own & CERTAIN):
        return False
    if own & STRONG:
        return not protected(tokens, index, own)
    if own & (CLINICAL | UNIT) or (own & MONTH and not own & FIRST):
        return False
    title = not tokens.words[index].isupper() or len(tokens.words[index]) == 1
    if index + 1 < len(tokens) and tokens.close(index):
        follows = tokens.bits[index + 1]
        if len(tokens.words[index]) == 1:
            return (bool(follows & STRONG) and not own & FUNCTION) or (
                title and tokens.gap(index).startswith(".")
            )
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
        if (
            person
            and title
            and tokens.unknown(index)
            and tokens.unknown(index + 1)
            and tokens.capital(index + 1)
        ):
            return tokens.mixed or tokens.words[index + 1].istitle()
    return bool(
        person
        and own & LAST
        and own & FREQUENT
        and title
        and (tokens.mixed or index + 1 == len(tokens))
        and not own & FUNCTION
        and not protected(tokens, index, own)
    )


def _addressed(tokens: Tokens, index: int, *, medical: bool) -> int:
    """Where a family name behind a title ends, 0 where none begins: "Miss Young", "Nurse Li", not "Nurse station".

    ``medical``: whether an organ may be the name: "Mrs Head", not "Mr Head".
    """
    while (
        index < len(tokens)
        and len(tokens.words[index]) == 1
        and tokens.capital(index)
        and tokens.close(index)
    ):
        index += 1
    if index >= len(tokens) or tokens.glued(index):
        return 0
    own = tokens.bits[index]
    if own & PARTICLE and len(tokens.words[index]) > 1:
        index = behind_particles(tokens, index, len(tokens)) or index
        own = tokens.bits[index]
    word = tokens.words[index]
    upper = word.isupper()
    if not (word.istitle() or upper) or len(word) < 2 or own & (UNIT | MONTH) or tokens.glued(index):
        return 0
    if own & CLINICAL:
        goes_on = index + 1 < len(tokens) and tokens.gap(index) == " " and tokens.words[index + 1].islower()
        if goes_on or not own & FREQUENT or not (medical or tokens.lows[index] not in _ORGANS):
            return 0
    if own & STRONG or (tokens.close(index) and tokens.gap(index) == "-" and tokens.at(index + 1) & STRONG):
        return index + 1 if own & STRONG else index + 2  # "Miss Saint-Pierre"
    named = own & LAST and own & COMMON and (not upper or (own & FREQUENT and len(word) > _LONG - 1))
    return index + 1 if named or (tokens.unknown(index) and len(word) > _LONG - (not upper)) else 0


def _hyphenated(tokens: Tokens, index: int) -> bool:
    """A given name of two syllables before a name of the lexicon: "Min-jun Kim"."""
    return (
        index + 2 < len(tokens)
        and tokens.words[index].istitle()
        and tokens.gap(index) == "-"
        and tokens.gap(index + 1) == " "
        and bool(tokens.bits[index + 2] & STRONG)
        and tokens.words[index + 2].istitle()
    )


def _stranger(tokens: Tokens, index: int) -> bool:
    """A word that no list has, written as a name: "Nurse Ravensdale"."""
    word = tokens.words[index]
    telling = any(
        other.islower() or (other.isupper() and len(other) > 1) for other in tokens.words
    )  # that is a capital
    return (
        telling and word.istitle() and len(word) > _LONG and tokens.unknown(index) and not tokens.glued(index)
    )


def _suffixed(tokens: Tokens, index: int, own: int, spans: list[Span]) -> None:
    """Such as "Smith MD", "Jones, RN"."""
    if not index or (not tokens.words[index].isupper() and tokens.words[index] not in ("PhD", "Ph", "MBChB")):
        return
    gap = tokens.gap(index - 1)
    if gap not in (" ", ", ", ",", " , ") or (
        own & WEAK_SUFFIX and "," not in gap and tokens.lows[index] != "rn"
    ):
        return
    first = index
    while first > 0 and index - first < 3:
        previous = first - 1
        flags = tokens.bits[previous]
        if (first < index and not tokens.close(previous)) or (first < index and "," in tokens.gap(previous)):
            break
        word = tokens.words[previous]
        if (
            len(word) == 1
            and first < index
            and (len(tokens.words[first]) == 1 or tokens.gap(previous) in _APART)
            and tokens.gap(previous) not in _INITIALS
        ):
            break  # "arm B; S. Walker MD"
        if len(word) == 1 and tokens.lettered(previous):
            break  # "arm B Ann Walker, MD"
        if first < index and len(word) > 1 and word.isupper() and tokens.words[first].istitle():
            break  # "LUNG SCREEN Mercedes Winterbourne, MD"
        family = (
            first == index
            and "," in tokens.gap(previous)
            and word.istitle()
            and flags & LAST
            and flags & FREQUENT
        )
        if (
            not tokens.capital(previous)
            or (flags & (CLINICAL | FUNCTION | UNIT) and len(word) > 1 and not family)
            or tokens.glued(previous)
        ):
            break  # but "Stone, MD"
        if len(word) > 1 and not flags & NAME and not tokens.unknown(previous):
            break
        stranger = tokens.words[index] in _CERTAIN_SUFFIXES and word.istitle() and tokens.unknown(previous)
        if own & WEAK_SUFFIX and not flags & STRONG and first == index and not (family or stranger):
            break
        first = previous
    if first < index and any(len(tokens.words[at]) > 1 for at in range(first, index)):
        spans.append((tokens.starts[first], tokens.ends[index], tokens.starts[first]))
