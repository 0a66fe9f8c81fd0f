"""Dummy values that say nothing and are valid for their VR."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deid.actions import Action
from deid.handlers.base import encoded

if TYPE_CHECKING:
    from deid.handlers.base import Element, Scope
    from deid.policy import Policy

TEXT = "DEIDENTIFIED"  # fits SH, AE and CS (16)
_DUMMIES = {
    "AS": "000D",
    "DA": "19000101",
    "DS": "0",
    "DT": "19000101000000",
    "IS": "0",
    "TM": "000000",
    "UR": "urn:deidentified",
}
_SIZES = {"AT": 4, "FD": 8, "FL": 4, "OD": 8, "OF": 4, "OL": 4, "OV": 8, "SL": 4, "SV": 8, "UL": 4, "UV": 8}
_TEXTS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"})


class Dummy:
    """D: a value that is no one's."""

    actions = frozenset({Action.DUMMY})

    def __call__(self, element: Element, scope: Scope) -> bytes | None:
        """See :class:`deid.handlers.base.Handler`."""
        if not element.value:
            return b""
        if element.vr == "UI":
            return encoded(scope.pseudonyms.uid(element.value.decode("latin-1").strip("\0 ")), "UI")
        if element.vr in _TEXTS:
            return encoded(TEXT, element.vr)
        if element.vr in _DUMMIES:
            return encoded(_DUMMIES[element.vr], element.vr)
        return bytes(_SIZES.get(element.vr[:2], 2))

    def describe(self, _policy: Policy) -> list[str]:
        """See :class:`deid.handlers.base.Handler`."""
        return [
            f"Attributes with code D become a dummy valid for their VR ({TEXT}, 1900-01-01, zero); compound "
            "codes are resolved by the type in the IOD, the strongest where it is unknown."
        ]
