"""Gray pictures of a frame for the detectors, colour pictures for people, and what black is in stored values."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from pydicom.dataset import Dataset

from deid.pixels.codec import COLOUR_DECODED, JPEG_LOSSLESS
from deid.pixels.source import Array, Layout, unreadable

CHROMA = 24  #: how far from gray a pixel must be to count as coloured, of 128
COLOURED = 0.0003  #: share of coloured pixels from which the colours get a view of their own
TAIL = 0.25  #: part of the window by which values must lie outside for a second, wider view
WIDEST = 1024  #: of the pictures for people, pixels


def stored_bits(layout: Layout, frame: Array) -> Array:
    """The samples without what may lie in unused high bits (retired overlays)."""
    if layout.stored == layout.allocated:
        return frame
    low = frame.astype(np.int64) & ((1 << layout.stored) - 1)
    if layout.signed:
        low = np.where(low >> (layout.stored - 1) & 1, low - (1 << layout.stored), low)
    return np.asarray(low.astype(frame.dtype))


def is_ybr(layout: Layout) -> bool:
    """Whether the decoded samples are luminance and chroma."""
    return layout.photometric.startswith("YBR") and layout.syntax not in COLOUR_DECODED | JPEG_LOSSLESS


def eight_bit(values: Array, low: float, high: float) -> Array:
    """Values from low to high as 0..255."""
    scale = 255 / max(high - low, 1)
    return np.asarray(np.clip((values.astype(np.float32) - low) * scale, 0, 255).astype(np.uint8))


def palette(header: Dataset) -> Array:
    """The colour table, (first entry's index aside) entries x RGB, uint8.

    Raises:
        QuarantineError: the table is missing or too short.
    """
    columns = []
    for name in ("Red", "Green", "Blue"):
        try:
            entries, _, bits = (int(v) for v in header[f"{name}PaletteColorLookupTableDescriptor"].value)
            data = bytes(header[f"{name}PaletteColorLookupTableData"].value)
        except (KeyError, TypeError, ValueError) as error:
            raise unreadable(detail="palette") from error
        entries = entries or 65536
        order = "<" if header.file_meta.TransferSyntaxUID.is_little_endian else ">"
        if bits == 16 and len(data) >= 2 * entries:
            columns.append((np.frombuffer(data, f"{order}u2")[:entries] >> 8).astype(np.uint8))
        elif len(data) >= 2 * entries:  # eight bits in words, as some write them
            columns.append(np.frombuffer(data, f"{order}u2")[:entries].astype(np.uint8))
        elif len(data) >= entries:
            columns.append(np.frombuffer(data, np.uint8)[:entries])
        else:
            raise unreadable(detail="palette")
    length = min(map(len, columns))
    return np.stack([column[:length] for column in columns], 1)


def rgb(layout: Layout, header: Dataset, frame: Array) -> Array:
    """(rows, columns, 3) uint8 of a colour or palette frame."""
    if layout.photometric == "PALETTE COLOR":
        table = palette(header)
        first = int(header["RedPaletteColorLookupTableDescriptor"].value[1])
        return np.asarray(
            table[np.clip(stored_bits(layout, frame).astype(np.int64) - first, 0, len(table) - 1)]
        )
    image = eight_bit(frame, 0, (1 << layout.stored) - 1) if layout.allocated > 8 else frame.astype(np.uint8)
    if not is_ybr(layout):
        return np.ascontiguousarray(image)
    if layout.photometric.startswith("YBR_PARTIAL"):
        image = np.clip(
            (image.astype(np.float32) - (16, 128, 128)) * (255 / 219, 255 / 224, 255 / 224) + (0, 128, 128),
            0,
            255,
        )
    return np.asarray(cv2.cvtColor(image.astype(np.uint8)[..., [0, 2, 1]], cv2.COLOR_YCrCb2RGB))


def window(layout: Layout, values: Array) -> tuple[float, float, float, float]:
    """Low and high percentile of a frame's values, lowest and highest value."""
    sample = values[:: max(1, layout.rows // 256), :: max(1, layout.columns // 256)]
    low, high = (float(v) for v in np.percentile(sample, (0.5, 99.5)))
    return low, high, float(values.min()), float(values.max())


def views(layout: Layout, header: Dataset, frame: Array) -> list[Array]:
    """Gray pictures in which text shows, the main one first; each (rows, columns) uint8.

    Colour pictures have a second view of chroma (text may differ in nothing else), deep ones a second, wider window
    where values lie far outside the first.
    """
    if layout.samples == 3 or layout.photometric == "PALETTE COLOR":
        image = rgb(layout, header, frame)
        luma = cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb)
        chroma = np.abs(luma[..., 1:].astype(np.int16) - 128).max(2)
        found = [np.ascontiguousarray(luma[..., 0])]
        if float((chroma > CHROMA).mean()) > COLOURED:
            found.append(np.clip(chroma * 2, 0, 255).astype(np.uint8))
        return found
    values = stored_bits(layout, frame)
    if layout.stored <= 8 and not layout.signed:
        return [np.ascontiguousarray(values.astype(np.uint8))]
    low, high, lowest, highest = window(layout, values)
    found = [eight_bit(values, low, high)]
    if max(low - lowest, highest - high) > TAIL * max(high - low, 1):
        found.append(eight_bit(values, lowest, highest))
    return found


def smoothed_over(gray: Array, mask: Array) -> Array:
    """The picture with masked areas like what is around them: its mean, and noise of its strength.

    Args:
        gray: (rows, columns) uint8.
        mask: (rows, columns) uint8, 1 where to fill.
    """
    known = 1 - mask.astype(np.float32)
    if not known.any():
        return np.zeros_like(gray)
    values = gray * known
    near = cv2.boxFilter(gray.astype(np.float32), -1, (3, 3))
    square = (
        np.square(gray - near) * known * (9 / 8)
    )  # what the mean of nine takes from the spread of its middle
    mean = np.full(gray.shape, float(np.median(gray[mask == 0])), np.float32)
    spread, left = np.zeros(gray.shape, np.float32), mask > 0
    for side in (31, 127):
        sums = [
            cv2.boxFilter(plane, -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT)
            for plane in (known, values, square)
        ]
        reached = left & (sums[0] > side)
        mean[reached] = sums[1][reached] / sums[0][reached]
        spread[reached] = np.sqrt(np.maximum(sums[2][reached] / sums[0][reached], 0))
        left &= ~reached
    noise = np.random.default_rng(0).standard_normal(gray.shape, np.float32)
    filled = np.clip(np.round(mean + spread * noise), 0, 255).astype(np.uint8)
    return np.where(mask > 0, filled, gray)


def fill(layout: Layout, header: Dataset, frame: Array) -> Array:
    """Black in stored values, one per sample; within the frame's own range where that range has a meaning."""
    if layout.samples == 3:
        black: list[Any] = [0, 0, 0]
        if is_ybr(layout):
            middle = 1 << (layout.stored - 1)
            black = [16 if layout.photometric.startswith("YBR_PARTIAL") else 0, middle, middle]
        return np.array(black, frame.dtype)
    if layout.photometric == "PALETTE COLOR":
        table = palette(header)
        first = int(header["RedPaletteColorLookupTableDescriptor"].value[1])
        return np.array([first + int(table.astype(int).sum(1).argmin())]).astype(frame.dtype)
    values = stored_bits(layout, frame)
    if layout.photometric == "MONOCHROME1":
        return np.array([values.max()], frame.dtype)
    return np.array([values.min() if layout.signed else 0], frame.dtype)


def png(layout: Layout, header: Dataset, frame: Array) -> bytes:
    """A picture for people, at most :data:`WIDEST` pixels wide."""
    if layout.samples == 3 or layout.photometric == "PALETTE COLOR":
        image = rgb(layout, header, frame)[..., ::-1]
    else:
        image = views(layout, header, frame)[0]
        if layout.photometric == "MONOCHROME1":
            image = 255 - image
    if image.shape[1] > WIDEST:
        scale = WIDEST / image.shape[1]
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".png", np.ascontiguousarray(image))[1].tobytes()
