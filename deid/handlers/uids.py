"""UIDs: mapped to new ones, the same everywhere, so that references still resolve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deid.actions import Action

if TYPE_CHECKING:
    from deid.handlers.base import Element, Scope
    from deid.policy import Policy

#: Roots of registered UIDs (DICOM itself, HL7's registry of code systems): they identify no one.
WELL_KNOWN = ("1.2.840.10008.", "2.16.840.1.113883.6.")


class MapUids:
    """U: another UID for every UID that is not registered by the standard."""

    actions = frozenset({Action.UID})

    def __call__(self, element: Element, scope: Scope) -> bytes | None:
        """See :class:`deid.handlers.base.Handler`."""
        text = element.value.decode("latin-1").strip("\0 ")
        if "\\" in text:
            new = "\\".join(self._new(value.strip("\0 "), scope) for value in text.split("\\"))
        else:
            new = self._new(text, scope)
        raw = new.encode("latin-1")
        return raw + b"\0" if len(raw) % 2 else raw

    @staticmethod
    def _new(uid: str, scope: Scope) -> str:
        if not uid or (uid.startswith(WELL_KNOWN) and _registered(uid)):
            return uid
        return scope.pseudonyms.uid(uid)

    def describe(self, policy: Policy) -> list[str]:
        """See :class:`deid.handlers.base.Handler`."""
        if "retain_uids" in policy.options:
            return ["UIDs that the table does not list are mapped to 2.25.… by a keyed hash."]
        return ["UIDs are mapped to 2.25.… by a keyed hash; UIDs registered by the standard stay."]


def _registered(uid: str) -> bool:
    """Only digits and dots behind a registered root: a root must not smuggle text."""
    return uid.replace(".", "").isdigit()
