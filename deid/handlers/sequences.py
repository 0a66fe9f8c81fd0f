"""Sequences: a kept one is cleaned item by item, at every depth, by the same rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom.datadict import dictionary_keyword

from deid.handlers.base import Element, encoded
from deid.handlers.codes import SCHEME, VALUE
from deid.handlers.dummies import TEXT

if TYPE_CHECKING:
    from deid.policy import Policy


def dummy_item(tag: int) -> list[Element]:
    """The only item of a sequence with code D: a meaningless code where a code is due, else an empty item."""
    try:
        coded = dictionary_keyword(tag).endswith("CodeSequence")
    except KeyError:
        coded = False
    if not coded:
        return []
    return [
        Element(VALUE, "SH", encoded(TEXT, "SH")),
        Element(SCHEME, "SH", encoded("99RADFLOW", "SH")),
        Element(0x00080104, "LO", encoded(TEXT, "LO")),
    ]


class Sequences:
    """Describes what the walkers do with sequences."""

    def describe(self, _policy: Policy) -> list[str]:
        """See :class:`deid.handlers.base.Handler`."""
        return ["Sequences that stay are cleaned item by item by the same rules; D leaves one dummy item."]
