"""Lay the template upon a head: best pose, then affine, then a smooth warp, by mutual information."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK
from numpy.typing import NDArray
from scipy import ndimage

from deid.faces.search import TEMPLATE_TISSUE, Pose, rotation, search
from deid.faces.template import Template
from deid.faces.tissue import Body, Floats, Mask, Volume, fill

sitk: Any = SimpleITK  # its functions carry no types

_SEED = 20260
#: Voxels farther than this from the template's head tell nothing about the fit.
_RIM_MM = 15.0
#: Poses that get a try at refinement.
_TRIES = 3
_WARP_KNOTS_MM = 55.0
#: The skull is looked for above this plane of the template, where it is a plain shell.
_SKULL_FROM_MM = 10.0
_FEW = 50


@dataclass(frozen=True)
class Fit:
    """A head found.

    Attributes:
        matrix: 3 x 3 of the affine part, patient axes to template axes.
        offset: mm; template = matrix @ point + offset.
        places: (z, y, x, 3) template coordinates of every voxel of the analysis volume, the warp included.
        information: mutual information of volume and template where they overlap, in nats.
        overlap: Dice coefficient of both outlines above the nose.
        forwards: how much better (ratio of mutual information) the template fits forwards than backwards.
        warp: largest displacement of the warp in mm.
        skull: how much darker the skull looks than the brain within and than the scalp around it (ratios); 1 and less
            where no skull is, as in a volume that holds nothing but a brain.
    """

    matrix: NDArray[np.float64]
    offset: NDArray[np.float64]
    places: Floats
    information: float
    overlap: float
    forwards: float
    warp: float
    skull: tuple[float, float]


def register(volume: Volume, body: Body, template: Template) -> Fit | None:
    """The best fit of the template, good or bad; None where no pose sees enough of a head.

    Args:
        volume: the analysis volume.
        body: its tissue and likeness.
        template: the head.
    """
    poses = search(volume, body, template)
    fixed = _image(body.likeness, volume)
    moving = _image(template.head, template)
    grid = _grid(volume)
    best: tuple[float, Any] | None = None
    for pose in poses[:_TRIES]:
        near = _near(grid, pose.matrix, pose.offset, template, volume)
        if near.sum() < 500:
            continue
        affine, value = _affine(
            fixed, moving, _image(near.astype(np.uint8), volume), pose, grid[near].mean(0), quick=True
        )
        if best is None or value < best[0]:
            best = (value, affine)
    if best is None:
        return None
    matrix, offset = _parts(best[1])
    near = _near(grid, matrix, offset, template, volume)
    if near.sum() < 500:
        return None
    mask = _image(near.astype(np.uint8), volume)
    centre = grid[near].mean(0)
    turn = rotation(0, 180)
    pivot = matrix @ centre + offset
    _, backwards = _affine(
        fixed, moving, mask, Pose(0, turn @ matrix, turn @ offset + pivot - turn @ pivot), centre, quick=True
    )
    affine, _ = _affine(fixed, moving, mask, Pose(0, matrix, offset), centre, quick=False)
    matrix, offset = _parts(affine)
    near = _near(grid, matrix, offset, template, volume)
    shift = _warp(fixed, moving, _image(near.astype(np.uint8), volume), affine, matrix)
    places = (grid @ matrix.T + offset + shift).astype(np.float32)
    information, overlap = _agreement(places, volume, body, template)
    forwards = best[0] / min(backwards, -1e-6)
    warp = float(np.abs(shift[near]).max())
    skull = _skull(places, volume, body, template)
    return Fit(matrix, offset, places, information, overlap, forwards, warp, skull)


def sample(field: Floats, template: Template, places: NDArray[Any], *, outside: float) -> Floats:
    """A template field at template coordinates, by linear interpolation.

    Args:
        field: on the template's grid.
        template: the grid.
        places: (..., 3) coordinates in mm.
        outside: value beyond the grid.
    """
    index = (places - np.array(template.origin, dtype=np.float32)) / np.float32(template.spacing)
    return np.asarray(
        ndimage.map_coordinates(field, np.moveaxis(index[..., ::-1], -1, 0), order=1, cval=outside),
        dtype=np.float32,
    )


def _affine(
    fixed: Any, moving: Any, mask: Any, pose: Pose, centre: NDArray[Any], *, quick: bool
) -> tuple[Any, float]:
    transform = sitk.AffineTransform(3)
    transform.SetCenter(centre.tolist())
    transform.SetMatrix(pose.matrix.ravel().tolist())
    transform.SetTranslation((pose.matrix @ centre + pose.offset - centre).tolist())
    method = _method(mask, share=0.15 if quick else 0.3)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=2.0 if quick else 1.0,
        minStep=0.05 if quick else 0.005,
        numberOfIterations=60 if quick else 150,
        relaxationFactor=0.6,
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([2] if quick else [2, 1])
    method.SetSmoothingSigmasPerLevel([1.0] if quick else [1.0, 0.5])
    method.SetInitialTransform(transform, inPlace=True)
    method.Execute(fixed, moving)
    return transform, float(method.GetMetricValue())


def _warp(
    fixed: Any,
    moving: Any,
    mask: Any,
    affine: Any,
    matrix: NDArray[Any],
) -> Floats:
    """Displacements in template mm at every voxel, on top of the affine part."""
    size = np.array(fixed.GetSize()) * np.array(fixed.GetSpacing())
    mesh = [int(max(2, round(extent / _WARP_KNOTS_MM))) for extent in size]
    spline = sitk.BSplineTransformInitializer(fixed, mesh)
    method = _method(mask, share=0.3)
    method.SetMovingInitialTransform(affine)
    method.SetInitialTransform(spline, inPlace=True)
    method.SetOptimizerAsLBFGS2(solutionAccuracy=1e-3, numberOfIterations=25)
    method.SetShrinkFactorsPerLevel([2])
    method.SetSmoothingSigmasPerLevel([1.0])
    method.Execute(fixed, moving)
    field = sitk.TransformToDisplacementField(
        spline,
        sitk.sitkVectorFloat32,
        fixed.GetSize(),
        fixed.GetOrigin(),
        fixed.GetSpacing(),
        fixed.GetDirection(),
    )
    # The spline moves the point before the affine part does.
    return np.asarray(sitk.GetArrayFromImage(field) @ matrix.T.astype(np.float32), dtype=np.float32)


def _method(mask: Any, *, share: float) -> Any:
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)  # sums in one order: the same input gives the same output
    method.SetMetricAsMattesMutualInformation(numberOfHistogramBins=32)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(share, _SEED)
    method.SetMetricFixedMask(mask)
    method.SetInterpolator(sitk.sitkLinear)
    return method


def _parts(affine: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    matrix = np.array(affine.GetMatrix()).reshape(3, 3)
    centre = np.array(affine.GetCenter())
    return matrix, np.array(affine.GetTranslation()) + centre - matrix @ centre


def _agreement(places: Floats, volume: Volume, body: Body, template: Template) -> tuple[float, float]:
    head = fill(template.head > TEMPLATE_TISSUE)
    inside = _inside(places, template) & volume.valid
    outline = sample(head.astype(np.float32), template, places, outside=0) > 0.5
    upper = inside & (places[..., 2] > -50) & (places[..., 1] > -90)
    both = (outline & body.tissue & upper).sum()
    overlap = 2.0 * both / max(1, (outline & upper).sum() + (body.tissue & upper).sum())
    within = inside & outline & body.tissue
    if within.sum() < 500:
        return 0.0, float(overlap)
    there = sample(template.head, template, places, outside=0)[within]
    here = ndimage.gaussian_filter(body.likeness, 1.0)[within]
    counts, _, _ = np.histogram2d(_ranks(here), _ranks(there), bins=24)
    joint = counts / counts.sum()
    apart = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    full = joint > 0
    return float((joint[full] * np.log(joint[full] / apart[full])).sum()), float(overlap)


def _skull(places: Floats, volume: Volume, body: Body, template: Template) -> tuple[float, float]:
    edge = sample(template.brain, template, places, outside=60)
    upper = volume.valid & (places[..., 2] > _SKULL_FROM_MM)
    core = body.likeness[upper & (edge < -5)]
    layers = [body.likeness[upper & (edge > low) & (edge <= low + 2)] for low in range(2, 16, 2)]
    if min(len(core), *(len(layer) for layer in layers)) < _FEW:
        return 0.0, 0.0
    brightness = [float(np.median(layer)) for layer in layers]
    valley = max(min(brightness[:4]), 0.02)  # 2 to 10 mm from the brain
    return float(np.median(core)) / valley, max(brightness[4:]) / valley


def _ranks(values: Floats) -> Floats:
    """Values to the share of values below them: contrast and bias of the scanner do not matter."""
    order = np.sort(values)
    return (np.searchsorted(order, values) / values.size).astype(np.float32)


def _inside(places: NDArray[Any], template: Template) -> Mask:
    low = np.array(template.origin)
    high = low + template.spacing * (np.array(template.head.shape[::-1]) - 1)
    return np.asarray(np.all((places >= low) & (places <= high), axis=-1))


def _near(
    grid: NDArray[Any], matrix: NDArray[Any], offset: NDArray[Any], template: Template, volume: Volume
) -> Mask:
    distance = ndimage.distance_transform_edt(template.head <= TEMPLATE_TISSUE, sampling=template.spacing)
    places = grid @ matrix.T + offset
    return np.asarray(
        (sample(distance.astype(np.float32), template, places, outside=1e3) < _RIM_MM) & volume.valid
    )


def _grid(volume: Volume) -> NDArray[np.float64]:
    axes = [
        volume.origin[2 - axis] + volume.spacing * np.arange(n) for axis, n in enumerate(volume.values.shape)
    ]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    return np.stack([x, y, z], axis=-1)


def _image(array: NDArray[Any], grid: Volume | Template) -> Any:
    image = sitk.GetImageFromArray(array)
    image.SetOrigin(grid.origin)
    image.SetSpacing((grid.spacing,) * 3)
    return image
