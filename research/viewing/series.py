"""A series as a NIfTI volume with few enough voxels for a browser, and its middle slice as a PNG."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import SimpleITK
from numpy.typing import NDArray

from research.errors import VolumeError
from research.viewing.frames import Stack, grey, pixels, read_stack

VERSION = 1
"""Counted up when the same objects are drawn otherwise."""
MOST_VOXELS = 40_000_000
"""About what a browser holds easily: 80 MB of 16 bits."""
_MOST_IN = 1_500_000_000
"""Stored voxels of a series; more is not read."""
_SHORT = (-32768, 32767)
_THUMBNAIL = 256
sitk: Any = SimpleITK  # its functions carry no types


@dataclass(frozen=True)
class View:
    """What a viewer must know besides the volume.

    Attributes:
        shape: slices, rows, columns of the volume.
        spacing: the same, mm.
        every: of slices, rows and columns each such one was kept.
        planes: what planes across slices, rows and columns are called.
        upside_down: later slices lie nearer the head, so that planes across them are drawn from the last one.
        low, high: smallest and largest value.
        window: centre and width, from the header, or where 98 of 100 values of the middle slice lie.
        modality: (0008,0060).
        oriented: whether it is known where in the patient it lies.
        uneven: whether slices are missing or not one gap apart.
        left_out: images of another size or orientation.
        colour: whether the grey stands for colours.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    every: tuple[int, int, int]
    planes: tuple[str, str, str]
    upside_down: bool
    low: float
    high: float
    window: tuple[float, float]
    modality: str
    oriented: bool
    uneven: bool
    left_out: int
    colour: bool


def write_thumbnail(files: Sequence[Path], target: Path) -> None:
    """The middle slice as a PNG of at most 256 pixels a side, in colour where it has some.

    Raises:
        VolumeError: no image, or one that cannot be decoded.
    """
    stack = read_stack(files)
    frame = stack.frames[len(stack.frames) // 2]
    found = pixels(frame, stack.header)
    shown = found if found.ndim == 3 else found * frame.slope + frame.intercept
    if found.ndim == 3:
        picture = shown[..., 2::-1]  # OpenCV writes blue first
        picture = picture if picture.dtype == np.uint8 else _eight_bits(picture, *_bounds(picture))
    else:
        centre, width = _window(stack, np.asarray(shown))
        picture = _eight_bits(np.asarray(shown), centre - width / 2, centre + width / 2)
        if _inverse(stack):
            picture = 255 - picture
    rows, columns = picture.shape[:2]
    high, wide = rows * frame.spacing[0], columns * frame.spacing[1]
    scale = _THUMBNAIL / max(high, wide)
    size = (max(1, round(wide * scale)), max(1, round(high * scale)))
    drawn = cv2.resize(np.ascontiguousarray(picture), size, interpolation=cv2.INTER_AREA)
    if not cv2.imwrite(str(target), drawn):
        msg = "The thumbnail could not be written."
        raise OSError(msg)


def write_volume(files: Sequence[Path], folder: Path) -> View:
    """``volume.nii.gz`` and ``view.json`` in ``folder``.

    Raises:
        VolumeError: no image, too much to read, or one that cannot be decoded.
    """
    stack = read_stack(files)
    every = thinning(stack)
    rows, columns = stack.size
    frames = stack.frames[:: every[0]]
    shape = (len(frames), -(-rows // every[1]), -(-columns // every[2]))
    first = pixels(frames[0], stack.header)
    whole = all(f.slope.is_integer() and f.intercept.is_integer() for f in frames)
    short = whole and first.dtype.kind in "iu" and _fits(stack, first)
    volume = np.empty(shape, np.int16 if short else np.float32)
    for index, frame in enumerate(frames):
        found = grey(first if index == 0 else pixels(frame, stack.header))[:: every[1], :: every[2]]
        meant = found * frame.slope + frame.intercept
        volume[index] = np.clip(meant, *_SHORT) if short else meant
    low, high = float(volume.min()), float(volume.max())
    if _inverse(stack):
        volume = np.asarray(low + high - volume).astype(volume.dtype)
    if not np.isfinite([low, high]).all():
        msg = "The series holds values that are no numbers."
        raise VolumeError(msg, "Look at it in the archive that it comes from.")
    spacing = (stack.gap * every[0], frames[0].spacing[0] * every[1], frames[0].spacing[1] * every[2])
    write_nifti(stack, volume, spacing, folder / "volume.nii.gz")
    view = View(
        shape=shape,
        spacing=spacing,
        every=every,
        planes=_planes(stack),
        upside_down=bool(stack.oriented and np.argmax(np.abs(stack.normal)) == 2 and stack.normal[2] > 0),
        low=low,
        high=high,
        window=_window(stack, np.asarray(volume[shape[0] // 2])),
        modality=str(stack.header.get("Modality", "")),
        oriented=stack.oriented,
        uneven=stack.uneven,
        left_out=stack.left_out,
        colour=first.ndim == 3,
    )
    (folder / "view.json").write_text(json.dumps(asdict(view)), encoding="utf-8")
    return view


def thinning(stack: Stack) -> tuple[int, int, int]:
    """Of slices, rows and columns each such one is kept, so that a browser can hold what is left.

    Raises:
        VolumeError: more than is read at all.
    """
    rows, columns = stack.size
    count = len(stack.frames) * rows * columns
    if count > _MOST_IN:
        msg = f"The series has {count} pixels; at most {_MOST_IN} are drawn."
        raise VolumeError(msg, "Look at it in the archive that it comes from.")
    plane, along = 1, 1
    while count / (plane * plane * along) > MOST_VOXELS:
        if plane <= along and min(rows, columns) // (plane + 1) >= 128:
            plane += 1
        else:
            along += 1
    return along, plane, plane


def write_nifti(
    stack: Stack, volume: NDArray[Any], spacing: tuple[float, float, float], target: Path
) -> None:
    """A volume in the patient coordinates of its first slice."""
    image = sitk.GetImageFromArray(volume)
    image.SetSpacing((spacing[2], spacing[1], spacing[0]))
    frame = stack.frames[0]
    if frame.position is not None and frame.orientation is not None:
        image.SetOrigin(frame.position.tolist())
        axes = np.column_stack([frame.orientation[:3], frame.orientation[3:], stack.normal])
        image.SetDirection(axes.ravel().tolist())
    sitk.WriteImage(image, str(target), useCompression=True, compressionLevel=1)


def _planes(stack: Stack) -> tuple[str, str, str]:
    """The anatomical planes nearest to those across slices, rows and columns."""
    orientation = stack.frames[0].orientation
    if orientation is None:
        return "slices", "across rows", "across columns"
    axes = (stack.normal, orientation[3:], orientation[:3])
    first, second, third = (("sagittal", "coronal", "axial")[int(np.argmax(np.abs(axis)))] for axis in axes)
    return first, second, third


def _fits(stack: Stack, first: NDArray[Any]) -> bool:
    """Whether 16 bits hold every value; of CT the ends beyond are cut, since nothing is there."""
    if str(stack.header.get("Modality", "")) == "CT" or first.ndim == 3:
        return True
    bits = int(stack.header.get("BitsStored") or 16)
    signed = int(stack.header.get("PixelRepresentation") or 0) == 1
    ends = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    values = [end * f.slope + f.intercept for f in stack.frames for end in ends]
    return min(values) >= _SHORT[0] and max(values) <= _SHORT[1]


def _inverse(stack: Stack) -> bool:
    return bool(stack.header.get("PhotometricInterpretation") == "MONOCHROME1")


def _window(stack: Stack, shown: NDArray[Any]) -> tuple[float, float]:
    """Centre and width by the header where they mean something there, else by the values."""
    centre, width = stack.header.get("WindowCenter"), stack.header.get("WindowWidth")
    if centre is not None and width is not None:
        try:
            one = [
                float(v[0] if hasattr(v, "__len__") and not isinstance(v, str) else v)
                for v in (centre, width)
            ]
        except (ValueError, IndexError, TypeError):
            one = [0.0, 0.0]
        low, high = _bounds(shown)
        if one[1] >= 1 and one[0] + one[1] / 2 > low and one[0] - one[1] / 2 < high:
            return one[0], one[1]
    low, high = _bounds(shown)
    return (low + high) / 2, max(high - low, 1e-6)


def _bounds(shown: NDArray[Any]) -> tuple[float, float]:
    low, high = np.percentile(shown, [1, 99])
    if high <= low:
        low, high = float(shown.min()), float(shown.max())
    return float(low), float(high)


def _eight_bits(shown: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    scaled = (shown.astype(np.float32) - low) / max(high - low, 1e-6)
    return np.asarray(np.clip(scaled, 0, 1) * 255, dtype=np.uint8)
