"""Whether a fit is good enough to remove a face by; a doubtful one goes to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deid.exceptions import QuarantineError
from deid.faces.frames import SERIES

if TYPE_CHECKING:
    from deid.faces.region import Region
    from deid.faces.register import Fit
    from deid.faces.tissue import Volume

#: Outlines of the upper head agree at least so well (Dice), and the inside looks alike (mutual information, nats).
MIN_OVERLAP = 0.92
MIN_INFORMATION = 0.05
#: A head fits better forwards than backwards; what fits both ways is no head, or one whose axes cannot be told.
MIN_FORWARDS = 1.04
#: Heads differ from the average head by this much in volume, children included; more is not a head.
_SCALE = (0.6, 1.35)
#: Anisotropy: the longest to the shortest axis of the affine part.
_MAX_STRETCH = 1.6
#: The skull is darker than the brain by the first ratio, or than the scalp around it by the second. Without that the
#: outline was a brain's: skull stripped, or the skin too dark to be seen.
MIN_SKULL = (1.6, 1.1)
#: In CT a brain is soft tissue almost everywhere.
_BRAIN_HU = (-15.0, 110.0)
_MIN_BRAIN_SHARE = 0.8


def problems(fit: Fit, region: Region, volume: Volume, *, ct: bool) -> list[str]:
    """What speaks against a fit; empty where nothing does.

    Args:
        fit: the template laid upon the volume.
        region: the brain it implies.
        volume: the analysis volume.
        ct: values are Hounsfield units.
    """
    found = []
    if fit.overlap < MIN_OVERLAP:
        found.append(f"outlines agree by {fit.overlap:.3f} only, {MIN_OVERLAP} is needed")
    if fit.information < MIN_INFORMATION:
        found.append(f"mutual information is {fit.information:.3f} only, {MIN_INFORMATION} is needed")
    if fit.forwards < MIN_FORWARDS:
        found.append(f"forwards fits {fit.forwards:.2f} times as well as backwards, {MIN_FORWARDS} is needed")
    if fit.skull[0] < MIN_SKULL[0] and fit.skull[1] < MIN_SKULL[1]:
        found.append("no skull between the brain and the surface")
    scale = float(np.cbrt(abs(np.linalg.det(fit.matrix))))
    singular = np.linalg.svd(fit.matrix, compute_uv=False)
    if not _SCALE[0] <= scale <= _SCALE[1] or singular[0] / singular[-1] > _MAX_STRETCH:
        found.append("the size or shape is not a head's")
    brain = (region.brain < -6) & volume.valid
    if ct and brain.any():
        values = volume.values[brain]
        share = float(((values > _BRAIN_HU[0]) & (values < _BRAIN_HU[1])).mean())
        if share < _MIN_BRAIN_SHARE:
            found.append(f"{share:.2f} of the brain is soft tissue, {_MIN_BRAIN_SHARE} is needed")
    return found


def unregistered(why: list[str]) -> QuarantineError:
    """The error of a head that could not be found, or not surely."""
    return QuarantineError.of(SERIES, "face-not-registered", tuple(why))
