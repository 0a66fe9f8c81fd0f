"""The concepts that curators tag series with: a small curated list with code, meaning and match quality.

The list is data (``concepts.json``). A code is there only where a named public source carries it; what has no
such code gets the private designator ``99RADFLOW`` and says ``none``: a forced code misleads later queries.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

from research.errors import RadflowError

PRIVATE_SCHEME = "99RADFLOW"
_KEY = re.compile(r"[A-Za-z0-9._-]{1,16}:[A-Za-z0-9._:-]{1,64}")


class TagError(RadflowError):
    """A tag that is not one of the concepts."""

    code = "tag"


@dataclass(frozen=True)
class Concept:
    """One thing a curator can say about a series.

    Attributes:
        scheme: coding scheme designator (DICOM PS3.16 chapter 8): DCM, SCT, RADLEX, or 99RADFLOW for our own.
        code: code value in that scheme.
        meaning: the scheme's own meaning of the code.
        label: what the curator reads; may be narrower or wider than ``meaning``.
        group: finding, region, acquisition, quality or provenance.
        match: how well ``meaning`` fits ``label``; ``none`` where the code is ours.
        same_as: keys of concepts with the same label in other schemes.
        source: where the code was seen.
    """

    scheme: str
    code: str
    meaning: str
    label: str
    group: str
    match: Literal["exact", "approximate", "none"]
    same_as: tuple[str, ...]
    source: str

    @property
    def key(self) -> str:
        """``scheme:code``, as criteria and forms write it."""
        return f"{self.scheme}:{self.code}"


def _load() -> Mapping[str, Concept]:
    raw = json.loads(files("research").joinpath("concepts.json").read_text(encoding="utf-8"))
    rows = [Concept(**{**row, "same_as": tuple(row["same_as"])}) for row in raw["concepts"]]
    return {row.key: row for row in rows}


CONCEPTS: Mapping[str, Concept] = _load()
"""Every concept by its key, in the order of the form."""


def split_key(key: str) -> tuple[str, str]:
    """Split ``scheme:code`` at its first colon.

    Raises:
        TagError: not a key.
    """
    if not _KEY.fullmatch(key):
        reason = f"{key[:60]!r} is not a concept key."
        raise TagError(reason, 'Write "scheme:code", for example "RADLEX:RID4799".')
    scheme, _, code = key.partition(":")
    return scheme, code


def concept(key: str) -> Concept:
    """The concept with this key.

    Raises:
        TagError: not a key, or no such concept; names the nearest.
    """
    split_key(key)
    found = CONCEPTS.get(key)
    if found is None:
        labels: dict[str, str] = {}
        for row in CONCEPTS.values():
            labels.setdefault(row.label.lower(), row.key)
        words = difflib.get_close_matches(key.partition(":")[2].lower(), labels, n=1)
        near = [labels[word] for word in words] or difflib.get_close_matches(key, CONCEPTS, n=1)
        hint = f"Did you mean {near[0]} ({CONCEPTS[near[0]].label})? " if near else ""
        reason = f"{key!r} is not in the list of concepts."
        raise TagError(reason, f"{hint}See research/concepts.json.")
    return found


def validate_tags(keys: Iterable[str]) -> tuple[Concept, ...]:
    """Check a curator's tags: known, each once, in the order of the list.

    Raises:
        TagError: the first key that is not a concept.
    """
    chosen = {concept(key).key for key in keys}
    return tuple(row for row in CONCEPTS.values() if row.key in chosen)


def choices() -> dict[str, str]:
    """Key to label with code, for a form: ``{"RADLEX:RID4799": "Emphysema (RADLEX RID4799)"}``."""
    return {row.key: f"{row.label} ({row.scheme} {row.code})" for row in CONCEPTS.values()}
