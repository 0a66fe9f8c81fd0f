"""The handlers in the order in which they describe themselves, and the dispatch from action to handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deid.handlers.ages import CapAge
from deid.handlers.base import Element, Handler, Scope, Unfit
from deid.handlers.codes import CodeMeaning
from deid.handlers.dates import KeepTimes, ShiftDates
from deid.handlers.dummies import Dummy
from deid.handlers.ids import Hash
from deid.handlers.names import Alias
from deid.handlers.private import SafePrivate
from deid.handlers.removal import Empty, Remove
from deid.handlers.sequences import Sequences
from deid.handlers.text import CleanText, ScanText
from deid.handlers.uids import MapUids

if TYPE_CHECKING:
    from deid.actions import Action
    from deid.policy import Policy

__all__ = ["BY_ACTION", "HANDLERS", "Element", "Handler", "Scope", "Unfit", "apply", "describe_handlers"]

HANDLERS: tuple[Handler, ...] = (
    Alias(),
    MapUids(),
    ShiftDates(),
    KeepTimes(),
    Hash(),
    CapAge(),
    Empty(),
    Dummy(),
    Remove(),
    CodeMeaning(),
    CleanText(),
    ScanText(),
)
BY_ACTION: dict[Action, Handler] = {action: handler for handler in HANDLERS for action in handler.actions}


def apply(action: Action, fallback: Action, element: Element, scope: Scope) -> bytes | None:
    """New value of an attribute whose rule is not ``keep``; None removes it.

    A value that does not fit the action is treated by the fallback, which takes any value.
    """
    try:
        return BY_ACTION[action](element, scope)
    except Unfit:
        return BY_ACTION[fallback](element, scope)


def describe_handlers(policy: Policy) -> list[str]:
    """What all handlers do under a policy, in English."""
    lines = [line for handler in HANDLERS for line in handler.describe(policy)]
    return [*lines, *SafePrivate().describe(policy), *Sequences().describe(policy)]
