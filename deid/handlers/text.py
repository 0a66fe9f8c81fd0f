"""Free text: what identifies is cut, what is clinically useful stays (Clean Descriptors, PS3.15 E.3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deid.actions import Action
from deid.handlers.base import Unfit
from deid.handlers.charsets import codecs_of, decoded, encoded

if TYPE_CHECKING:
    from deid.handlers.base import Element, Scope
    from deid.policy import Policy

_SHORT = {"LO": 64, "SH": 16}  # characters (PS3.5 6.2)
_LONG = {"LT": 10240, "ST": 1024, "UT": 1 << 24, "UC": 1 << 24}
__all__ = ["CleanText", "ScanText", "codecs_of", "decoded", "encoded"]


class CleanText:
    """Cuts identity out of text, by everything that is known of how identity is written."""

    actions = frozenset({Action.TEXT})

    def __call__(self, element: Element, scope: Scope) -> bytes | None:
        """See :class:`deid.handlers.base.Handler`."""
        return self.clean(element, scope, own_only=False)

    @staticmethod
    def clean(element: Element, scope: Scope, *, own_only: bool) -> bytes | None:
        """The value without identity.

        Raises:
            Unfit: when nothing is left, or the value is no text.
        """
        value = element.value.rstrip(b"\0 ")
        if not value:
            return element.value
        long = element.vr in _LONG
        parts = [decoded(value, scope.codecs)]
        if not long:
            parts = parts[0].split("\\")
        cleaned = [scope.cleaner.clean(part, placeholder=long, own_only=own_only) for part in parts]
        cuts = [cut.kind for one in cleaned for cut in one.cuts]
        if not cuts:
            return element.value
        for kind in cuts:
            scope.cuts[element.tag, kind] += 1
        text = "\\".join(one.text.strip() for one in cleaned)
        limit = _SHORT.get(element.vr)
        if not text.strip("\\ ") or (limit and any(len(part) > limit for part in text.split("\\"))):
            raise Unfit  # nothing is left, or a moved date made it longer than its VR allows
        return encoded(text[: _LONG.get(element.vr, len(text))], scope.codecs)

    def describe(self, policy: Policy) -> list[str]:
        """See :class:`deid.handlers.base.Handler`."""
        lines = [
            "Text that stays is searched for the patient's own names, identifiers, places and telephone numbers, "
            "whatever attribute it stands in; what is found is cut."
        ]
        if "clean_descriptors" in policy.options:
            lines.append(
                "Descriptions and comments stay; names, dates, addresses, telephone numbers, identifiers and "
                "links are cut out of them, dates are moved with all others of the patient where dates are kept."
            )
        return lines


class ScanText(CleanText):
    """Searches text that the table does not list for the patient's own identifiers."""

    actions = frozenset({Action.SCAN})

    def __call__(self, element: Element, scope: Scope) -> bytes | None:
        """See :class:`deid.handlers.base.Handler`."""
        return self.clean(element, scope, own_only=True)

    def describe(self, _policy: Policy) -> list[str]:
        """See :class:`deid.handlers.base.Handler`."""
        return []
