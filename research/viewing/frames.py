"""The images of a series in the order of space, whatever kind of objects hold them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.pixels.processing import apply_color_lut
from pydicom.pixels.utils import iter_pixels

from research.errors import VolumeError

Vector = NDArray[np.float64]
_COLOURS = 3


@dataclass(frozen=True)
class Frame:
    """One image of a series.

    Attributes:
        path, index: the object that holds it, and which of its frames it is.
        size: rows, columns.
        position: ImagePositionPatient, mm, LPS; None where the object has none.
        orientation: ImageOrientationPatient: row and column cosines.
        spacing: between rows, between columns, mm.
        slope, intercept: from stored to meant values.
        number: InstanceNumber and frame, the order where there is no position.
    """

    path: Path
    index: int
    size: tuple[int, int]
    position: Vector | None
    orientation: Vector | None
    spacing: tuple[float, float]
    slope: float
    intercept: float
    number: tuple[int, int]


@dataclass(frozen=True)
class Stack:
    """Frames of one size, in order, with the header of one of them."""

    frames: tuple[Frame, ...]
    header: Dataset
    left_out: int

    @property
    def size(self) -> tuple[int, int]:
        """Rows, columns."""
        return self.frames[0].size

    @property
    def oriented(self) -> bool:
        """Whether it is known where the frames lie."""
        return self.frames[0].position is not None

    @property
    def normal(self) -> Vector:
        """Unit vector from the first slice to the last."""
        orientation = self.frames[0].orientation
        if orientation is None:
            return np.array([0.0, 0.0, 1.0])
        return np.asarray(np.cross(orientation[:3], orientation[3:]), dtype=float)

    @property
    def places(self) -> Vector:
        """Of each frame along the normal, mm; its number where nobody knows."""
        if not self.oriented:
            return np.arange(len(self.frames), dtype=float)
        return np.array([frame.position @ self.normal for frame in self.frames if frame.position is not None])

    @property
    def gap(self) -> float:
        """Median distance of neighbouring slices, mm."""
        steps = np.diff(self.places)
        steps = steps[steps > 1e-3]
        if steps.size and self.oriented:
            return float(np.median(steps))
        return float(
            _number(self.header, "SpacingBetweenSlices") or _number(self.header, "SliceThickness") or 1.0
        )

    @property
    def uneven(self) -> bool:
        """Whether slices are missing, doubled or otherwise not one gap apart."""
        steps = np.diff(self.places)
        return bool(
            self.oriented and steps.size and np.any(np.abs(steps - self.gap) > 0.05 * self.gap + 1e-3)
        )


def read_stack(files: Sequence[Path]) -> Stack:
    """The frames of the most frequent size and orientation, in order.

    Raises:
        VolumeError: no object with an image.
    """
    frames: list[Frame] = []
    headers: dict[Path, Dataset] = {}
    for path in files:
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True)
        except (InvalidDicomError, OSError) as error:
            msg = "An object of the series cannot be read."
            raise VolumeError(msg, "Check the series with `python -m deid verify`.") from error
        if "Rows" in header and "Columns" in header and "BitsAllocated" in header:
            headers[path] = header
            frames += _frames(path, header)
    if not frames:
        msg = "The series holds no image."
        raise VolumeError(msg, "Reports, plans and waveforms have nothing to be drawn.")
    kinds = Counter(_kind(frame) for frame in frames)
    kept = [frame for frame in frames if _kind(frame) == kinds.most_common(1)[0][0]]
    first = kept[0]
    if first.orientation is not None:
        normal = np.cross(first.orientation[:3], first.orientation[3:])
        kept.sort(key=lambda f: (float(f.position @ normal) if f.position is not None else 0.0, f.number))
    else:
        kept.sort(key=lambda f: f.number)
    return Stack(tuple(kept), headers[kept[0].path], len(frames) - len(kept))


def pixels(frame: Frame, header: Dataset) -> NDArray[Any]:
    """Stored values of one frame, rows x columns, or x 3 in colour.

    Raises:
        VolumeError: pixels that cannot be decoded.
    """
    try:
        (found,) = iter_pixels(frame.path, indices=[frame.index])
        if header.get("PhotometricInterpretation") == "PALETTE COLOR":
            found = apply_color_lut(found, header)
    except (ValueError, RuntimeError, NotImplementedError, AttributeError, KeyError, OSError) as error:
        msg = "An image of the series cannot be decoded."
        raise VolumeError(msg, "Look at it in the archive that it comes from.") from error
    return np.asarray(found)


def grey(found: NDArray[Any]) -> NDArray[Any]:
    """A colour image as luminance (ITU-R BT.601); others as they are."""
    if found.ndim == _COLOURS:
        return np.asarray(found[..., :3] @ np.array([0.299, 0.587, 0.114]))
    return found


def _frames(path: Path, header: Dataset) -> list[Frame]:
    count = int(header.get("NumberOfFrames") or 1)
    shared = _first(header.get("SharedFunctionalGroupsSequence"))
    each = header.get("PerFrameFunctionalGroupsSequence") or []
    number = int(header.get("InstanceNumber") or 0)
    return [
        _frame(path, index, header, [each[index] if index < len(each) else None, shared], number)
        for index in range(count)
    ]


def _frame(path: Path, index: int, header: Dataset, groups: list[Dataset | None], number: int) -> Frame:
    def of(sequence: str, keyword: str) -> Any:
        for group in groups:
            item = _first(group.get(sequence)) if group is not None else None
            if item is not None and item.get(keyword) is not None:
                return item.get(keyword)
        return header.get(keyword) if not header.get("PerFrameFunctionalGroupsSequence") else None

    position = _vector(of("PlanePositionSequence", "ImagePositionPatient"), 3)
    orientation = _vector(of("PlaneOrientationSequence", "ImageOrientationPatient"), 6)
    spacing = _vector(of("PixelMeasuresSequence", "PixelSpacing") or header.get("ImagerPixelSpacing"), 2)
    slope = of("PixelValueTransformationSequence", "RescaleSlope")
    intercept = of("PixelValueTransformationSequence", "RescaleIntercept")
    whole = position is not None and orientation is not None
    return Frame(
        path=path,
        index=index,
        size=(int(header.Rows), int(header.Columns)),
        position=position if whole else None,
        orientation=orientation if whole else None,
        spacing=(1.0, 1.0)
        if spacing is None or not np.all(spacing > 0)
        else (float(spacing[0]), float(spacing[1])),
        slope=float(slope if slope is not None else 1),
        intercept=float(intercept if intercept is not None else 0),
        number=(number, index),
    )


def _kind(frame: Frame) -> tuple[Any, ...]:
    turned = None if frame.orientation is None else tuple(np.round(frame.orientation, 3) + 0.0)
    return frame.size, turned


def _first(sequence: Any) -> Dataset | None:
    return sequence[0] if sequence else None


def _vector(value: Any, length: int) -> Vector | None:
    if value is None or not hasattr(value, "__len__") or len(value) != length:
        return None
    found = np.array([float(one) for one in value])
    return found if np.all(np.isfinite(found)) else None


def _number(header: Dataset, keyword: str) -> float | None:
    value = header.get(keyword)
    try:
        return float(value) if value not in (None, "") else None
    except (TypeError, ValueError):
        return None
