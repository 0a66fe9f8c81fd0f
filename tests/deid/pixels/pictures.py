"""Small objects with typed text in their pixels, in any layout and transfer syntax."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import SecondaryCaptureImageStorage, UltrasoundImageStorage, generate_uid

from deid.pixels.codec import encode
from deid.pixels.source import Layout

NAME = "QUIMBLY^ARCHIE"
EXPLICIT, IMPLICIT, BIG, DEFLATED = (f"1.2.840.10008.1.2{end}" for end in (".1", "", ".2", ".1.99"))
RLE = "1.2.840.10008.1.2.5"
Array = np.ndarray[Any, Any]


def jpeg(number: int) -> str:
    """UID of a JPEG family transfer syntax."""
    return f"1.2.840.10008.1.2.4.{number}"


def anatomy(seed: int = 0, shape: tuple[int, int] = (192, 256)) -> Array:
    """Soft structures with a little noise, 20..170."""
    rng = np.random.default_rng(seed)
    soft = cv2.resize(rng.standard_normal((6, 8)), (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.clip(90 + 30 * soft + 2 * rng.standard_normal(shape), 20, 170)


def typed(
    gray: Array, text: str = NAME, at: tuple[int, int] = (12, 30), level: float = 250
) -> tuple[Array, Array]:
    """The picture with a line of text, and the mask of its ink."""
    ink = cv2.putText(
        np.zeros(gray.shape, np.uint8), text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 1, cv2.LINE_AA
    )
    coverage = ink / 255.0
    return gray + coverage * (level - gray), coverage >= 0.25


def dataset(
    layout: Layout, frames: list[Array], *, sop: str = SecondaryCaptureImageStorage, modality: str = "OT"
) -> Dataset:
    """An object with these frames of stored samples."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = layout.syntax
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = sop
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = generate_uid(entropy_srcs=["pixels"])
    ds.Modality, ds.PatientName = modality, NAME
    ds.Rows, ds.Columns, ds.SamplesPerPixel = layout.rows, layout.columns, layout.samples
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = layout.allocated, layout.stored, layout.high
    ds.PixelRepresentation, ds.PhotometricInterpretation = int(layout.signed), layout.photometric
    if layout.samples == 3:
        ds.PlanarConfiguration = layout.planar
    if len(frames) > 1:
        ds.NumberOfFrames = len(frames)
    if layout.native:
        data = b"".join(encode(layout, frame, b"") for frame in frames)
        ds.PixelData = data + b"\0" * (len(data) % 2)
        ds["PixelData"].VR = "OW" if layout.allocated > 8 or layout.syntax in (IMPLICIT, BIG) else "OB"
    else:
        ds.PixelData = encapsulate([compressed(layout, frame) for frame in frames])
        ds["PixelData"].VR = "OB"
    return ds


def compressed(layout: Layout, frame: Array) -> bytes:
    """A frame's stream in the layout's transfer syntax."""
    if layout.syntax in [jpeg(n) for n in (50, 51, 53, 55)]:
        options: dict[str, Any] = {"bitspersample": layout.stored} if layout.stored > 8 else {}
        if layout.samples == 3:
            options |= {"colorspace": "RGB", "outcolorspace": "YCBCR", "subsampling": "422"}
        return bytes(imagecodecs.jpeg8_encode(frame, 92, **options))
    precision = layout.stored if layout.syntax in [jpeg(57), jpeg(70)] else layout.allocated
    head = b"\xff\xd8\xff\xc3\x00\x0b" + bytes([precision])  # all that encode() asks an original for
    return encode(layout, frame, head + bytes(16))


def layout_of(syntax: str = EXPLICIT, **changes: Any) -> Layout:
    """An 8-bit gray layout of 192 x 256, with changes."""
    values: dict[str, Any] = {
        "rows": 192, "columns": 256, "samples": 1, "allocated": 8, "stored": 8, "high": 7, "signed": False,
        "planar": 0, "photometric": "MONOCHROME2", "frames": 1, "syntax": syntax,
    }  # fmt: skip
    return Layout(**(values | changes))


def save(ds: Dataset, path: Path) -> Path:
    """Write the object in its own transfer syntax."""
    syntax = ds.file_meta.TransferSyntaxUID
    ds.save_as(
        path,
        implicit_vr=syntax.is_implicit_VR,
        little_endian=syntax.is_little_endian,
        enforce_file_format=True,
    )
    return path


def replaced(original: Path, value: Path, changes: dict[int, bytes], syntax: str | None, out: Path) -> Path:
    """What the engine makes of a result: the original with a new pixel value and changed attributes."""
    from pydicom import dcmread

    ds = dcmread(original)
    was = ds["PixelData"]
    data = value.read_bytes()
    encapsulated = (
        syntax or ds.file_meta.TransferSyntaxUID
    ) != EXPLICIT and ds.file_meta.TransferSyntaxUID.is_encapsulated
    ds.PixelData = data[:-8] if encapsulated else data  # pydicom writes the delimiter itself
    for tag, data in changes.items():
        if tag == 0x00280301:
            ds.BurnedInAnnotation = data.decode()
        elif tag == 0x00280004:
            ds.PhotometricInterpretation = data.decode().strip()
        elif tag == 0x00280006:
            ds.PlanarConfiguration = int.from_bytes(data, "little")
        elif data:
            ds.add_new(tag, "OV", data)
        elif tag in ds:
            del ds[tag]
    if syntax is not None:
        ds.file_meta.TransferSyntaxUID = syntax
    ds["PixelData"].VR = was.VR if syntax is None else "OW" if ds.BitsAllocated > 8 else "OB"
    ds["PixelData"].is_undefined_length = encapsulated
    return save(ds, out)


def ultrasound(frames: list[Array], syntax: str = EXPLICIT) -> Dataset:
    """A gray ultrasound clip of 8-bit frames."""
    rows, columns = frames[0].shape[:2]
    layout = layout_of(syntax, rows=rows, columns=columns, frames=len(frames))
    return dataset(layout, frames, sop=UltrasoundImageStorage, modality="US")
