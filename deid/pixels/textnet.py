"""Radflow's own detector of typed text on medical pictures: a small convolutional network, see ``_model/README.md``.

It gives, for each cell of 4x4 pixels, how likely the cell belongs to a line of text, in any direction.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime

from deid.pixels.source import Array

CELL = 4  #: pixels a side of a cell
MODEL = Path(__file__).parent / "_model" / "text.onnx"
ROWS_AT_ONCE, OVERLAP = (
    1024,
    64,
)  #: taller pictures go through in overlapping strips, so that memory stays flat


def session(path: Path) -> Any:
    """An onnxruntime session on one thread; offline, from a file of a package."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # the models' declared shapes make it talk; real errors are exceptions
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@functools.cache
def _model() -> Any:
    return session(MODEL)


def channels(gray: Array) -> Array:
    """What the network sees, (1, 3, rows, columns): the gray values, and the same against two sizes of surroundings."""
    image = gray.astype(np.float32)
    wide = cv2.boxFilter(image, -1, (31, 31), borderType=cv2.BORDER_REFLECT)
    square = cv2.boxFilter(image * image, -1, (31, 31), borderType=cv2.BORDER_REFLECT)
    spread = np.sqrt(np.maximum(square - wide * wide, 0))
    near = cv2.boxFilter(image, -1, (7, 7), borderType=cv2.BORDER_REFLECT)
    planes = (
        (image - 128) / 128,
        np.clip((image - wide) / (spread + 2), -3, 3),
        np.clip((image - near) / 12, -3, 3),
    )
    return np.stack(planes)[None]


def likelihood(gray: Array) -> Array:
    """Likelihood of text per cell.

    Args:
        gray: (rows, columns) uint8.

    Returns:
        (ceil(rows / 4), ceil(columns / 4)) float32, 0..1.
    """
    rows, columns = gray.shape
    cells = np.zeros((-(-rows // CELL), -(-columns // CELL)), np.float32)
    step = ROWS_AT_ONCE - 2 * OVERLAP
    top = 0
    while True:
        first, last = max(0, top - OVERLAP), min(rows, top + step + OVERLAP)
        strip = gray[first:last]
        padded = cv2.copyMakeBorder(strip, 0, -strip.shape[0] % 32, 0, -columns % 32, cv2.BORDER_REFLECT)
        found = _model().run(None, {"x": channels(padded)})[0][0, 0]
        end = min(rows, top + step) if last < rows else rows
        cells[top // CELL : -(-end // CELL)] = found[(top - first) // CELL :][
            : -(-end // CELL) - top // CELL, : cells.shape[1]
        ]
        if last >= rows:
            return cells
        top += step
