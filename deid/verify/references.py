"""Whether objects still find one another after their UIDs were mapped.

Nothing is known of the map: a reference that found its object among the originals must find one among the
outputs. So of the outputs at most as many references may dangle as of the originals.
"""

from __future__ import annotations

from array import array
from hashlib import blake2b
from typing import TYPE_CHECKING

from deid.findings import Finding, place

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deid.verify.scanner import Event

_INSTANCE, _SERIES, _STUDY, _FRAME = 0x00080018, 0x0020000E, 0x0020000D, 0x00200052
#: What a UID below the top level refers to.
_REFERENCES = {0x00081155: _INSTANCE, _SERIES: _SERIES, _STUDY: _STUDY, _FRAME: _FRAME, 0x30060024: _FRAME}
_TARGETS = frozenset(_REFERENCES.values())


class _Side:
    """UIDs of one side, as 64-bit hashes: eight bytes each, however many."""

    def __init__(self) -> None:
        self.targets: dict[int, array[int]] = {tag: array("Q") for tag in _TARGETS}
        self.references: dict[int, array[int]] = {tag: array("Q") for tag in _REFERENCES}

    def add(self, events: Iterable[Event]) -> None:
        for event in events:
            path, tag = event.path, event.path[-1]
            found = self.targets.get(tag) if len(path) == 1 and tag in _TARGETS else self.references.get(tag)
            if found is None or event.vr not in ("UI", "UN", ""):
                continue
            for uid in event.value.strip(b"\0 ").split(b"\\"):
                if uid:
                    found.append(int.from_bytes(blake2b(uid, digest_size=8).digest(), "big"))

    def dangling(self, tag: int) -> int:
        """Distinct UIDs that refer to nothing on this side."""
        return len(set(self.references[tag]) - set(self.targets[_REFERENCES[tag]]))


class References:
    """References of a batch: any number of series of any patients. Eight bytes an object and reference."""

    def __init__(self) -> None:
        self._before, self._after = _Side(), _Side()

    def original(self, events: Iterable[Event]) -> None:
        """Remember what an original is and refers to."""
        self._before.add(events)

    def output(self, events: Iterable[Event]) -> None:
        """Remember what an output is and refers to."""
        self._after.add(events)

    def findings(self) -> list[Finding]:
        """One finding for each attribute that refers to less than it did."""
        return [
            Finding(0, place((tag,)), "reference")
            for tag in sorted(_REFERENCES)
            if self._after.dangling(tag) > self._before.dangling(tag)
        ]
