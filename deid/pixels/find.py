"""Where text is in a picture: the union of two detectors, as rotated rectangles and as boxes to blank.

The text network is believed where it is sure, and elsewhere if PP-OCR sees something, too: bones and edges of organs,
which the network takes for faint text now and then, look like nothing to PP-OCR. PP-OCR finds some lines that the
network misses (scripts and layouts it never saw), but also ribs and vessels; what only PP-OCR sees counts when its
recogniser can read it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from deid.pixels.areas import Found, painted, regions, whole
from deid.pixels.ocr import Quad, quads, recognize, straightened, text_map
from deid.pixels.regions import Box
from deid.pixels.source import Array
from deid.pixels.textnet import likelihood

READABLE, LETTERS = 0.75, 2  #: how sure and how long a reading must be to believe PP-OCR alone
TALLEST = 0.2  #: of the picture's longer side: a taller line is doubted, since both detectors take organs for letters
SURE = 0.9  #: how sure the reading of such a line must be
WIDEST = 0.1  #: share of a picture that a line which only PP-OCR sees covers at most
#: A region is believed from this mean likelihood; a weaker one needs a glimpse of it in PP-OCR's map or half a reading,
#: and one that is weaker than DIM is not even read.
CLEAR, GLIMPSE, HALF_READ, DIM = 0.8, 0.2, 0.6, 0.65
AROUND = 48  #: pixels of surroundings that PP-OCR gets with a piece
HINT, WORD = (
    0.3,
    4,
)  #: likelihood by the network, or letters surely read, without which PP-OCR alone is not believed
ALONE = 0.85  #: how sure half a reading must be where it is a single letter
LARGEST = 2.5e6  #: pixels; PP-OCR sees larger pictures reduced (their text is larger, too)
_MARGIN, _SHORTEST = 2, 6  #: rows around a line, and the fewest that one has


class Look:
    """A picture and what PP-OCR sees in it, which is asked for only if it is needed."""

    def __init__(self, gray: Array) -> None:
        self.gray = gray
        self.scale = min(1.0, (LARGEST / max(1, gray.size)) ** 0.5)

    @functools.cached_property
    def letters(self) -> Array:
        """PP-OCR's likelihood of text, at ``scale`` of the picture."""
        if self.scale == 1:
            return text_map(self.gray)
        size = {"fx": self.scale, "fy": self.scale, "interpolation": cv2.INTER_AREA}
        return text_map(cv2.resize(self.gray, None, **size))

    @functools.cached_property
    def cells(self) -> Array:
        """The network's likelihood of text per cell."""
        return likelihood(self.gray)

    def read(self, piece: Found) -> tuple[str, float]:
        """What a piece says."""
        return recognize(straightened(self.gray, piece.quad))

    def glimpse(self, box: Box) -> Array:
        """PP-OCR's map inside a box; of the surroundings alone where the whole was not asked for."""
        left, top, right, bottom = box
        first, last = max(0, top - AROUND), max(0, left - AROUND)
        part = self.gray[first : bottom + AROUND, last : right + AROUND]
        if self.scale < 1 or "letters" in self.__dict__ or 2 * part.size > self.gray.size:
            left, top, right, bottom = (round(edge * self.scale) for edge in box)
            return self.letters[top : bottom + 1, left : right + 1]
        return text_map(part)[top - first : bottom - first, left - last : right - last]

    def tall(self, piece: Found) -> bool:
        """Whether a piece is as tall as organs are."""
        return bool(min(piece.quad[1]) > TALLEST * max(self.gray.shape))

    def believes(self, piece: Found) -> bool:
        """Whether what the network found counts: it is sure, or PP-OCR sees text there, or it reads like text."""
        tall = self.tall(piece)
        if piece.score >= CLEAR and not tall:
            return True
        here = self.glimpse(piece.box(self.gray.shape))
        if here.size and float(here.mean() if tall else here.max()) >= GLIMPSE:
            return True
        if piece.score < DIM:
            return False
        reading, sure = self.read(piece)
        if tall:
            return legible(reading, sure) and sure >= SURE
        count = sum(letter.isalnum() for letter in reading)
        return (sure >= HALF_READ and count >= LETTERS) or (sure >= ALONE and count == 1)


def by_network(pictures: Iterable[Array]) -> list[Found]:
    """What the text network sees in any of the views."""
    return [found for gray in pictures for found in seen(Look(gray))]


def seen(look: Look) -> list[Found]:
    """What the text network sees in a picture: where it is sure, and where it is not, but PP-OCR sees something, too."""
    found = regions(look.cells, look.gray.shape)
    return [whole(piece, look.gray) for piece in found if look.believes(piece)]


def by_ocr(look: Look, seen: Sequence[Found]) -> list[Found]:
    """What PP-OCR sees beside ``seen`` and can read."""
    gray, scale = look.gray, look.scale
    known = painted(seen, gray.shape, 2)
    found = []
    for (centre, size, angle), score in quads(look.letters):
        quad = (centre[0] / scale, centre[1] / scale), (size[0] / scale, size[1] / scale), angle
        candidate = Found(quad, score, "pp-ocr")
        mask = np.zeros(gray.shape, np.uint8)
        candidate.paint(mask, 0)
        area = int(mask.sum())
        if not area or int((mask & known).sum()) >= 0.8 * area or area > WIDEST * mask.size:
            continue
        reading, sure = look.read(candidate)
        if not legible(reading, sure) or (sure < SURE and look.tall(candidate)):
            continue
        cells = cv2.resize(mask, look.cells.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
        hinted = cells.any() and float(look.cells[cells].max()) >= HINT
        if hinted or (sure >= SURE and sum(letter.isalnum() for letter in reading) >= WORD):
            found.append(whole(candidate, gray))
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
    look = Look(pictures[0])
    if ocr:
        _ = look.letters  # needed anyway
    found = seen(look) + by_network(pictures[1:])
    return found + by_ocr(look, found) if ocr else found
