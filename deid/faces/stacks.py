"""Frames sorted into stacks of parallel planes, and a stack seen on a regular grid (for analysis only).

Nothing here assumes that slices are equally spaced or lie straight behind each other: each plane keeps its own
position, so a tilted gantry shears the stack and the grid is sampled along that shear.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deid.exceptions import QuarantineError
from deid.faces.frames import SERIES
from deid.faces.tissue import Floats, Volume

if TYPE_CHECKING:
    from collections.abc import Callable

    from deid.faces.frames import Frame

#: Spacing of the analysis grid, mm.
GRID_MM = 3.0
#: Planes closer than this show the same place (echoes, phases, time points).
_SAME_PLACE_MM = 0.05
#: A wider hole between planes hides too much.
_MAX_GAP_MM = 12.0
#: Neighbours may slide by this share of their distance: a gantry tilts by 30 degrees at most.
_MAX_SLIDE = 1.0
#: Largest grid, in voxels; a whole body at 3 mm has 20 million.
_MAX_GRID = 80_000_000


@dataclass(frozen=True)
class Stack:
    """Parallel planes, ordered along their normal.

    Attributes:
        planes: per place the frames that show it, the first of which is analysed.
        distances: mm of each place along the normal, growing.
        origins: (places, 3) position of each place's first sample.
    """

    planes: tuple[tuple[Frame, ...], ...]
    distances: NDArray[np.float64]
    origins: NDArray[np.float64]

    @property
    def first(self) -> Frame:
        """A frame that stands for orientation, spacing and size."""
        return self.planes[0][0]

    @property
    def extent(self) -> tuple[float, float, float]:
        """Size in mm: across planes, down, along."""
        rows, columns = self.first.shape
        across = float(self.distances[-1] - self.distances[0])
        return across, rows * self.first.spacing[0], columns * self.first.spacing[1]

    @property
    def coarsest(self) -> float:
        """The largest step between planes, rows or columns, mm."""
        steps = np.diff(self.distances)
        return max(float(steps.max()) if len(steps) else 0.0, *self.first.spacing)


def sort_frames(frames: list[Frame]) -> list[Stack]:
    """Stacks of a series, the one with most places first.

    Args:
        frames: of one series.
    """
    groups: list[list[Frame]] = []
    for frame in frames:
        for group in groups:
            if frame.parallel(group[0]):
                group.append(frame)
                break
        else:
            groups.append([frame])
    return sorted((_stack(group) for group in groups), key=lambda stack: -len(stack.planes))


def _stack(group: list[Frame]) -> Stack:
    normal = group[0].normal
    order = sorted(group, key=lambda frame: float(frame.position @ normal))
    planes: list[list[Frame]] = []
    for frame in order:
        if planes and np.linalg.norm(frame.position - planes[-1][0].position) < _SAME_PLACE_MM:
            planes[-1].append(frame)
        else:
            planes.append([frame])
    origins = np.array([places[0].position for places in planes])
    return Stack(tuple(tuple(places) for places in planes), origins @ normal, origins)


def check_regular(stack: Stack) -> None:
    """Refuse a stack whose planes do not make a volume.

    Raises:
        QuarantineError: ``face-geometry``.
    """
    steps = np.diff(stack.distances)
    slides = np.diff(stack.origins, axis=0)
    slides -= steps[:, None] * stack.first.normal
    problems = []
    if len(steps) and steps.min() < 1e-3:
        problems.append("planes at the same distance but at different places")
    if len(steps) and steps.max() > max(_MAX_GAP_MM, 1e-9):
        problems.append(f"a gap of more than {_MAX_GAP_MM:g} mm between planes")
    elif len(steps) > 2 and steps.max() > 1.8 * np.median(steps) and steps.max() > 4.0:
        problems.append("a missing plane")
    if len(steps) and (np.linalg.norm(slides, axis=1) > np.maximum(_MAX_SLIDE * steps, 2.0)).any():
        problems.append("planes that lie beside each other")
    if problems:
        raise QuarantineError.of(SERIES, "face-geometry", tuple(problems))


def thin(stack: Stack, step: int) -> Stack:
    """Every so many-th place of a stack, the last one included."""
    keep = sorted({*range(0, len(stack.planes), step), len(stack.planes) - 1})
    return Stack(tuple(stack.planes[k] for k in keep), stack.distances[keep], stack.origins[keep])


def to_volume(stack: Stack, read: Callable[[Frame], NDArray[np.float32]], grid: float = GRID_MM) -> Volume:
    """The stack on an isotropic grid along the patient's axes.

    Args:
        stack: planes that make a volume.
        read: physical values of a frame, rows x columns.
        grid: spacing in mm.

    Raises:
        QuarantineError: ``face-geometry``, a volume larger than a body.
    """
    shrink = tuple(max(1, int(0.67 * grid / spacing)) for spacing in stack.first.spacing)
    samples = np.stack([_block_mean(read(places[0]), shrink) for places in stack.planes])
    rows, columns = samples.shape[1:]
    spacing = np.array(stack.first.spacing) * shrink
    # The centre of the first block, seen from the centre of the first sample.
    shift = 0.5 * (np.array(shrink) - 1) * np.array(stack.first.spacing)
    start = stack.origins + shift[0] * stack.first.down + shift[1] * stack.first.along
    far = [
        start[k]
        + i * (rows - 1) * spacing[0] * stack.first.down
        + j * (columns - 1) * spacing[1] * stack.first.along
        for k in (0, len(start) - 1)
        for i in (0, 1)
        for j in (0, 1)
    ]
    low, high = np.min(far, axis=0), np.max(far, axis=0)
    size = np.ceil((high - low) / grid).astype(int) + 1
    if int(size.prod()) > _MAX_GRID:
        raise QuarantineError.of(SERIES, "face-geometry", ("the volume is larger than a body",))
    values = np.zeros(size[::-1], dtype=np.float32)
    valid = np.zeros(size[::-1], dtype=bool)
    x = low[0] + grid * np.arange(size[0])
    y = low[1] + grid * np.arange(size[1])
    for index in range(size[2]):
        points = np.stack(np.broadcast_arrays(x[None, :], y[:, None], low[2] + grid * index), axis=-1)
        where = _index(points, stack, start, spacing)
        values[index] = ndimage.map_coordinates(samples, where, order=1, mode="nearest")
        limits = np.array(samples.shape)[:, None, None] - 0.5
        valid[index] = ((where >= -0.5) & (where <= limits)).all(axis=0)
    return Volume(values, valid, (float(low[0]), float(low[1]), float(low[2])), grid)


def _index(
    points: NDArray[np.float64], stack: Stack, start: NDArray[np.float64], spacing: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fractional plane, row and column of points."""
    distance = points @ stack.first.normal
    if len(stack.distances) == 1:
        plane = distance - stack.distances[0]
        origin = np.broadcast_to(start[0], points.shape)
    else:
        plane = np.interp(distance, stack.distances, np.arange(len(stack.distances), dtype=float))
        beyond = np.minimum(distance - stack.distances[0], 0) + np.maximum(distance - stack.distances[-1], 0)
        plane = plane + beyond / float(np.median(np.diff(stack.distances)))
        held = np.clip(plane, 0, len(start) - 1)
        origin = np.stack(
            [np.interp(held, np.arange(len(start)), start[:, axis]) for axis in range(3)], axis=-1
        )
    inside = points - origin
    return np.stack([plane, inside @ stack.first.down / spacing[0], inside @ stack.first.along / spacing[1]])


def _block_mean(plane: Floats, shrink: tuple[int, ...]) -> Floats:
    rows, columns = (n // s * s for n, s in zip(plane.shape, shrink, strict=True))
    blocks = plane[:rows, :columns].reshape(rows // shrink[0], shrink[0], columns // shrink[1], shrink[1])
    return np.asarray(blocks.mean(axis=(1, 3)), dtype=np.float32)
