"""Text out of a DCT-coded JPEG frame without decoding the rest: blocks are made black in the coefficients.

A block that a box covers in part is coded again with its own quantisation: the covered samples are black before that,
so nothing of them is left, and the others move by no more than the codec's own rounding. Every other block keeps its
quantised coefficients, so it decodes to the same values as before (near the seam of subsampled chroma a decoder that
smooths may see the black neighbour). The idea is David Clunie's PixelMed and the reference's; the coefficients are read
and written by libjpeg through jpeglib.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import jpeglib
import numpy as np
from scipy.fft import dctn, idctn

from deid.pixels.codec import NotEncodable

Box = tuple[int, int, int, int]  #: left, top, right, bottom; right and bottom excluded

Touched = np.ndarray[Any, np.dtype[np.bool_]]  #: pixels of blocks that are not what they were

APP0, APP14, SOS = 0xE0, 0xEE, 0xDA
FLAT = 24  #: gray levels between which a black area may vary


def segments(data: bytes) -> list[tuple[int, bytes]]:
    """Marker segments up to and with SOS; the last one holds all that follows."""
    found, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        end = len(data) if marker == SOS else at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        found.append((marker, data[at:end]))
        at = end
    return found


def blacken(
    data: bytes, boxes: list[Box], scratch: Path, *, inverse: bool = False
) -> tuple[bytes, list[Box]]:
    """Make ``boxes`` black.

    Args:
        data: one JPEG frame, 8 bit, baseline or extended sequential.
        boxes: what to cover, in pixels.
        scratch: folder for the two files that jpeglib needs; they are removed.
        inverse: MONOCHROME1, where black is the largest value.

    Returns:
        the new frame, and the boxes inside it.

    Raises:
        NotEncodable: 12-bit or progressive frames, or a codec that disagrees with itself.
    """
    parts = segments(data)
    frames = [part for marker, part in parts if marker in (0xC0, 0xC1)]
    if not frames or frames[0][4] != 8:
        msg = "jpeg:not-sequential-8-bit"
        raise NotEncodable(msg)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        before, after = Path(folder) / "before.jpg", Path(folder) / "after.jpg"
        before.write_bytes(data)
        try:
            image = jpeglib.read_dct(str(before))
            inside = [
                (max(0, a), max(0, b), min(c, image.width), min(d, image.height)) for a, b, c, d in boxes
            ]
            touched = _fill(image, inside, inverse=inverse)
            image.write_dct(str(after))
        except (OSError, ValueError, RuntimeError, IndexError) as error:
            msg = f"jpeg:{type(error).__name__}"
            raise NotEncodable(msg) from error
        written = segments(after.read_bytes())
    keep = [part for marker, part in parts if marker in (APP0, APP14)]
    new = [part for marker, part in written if not 0xE0 <= marker <= 0xEF and marker != 0xFE]
    result = b"\xff\xd8" + b"".join(keep + new)
    _compare(data, result, inside, touched)
    return result + b"\0" * (len(result) % 2), inside


def _fill(image: jpeglib.DCTJPEG, boxes: list[Box], *, inverse: bool) -> Touched:
    planes = [plane for plane in (image.Y, image.Cb, image.Cr, image.K) if plane is not None]
    tables = (
        image.qt[np.asarray(image.quant_tbl_no)]
        if image.qt.shape[0] > 1
        else np.repeat(image.qt, len(planes), 0)
    )
    luma = planes[0].shape[:2]
    luminance_only = "YCbCr" in str(image.jpeg_color_space)
    touched: Touched = np.zeros((8 * luma[0], 8 * luma[1]), bool)
    for number, plane in enumerate(planes):
        sx, sy = round(luma[1] / plane.shape[1]), round(luma[0] / plane.shape[0])
        covered = np.zeros((8 * plane.shape[0], 8 * plane.shape[1]), bool)
        for left, top, right, bottom in boxes:
            covered[top // sy : -(-bottom // sy), left // sx : -(-right // sx)] = True
        level = (127 if inverse else -128) if number == 0 or not luminance_only else 0
        table = tables[number].astype(float)
        blocks = covered.reshape(plane.shape[0], 8, plane.shape[1], 8).swapaxes(1, 2)
        whole, some = blocks.all((2, 3)), blocks.any((2, 3))
        plane[whole] = 0
        plane[whole, 0, 0] = round(8 * level / table[0, 0])
        rim = some & ~whole
        samples = np.clip(idctn(plane[rim] * table, axes=(1, 2), norm="ortho"), -128, 127)
        samples[blocks[rim]] = level
        coded = np.round(dctn(samples, axes=(1, 2), norm="ortho") / table)
        plane[rim] = np.clip(coded, -1023, 1023).astype(plane.dtype)
        reached = some.repeat(8 * sy, 0).repeat(8 * sx, 1)[: touched.shape[0], : touched.shape[1]]
        touched[: reached.shape[0], : reached.shape[1]] |= reached
    return touched


def _compare(before: bytes, after: bytes, boxes: list[Box], touched: Touched) -> None:
    """Outside touched blocks (and their smoothed chroma) both decode alike; inside the boxes there is one level left.

    At the rim the codec's own noise stays, so the middle of each box's values is looked at there.
    """
    old, new = imagecodecs.jpeg8_decode(before), imagecodecs.jpeg8_decode(after)
    if old.shape != new.shape:
        msg = "jpeg:differs"
        raise NotEncodable(msg)
    around = cv2.dilate(touched[: old.shape[0], : old.shape[1]].astype(np.uint8), np.ones((5, 5), np.uint8))
    if not np.array_equal(old[around == 0], new[around == 0]):
        msg = "jpeg:differs"
        raise NotEncodable(msg)
    for left, top, right, bottom in boxes:
        inside = new[top:bottom, left:right].astype(int)
        middle = new[top + 8 : bottom - 8, left + 8 : right - 8].astype(int)
        if (inside.size and int(np.ptp(np.percentile(inside, (10, 90)))) > FLAT) or (
            middle.size and int(np.ptp(middle)) > FLAT
        ):
            msg = "jpeg:not-flat"
            raise NotEncodable(msg)
