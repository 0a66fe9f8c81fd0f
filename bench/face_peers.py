"""What others do about faces, re-made from their descriptions: a registered face mask, and a block before the brain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import SimpleITK
from scipy import ndimage

from bench.face_heads import Array, Head, intracranial, wheel_folder

sitk: Any = SimpleITK
FACEMASK, HEAD = "pydeface/data/facemask.nii.gz", "pydeface/data/mean_reg2mean.nii.gz"
_LAST: dict[str, Array | None] = {}


def face_mask(head: Head) -> Array | None:
    """pydeface's recipe without FSL: the average head registered (affine, mutual information), its mask carried over."""
    if head.name not in _LAST:
        _LAST.clear()
        _LAST[head.name] = _registered(head)
    return _LAST[head.name]


def guarded_face_mask(head: Head) -> Array | None:
    """The same, but nothing within 5 mm of the true brain goes: a guard better than any tool has."""
    removed = face_mask(head)
    if removed is None:
        return None
    return removed & (ndimage.distance_transform_edt(~head.brain, sampling=head.spacing) > 5)


def block(head: Head) -> Array | None:
    """A block before and below the brain's box, 12 mm from what bone encloses (CT only)."""
    if head.modality != "CT":
        return None
    brain = intracranial(head.values, head.spacing)
    z, y, _ = np.nonzero(brain)
    removed = np.zeros(brain.shape, dtype=bool)
    top = int(np.percentile(z, 1) + 0.35 * (np.percentile(z, 99) - np.percentile(z, 1)))
    back = int(np.percentile(y, 1) + 0.15 * (np.percentile(y, 99) - np.percentile(y, 1)))
    removed[:top, :back] = True
    return removed & (ndimage.distance_transform_edt(~brain, sampling=head.spacing) > 12)


PEERS: dict[str, Callable[[Head], Array | None]] = {
    "facemask": face_mask,
    "facemask_guarded": guarded_face_mask,
    "block": block,
}


def _registered(head: Head) -> Array | None:
    folder = wheel_folder("pydeface")
    if folder is None:
        return None
    fixed = sitk.GetImageFromArray(head.values.astype(np.float32))
    fixed.SetSpacing(tuple(float(step) for step in head.spacing[::-1]))
    moving = sitk.Cast(sitk.ReadImage(str(folder / HEAD)), sitk.sitkFloat32)
    mask = sitk.Cast(sitk.ReadImage(str(folder / FACEMASK)), sitk.sitkFloat32)
    mask.CopyInformation(moving)
    start = sitk.CenteredTransformInitializer(
        fixed, moving, sitk.AffineTransform(3), sitk.CenteredTransformInitializerFilter.MOMENTS
    )
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(50)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(0.1, 1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-3, 150)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2])
    method.SetSmoothingSigmasPerLevel([2, 1])
    method.SetInitialTransform(start, inPlace=False)
    found = method.Execute(fixed, moving)
    kept = sitk.Resample(mask, fixed, found, sitk.sitkNearestNeighbor, 1.0)
    return np.asarray(sitk.GetArrayFromImage(kept) < 0.5)
