"""What the text network is trained with: pictures of 256 x 256 with text anywhere, and the cells that it lies in.

Drawn anatomy, slices and projections of real CT and MR series, clutter that is no text (rulers, traces, crosses, grids,
arrows, black areas), and lines of random strings in all the styles of ``pixels_styles``. The target is the part of each
4 x 4 cell that lies in a line's rectangle. The families in ``pixels_set.HELD_OUT`` are never used.
"""

from __future__ import annotations

import functools
import string
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom

from bench import pixels_set as drawn
from bench import pixels_styles as styles

Rng = np.random.Generator
Array = np.ndarray[Any, Any]

SIDE, CROP, BATCH = 352, 256, 16
POOL, POOLED = 120, 704  #: backgrounds at hand, and their sides
#: How often each of ``pixels_styles.STYLES`` is drawn.
SHARES = (0.44, 0.14, 0.12, 0.06, 0.06, 0.05, 0.1, 0.03)
FOLDER: list[str] = []


@functools.cache
def fonts(folder: str = "") -> tuple[list[str], list[str]]:
    """Outline and bitmap font files for training; the first call in a process names the folder of further ones."""
    if not folder and FOLDER:
        return fonts(FOLDER[0])
    FOLDER[:] = [folder]
    own = sorted({font for font in drawn.fonts() if not drawn.held_out(font)})
    more, grids = styles.font_files(folder) if folder else ((), ())
    return [*own, *(font for font in more if not drawn.held_out(font))], list(grids)


def word(rng: Rng) -> str:
    """A random string of a kind that screens show."""
    letters, digits, length = string.ascii_letters, string.digits, int(rng.integers(1, 9))
    kind = int(rng.integers(6))
    if kind == 5:
        parts = [
            "".join(rng.choice(list(digits), int(rng.integers(1, 5)))) for _ in range(int(rng.integers(2, 4)))
        ]
        return str(rng.choice(list("/.-:"))).join(parts)
    pool = (
        letters.upper(),
        letters.lower(),
        digits,
        digits,
        letters + digits + "#%()+=.,:;-_/*'&@^äöüéèßÄÖ",
    )[kind]
    return "".join(rng.choice(list(pool), length))


def words(rng: Rng) -> str:
    """One to five words; now and then a letter or two alone."""
    if rng.random() < 0.12:
        return word(rng)[: int(rng.integers(1, 3))]
    count = int(rng.choice([1, 2, 3, 4, 5], p=[0.3, 0.3, 0.2, 0.1, 0.1]))
    return str(rng.choice([" ", "  ", "^", ", "])).join(word(rng) for _ in range(count))


def volume(folder: Path) -> Array:
    """A series as (slices, rows, columns), in rescaled values, in the order of position."""
    slices = [pydicom.dcmread(path) for path in sorted(folder.rglob("*")) if path.is_file()]
    slices.sort(key=lambda ds: float(ds.ImagePositionPatient[2]) if "ImagePositionPatient" in ds else 0.0)
    shape = slices[0].pixel_array.shape
    return np.stack(
        [
            ds.pixel_array.astype(np.float32) * float(ds.get("RescaleSlope", 1))
            + float(ds.get("RescaleIntercept", 0))
            for ds in slices
            if ds.pixel_array.shape == shape
        ]
    ).astype(np.float16)


def anatomy(rng: Rng, volumes: list[Array]) -> Array:
    """A slice in any direction, a projection of a slab, or one through the whole body, which is like a radiograph."""
    values, axis = volumes[int(rng.integers(len(volumes)))], int(rng.integers(3))
    kind, length = int(rng.integers(5)), values.shape[axis]
    thick = 1 if kind < 2 else int(rng.integers(3, 40)) if kind == 2 else length
    start = int(rng.integers(0, length - min(thick, length) + 1))
    slab = values.take(range(start, min(length, start + thick)), axis).astype(np.float32)
    low = float(values[:, ::16, ::16].min())
    image = (
        slab.max(axis)
        if kind == 3 or (kind == 2 and rng.random() < 0.5)
        else np.maximum(slab, low).mean(axis)
    )
    if rng.random() < 0.4 and low < -900:  # a window of Hounsfield units
        start_at = float(rng.choice([-1000, -160, -400, -50]))
        image = (image - start_at) / rng.uniform(250, 1400)
    else:
        ends = np.percentile(image, (rng.uniform(0, 2), rng.uniform(97, 100)))
        image = (image - ends[0]) / max(float(ends[1] - ends[0]), 1)
    gray = np.clip(image, 0, 1) * 255
    rows, columns = gray.shape
    zoom = POOLED / min(rows, columns) * rng.choice([1, 1, 1.4, 2])
    how = cv2.INTER_NEAREST if rng.random() < 0.1 else cv2.INTER_LINEAR
    grown = cv2.resize(
        gray, (max(POOLED, round(columns * zoom)), max(POOLED, round(rows * zoom))), interpolation=how
    )
    top, left = (int(rng.integers(0, size - POOLED + 1)) for size in grown.shape)
    part = grown[top : top + POOLED, left : left + POOLED] + rng.choice([0, 0, 3]) * rng.standard_normal(
        (POOLED,) * 2
    )
    return 255 - part if rng.random() < 0.2 else np.asarray(part)


def fresh(rng: Rng, volumes: list[Array]) -> Array:
    """Something of POOLED x POOLED without text."""
    shape, kind = (POOLED, POOLED), int(rng.integers(-8 if volumes else 3, 12))
    if kind < 3:
        return anatomy(rng, volumes)
    if kind == 3:
        return np.full(shape, float(rng.choice([0, 0, 0, int(rng.integers(256))])))
    if 4 <= kind <= 8:
        return drawn.BACKGROUNDS[("US", "CR", "XA", "MG", "SC")[kind - 4]](rng, shape)
    gray = np.full(shape, rng.uniform(20, 220))
    for most, low, high in ((50, 60, 200), (25, 10, 40), (12, 2, 8)):
        gray += rng.uniform(0, most) * drawn.smooth_noise(rng, shape, rng.uniform(low, high))
    gray += rng.uniform(0, 8) * cv2.GaussianBlur(rng.standard_normal(shape), (0, 0), rng.uniform(0.3, 1.5))
    if rng.random() < 0.4:
        gray *= cv2.GaussianBlur(rng.rayleigh(1, shape), (0, 0), rng.uniform(0.6, 1.8)) / 1.2
    return np.clip(gray, 0, 255)


def background(rng: Rng, volumes: list[Array], pool: list[Array]) -> Array:
    """A part of one of the pool, SIDE x SIDE, turned and in another gray; the pool is renewed bit by bit."""
    if len(pool) < POOL or rng.random() < 0.1:
        image = np.clip(fresh(rng, volumes), 0, 255).astype(np.float32)
        if len(pool) < POOL:
            pool.append(image)
        else:
            pool[int(rng.integers(POOL))] = image
    image = pool[int(rng.integers(len(pool)))]
    side = int(min(POOLED, SIDE / rng.choice([1, 1, 1, 1.5, 0.6])))
    top, left = (int(rng.integers(0, POOLED - side + 1)) for _ in range(2))
    part = np.rot90(image[top : top + side, left : left + side], int(rng.choice([0, 0, 1, 2, 3])))
    if side != SIDE:
        part = cv2.resize(np.ascontiguousarray(part), (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    gray = 255 * (np.asarray(part, np.float64) / 255) ** rng.uniform(0.6, 1.6)
    return gray * rng.uniform(0.7, 1.0) + rng.uniform(0, 20) * (rng.random() < 0.2)


def point(rng: Rng) -> tuple[int, int]:
    """Somewhere."""
    return int(rng.integers(0, SIDE)), int(rng.integers(0, SIDE))


def ruler(rng: Rng, gray: Array, level: float, width: int) -> None:
    """Ticks along a line."""
    (x, y), step, length = point(rng), int(rng.integers(4, 25)), int(rng.integers(3, 12))
    upright = rng.random() < 0.5
    for number in range(int(rng.integers(4, 25))):
        long, at = length * (2 if number % 5 == 0 else 1), number * step
        ends = ((x, y + at), (x + long, y + at)) if upright else ((x + at, y), (x + at, y + long))
        cv2.line(gray, *ends, level, width)


def trace(rng: Rng, gray: Array, level: float, width: int) -> None:
    """A curve as of an electrocardiogram."""
    count = int(rng.integers(20, 200))
    heights = np.cumsum(rng.normal(0, rng.uniform(0.5, 4), count)) + rng.integers(SIDE)
    heights -= (np.arange(count) % int(rng.integers(10, 40)) == 0) * rng.uniform(0, 50)
    across = np.arange(count) * rng.uniform(1, 4) + rng.integers(-50, SIDE)
    line = np.stack([across, heights], 1).astype(np.int32)
    cv2.polylines(gray, [line], isClosed=False, color=level, thickness=width, lineType=cv2.LINE_AA)


def marks(rng: Rng, gray: Array, level: float, width: int) -> None:
    """Crosses and diamonds of callipers."""
    for _ in range(int(rng.integers(1, 12))):
        marker = int(rng.choice([cv2.MARKER_CROSS, cv2.MARKER_TILTED_CROSS, cv2.MARKER_DIAMOND]))
        cv2.drawMarker(gray, point(rng), level, marker, int(rng.integers(4, 18)), width)


def patches(rng: Rng, gray: Array, level: float, width: int) -> None:  # noqa: ARG001 - all drawers have one signature
    """Areas that somebody made black or plain, or a bar of grays: their rims are no text."""
    for _ in range(int(rng.integers(1, 6))):
        (x, y), w, h = point(rng), int(rng.integers(6, 160)), int(rng.integers(6, 60))
        area = gray[y : y + h, x : x + w]
        if rng.random() < 0.2:
            area[:] = np.linspace(0, 255, area.shape[1])
        else:
            area[:] = 0 if rng.random() < 0.6 else level


def clutter(rng: Rng, gray: Array) -> None:
    """Draw what is on pictures and no text."""
    for _ in range(int(rng.integers(0, 5))):
        level, width, kind = float(rng.integers(0, 256)), int(rng.choice([1, 1, 2, 3])), int(rng.integers(9))
        if kind == 0:
            cv2.line(gray, point(rng), point(rng), level, width, cv2.LINE_AA)
        elif kind == 1:
            cv2.rectangle(gray, point(rng), point(rng), level, width)
        elif kind == 2:
            axes, end = (int(rng.integers(4, 90)), int(rng.integers(4, 90))), int(rng.choice([360, 180, 90]))
            cv2.ellipse(gray, point(rng), axes, float(rng.integers(180)), 0, end, level, width)
        elif kind == 6:
            step = int(rng.integers(8, 60))
            for number in range(int(rng.integers(2, 12))):
                cv2.line(gray, (number * step, 0), (number * step, SIDE), level, 1)
        elif kind == 7:
            tip = rng.uniform(0.05, 0.3)
            cv2.arrowedLine(gray, point(rng), point(rng), level, width, cv2.LINE_AA, tipLength=tip)
        else:
            {3: ruler, 4: trace, 5: marks, 8: patches}[kind](rng, gray, level, width)


def turned(picture: Array, turn: float) -> Array:
    """As ``pixels_set.turned``."""
    return np.ascontiguousarray(drawn.turned(picture, turn))


def lines(rng: Rng) -> tuple[Array, Array, int]:
    """A line or a block of lines: its coverage, its rectangles, its size."""
    outlines, grids = fonts()
    size = int(np.exp(rng.uniform(np.log(8), np.log(60))))
    style, font = str(rng.choice(styles.STYLES, p=SHARES)), outlines[int(rng.integers(len(outlines)))]
    grid = grids[int(rng.integers(len(grids)))] if grids and rng.random() < 0.9 else None
    if style in ("bitmap", "dots"):
        size = min(size, 30)

    def render(said: str) -> Array:
        return styles.styled(rng, said, font, size, style, grid)[:, : int(SIDE * 1.2)]

    if style != "stacked" and rng.random() < 0.3:
        size = min(size, 24)
        shape = int(rng.integers(2, 9)), int(rng.choice([1, 1, 2, 3]))
        room = int(rng.integers(60, SIDE)), int(rng.integers(80, SIDE))
        coverage, places = styles.block(rng, lambda: words(rng), render, *shape, room)
        area = np.zeros(coverage.shape)
        for left, top, right, bottom in places:
            area[top:bottom, left:right] = 1
    else:
        coverage = render(words(rng)[: 12 if style == "stacked" else None])[: int(SIDE * 1.2)]
        area = np.ones(coverage.shape)
    if not coverage.size:
        return coverage, area, size
    turn = float(rng.choice([0, 90, 180, 270], p=[0.7, 0.13, 0.04, 0.13]))
    turn += float(rng.uniform(-10, 10)) if rng.random() < 0.15 else 0
    turn = float(rng.uniform(0, 360)) if rng.random() < 0.05 else turn
    return turned(coverage, turn), turned(area, turn), size


def plant(rng: Rng, gray: Array, area: Array, weight: Array) -> None:
    """Draw a line or a block if it fits; ``area`` gets the rectangles, ``weight`` more where text is small."""
    coverage, rectangle, size = lines(rng)
    if min(coverage.shape) < 3:
        return
    if rng.random() < 0.1:
        coverage = np.clip(coverage * rng.uniform(1.5, 3), 0, 1)  # hardly smoothed edges
    h, w = coverage.shape
    top = int(rng.integers(-h // 3, max(1 - h // 3, SIDE - h * 2 // 3)))
    left = int(rng.integers(-w // 3, max(1 - w // 3, SIDE - w * 2 // 3)))
    y0, x0, y1, x1 = max(top, 0), max(left, 0), min(top + h, SIDE), min(left + w, SIDE)
    if y1 - y0 < 4 or x1 - x0 < 4 or area[max(0, y0 - 3) : y1 + 3, max(0, x0 - 3) : x1 + 3].any():
        return
    inside = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
    coverage, rectangle, here = coverage[inside], rectangle[inside], np.s_[y0:y1, x0:x1]
    pad = int(rng.integers(2, 12))
    around = gray[max(0, y0 - pad) : y1 + pad, max(0, x0 - pad) : x1 + pad]
    if rng.random() < 0.15:
        around[:] = float(rng.integers(256))
    level = float(np.median(around))
    low, high = ((100, 220), (45, 110), (14, 50))[int(rng.choice(3, p=[0.25, 0.3, 0.45]))]
    need = max(float(rng.uniform(low, high)), 1.5 * float(around.std()))
    if need > 255 - level and need > level:
        need = float(max(level, 255 - level))
    sign = 1 if level + need <= 255 and (rng.random() < 0.7 or level < need) else -1
    part = gray[here]
    if need > 60 and rng.random() < 0.2:
        outline = cv2.dilate(np.ascontiguousarray(coverage), np.ones((3, 3)))
        part += outline * (np.clip(level - sign * 60, 0, 255) - part)
    part += coverage * (level + sign * need - part)
    area[here] = np.maximum(area[here], rectangle)
    weight[here] = np.clip(40 / size, 1, 4)


def sample(seed: int, volumes: list[Array], pool: list[Array]) -> tuple[Array, Array, Array]:
    """Picture (256, 256) uint8, target and weight (64, 64) float32."""
    rng = np.random.default_rng([78, seed])
    gray = np.ascontiguousarray(background(rng, volumes, pool))
    clutter(rng, gray)
    area, weight = np.zeros((SIDE, SIDE), np.float32), np.ones((SIDE, SIDE), np.float32)
    for _ in range(int(rng.choice([0, 2, 4, 6, 8], p=[0.25, 0.2, 0.25, 0.2, 0.1]))):
        plant(rng, gray, area, weight)
    if rng.random() < 0.15:
        gray = cv2.GaussianBlur(gray, (0, 0), rng.uniform(0.3, 0.7))
    if rng.random() < 0.15:
        gray = gray + rng.uniform(1, 4) * rng.standard_normal(gray.shape)
    picture = np.clip(np.round(gray), 0, 255).astype(np.uint8)
    if rng.random() < 0.25:
        stream = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 96))])[1]
        picture = cv2.imdecode(stream, cv2.IMREAD_GRAYSCALE)
    if rng.random() < 0.3:
        picture = 255 - picture
    top, left = (int(rng.integers(0, SIDE - CROP + 1)) for _ in range(2))
    part = np.s_[top : top + CROP, left : left + CROP]
    cells = [
        cv2.resize(plane[part], (CROP // 4,) * 2, interpolation=cv2.INTER_AREA) for plane in (area, weight)
    ]
    return np.ascontiguousarray(picture[part]), cells[0], cells[1]
