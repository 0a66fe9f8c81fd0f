"""The words of the report: what an action, an outcome and a kind of cut are called in English."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from pydicom.datadict import dictionary_description, dictionary_keyword


class Word(NamedTuple):
    """A short label and a sentence that explains it."""

    label: str
    meaning: str


#: What a handler did with an attribute, by :class:`deid.actions.Action`; in the order of the page.
ACTIONS: dict[str, Word] = {
    "remove": Word("removed", "The attribute is no longer in the object."),
    "empty": Word("emptied", "The attribute is still there, without a value."),
    "dummy": Word("fixed value", "The value is a constant that says nothing about the patient."),
    "alias": Word("alias", "Name or patient ID is the patient's alias, made with the project's secret key."),
    "uid": Word(
        "UID replaced", "The UID is another one, made with the key; references still lead to their object."
    ),
    "shift": Word(
        "date moved", "The date moved to the past by a secret number of days, the same for this patient."
    ),
    "time": Word("time kept", "The time of day stays, checked to be nothing but a time."),
    "hash": Word("hashed", "The identifier is a code made with the key."),
    "age": Word("age", "The age stays; great ages are one class."),
    "code-meaning": Word(
        "local wording", "The wording of a local code, which is free text, is a fixed text."
    ),
    "clean": Word("text cleaned", "Identity was cut out of the text; the clinical words stay."),
    "search": Word("text searched", "The text stays as it was where no identity was found in it."),
    "keep": Word("kept", "The value is as it was: by standard and policy it identifies nobody."),
}

#: What became of an attribute.
OUTCOMES: dict[str, Word] = {
    "removed": Word("removed", "The attribute is no longer in the object."),
    "emptied": Word("emptied", "The attribute is still there, without a value."),
    "replaced": Word("replaced", "The attribute has another value."),
    "kept": Word("kept", "The attribute is as it was."),
}

#: Kinds of what was cut out of texts.
CUTS: dict[str, str] = {
    "name": "names",
    "id": "identifiers",
    "date": "dates",
    "shift": "dates moved",
    "age": "ages",
    "uid": "UIDs",
    "address": "addresses",
    "place": "places",
    "phone": "phone numbers",
    "email": "e-mail addresses",
    "url": "web addresses",
    "other": "other",
    "content item": "whole content items",
    "document": "whole documents",
    "overlay text": "text in overlays",
}

_TAG = re.compile(r"\(?([0-9A-Fa-f]{4}),?([0-9A-Fa-f]{4})\)?")


def action_word(action: str) -> Word:
    """Label and sentence of an action; an action of a later engine is called by its own name."""
    return ACTIONS.get(action) or Word(action.replace("-", " "), "See the policy.")


def in_order(counts: dict[str, int], words: Iterable[str] = ACTIONS) -> list[tuple[str, int]]:
    """Counts in the order of some words (the actions), unknown ones at the end by name."""
    places = {name: number for number, name in enumerate(words)}
    return sorted(counts.items(), key=lambda item: (places.get(item[0], len(places)), item[0]))


def parse_tag(text: str) -> int | None:
    """``"GGGG,EEEE"`` (with or without brackets and comma) as a number; None for anything else."""
    found = _TAG.fullmatch(text.strip())
    return int(found[1] + found[2], 16) if found else None


def attribute(tag: int | None) -> tuple[str, str]:
    """Keyword and name of an attribute; private (None for all of them) and unknown ones have no keyword."""
    if tag is None:
        return "", "private attributes"
    if (tag >> 16) % 2:
        return "", "private block" if 0x10 <= (tag & 0xFFFF) <= 0xFF else "private attribute"
    try:
        return dictionary_keyword(tag), dictionary_description(tag)
    except KeyError:
        return "", "unknown attribute"


def number(count: int) -> str:
    """A count, thousands set apart by a thin space."""
    return f"{count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def many(count: int, one: str, more: str = "") -> str:
    """A count with its noun: ``1 object``, ``3 objects``."""
    return f"{number(count)} {one if count == 1 else more or f'{one}s'}"
