"""Where in a volume a head may be: a coarse search for the template's outline, by correlation in Fourier space."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from deid.faces.template import Template
from deid.faces.tissue import Body, Floats, Volume, fill

#: Every third voxel of the analysis grid.
_STEP = 3
_PITCHES = (-36.0, -18.0, 0.0, 18.0, 36.0)
_YAWS = (-20.0, 0.0, 20.0)
_SCALES = (0.88, 1.0, 1.12)
#: At least this much of the template's brain must lie within the acquisition.
_BRAIN_SEEN = 0.6
#: Below this occupancy the template counts as air (its mean image has a halo).
TEMPLATE_TISSUE = 0.18


@dataclass(frozen=True)
class Pose:
    """A guess: template = matrix @ (point - centre) + target, in mm.

    Attributes:
        score: correlation of tissue and air, at most 1.
        matrix: 3 x 3, from the volume's axes to the template's.
        offset: so that template = matrix @ point + offset.
    """

    score: float
    matrix: NDArray[np.float64]
    offset: NDArray[np.float64]


def search(volume: Volume, body: Body, template: Template) -> list[Pose]:
    """Poses in which the template's outline fits, best first, one per orientation and size.

    Args:
        volume: the analysis volume.
        body: its tissue.
        template: the head to look for.
    """
    spacing = volume.spacing * _STEP
    image = _shrink(body.tissue.astype(np.float32))
    valid = (_shrink(volume.valid.astype(np.float32)) > 0.5).astype(np.float32)
    image *= valid
    head = fill(template.head > TEMPLATE_TISSUE).astype(np.float32)
    brain = (template.brain < 0).astype(np.float32)
    half = int(np.ceil(0.5 * np.linalg.norm(np.array(head.shape) * template.spacing) / spacing)) + 1
    size = 2 * half + 1
    shape = tuple(fft.next_fast_len(n + size, real=True) for n in image.shape)
    spectrum = {name: fft.rfftn(field, shape) for name, field in (
        ("image", image), ("square", image * image), ("valid", valid),
    )}  # fmt: skip
    middle = np.array(template.origin)[::-1] + 0.5 * template.spacing * (np.array(head.shape) - 1)
    poses = []
    for pitch, yaw, scale in product(_PITCHES, _YAWS, _SCALES):
        turn = rotation(pitch, yaw) / scale
        offsets = np.stack(np.meshgrid(*[(np.arange(size) - half) * spacing] * 3, indexing="ij"), axis=-1)
        places = offsets[..., ::-1] @ turn.T + middle[::-1]
        index = (places - np.array(template.origin)) / template.spacing
        coordinates = np.moveaxis(index[..., ::-1], -1, 0)
        inside = np.all(
            (coordinates >= 0) & (coordinates <= np.array(head.shape)[:, None, None, None] - 1), axis=0
        ).astype(np.float32)
        pattern = ndimage.map_coordinates(head, coordinates, order=1) * inside
        core = ndimage.map_coordinates(brain, coordinates, order=1) * inside
        score = _correlate(spectrum, shape, pattern, inside, core)
        best = np.unravel_index(int(score.argmax()), score.shape)
        value = float(score[best])
        if value <= 0:
            continue
        centre = (np.array(best) - (size - 1) + half).astype(float)[::-1] * spacing + np.array(volume.origin)
        poses.append(Pose(value, turn, middle[::-1] - turn @ centre))
    poses.sort(key=lambda pose: -pose.score)
    return poses


def _correlate(
    spectrum: dict[str, NDArray[np.complex64]],
    shape: tuple[int, ...],
    pattern: Floats,
    inside: Floats,
    core: Floats,
) -> Floats:
    """Normalised correlation under both masks; -1 where too little of the brain is seen."""

    def against(name: str, kernel: Floats) -> Floats:
        kernel_spectrum = fft.rfftn(kernel[::-1, ::-1, ::-1], shape)
        return np.asarray(fft.irfftn(spectrum[name] * kernel_spectrum, shape), dtype=np.float32)

    count = np.maximum(against("valid", inside), 1e-3)
    sum_image, sum_pattern = against("image", inside), against("valid", pattern)
    cross = against("image", pattern) - sum_image * sum_pattern / count
    spread_image = against("square", inside) - sum_image**2 / count
    spread_pattern = against("valid", pattern * pattern) - sum_pattern**2 / count
    seen = against("valid", core) >= _BRAIN_SEEN * core.sum()
    spread = np.sqrt(np.maximum(spread_image, 1e-3) * np.maximum(spread_pattern, 1e-3))
    score: Floats = np.where(seen & (spread > 1), cross / np.maximum(spread, 1e-3), -1).astype(np.float32)
    return score


def rotation(pitch: float, yaw: float) -> NDArray[np.float64]:
    """A nod after a turn of the head, degrees."""
    a, b = np.radians([pitch, yaw])
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    return np.asarray(about_x @ about_z)


def _shrink(field: Floats) -> Floats:
    smooth = ndimage.uniform_filter(field, _STEP)
    return np.ascontiguousarray(smooth[::_STEP, ::_STEP, ::_STEP])
