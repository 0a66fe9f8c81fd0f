"""Text in many frames for little more than the price of a few.

Text that stands still is searched for once, in the lightest, darkest and mean values of a sample of frames, and counts
where most sampled frames show the same strokes there. Each frame is then looked at with the static text already black:
where nothing changed against the last frame that was looked at, its result is taken over; where something did, the text
network sees the changed part again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np

from deid.pixels.areas import Found, painted
from deid.pixels.find import by_network, search
from deid.pixels.regions import Box
from deid.pixels.source import Array

SAMPLE = 12  #: frames that the projections are made of
ALIKE = 0.5  #: correlation of a sampled frame with the layer in which static text was found, strokes only
MOST = 0.75  #: share of the sampled frames that must be alike
BLOCK, CHANGED = (
    8,
    6.0,
)  #: blocks of 8 x 8 pixels whose mean absolute difference exceeds 6 of 255 gray levels changed
AROUND = 48  #: pixels of surroundings that the network gets with a changed part

Views = Callable[[int], list[Array]]


@dataclass
class Cine:
    """What was found: static text, and text of single frames; ``looked`` counts frames the network saw again."""

    static: list[Found] = field(default_factory=list)
    looked: int = 0


def sampled(frames: int) -> list[int]:
    """At most :data:`SAMPLE` frames, evenly spread, first and last among them."""
    return sorted({round(n) for n in np.linspace(0, frames - 1, min(frames, SAMPLE))})


def static_text(views: Views, frames: int) -> list[Found]:
    """Text that stands still; one pass over the sample, constant memory."""
    numbers = sampled(frames)
    first = views(numbers[0])[0]
    low, high, total = first.copy(), first.copy(), first.astype(np.float32)
    for number in numbers[1:]:
        gray = views(number)[0]
        np.minimum(low, gray, out=low)
        np.maximum(high, gray, out=high)
        total += gray
    mean = (total / len(numbers)).astype(np.uint8)
    layers = [(layer, search([layer])) for layer in (mean, low, high)]
    others = views(numbers[0])[1:]  # chroma or a wider window: of the first frame
    found = [(sharp(layer), piece) for layer, pieces in layers for piece in pieces]
    alike = np.zeros(len(found), int)
    for number in numbers:
        gray = sharp(views(number)[0])
        for index, (layer, piece) in enumerate(found):
            left, top, right, bottom = piece.box(gray.shape)
            part = np.s_[top:bottom, left:right]
            alike[index] += correlation(layer[part], gray[part]) >= ALIKE
    static = [piece for (_, piece), count in zip(found, alike, strict=True) if count >= MOST * len(numbers)]
    return static + by_network(others)


def sharp(gray: Array) -> Array:
    """What strokes of letters leave of a picture: its difference to a blurred one."""
    image = gray.astype(np.float32)
    return np.asarray(image - cv2.boxFilter(image, -1, (9, 9), borderType=cv2.BORDER_REFLECT))


def correlation(a: Array, b: Array) -> float:
    """Correlation of two pictures of zero mean, 1 where both are flat."""
    norm = float(np.sqrt(np.square(a).sum() * np.square(b).sum()))
    return float((a * b).sum()) / norm if norm else float(not a.any() and not b.any())


def changed(before: Array, now: Array) -> Box | None:
    """The box around all blocks that changed, None where none did; both (rows, columns) uint8."""
    rows, columns = now.shape
    difference = np.abs(now.astype(np.int16) - before).astype(np.float32)
    padded = np.pad(difference, ((0, -rows % BLOCK), (0, -columns % BLOCK)))
    blocks = padded.reshape(padded.shape[0] // BLOCK, BLOCK, -1, BLOCK).mean((1, 3)) > CHANGED
    if not blocks.any():
        return None
    y, x = np.nonzero(blocks)
    return (
        max(0, int(x.min()) * BLOCK - AROUND),
        max(0, int(y.min()) * BLOCK - AROUND),
        min(columns, (int(x.max()) + 1) * BLOCK + AROUND),
        min(rows, (int(y.max()) + 1) * BLOCK + AROUND),
    )


def moving_text(views: Views, frames: int, cine: Cine, static: Array) -> Iterator[list[Found]]:
    """The text of each frame beside the static text.

    Args:
        views: gives the views of a frame, with everything static already black.
        frames: how many.
        cine: counts.
        static: mask of what is black already.
    """
    reference: Array | None = None
    found: list[Found] = []
    for number in range(frames):
        pictures = views(number)
        gray = pictures[0]
        part = (0, 0, gray.shape[1], gray.shape[0]) if reference is None else changed(reference, gray)
        if part is not None:
            left, top, right, bottom = part
            inside = [picture[top:bottom, left:right] for picture in pictures]
            kept = [piece for piece in found if not _within(piece.box(gray.shape), part)]
            found = kept + [_moved(piece, left, top) for piece in by_network(inside)]
            found = [piece for piece in found if not covered(piece, static)]
            cine.looked += 1
            reference = gray
        yield found


def covered(piece: Found, mask: Array, share: float = 0.6) -> bool:
    """Whether a mask covers ``share`` of a piece."""
    area = painted([piece], mask.shape, 0)
    return int((area & mask).sum()) >= share * max(1, int(area.sum()))


def _within(box: Box, part: Box) -> bool:
    return box[0] >= part[0] and box[1] >= part[1] and box[2] <= part[2] and box[3] <= part[3]


def _moved(piece: Found, left: int, top: int) -> Found:
    (x, y), size, angle = piece.quad
    outline = tuple((a + left, b + top, c + left, d + top) for a, b, c, d in piece.outline)
    return Found(((x + left, y + top), size, angle), piece.score, piece.by, outline)
