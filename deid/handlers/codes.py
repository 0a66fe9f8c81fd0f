"""Codes of local schemes (``99...``, PS3.16 section 8, or none): their meaning is free text that someone typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deid.actions import Action
from deid.handlers.base import encoded
from deid.handlers.text import CleanText

if TYPE_CHECKING:
    from deid.handlers.base import Element, Scope
    from deid.policy import Policy

SCHEME, VALUE = 0x00080102, 0x00080100
MEANING = "LOCAL CODE"


class CodeMeaning:
    """Code Meaning of a local scheme becomes a constant; meanings of registered schemes stay."""

    actions = frozenset({Action.CODE_MEANING})

    def __call__(self, element: Element, scope: Scope) -> bytes | None:
        """See :class:`deid.handlers.base.Handler`."""
        if scope.local_code and element.value:
            return encoded(MEANING, "LO")
        return CleanText.clean(element, scope, own_only=True)

    def describe(self, _policy: Policy) -> list[str]:
        """See :class:`deid.handlers.base.Handler`."""
        return [f"Code meanings of local coding schemes (99...) become {MEANING!r}."]
