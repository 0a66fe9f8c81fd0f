"""The cavity of the skull in CT: a brain that the average head does not know better than bone does."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from deid.faces.tissue import Floats, Mask, Volume

_BONE_HU = 180.0
_SOFT_HU = (-20.0, 130.0)
#: Passages out of the skull that are narrower than twice this are closed.
_NECK_MM = 4.0
#: Farther from the registered brain than this, no cavity is believed: it leaked, into an orbit or the neck.
_LEAK_MM = 13.0


def cavity(volume: Volume, brain: Floats) -> Mask:
    """Soft tissue that bone encloses.

    Args:
        volume: Hounsfield units on a fine grid.
        brain: distance to the registered brain on the same grid, mm.
    """
    bone = ndimage.binary_closing(volume.values > _BONE_HU, iterations=2)
    smooth = ndimage.gaussian_filter(volume.values, 0.7)
    near = brain < _LEAK_MM
    soft = (smooth > _SOFT_HU[0]) & (smooth < _SOFT_HU[1]) & ~bone & volume.valid & near
    inner = _distance(soft, volume.spacing) > _NECK_MM
    labels, count = ndimage.label(inner)
    if not count:
        return np.zeros_like(soft)
    seen = np.bincount(labels[brain < 0], minlength=count + 1)
    seen[0] = 0
    core = labels == seen.argmax()
    held = soft & (_distance(~core, volume.spacing) <= _NECK_MM)
    return np.asarray(ndimage.binary_closing(held, iterations=2) | held)


def _distance(mask: Mask, spacing: float) -> Floats:
    return np.asarray(ndimage.distance_transform_edt(mask, sampling=spacing), dtype=np.float32)
