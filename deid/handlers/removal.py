"""Attributes that go, or lose their value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deid.actions import Action

if TYPE_CHECKING:
    from deid.handlers.base import Element, Scope
    from deid.policy import Policy


class Remove:
    """X: the attribute goes."""

    actions = frozenset({Action.REMOVE})

    def __call__(self, _element: Element, _scope: Scope) -> bytes | None:
        """See :class:`deid.handlers.base.Handler`."""
        return None

    def describe(self, policy: Policy) -> list[str]:
        """See :class:`deid.handlers.base.Handler`."""
        graphics = "" if "clean_graphics" in policy.options else "curves, overlays, "
        return [
            f"Attributes with code X are removed; so are {graphics}group lengths, digital signatures, "
            "trailing padding, frame labels, attributes that the standard does not know, retired text "
            "attributes and names that its table does not list, and values whose encoding contradicts the "
            "data dictionary.",
            "Preamble and file meta information are written anew.",
        ]


class Empty:
    """Z: the value goes, the attribute stays."""

    actions = frozenset({Action.EMPTY})

    def __call__(self, _element: Element, _scope: Scope) -> bytes | None:
        """See :class:`deid.handlers.base.Handler`."""
        return b""

    def describe(self, _policy: Policy) -> list[str]:
        """See :class:`deid.handlers.base.Handler`."""
        return ["Attributes with code Z are emptied, the patient's birth date among them."]
