"""Tells a whole DICOM file from one that ends early, without reading its pixel data."""

from __future__ import annotations

import struct
import warnings
from typing import BinaryIO

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.filereader import read_dataset
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

_PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
_ROWS = 0x00280010
_UNDEFINED = 0xFFFFFFFF
_ITEM, _END = 0xFFFEE000, 0xFFFEE0DD


def is_whole(image: pydicom.FileDataset, file: BinaryIO, size: int) -> bool:
    """Tell a whole file from one that ends early: its last element is short, or the pixels are missing.

    pydicom itself returns what is there: it hands out a short value, or stops before an element whose
    header is incomplete, without complaint.

    Args:
        image: the attributes, read up to the pixel data.
        file: the file, at the place where reading stopped.
        size: bytes of the file.

    Raises:
        ValueError, struct.error, ...: what follows cannot be parsed.
    """
    if not len(image) or _is_short(image):
        return False
    pixels: int | None = None
    if image.file_meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        file.seek(0)  # inflated as one: there is no place in the file to go on from
        image = pydicom.dcmread(file)
        if _is_short(image):
            return False
        pixels = next((len(image.get_item(tag).value or b"") for tag in _PIXELS if tag in image), None)
    elif file.tell() < size:
        pixels, end = _step_over(image, file, size)
        if end is None or not _rest_is_whole(image, file, end, size):
            return False
    if _ROWS in image:
        return pixels is not None and _fits(image, pixels)
    return pixels is not None or not UID(str(image.get("SOPClassUID", ""))).name.endswith("Image Storage")


def _is_short(image: pydicom.Dataset) -> bool:
    last: object = image.get_item(max(image.keys()))
    return (
        isinstance(last, RawDataElement)
        and last.length != _UNDEFINED
        and len(last.value or b"") != last.length
    )


def _step_over(image: pydicom.FileDataset, file: BinaryIO, size: int) -> tuple[int | None, int | None]:
    """Length of the pixel data and where it ends; no end where the file ends before."""
    order = "<" if image.original_encoding[1] else ">"
    group, element = struct.unpack(f"{order}HH", file.read(4))
    if group << 16 | element not in _PIXELS:
        return None, None
    if image.original_encoding[0]:
        (length,) = struct.unpack(f"{order}L", file.read(4))
    else:
        vr = file.read(4)[:2]
        if vr not in (b"OB", b"OW", b"OF", b"OD", b"OV", b"UN"):
            return None, None
        (length,) = struct.unpack(f"{order}L", file.read(4))
    start = file.tell()
    if length != _UNDEFINED:
        return length, start + length if start + length <= size else None
    while True:  # fragments, whose lengths are always little endian (PS3.5 A.4)
        head = file.read(8)
        if len(head) < 8:
            return None, None
        group, element, length = struct.unpack("<HHL", head)
        if group << 16 | element == _END:
            return file.tell() - start, file.tell()
        if group << 16 | element != _ITEM or file.tell() + length > size:
            return None, None
        file.seek(length, 1)


def _rest_is_whole(image: pydicom.FileDataset, file: BinaryIO, end: int, size: int) -> bool:
    """Whether what follows the pixel data (padding, signatures) is whole."""
    if end == size:
        return True
    file.seek(end)
    implicit, little = image.original_encoding
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rest = read_dataset(file, bool(implicit), bool(little))
    return bool(len(rest)) and not _is_short(rest)


def _fits(image: pydicom.FileDataset, length: int) -> bool:
    """Tell whether uncompressed pixel data is as long as the image's geometry says (PS3.5 section 8.1.1)."""
    if image.file_meta.TransferSyntaxUID.is_encapsulated:
        return True
    bits = int(image.Rows) * int(image.Columns) * int(image.get("SamplesPerPixel", 1) or 1)
    bits *= int(image.get("NumberOfFrames", 1) or 1) * int(image.BitsAllocated)
    if str(image.get("PhotometricInterpretation", "")) == "YBR_FULL_422":
        bits = bits * 2 // 3  # chrominance is stored for every second pixel only
    return length >= (bits + 7) // 8
