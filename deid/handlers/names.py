"""The patient's name and ID: the alias."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deid.actions import Action
from deid.handlers.base import encoded

if TYPE_CHECKING:
    from deid.handlers.base import Element, Scope
    from deid.policy import Policy

_PATIENT_ID = 0x00100020


class Alias:
    """The patient's name and ID become the alias, at every depth; another patient's ID another alias."""

    actions = frozenset({Action.ALIAS})

    def __call__(self, element: Element, scope: Scope) -> bytes | None:
        """See :class:`deid.handlers.base.Handler`."""
        alias = scope.alias
        if element.tag == _PATIENT_ID:
            found = element.value.decode("latin-1").strip("\0 ")
            who = scope.linkage.person(found, scope.issuer)
            if found and who != scope.linkage.person(scope.patient_id, scope.issuer):
                alias = scope.pseudonyms.patient(*who)
        return encoded(alias, element.vr)

    def describe(self, _policy: Policy) -> list[str]:
        """See :class:`deid.handlers.base.Handler`."""
        return [
            "Patient name and patient ID become an alias like RF-7K3M9Q2XTB, a keyed hash of ID and issuer."
        ]
