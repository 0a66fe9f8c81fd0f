"""Generated pictures as DICOM objects, in every way that pixels are stored, and what a cleaned object shows.

Colour as RGB, YBR_FULL or palette; gray of 8 bits as MONOCHROME2, MONOCHROME1 or a gray palette; 12 and 16 bits in 16;
native, RLE, JPEG baseline, JPEG lossless, JPEG-LS and JPEG 2000.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from bench.pixels_set import Planted
from deid.pixel_result import PixelResult
from deid.pixels.codec import JPEG_DCT, decode, encode
from deid.pixels.source import Layout, Source
from deid.pixels.views import fill

Array = np.ndarray[Any, Any]

SOP = {
    "US": "1.2.840.10008.5.1.4.1.1.6.1",
    "CR": "1.2.840.10008.5.1.4.1.1.1",
    "DX": "1.2.840.10008.5.1.4.1.1.1.1",
    "SC": "1.2.840.10008.5.1.4.1.1.7",
    "XA": "1.2.840.10008.5.1.4.1.1.12.1",
    "MG": "1.2.840.10008.5.1.4.1.1.1.2",
    "CT": "1.2.840.10008.5.1.4.1.1.2",
}
SYNTAX = {
    "native": str(ExplicitVRLittleEndian),
    "rle": "1.2.840.10008.1.2.5",
    "jpeg": "1.2.840.10008.1.2.4.50",
    "jpeg lossless": "1.2.840.10008.1.2.4.70",
    "jpeg-ls": "1.2.840.10008.1.2.4.80",
    "jpeg 2000": "1.2.840.10008.1.2.4.90",
}
#: (what the values mean, how they are stored), by depth; the pictures take them in turn.
COLOUR = (
    ("RGB", "native"),
    ("YBR_FULL", "native"),
    ("YBR_FULL_422", "jpeg"),
    ("RGB", "rle"),
    ("RGB", "jpeg 2000"),
)
GRAY = (
    ("MONOCHROME2", "native"), ("MONOCHROME1", "native"), ("PALETTE COLOR", "native"), ("MONOCHROME2", "jpeg"),
    ("MONOCHROME2", "jpeg-ls"), ("PALETTE COLOR", "rle"),
)  # fmt: skip
DEEP = (
    ("MONOCHROME2", "native"), ("MONOCHROME1", "native"), ("MONOCHROME2", "jpeg lossless"),
    ("MONOCHROME2", "jpeg 2000"), ("MONOCHROME1", "rle"), ("MONOCHROME2", "jpeg-ls"),
)  # fmt: skip
QUALITY, TOLERANCE = 92, 8  #: of JPEG baseline, and gray levels that its black may be off


def stored(planted: Planted, turn: int | None) -> tuple[Array, str, str, int]:
    """Samples, Photometric Interpretation, kind of transfer syntax and Bits Stored."""
    pixels = planted.pixels
    deep = planted.kind not in ("US", "SC") or pixels.dtype == np.uint16
    ways = COLOUR if pixels.ndim == 3 else DEEP if deep else GRAY
    photometric, way = ways[0 if turn is None else turn % len(ways)]
    bits = 16 if pixels.dtype == np.uint16 else 12 if deep and pixels.ndim == 2 else 8
    if bits == 12:
        grain = np.random.default_rng(len(planted.lines)).integers(0, 16, pixels.shape)
        pixels = pixels.astype(np.uint16) * 16 + grain
    if photometric == "MONOCHROME1":
        pixels = (1 << bits) - 1 - pixels
    elif photometric == "YBR_FULL":
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb)[..., [0, 2, 1]]
    return np.ascontiguousarray(pixels, np.uint8 if bits == 8 else np.uint16), photometric, way, bits


def dicom(planted: Planted, path: Path, frames: list[Array] | None = None, turn: int | None = None) -> Path:
    """Write a picture, or a native clip of ``frames``, as its kind of object; ``turn`` chooses how it is stored."""
    pixels, photometric, way, bits = stored(planted, turn)
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = SYNTAX[way]
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = SOP[planted.kind]
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = generate_uid(
        entropy_srcs=["bench", str(path)]
    )
    ds.Modality = "OT" if planted.kind == "SC" else planted.kind
    ds.Rows, ds.Columns = pixels.shape[:2]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = (3 if pixels.ndim == 3 else 1), photometric
    ds.PixelRepresentation = 0
    if pixels.ndim == 3:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = pixels.dtype.itemsize * 8, bits, bits - 1
    if photometric == "PALETTE COLOR":
        for name in ("Red", "Green", "Blue"):
            setattr(ds, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
            setattr(ds, f"{name}PaletteColorLookupTableData", (np.arange(256, dtype="<u2") * 257).tobytes())
    if frames is not None:
        ds.NumberOfFrames = len(frames)
        ds.PixelData = b"".join(frame.tobytes() for frame in frames)
    elif way == "native":
        ds.PixelData = pixels.tobytes()
    else:
        ds.PixelData = encapsulate([compressed(pixels, photometric, way, bits)])
    ds["PixelData"].VR = "OW" if ds.BitsAllocated == 16 else "OB"
    ds.save_as(path, implicit_vr=False, little_endian=True, enforce_file_format=True)
    return path


def compressed(pixels: Array, photometric: str, way: str, bits: int) -> bytes:
    """One encoded frame."""
    if way == "jpeg":
        options = (
            {"colorspace": "RGB", "outcolorspace": "YCBCR", "subsampling": "422"} if pixels.ndim == 3 else {}
        )
        return bytes(imagecodecs.jpeg8_encode(pixels, QUALITY, **options))
    layout = Layout(
        rows=pixels.shape[0], columns=pixels.shape[1], samples=3 if pixels.ndim == 3 else 1,
        allocated=pixels.dtype.itemsize * 8, stored=bits, high=bits - 1, signed=False, planar=0,
        photometric=photometric, frames=1, syntax=SYNTAX[way],
    )  # fmt: skip
    return encode(layout, pixels, b"\xff\xd8\xff\xc3\x00\x0b" + bytes([bits]) + bytes(16))


def frame(value: bytes, native: bool) -> bytes:
    """The first frame of a value of Pixel Data: native bytes, or the fragments after the offset table."""
    if native:
        return value
    parts, at = [], 0
    while at + 8 <= len(value):
        tag, length = struct.unpack("<II", value[at : at + 8])
        if tag != 0xE000FFFE:
            break
        parts.append(value[at + 8 : at + 8 + length])
        at += 8 + length
    return b"".join(parts[1:])


def agrees(path: Path, result: PixelResult, mask: Array, scratch: Path) -> bool:
    """Whether the written pixels are black where ``mask`` says, and elsewhere what they were."""
    if result.value is None:
        return not mask.any()
    with Source(path, scratch) as source:
        layout, header = source.layout, source.header
        before = decode(layout, source.read(0))
    after = decode(layout, frame(result.value.read_bytes(), layout.native))
    result.value.unlink()
    off = np.abs(after.astype(int) - fill(layout, header, before).astype(int))
    lossy, inner = layout.syntax in JPEG_DCT, mask
    outer = mask
    if lossy:  # blocks at the rim are coded again, and a decoder smooths halved chroma over it
        inner = cv2.erode(mask, np.ones((17, 17), np.uint8))
        outer = cv2.dilate(mask, np.ones((35, 35), np.uint8))
    black = bool((off[inner > 0] <= (TOLERANCE if lossy else 0)).all())
    kept = np.array_equal(after[outer == 0], before[outer == 0])
    return black and kept
