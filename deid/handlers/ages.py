"""Ages of very old people identify them; they are reported as one class."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deid.actions import Action
from deid.handlers.base import Unfit, ascii_text

if TYPE_CHECKING:
    from deid.handlers.base import Element, Scope
    from deid.policy import Policy

_AGE = re.compile(r"(\d{3})([DWMY])", re.ASCII)
_DAYS = {"D": 1, "W": 7, "M": 30.44, "Y": 365.25}


class CapAge:
    """Patient's Age stays, top-coded."""

    actions = frozenset({Action.AGE})

    def __call__(self, element: Element, scope: Scope) -> bytes | None:
        """See :class:`deid.handlers.base.Handler`."""
        if not element.value.strip(b"\0 "):
            return b""
        found = _AGE.fullmatch(ascii_text(element.value))
        if found is None:
            raise Unfit
        years = int(found[1]) * _DAYS[found[2]] / _DAYS["Y"]
        if scope.oldest_age is not None and years >= scope.oldest_age + 1:
            return f"{scope.oldest_age + 1:03d}Y".encode()
        return element.value

    def describe(self, _policy: Policy) -> list[str]:
        """See :class:`deid.handlers.base.Handler`."""
        return []
