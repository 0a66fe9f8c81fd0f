"""The one table of operators: per row a SQL template, a Python predicate and an English phrase.

A comparison with a missing value is unknown in SQL and false in Python; both mean "does not match".
Text is compared by code point; ``contains`` folds the letters A-Z only, because how a database folds others
depends on its locale.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Shape = Literal["one", "list", "pair", "flag", "words"]

_ORDERED = frozenset({"integer", "number", "date"})
_LISTED = frozenset({"text", "integer", "number", "date"})
_PLAIN = _LISTED | {"boolean"}
_FOLD = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def fold(text: str) -> str:
    """Lower-case the letters A-Z and leave everything else alone, on every machine and locale."""
    return text.translate(_FOLD)


# What separates words: every ASCII character that is no letter or digit. Other alphabets are letters, as they stand.
_BETWEEN = "".join(chr(code) for code in range(1, 128) if not chr(code).isalnum())
_SPACED = str.maketrans(_BETWEEN + string.ascii_uppercase, " " * len(_BETWEEN) + string.ascii_lowercase)


def needles(text: str) -> tuple[str, ...]:
    """What ``has_words`` looks for in ``spaced`` text: one entry a word, open at its end where it ends in ``*``."""
    words = text.replace("*", "\x02").translate(_SPACED | {2: "*"}).split()
    return tuple(f" {word[:-1]}" if word.endswith("*") else f" {word} " for word in words)


def spaced(text: str) -> str:
    """Words folded, each between single characters of space, so that ``needles`` are found by position."""
    return f" {text.translate(_SPACED)} "


# The same for PostgreSQL, as regular expressions: one pass over a text, where folding it first costs fifty times as much.
_SEPARATOR = "[\\u0001-/:-@\\u005B-\\u0060{-\\u007F]"


def _literally(text: str) -> str:
    """A regular expression for a text itself, with the letters A-Z in either case."""
    return "".join(
        f"[{char.upper()}{char.lower()}]"
        if char in string.ascii_letters
        else char
        if char in string.digits or ord(char) > 127
        else f"\\u{ord(char):04X}"
        for char in text
    )


def contains_regex(text: str) -> str:
    """SQL twin of ``contains``: the pattern that a text must match."""
    return _literally(text)


def words_regexes(text: str) -> list[str]:
    """SQL twin of ``has_words``: patterns, all of which a text must match."""
    return [
        f"(?:^|{_SEPARATOR}){_literally(needle.strip())}"
        + (f"(?:$|{_SEPARATOR})" if needle.endswith(" ") else "")
        for needle in needles(text)
    ]


def _itself(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Op:
    """One operator.

    Attributes:
        name: what the JSON calls it.
        kinds: the field kinds it applies to.
        shape: what its value is: one value, a list of values, a pair ``[low, high]``, true/false, or words.
        sql: template over ``{x}`` (the field), ``{v}`` (value or array), ``{lo}``/``{hi}`` (pair).
        holds: Python twin, called with a present field value and the parsed criterion value.
        phrase: English template over ``{label}`` and ``{value}``.
        bound: what of the parsed value is bound in SQL.
    """

    name: str
    kinds: frozenset[str]
    shape: Shape
    sql: str
    holds: Callable[[Any, Any], bool]
    phrase: str
    bound: Callable[[Any], Any] = _itself


_ROWS = (
    Op("eq", _PLAIN, "one", "{x} = {v}", lambda x, v: bool(x == v), "{label} is {value}"),
    Op("ne", _PLAIN, "one", "{x} <> {v}", lambda x, v: bool(x != v), "{label} is known and is not {value}"),
    Op("in", _LISTED, "list", "{x} = ANY({v})", lambda x, v: x in v, "{label} is one of {value}"),
    Op(
        "not_in",
        _LISTED,
        "list",
        "{x} <> ALL({v})",
        lambda x, v: x not in v,
        "{label} is known and is none of {value}",
    ),
    Op("lt", _ORDERED, "one", "{x} < {v}", lambda x, v: bool(x < v), "{label} is below {value}"),
    Op("lte", _ORDERED, "one", "{x} <= {v}", lambda x, v: bool(x <= v), "{label} is at most {value}"),
    Op("gt", _ORDERED, "one", "{x} > {v}", lambda x, v: bool(x > v), "{label} is above {value}"),
    Op("gte", _ORDERED, "one", "{x} >= {v}", lambda x, v: bool(x >= v), "{label} is at least {value}"),
    Op(
        "between",
        _ORDERED,
        "pair",
        "{x} BETWEEN {lo} AND {hi}",
        lambda x, v: bool(v[0] <= x <= v[1]),
        "{label} is between {value}",
    ),
    Op(
        "contains",
        frozenset({"text"}),
        "one",
        "{x} ~ {v}",
        lambda x, v: fold(v) in fold(x),
        "{label} contains {value}",
        contains_regex,
    ),
    Op(
        "has_words",
        frozenset({"text"}),
        "words",
        "{x} ~ ALL({v})",
        lambda x, v: all(needle in spaced(x) for needle in needles(v)),
        "{label} has the words {value}",
        words_regexes,
    ),
    Op("exists", _PLAIN | {"tag"}, "flag", "", lambda _x, v: bool(v), "{label} is known"),
    Op("has_tag", frozenset({"tag"}), "one", "", lambda x, v: v in x, "it is tagged {value}"),
    Op(
        "has_any_tag",
        frozenset({"tag"}),
        "list",
        "",
        lambda x, v: any(key in x for key in v),
        "it is tagged with any of {value}",
    ),
)

OPS: Mapping[str, Op] = {op.name: op for op in _ROWS}
"""Every operator by name, in the order of the reference page."""


def ops_for(kind: str) -> tuple[str, ...]:
    """Names of the operators that apply to a field kind."""
    return tuple(op.name for op in _ROWS if kind in op.kinds)
