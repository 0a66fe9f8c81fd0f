"""Generate ``deid/faces/_template/head.npz``: the average head, and the distance to its brain.

Usage::

    pip download --no-deps pydeface==2.1.0 nilearn==0.14.1     # wheels are zip archives; unpack both
    python scripts/generate_face_template.py PYDEFACE_FOLDER NILEARN_FOLDER [OUT]

The brain of the ICBM average is laid upon pydeface's average head (affine from a measured start, then B-spline, mutual
information); ``deid/faces/_template/README.md`` says what the arrays are and under which licences.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

SPACING = 3.0
#: The ICBM brain is larger than pydeface's heads: scale and shift measured on both images' inner tables.
START_CENTRE, START_SCALE, START_SHIFT = (0.0, 17.0, 8.0), 0.92, (0.2, -12.5, 0.2)
ICBM = "nilearn/datasets/data/mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"
HEAD = "pydeface/data/mean_reg2mean.nii.gz"


def main() -> None:
    """Read, register, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pydeface", type=Path)
    parser.add_argument("nilearn", type=Path)
    parser.add_argument("out", type=Path, nargs="?", default=Path("deid/faces/_template/head.npz"))
    arguments = parser.parse_args()
    head = _read(arguments.pydeface / HEAD)
    brain = {kind: _read(arguments.nilearn / ICBM.format(kind)) for kind in ("t1", "gm", "wm")}
    mask = brain_of(head, brain)
    head.SetDirection(np.eye(3).ravel().tolist())  # its own axes become the template's: a tilt of 3 degrees
    sampling = head.GetSpacing()[::-1]
    distance = ndimage.distance_transform_edt(~mask, sampling=sampling)
    distance -= ndimage.distance_transform_edt(mask, sampling=sampling)
    edge = sitk.GetImageFromArray(distance.astype(np.float32))
    edge.CopyInformation(head)
    coarse = _resample(sitk.SmoothingRecursiveGaussian(head, 1.2))
    np.savez_compressed(
        arguments.out,
        head=np.clip(coarse / 2, 0, 255).astype(np.uint8),
        brain=np.clip(_resample(edge) * 2, -127, 127).astype(np.int8),
        origin=head.GetOrigin(),
        spacing=SPACING,
    )


def brain_of(head: Any, icbm: dict[str, Any]) -> np.ndarray:
    """The brain in the head's voxels: the ICBM's grey and white matter, carried over and closed."""
    target = icbm["t1"]
    affine = sitk.AffineTransform(3)
    affine.SetCenter(START_CENTRE)
    affine.SetMatrix((START_SCALE * np.eye(3)).ravel().tolist())
    affine.SetTranslation(START_SHIFT)
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetMetricAsMattesMutualInformation(40)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(0.2, 7)
    method.SetMetricFixedMask(sitk.BinaryDilate(target > 1, [3, 3, 3]))
    method.SetInterpolator(sitk.sitkLinear)
    method.SetInitialTransform(affine, inPlace=True)
    method.SetOptimizerAsRegularStepGradientDescent(0.5, 1e-4, 200)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2])
    method.SetSmoothingSigmasPerLevel([2, 1])
    method.Execute(target, head)
    spline = sitk.BSplineTransformInitializer(target, [4, 5, 4])
    method.SetMovingInitialTransform(affine)
    method.SetInitialTransform(spline, inPlace=True)
    method.SetOptimizerAsLBFGSB(1e-5, 60, 5, 500)
    method.SetShrinkFactorsPerLevel([3])
    method.SetSmoothingSigmasPerLevel([1])
    method.Execute(target, head)
    field = sitk.TransformToDisplacementField(
        sitk.CompositeTransform([affine, spline]), sitk.sitkVectorFloat64, target.GetSize(), target.GetOrigin(),
        target.GetSpacing(), target.GetDirection(),
    )  # fmt: skip
    matter = sitk.GetArrayFromImage(icbm["gm"]) + sitk.GetArrayFromImage(icbm["wm"])
    z, y, x = np.nonzero(matter > 0.3 * matter.max())
    points = np.stack([x, y, z], axis=1) * np.array(target.GetSpacing()) + np.array(target.GetOrigin())
    moved = points + sitk.GetArrayFromImage(field)[z, y, x]
    index = np.rint((moved - np.array(head.GetOrigin())) / np.array(head.GetSpacing())).astype(int)
    mask = np.zeros(head.GetSize()[::-1], dtype=bool)
    index = index[((index >= 0) & (index < np.array(mask.shape)[::-1])).all(axis=1)]
    mask[index[:, 2], index[:, 1], index[:, 0]] = True
    mask = ndimage.binary_fill_holes(ndimage.binary_closing(mask, iterations=3))
    labels, _ = ndimage.label(mask)
    return labels == np.bincount(labels.ravel())[1:].argmax() + 1


def _read(path: Path) -> Any:
    return sitk.Cast(sitk.DICOMOrient(sitk.ReadImage(str(path)), "LPS"), sitk.sitkFloat32)


def _resample(image: Any) -> np.ndarray:
    size = [
        int((n - 1) * step / SPACING) + 1 for n, step in zip(image.GetSize(), image.GetSpacing(), strict=True)
    ]
    coarse = sitk.Resample(
        image,
        size,
        sitk.Transform(),
        sitk.sitkLinear,
        image.GetOrigin(),
        (SPACING,) * 3,
        image.GetDirection(),
    )
    return sitk.GetArrayFromImage(coarse)


if __name__ == "__main__":
    main()
