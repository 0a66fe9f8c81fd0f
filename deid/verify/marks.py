"""What an output says about itself, and whether its dates moved together."""

from __future__ import annotations

import datetime
from collections import defaultdict
from typing import TYPE_CHECKING

from deid.policy import OPTIONS
from deid.verify.pictures import may_show_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from deid.policy import Policy
    from deid.verify.reader import Reading
    from deid.verify.scanner import Event

_IDENTITY_REMOVED, _METHOD, _CODES, _TEMPORAL = 0x00120062, 0x00120063, 0x00120064, 0x00280303
_BURNED_IN, _RECOGNIZABLE = 0x00280301, 0x00280302
METHOD_CODES = (_CODES, 0x00080100)
_META_UID, _UID = 0x00020003, 0x00080018
_PROFILE = b"113100"
#: Dates that tell by how much a patient's dates moved, the most reliable first.
_ANCHORS = (0x00080020, 0x00080021, 0x00080023, 0x00080022)
_SHIFTED, _FULL = "retain_longitudinal_modified_dates", "retain_longitudinal_full_dates"

Path = tuple[int, ...]


class Marks:
    """The marks of the outputs of one series.

    Args:
        policy: what its options ask for must be said.
    """

    def __init__(self, policy: Policy | None) -> None:
        self._options = policy.options if policy else None
        self._top: dict[int, bytes] = {}
        self._before: dict[Path, set[datetime.date]] = defaultdict(set)
        self._after: dict[Path, set[datetime.date]] = defaultdict(set)
        self._days = 0
        self._burned_in = False

    def original(self, events: Iterable[Event]) -> None:
        """Remember the dates of an original."""
        self._dates(events, self._before)
        self._burned_in |= any(
            event.path == (_BURNED_IN,) and event.value.strip(b"\0 ").upper() == b"YES" for event in events
        )

    def _dates(self, events: Iterable[Event], side: dict[Path, set[datetime.date]]) -> None:
        for event in events:
            if event.vr == "DA" and event.hits is not None:
                for text in event.value.strip(b"\0 ").split(b"\\"):
                    day = _day(text)
                    if day is not None:
                        side[event.path].add(day)

    def shift(self, events: list[Event]) -> int:
        """Days between the dates before and after; 0 where unknown or unchanged.

        The first output tells; the dates of the others are compared at the end.
        """
        self._dates(events, self._after)
        for tag in _ANCHORS if not self._days else ():
            before, after = self._before.get((tag,), set()), self._after.get((tag,), set())
            if len(before) == len(after) == 1:
                self._days = (next(iter(after)) - next(iter(before))).days
                break
        return self._days

    def torn(self) -> Iterator[Path]:
        """Paths whose dates did not move as the others did, where the policy shifts dates.

        Dates that did not move at all are found as dates.
        """
        if not self._days or (self._options is not None and _SHIFTED not in self._options):
            return
        moved = datetime.timedelta(days=self._days)
        for path, after in self._after.items():
            before = self._before.get(path)
            if before and any(day - moved not in before and day not in before for day in after):
                yield path

    def says(self, tag: int, value: bytes) -> bool:
        """Whether the output at hand has this value in a top-level attribute."""
        return self._top.get(tag, b"").strip(b"\0 ").upper() == value

    def may_show_text(self) -> bool:
        """Whether text may have been typed into the picture of the output at hand."""
        modality, image_type, photometric = (
            self._top.get(tag, b"").decode("latin-1").strip("\0 ").upper()
            for tag in (0x00080060, 0x00080008, 0x00280004)
        )
        return may_show_text(modality, image_type, photometric, "YES" if self._burned_in else "")

    def output(self, reading: Reading) -> Iterator[tuple[str, str]]:
        """What the marks of an output lack."""
        self._top = {event.path[0]: event.value for event in reading.events if len(event.path) == 1}
        if any(reading.preamble):
            yield "text", "preamble"
        if not self.says(_IDENTITY_REMOVED, b"YES") or not self._top.get(_METHOD, b"").strip(b"\0 "):
            yield "not-marked", "(0012,0062)"
        if self._top.get(_META_UID, b"").strip(b"\0 ") != self._top.get(_UID, b"").strip(b"\0 "):
            yield "not-marked", "(0002,0003)"
        for tag in (_BURNED_IN, _RECOGNIZABLE):
            if self.says(tag, b"YES"):
                yield "not-marked", f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
        if self._options is not None:
            yield from self._policy_marks(reading.events, self._options)

    def _policy_marks(self, events: Iterable[Event], options: frozenset[str]) -> Iterator[tuple[str, str]]:
        said = {event.value.strip(b"\0 ") for event in events if event.path == METHOD_CODES}
        wanted = {_PROFILE} | {OPTIONS[option][0].encode() for option in options if option in OPTIONS}
        if not wanted <= said:
            yield "not-marked", "(0012,0064)"
        temporal = b"UNMODIFIED" if _FULL in options else b"MODIFIED" if _SHIFTED in options else b"REMOVED"
        if not self.says(_TEMPORAL, temporal):
            yield "not-marked", "(0028,0303)"


def _day(text: bytes) -> datetime.date | None:
    digits = text.strip().replace(b".", b"")
    try:
        return datetime.date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None
