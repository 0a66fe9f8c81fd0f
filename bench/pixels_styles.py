"""Ways in which devices write text on pictures, beside the smooth upright lines of ``pixels_set``: as coverage 0..1.

``styled`` gives one line, tight: with smoothed or hard edges, from a bitmap font, as a dot matrix, letters one below the
other, spaced, drawn by an unsteady hand, or hollow. ``block`` gives several lines as paragraphs, lists or tables have
them, with the rectangle of each.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bench import pixels_set as drawn

Rng = np.random.Generator
Array = np.ndarray[Any, Any]

STYLES = ("smooth", "hard", "bitmap", "dots", "stacked", "spaced", "hand", "hollow")
NATIVE = (6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 24)  #: pixel sizes that bitmap fonts come in


@functools.cache
def loaded(font: str, size: int) -> Any:
    """A font at a size, None where a bitmap font has no such size."""
    try:
        return ImageFont.truetype(font, size)
    except OSError:
        return None


@functools.cache
def bitmaps(font: str) -> tuple[int, ...]:
    """Sizes of a bitmap font."""
    return tuple(size for size in NATIVE if loaded(font, size) is not None)


def latin(font: str, size: int) -> bool:
    """Whether a font has shapes of its own for Latin letters."""
    face = loaded(font, size)
    shapes = [bytes(face.getmask(letter)) for letter in "AgR7"] if face is not None else []
    return len(set(shapes)) == 4 and all(map(any, shapes))


@functools.cache
def font_files(folder: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Outline fonts with Latin letters and bitmap fonts (PCF) below a folder."""
    outlines, grids = [], []
    for path in sorted(Path(folder).rglob("*")):
        if path.suffix in (".ttf", ".otf"):
            if latin(str(path), 20):
                outlines.append(str(path))
        elif path.name.endswith(".pcf.gz") and bitmaps(str(path)) and latin(str(path), bitmaps(str(path))[0]):
            grids.append(str(path))
    return tuple(outlines), tuple(grids)


def _tight(canvas: Array) -> Array:
    y, x = np.nonzero(canvas)
    if not len(y):
        return np.zeros((0, 0))
    return np.ascontiguousarray(canvas[y.min() : y.max() + 1, x.min() : x.max() + 1], np.float64) / 255


def hard(words: str, font: str, size: int) -> Array:
    """Without smoothed edges; hershey fonts too."""
    if font.startswith("hershey:"):
        return np.asarray(drawn.glyphs(words, font, size) >= 0.5, np.float64)
    face = loaded(font, size)
    left, top, right, bottom = face.getbbox(words, mode="1")
    picture = Image.new("1", (int(right - left) + 8, int(bottom - top) + 8))
    ImageDraw.Draw(picture).text((4 - left, 4 - top), words, fill=1, font=face)
    return _tight(np.asarray(picture).astype(np.uint8) * 255)


def bitmap(words: str, size: int, font: str | None = None) -> Array:
    """A bitmap font, Pillow's own 11 px one by default, in the whole multiple that comes nearest to ``size``."""
    sizes = bitmaps(font) if font else ()
    native = min(sizes, key=lambda own: abs(own - size)) if sizes else 11
    plain = words.encode("latin-1", "replace").decode("latin-1")
    if font and sizes:
        grid = hard(plain, font, native)
    else:
        face = ImageFont.load_default_imagefont()
        box = face.getbbox(plain)
        picture = Image.new("1", (int(box[2]) + 4, int(box[3]) + 4))
        ImageDraw.Draw(picture).text((2, 2), plain, fill=1, font=face)
        grid = _tight(np.asarray(picture).astype(np.uint8) * 255)
    times = max(1, round(size / native))
    return np.kron(grid, np.ones((times, times)))


def dots(words: str, size: int, font: str | None, rng: Rng) -> Array:
    """A dot matrix: every pixel of a small bitmap is a round dot."""
    grid = bitmap(words, 9, font)
    pitch = max(2, round(size / max(5, len(grid))))
    y, x = np.mgrid[:pitch, :pitch] - (pitch - 1) / 2
    dot = np.clip(pitch * rng.uniform(0.34, 0.55) - np.hypot(y, x) + 0.5, 0, 1)
    return np.kron(grid, dot)


def stacked(words: str, font: str, size: int) -> Array:
    """Letters one below the other."""
    letters = [drawn.glyphs(letter, font, size) for letter in words if not letter.isspace()]
    letters = [letter for letter in letters if letter.size]
    if not letters:
        return np.zeros((0, 0))
    wide, gap = max(letter.shape[1] for letter in letters), max(2, size // 6)
    rows = []
    for letter in letters:
        left = (wide - letter.shape[1]) // 2
        rows.append(np.pad(letter, ((0, gap), (left, wide - letter.shape[1] - left))))
    return np.concatenate(rows)[:-gap]


def spaced(words: str, font: str, size: int, rng: Rng) -> Array:
    """Letters set apart, all on one base line."""
    gap = " " if size < 16 or rng.random() < 0.5 else "\u2009"
    return drawn.glyphs(gap.join(words), font, size)


def hand(words: str, font: str, size: int, rng: Rng) -> Array:
    """As an unsteady hand would write it: bent, sheared, of uneven strength."""
    line = np.pad(drawn.glyphs(words, font, size), max(3, size // 3))
    h, w = line.shape
    y, x = np.mgrid[:h, :w].astype(np.float32)
    bend = drawn.smooth_noise(rng, (h, w), size * 1.5) * size / rng.uniform(14, 24)
    sway = drawn.smooth_noise(rng, (h, w), size * 0.6) * size / rng.uniform(24, 40)
    shear = np.float32(rng.uniform(-0.3, 0.3)) * (y - h / 2)
    moved = cv2.remap(
        line.astype(np.float32),
        (x + sway + shear).astype(np.float32),
        (y + bend).astype(np.float32),
        cv2.INTER_LINEAR,
    )
    press = np.clip(1 + 0.25 * drawn.smooth_noise(rng, (h, w), size), 0.4, 1.3)
    return _tight((np.clip(moved * press, 0, 1) * 255).astype(np.uint8))


def hollow(words: str, font: str, size: int) -> Array:
    """Outlines of letters only."""
    line = np.pad(drawn.glyphs(words, font, size), 2)
    return _tight(((cv2.dilate(line, np.ones((3, 3))) - line) * 255).astype(np.uint8))


def styled(rng: Rng, words: str, font: str, size: int, style: str, grid: str | None = None) -> Array:
    """One line of text.

    Args:
        rng: for what a style leaves open.
        words: what it says.
        font: an outline font's file, or ``hershey:N``.
        size: pixels.
        style: of :data:`STYLES`.
        grid: a bitmap font's file; None is Pillow's own.

    Returns:
        Coverage 0..1, tight; (0, 0) where the font has nothing to show.
    """
    makers: dict[str, Callable[[], Array]] = {
        "smooth": lambda: drawn.glyphs(words, font, size),
        "hard": lambda: hard(words, font, size),
        "bitmap": lambda: bitmap(words, size, grid),
        "dots": lambda: dots(words, size, grid, rng),
        "stacked": lambda: stacked(words, font, size),
        "spaced": lambda: spaced(words, font, size, rng),
        "hand": lambda: hand(words, font, size, rng),
        "hollow": lambda: hollow(words, font, size),
    }
    return makers[style]()


def block(
    rng: Rng,
    text: Callable[[], str],
    render: Callable[[str], Array],
    rows: int,
    columns: int,
    room: tuple[int, int],
) -> tuple[Array, list[tuple[int, int, int, int]]]:
    """Lines below and beside each other, as paragraphs, lists and tables have them.

    Args:
        rng: for spacing and alignment.
        text: gives what a cell says.
        render: gives its coverage.
        rows: at most how many lines.
        columns: cells in a line.
        room: most rows and columns of pixels.

    Returns:
        Coverage (within ``room``) and the (left, top, right, bottom) of each cell.
    """
    cells = [[render(text()) for _ in range(columns)] for _ in range(rows)]
    tall = max((cell.shape[0] for line in cells for cell in line), default=0)
    wide = [max(line[n].shape[1] for line in cells) for n in range(columns)]
    step, gap = round(tall * rng.uniform(1.05, 1.7)) + 1, int(rng.integers(max(3, tall // 2), 2 * tall + 6))
    rows = min(rows, max(1, (room[0] - tall) // max(1, step) + 1))
    lefts = list(itertools.accumulate((width + gap for width in wide), initial=0))
    columns = max([n for n in range(1, columns + 1) if lefts[n] - gap <= room[1]], default=0)
    if not tall or not columns:
        return np.zeros((0, 0)), []
    canvas = np.zeros((step * (rows - 1) + tall, lefts[columns] - gap))
    places, align = [], rng.choice([0, 0, 0.5, 1])
    for number, line in enumerate(cells[:rows]):
        for column, cell in enumerate(line[:columns]):
            h, w = cell.shape
            if not cell.size:
                continue
            top, left = number * step + tall - h, lefts[column] + round(align * (wide[column] - w))
            canvas[top : top + h, left : left + w] = cell
            places.append((left, top, left + w, top + h))
    return canvas, places
