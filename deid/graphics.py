"""Clean Graphics (PS3.15 E.3.2) of overlays (60xx, PS3.3 C.9.2) and curves (50xx, retired).

The rules remove both groups. What may stay of them is put back: overlays whose bitmap shows no text, or none any
more, and curves that are nothing but numbers. Their labels and descriptions stay as far as they name nobody.
Graphic annotations of presentation states are sequences like any other and need nothing of this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from deid import plans
from deid.actions import Action
from deid.handlers import Element, Unfit, apply
from deid.handlers.text import decoded
from deid.structure import UNDEFINED, Reader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deid.handlers import Scope
    from deid.original import Original
    from deid.policy import Policy

#: What a policy may ask for: `[graphics] overlays` and `curves`.
OVERLAYS, CURVES = ("search", "remove"), ("numbers", "remove")
#: Elements of an overlay that say how its bitmap lies, and of a curve that say what its numbers are.
_OVERLAY = {
    0x0010: "US", 0x0011: "US", 0x0015: "IS", 0x0040: "CS", 0x0050: "SS", 0x0051: "US", 0x0100: "US", 0x0102: "US",
    0x1001: "CS", 0x1301: "IS", 0x1302: "DS", 0x1303: "DS", 0x3000: "",
}  # fmt: skip
_CURVE = {
    0x0005: "US", 0x0010: "US", 0x0020: "CS", 0x0103: "US", 0x0104: "US", 0x0105: "US", 0x0110: "US", 0x0112: "US",
    0x0114: "US", 0x3000: "",
}  # fmt: skip
#: Their texts, in either group: cleaned.
_TEXTS = {
    0x60: {0x0022: "LO", 0x0045: "LO", 0x1500: "LO"},
    0x50: {0x0022: "LO", 0x0030: "SH", 0x0040: "SH"},
}
#: Curve kinds (50xx,0020) that are measured or drawn, and bytes of a number by Data Value Representation (50xx,0103).
_KINDS = frozenset({b"TAC", b"PROF", b"HIST", b"ROI", b"TABL", b"FILT", b"POLY", b"ECG", b"PRESSURE", b"FLOW",
                    b"PHYSIO", b"RESP"})  # fmt: skip
_SIZES = (2, 2, 4, 8, 4)
_LARGEST = 1 << 28  #: pixels of an overlay, all frames; a larger one goes
DATA = 0x3000


class Part(NamedTuple):
    """One element of a group: VR in the file (empty for implicit) and value."""

    vr: str
    value: bytes


class Outcome(NamedTuple):
    """What becomes of the graphics of one object.

    Attributes:
        inserts: (tag, whole element) to set at the top level, ascending.
        told: (tag of the data, ``kept`` or ``replaced``) of each overlay and curve that stays.
    """

    inserts: list[tuple[int, bytes]]
    told: list[tuple[int, str]]


def describe(policy: Policy) -> list[str]:
    """What happens to overlays and curves, in English."""
    if "clean_graphics" not in policy.options:
        return []
    overlays = (
        "Overlays are searched for text and stay without it; where it cannot be searched or taken out, they are removed."
        if policy.overlays == "search"
        else "Overlays are removed."
    )
    curves = (
        "Curves stay if they are nothing but numbers and their labels name nobody; others are removed."
        if policy.curves == "numbers"
        else "Curves are removed."
    )
    return [overlays, curves]


def present(top: dict[int, bytes]) -> bool:
    """Whether an object has overlays or curves, by its top-level values that were collected."""
    return any(tag >> 24 in (0x50, 0x60) for tag in top)


def cleaned(original: Original, scope: Scope, policy: Policy) -> Outcome:
    """The overlays and curves that may stay.

    Args:
        original: the opened original.
        scope: the patient, whose identity must not be in labels; what was cut is counted in it.
        policy: its ``overlays`` and ``curves`` decide.

    Raises:
        StructureError: when the bytes do not add up.
    """
    done = Outcome([], [])
    for group, parts in sorted(_groups(original).items()):
        overlay = group >> 8 == 0x60
        if (policy.overlays if overlay else policy.curves) == "remove":
            continue
        known = _Group(group, parts, original, scope)
        data = known.bitmap() if overlay else known.numbers()
        if data is None:
            continue
        wanted = (_OVERLAY if overlay else _CURVE) | _TEXTS[group >> 8]
        for element in sorted(parts.keys() & wanted.keys()):
            value = data if element == DATA else known.value(element)
            if value is None:
                continue
            vr = parts[element].vr or wanted[element] or "OW"
            done.inserts.append(
                plans.inserted(
                    group << 16 | element, vr, value, implicit=original.implicit, order=original.order
                )
            )
        outcome = "kept" if data == parts[DATA].value else "replaced"
        done.told.append((group << 16 | DATA, outcome))
    return done


def _groups(original: Original) -> dict[int, dict[int, Part]]:
    """Group -> element -> part, of the top level."""
    found: dict[int, dict[int, Part]] = {}
    for tag, part in _elements(original):
        if tag >> 24 in (0x50, 0x60) and not tag >> 16 & 1:
            found.setdefault(tag >> 16, {})[tag & 0xFFFF] = part
    return found


def _elements(original: Original) -> Iterator[tuple[int, Part]]:
    reader, position = Reader(original.data, little_endian=original.order == "<"), original.body
    while position < original.stop:
        found = reader.element(position, original.stop, implicit=original.implicit)
        position = reader.behind(found, original.stop, implicit=original.implicit, depth=0)
        if found.length != UNDEFINED and found.vr != b"SQ":
            yield found.tag, Part(found.vr.decode(), original.data[found.start : position])


class _Group:
    """One overlay or curve."""

    def __init__(self, group: int, parts: dict[int, Part], original: Original, scope: Scope) -> None:
        self._group, self._parts, self._order, self._scope = group, parts, original.order, scope

    def _number(self, element: int, default: int) -> int:
        """An unsigned short."""
        value = self._parts.get(element, Part("", b"")).value
        return (
            int.from_bytes(value, "little" if self._order == "<" else "big") if len(value) == 2 else default
        )

    def _frames(self) -> int:
        text = self._parts.get(0x0015, Part("", b"1")).value.strip(b"\0 ")
        return int(text) if text.isdigit() and len(text) < 10 else 0

    def value(self, element: int) -> bytes | None:
        """A value that stays: a text without identity, or a number that is one."""
        part = self._parts[element]
        vr = _TEXTS[self._group >> 8].get(element)
        if vr is None:
            return part.value
        tag = self._group << 16 | element
        return apply(Action.TEXT, Action.REMOVE, Element(tag, vr, part.value), self._scope)

    def bitmap(self) -> bytes | None:
        """The bits of an overlay without text; None where it goes."""
        from deid.pixels.bitmaps import without_text

        part = self._parts.get(DATA)
        rows, columns = self._number(0x0010, 0), self._number(0x0011, 0)
        frames = self._frames()
        pixels = rows * columns * frames
        plain = self._number(0x0100, 1) == 1 and self._number(0x0102, 0) == 0
        if part is None or not plain or not 0 < pixels <= _LARGEST or not self._formal():
            return None
        size = (pixels + 7) // 8
        if not size <= len(part.value) <= size + size % 2:
            return None
        in_words = self._order == ">" and part.vr != "OB"
        found = without_text(part.value, (frames, rows, columns), swapped=in_words)
        if found is None or found != part.value:
            self._scope.cuts[self._group << 16 | DATA, "overlay text"] += 1
        return found

    def numbers(self) -> bytes | None:
        """The values of a curve that is nothing but numbers; None where it goes."""
        part = self._parts.get(DATA)
        kind = self._parts.get(0x0020, Part("", b"")).value.strip(b"\0 ")
        representation = self._number(0x0103, len(_SIZES))
        if part is None or kind not in _KINDS or representation >= len(_SIZES) or not self._formal():
            return None
        size = self._dimensions() * self._number(0x0010, 0) * _SIZES[representation]
        if not 0 < size <= len(part.value) <= size + size % 2:
            return None
        texts = _TEXTS[0x50].keys() & self._parts.keys()
        if any(self.value(element) != self._parts[element].value for element in texts):
            return None  # a curve that names somebody is somebody's
        return None if _readable(part.value, self._scope.codecs) else part.value

    def _dimensions(self) -> int:
        """How many dimensions have values of their own; the others are given by start and distance (50xx,0110)."""
        described = self._parts.get(0x0110)
        if described is None:
            return self._number(0x0005, 0)
        order: Literal["little", "big"] = "little" if self._order == "<" else "big"
        values = [described.value[at : at + 2] for at in range(0, len(described.value), 2)]
        return sum(int.from_bytes(value, order) == 1 for value in values)

    def _formal(self) -> bool:
        """Whether what describes the group is as short as it may be: numbers and code strings, no room for text."""
        wanted = _OVERLAY if self._group >> 8 == 0x60 else _CURVE
        for element, part in self._parts.items():
            vr = wanted.get(element)
            if vr in ("US", "SS") and (len(part.value) > 64 or part.vr not in ("", "US", "SS")):
                return False
            if element == DATA and part.vr not in ("", "OB", "OW"):
                return False
            if vr in ("CS", "IS", "DS") and not _plain(part.value, vr):
                return False
        return True


def _plain(value: bytes, vr: str) -> bool:
    allowed = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ \0" if vr == "CS" else b"0123456789+-.eE \0"
    return len(value) <= 16 and all(byte in allowed for byte in value)


def _readable(value: bytes, codecs: tuple[str, ...]) -> bool:
    """Whether numbers are text in disguise: all bytes printable."""
    try:
        text = decoded(value.rstrip(b"\0 "), codecs)
    except Unfit:
        return False
    return len(text) > 4 and all(letter.isprintable() and letter.isascii() for letter in text)
