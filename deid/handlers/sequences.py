"""Sequences: a kept one is cleaned item by item, at every depth, by the same rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom.datadict import dictionary_keyword

from deid.handlers.base import encoded
from deid.handlers.codes import SCHEME, VALUE
from deid.handlers.dummies import TEXT

if TYPE_CHECKING:
    from deid.policy import Policy

_CODE = ((VALUE, "SH", TEXT), (SCHEME, "SH", "99RADFLOW"), (0x00080104, "LO", TEXT))


def dummy_items(tag: int) -> tuple[bytes, bytes]:
    """The only item of a sequence with code D, explicit and implicit little endian.

    A meaningless code where a code is due, else an empty item.
    """
    try:
        coded = dictionary_keyword(tag).endswith("CodeSequence")
    except KeyError:
        coded = False
    bodies = [b"", b""]
    for element, vr, text in _CODE if coded else ():
        value = encoded(text, vr)
        head = (element >> 16).to_bytes(2, "little") + (element & 0xFFFF).to_bytes(2, "little")
        bodies[0] += head + vr.encode() + len(value).to_bytes(2, "little") + value
        bodies[1] += head + len(value).to_bytes(4, "little") + value
    explicit, implicit = (b"\xfe\xff\x00\xe0" + len(body).to_bytes(4, "little") + body for body in bodies)
    return explicit, implicit


class Sequences:
    """Describes what the walkers do with sequences."""

    def describe(self, _policy: Policy) -> list[str]:
        """See :class:`deid.handlers.base.Handler`."""
        return ["Sequences that stay are cleaned item by item by the same rules; D leaves one dummy item."]
