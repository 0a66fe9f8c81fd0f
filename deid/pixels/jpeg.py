"""Text out of a DCT-coded JPEG frame without decoding the rest: whole blocks are made black in the coefficients.

Every other block keeps its quantised coefficients, so it decodes to the same values as before (near the seam of
subsampled chroma a decoder that smooths may see the black neighbour). The idea is David Clunie's PixelMed and the
reference's; the coefficients are read and written by libjpeg through jpeglib.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import imagecodecs
import jpeglib
import numpy as np

from deid.pixels.codec import NotEncodable
from deid.pixels.source import Array

Box = tuple[int, int, int, int]  #: left, top, right, bottom; right and bottom excluded

APP0, APP14, SOS = 0xE0, 0xEE, 0xDA


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
    """Make the blocks that ``boxes`` touch black.

    Args:
        data: one JPEG frame, 8 bit, baseline or extended sequential.
        boxes: what to cover, in pixels.
        scratch: folder for the two files that jpeglib needs; they are removed.
        inverse: MONOCHROME1, where black is the largest value.

    Returns:
        the new frame, and the boxes that are really covered, grown to whole blocks.

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
            grown = _fill(image, boxes, inverse=inverse)
            image.write_dct(str(after))
        except (OSError, ValueError, RuntimeError, IndexError) as error:
            msg = f"jpeg:{type(error).__name__}"
            raise NotEncodable(msg) from error
        written = segments(after.read_bytes())
    keep = [part for marker, part in parts if marker in (APP0, APP14)]
    new = [part for marker, part in written if not 0xE0 <= marker <= 0xEF and marker != 0xFE]
    result = b"\xff\xd8" + b"".join(keep + new)
    _compare(data, result, grown)
    return result + b"\0" * (len(result) % 2), grown


def _fill(image: jpeglib.DCTJPEG, boxes: list[Box], *, inverse: bool) -> list[Box]:
    planes = [plane for plane in (image.Y, image.Cb, image.Cr, image.K) if plane is not None]
    tables = (
        image.qt[np.asarray(image.quant_tbl_no)]
        if image.qt.shape[0] > 1
        else np.repeat(image.qt, len(planes), 0)
    )
    luma = planes[0].shape[:2]
    across = max(round(luma[1] / plane.shape[1]) for plane in planes)
    down = max(round(luma[0] / plane.shape[0]) for plane in planes)
    colour = "YCC" if "YCbCr" in str(image.jpeg_color_space) else "RGB"
    grown = []
    for left, top, right, bottom in boxes:
        x0, y0 = left // (8 * across) * across, top // (8 * down) * down
        x1, y1 = -(-right // (8 * across)) * across, -(-bottom // (8 * down)) * down
        for number, plane in enumerate(planes):
            sx, sy = round(luma[1] / plane.shape[1]), round(luma[0] / plane.shape[0])
            blocks = plane[y0 // sy : -(-y1 // sy), x0 // sx : -(-x1 // sx)]
            blocks[:] = 0
            if number == 0 or colour == "RGB":
                dc = 1016 if inverse else -1024
                blocks[..., 0, 0] = round(dc / int(tables[number][0, 0]))
        grown.append((x0 * 8, y0 * 8, min(x1 * 8, image.width), min(y1 * 8, image.height)))
    return grown


def _compare(before: bytes, after: bytes, boxes: list[Box]) -> None:
    """Outside the blocks (and one pixel of smoothed chroma) both must decode alike, inside the new one must be flat."""
    old, new = imagecodecs.jpeg8_decode(before), imagecodecs.jpeg8_decode(after)
    same: Array = np.ones(old.shape[:2], bool)
    for left, top, right, bottom in boxes:
        same[max(0, top - 2) : bottom + 2, max(0, left - 2) : right + 2] = False
        if int(np.ptp(new[top + 2 : bottom - 2, left + 2 : right - 2].astype(int))) > 24:
            msg = "jpeg:not-flat"
            raise NotEncodable(msg)
    if old.shape != new.shape or not np.array_equal(old[same], new[same]):
        msg = "jpeg:differs"
        raise NotEncodable(msg)
