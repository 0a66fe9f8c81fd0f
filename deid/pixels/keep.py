"""Which recognised text may stay: markers of side and projection, and measurement scales, never a part of identity."""

from __future__ import annotations

import re
from collections.abc import Iterable

SURE = 0.9  #: how sure the recogniser must be
MARKERS = frozenset(
    {
        "R", "L", "RT", "LT", "RIGHT", "LEFT", "RE", "LI", "AP", "PA", "LAT", "LATERAL", "LL", "RL", "SUPINE", "PRONE",
        "ERECT", "UPRIGHT", "CC", "MLO", "ML", "LM", "XCCL", "RCC", "LCC", "RMLO", "LMLO", "RML", "LML", "RLM", "LLM",
        "DECUB", "ANT", "POST", "SUP", "INF", "MED",
    }
)  # fmt: skip
UNITS = r"(?:MM|CM|M|HZ|KHZ|MHZ|FPS|S|MS|DB|%|CM/S|M/S|MMHG|BPM|KV|KVP|MA|MAS|HU|DEG|°)"
SCALE = re.compile(rf"[+-]?\d{{1,4}}(?:[.,]\d{{1,2}})?\s?{UNITS}-?")


def words(text: str) -> list[str]:
    """Runs of letters and digits, upper case."""
    return re.findall(r"[^\W_]+", text.upper())


def identity_words(identity: Iterable[str]) -> frozenset[str]:
    """All words of the patient's own identity, and each value as one word."""
    found: set[str] = set()
    for value in identity:
        parts = words(value)
        found.update(parts)
        found.add("".join(parts))
    return frozenset(found - {""})


def may_stay(text: str, score: float, keep: frozenset[str], identity: frozenset[str]) -> bool:
    """Whether a recognised text may stay.

    Args:
        text: the reading.
        score: how sure the recogniser is, 0..1.
        keep: kinds of :data:`deid.pixels.rules.KEEP`.
        identity: :func:`identity_words` of the patient.
    """
    tokens = words(text)
    if score < SURE or not tokens or names(text, identity):
        return False
    if "laterality" in keep and len(tokens) <= 2 and all(token in MARKERS for token in tokens):
        return True
    return "scale" in keep and SCALE.fullmatch(text.strip().upper()) is not None


def names(text: str, identity: frozenset[str]) -> bool:
    """Whether a text holds a word of the identity, or is a part of one of three letters or more."""
    tokens = words(text)
    joined = "".join(tokens)
    if any(token in identity for token in tokens) or joined in identity:
        return True
    return any(
        (len(joined) >= 3 and joined in word) or (len(word) >= 4 and word in joined) for word in identity
    )
