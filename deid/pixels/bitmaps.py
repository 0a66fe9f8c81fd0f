"""Text in bitmaps (overlays): found by the detectors for pictures, its ink taken out, looked for again."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from deid.pixels.areas import painted
from deid.pixels.find import legible, read_lines, search

Bits = npt.NDArray[np.bool_]
ROUNDS = 3  #: searches before the bitmap is given up
FRAMES = 64  #: different frames that are searched; a bitmap with more is given up
LETTER = 64  #: pixels; a shape up to this size that reaches into found text goes whole
_MARGIN = 2
_DENSEST = 0.5  #: of a frame; in a bitmap with more ink the ground is what is drawn


def without_text(data: bytes, shape: tuple[int, int, int], *, swapped: bool = False) -> bytes | None:
    """The bits of a bitmap without the ink of text.

    Args:
        data: one bit a pixel, the first in the lowest bit, frames one after the other (PS3.5 8.1.2).
        shape: frames, rows, columns.
        swapped: whether the data are big endian words.

    Returns:
        The same bytes where no text was found; None where text is left after :data:`ROUNDS`, or where more
        than :data:`FRAMES` frames differ.
    """
    raw = np.frombuffer(data, np.uint8)
    words = raw.reshape(-1, 2)[:, ::-1].ravel() if swapped else raw
    count = shape[0] * shape[1] * shape[2]
    bits = np.unpackbits(words, bitorder="little")
    frames = bits[:count].reshape(shape).astype(bool)
    seen: set[bytes] = set()
    out = frames.copy()
    for number, frame in enumerate(frames):
        key = np.packbits(frame).tobytes()
        if key not in seen and len(seen) == FRAMES:
            return None
        seen.add(key)
        cleared = _cleared(key, (shape[1], shape[2]))
        if cleared is None:
            return None
        out[number] = cleared
    if np.array_equal(out, frames):
        return data
    bits[:count] = out.ravel()
    bits[count:] = 0
    packed = np.packbits(bits, bitorder="little")
    return (packed.reshape(-1, 2)[:, ::-1] if swapped else packed).tobytes()


@lru_cache(maxsize=FRAMES)
def _cleared(packed: bytes, shape: tuple[int, int]) -> Bits | None:
    """:func:`frame_without_text`, remembered: slices of a series often have the same overlay."""
    bits = np.unpackbits(np.frombuffer(packed, np.uint8))
    return frame_without_text(bits[: shape[0] * shape[1]].reshape(shape).astype(bool))


def frame_without_text(frame: Bits) -> Bits | None:
    """One frame without the ink of text; None where some is left."""
    left = frame.copy()
    for _ in range(ROUNDS):
        if not left.any():
            return left
        mask = text_mask(left)
        if not (mask & left).any():
            return left
        left &= ~_letters(left, mask)
    return left if not (text_mask(left) & left).any() else None


def text_mask(frame: Bits) -> Bits:
    """Where text is in a frame; everywhere, where it is written in what the ink leaves free."""
    dense = bool(frame.mean() > _DENSEST)
    gray = (frame != dense).astype(np.uint8) * 255
    mask = painted(search([gray]), gray.shape, _MARGIN) > 0
    return np.full(frame.shape, mask.any()) if dense else mask


def _letters(frame: Bits, mask: Bits) -> Bits:
    """The mask, and the whole of small shapes that reach into it: a letter is not cut in two."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(frame.astype(np.uint8), connectivity=8)
    touched = np.zeros(count, bool)
    touched[np.unique(labels[mask & frame])] = True
    touched[0] = False
    small = (stats[:, cv2.CC_STAT_WIDTH] <= LETTER) & (stats[:, cv2.CC_STAT_HEIGHT] <= LETTER)
    return np.asarray(mask | (touched & small)[labels])


def readings(frame: npt.NDArray[np.generic]) -> Iterator[str]:
    """What can be read in a frame, for the verifier."""
    gray = frame.astype(np.uint8) * 255
    for piece in search([gray]):
        reading, score = read_lines(gray, piece.quad, piece.box(gray.shape))
        if legible(reading, score):
            yield reading
