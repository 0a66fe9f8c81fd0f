"""The frames of a series: where each lies in the patient, and how its stored numbers become physical values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from deid.exceptions import QuarantineError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Direction cosines that differ by less are the same orientation.
_SAME_DIRECTION = 2e-3
#: How errors call the objects: a face is a matter of all of them together.
SERIES = "The series"


@dataclass(frozen=True)
class Frame:
    """One plane of samples.

    Attributes:
        path: its file.
        index: number of the frame in the file, from 0.
        position: x, y, z of the first sample's centre in mm (Image Position Patient).
        along: unit vector in which the column index grows.
        down: unit vector in which the row index grows.
        spacing: mm between rows, mm between columns.
        shape: rows, columns.
        slope: rescale slope.
        intercept: rescale intercept.
    """

    path: Path
    index: int
    position: NDArray[np.float64]
    along: NDArray[np.float64]
    down: NDArray[np.float64]
    spacing: tuple[float, float]
    shape: tuple[int, int]
    slope: float
    intercept: float

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit vector across the plane."""
        return np.cross(self.along, self.down)

    def parallel(self, other: Frame) -> bool:
        """Whether two frames belong to one stack: the same orientation, spacing and size."""
        return (
            self.shape == other.shape
            and bool(np.allclose(self.spacing, other.spacing, rtol=1e-3))
            and bool(np.abs(self.along - other.along).max() < _SAME_DIRECTION)
            and bool(np.abs(self.down - other.down).max() < _SAME_DIRECTION)
        )


def frames_of(path: Path, header: Dataset) -> list[Frame]:
    """The frames of an object.

    Args:
        path: its file.
        header: its attributes, without pixels.

    Raises:
        QuarantineError: ``face-geometry``, a frame whose place is not told.
    """
    try:
        return list(_frames(path, header))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        details = (f"no usable position, orientation or spacing ({type(error).__name__})",)
        raise QuarantineError.of(SERIES, "face-geometry", details) from None


def _frames(path: Path, header: Dataset) -> Iterator[Frame]:
    shape = (int(header.Rows), int(header.Columns))
    per_frame = header.get("PerFrameFunctionalGroupsSequence")
    count = int(header.get("NumberOfFrames") or 1)
    if per_frame is None:
        if count != 1:
            reason = "frames without functional groups"
            raise ValueError(reason)
        yield _frame(path, 0, shape, header, header, header, header)
        return
    if len(per_frame) != count:
        reason = "frames and functional groups differ in number"
        raise ValueError(reason)
    shared_items = header.get("SharedFunctionalGroupsSequence") or [Dataset()]
    shared = shared_items[0]
    for index, group in enumerate(per_frame):

        def macro(name: str, group: Dataset = group, *, needed: bool = True) -> Dataset:
            sequence = group.get(name) or shared.get(name)
            if sequence:
                return sequence[0]  # type: ignore[no-any-return]
            if needed:
                raise KeyError(name)
            return Dataset()

        yield _frame(
            path,
            index,
            shape,
            macro("PlanePositionSequence"),
            macro("PlaneOrientationSequence"),
            macro("PixelMeasuresSequence"),
            macro("PixelValueTransformationSequence", needed=False),
        )


def _frame(
    path: Path,
    index: int,
    shape: tuple[int, int],
    position: Dataset,
    orientation: Dataset,
    measures: Dataset,
    rescale: Dataset,
) -> Frame:
    cosines = _numbers(orientation.ImageOrientationPatient, 6)
    along, down = cosines[:3], cosines[3:]
    if (
        abs(np.linalg.norm(along) - 1) > 0.01
        or abs(np.linalg.norm(down) - 1) > 0.01
        or abs(along @ down) > 0.01
    ):
        reason = "orientation is not two unit vectors at a right angle"
        raise ValueError(reason)
    rows, columns = _numbers(measures.PixelSpacing, 2)
    if min(rows, columns) <= 0:
        reason = "spacing"
        raise ValueError(reason)
    slope, intercept = rescale.get("RescaleSlope"), rescale.get("RescaleIntercept")
    return Frame(
        path=path,
        index=index,
        position=_numbers(position.ImagePositionPatient, 3),
        along=along / np.linalg.norm(along),
        down=down / np.linalg.norm(down),
        spacing=(float(rows), float(columns)),
        shape=shape,
        slope=1.0 if slope is None else float(slope) or 1.0,
        intercept=0.0 if intercept is None else float(intercept),
    )


def _numbers(value: Any, count: int) -> NDArray[np.float64]:
    numbers = np.array([float(number) for number in value])
    if numbers.shape != (count,) or not np.isfinite(numbers).all():
        reason = "wrong count of numbers"
        raise ValueError(reason)
    return numbers
