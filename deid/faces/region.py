"""Which voxels go: the face of the template, carried over to the head at hand, less everything near the brain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deid.faces.register import sample
from deid.faces.skull import cavity
from deid.faces.template import BONE_SLACK_MM, Template, brain_slack, face_depth
from deid.faces.tissue import Volume

if TYPE_CHECKING:
    from deid.faces.frames import Frame
    from deid.faces.register import Fit
    from deid.faces.rules import FaceRules
    from deid.faces.tissue import Floats, Mask

#: The skull's cavity is looked for so far around the registered brain.
_HEAD_ROOM_MM = 30.0


@dataclass(frozen=True)
class Region:
    """What is removed, as fields on the analysis grid.

    Attributes:
        depth: positive where a voxel goes, mm.
        brain: mm to the brain as registered, negative within.
        volume: the grid.
    """

    depth: Floats
    brain: Floats
    volume: Volume

    def removed(self, frame: Frame) -> NDArray[np.bool_]:
        """Which samples of a frame go, rows x columns."""
        rows, columns = frame.shape
        coarse = self._sample(self.depth, frame, np.arange(0, rows, 8), np.arange(0, columns, 8))
        step = 8 * max(frame.spacing)
        if coarse.max() < -2 * step:
            return np.zeros(frame.shape, dtype=bool)
        return np.asarray(self.at(self.depth, frame) > 0)

    def at(self, field: Floats, frame: Frame) -> Floats:
        """A field of the analysis grid at every sample of a frame, rows x columns."""
        return self._sample(field, frame, np.arange(frame.shape[0]), np.arange(frame.shape[1]))

    def _sample(self, field: Floats, frame: Frame, rows: NDArray[Any], columns: NDArray[Any]) -> Floats:
        points = (
            frame.position
            + rows[:, None, None] * frame.spacing[0] * frame.down
            + columns[None, :, None] * frame.spacing[1] * frame.along
        )
        index = (points - np.array(self.volume.origin)) / self.volume.spacing
        # Beyond the grid the nearest value holds: samples at the rim lie half a voxel outside.
        where = np.moveaxis(index[..., ::-1], -1, 0)
        return np.asarray(ndimage.map_coordinates(field, where, order=1, mode="nearest"), dtype=np.float32)


def find_region(
    volume: Volume,
    fit: Fit,
    template: Template,
    rules: FaceRules,
    fine: Volume | None = None,
    *,
    sharp: bool = False,
) -> Region:
    """The face of the head at hand.

    Args:
        volume: the analysis volume.
        fit: the head found in it.
        template: the average head.
        rules: margins, ears.
        fine: in CT the same on a finer grid, to see the bone around the brain.
        sharp: whether the series resolves thin bone, so that less slack is needed.
    """
    scale = float(np.cbrt(abs(np.linalg.det(fit.matrix))))  # template mm per mm
    edge = sample(template.brain, template, fit.places, outside=60)
    brain = (edge - brain_slack(fit.places)) / np.float32(scale)
    if fine is not None:
        trusted = (edge - BONE_SLACK_MM) / np.float32(scale) if sharp else brain
        held = _around_cavity(volume, trusted, fine)
        brain = brain if held is None else np.minimum(trusted, held)
    depth = face_depth(fit.places, margin=rules.margin_mm * scale, ears=rules.ears) / np.float32(scale)
    return Region(np.minimum(depth, brain - np.float32(rules.brain_mm)), brain, volume)


def _around_cavity(volume: Volume, brain: Floats, fine: Volume) -> Floats | None:
    """Distance to the cavity of the skull on the analysis grid, mm; None where bone encloses nothing."""
    fine = _around(fine, brain < _HEAD_ROOM_MM, volume)
    inside = cavity(fine, _regrid(brain, volume, fine, outside=60.0))
    if not inside.any():
        return None
    away = ndimage.distance_transform_edt(~inside, sampling=fine.spacing)
    away -= ndimage.distance_transform_edt(inside, sampling=fine.spacing)
    return _regrid(away.astype(np.float32), fine, volume, outside=60.0)


def _around(fine: Volume, part: Mask, volume: Volume) -> Volume:
    """The box of the fine grid that holds a part of the coarse one: a body is much larger than its head."""
    places = np.argwhere(part)
    if not len(places):
        return fine
    ends = np.stack([places.min(0), places.max(0) + 1]) * volume.spacing + np.array(volume.origin[::-1])
    index = np.rint((ends - np.array(fine.origin[::-1])) / fine.spacing).astype(int)
    low, high = np.clip(index, [[0] * 3, [1] * 3], np.array(fine.values.shape) - [[1], [0]])
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    z, y, x = (start + fine.spacing * int(a) for start, a in zip(fine.origin[::-1], low, strict=True))
    return Volume(fine.values[box], fine.valid[box], (x, y, z), fine.spacing)


def _regrid(field: Floats, source: Volume, target: Volume, *, outside: float) -> Floats:
    """A field of one grid on another."""
    step = target.spacing / source.spacing
    start = [(a - b) / source.spacing for a, b in zip(target.origin[::-1], source.origin[::-1], strict=True)]
    return np.asarray(
        ndimage.affine_transform(field, [step] * 3, start, target.values.shape, order=1, cval=outside),
        np.float32,
    )
