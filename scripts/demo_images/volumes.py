"""A CT volume in HU, the reference lung of it, and a synthetic thorax where no real one may be fetched."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Volume:
    """A CT volume, axial, axes (z, y, x) towards head, back and left.

    Args:
        name: ``lung1``, ``lung2`` or ``phantom``.
        hu: int16 [slices, rows, columns], Hounsfield units.
        spacing: mm along (z, y, x).
        origin: LPS position (x, y, z) of the first voxel, mm.
        real: a patient was scanned; False for the phantom.
    """

    name: str
    hu: NDArray[np.int16]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float]
    real: bool

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel in ml."""
        return float(np.prod(self.spacing)) / 1000.0

    @cached_property
    def lung(self) -> Mask:
        """The reference lung; see ``reference_lung``."""
        return reference_lung(self.hu, self.spacing)

    def crop(self, slices: int) -> Volume:
        """The ``slices`` neighbouring slices that hold the most lung; the whole volume where it has fewer."""
        if slices >= len(self.hu):
            return self
        area = self.lung.sum(axis=(1, 2))
        window = np.convolve(area, np.ones(slices, dtype=np.int64), mode="valid")
        first = int(window.argmax())
        x, y, z = self.origin
        cropped = replace(
            self, hu=self.hu[first : first + slices], origin=(x, y, z + first * self.spacing[0])
        )
        cropped.__dict__["lung"] = self.lung[first : first + slices]  # the lung does not depend on the crop
        return cropped


def reference_lung(hu: NDArray[np.int16], spacing: tuple[float, float, float]) -> Mask:
    """Segment the lungs by threshold, without the large airways, with the small vessels.

    Air inside the body below -500 HU (two largest components above 0.3 l); the airway tree found by
    ``_airways`` is taken out; a closing of 3 mm takes small vessels in. It is the denominator of the truth,
    so it is made from the unmodified volume and never from a derived one.
    """
    air = hu < -500
    inside = np.zeros_like(air)
    for z, plane in enumerate(air):
        labels, _ = ndimage.label(plane)
        border = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
        inside[z] = plane & ~np.isin(labels, border)
    inside &= ~_airways(hu, inside, spacing)
    labels, count = ndimage.label(inside)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    largest = [i for i in np.argsort(sizes)[::-1][:2] if sizes[i] * np.prod(spacing) > 3e5]
    lung = np.isin(labels, largest)
    radius = max(1, round(3.0 / spacing[1]))
    yy, xx = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disc = (yy**2 + xx**2 <= radius**2)[None]
    padded = np.pad(lung, ((0, 0), (radius, radius), (radius, radius)))
    closed = ndimage.binary_closing(padded, disc)[:, radius:-radius, radius:-radius]
    return closed & ~_airways(hu, inside | closed, spacing)


def _airways(hu: NDArray[np.int16], inside: Mask, spacing: tuple[float, float, float]) -> Mask:
    """Trachea and main bronchi: round air columns followed from the top slice down while they stay narrow.

    A component of air below -900 HU in a slice belongs to the airway if it overlaps the airway of the slice
    above, is smaller than 12 cm2 and fills at least 45 % of its bounding box; 2 mm of wall are added.
    """
    pixel_cm2 = spacing[1] * spacing[2] / 100.0
    smooth = ndimage.gaussian_filter(hu.astype(np.float32), (0, 1.0 / spacing[1], 1.0 / spacing[2]))
    tree = np.zeros_like(inside)
    above: Mask | None = None
    for z in range(len(hu) - 1, -1, -1):
        labels, _ = ndimage.label((smooth[z] < -900) & inside[z])
        found = np.zeros_like(inside[z])
        for i, box in enumerate(ndimage.find_objects(labels), start=1):
            part = labels[box] == i
            area = part.sum() * pixel_cm2
            if not (0.3 <= area <= 12.0 and part.mean() >= 0.45):
                continue
            starts = above is None and _is_central(box, hu.shape[1:]) and 0.8 <= area <= 8.0
            if starts or (above is not None and (above[box] & part).any()):
                found[box] |= part
        if found.any():
            tree[z] = found
            above = found
        elif above is not None:
            break
    radius = max(1, round(2.0 / spacing[1]))
    return ndimage.binary_dilation(tree, np.ones((1, 3, 3), dtype=bool), iterations=radius)


def _is_central(box: tuple[slice, ...], shape: tuple[int, ...]) -> bool:
    middle = [(s.start + s.stop) / 2 / n for s, n in zip(box, shape, strict=True)]
    return 0.25 <= middle[0] <= 0.75 and 0.35 <= middle[1] <= 0.65


def phantom(seed: int = 0, slices: int = 24, size: int = 96) -> Volume:
    """A synthetic thorax: body, two lungs with vessels, trachea, spine; scanner-like noise of 12 HU.

    Returns:
        A volume of ``slices`` x ``size`` x ``size`` voxels of 8 x 3.5 x 3.5 mm at 96 pixels.
    """
    rng = np.random.default_rng(seed)
    dz, dxy = 8.0, 3.5 * 96 / size
    z, y, x = np.meshgrid(
        (np.arange(slices) - slices / 2 + 0.5) * dz,
        (np.arange(size) - size / 2 + 0.5) * dxy,
        (np.arange(size) - size / 2 + 0.5) * dxy,
        indexing="ij",
    )
    hu = np.full(x.shape, -1000.0, dtype=np.float32)
    hu[(x / 150) ** 2 + (y / 110) ** 2 < 1] = 40
    for side in (-1, 1):
        lung = ((x - side * 68) / 52) ** 2 + (y / 78) ** 2 + (z / 96) ** 2 < 1
        hu[lung] = -850 + 25 * (y[lung] / 78)  # denser where the patient lies on it
        for _ in range(14):
            cy, cx = rng.uniform(-50, 50), side * 68 + rng.uniform(-34, 34)
            hu[lung & ((x - cx) ** 2 + (y - cy - 0.2 * z) ** 2 < rng.uniform(2.5, 4.5) ** 2)] = 30
    hu[(x**2 + (y + 5) ** 2 < 9**2) & (z > -10)] = -1000
    hu[x**2 + (y - 85) ** 2 < 18**2] = 350
    hu += ndimage.gaussian_filter(rng.normal(0, 30, hu.shape), (0, 0.6, 0.6)).astype(np.float32)
    origin = (float(x[0, 0, 0]), float(y[0, 0, 0]), float(z[0, 0, 0]))
    return Volume("phantom", np.clip(hu, -1024, 3071).astype(np.int16), (dz, dxy, dxy), origin, real=False)
