"""Areas of text: from the network's cells to lines as rotated rectangles, to masks and to boxes to blank."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from deid.pixels.ocr import Quad, straightened
from deid.pixels.regions import Box
from deid.pixels.source import Array
from deid.pixels.textnet import CELL

#: A region is where the likelihood exceeds LOW, and counts where it exceeds HIGH somewhere.
LOW, HIGH = 0.4, 0.7
#: Pixels added around a region: the likelihood falls from 1 to 0 over a few pixels at its edge.
SPREAD = 1.0
OF_HEIGHT, UPRIGHT = (
    0.05,
    2.0,
)  #: part of its height that is added instead where a line slants by more degrees
FILLED = 0.6  #: share of its rectangle that a region must fill to be one line, else its own outline counts
ONE = 0.85  #: share from which a region surely is one line; others are cut where that saves SAVED of the area
SAVED, CUTS = 0.08, 5  #: and at most how often they are cut in two
REACH, NEAREST, FARTHEST = (
    0.4,
    4,
    18,
)  #: how far letters that stick out of a line are followed: of its height; pixels
STROKE, WEAKEST = 0.5, 10.0  #: part of a line's contrast, and gray levels, from which a pixel is a stroke
BUSY = 0.05  #: share of strokes around a line from which they cannot be told from anatomy
#: Gray levels, part of a line's contrast, and the largest such part, by which neighbours in a flat area differ; how much
#: of it stays around a line, of its height.
FLAT, FLAT_PART, FLATTEST, MARGIN_PART = 4.0, 0.1, 0.4, 0.25
STRIP = 8  #: width of the strips by which slanted areas are covered with boxes


@dataclass(frozen=True)
class Found:
    """One piece of text: a rotated rectangle, how sure on average, and who saw it (``text-net`` or ``pp-ocr``)."""

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
        left, top, width, height = (int(v) for v in stats[number][:4])
        part = np.s_[top : top + height, left : left + width]
        here = (labels[part] == number).astype(np.uint8)
        values = fine[part]
        if float((values * here).max()) < HIGH:
            continue
        for line in _cut(here, CUTS):
            found.append(_piece(line, (left, top), float(values[line > 0].mean())))
    return found


def _rectangle(here: Array) -> tuple[Quad, float]:
    """The smallest rotated rectangle around a mask, and its area in pixels."""
    edges, _ = cv2.findContours(here, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    (x, y), (w, h), angle = cv2.minAreaRect(np.concatenate(edges))
    return ((x, y), (w, h), angle), (w + 1) * (h + 1)


def _thickness(here: Array) -> int:
    """Rows or columns that a mask reaches over, the fewer of both."""
    return min(int(here.any(1).sum()), int(here.any(0).sum()))


def _piece(here: Array, at: tuple[int, int], score: float) -> Found:
    """A region as a piece of text; ``at`` is the left top of its mask."""
    left, top = at
    ((x, y), (w, h), angle), area = _rectangle(here)
    slanted = min(angle % 90, 90 - angle % 90) > UPRIGHT
    grow = max(SPREAD, OF_HEIGHT * min(w, h)) if slanted else SPREAD
    outline: tuple[Box, ...] = ()
    if int(here.sum()) < FILLED * area:
        outline = tuple(
            (max(0, a + left - 1), max(0, b + top - 1), c + left + 1, d + top + 1)
            for a, b, c, d in boxes(here)
        )
    quad = (x + left, y + top), (w + 2 * grow, h + 2 * grow), angle
    return Found(quad, score, "text-net", outline)


def _cut(here: Array, times: int) -> list[Array]:
    """Lines that lie so close that their regions touch, one by one: cut in two where rectangles save most area."""
    _, area = _rectangle(here)
    if not times or int(here.sum()) >= ONE * area:
        return [here]
    best, parts = (1 - SAVED) * area, (here, here)
    for axis in (0, 1):
        for at in range(CELL, here.shape[axis] - CELL + 1, CELL):
            first, second = here.copy(), here.copy()
            (first if axis == 0 else first.T)[at:] = 0
            (second if axis == 0 else second.T)[:at] = 0
            if min(_thickness(first), _thickness(second)) < 2 * CELL:
                continue
            both = _rectangle(first)[1] + _rectangle(second)[1]
            if both < best:
                best, parts = both, (first, second)
    return [here] if parts[0] is here else [line for part in parts for line in _cut(part, times - 1)]


def whole(piece: Found, gray: Array) -> Found:
    """The piece fitted to its letters: grown by those that stick out, and shortened where its ends are empty.

    Letters are followed as far as they hang together; what goes on beyond the reach is no letter but a line, a frame or
    anatomy, and is left alone. Only what is flat is cut off.
    """
    if piece.outline:
        return piece
    (x, y), (w, h), angle = piece.quad
    if w < h:
        w, h, angle = h, w, angle + 90
    angle -= 180 if angle > 90 else 0
    reach = round(min(max(REACH * h, NEAREST), FARTHEST))
    patch = straightened(gray, ((x, y), (w + 2 * reach, h + 2 * reach), angle)).astype(np.float32)
    inside = np.zeros(patch.shape, bool)
    inside[reach:-reach, reach:-reach] = True
    off = np.abs(patch - np.median(patch[~inside]))
    contrast = float(np.percentile(off[inside], 98))
    strokes = off > max(WEAKEST, STROKE * contrast)
    grow = np.zeros(4)
    if float(strokes[~inside].mean()) <= BUSY:
        grow = _sticking_out(strokes, inside, reach)
    if not grow.any():
        grow = -_empty(patch, inside, contrast)
    if not grow.any():
        return piece
    along, across = (grow[2] - grow[0]) / 2, (grow[3] - grow[1]) / 2
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    centre = float(x + along * cos - across * sin), float(y + along * sin + across * cos)
    return replace(piece, quad=(centre, (float(w + grow[0] + grow[2]), float(h + grow[1] + grow[3])), angle))


def _sticking_out(strokes: Array, inside: Array, reach: int) -> Array:
    """How far strokes that begin inside go on outside: left, top, right, bottom."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(strokes.astype(np.uint8), connectivity=8)
    rows, columns = strokes.shape
    grow = np.zeros(4)
    for left, top, width, height, _ in stats[
        np.intersect1d(labels[inside & strokes], labels[~inside & strokes])
    ]:
        right, bottom = left + width, top + height
        if left > 0 and top > 0 and right < columns and bottom < rows:
            ends = reach - left, reach - top, right - columns + reach, bottom - rows + reach
            grow = np.maximum(grow, ends)
    return grow


def _empty(patch: Array, inside: Array, contrast: float) -> Array:
    """How many columns and rows at the left, top, right and bottom of the inside are as even as what is outside."""
    change = cv2.dilate(patch, np.ones((3, 3))) - cv2.erode(patch, np.ones((3, 3)))
    flat = max(FLAT, FLAT_PART * contrast, float(np.percentile(change[~inside], 95)))
    rows, columns = int(inside.any(1).sum()), int(inside.any(0).sum())
    y, x = np.nonzero(change[inside].reshape(rows, columns) > flat)
    if not len(y) or flat > FLATTEST * contrast:
        return np.zeros(4)
    margin = max(4.0, MARGIN_PART * min(rows, columns))
    ends = np.array([x.min(), y.min(), columns - 1 - x.max(), rows - 1 - y.max()], float)
    return np.asarray(np.maximum(ends - margin, 0))


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
