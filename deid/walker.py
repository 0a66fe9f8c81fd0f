"""The walk that writes: an object's header bytes in, the de-identified header bytes out.

What stays is copied as bytes and never decoded; sequences are written with defined lengths. The same class
exists in C (``_walker.c``); this one works everywhere, also on big-endian data, and is the oracle that the
compiled one must equal byte for byte.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from deid.structure import (
    DEEPEST,
    DISORDER,
    ITEM_END,
    LONG,
    MALFORMED,
    PIXELS,
    UNDEFINED,
    Element,
    Reader,
    StructureError,
    swapped,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Call = Callable[[bytes, bytes, bool], bytes | None]

#: What to do with a value, and with a sequence.
KEEP, REMOVE, EMPTY, CALL, DUMMY = range(5)
_SCHEME, _MEANING = 0x00080102, 0x00080104
_MEMO_LIMIT = 20_000


class Entry(NamedTuple):
    """What happens to one attribute.

    Attributes:
        kind: KEEP, REMOVE, EMPTY or CALL, for a value.
        sequence: whether the standard says it is a sequence.
        items: KEEP (clean the items), REMOVE, EMPTY or DUMMY, for a sequence.
        vrs: VRs by the standard, two bytes each, empty where unknown.
        call: for CALL: (value, VR in the file, whether the code is of a local scheme) -> new value or None.
        dummy: the dummy item of a sequence: explicit and implicit little endian.
        native: for CALL: what the compiled walker may do by itself where the value has the usual form: 1 move a
            DA, 2 move a DT, 3 keep a TM, 4 map a UID. It does what ``call`` would do.
        inside: for a sequence: the place of its items, see :func:`deid.standard.places`.
    """

    kind: int
    sequence: bool = False
    items: int = KEEP
    vrs: bytes = b""
    call: Call | None = None
    dummy: tuple[bytes, bytes] = (b"", b"")
    native: int = 0
    inside: int = 1


class Plan:
    """Walks objects of one SOP class and one patient.

    Args:
        resolve: (tag, place) -> :class:`Entry`; asked once each. Place 0 is the top level, see
            :func:`deid.standard.places`.
        block: (creator, group) -> whether anything in that private block may stay.
        private: (creator, group, low byte of the element) -> :class:`Entry` or None; asked once each.
        odd: (tag, VR in the file, value) -> whether a value stays whose VR is not the standard's.
        days: days that dates move by.
        uid_secret: see :meth:`deid.pseudonyms.Pseudonyms.uid_secret`.
    """

    def __init__(
        self,
        resolve: Callable[[int, int], Entry],
        block: Callable[[bytes, int], bool],
        private: Callable[[bytes, int, int], Entry | None],
        odd: Callable[[int, bytes, bytes], bool],
        days: int = 0,  # noqa: ARG002 - for the compiled one; here the handlers know
        uid_secret: tuple[bytes, bytes] = (b"", b""),  # noqa: ARG002
    ) -> None:
        self._resolve, self._block, self._private, self._odd = resolve, block, private, odd
        self._entries: dict[tuple[int, int], Entry] = {}
        self._blocks: dict[tuple[bytes, int], bool] = {}
        self._privates: dict[tuple[bytes, int, int], Entry | None] = {}
        self._memo: dict[tuple[Entry, bytes, bool], bytes | None] = {}
        self._counts: dict[tuple[int, int], list[int]] = {}
        self._private_counts = [0, 0]

    def walk(
        self,
        data: bytes,
        start: int,
        end: int,
        implicit: bool,  # noqa: FBT001 - one signature with the C class
        inserts: Sequence[tuple[int, bytes]] = (),
        little_endian: bool = True,  # noqa: FBT001, FBT002
    ) -> bytes:
        """The data set's bytes from ``start`` to ``end``, treated.

        Args:
            data: the file.
            start: first byte of the data set.
            end: last + 1.
            implicit: whether VRs are left out.
            inserts: (tag, whole element) to set at the top level, ascending; replaces what is there.
            little_endian: byte order.

        Raises:
            StructureError: when the bytes do not add up; nothing of the result may be used.
        """
        walk = self.start(data, inserts, little_endian=little_endian)
        walk.data_set(start, end, 0, 0, implicit=implicit, delimited=False)
        walk.finish()
        return bytes(walk.out)

    def start(self, data: bytes, inserts: Sequence[tuple[int, bytes]], *, little_endian: bool) -> Walk:
        """One walk; another kind of plan may look more closely at its items."""
        return Walk(self, Reader(data, little_endian=little_endian), inserts)

    def counts(self) -> tuple[list[tuple[int, int, int, int, int, int]], int, int]:
        """((tag, place, kept, replaced, emptied, removed), ...), private kept, private removed; sorted."""
        rows = [
            (tag, place, kept, replaced, emptied, removed)
            for (tag, place), (kept, replaced, emptied, removed) in sorted(self._counts.items())
        ]
        return rows, self._private_counts[0], self._private_counts[1]

    # Used by Walk.

    def entry(self, tag: int, place: int) -> Entry:
        """What happens to a standard attribute."""
        found = self._entries.get((tag, place))
        if found is None:
            found = self._entries[tag, place] = self._resolve(tag, place)
        return found

    def count(self, tag: int, outcome: int, place: int) -> None:
        """Count what became of a standard attribute."""
        self._counts.setdefault((tag, place), [0, 0, 0, 0])[outcome] += 1

    def count_private(self, *, kept: bool) -> None:
        """Count what became of a private attribute."""
        self._private_counts[0 if kept else 1] += 1

    def safe_block(self, creator: bytes, group: int) -> bool:
        """Whether anything in a private block may stay."""
        found = self._blocks.get((creator, group))
        if found is None:
            found = self._blocks[creator, group] = self._block(creator, group)
        return found

    def private_entry(self, creator: bytes, group: int, low: int) -> Entry | None:
        """What happens to a private attribute."""
        key = creator, group, low
        if key not in self._privates:
            self._privates[key] = self._private(*key)
        return self._privates[key]

    def called(self, entry: Entry, value: bytes, vr: bytes, *, local: bool) -> bytes | None:
        """The new value by the entry's handler, remembered."""
        if entry.call is None:
            raise TypeError
        key = (entry, value + vr, local)
        if key not in self._memo:
            if len(self._memo) >= _MEMO_LIMIT:  # memory stays constant over a million objects
                self._memo.clear()
            self._memo[key] = entry.call(value, vr, local)
        return self._memo[key]

    def odd(self, tag: int, vr: bytes, value: bytes) -> bool:
        """Whether a value of an unexpected VR stays."""
        return self._odd(tag, vr, value)


KEPT, REPLACED, EMPTIED, REMOVED = range(4)


class Walk:
    """One walk over one object."""

    def __init__(self, plan: Plan, reader: Reader, inserts: Sequence[tuple[int, bytes]]) -> None:
        self.plan = plan
        self.reader = reader
        self.out = bytearray()
        self._inserts = list(inserts)
        self._u16 = struct.Struct(reader.order + "H")
        self._u32 = struct.Struct(reader.order + "L")

    def finish(self) -> None:
        """Write what is still to be set."""
        self._insert(0xFFFFFFFF)

    def _insert(self, tag: int) -> bool:
        """Write what comes before ``tag``, and ``tag`` itself; whether that was set."""
        while self._inserts and self._inserts[0][0] <= tag:
            found, element = self._inserts.pop(0)
            self.out += element
            if found == tag:
                return True
        return False

    def data_set(
        self, position: int, end: int, depth: int, place: int, *, implicit: bool, delimited: bool
    ) -> int:
        """Treat a data set or item; returns where the next thing begins."""
        if depth > DEEPEST:
            raise StructureError(MALFORMED)
        reader, last = self.reader, -1
        local = True
        creators = _Creators()
        while True:
            if position == end and not delimited:
                break
            reader.need(position, 8, end)
            if delimited and reader.tag(position) == ITEM_END:
                position += 8
                break
            found = reader.element(position, end, implicit=implicit)
            if found.tag <= last:
                raise StructureError(DISORDER)
            last = found.tag
            if found.tag >> 16 != creators.group:
                creators.close(self, found.tag >> 16)
            behind = reader.behind(found, end, implicit=implicit, depth=depth)
            if depth == 0 and self._insert(found.tag):
                pass
            elif found.tag >> 16 & 1:
                self._private(found, position, behind, depth, creators, implicit=implicit)
            else:
                self._standard(found, position, behind, depth, place, implicit=implicit, local=local)
            if found.tag == _SCHEME:
                name = reader.data[found.start : found.start + found.length].strip(b"\0 ")
                local = not name or name.startswith(b"99")
            position = behind
        creators.close(self, -1)
        return position

    def _standard(
        self,
        found: Element,
        position: int,
        behind: int,
        depth: int,
        place: int,
        *,
        implicit: bool,
        local: bool,
    ) -> None:
        tag = found.tag
        entry = self.entry(tag, place)
        fragments = found.length == UNDEFINED and tag in PIXELS
        if not fragments and (found.vr == b"SQ" or entry.sequence or found.length == UNDEFINED):
            wrong = found.vr not in (b"", b"SQ", b"UN") and found.length != UNDEFINED
            if wrong:
                raise StructureError(MALFORMED)
            outcome = self._sequence(found, behind, depth, entry, implicit=implicit)
        elif fragments:
            if entry.kind == KEEP:
                self.out += self.reader.data[position:behind]
            outcome = KEPT if entry.kind == KEEP else REMOVED
        else:
            outcome = self._value(found, position, behind, entry, implicit=implicit, local=local)
        self.plan.count(tag, outcome, place)

    def _value(
        self, found: Element, position: int, behind: int, entry: Entry, *, implicit: bool, local: bool
    ) -> int:
        data = self.reader.data
        if entry.kind == REMOVE:
            return REMOVED
        if entry.kind == EMPTY:
            self._header(found, 0, implicit=implicit)
            return EMPTIED
        value = data[found.start : behind]
        if entry.kind == KEEP:
            known = [entry.vrs[at : at + 2] for at in range(0, len(entry.vrs), 2)]
            if found.vr and known and found.vr not in known and not self.plan.odd(found.tag, found.vr, value):
                return REMOVED
            self.out += data[position:behind]
            return KEPT
        new = self.plan.called(entry, value, found.vr, local=local and found.tag == _MEANING)
        return self._write(found, value, new, implicit=implicit)

    def _write(self, found: Element, value: bytes, new: bytes | None, *, implicit: bool) -> int:
        if new is None:
            return REMOVED
        self._header(found, len(new), implicit=implicit)
        self.out += new
        return KEPT if new == value else REPLACED if new else EMPTIED

    def _header(self, found: Element, length: int, *, implicit: bool) -> None:
        self.out += self._u16.pack(found.tag >> 16) + self._u16.pack(found.tag & 0xFFFF)
        if implicit:
            self.out += self._u32.pack(length)
        elif found.vr in LONG:
            self.out += found.vr + b"\0\0" + self._u32.pack(length)
        elif length > 0xFFFF:
            raise StructureError(MALFORMED)
        else:
            self.out += found.vr + self._u16.pack(length)

    def _sequence(self, found: Element, behind: int, depth: int, entry: Entry, *, implicit: bool) -> int:
        if entry.items == REMOVE:
            return REMOVED
        inner = implicit or found.vr == b"UN"
        self._header(found, 0, implicit=implicit)
        begin = len(self.out)
        if entry.items == DUMMY:
            self.out += self._dummy(entry.dummy, implicit=inner)
        elif entry.items == KEEP:
            self._items(found, behind, depth, entry.inside, implicit=inner)
        self.out[begin - 4 : begin] = self._u32.pack(len(self.out) - begin)
        return {KEEP: KEPT, DUMMY: REPLACED}.get(entry.items, EMPTIED)

    def _dummy(self, dummy: tuple[bytes, bytes], *, implicit: bool) -> bytes:
        """A dummy item in the byte order of the data set."""
        if self.reader.order == "<":
            return dummy[1 if implicit else 0]
        return swapped(dummy[0], implicit=implicit)

    def _items(self, found: Element, behind: int, depth: int, place: int, *, implicit: bool) -> None:
        reader, position = self.reader, found.start
        delimited = found.length == UNDEFINED
        while (item := reader.item(position, behind, delimited=delimited)) is not None:
            start, length = item
            if not self.wanted(found.tag, start, length, behind, implicit=implicit):
                position = reader.behind_item(start, length, behind, implicit=implicit, depth=depth)
                continue
            self.out += self._u16.pack(0xFFFE) + self._u16.pack(0xE000) + bytes(4)
            begin = len(self.out)
            position = self.item(start, length, behind, depth + 1, place, implicit=implicit)
            self.out[begin - 4 : begin] = self._u32.pack(len(self.out) - begin)

    def wanted(self, _tag: int, _start: int, _length: int, _end: int, *, implicit: bool) -> bool:  # noqa: ARG002
        """Whether an item of the sequence ``_tag`` stays."""
        return True

    def entry(self, tag: int, place: int) -> Entry:
        """What happens to an attribute."""
        return self.plan.entry(tag, place)

    def item(self, start: int, length: int, end: int, depth: int, place: int, *, implicit: bool) -> int:
        """Treat one item; returns where the next thing begins."""
        delimited = length == UNDEFINED
        stop = end if delimited else start + length
        return self.data_set(start, stop, depth, place, implicit=implicit, delimited=delimited)

    def _private(
        self, found: Element, position: int, behind: int, depth: int, creators: _Creators, *, implicit: bool
    ) -> None:
        plan, data, tag = self.plan, self.reader.data, found.tag
        if 0x10 <= (tag & 0xFFFF) <= 0xFF and found.length != UNDEFINED and found.vr != b"SQ":
            name = data[found.start : behind].strip(b"\0 ")
            safe = plan.safe_block(name, tag >> 16)
            creators.open(self, tag & 0xFF, name, data[position:behind] if safe else b"")
            return
        creator = creators.names.get(tag >> 8 & 0xFF) if tag & 0xFFFF >= 0x1000 else None
        entry = plan.private_entry(creator, tag >> 16, tag & 0xFF) if creator is not None else None
        kept = False
        if entry is not None:
            kept = self._private_value(found, behind, depth, entry, implicit=implicit)
        if kept:
            creators.use(tag >> 8 & 0xFF)
        plan.count_private(kept=kept)

    def _private_value(
        self, found: Element, behind: int, depth: int, entry: Entry, *, implicit: bool
    ) -> bool:
        if entry.sequence:
            if found.vr not in (b"SQ", b""):
                return False
            return self._sequence(found, behind, depth, entry, implicit=implicit) != REMOVED
        if found.vr == b"SQ" or found.length == UNDEFINED:
            return False
        value = self.reader.data[found.start : behind]
        new = self.plan.called(entry, value, found.vr, local=False)
        return self._write(found, value, new, implicit=implicit) != REMOVED


class _Creators:
    """The private blocks of one group: creators of which nothing is kept are taken out again."""

    def __init__(self) -> None:
        self.group = -1
        self.names: dict[int, bytes] = {}
        self._places: dict[int, tuple[int, int]] = {}
        self._used: set[int] = set()

    def open(self, walk: Walk, block: int, name: bytes, element: bytes) -> None:
        if not element:
            self.names.pop(block, None)
            walk.plan.count_private(kept=False)
            return
        self.names[block] = name
        self._places[block] = len(walk.out), len(walk.out) + len(element)
        walk.out += element

    def use(self, block: int) -> None:
        self._used.add(block)

    def close(self, walk: Walk, group: int) -> None:
        for block, (first, last) in sorted(self._places.items(), reverse=True):
            walk.plan.count_private(kept=block in self._used)
            if block not in self._used:
                del walk.out[first:last]
        self.__init__()  # type: ignore[misc]
        self.group = group
