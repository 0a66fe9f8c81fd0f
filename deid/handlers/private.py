"""Private attributes: the safe ones of PS3.15 Table E.3.10-1 stay, everything else goes.

A private attribute is known by its creator, group and the low byte of its element; the high byte is the block
that the creator reserved in this data set (PS3.5 7.8.1), so the same attribute has another tag in another
file.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deid import standard

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deid.policy import Policy

_TEXT = {
    "CS": re.compile(rb"[A-Z0-9 _\\\x00]*"),
    "DS": re.compile(rb"[0-9+\-.eE \\\x00]*"),
    "IS": re.compile(rb"[0-9+\- \\\x00]*"),
}
_SIZE = {"FD": 8, "FL": 4, "SL": 4, "SS": 2, "UL": 4, "US": 2}


class PrivateBlocks:
    """The blocks that private creators reserved in one data set (or item)."""

    def __init__(self, creators: Iterable[tuple[int, bytes]]) -> None:
        """Args: (tag, value) of the private creator elements ``(gggg,0010-00FF)``."""
        self._creators = {
            (tag >> 16, tag & 0xFF): value.decode("latin-1").strip("\0 ")
            for tag, value in creators
            if is_creator(tag)
        }

    def creator_tag(self, tag: int) -> int:
        """Tag of the creator element that reserved the block of ``tag``."""
        return tag & 0xFFFF0000 | (tag >> 8 & 0xFF)

    def safe_vr(self, tag: int) -> str | None:
        """VR by Table E.3.10-1, or None where the attribute is not known to be safe."""
        creator = self._creators.get((tag >> 16, tag >> 8 & 0xFF))
        return None if creator is None else standard.safe_private().get((creator, tag >> 16, tag & 0xFF))


def is_creator(tag: int) -> bool:
    """Whether a private tag reserves a block."""
    return 0x10 <= (tag & 0xFFFF) <= 0xFF


def fits(vr: str, file_vr: str | None, value: bytes) -> bool:
    """Whether a value can be what the table says: of that VR, and without letters in a number."""
    if file_vr not in (None, "", "UN", vr):
        return False
    if vr in _TEXT:
        return _TEXT[vr].fullmatch(value) is not None
    return vr not in _SIZE or len(value) % _SIZE[vr] == 0


class SafePrivate:
    """The Retain Safe Private option; describes what the walkers do by :class:`PrivateBlocks`."""

    def describe(self, policy: Policy) -> list[str]:
        """See :class:`deid.handlers.base.Handler`."""
        if "retain_safe_private" in policy.options:
            return [
                f"{len(standard.safe_private())} private attributes are known to be safe; others are removed."
            ]
        return ["All private attributes are removed."]
