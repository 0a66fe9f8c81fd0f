"""Pictures of a head's surface, for the person who decides: first surface along parallel rays, lit from the eye."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deid.faces.tissue import Floats, Volume

#: Turns about the body's axis: from the front, from half left, from the left.
_VIEWS = (0.0, 40.0, 90.0)
_BACKGROUND = 20


def render(volume: Volume, level: float) -> bytes:
    """A PNG with three views of the surface at a level.

    Args:
        volume: on an isotropic grid, axes z, y, x.
        level: value between air and skin.
    """
    field = np.where(volume.valid, volume.values, level - abs(level) - 1).astype(np.float32)
    field = ndimage.gaussian_filter(field, 0.7)
    views = [_view(field, level, turn) for turn in _VIEWS]
    return png(np.concatenate(views, axis=1))


def png(picture: NDArray[np.uint8]) -> bytes:
    """A greyscale PNG (ISO/IEC 15948) of rows x columns."""
    rows, columns = picture.shape
    lines = np.hstack([np.zeros((rows, 1), np.uint8), picture]).tobytes()

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )


def _view(field: Floats, level: float, turn: float) -> NDArray[Any]:
    """Rows from top to bottom, seen from the front after turning by so many degrees."""
    half = int(np.ceil(0.5 * np.hypot(*field.shape[1:])))
    angle = np.radians(turn)
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    centre = (np.array(field.shape[1:]) - 1) / 2
    offset = centre - rotation @ np.array([half, half])
    low = float(field.min())
    turned = np.stack([
        ndimage.affine_transform(plane, rotation, offset, (2 * half + 1,) * 2, order=1, cval=low) for plane in field
    ])  # fmt: skip
    solid = turned > level
    hit = solid.any(axis=1)
    first = solid.argmax(axis=1)
    before = np.clip(first - 1, 0, None)
    at = np.take_along_axis(turned, first[:, None], 1)[:, 0]
    ahead = np.take_along_axis(turned, before[:, None], 1)[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where(first > 0, np.clip((level - ahead) / (at - ahead), 0, 1), 1)
    depth = np.where(hit, before + np.nan_to_num(part, nan=1.0), 2 * half)
    dz, dx = np.gradient(ndimage.gaussian_filter(depth, 0.6))
    light = 1 / np.sqrt(1 + dz**2 + dx**2)
    shade = np.where(hit, 40 + 205 * light * (1 - 0.35 * depth / (2 * half)), _BACKGROUND)
    return np.asarray(shade[::-1].astype(np.uint8))
