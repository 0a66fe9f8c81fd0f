"""The generated facts of the standard (``_standard/*.json``) and the verifier's word lists, loaded once."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent / "_standard"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of PS3.15 Table E.1-1.

    Attributes:
        tag: (group << 16) | element.
        name: attribute name.
        vr: value representation; empty where the data dictionary does not know the attribute yet.
        basic: code of the Basic Profile (``X``, ``Z``, ``D``, ``U`` or a compound such as ``X/Z/D``).
        options: option name -> ``K`` or ``C``.
    """

    tag: int
    name: str
    vr: str
    basic: str
    options: dict[str, str]


def _read(name: str) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((FOLDER / name).read_text())
    return facts


@cache
def edition() -> str:
    """Edition of the standard that Table E.1-1 was taken from, e.g. ``2026d``."""
    return str(_read("confidentiality.json")["source"]["edition"])


@cache
def rows() -> dict[int, Row]:
    """Rows of Table E.1-1 by tag; the wildcard rows (curves, overlays, private) are not in it."""
    found = {}
    for tag, name, vr, basic, options in _read("confidentiality.json")["rows"]:
        if all(character in "0123456789ABCDEF" for character in tag):
            found[int(tag, 16)] = Row(int(tag, 16), name, vr, basic, options)
    return found


@cache
def attribute_types(sop_class: str) -> dict[int, str] | None:
    """Types (1, 1C, 2, 2C, 3) of the top-level attributes of an IOD that have a compound code.

    Returns:
        None where the SOP class is unknown; then nothing may be assumed.
    """
    types = _all_types().get(sop_class)
    return None if types is None else {int(tag, 16): kind for tag, kind in types.items()}


@cache
def _all_types() -> dict[str, dict[str, str]]:
    types: dict[str, dict[str, str]] = _read("attribute_types.json")["types"]
    return types


class Place(NamedTuple):
    """Where items of a sequence lie: what is known of their attributes.

    Attributes:
        types: tag -> type (1, 1C, 2, 2C, 3) of attributes with a compound code.
        inside: tag of a sequence -> number of the place of its items; the others' is 1.
    """

    types: dict[int, str]
    inside: dict[int, int]


@cache
def places() -> tuple[Place, ...]:
    """Places by number: 0 the top level, whose types depend on the SOP class; 1 wherever nothing is known."""
    found = [Place({}, {}), Place({}, {})]
    for path, types in _read("nested_types.json")["types"].items():
        here = 0
        for step in path.split("/"):
            if int(step, 16) not in found[here].inside:
                found[here].inside[int(step, 16)] = len(found)
                found.append(Place({}, {}))
            here = found[here].inside[int(step, 16)]
        found[here].types.update({int(tag, 16): kind for tag, kind in types.items()})
    return tuple(found)


@cache
def safe_private() -> dict[tuple[str, int, int], str]:
    """VR by (creator, group, low byte of the element) of Table E.3.10-1."""
    return {
        (creator, int(group, 16), int(element, 16)): vr
        for creator, group, element, vr, _ in _read("safe_private.json")["rows"]
    }


@cache
def private_dispositions() -> dict[tuple[str, int, int], dict[str, str]]:
    """VR -> action by (creator in lower case, group, low byte) of TCIA's private tag knowledge base.

    What it says of the top level holds everywhere (of 7,021 signatures 50 say something else below it, of numbers and
    coded values); where it only speaks of nested places and keeps in one what it removes in another, it is removed.
    """
    strict = ("remove", "uid", "shift", "keep")
    found: dict[tuple[str, int, int], dict[str, str]] = {}
    top: set[tuple[str, int, int, str]] = set()
    rows = sorted(
        _read("private_dispositions.json")["rows"], key=lambda row: bool(row[0])
    )  # the top level first
    for place, creator, group, element, action, vrs in rows:
        key = creator.strip().casefold(), int(group, 16), int(element, 16)
        known = found.setdefault(key, {})
        for vr in vrs.split():
            if place and (*key, vr) in top:
                continue
            known[vr] = min(known.get(vr, action), action, key=strict.index)
            if not place:
                top.add((*key, vr))
    return found


@cache
def content_items() -> dict[tuple[str, str, str], tuple[str, dict[str, str]]]:
    """(basic code, option -> ``K`` or ``C``) by (scheme, code value, value type) of Table E.3.4-1."""
    return {
        (scheme, code, value_type): (basic, options)
        for scheme, code, _, value_type, basic, options in _read("content_items.json")["rows"]
    }


@cache
def words(name: str) -> frozenset[str]:
    """A word list of ``words.toml``, in lower case."""
    text = (Path(__file__).parent / "words.toml").read_text()
    return frozenset(str(tomllib.loads(text)[name]).split())
