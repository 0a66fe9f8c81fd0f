"""The entries of a rule file, field by field."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, cast

from research.findings.errors import RulesError
from research.findings.model import (
    DIRECTIONS,
    MATCHES,
    READINGS,
    SAYINGS,
    SCHEMES,
    Code,
    ContextRule,
    Kind,
    Label,
    Match,
    Reading,
    SectionRule,
    Stop,
    Term,
)

_ID = re.compile(r"[a-z0-9][a-z0-9_.:-]{0,63}")
_LONGEST_REACH = 200


class Entry:
    """One table of a rule file; every read is checked and remembered, so that what is left over is an error."""

    def __init__(self, file: str, kind: str, number: int, raw: Mapping[str, Any]) -> None:
        self._file, self._kind, self._number, self._raw = file, kind, number, raw
        self._read: set[str] = set()

    def error(self, field: str, what: str) -> RulesError:
        """An error about a field of this entry."""
        name = self._raw.get("id", self._raw.get("name", f"number {self._number}"))
        return RulesError(
            f"{self._file}: [[{self._kind}]] {name}: {field} {what}.",
            "docs/reference/findings.md shows the format.",
        )

    def done(self) -> None:
        """Refuse fields that nobody read."""
        left = sorted(set(self._raw) - self._read)
        if left:
            raise self.error(left[0], f"is not known; known are {', '.join(sorted(self._read))}")

    def id(self, field: str = "id") -> str:
        """An identifier."""
        value = self.text(field)
        if not _ID.fullmatch(value):
            raise self.error(field, "must be lower-case letters, digits and _ . : - (at most 64)")
        return value

    def text(self, field: str, *, missing: str | None = None) -> str:
        """A text that is not empty."""
        self._read.add(field)
        value = self._raw.get(field, missing)
        if not isinstance(value, str) or (not value and missing != ""):
            raise self.error(field, "must be text" if field in self._raw else "is missing")
        return value

    def choice(self, field: str, choices: Sequence[str], *, missing: str | None = None) -> str:
        """One of several words."""
        value = self.text(field, missing=missing)
        if value not in choices:
            raise self.error(field, f"is {value!r}; it must be one of {', '.join(choices)}")
        return value

    def number(self, field: str, missing: int, most: int) -> int:
        """A whole number from 1."""
        self._read.add(field)
        value = self._raw.get(field, missing)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
            raise self.error(field, f"must be a whole number from 1 to {most}")
        return value

    def flag(self, field: str, *, missing: bool) -> bool:
        """True or false."""
        self._read.add(field)
        value = self._raw.get(field, missing)
        if not isinstance(value, bool):
            raise self.error(field, "must be true or false")
        return value

    def texts(self, field: str, *, needed: bool = False) -> tuple[str, ...]:
        """A list of texts."""
        self._read.add(field)
        value = self._raw.get(field, [])
        if not isinstance(value, list) or not all(isinstance(one, str) and one.strip() for one in value):
            raise self.error(field, "must be a list of texts")
        if needed and not value:
            raise self.error(field, "must not be missing or empty")
        return tuple(value)

    def choices(self, field: str, choices: Sequence[str], missing: Sequence[str]) -> tuple[str, ...]:
        """A list of words out of several."""
        values = self.texts(field) if field in self._raw else tuple(missing)
        self._read.add(field)
        for value in values:
            if value not in choices:
                raise self.error(field, f"holds {value!r}; it may hold {', '.join(choices)}")
        return values

    def codes(self, field: str = "codes") -> tuple[Code, ...]:
        """The list of codes, each {scheme, code, meaning, match}."""
        self._read.add(field)
        raw = self._raw.get(field, [])
        if not isinstance(raw, list) or not all(isinstance(one, dict) for one in raw):
            raise self.error(field, "must be a list of {scheme, code, meaning, match}")
        out = []
        for number, one in enumerate(raw, 1):
            inner = Entry(self._file, f"{self._kind}]] {self._raw.get('id', '')} [[{field}", number, one)
            out.append(
                Code(
                    inner.choice("scheme", SCHEMES),
                    inner.text("code"),
                    inner.text("meaning"),
                    cast("Match", inner.choice("match", MATCHES)),
                )
            )
            inner.done()
        return tuple(out)


def _section(entry: Entry) -> tuple[str, SectionRule]:
    key = entry.id()
    titles = tuple(title.lower() for title in entry.texts("titles", needed=True))
    return key, SectionRule(key, titles, cast("Reading", entry.choice("read", READINGS)))


def _finding(entry: Entry) -> tuple[str, Kind]:
    key = entry.id()
    codes = entry.codes()
    return key, Kind(key, entry.text("meaning"), codes, entry.flag("abnormal", missing=True))


def _term(entry: Entry) -> tuple[str, Term]:
    key = entry.id()
    asserts = cast(
        "Literal['present', 'absent']", entry.choice("asserts", ("present", "absent"), missing="present")
    )
    phrases = entry.texts("phrases", needed=True)
    return key, Term(key, entry.id("finding"), phrases, asserts, entry.texts("unless"), entry.texts("needs"))


def _ignore(entry: Entry) -> tuple[str, Term]:
    key = entry.id()
    phrases = entry.texts("phrases", needed=True)
    return key, Term(key, "", phrases, unless=entry.texts("unless"), needs=entry.texts("needs"))


def _context(entry: Entry) -> tuple[str, ContextRule]:
    key = entry.id()
    return key, ContextRule(
        key,
        entry.choice("says", SAYINGS),
        entry.texts("phrases", needed=True),
        entry.choice("direction", DIRECTIONS, missing="forward"),
        entry.number("reach", 40, _LONGEST_REACH),
        frozenset(entry.texts("only")),
        frozenset(entry.choices("ends", SAYINGS, ())),
    )


def _stop(entry: Entry) -> tuple[str, Stop]:
    key = entry.id()
    phrases = entry.texts("phrases", needed=True)
    ends = frozenset(entry.choices("ends", SAYINGS, SAYINGS))
    return key, Stop(key, phrases, ends, entry.choice("direction", DIRECTIONS, missing="both"))


def _label(entry: Entry) -> tuple[str, Label]:
    group, name = entry.text("set"), entry.text("name")
    certainty = entry.choices("certainty", ("definite", "probable", "possible"), ("definite", "probable"))
    return f"{group}:{name}", Label(group, name, entry.texts("findings", needed=True), certainty)


READERS: dict[str, Callable[[Entry], tuple[str, Any]]] = {
    "section": _section,
    "finding": _finding,
    "term": _term,
    "ignore": _ignore,
    "context": _context,
    "stop": _stop,
    "label": _label,
}
