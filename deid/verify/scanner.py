"""Which values of a file are new to the series, and which of the known strings are in them.

Most values of a series repeat from slice to slice, so each distinct (path, context, value) is looked at once.
:class:`PythonScanner` says what is meant; ``_search.c`` does the same many times as fast where it was compiled,
with keyed 128-bit hashes in the place of the values that are remembered.
"""

from __future__ import annotations

import importlib
import os
import re
from typing import TYPE_CHECKING, NamedTuple, Protocol

from deid.rawbytes import LONG_FORM, SHORT_FORM, Mode, Status, Walk, vr_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType


def _built() -> ModuleType | None:
    try:
        return importlib.import_module("deid._search")
    except ImportError:  # no compiler where the package was installed
        return None


_search = _built()
#: Values that say nothing about a person by themselves: numbers. In outputs also what is judged by hits alone.
QUIET_ORIGINAL = (
    "AT", "DS", "FD", "FL", "IS", "OD", "OF", "OL", "OV", "SL", "SS", "SV", "UL", "US", "UV",
)  # fmt: skip
QUIET_OUTPUT = (*QUIET_ORIGINAL, "CS", "DT", "OB", "OW", "TM", "UI")
_UID_RUN = re.compile(rb"[0-9][0-9.]*")
_LONGEST_UID = 190
_WALKED = frozenset({Status.DONE, Status.NATIVE, Status.ENCAPSULATED})
_CODE_VALUE = 0x00080100
#: A shorter private text makes no string to search for.
_SHORTEST = 5
#: Characters that hold the day of a DA or DT, also in the old form with dots.
_DAY = 10


class Event(NamedTuple):
    """A value to judge.

    Attributes:
        path: tags from the top to it.
        vr: its VR, empty where unknown.
        value: its bytes.
        context: the private creator of a private element, the coding scheme of a code meaning, else empty.
        hits: (number of the pattern, offset in the value); -1 for a UID. None where the value was reported before
            and comes only because it is reported from every file.
    """

    path: tuple[int, ...]
    vr: str
    value: bytes
    context: bytes
    hits: list[tuple[int, int]] | None


Scan = tuple[int, int, int, int, list[Event]]
Buffer = bytes | memoryview


class Scanner(Protocol):
    """What both scanners do; see :class:`PythonScanner`."""

    def original(self, window: Buffer, base: int, position: int, total: int, mode: int, /) -> Scan:
        """Scan a window of an original."""

    def output(self, window: Buffer, base: int, position: int, total: int, mode: int, /) -> Scan:
        """Scan a window of an output."""

    def known(self, path: tuple[int, ...], value: bytes, /) -> bool:
        """Whether an original has this value at this path."""

    def again(self, path: tuple[int, ...], vr: str, value: bytes, context: bytes, /) -> None:
        """Report this value in every output, not only in the first."""

    def pattern(self, raw: bytes, number: int, /) -> None:
        """Search for a string of three bytes or more; ASCII letters match in either case."""

    def uid(self, raw: bytes, /) -> None:
        """Search for a UID, by itself or as the root of a longer one."""

    def find(self, raw: bytes, /) -> list[tuple[int, int]]:
        """Hits in some bytes."""


class PythonScanner:
    """The scanner in plain Python: the meaning of the compiled one, and its stand-in.

    Args:
        always: top-level tags whose values, and code values below them, are reported from every file.
        loud: tags whose values are reported from outputs even where their VR is quiet, if an original has the same.
        quiet: VRs whose values are reported from outputs for a hit only; private elements and graphics always are.
    """

    def __init__(
        self, always: Iterable[int] = (), loud: Iterable[int] = (), quiet: Iterable[str] = QUIET_OUTPUT
    ) -> None:
        self._quiet = frozenset(quiet)
        self._always, self._loud = frozenset(always), frozenset(loud)
        self._seen: set[tuple[tuple[int, ...], str, bytes, bytes]] = set()
        self._judged: set[tuple[tuple[int, ...], str, bytes, bytes]] = set()
        self._again: set[tuple[tuple[int, ...], str, bytes, bytes]] = set()
        self._known: set[tuple[tuple[int, ...], bytes]] = set()
        self._patterns: dict[bytes, list[int]] = {}
        self._uids: set[bytes] = set()

    def original(self, window: Buffer, base: int, position: int, total: int, mode: int, /) -> Scan:
        """Scan a window of an original from a position on: see :class:`deid.rawbytes.Walk`.

        Returns:
            Status, position, start and end of pixel data, and what is new, no plain number, and if private long
            enough to mean something.
        """
        return self._scan(window, base, position, total, mode, output=False)

    def output(self, window: Buffer, base: int, position: int, total: int, mode: int, /) -> Scan:
        """Scan a window of an output; what was reported before, or judged in vain, is passed over."""
        return self._scan(window, base, position, total, mode, output=True)

    def _scan(self, window: Buffer, base: int, position: int, total: int, mode: int, *, output: bool) -> Scan:
        raw = bytes(window)
        walk = Walk(raw, base, total, Mode(mode))
        position, status = walk.run(position)
        events = []
        seen = self._judged if output else self._seen
        for path, vr, start, end, (first, last) in walk.found if status in _WALKED else ():
            value, context = raw[start - base : end - base], raw[first - base : last - base]
            key = path, vr, value if output else _telling(vr, value), context
            always = path[0] in self._always and (len(path) == 1 or path[-1] == _CODE_VALUE)
            fresh = key not in seen or (output and key in self._again)
            seen.add(key)
            if not output:
                self._known.add((path, value))
            if not fresh and not always:
                continue
            hits = self.find(value) if fresh and output else []
            if hits or always or not self._hushed(path, vr, value, output=output):
                events.append(Event(path, vr, value, context, hits if fresh else None))
        return int(status), position, *walk.pixels, events

    def _hushed(self, path: tuple[int, ...], vr: str, value: bytes, *, output: bool) -> bool:
        """Whether a new value may be passed over."""
        if not value:
            return True
        if not output:
            short = len(value) < _SHORTEST and vr != "PN"
            return vr in QUIET_ORIGINAL or (path[-1] >> 16 & 1 == 1 and short)
        if vr not in self._quiet or any(tag >> 16 & 1 or tag >> 24 in (0x50, 0x60) for tag in path):
            return False
        return not (any(tag in self._loud for tag in path) and (path, value) in self._known)

    def known(self, path: tuple[int, ...], value: bytes, /) -> bool:
        """Whether an original has this value at this path."""
        return (path, value) in self._known

    def again(self, path: tuple[int, ...], vr: str, value: bytes, context: bytes, /) -> None:
        """Report this value in every output: it was found wanting."""
        self._again.add((path, vr, value, context))

    def pattern(self, raw: bytes, number: int, /) -> None:
        """Search for a string; outputs judged before are judged anew.

        Raises:
            ValueError: when it is shorter than three bytes.
        """
        if len(raw) < 3 or number < 0:
            msg = "a pattern has three bytes or more and a number"
            raise ValueError(msg)
        self._patterns.setdefault(raw.lower(), []).append(number)
        self._judged.clear()

    def uid(self, raw: bytes, /) -> None:
        """Search for a UID."""
        if not 1 <= len(raw) <= _LONGEST_UID:
            msg = "a UID has 1 to 190 characters"
            raise ValueError(msg)
        self._uids.add(raw)
        self._judged.clear()

    def find(self, raw: bytes, /) -> list[tuple[int, int]]:
        """Every place of every string, overlapping ones too."""
        lowered = raw.lower()
        hits = []
        for pattern, numbers in self._patterns.items():
            position = lowered.find(pattern)
            while position >= 0:
                hits += [(number, position) for number in numbers]
                position = lowered.find(pattern, position + 1)
        for run in _UID_RUN.finditer(raw) if self._uids else ():
            text = run.group()
            ends = [place for place, byte in enumerate(text) if byte == ord(".")]
            if ends:
                hits += [(-1, run.start()) for end in (*ends, len(text)) if text[:end] in self._uids]
        return hits


def _telling(vr: str, value: bytes) -> bytes:
    """What of a value makes it new: of a single date of an original only the day."""
    return value[:_DAY] if vr in ("DA", "DT") and b"\\" not in value else value


def compiled_module(*, force: bool | None) -> ModuleType | None:
    """The compiled twin, or None where Python is to do it.

    Args:
        force: one or the other; None takes the fastest there is.

    Raises:
        ImportError: when the compiled one is asked for and was not built.
    """
    if force is False or (force is None and _search is None):
        return None
    if _search is None:
        msg = "deid._search was not built: install the package where a C compiler is"
        raise ImportError(msg)
    return _search


def make_scanner(
    always: Iterable[int], loud: Iterable[int], *, uids: bool = False, compiled: bool | None = None
) -> Scanner:
    """The fastest scanner there is.

    Args:
        always: see :class:`PythonScanner`.
        loud: see :class:`PythonScanner`.
        uids: whether every UID is reported from outputs.
        compiled: see :func:`compiled_module`.
    """
    module = compiled_module(force=compiled)
    quiet = [vr for vr in QUIET_OUTPUT if vr != "UI" or not uids]
    if module is None:
        return PythonScanner(always, loud, quiet)
    scanner: Scanner = module.Scanner(
        vr_of, Event, tuple(always), tuple(loud), "".join(QUIET_ORIGINAL), "".join(quiet),
        "".join(LONG_FORM), "".join(SHORT_FORM), os.urandom(16),
    )  # fmt: skip
    return scanner
