"""What is head and what is air, in an analysis volume of either modality."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

#: Hounsfield units to the look of a T1 image: air and bone dark, fat bright, soft tissue between.
_HU = (-1000.0, -400.0, -130.0, -60.0, 0.0, 35.0, 80.0, 200.0, 400.0, 3000.0)
_T1 = (0.0, 0.0, 1.0, 0.9, 0.35, 0.6, 0.6, 0.2, 0.05, 0.0)
#: Between air and skin in CT.
SKIN_HU = -350.0


@dataclass(frozen=True)
class Volume:
    """A volume on an isotropic grid along the patient's axes, for analysis only: no output comes from it.

    Attributes:
        values: physical values, axes z, y, x.
        valid: where the acquisition has samples.
        origin: x, y, z of the first voxel, mm.
        spacing: mm.
    """

    values: Floats
    valid: Mask
    origin: tuple[float, float, float]
    spacing: float


@dataclass(frozen=True)
class Body:
    """A volume with its tissue told from air.

    Attributes:
        likeness: intensities 0 to about 1 that resemble a T1 head.
        tissue: the largest connected body, cavities filled.
        air: value of the air around it.
        level: value between air and skin.
    """

    likeness: Floats
    tissue: Mask
    air: float
    level: float


def find_body(volume: Volume, modality: str) -> Body:
    """Tell tissue from air.

    Args:
        volume: see the class.
        modality: CT (values are Hounsfield units), MR or PT.
    """
    values = volume.values
    level = SKIN_HU
    ct = modality == "CT"
    if ct:
        tissue = values > level
        likeness = np.interp(values, _HU, _T1).astype(np.float32)
    else:
        smooth = ndimage.gaussian_filter(values, 1.0)
        inside = smooth[volume.valid]
        top = float(np.percentile(inside, 99.5)) if inside.size else 0.0
        threshold = _otsu(np.clip(inside, None, top))
        if modality == "PT":  # the first cut parts the hot from the rest
            threshold = _otsu(inside[inside <= threshold])
        # Otsu parts the bright from the dark; skin that lies far from the coil is darker than the mean of both.
        low = float(np.median(inside[inside <= threshold])) if inside.size else 0.0
        level = low + 0.5 * (threshold - low)
        tissue = smooth > level
        head = smooth[tissue & volume.valid]
        bright = float(np.percentile(head, 90)) if head.size else 1.0
        likeness = np.clip((values - low) / max(bright - low, 1e-6), 0, 1.5).astype(np.float32)
    body = largest(ndimage.binary_opening(tissue & volume.valid, iterations=1))
    body = fill(ndimage.binary_closing(body, iterations=2) | body)
    outside = volume.valid & ~ndimage.binary_dilation(body, iterations=2)
    air = float(np.median(values[outside])) if outside.any() else (-1000.0 if ct else float(values.min()))
    likeness[~volume.valid] = 0
    return Body(likeness, body, air, level)


def largest(mask: Mask) -> Mask:
    """The largest connected part of a mask (the mask itself where it is empty)."""
    labels, count = ndimage.label(mask)
    if count < 2:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == sizes.argmax())


def fill(mask: Mask) -> Mask:
    """Fill what is closed in at least one family of slices: airways open to the outside elsewhere."""
    filled = mask.copy()
    for axis in range(3):
        for index in range(mask.shape[axis]):
            plane: list[slice | int] = [slice(None)] * 3
            plane[axis] = index
            filled[tuple(plane)] |= ndimage.binary_fill_holes(mask[tuple(plane)])
    return filled


def _otsu(values: Floats) -> float:
    if values.size == 0:
        return 0.0
    counts, edges = np.histogram(values, bins=128)
    centres = (edges[:-1] + edges[1:]) / 2
    weight = np.cumsum(counts)
    total = np.cumsum(counts * centres)
    other = weight[-1] - weight
    with np.errstate(divide="ignore", invalid="ignore"):
        between = weight * other * (total / weight - (total[-1] - total) / other) ** 2
    return float(centres[int(np.nanargmax(np.where(other > 0, between, -1)))])
