"""Files that mean harm, made of real ones: cut, flipped, with lengths that lie, nested without end, inflating."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from random import Random

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
BIG, DEFLATED = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
UNDEFINED = 0xFFFFFFFF
_LONG = (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
#: A sequence that no table knows, for nesting.
_SEQUENCE = 0x00082218


def parts(raw: bytes) -> tuple[bytes, bytes, str]:
    """Preamble and file meta information, data set (inflated), transfer syntax."""
    body = 144 + int.from_bytes(raw[140:144], "little")
    at = raw.index(b"\x02\0\x10\0UI") + 6
    syntax = raw[at + 2 : at + 2 + int.from_bytes(raw[at : at + 2], "little")].strip(b"\0 ").decode()
    data = raw[body:]
    return raw[:body], zlib.decompress(data, -zlib.MAX_WBITS) if syntax == DEFLATED else data, syntax


def whole(meta: bytes, data: bytes, syntax: str) -> bytes:
    """The file again."""
    if syntax == DEFLATED:
        squeeze = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        data = squeeze.compress(data) + squeeze.flush()
    return meta + data


def lengths(data: bytes, syntax: str) -> list[tuple[int, int]]:
    """(place, size) of the length fields of the top level, up to the pixel data."""
    order, found, at = (">" if syntax == BIG else "<"), [], 0
    while at + 12 <= len(data):
        group, _ = struct.unpack_from(order + "HH", data, at)
        if syntax == IMPLICIT:
            place, size = at + 4, 4
        elif data[at + 4 : at + 6] in _LONG:
            place, size = at + 8, 4
        else:
            place, size = at + 6, 2
        found.append((place, size))
        (length,) = struct.unpack_from(order + ("L" if size == 4 else "H"), data, place)
        at = place + size + length
        if group == 0x7FE0 or length == UNDEFINED:
            break
    return found


def element(tag: int, vr: bytes, value: bytes, syntax: str, *, length: int | None = None) -> bytes:
    """An element; ``length`` may lie."""
    order = ">" if syntax == BIG else "<"
    length = len(value) if length is None else length
    head = struct.pack(order + "HH", tag >> 16, tag & 0xFFFF)
    if syntax == IMPLICIT:
        return head + struct.pack(order + "L", length) + value
    if vr in _LONG:
        return head + vr + b"\0\0" + struct.pack(order + "L", length) + value
    return head + vr + struct.pack(order + "H", length & 0xFFFF) + value


def nested(depth: int, syntax: str, *, defined: bool, closed: bool = True) -> bytes:
    """A sequence in a sequence in a sequence."""
    order, value = (">" if syntax == BIG else "<"), b""
    for _ in range(depth):
        size = len(value) if defined else UNDEFINED
        item = struct.pack(order + "HHL", 0xFFFE, 0xE000, size) + value
        if not defined and closed:
            item += struct.pack(order + "HHL", 0xFFFE, 0xE00D, 0)
        value = element(_SEQUENCE, b"SQ", item, syntax, length=len(item) if defined else UNDEFINED)
        if not defined and closed:
            value += struct.pack(order + "HHL", 0xFFFE, 0xE0DD, 0)
    return value


def inserted(data: bytes, what: bytes, syntax: str) -> bytes:
    """An element of group 0008 put in its place: before the patient's group."""
    order = ">" if syntax == BIG else "<"
    at = 0
    for place, size in lengths(data, syntax):
        start = place - (4 if syntax == IMPLICIT else 8 if size == 4 else 6)
        if struct.unpack_from(order + "H", data, start)[0] > 0x0008:
            at = start
            break
    return data[:at] + what + data[at:]


def hostile(raw: bytes, seed: int) -> Iterator[tuple[str, bytes]]:
    """(what was done, file) of everything that is done to one real file."""
    chance, (meta, data, syntax) = Random(seed), parts(raw)
    order = ">" if syntax == BIG else "<"
    for _ in range(6):
        yield "cut", raw[: chance.randrange(len(raw))]
    for _ in range(8):
        flipped = bytearray(raw)
        for _ in range(chance.choice([1, 3, 20])):
            at = chance.randrange(132, min(len(raw), 4096))
            flipped[at] ^= 1 << chance.randrange(8)
        yield "flipped", bytes(flipped)
    places = lengths(data, syntax)
    for place, size in chance.sample(places, min(8, len(places))):
        wrong = bytearray(data)
        value = chance.choice([0, 1, 7, 0xFFFE, 0xFFFFFFF0, UNDEFINED, 1 << 31])
        struct.pack_into(
            order + ("L" if size == 4 else "H"), wrong, place, value & (UNDEFINED if size == 4 else 0xFFFF)
        )
        yield "wrong length", whole(meta, bytes(wrong), syntax)
    for defined in (True, False):
        for depth in (60, 200, 2000):
            if defined and syntax != IMPLICIT and depth == 2000:
                continue
            yield (
                f"nested {depth}",
                whole(meta, inserted(data, nested(depth, syntax, defined=defined), syntax), syntax),
            )
    yield (
        "no delimiter",
        whole(meta, inserted(data, nested(3, syntax, defined=False, closed=False), syntax), syntax),
    )
    huge = element(_SEQUENCE, b"SQ", b"", syntax, length=0xFFFFFFF0)
    yield "huge", whole(meta, inserted(data, huge, syntax), syntax)
    yield (
        "huge",
        whole(
            meta,
            inserted(data, element(0x00082229, b"UN", b"abcd", syntax, length=0xFFFFFFF0), syntax),
            syntax,
        ),
    )
    if syntax == DEFLATED:
        bomb = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
        head = bomb.compress(data)
        yield "bomb", meta + head + b"".join(bomb.compress(bytes(1 << 22)) for _ in range(140)) + bomb.flush()
        yield "noise", meta + chance.randbytes(4096)
