"""Pictures with text as ``pixels_set`` does not draw it: a case for each way that a detector may not have met.

Bitmap fonts, dot matrices, letters below each other, hand-like writing, tables, light boxes, text cut by the border or
across the edge of anatomy, heavy JPEG, colours of equal brightness, text far outside the window of a deep image. Fonts
are the families that the network was not trained with (``pixels_set.HELD_OUT``) and those of a folder, if one is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench import pixels_set as drawn
from bench import pixels_styles as styles
from bench.pixels_set import Line, Planted

Rng = np.random.Generator
Array = np.ndarray[Any, Any]

CASES = (
    "bitmap", "dots", "stacked", "hand", "spaced", "hollow", "hard edges", "light box", "table", "paragraph", "border",
    "heavy JPEG", "large", "8-9 px", "edge of anatomy", "colour only", "slanted", "short", "far outside window",
)  # fmt: skip
STYLE = {
    "bitmap": "bitmap", "dots": "dots", "stacked": "stacked", "hand": "hand", "spaced": "spaced", "hollow": "hollow",
    "hard edges": "hard",
}  # fmt: skip
SHORT = ("R", "L", "7", "M", "RT", "F", "42", "L1", "AP", "No 3", "J.D.")
ISOLUMINANT = 110.0  #: brightness of text and surroundings where only the colour differs


def size(rng: Rng, case: str) -> int:
    """Height of a font in pixels."""
    low, high = {
        "bitmap": (7, 26), "dots": (12, 40), "large": (41, 90), "8-9 px": (8, 9), "table": (10, 18),
        "paragraph": (10, 22), "hollow": (16, 40), "hand": (14, 40), "stacked": (10, 26),
    }.get(case, (10, 40))  # fmt: skip
    return int(rng.integers(low, high + 1))


def coverage(
    rng: Rng, case: str, fonts: tuple[tuple[str, ...], tuple[str, ...]], room: tuple[int, int]
) -> tuple[Array, list[tuple[str, Array]], int, float, str]:
    """What to draw: the whole, (words, mask) of each line, size, turn and font."""
    outlines, grids = fonts
    font, height = outlines[int(rng.integers(len(outlines)))], size(rng, case)
    grid = grids[int(rng.integers(len(grids)))] if grids else None
    said: list[str] = []

    def render(words: str) -> Array:
        return styles.styled(rng, words, font, height, STYLE.get(case, "smooth"), grid)

    def text() -> str:
        said.append(drawn.text(rng))
        return said[-1]

    if case in ("table", "paragraph"):
        rows, columns = int(rng.integers(4, 12)), int(rng.integers(2, 5)) if case == "table" else 1
        whole, places = styles.block(rng, text, render, rows, columns, (room[0] // 2, room[1] * 3 // 4))
        masks = []
        for number, (left, top, right, bottom) in enumerate(places):
            mask = np.zeros(whole.shape, bool)
            mask[top:bottom, left:right] = True
            masks.append((said[number] if columns == 1 else "cell", mask))
        return whole, masks, height, 0.0, Path(font).stem
    words = str(rng.choice(SHORT)) if case == "short" else text()
    turn = float(rng.choice([0, 0, 0, 90, 270])) if case != "slanted" else float(rng.uniform(10, 80))
    turn = 0.0 if case == "stacked" else turn * (1 if turn % 90 == 0 else float(rng.choice([-1, 1])))
    whole = np.ascontiguousarray(drawn.turned(render(words), turn))
    return whole, [(words, np.ones(whole.shape, bool))], height, turn, Path(grid or font).stem


def place(rng: Rng, case: str, shape: tuple[int, int], image: Array, taken: Array) -> tuple[int, int] | None:
    """Top and left of a free spot; negative or too large where the border cuts the text."""
    rows, columns = taken.shape
    h, w = shape
    best: tuple[float, tuple[int, int]] | None = None
    for _ in range(25):
        if h > rows - 8 or w > columns - 8:
            return None
        top, left = int(rng.integers(3, rows - h - 3)), int(rng.integers(3, columns - w - 3))
        if case == "border":
            side, out = int(rng.integers(4)), int(rng.integers(0, max(1, min(h, w) // 3)))
            top = -out if side == 0 else rows - h + out if side == 1 else top
            left = -out if side == 2 else columns - w + out if side == 3 else left
        around = np.s_[max(0, top - 10) : top + h + 10, max(0, left - 10) : left + w + 10]
        if taken[around].any():
            continue
        spread = float(image[around].std())
        if case != "edge of anatomy":
            return top, left
        if best is None or spread > best[0]:
            best = spread, (top, left)
    return best[1] if best else None


def put(rng: Rng, case: str, canvas: Array, taken: Array, ink: Array, fonts: Any) -> list[Line]:
    """Draw once; ``canvas`` and ``ink`` (coverage) change."""
    rows, columns = taken.shape
    whole, masks, height, turn, font = coverage(rng, case, fonts, (rows, columns))
    if min(whole.shape, default=0) < 4:
        return []
    spot = place(rng, case, (whole.shape[0], whole.shape[1]), canvas.mean(2), taken)
    if spot is None:
        return []
    top, left = spot
    cut = np.s_[max(0, -top) : rows - top, max(0, -left) : columns - left]
    whole, masks = whole[cut], [(words, mask[cut]) for words, mask in masks]
    top, left = max(0, top), max(0, left)
    h, w = whole.shape
    here = np.s_[top : top + h, left : left + w]
    pad = int(rng.integers(2, 10))
    around = np.s_[max(0, top - pad) : top + h + pad, max(0, left - pad) : left + w + pad]
    contrast = str(rng.choice(["high", "mid", "faint"], p=[0.5, 0.35, 0.15]))
    if case == "light box":
        canvas[around] = rng.uniform(150, 255)
    elif case == "colour only":
        canvas[around] = ISOLUMINANT + rng.normal(0, 2, canvas[around].shape[:2])[..., None]
    level, spread = float(np.median(canvas[around].mean(2))), float(canvas[around].mean(2).std())
    need = max(float(rng.uniform(*drawn.CONTRASTS[contrast])), drawn.FAINT_NOISE * spread)
    sign = 1 if level + need <= 255 and (rng.random() < 0.75 or level < need) else -1
    if not 0 <= level + sign * need <= 255:
        return []
    tint = np.full(canvas.shape[2], level + sign * need)
    if case == "colour only":  # red and blue against each other, the green channel carries brightness
        tint = np.array([[190.0, 70.0, 140.0], [60.0, 130.0, 150.0]][int(rng.integers(2))])
        tint += ISOLUMINANT - float(tint @ (0.299, 0.587, 0.114))
    after = canvas[here] + whole[..., None] * (tint - canvas[here])
    solid, changed = whole >= 0.25, np.abs(after - canvas[here]).max(2)
    if case == "far outside window":
        changed = np.full(whole.shape, 255.0)
    seen = solid & (changed >= drawn.VISIBLE)
    if seen.sum() < max(6, drawn.SEEN * solid.sum()):
        return []
    canvas[here], taken[here] = after, True
    ink[here] = np.maximum(ink[here], whole)
    found = []
    for words, mask in masks:
        y, x = np.nonzero(seen & mask)
        if len(y) >= 6:
            found.append(Line(words, height, turn, contrast, font, (y + top) * columns + x + left, case))
    return found


def picture(rng: Rng, case: str, fonts: Any) -> Planted:
    """One picture of a case."""
    kind = str(rng.choice(drawn.KINDS))
    kind = str(rng.choice(["US", "SC"])) if case == "colour only" else kind
    kind = str(rng.choice(["CR", "DX", "MG", "XA"])) if case == "far outside window" else kind
    shape = drawn.SIZES[kind][int(rng.integers(len(drawn.SIZES[kind])))]
    image = np.clip(drawn.BACKGROUNDS[kind](rng, shape), 0, 255)
    colour = case == "colour only" or (kind in ("US", "SC") and rng.random() < 0.4)
    canvas = np.repeat(image[..., None], 3 if colour else 1, 2)
    clean, ink, taken = image.copy(), np.zeros(shape), np.zeros(shape, bool)
    found: list[Line] = []
    wanted = 1 if case in ("table", "paragraph") else int(rng.integers(3, 7))
    for _ in range(wanted):
        for _ in range(20):
            drawn_now = put(rng, case, canvas, taken, ink, fonts)
            found += drawn_now
            if drawn_now:
                break
    pixels = np.clip(np.round(canvas), 0, 255).astype(np.uint8)
    if case == "far outside window":  # 300 of 65,536 values hold the anatomy, the text has the largest one
        base = float(rng.integers(200, 30000))
        deep = base + clean * 300 / 255 + rng.normal(0, 2, shape)
        return Planted(kind, np.round(deep + ink * (65535 - deep)).astype(np.uint16), found)
    if case == "heavy JPEG":
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 60))]
        pixels = cv2.imdecode(cv2.imencode(".jpg", pixels, quality)[1], cv2.IMREAD_UNCHANGED).reshape(
            pixels.shape
        )
    return Planted(kind, pixels if colour else pixels[..., 0], found)


def fonts(folder: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Outline and bitmap fonts: the families kept out of the training, and all below a folder."""
    own = tuple(sorted({font for font in drawn.fonts() if drawn.held_out(font)}))
    more, grids = styles.font_files(folder) if folder else ((), ())
    return own + more * max(1, len(own) // max(1, len(more))), grids


def pictures(count: int, seed: int, folder: str = "") -> Iterator[Planted]:
    """``count`` pictures, every case in turn."""
    for number in range(count):
        yield picture(np.random.default_rng([9, seed, number]), CASES[number % len(CASES)], fonts(folder))
