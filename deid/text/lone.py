"""Names without an introduction, where only the lexicon and the spelling speak."""

from __future__ import annotations

from deid.text.eponyms import eponym_before, protected
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
    LAST,
    LINK,
    MONTH,
    NAME,
    PARTICLE,
    SPEAKER,
    STRONG,
    SUFFIX,
    TITLE,
    UNIT,
    WORD,
    bits,
)
from deid.text.persons import SIDES, Span, finding, more, put, run
from deid.text.tokens import Tokens, formula

_PARTS, _LONG = 3, 4
#: Particles that are no words of English or a Romance language.
_OWN_PARTICLES = frozenset({"van", "von", "den", "der", "ter", "ten", "zu", "zum", "zur", "bin", "ibn"})
_WITHIN = frozenset({" ", ", ", ",", "^", "-", ". "})


def alone(tokens: Tokens, index: int, own: int, spans: list[Span]) -> int:
    """A name of the lexicon without an introduction."""
    if own & EPONYM and (protected(tokens, index, own) or eponym_before(tokens, index)):
        return 0
    if own & CERTAIN and finding(tokens, index):
        return 0
    if own & FIRST and two_syllables(tokens, index):
        return put(tokens, index, index + 3, spans)  # "Min-jun Kim"
    if own & STRONG:
        return _strong(tokens, index, own, spans)
    return _weak_pair(tokens, index, own, spans)


def _strong(tokens: Tokens, index: int, own: int, spans: list[Span]) -> int:
    glued = tokens.glued(index)
    if glued and not (own & COMMON and len(tokens.lows[index]) > 4):
        return 0
    if protected(tokens, index, own):
        return 0
    stop = index + 1 if glued else max(index + 1, run(tokens, index, 1))
    first = _back(tokens, index)
    if first < index and "," in tokens.gap(
        index - 1
    ):  # "Quackenbush, Giovanni Wash in": the family name was said
        while (
            stop > index + 1 and tokens.bits[stop - 1] & WORD and not tokens.bits[stop - 1] & (STRONG | FIRST)
        ):
            stop -= 1
    parts = stop - first
    if own & CERTAIN and not any(
        at != index and (at in tokens.known or tokens.bits[at] & STRONG) for at in range(first, stop)
    ):
        return 0
    if parts == 1 and _double(tokens, index):
        return put(tokens, 0, 2, spans)
    if parts == 1:
        word = tokens.words[index]
        if (len(word) < (4 if own & COMMON else 7)) and not _of_protocol(tokens, index):
            return 0
        if index and tokens.gap(index - 1) == "-":
            return 0
    put(tokens, first, stop, spans)
    return more(tokens, stop, 1, spans)


def _double(tokens: Tokens, index: int) -> bool:
    """Whether a name of two parts is all that a text says: "Saint-Pierre", "Lo Presti"."""
    if index != 1 or len(tokens) != 2 or not all(word.istitle() for word in tokens.words):
        return False
    own, gap = tokens.bits[0], tokens.gap(0)
    return bool(own & NAME) and (
        gap == "-" or (gap == " " and not own & (CLINICAL | FUNCTION | UNIT | ESSENTIAL))
    )


def two_syllables(tokens: Tokens, index: int) -> bool:
    """A given name of two syllables before a name of the lexicon: "Min-jun Kim"."""
    if index + 2 >= len(tokens) or tokens.gap(index) != "-" or tokens.gap(index + 1) != " ":
        return False
    syllable, family = tokens.bits[index + 1], tokens.bits[index + 2]
    return (
        tokens.words[index].istitle()
        and tokens.words[index + 1].islower()
        and len(tokens.words[index + 1]) > 1
        and not syllable & (CLINICAL | FUNCTION | UNIT)
        and (not syllable & WORD or bool(syllable & (MONTH | NAME)))
        and bool(family & LAST and family & COMMON and (family & STRONG or len(tokens) == _PARTS))
        and tokens.words[index + 2].istitle()
    )


def _back(tokens: Tokens, index: int) -> int:
    """Where a name begins of which the lexicon knows a later part: "Xiomara Gonzalez", "J. Smith", "Brown, Anna"."""
    first = index
    while (
        first > 0
        and index - first < 3
        and tokens.close(first - 1)
        and tokens.gap(first - 1) not in ("/", "=", "; ", "\t")
    ):
        previous = first - 1
        own, word = tokens.bits[previous], tokens.words[previous]
        gap = tokens.gap(previous)
        if previous in tokens.known:
            first = previous
            continue
        if (not tokens.capital(previous) and not own & PARTICLE) or tokens.glued(previous):
            break
        if (
            own & PARTICLE
            and gap == " "
            and previous
            and tokens.gap(previous - 1) == "_"
            and not own & STRONG
        ):
            break  # "WB_MAC ANDERSSON PENELOPE"
        if tokens.lows[previous] in _OWN_PARTICLES and gap == " " and not tokens.capital(previous):
            first = previous  # "van den Heuvel"
            continue
        if gap == " - " or (
            gap == "_" and first + 1 < len(tokens) and tokens.gap(first) == " " and not own & STRONG
        ):
            break  # "NSTEMI_SUTHERLAND SALVADOR"
        if len(word) == 1:
            if gap.startswith(".") or (
                gap in (" ", "_")
                and (previous == 0 or not tokens.at(previous - 1) & ESSENTIAL)
                and not tokens.lettered(previous)
                and not _side(tokens, previous)
            ):
                first = previous
                continue
            break
        month = own & MONTH and not (
            own & FIRST and not tokens.text[: tokens.starts[previous]].rstrip(" .-")[-1:].isdigit()
        )
        if (
            own & FUNCTION
            and own & LAST
            and own & COMMON
            and "," in gap
            and tokens.bits[index] & FIRST
            and len(word) > 3
        ):
            first = previous  # "Brown, Charlie"
            continue
        if (month or own & (CLINICAL | UNIT | TITLE | SUFFIX | LINK | SPEAKER | DEED)) and not own & STRONG:
            break
        same_case = word.isupper() == tokens.words[index].isupper()
        if own & PARTICLE and len(word) > 1 and tokens.capital(previous) and gap in (" ", "'"):
            first = previous  # "VAN DER BERG, JOOST"
            continue
        if own & PARTICLE and previous > 0 and tokens.at(previous - 1) & STRONG and "," not in gap:
            first = previous
            continue
        if (
            own & STRONG
            or (own & NAME and not own & (WORD | FUNCTION))
            or (own & FIRST and own & MONTH and same_case and "," not in gap)
            or (
                own & FIRST
                and same_case
                and "," not in gap
                and len(word) > 2
                and (not own & FUNCTION or not word.isupper() or (own & COMMON and len(word) > 3))
            )
            or (
                own & LAST
                and own & COMMON
                and same_case
                and "," in gap
                and tokens.bits[index] & FIRST
                and len(word) > 3
            )
            or (
                tokens.unknown(previous)
                and same_case
                and len(word) > (2 if word.istitle() else 3)
                and (first == index or tokens.gap(first) == "-")
            )
        ):
            first = previous
        else:
            break
    return first


def _side(tokens: Tokens, index: int) -> bool:
    """Such as "L" and "R" as sides, "T", "C", "S" of the spine."""
    return tokens.lows[index] in SIDES and bool(tokens.at(index - 1) & CLINICAL) and index > 0


def _weak_pair(tokens: Tokens, index: int, own: int, spans: list[Span]) -> int:
    """Such as "Grace Young", "Young, Grace": two words that both are names, written as names."""
    if index + 1 >= len(tokens) or own & (CLINICAL | UNIT) or len(tokens.words[index]) < 3:
        return 0
    gap, second = tokens.gap(index), tokens.bits[index + 1]
    if own & MONTH and not _whole(tokens, own, second):
        return 0
    if not tokens.capital(index + 1) or tokens.glued(index) or tokens.glued(index + 1):
        return 0
    if second & (TITLE | SPEAKER) or (index and "^" in tokens.gap(index - 1)):
        return 0  # "Price^Joy SHARP": what carets join was taken whole
    if (
        second & CLINICAL
        and second & LAST
        and not own & FUNCTION
        and own & FIRST
        and _whole(tokens, own, second)
    ):
        return put(tokens, index, index + 2, spans)  # "Ivy Stone"
    if second & (CLINICAL | MONTH | UNIT) or len(tokens.words[index + 1]) < 3 or second & STRONG:
        return 0
    upper = tokens.words[index].isupper() or tokens.words[index + 1].isupper()
    forward = own & FIRST and own & COMMON and second & LAST and second & COMMON and gap in (" ", "_")
    backward = (
        own & LAST and second & FIRST and own & COMMON and second & COMMON and gap in (", ", ",", "^", "_")
    )
    if not forward and not backward:
        return 0
    if own & FUNCTION and (upper or (second & FUNCTION and not backward and not _whole(tokens, own, second))):
        return 0
    put(tokens, index, index + 2, spans)
    return index + 2


def _whole(tokens: Tokens, first: int, second: int) -> bool:
    """Whether two frequent names are all that a text says: "Rose King", "Mark Young"."""
    return (
        len(tokens) == 2
        and bool(first & COMMON and second & FREQUENT)
        and not any(letter.isdigit() for letter in tokens.text)
        and all(word.istitle() for word in tokens.words)
    )


def stranger(tokens: Tokens, index: int, spans: list[Span]) -> None:
    """A word that no list has: "I. Moxychsky", "Corvik protocol", JohnSmith."""
    word = tokens.words[index]
    if not tokens.unknown(index) or not tokens.capital(index):
        return
    if (not word.isupper() or len(word) > 5) and not tokens.glued(index):
        if (
            index
            and len(tokens.words[index - 1]) == 1
            and tokens.gap(index - 1) in (". ", ".")
            and tokens.words[index - 1].isupper()
            and not formula(word)
            and not (index > 1 and tokens.at(index - 2) & STRONG and tokens.gap(index - 2) == " ")
        ):
            put(tokens, index - 1, index + 1, spans)
            return
        if _of_protocol(tokens, index) and not word.isupper():
            put(tokens, index, index + 1, spans)
            return
        if _short_family(tokens, index):
            put(tokens, 0, 2, spans)
            return
        stop = _strangers(tokens, index)
        if stop:
            put(tokens, index, stop, spans)
            return
    if len(word) > 5:
        _joined(tokens, index, spans)


def _short_family(tokens: Tokens, index: int) -> bool:
    """Whether an unknown word and a family name are all that a text says: "Guang Li", "Ignatius Walker"."""
    if len(tokens) != 2 or tokens.gap(0) not in _WITHIN or not all(word.istitle() for word in tokens.words):
        return False
    own = tokens.bits[1 - index]
    short = len(tokens.words[index]) >= _LONG and (
        len(tokens.words[1 - index]) < _LONG or (index == 0 and bool(own & FREQUENT))
    )
    return (
        short
        and bool(own & LAST and own & COMMON)
        and not own & (CLINICAL | FUNCTION | UNIT)
        and not any(letter.isdigit() for letter in tokens.text)
    )


def _strangers(tokens: Tokens, index: int) -> int:
    """Two or three words with capitals that no list has, apart from the rest: "Yevgeny Ravensdale", where they end.

    A name of the lexicon may be among them, no other word.
    """
    stop, strangers, shortest = index, 0, _LONG
    if index and tokens.gap(index - 1) in (" ", "-", ". ", "'"):
        if tokens.words[index - 1].istitle() or tokens.gap(index - 1) != " ":
            return 0
        shortest += 1  # "chest Yevgeny Ravensdale"
    while stop < len(tokens) and stop - index < _PARTS:
        word, own = tokens.words[stop], tokens.bits[stop]
        single = len(word) == 1 and word.isupper() and stop > index
        if not single and (not word.istitle() or len(word) < shortest or tokens.glued(stop)):
            break
        if (
            not single
            and not tokens.unknown(stop)
            and (own & (CLINICAL | FUNCTION | UNIT | WORD) or not own & NAME)
        ):
            break
        strangers += not single
        stop += 1
        if stop < len(tokens) and tokens.gap(stop - 1) not in _WITHIN:
            break
    apart = stop >= len(tokens) or tokens.gap(stop - 1) not in (" ", "-")
    return stop if strangers > 1 and apart else 0


def _of_protocol(tokens: Tokens, index: int) -> bool:
    return (
        index + 1 < len(tokens)
        and tokens.lows[index + 1] in ("protocol", "technique")
        and tokens.gap(index) == " "
    )


def _joined(tokens: Tokens, index: int, spans: list[Span]) -> None:
    """JohnSmith, JSmith, SMITHJOHN: two names of the lexicon in one word."""
    word = tokens.words[index]
    table = bits()
    low = tokens.lows[index]
    if len(word) > 40 or not low.isascii():
        return
    for cut in range(1, len(word) - 2):
        camel = (word[cut].isupper() and word[cut - 1].islower()) or (
            cut == 1 and word[0].isupper() and word[1].isupper() and word[2].islower()
        )
        if not camel and not (word.isupper() and len(word) > 8 and 3 < cut < len(word) - 3):
            continue
        left, right = table[low[:cut]], table[low[cut:]]
        if (
            left & STRONG
            and right & STRONG
            and (left | right) & FIRST
            and (left | right) & LAST
            and left & right & COMMON
        ):
            put(tokens, index, index + 1, spans)
            return
        if cut == 1 and camel and right & STRONG and right & COMMON and len(low) > 5:
            put(tokens, index, index + 1, spans)
            return


def carets(tokens: Tokens, spans: list[Span]) -> None:
    """Such as "Smith^John^Q", not "HEAD^Routine": the parts around carets, unless one is a clinical word."""
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
            put(tokens, _back(tokens, index) if flags[0] & NAME else index, stop, spans)
        elif sure:
            for at, own in zip(range(index, stop), flags, strict=True):
                if own & STRONG or (own & NAME and not own & (CLINICAL | FUNCTION)):
                    put(tokens, at, at + 1, spans)
        index = stop
