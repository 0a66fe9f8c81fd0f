"""The new value of Pixel Data: touched frames written again without loss, all others copied."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from deid.pixels.codec import COLOUR_DECODED, JPEG_DCT, NotEncodable, decode, encode
from deid.pixels.jpeg import blacken
from deid.pixels.regions import Box
from deid.pixels.source import Array, Layout, Source
from deid.pixels.views import fill, is_ybr

PHOTOMETRIC, PLANAR, TABLE, TABLE_LENGTHS = 0x00280004, 0x00280006, 0x7FE00001, 0x7FE00002


@dataclass
class Written:
    """A file with the value, its syntax if it is not the original's, attributes to set, and what is black now."""

    path: Path
    syntax: str | None = None
    changes: dict[int, bytes] = field(default_factory=dict)
    boxes: dict[int, list[Box]] = field(default_factory=dict)


def blank(
    layout: Layout, header: Dataset, frame: Array, boxes: Sequence[Box], *, high_bits: bool = False
) -> Array:
    """A copy of a frame with black boxes and, on wish, without unused high bits.

    Chroma of native 4:2:2 frames is shared by two columns: their boxes must start and end at even columns.
    """
    result = frame.copy()
    if high_bits:
        from deid.pixels.views import stored_bits

        result = stored_bits(layout, result).copy()
    black = fill(layout, header, frame)
    for left, top, right, bottom in boxes:
        result[top:bottom, left:right] = black if layout.samples == 3 else black[0]
    return result


def even(layout: Layout, boxes: Sequence[Box]) -> list[Box]:
    """Boxes on whole pairs of columns where two columns share their chroma."""
    if not layout.halved:
        return list(boxes)
    return [
        (left & ~1, top, min(right + (right & 1), layout.columns), bottom)
        for left, top, right, bottom in boxes
    ]


def write(source: Source, boxes: dict[int, list[Box]], scratch: Path, *, high_bits: bool = False) -> Written:
    """The value in the original's transfer syntax, or native where a touched frame cannot be written in that one.

    Args:
        source: the open object.
        boxes: frame number -> what is to be black; frames that are missing here are copied.
        scratch: where the file goes.
        high_bits: clear unused high bits of all frames.
    """
    path = scratch / f"pixels-{id(source)}.bin"
    try:
        with path.open("wb") as out:
            return _same_syntax(source, boxes, path, out, high_bits=high_bits)
    except NotEncodable:
        with path.open("wb") as out:
            return _native(source, boxes, path, out)


def _same_syntax(
    source: Source, boxes: dict[int, list[Box]], path: Path, out: BinaryIO, *, high_bits: bool
) -> Written:
    layout, result = source.layout, Written(path)
    offsets, lengths = [], []
    if not layout.native:
        table = 4 * layout.frames if source.basic_table else 0
        out.write(struct.pack("<HHI", 0xFFFE, 0xE000, table) + bytes(table))
    start = out.tell()
    for number in range(layout.frames):
        touched = number in boxes or high_bits
        offsets.append(out.tell() - start)
        if not touched:
            lengths.append(_copy(source, number, out))
            continue
        data, real = _touched(source, number, boxes.get(number, []), path.parent, high_bits=high_bits)
        result.boxes[number] = real
        lengths.append(len(data))
        if not layout.native:
            out.write(struct.pack("<HHI", 0xFFFE, 0xE000, len(data)))
        out.write(data)
    if layout.native:
        out.write(b"\0" * (out.tell() % 2))
        return result
    out.write(struct.pack("<HHI", 0xFFFE, 0xE0DD, 0))
    if source.basic_table:
        if offsets[-1] <= 0xFFFFFFFF:
            out.seek(8)
            out.write(struct.pack(f"<{layout.frames}I", *offsets))
        else:
            msg = "offset-table"
            raise NotEncodable(msg)
    if "ExtendedOffsetTable" in source.header:
        result.changes[TABLE] = struct.pack(f"<{layout.frames}Q", *offsets)
        result.changes[TABLE_LENGTHS] = struct.pack(f"<{layout.frames}Q", *lengths)
    return result


def _copy(source: Source, number: int, out: BinaryIO) -> int:
    total = 0
    for at, length in source.fragments(number):
        if not source.layout.native:
            out.write(struct.pack("<HHI", 0xFFFE, 0xE000, length))
        out.write(source.pread(length, at))
        total += length
    return total


def _touched(
    source: Source, number: int, boxes: list[Box], scratch: Path, *, high_bits: bool
) -> tuple[bytes, list[Box]]:
    layout, data = source.layout, source.read(number)
    if layout.syntax in JPEG_DCT:
        return blacken(data, boxes, scratch, inverse=layout.photometric == "MONOCHROME1")
    real = even(layout, boxes)
    frame = blank(layout, source.header, decode(layout, data), real, high_bits=high_bits)
    return encode(layout, frame, data), real


def _native(source: Source, boxes: dict[int, list[Box]], path: Path, out: BinaryIO) -> Written:
    """All frames decoded, little endian, colours by pixel: valid for every kind of pixels, at the price of size."""
    layout, result = source.layout, Written(path, ExplicitVRLittleEndian)
    for number in range(layout.frames):
        frame = decode(layout, source.read(number))
        if number in boxes:
            frame = blank(layout, source.header, frame, boxes[number])
            result.boxes[number] = boxes[number]
        out.write(np.ascontiguousarray(frame.astype(frame.dtype.newbyteorder("<"))).tobytes())
    out.write(b"\0" * (out.tell() % 2))
    if layout.samples == 3:
        result.changes[PLANAR] = b"\0\0"
        if layout.syntax in COLOUR_DECODED or not is_ybr(layout):
            result.changes[PHOTOMETRIC] = b"RGB "
        elif layout.photometric.endswith("422"):
            result.changes[PHOTOMETRIC] = b"YBR_FULL"
    if "ExtendedOffsetTable" in source.header:
        result.changes |= {TABLE: b"", TABLE_LENGTHS: b""}  # nothing to point into any more
    return result
