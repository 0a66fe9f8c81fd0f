"""Other identifiers: hashed where a policy wants them linkable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom.datadict import dictionary_keyword

from deid.actions import Action
from deid.handlers.base import encoded

if TYPE_CHECKING:
    from deid.handlers.base import Element, Scope
    from deid.policy import Policy


class Hash:
    """A keyed hash of 13 characters: equal numbers stay equal, nothing can be read off."""

    actions = frozenset({Action.HASH})

    def __call__(self, element: Element, scope: Scope) -> bytes | None:
        """See :class:`deid.handlers.base.Handler`."""
        value = element.value.decode("latin-1").strip("\0 ")
        if not value:
            return b""
        return encoded(scope.pseudonyms.text(dictionary_keyword(element.tag), value), element.vr)

    def describe(self, _policy: Policy) -> list[str]:
        """See :class:`deid.handlers.base.Handler`."""
        return ["Identifiers that a rule hashes become 13 characters of a keyed hash."]
