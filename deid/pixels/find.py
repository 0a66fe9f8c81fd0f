"""Where text is in a picture: the union of two detectors, as rotated rectangles and as boxes to blank.

The text network alone is believed. PP-OCR finds some lines that it misses (scripts and layouts it never saw), but also
ribs and vessels; what only PP-OCR sees counts when its recogniser can read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from deid.pixels.ocr import Quad, quads, recognize, straightened, text_map
from deid.pixels.regions import Box
from deid.pixels.source import Array
from deid.pixels.textnet import CELL, likelihood

LOW, HIGH = (
    0.4,
    0.7,
)  #: a region is where the likelihood exceeds LOW, and counts where it exceeds HIGH somewhere
SPREAD = 1  #: pixels added around a region: the likelihood falls from 1 to 0 over a few pixels at its edge
FILLED = 0.6  #: share of its rectangle that a region must fill to be one line, else its own outline counts
READABLE, LETTERS = 0.75, 2  #: how sure and how long a reading must be to believe PP-OCR alone
LARGEST = 2.5e6  #: pixels; PP-OCR sees larger pictures reduced (their text is larger, too)
_MARGIN, _SHORTEST = 2, 6  #: rows around a line, and the fewest that one has
STRIP = 8  #: width of the strips by which slanted areas are covered with boxes


@dataclass(frozen=True)
class Found:
    """One piece of text: a rotated rectangle, how sure, and who saw it (``text-net`` or ``pp-ocr``)."""

    quad: Quad
    score: float
    by: str
    outline: tuple[Box, ...] = ()  #: of a region that is no rectangle: the boxes of its cells

    def paint(self, mask: Array, margin: int) -> None:
        """Set the area, grown by ``margin``, to 1."""
        if self.outline:
            for left, top, right, bottom in self.outline:
                mask[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin] = 1
            return
        centre, (width, height), angle = self.quad
        corners = cv2.boxPoints((centre, (width + 2 * margin, height + 2 * margin), angle))
        cv2.fillConvexPoly(mask, np.round(corners).astype(np.int32), 1)

    def box(self, shape: tuple[int, ...]) -> Box:
        """The upright box around it, inside a picture of ``shape``."""
        corners = cv2.boxPoints(self.quad)
        left, top = np.floor(corners.min(0)).astype(int)
        right, bottom = np.ceil(corners.max(0)).astype(int) + 1
        return max(0, int(left)), max(0, int(top)), min(shape[1], int(right)), min(shape[0], int(bottom))


def regions(cells: Array, shape: tuple[int, ...]) -> list[Found]:
    """Regions of likely text as rotated rectangles in pixels; ``cells`` as :func:`deid.pixels.textnet.likelihood`."""
    size = cells.shape[1] * CELL, cells.shape[0] * CELL
    fine = cv2.resize(cells, size, interpolation=cv2.INTER_LINEAR)[: shape[0], : shape[1]]
    count, labels, stats, _ = cv2.connectedComponentsWithStats((fine > LOW).astype(np.uint8), connectivity=8)
    found = []
    for number in range(1, count):
        left, top, width, height, area = (int(v) for v in stats[number])
        part = np.s_[top : top + height, left : left + width]
        here = (labels[part] == number).astype(np.uint8)
        best = float((fine[part] * here).max())
        if best < HIGH:
            continue
        edges, _ = cv2.findContours(here, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE, offset=(left, top))
        centre, (w, h), angle = cv2.minAreaRect(np.concatenate(edges))
        quad = (centre[0], centre[1]), (w + 2 * SPREAD, h + 2 * SPREAD), angle
        outline: tuple[Box, ...] = ()
        if area < FILLED * (w + 1) * (h + 1):
            outline = tuple(
                (max(0, a + left - SPREAD), max(0, b + top - SPREAD), c + left + SPREAD, d + top + SPREAD)
                for a, b, c, d in boxes(here)
            )
        found.append(Found(quad, best, "text-net", outline))
    return found


def by_network(pictures: Iterable[Array]) -> list[Found]:
    """What the text network sees in any of the views."""
    return [found for gray in pictures for found in regions(likelihood(gray), gray.shape)]


def by_ocr(gray: Array, seen: Sequence[Found]) -> list[Found]:
    """What PP-OCR sees beside ``seen`` and can read."""
    scale = min(1.0, (LARGEST / gray.size) ** 0.5)
    small = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else gray
    known = painted(seen, gray.shape, 2)
    found = []
    for (centre, size, angle), score in quads(text_map(small)):
        quad = (centre[0] / scale, centre[1] / scale), (size[0] / scale, size[1] / scale), angle
        candidate = Found(quad, score, "pp-ocr")
        mask = np.zeros(gray.shape, np.uint8)
        candidate.paint(mask, 0)
        area = int(mask.sum())
        if area and int((mask & known).sum()) >= 0.8 * area:
            continue
        if legible(*recognize(straightened(gray, quad))):
            found.append(candidate)
    return found


def legible(reading: str, score: float) -> bool:
    """Whether a reading is sure and long enough to believe that there is text."""
    return score >= READABLE and sum(letter.isalnum() for letter in reading) >= LETTERS


def read_lines(gray: Array, quad: Quad, box: Box) -> tuple[str, float]:
    """What a piece says and how sure that is: read as a whole, and where that gives nothing, line by line.

    A detector may take lines that lie close together for one piece, which as a whole reads like nothing.

    Args:
        gray: the picture, (rows, columns) uint8.
        quad: the piece, a rotated rectangle.
        box: the same as left, top, right, bottom.
    """
    whole = recognize(straightened(gray, quad))
    left, top, right, bottom = box
    bands = _lines(gray[top:bottom, left:right], top)
    if legible(*whole) and len(bands) < 2:
        return whole
    lines = [recognize(gray[first:last, left:right]) for first, last in bands]
    sure = [line for line in lines if legible(*line)]
    told = " ".join(text for text, _ in sure), min((score for _, score in sure), default=0.0)
    return max(whole, told, key=lambda reading: reading[1]) if legible(*whole) or sure else whole


def _lines(area: Array, top: int) -> list[tuple[int, int]]:
    """First and last + 1 row of each band of rows with strokes in it, with a margin."""
    strokes = np.abs(np.diff(area.astype(np.float32), axis=1)).max(axis=1, initial=0)
    busy = strokes > 0.35 * strokes.max(initial=0)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], busy.astype(np.int8), [0]])))
    bands = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return [
        (top + max(first - _MARGIN, 0), top + last + _MARGIN)
        for first, last in bands
        if last - first >= _SHORTEST
    ]


def search(pictures: Sequence[Array], *, ocr: bool = True) -> list[Found]:
    """All text in the views of one frame.

    Args:
        pictures: views, the main one first, (rows, columns) uint8.
        ocr: whether PP-OCR looks at the main view, too.
    """
    found = by_network(pictures)
    return found + by_ocr(pictures[0], found) if ocr else found


def painted(found: Iterable[Found], shape: tuple[int, ...], margin: int) -> Array:
    """Mask (rows, columns) uint8 of the areas, grown by ``margin``."""
    mask = np.zeros(shape[:2], np.uint8)
    for piece in found:
        piece.paint(mask, margin)
    return mask


def boxes(mask: Array) -> list[Box]:
    """Upright boxes that cover a mask: one for a region that fills its box, narrow strips for a slanted one."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    found: list[Box] = []
    for number in range(1, count):
        left, top, width, height, area = (int(v) for v in stats[number])
        if area >= 0.9 * width * height:
            found.append((left, top, left + width, top + height))
            continue
        here = labels[top : top + height, left : left + width] == number
        upright = height > width
        lines = here if upright else here.T
        for first in range(0, len(lines), STRIP):
            for start, end in _runs(lines[first : first + STRIP].any(0)):
                last = min(first + STRIP, len(lines))
                a, b = (start, first), (end, last)
                if not upright:
                    a, b = a[::-1], b[::-1]
                found.append((left + a[0], top + a[1], left + b[0], top + b[1]))
    return found


def _runs(row: Array) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
