"""Random DICOM bytes, valid and damaged, from one source of chance: for properties and for the long fuzz."""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random

LONG = ("OB", "OW", "OF", "OD", "OL", "OV", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")
SHORT = ("AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "PN", "SH", "SL", "SS", "ST",
         "TM", "UI", "UL", "US")  # fmt: skip
UNDEFINED = 0xFFFFFFFF
#: (tag, VR): attributes of many kinds, some twice as likely to meet a rule of their own.
TAGS = [
    (0x00080005, "CS"), (0x00080008, "CS"), (0x00080016, "UI"), (0x00080018, "UI"), (0x00080020, "DA"),
    (0x0008002A, "DT"), (0x00080030, "TM"), (0x00080050, "SH"), (0x00080060, "CS"), (0x00080070, "LO"),
    (0x00080080, "LO"), (0x00080090, "PN"), (0x00080100, "SH"), (0x00080102, "SH"), (0x00080104, "LO"),
    (0x00081030, "LO"), (0x0008103E, "LO"), (0x00081110, "SQ"), (0x00081140, "SQ"), (0x00082218, "SQ"),
    (0x00090010, "LO"), (0x00091001, "LO"), (0x000910FE, "UN"), (0x00100010, "PN"), (0x00100020, "LO"),
    (0x00100030, "DA"), (0x00101010, "AS"), (0x00104000, "LT"), (0x00120062, "CS"), (0x00180050, "DS"),
    (0x00181000, "LO"), (0x00189346, "SQ"), (0x00190010, "LO"), (0x00191008, "CS"), (0x0019100C, "IS"),
    (0x0019100E, "FD"), (0x001910FE, "LO"), (0x0020000D, "UI"), (0x0020000E, "UI"), (0x00200013, "IS"),
    (0x00204000, "LT"), (0x00209453, "LO"), (0x00280002, "US"), (0x00280010, "US"), (0x00280106, "US"),
    (0x00280303, "CS"), (0x0018A001, "SQ"), (0x00321060, "LO"), (0x00321064, "SQ"), (0x00400275, "SQ"),
    (0x0040A043, "SQ"), (0x0040A160, "UT"), (0x0040A730, "SQ"), (0x00540016, "SQ"), (0x00880200, "SQ"),
    (0x20010010, "LO"), (0x20011001, "FL"), (0x2001105F, "SQ"), (0x20051013, "SQ"), (0x20050010, "LO"),
    (0x50000005, "US"), (0x60003000, "OW"), (0x7FE00010, "OW"), (0xFFFCFFFC, "OB"), (0x00189ABC, "LO"),
    (0x00080000, "UL"),
]  # fmt: skip
CREATORS = [
    b"SIEMENS MR HEADER",
    b"Philips Imaging DD 001",
    b"GEMS_PARM_01",
    b"SECRET VENDOR",
    b" ELSCINT1 ",
    b"",
]
TEXTS = [
    b"", b" ", b"\0", b"Quimbly^Archibald ", b"MRN-0012345 ", b"20190314", b"120000", b"1.2.3.4.5", b"044Y",
    b"99LOCAL ", b"DCM ", b"99", b" SCT", b"Chest of Quimbly", b"ISO_IR 192", b"ISO_IR 100", b"12\\13 ", b"odd",
    b"\xff\xfe\x80", b"Mercy Hospital 20190314",
]  # fmt: skip


def data_set(
    chance: Random, *, implicit: bool, order: str = "<", depth: int = 0, damage: float = 0.0
) -> bytes:
    """A data set or item.

    Args:
        chance: the source.
        implicit: leave VRs out.
        order: byte order, as :mod:`struct` says it.
        depth: how deep it lies.
        damage: probability of something wrong, per choice.
    """

    def wrong() -> bool:
        return damage > 0 and chance.random() < damage

    tags = sorted(chance.sample(TAGS, chance.randint(0, 12 if depth == 0 else 5)))
    if wrong():
        chance.shuffle(tags)
    if tags and wrong():
        tags.insert(chance.randrange(len(tags) + 1), chance.choice(tags))
    return b"".join(
        _element(chance, tag, vr, wrong, implicit=implicit, order=order, depth=depth, damage=damage)
        for tag, vr in tags
    )


def _element(
    chance: Random,
    tag: int,
    vr: str,
    wrong: Callable[[], bool],
    *,
    implicit: bool,
    order: str,
    depth: int,
    damage: float,
) -> bytes:
    if not implicit and (wrong() or chance.random() < 0.06):
        vr = chance.choice([*LONG, *SHORT])
    unknown = not implicit and chance.random() < 0.08
    inner = implicit or unknown
    length = None
    if tag == 0x7FE00010 and chance.random() < 0.5 and not implicit:
        vr, length, value = "OB", UNDEFINED, _fragments(chance, order, wrong)
    elif vr == "SQ" and not (implicit and wrong()):
        value, length = _items(chance, wrong, implicit=inner, order=order, depth=depth, damage=damage)
    elif tag >> 16 & 1 and 0x10 <= (tag & 0xFFFF) <= 0xFF:
        value = chance.choice(CREATORS)
    elif vr in ("US", "SS"):
        value = struct.pack(order + "H", chance.choice([0, 1, 8, 16, 65535]))
    else:
        value = chance.choice(TEXTS)
        if chance.random() < 0.05:
            value = chance.randbytes(chance.randint(0, 9))
    if len(value) % 2 and chance.random() > 0.1:
        value += b" "
    if unknown and length is None:
        vr = "UN"
    elif unknown:
        vr = chance.choice(["UN", "SQ"]) if length == UNDEFINED else "UN"
        if vr == "SQ" and not implicit:
            vr = "UN"  # the items were written without VRs
    size = len(value) if length is None else length
    if wrong():
        size = chance.choice([size + 1, max(size - 1, 0), size + 2, size * 2, UNDEFINED, 0, 0xFFFFFFFE])
    return _header(tag, vr, size, implicit=implicit, order=order) + value


def _header(tag: int, vr: str, size: int, *, implicit: bool, order: str) -> bytes:
    size &= 0xFFFFFFFF
    head = struct.pack(order + "HH", tag >> 16, tag & 0xFFFF)
    if implicit:
        return head + struct.pack(order + "L", size)
    if vr in LONG:
        return head + vr.encode() + b"\0\0" + struct.pack(order + "L", size)
    return head + vr.encode() + struct.pack(order + "H", size & 0xFFFF)


def _items(
    chance: Random, wrong: Callable[[], bool], *, implicit: bool, order: str, depth: int, damage: float
) -> tuple[bytes, int | None]:
    """The items of a sequence, and its length: None as long as they are, or undefined."""
    count = 0 if depth > 4 else chance.choice([0, 1, 1, 2, 3])
    out = b""
    for _ in range(count):
        body = data_set(chance, implicit=implicit, order=order, depth=depth + 1, damage=damage)
        open_ended = chance.random() < 0.4
        tag = 0xE000 if not wrong() else chance.choice([0xE00D, 0xE0DD, 0x0001])
        size = UNDEFINED if open_ended else len(body)
        if wrong():
            size = chance.choice([UNDEFINED, size + 1, max(size - 2, 0), 0])
        out += struct.pack(order + "HHL", 0xFFFE, tag, size & 0xFFFFFFFF) + body
        if open_ended and not wrong():
            out += struct.pack(order + "HHL", 0xFFFE, 0xE00D, 0)
    if chance.random() < 0.5:
        return out + (b"" if wrong() else struct.pack(order + "HHL", 0xFFFE, 0xE0DD, 0)), UNDEFINED
    return out, None


def _fragments(chance: Random, order: str, wrong: Callable[[], bool]) -> bytes:
    out = b""
    for _ in range(chance.randint(1, 3)):
        value = chance.randbytes(2 * chance.randint(0, 4))
        out += struct.pack(order + "HHL", 0xFFFE, 0xE000, len(value) + 2 * wrong()) + value
    return out + (b"" if wrong() else struct.pack(order + "HHL", 0xFFFE, 0xE0DD, 0))


def mutated(chance: Random, raw: bytes, *, first: int = 0) -> bytes:
    """A file with something done to it: bytes flipped, cut, repeated, put in, swapped."""
    out = bytearray(raw)
    for _ in range(chance.choice([1, 1, 1, 2, 3, 5])):
        if len(out) <= first + 2:
            break
        at = chance.randrange(first, len(out))
        what = chance.randrange(7)
        if what <= 1:
            out[at] = chance.randrange(256)
        elif what == 2:
            out[at : at + 4] = chance.choice(
                [b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"]
            )
        elif what == 3:
            del out[at : at + chance.choice([1, 2, 4, 8, 20])]
        elif what == 4:
            out[at:at] = chance.randbytes(chance.choice([1, 2, 8]))
        elif what == 5:
            other = chance.randrange(first, len(out))
            out[at:at] = out[other : other + chance.randint(1, 40)]
        else:
            del out[at:]
    return bytes(out)
