"""What a word may be: bits per word, from the lists of names, words and imaging terms.

The lists are read once, when the first text is cleaned, and kept: about 220,000 words.
"""

from __future__ import annotations

import gzip
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from deid.text.plain import key

#: What words of medicine end in, and names do not.
_MEDICAL = re.compile(
    r"(?!.*(?:thomas|ndoni)$)(?!(?:(?:[zcs]h|[b-df-hj-np-tw-z])?(?:[iu]?a[inou]?g?|[iu]?e[in]?g?|i[nu]?g?|ou?|ong|u[aino]?)){1,2}[bdjlmnpqtxy]ing$).{2,}(?:itis|osis|oses|omas?|ectomy|scop[yic]{1,2}|graph[yic]{1,2}|a?emi[ac]|path(?:y|ic|ies)|plast[yic]{1,2}|[ts]ions?|ings?"
    r"|log(?:y|ic|ical|ist)|[ots]tomy|metr[yic]{1,2}"
    r"|grams?|lysis|penia|uria|algia|celes?|centesis|gen(?:ic|ous)|troph(?:y|ic)|plegi[ac]|paresis|rrh(?:age|agic|ea)|ectas[ie]s|ectatic|ptosis|megaly|malacia|stenosis|[aei]bles?|ments?|ness"
    r"|oid(?:al)?|in(?:al|ally)|[ut]al|ular|osal|ated|itic|otic|ysm|(?:dex|le)vo|phasia|tropin|mab|nib|statin|pril|olol|azole|cillin|mycin|micin|oxacin|caine|azepam|sartan|platin|taxel|rubicin|dronate|phosphate|sulfate|tartrate|onide|asone|olone|gliptin|gliflozin|glutide|parin|xaban|cycline|zosin|dipine|profen|setron|tidine)"
)

#: "substudy", "prescan": a word of a dictionary behind what medicine puts before words.
_PREFIXED = re.compile(
    r"(?:sub|post|pre|non|semi|multi|intra|inter|peri|para|retro|trans|supra|infra|hyper|hypo|anti|over|under|micro|macro)(?=.{4})"
)

HERE = Path(__file__).parent

FIRST, LAST, COMMON, FREQUENT = 1, 2, 4, 8  # as in _lexicon/names.gz
STRONG = 1 << 4  #: a name, and no word
WORD = 1 << 5  #: a word of a general dictionary
CLINICAL = 1 << 6  #: a word of imaging and medicine
EPONYM = 1 << 7
NOUN = 1 << 8  #: a noun that makes a listed eponym of the name before it
STRICT_NOUN = 1 << 9  #: one that makes an eponym of any name
TITLE, WEAK_TITLE, SUFFIX, WEAK_SUFFIX, GENERATION, PARTICLE = (1 << bit for bit in range(10, 16))
DEED, SPEAKER, LINK = (1 << bit for bit in range(16, 19))
INSTITUTION, PLACE_WORD, PLACE_PLAIN = (1 << bit for bit in range(19, 22))
MONTH, UNIT, FUNCTION, ESSENTIAL, NOBODY, DIAGNOSTIC, CERTAIN, RELATIVE = (1 << bit for bit in range(22, 30))
NAME = FIRST | LAST
#: None of these: a word that no list knows.
KNOWN_WORD = NAME | WORD | CLINICAL | EPONYM | FUNCTION | UNIT | MONTH


@cache
def vocabulary() -> dict[str, Any]:
    """``vocabulary.toml``."""
    return tomllib.loads((HERE / "vocabulary.toml").read_text(encoding="utf-8"))


@cache
def listed(name: str) -> frozenset[str]:
    """A list of ``vocabulary.toml``, as look-up keys."""
    return frozenset(key(word) for word in vocabulary()[name].split())


def _generated(name: str) -> list[str]:
    return gzip.decompress((HERE / "_lexicon" / f"{name}.gz").read_bytes()).decode("ascii").split("\n")


class _Bits(dict[str, int]):
    """Word -> bits, computed at the first look-up. Bounded: unknown words are forgotten from time to time."""

    _LIMIT = 200_000

    def __init__(self) -> None:
        super().__init__()
        self._names = {line[:-1]: int(line[-1], 16) for line in _generated("names")}
        self._words = frozenset(_generated("words"))
        self._clinical = frozenset(_generated("imaging")) | listed("clinical") | listed("essential")
        self._promoted = listed("promoted")
        lists = {
            "eponyms": EPONYM, "eponym_nouns": NOUN, "strict_nouns": STRICT_NOUN, "titles": TITLE,
            "weak_titles": WEAK_TITLE, "suffixes": SUFFIX, "weak_suffixes": WEAK_SUFFIX, "generations": GENERATION,
            "particles": PARTICLE, "deeds": DEED, "speakers": SPEAKER, "links": LINK, "institutions": INSTITUTION,
            "institution_words": PLACE_WORD, "institution_plain": PLACE_PLAIN, "units": UNIT, "function": FUNCTION,
            "essential": ESSENTIAL, "certain_eponyms": EPONYM | CERTAIN, "relatives": SPEAKER | RELATIVE,
            "nobody": NOBODY, "diagnostic_links": DIAGNOSTIC,
        }  # fmt: skip
        self._lists: dict[str, int] = {}
        for name, bit in lists.items():
            for word in listed(name):
                self._lists[word] = self._lists.get(word, 0) | bit
        for language in vocabulary()["months"]:
            for word in " ".join(language).split():
                self._lists[key(word)] = self._lists.get(key(word), 0) | MONTH

    def __missing__(self, word: str) -> int:
        bits = self._names.get(word, 0) | self._lists.get(word, 0)
        if word in self._words:
            bits |= WORD
        if word in self._clinical:
            bits |= CLINICAL
        if not bits & (NAME | WORD) and len(word) > 5 and _MEDICAL.fullmatch(word):
            bits |= WORD
        if not bits and (prefix := _PREFIXED.match(word)) and word[prefix.end() :] in self._words:
            bits |= WORD
        promoted = word in self._promoted
        if promoted:
            bits |= COMMON if bits & NAME else COMMON | LAST
        if (
            bits & NAME
            and len(word) > 2
            and not bits & CLINICAL
            and (promoted or not bits & (WORD | FUNCTION | MONTH))
        ):
            bits |= STRONG
        if len(self) > self._LIMIT:
            self.clear()
        self[word] = bits
        return bits


@cache
def phrases() -> frozenset[str]:
    """Pairs of neighbouring words, one of them a name, that are coded concepts: "bruce protocol"."""
    return frozenset(_generated("phrases"))


@cache
def bits() -> dict[str, int]:
    """The table of :data:`STRONG` and the other bits; look up :func:`deid.text.plain.key` of a word."""
    return _Bits()
