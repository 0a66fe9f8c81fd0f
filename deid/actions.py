"""What may happen to an attribute, and the rule that says so."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Action(StrEnum):
    """What a handler does with one attribute. A sequence that is kept has its items cleaned."""

    KEEP = "keep"
    REMOVE = "remove"
    EMPTY = "empty"
    DUMMY = "dummy"
    UID = "uid"
    DATE = "shift"
    TIME = "time"
    ALIAS = "alias"
    HASH = "hash"
    AGE = "age"
    CODE_MEANING = "code-meaning"
    TEXT = "clean"
    SCAN = "search"


#: What a site rule may ask for.
SITE_ACTIONS = frozenset(
    {
        Action.KEEP, Action.REMOVE, Action.EMPTY, Action.DUMMY, Action.UID, Action.DATE, Action.HASH, Action.TEXT,
    }
)  # fmt: skip


class Rule(NamedTuple):
    """What to do with an attribute.

    Attributes:
        action: what to do.
        fallback: what to do when the value does not fit the action (a date that is none).
        vr: VR by the standard, empty where unknown; dummies are built for it.
    """

    action: Action
    fallback: Action = Action.REMOVE
    vr: str = ""
