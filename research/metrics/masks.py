"""Overlap, volume and surface metrics of two masks; spacing is part of a mask and empty masks have a policy.

Both empty: undefined (NaN). One empty: Dice and surface dice 0, distance infinite. Callers count these apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, distance_transform_edt

Voxels = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Mask:
    """A binary volume.

    Attributes:
        voxels: true inside, any number of dimensions.
        spacing_mm: voxel size per axis of ``voxels``, in mm.

    Raises:
        ValueError: not one positive spacing per axis.
    """

    voxels: Voxels
    spacing_mm: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.spacing_mm) != self.voxels.ndim or not all(size > 0 for size in self.spacing_mm):
            msg = f"spacing {self.spacing_mm} does not fit {self.voxels.ndim} axes"
            raise ValueError(msg)

    def same_grid(self, other: Mask) -> bool:
        """Whether shape and spacing are equal (spacing to 0.001 mm)."""
        return self.voxels.shape == other.voxels.shape and bool(
            np.allclose(self.spacing_mm, other.spacing_mm, atol=1e-3)
        )


def dice(a: Mask, b: Mask) -> float:
    """2 |A and B| / (|A| + |B|); 0 where one is empty, NaN where both are (Dice 1945)."""
    _same(a, b)
    total = int(a.voxels.sum()) + int(b.voxels.sum())
    return 2 * int((a.voxels & b.voxels).sum()) / total if total else float("nan")


def volume_ml(mask: Mask) -> float:
    """Volume in millilitres (1000 mm3)."""
    return int(mask.voxels.sum()) * float(np.prod(mask.spacing_mm)) / 1000


def hausdorff_95(a: Mask, b: Mask) -> float:
    """The larger of the two 95th percentiles of distances between surface voxels, in mm.

    Infinite where one mask is empty, NaN where both are.
    """
    found = _surface_distances(a, b)
    if isinstance(found, float):
        return found
    return max(float(np.percentile(distances, 95)) for distances in found)


def surface_dice(a: Mask, b: Mask, tolerance_mm: float) -> float:
    """Share of both masks' surface voxels within ``tolerance_mm`` of the other's surface (Nikolov 2018).

    Surface voxels count alike, whatever area of surface they stand for. 0 where one mask is empty, NaN where
    both are.
    """
    found = _surface_distances(a, b)
    if isinstance(found, float):
        return 0.0 if np.isinf(found) else found
    near = sum(int((distances <= tolerance_mm).sum()) for distances in found)
    return near / sum(len(distances) for distances in found)


def _surface_distances(a: Mask, b: Mask) -> tuple[NDArray[np.float64], NDArray[np.float64]] | float:
    """Distances in mm from each surface to the other; a float where there are none (the policy's value)."""
    _same(a, b)
    if not a.voxels.any() or not b.voxels.any():
        return float("inf") if a.voxels.any() or b.voxels.any() else float("nan")
    box = _bounding_box(a.voxels | b.voxels)
    edges = [_surface(mask.voxels[box]) for mask in (a, b)]
    # Distance from every voxel to the nearest surface voxel of each mask.
    to_a, to_b = (distance_transform_edt(~edge, sampling=a.spacing_mm) for edge in edges)
    return to_b[edges[0]], to_a[edges[1]]


def _surface(voxels: Voxels) -> Voxels:
    """Voxels of the mask with a face neighbour outside it; outside the array counts as outside the mask."""
    return np.asarray(voxels & ~binary_erosion(voxels), dtype=np.bool_)


def _bounding_box(voxels: Voxels) -> tuple[slice, ...]:
    box = []
    for axis in range(voxels.ndim):
        hit = np.flatnonzero(voxels.any(axis=tuple(i for i in range(voxels.ndim) if i != axis)))
        box.append(slice(int(hit[0]), int(hit[-1]) + 1))
    return tuple(box)


def _same(a: Mask, b: Mask) -> None:
    if not a.same_grid(b):
        msg = f"masks of {a.voxels.shape} at {a.spacing_mm} and {b.voxels.shape} at {b.spacing_mm} differ"
        raise ValueError(msg)
