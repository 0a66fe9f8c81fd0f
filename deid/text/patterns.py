"""Identity by its shape: runs the rules of ``rules.toml``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from deid.text.dates import windows
from deid.text.lexicon import (
    CLINICAL,
    FREQUENT,
    FUNCTION,
    HERE,
    MONTH,
    NAME,
    STRONG,
    SUFFIX,
    UNIT,
    WORD,
    bits,
    vocabulary,
)

_UNIT_AFTER = re.compile(r"\s?([A-Za-z%]+)")
_DATE_LIKE = re.compile(
    r"(?:1[89]|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[T_-]?[0-2]\d[0-5]\d(?:[0-5]\d)?)?"
)
_DATE_PARTS = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{1,2}[-/]\d{4}|\d{4}[-/]\d{1,2}")
#: Longer texts are searched around their digits only.
_LONG = 200
#: A number of North America, complete.
_NORTH_AMERICAN = re.compile(r"(?:\+?1[ .-])?(?:\(\d{3}\)[ .-]?|\d{3}[ .-])\d{3}[ .-]\d{4}(?=[ ,]+[\d(]|$)")
_NUMBERED = re.compile(r"\b\d{1,6}[A-Z]? (?:[A-Z][\w'.-]* ){1,4}$")
_LEVEL = re.compile(r"[A-Za-z]\d{1,4}[a-z]?")
_DIALLED, _MEASURED = 7, 5  # characters
#: What ranges of numbers stand behind: "TI 150-2500".
_PARAMETER = re.compile(
    r"(?i)\b(?:t[eri]|b|w|l|ww|wl|hu|ma|kv|range|window|freq\w*|slices?"
    r"|images?|series|im|se)[ =:]{0,3}$"
)
_ROADS = frozenset(
    [
        "high",
        "long",
        "broad",
        "green",
        "park",
        "mill",
        "hill",
        "old",
        "new",
        "first",
        "second",
        "third",
        "south",
        "north",
        "east",
        "west",
        "white",
        "black",
        "red",
        "market",
        "main",
        "lake",
        "river",
        "spring",
        "wood",
        "field",
        "king",
        "queen",
    ]
)
_RESIDENT = re.compile(r"(?i)\b(?:resident of|lives? in|living in|from|of|city|town|home|address)[ :]{1,2}$")
_YEARS = re.compile(r"(?:19|20)\d\d-(?:19|20)\d\d")
_STRONG_LABEL = re.compile(
    r"(?i)m\.?r\.?n|mr ?#|med|ur|uhid|e?mpi|nhs|ssn|s\.s\.n|soc|acc|acct|a ?#|policy|member"
    r"|subscriber|passport|npi|dea|csn|pat(?:ient)?(?:en)? ?-?(?:id|n[ro.u]|#)|pt ?(?:id|n|#)|subj"
)
_CODES = frozenset(
    {
        "nct",
        "iec",
        "iso",
        "astm",
        "pk",
        "agn",
        "ro",
        "azd",
        "mk",
        "gsk",
        "sch",
        "tta",
        "cpt",
        "icd",
        "snomed",
        "loinc",
        "rid",
        "b",
        "v",
        "vb",
        "va",
        "te",
        "tr",
        "ti",
    }
)
#: States whose abbreviation says something else in imaging.
_OTHERWISE = frozenset(
    {
        "CT",
        "PA",
        "IN",
        "OR",
        "ME",
        "MS",
        "CO",
        "LA",
        "AL",
        "DE",
        "ID",
        "MA",
        "MO",
        "MI",
        "SC",
        "MD",
        "PR",
        "NM",
    }
)
#: What else stands behind a comma in a descriptor.
_SECTIONS = frozenset({"CT", "NM", "SC", "LA", "AL", "ID", "MD", "OR", "IN"})
_HINTS = frozenset(
    [
        "mayo",
        "cleveland",
        "johns",
        "mass",
        "massachusetts",
        "brigham",
        "anderson",
        "sloan",
        "mount",
        "mt",
        "cedars",
        "kaiser",
        "beth",
        "nyu",
        "stanford",
        "duke",
        "charite",
        "karolinska",
        "great",
        "addenbrookes",
        "royal",
        "pitie",
    ]
)


@dataclass(frozen=True)
class Rule:
    """A row of ``rules.toml``."""

    name: str
    kind: str
    sentence: str
    needs: str
    pattern: re.Pattern[str]
    check: Callable[[str, re.Match[str], int, int], tuple[int, int] | None]
    digits: int  # so many digits a text must have,
    dots: int  # and so many full stops, or a colon or hyphen
    before: int  # how far before a digit a match may begin,
    after: int  # and behind it end
    cuts: tuple[int, ...]  # groups that narrow the cut
    words: frozenset[str]  # one of these must be in the text; empty: any text


def _unit_follows(text: str, end: int) -> bool:
    found = _UNIT_AFTER.match(text, end)
    return (
        found is not None
        and found[1] not in ("MG", "Ms")
        and (found[1] == "%" or bool(bits()[found[1].lower()] & UNIT))
    )


def _any(_text: str, _found: re.Match[str], start: int, end: int) -> tuple[int, int] | None:
    return start, end


def _label(text: str, found: re.Match[str], start: int, end: int) -> tuple[int, int] | None:
    value = text[start:end]
    digits = sum(character.isdigit() for character in value)
    strong = _STRONG_LABEL.match(text, found.start()) is not None
    marked = any(character in ":#=" for character in found["link"])
    if digits < (3 if strong or marked else 4) or (digits < 5 and _unit_follows(text, end)):
        return None
    if _DATE_LIKE.fullmatch(value) or _DATE_PARTS.fullmatch(value):
        return None
    return start, end


def _shape(text: str, found: re.Match[str], start: int, end: int) -> tuple[int, int] | None:
    value = text[start:end]
    letters = re.match(r"[A-Za-z]*", value)
    prefix = letters.group().lower() if letters else ""
    digits = sum(character.isdigit() for character in value)
    if prefix in _CODES and digits < 9:
        return None
    middle = re.fullmatch(r"\d{1,2}([A-Za-z]{3,9})\d{2,4}", value)
    if middle and bits()[middle[1].lower()] & MONTH:
        return None
    if (digits < 7 and _unit_follows(text, end)) or _YEARS.fullmatch(value) or _DATE_PARTS.fullmatch(value):
        return None
    if _DATE_LIKE.fullmatch(value[len(prefix) :].lstrip("-_")):
        return None
    if (
        prefix
        and bits()[prefix] & (CLINICAL | WORD | UNIT | FUNCTION)
        and found.end() - found.start() > len(prefix)
    ):
        start += len(prefix)  # CHEST1234567: the word stays
        start += text[start] in "-_"
    return start, end


def _clinical(word: str) -> bool:
    return bool(bits()[word.lower().strip(" ,.'-")] & CLINICAL)


def _road(_text: str, found: re.Match[str], start: int, end: int) -> tuple[int, int] | None:
    plain = any(
        bits()[word.lower().strip(".,'-")] & (CLINICAL | FUNCTION) and word.lower() not in _ROADS
        for word in found["road"].split()
    )
    return None if plain else (start, end)


def _behind(text: str, _found: re.Match[str], start: int, end: int) -> tuple[int, int] | None:
    """A street with its number behind, not one with its number before and a dose behind it."""
    return None if _unit_follows(text, end) or _NUMBERED.search(text, 0, start) else (start, end)


def _phone(text: str, found: re.Match[str], start: int, end: int) -> tuple[int, int] | None:
    if text[start] not in "(+" and _PARAMETER.search(text, max(0, start - 12), start):
        return None
    whole = _NORTH_AMERICAN.match(text, start, end)
    if whole is not None:
        end = whole.end()  # "+1-555-010-1863 60 Gy", "Tel: 555-010-3268 5.3 CT"
    elif _unit_follows(text, end):
        blank = text.rfind(" ", start, end)  # the last number is measured, what is before it may be dialled
        if sum(map(str.isdigit, text[start : max(blank, start)])) >= _DIALLED:
            end = blank
        elif start == found.start():
            return None  # no label says that it is one
    return start, end


def _trimmed(text: str, start: int, stop: int) -> int:
    """Where the city's name begins: behind the last clinical word before the state."""
    for found in re.finditer(r"[\w'.-]+", text[start:stop]):
        if _clinical(found.group()) or (found.group().isupper() and len(found.group()) == 2):
            start_of_next = start + found.end()
            while start_of_next < stop and text[start_of_next] in " ,":
                start_of_next += 1
            return _trimmed(text, start_of_next, stop)
    return start


def _zip(text: str, found: re.Match[str], start: int, end: int) -> tuple[int, int] | None:
    if found["state"] is None:
        return start, end
    if found["state"] not in vocabulary()["states"].split():
        return None
    if _unit_follows(text, end) and "," not in text[start : found.start("state")]:
        return None
    begin = _trimmed(text, start, found.start("state"))
    if found["state"] in _OTHERWISE and not found["comma"] and "," not in text[begin : found.start("state")]:
        return None
    return begin, end


def _mail(text: str, found: re.Match[str], start: int, end: int) -> tuple[int, int] | None:
    """An address without the words that an underscore joins to it: "dose_eleanor1985@mail.example"."""
    while (at := text.find("_", start, end)) > 0 and at < found.end() and "@" not in text[start:at]:
        piece = text[start:at]
        word = piece.lstrip("0123456789+.")
        own = bits()[word.lower()]
        measured = len(word) < len(piece) and (not word or own & UNIT) and len(piece) <= _MEASURED
        plain = measured or len(word) == 1 or own & (UNIT | FUNCTION) or (own & WORD and not own & STRONG)
        # with text before it the piece belongs to that: "Head and shoulder mask_mary1997@..."
        joined = _LEVEL.fullmatch(piece) or (start > 0 and plain) or own & CLINICAL
        if not joined and (own & NAME or not own & (WORD | UNIT)):
            break
        start = at + 1
    return start, end


def _degree(text: str, found: re.Match[str], start: int, end: int) -> tuple[int, int] | None:
    """A physician by what stands behind: not "Chest, M.D."."""
    own = bits()[text[start:end].lower()]
    plain = own & (CLINICAL | FUNCTION | WORD) and not (own & NAME and own & FREQUENT)
    return None if plain else (start, found.end())


def _city(text: str, found: re.Match[str], start: int, end: int) -> tuple[int, int] | None:
    if found["state"] not in vocabulary()["states"].split():
        return None
    begin = _trimmed(text, start, found.end("road"))
    if bits()[found["state"].lower()] & SUFFIX and any(
        bits()[word] & STRONG for word in text[begin : found.end("road")].lower().split()
    ):
        return None  # "Siobhan Chakraborty, MD" is a physician
    words = text[begin : found.end("road")].replace("-", " ").lower().split()
    alone = begin == 0 and end == len(text)
    if alone and found["state"] in _OTHERWISE:
        # "Thistledown, CO"; not "Perfusion, CT"
        own = bits()[words[-1]] if words else CLINICAL
        alone = not own & (CLINICAL | FUNCTION) and not (own & WORD and found["state"] in _SECTIONS)
    said = alone or _RESIDENT.search(text, 0, begin) is not None
    if not words or (alone and bits()[words[-1]] & CLINICAL):
        return None
    if not said and (bits()[words[-1]] & (WORD | CLINICAL) and not bits()[words[-1]] & NAME):
        return None
    degree = bits()[found["state"].lower()] & SUFFIX  # "Portal Venous Park, MD"
    whole = said or degree or found["state"] not in _OTHERWISE or (begin == 0 and end == len(text))
    return begin, end if whole else found.end("road")


_CHECKS = {
    "": _any,
    "label": _label,
    "shape": _shape,
    "road": _road,
    "behind": _behind,
    "phone": _phone,
    "zip": _zip,
    "city": _city,
    "mail": _mail,
    "degree": _degree,
    "hint": _any,
}


@cache
def rules() -> tuple[Rule, ...]:
    """The rules, compiled."""
    rows = tomllib.loads((HERE / "rules.toml").read_text(encoding="utf-8"))["rule"]
    compiled = [(row, re.compile(row["pattern"])) for row in rows]
    return tuple(
        Rule(
            row["name"], row["kind"], row["sentence"], row["needs"], pattern, _CHECKS[row.get("check", "")],
            row.get("digits", 1), row.get("dots", 0), row.get("before", 32), row.get("after", 64),
            tuple(index for name, index in pattern.groupindex.items() if name.startswith("cut")),
            frozenset(row.get("words", "").split()),
        )
        for row, pattern in compiled
    )  # fmt: skip


@cache
def _by_need() -> dict[str, tuple[Rule, ...]]:
    found: dict[str, list[Rule]] = {}
    for rule in rules():
        found.setdefault(rule.needs, []).append(rule)
    return {need: tuple(row) for need, row in found.items()}


def find(text: str, lows: list[str], digits: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, str]]:
    """Spans with their kind.

    Args:
        text: plain text.
        lows: its words in lower case.
        digits: where its runs of digits are.
    """
    groups = _by_need()
    chosen: list[Rule] = []
    if digits:
        count, dots = sum(end - start for start, end in digits), text.count(".")
        chosen += [
            rule
            for rule in groups["digit"]
            if rule.digits <= count
            and (rule.dots <= dots or ":" in text or "-" in text)
            and not (rule.words and rule.words.isdisjoint(lows))
        ]
    for need in ("@", ".", "#", ","):
        if need in text:
            chosen += groups.get(need, ())
    if not _HINTS.isdisjoint(lows):
        chosen += groups["letter"]
    if not text.isascii():
        chosen += groups["wide"]
    spaced = text.replace("_", " ") if "_" in text else text  # "Week 12_1479 Quarry Hill Road"
    for rule in chosen:
        source = spaced if rule.kind == "address" else text
        if rule.needs == "digit" and len(text) > _LONG:
            for begin, stop in windows(digits, rule.before, rule.after, len(text)):
                yield from _matches(rule, source, begin, stop)
        else:
            yield from _matches(rule, source, 0, len(text))


def _matches(rule: Rule, text: str, begin: int, stop: int) -> Iterator[tuple[int, int, str]]:
    for found in rule.pattern.finditer(text, begin, stop):
        start, end = found.span()
        for index in rule.cuts:
            if found.start(index) >= 0:
                start, end = found.span(index)
        kept = rule.check(text, found, start, end)
        if kept and kept[0] < kept[1]:
            yield (*kept, rule.kind)


def describe() -> list[str]:
    """What the rules find, in sentences."""
    return [rule.sentence for rule in rules()]
