"""Small matrices, text burned into them, and encodings: RLE and JPEG 2000 by libraries, JPEG Lossless by hand."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from pydicom.encaps import encapsulate

Array = np.ndarray[Any, Any]
_FONTS = [
    Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"DejaVu{name}.ttf"
    for name in ("Sans", "Sans-Bold", "SansMono", "SansMono-Bold", "Serif")
]


@dataclass(frozen=True)
class Burned:
    """Text in a picture: what it says and where, (x, y, width, height) of its ink."""

    text: str
    box: tuple[int, int, int, int]


def anatomy(rng: np.random.Generator, rows: int, columns: int, top: int) -> Array:
    """A smooth blob with noise, 0..top, shape (rows, columns)."""
    y, x = np.mgrid[0:rows, 0:columns]
    blob = np.exp(-(((x - columns * rng.uniform(0.35, 0.65)) / (columns / 3.2)) ** 2))
    blob *= np.exp(-(((y - rows * rng.uniform(0.4, 0.6)) / (rows / 3.0)) ** 2))
    noisy = blob * top * 0.8 + rng.normal(0, top * 0.02, (rows, columns)) * (blob > 0.05)
    return np.clip(noisy, 0, top).astype(np.uint16 if top > 255 else np.uint8)


def burn(picture: Array, lines: list[str], rng: np.random.Generator, top: int) -> tuple[Array, list[Burned]]:
    """Write lines of text into the upper or lower left of a picture; returns the picture and where they are.

    Args:
        picture: shape (rows, columns) or (rows, columns, 3).
        lines: one below the other.
        rng: chooses font, size and corner.
        top: white.
    """
    rows, columns = picture.shape[:2]
    size = int(rng.integers(14, 24))
    font = ImageFont.truetype(str(_FONTS[int(rng.integers(len(_FONTS)))]), size)
    ink = Image.new("L", (columns, rows), 0)
    draw = ImageDraw.Draw(ink)
    left = int(rng.integers(4, 12))
    y = 6 if rng.random() < 0.7 else rows - (size + 6) * len(lines) - 6
    burned = []
    for line in lines:
        box = draw.textbbox((left, y), line, font=font)
        draw.text((left, y), line, fill=255, font=font)
        x0, y0, x1, y1 = (int(number) for number in box)
        burned.append(Burned(line, (x0, y0, min(x1, columns) - x0, y1 - y0)))
        y += size + 6
    mask = np.asarray(ink, dtype=np.float32) / 255.0
    if picture.ndim == 3:
        mask = mask[..., None]
    white = float(top) * float(rng.uniform(0.75, 1.0))
    return (picture * (1 - mask) + white * mask).astype(picture.dtype), burned


def jpeg2000(frame: Array) -> bytes:
    """Lossless JPEG 2000 codestream of one frame of 8 or 16 bits."""
    stream = io.BytesIO()
    Image.fromarray(frame).save(stream, "JPEG2000", irreversible=False, no_jp2=True, num_resolutions=3)
    return stream.getvalue()


def jpeg_baseline(frame: Array) -> bytes:
    """Baseline JPEG of one frame of 8 bits; colour becomes YBR_FULL_422."""
    stream = io.BytesIO()
    Image.fromarray(frame).save(stream, "JPEG", quality=92)
    return stream.getvalue()


def jpeg_lossless(frame: Array, bits: int) -> bytes:
    """JPEG Lossless, process 14 selection value 1 (ITU-T T.81 annex H), of one monochrome frame.

    One fixed Huffman table: the 17 categories of differences, all with codes of five bits.
    """
    rows, columns = frame.shape
    codes = range(17)  # five-bit codes 00000 .. 10000; all ones stays unused
    header = b"\xff\xd8"
    header += b"\xff\xc3" + struct.pack(">HBHHB", 11, bits, rows, columns, 1) + bytes((1, 0x11, 0))
    counts = bytes((0, 0, 0, 0, 17, *([0] * 11)))
    header += b"\xff\xc4" + struct.pack(">H", 2 + 1 + 16 + 17) + b"\0" + counts + bytes(codes)
    header += b"\xff\xda" + struct.pack(">HB", 8, 1) + bytes((1, 0, 1, 0, 0))
    bitstring: list[str] = []
    values = frame.astype(np.int64)
    for y in range(rows):
        for x in range(columns):
            if x:
                predicted = int(values[y, x - 1])
            elif y:
                predicted = int(values[y - 1, 0])
            else:
                predicted = 1 << (bits - 1)
            difference = (int(values[y, x]) - predicted + 32768) % 65536 - 32768
            category = abs(difference).bit_length()
            bitstring.append(f"{category:05b}")
            if 0 < category < 16:
                low = difference if difference > 0 else difference + (1 << category) - 1
                bitstring.append(f"{low:0{category}b}")
    joined = "".join(bitstring)
    joined += "1" * (-len(joined) % 8)
    data = int(joined, 2).to_bytes(len(joined) // 8, "big")
    return header + data.replace(b"\xff", b"\xff\0") + b"\xff\xd9"


def encapsulated(frames: list[bytes]) -> bytes:
    """Frames as the value of an encapsulated Pixel Data element."""
    return encapsulate(frames)
