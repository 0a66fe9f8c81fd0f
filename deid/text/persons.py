"""The parts of a person's name: where it ends, once something says that it begins."""

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
    GENERATION,
    LAST,
    LINK,
    MONTH,
    NAME,
    NOBODY,
    PARTICLE,
    SPEAKER,
    STRONG,
    SUFFIX,
    UNIT,
    WORD,
)
from deid.text.tokens import Tokens, formula

#: Start and end of a name, and where the word that introduced it begins ("for", "by", the colon of a label).
Span = tuple[int, int, int]
#: A name has at most so many parts.
_LONGEST = 6
_LISTING = frozenset({"/", " / ", "&", " & ", ", ", " , ", "; ", "+", " + "})
_BREAKS = frozenset({"/", "=", "; ", " - ", "\t"})
SIDES = frozenset("ltrcs")
_KINDS = frozenset({"type", "like", "based", "sign", "style", "grade"})


def put(
    tokens: Tokens,
    first: int,
    stop: int,
    spans: list[Span],
    *,
    start: int | None = None,
    lead: int | None = None,
) -> int:
    """Note a name from a word on up to another (exclusive), a full stop behind an initial included; returns the stop."""
    end = tokens.ends[stop - 1]
    if len(tokens.words[stop - 1]) == 1 and tokens.text[end : end + 1] == ".":
        end += 1
    start = tokens.starts[first] if start is None else start
    spans.append((start, end, start if lead is None else lead))
    return stop


def more(tokens: Tokens, stop: int, level: int, spans: list[Span]) -> int:
    """Further names of a list: "Smith/Jones", "Smith and Jones"."""
    while 0 < stop < len(tokens):
        gap = tokens.gap(stop - 1)
        following = stop
        if gap == " " and tokens.lows[stop] in ("and", "und", "et", "y", "e") and tokens.close(stop):
            following = stop + 1
        elif gap not in _LISTING:
            return stop
        own = tokens.bits[following] if following < len(tokens) else 0
        if level > 3 and own & STRONG and not protected(tokens, following, own):
            own &= ~EPONYM
        sure = (own & STRONG and not own & EPONYM) or (
            own & NAME and gap in ("/", " / ", "&") and not own & (CLINICAL | WORD)
        )
        if not sure and not (
            level > 3 and following < len(tokens) and tokens.unknown(following) and tokens.capital(following)
        ):
            return stop
        after = run(tokens, following, 2 if sure else level)
        if after == following:
            return stop
        put(tokens, following, after, spans)
        stop = after
    return stop


def run(tokens: Tokens, index: int, level: int) -> int:
    """Where a name that begins here ends (exclusive); the same index when none does."""
    position, names, first_seen, inverted = index, 0, False, False
    count = min(len(tokens), index + _LONGEST)
    while position < count:
        if position > index:
            gap = tokens.gap(position - 1)
            if not tokens.close(position - 1) or gap in _BREAKS:
                break
            if (
                gap == ". "
                and len(tokens.words[position - 1]) > 1
                and tokens.lows[position - 1] not in ("st", "ste")
            ):
                break  # a sentence ends
            comma = "," in gap
            inverted = inverted or comma
        else:
            comma = False
        own = tokens.bits[position]
        word = tokens.words[position]
        if len(word) == 1 and word.isascii():
            if not _initial(tokens, position, names):
                break
        elif own & GENERATION and names:
            if not (
                tokens.lows[position] == "iv"
                and tokens.close(position)
                and tokens.bits[position + 1] & CLINICAL
            ):
                position += 1  # "Navarro IV Omnipaque" is given into a vein
            break
        elif (
            own & PARTICLE
            and not comma
            and (ahead := behind_particles(tokens, position, count))
            and (
                _continues(tokens, ahead, level, names=names, first=first_seen)
                if names or level == 1 or tokens.bits[ahead] & CLINICAL or not tokens.words[ahead].istitle()
                else _opens(tokens, ahead, level)
            )
        ):
            position = ahead - 1  # "van der Berg", "de la Cruz"
        elif names == 0:
            if not _opens(tokens, position, level):
                break
            names, first_seen = 1, bool(own & FIRST)
        elif inverted and names > 1 and own & WORD and not own & (STRONG | FIRST):
            break  # "Quackenbush, Giovanni Wash in": the family name was said
        elif names < 4 and _continues(tokens, position, level, names=names, comma=comma, first=first_seen):
            names += 1
        else:
            break
        position += 1
    if names and _second_syllable(tokens, position):
        position += 1
        if _family(tokens, position, level):
            position += 1  # "Kim Soo-yeon", "Soo-yeon Park"
    return position if names else index


def _second_syllable(tokens: Tokens, index: int) -> bool:
    """The rest of a given name with a hyphen: "Kim Ji-woo"."""
    return (
        index < len(tokens)
        and tokens.gap(index - 1) == "-"
        and tokens.words[index].islower()
        and tokens.words[index - 1].istitle()
        and not tokens.bits[index] & (CLINICAL | FUNCTION | UNIT)
        and tokens.lows[index] not in _KINDS
        and len(tokens.words[index]) < _LONGEST
    )


def _family(tokens: Tokens, index: int, level: int) -> bool:
    """A family name behind a given name of two syllables: "Soo-yeon Park"."""
    own = tokens.at(index)
    return (
        bool(own & LAST and own & COMMON)
        and tokens.gap(index - 1) == " "
        and tokens.words[index].istitle()
        and not own & (CLINICAL | MONTH)
        and (_ends(tokens, index) or (level > 1 and tokens.words[index + 1].istitle()))
    )


def behind_particles(tokens: Tokens, index: int, stop: int) -> int:
    """The word behind "van der" or "de la"; 0 where none follows."""
    while index < stop and tokens.bits[index] & PARTICLE:
        if index + 1 >= stop or not tokens.close(index):
            return 0
        index += 1
        if tokens.capital(index) and not tokens.words[index].islower() and not tokens.bits[index] & PARTICLE:
            return index
    return index if index < stop else 0


def _initial(tokens: Tokens, index: int, names: int) -> bool:
    """Whether a single letter belongs to the name: "J. Smith", "Smith J", not "SMITH L KNEE"."""
    if not tokens.capital(index) or tokens.glued(index):
        return False
    end = tokens.ends[index]
    dotted = tokens.text[end : end + 1] == "."
    following = tokens.at(index + 1)
    closes = tokens.close(index)
    if not names:
        return closes and (
            index + 1 in tokens.known
            or bool(following & NAME)
            or dotted
            or (len(tokens.words[index + 1]) == 1)
        )
    if dotted:
        return True
    if closes and following & (CLINICAL | ESSENTIAL) and tokens.gap(index) == " ":
        return tokens.lows[index] not in SIDES and not following & ESSENTIAL
    return not (closes and tokens.gap(index) == "-") and not (
        end < len(tokens.text) and tokens.text[end] in "+/-^*"
    )


def _opens(tokens: Tokens, index: int, level: int) -> bool:
    own = tokens.bits[index]
    if index in tokens.known:
        return True
    if own & NOBODY:
        return False
    word = tokens.words[index]
    if not tokens.capital(index):
        return (
            level >= 4
            and bool(own & NAME)
            and not own & (CLINICAL | FUNCTION)
            and bool(own & STRONG or not own & WORD)
        )
    if own & STRONG:
        return True
    title = not word.isupper() and tokens.mixed
    if own & CLINICAL:
        if level == 3 and title and own & NAME and own & COMMON and not own & UNIT and _ends(tokens, index):
            return True  # "Operator: Stone"
        if level > 1 and own & NAME and own & FUNCTION and _strong_next(tokens, index):
            return True  # "Patient Brown, Charlie"
        return level >= 4 and title and bool(own & NAME) and not own & UNIT
    if own & NAME:
        if level == 3 and title and own & COMMON and _ends(tokens, index):
            return True  # "Operator: Long"
        return level >= 4 or not own & FUNCTION or (level > 1 and _strong_next(tokens, index))
    if tokens.unknown(index):
        return level >= 3 or (level == 2 and not word.isupper())
    if own & EPONYM:
        return level >= 3
    return level >= 4 and title and bool(own & WORD) and not own & (FUNCTION | MONTH | UNIT | DEED | SPEAKER)


def _strong_next(tokens: Tokens, index: int) -> bool:
    return tokens.close(index) and bool(tokens.bits[index + 1] & STRONG) and tokens.capital(index + 1)


def _continues(
    tokens: Tokens, index: int, level: int, *, names: int, comma: bool = False, first: bool = False
) -> bool:
    own = tokens.bits[index]
    if index in tokens.known:
        return True
    if not tokens.capital(index):
        return level >= 4 and bool(own & STRONG) and not comma
    if own & CLINICAL and names == 1 and not comma:
        return first and _surname(tokens, index, own, level)
    if own & (CLINICAL | NOBODY | SUFFIX):
        return False
    ahead = index + 1 < len(tokens) and tokens.words[index + 1].istitle()
    named = own & STRONG or (own & LAST and own & FREQUENT and first and level > 1)
    given = names == 1 and named and ((first and own & COMMON) or level > 1)
    given = given and (
        not own & EPONYM
        or ((first or (level > 1 and tokens.unknown(index - 1))) and ahead and not own & CERTAIN)
    )
    given = given or (
        comma and own & FIRST and own & COMMON and not own & EPONYM
    )  # "Sokolova, Tatiana Tumor"
    if own & (STRONG | EPONYM) and not given and protected(tokens, index, own):
        return False  # but "Tatiana Sokolova Tumor"
    if own & CERTAIN and not comma and finding(tokens, index):
        return False
    if own & STRONG:
        return not comma or bool(own & FIRST)
    if own & (MONTH | UNIT):
        return False
    title = not tokens.words[index].isupper()
    if comma and not (own & FIRST and own & COMMON):
        return names == 1 and title and tokens.unknown(index) and not tokens.glued(index)
    if own & NAME:
        if own & WORD and not comma and _is_said(tokens, index, own, names):
            return False
        if own & FUNCTION:
            named = names == 1 or (names == 2 and bool(tokens.bits[index - 1] & FIRST))
            return first and named and bool(own & LAST) and (title or _ends(tokens, index))
        if own & WORD:
            following = tokens.at(index + 1)
            if (
                index + 1 < len(tokens)
                and not tokens.gap(index).strip(" 0123456789.")
                and (tokens.words[index + 1].islower() or following & UNIT)
                and (not following & FUNCTION or tokens.lows[index + 1] == "only")
                and not (first and names == 1 and own & FREQUENT and tokens.gap(index) != " ")
            ):
                return False  # "Dr. Suleiman. Fall risk", "Prof. Johnson Smart mA"
            double = index + 1 < len(tokens) and tokens.gap(index) == "-" and tokens.bits[index + 1] & STRONG
            if names > 1 and not own & COMMON and not double:
                return False  # "Patricia Johnson Stable"
            return (
                (title or first or comma)
                and (first or len(tokens.words[index - 1]) > 1)
                and (names == 1 or bool(tokens.bits[index - 1] & FIRST))
            )
        return True
    if own & EPONYM:
        return not comma
    if tokens.unknown(index):
        if (
            names
            and title is False
            and tokens.words[index - 1].istitle()
            and len(tokens.words[index - 1]) > 1
        ):
            return False  # "Frederick Hernandez MUSICA"
        if (
            first
            and names > 1
            and tokens.bits[index - 1] & LAST
            and not tokens.bits[index - 1] & COMMON & FIRST
        ):
            return False  # "Liesel Hoffmann Gravida 2"
        if (
            index + 1 < len(tokens)
            and tokens.gap(index) == "-"
            and not (tokens.bits[index + 1] & NAME or tokens.unknown(index + 1))
        ):
            return False  # Dr. Patel Readi-Cat
        return (
            not tokens.glued(index)
            and (len(tokens.lows[index]) > 3 or title)
            and not formula(tokens.words[index])
        )
    return False


def _surname(tokens: Tokens, index: int, own: int, level: int) -> bool:
    """Whether a clinical word is a family name, behind a given one that is no word: "mother Cliff Stone:"."""
    return (
        bool(own & LAST and own & COMMON and own & FREQUENT)
        and not own & (UNIT | NOBODY | SUFFIX)
        and tokens.words[index].istitle()
        and tokens.gap(index - 1) == " "
        and tokens.words[index - 1].istitle()
        and bool(tokens.bits[index - 1] & STRONG or level > 1)
        and (_ends(tokens, index) or (level > 1 and not tokens.words[index + 1].islower()))
    )


def _is_said(tokens: Tokens, index: int, own: int, names: int) -> bool:
    """Whether a word that is also a name says something of its own behind a name."""
    word, previous = tokens.words[index], tokens.words[index - 1]
    initial, upper, frequent = len(previous) == 1, word.isupper(), bool(own & FREQUENT)
    more = _says_more(tokens, index)
    capitals = not initial and (previous.istitle() if upper else previous.isupper())
    if names > 1 or (index > 1 and "^" in tokens.gap(index - 2)):
        return more or capitals  # "Frederick Williams End of treatment", "FROST^DAWN Gross tumor"
    if not frequent and index + 1 < len(tokens) and tokens.lows[index + 1] in ("of", "in"):
        return True  # "Prof. Ben-David End of treatment", "Prof. Kim Wash in"
    if not frequent and ((initial and more) or (upper and capitals)):
        return True  # "Haugen I. Stable 6 mm", "Mr Johnson WATER: AX"
    return more and capitals and not upper  # "Dr HARRIS End result"


def _says_more(tokens: Tokens, index: int) -> bool:
    """Whether a word goes on in small letters or with a number: "Old healed", "End of", "Ring 2cm"."""
    if not tokens.close(index) and not (index + 1 < len(tokens) and tokens.gap(index).startswith(" ")):
        return False
    gap, low = tokens.gap(index), tokens.lows[index + 1]
    if gap.strip(" 0123456789.") or not tokens.words[index + 1].islower():
        return False
    rare = not tokens.bits[index] & FREQUENT  # "Harris Wash in"
    return rare or low in ("of", "only") or not tokens.bits[index + 1] & FUNCTION


def finding(tokens: Tokens, index: int) -> bool:
    """Whether an eponym behind a whole name says what was found, not who: "Kobayashi, Kenji Addison crisis"."""
    if (
        not index
        or not tokens.close(index)
        or tokens.gap(index) != " "
        or tokens.gap(index - 1) not in (" ", ". ")
    ):
        return False
    following = tokens.at(index + 1)
    if not following & (WORD | CLINICAL) or following & (DEED | FIRST | LINK):
        return False
    if not tokens.words[index + 1].islower() and not following & CLINICAL:
        return False
    before = tokens.bits[index - 1]
    if len(tokens.words[index - 1]) == 1 or (before & LAST and not before & FIRST):
        return True
    if tokens.unknown(index - 1) and tokens.words[index - 1].isupper() and tokens.words[index].istitle():
        return True  # "Dr TSHABALALA Parkinson SPECT"
    if before & NAME and following & CLINICAL and tokens.words[index + 1].islower():
        return True
    whole = tokens.at(index - 2) & NAME or index - 2 in tokens.known
    return index > 1 and tokens.close(index - 2) and bool(whole)


def _ends(tokens: Tokens, index: int) -> bool:
    """Whether nothing follows at once that would make the word an adjective: "JOHN LONG", not "JOHN LONG LEG"."""
    return index + 1 >= len(tokens) or tokens.gap(index) != " "
