"""A DICOM series as one regular volume, and a picture of a volume with its mask.

Geometry after DICOM PS3.3 C.7.6.2 (Image Plane): slices are ordered by the projection of
ImagePositionPatient on the normal of ImageOrientationPatient, never by InstanceNumber or file name.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pydicom
import SimpleITK
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from research.errors import VolumeError
from research.sockets import file_sha256

sitk: Any = SimpleITK  # its functions carry no types

SPACING_TOLERANCE = 0.05
"""Largest difference between two slice gaps, as a fraction of the median gap."""
ORIENTATION_TOLERANCE = 1e-3
AXIS_TOLERANCE_MM = 0.5
"""How far a slice may lie off the normal through the first one, in plane; a tilted gantry is farther off."""

_GEOMETRY = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns")


@dataclass(frozen=True)
class VolumeInfo:
    """What was written.

    Attributes:
        shape: z, y, x.
        spacing: z, y, x, in mm.
        sha256: of the .mha file.
        slices: files that went in.
        hu_range: smallest and largest value, HU.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    sha256: str
    slices: int
    hu_range: tuple[int, int]


def series_to_mha(dicom_files: Sequence[Path], target: Path) -> VolumeInfo:
    """Write one CT series as one compressed ``.mha`` of int16 HU, patient coordinates (LPS) kept.

    The bytes depend on the series only, not on the order of ``dicom_files``.

    Args:
        dicom_files: all objects of one series.
        target: written by temporary name and rename.

    Raises:
        VolumeError: fewer than two files, several series, mixed orientation or size, a duplicate or missing
            slice, a tilted gantry, pixels that cannot be decoded.
    """
    if len(dicom_files) < 2:
        reason = f"The series has {len(dicom_files)} slice; a volume needs two or more."
        raise VolumeError(reason, "Leave out localisers and single images.")
    slices = [_read(path) for path in dicom_files]
    _one_series(slices)
    orientation = _orientation(slices)
    normal = np.cross(orientation[:3], orientation[3:])
    positions = np.array([slice_.ImagePositionPatient for slice_ in slices], dtype=float)
    order = np.argsort(positions @ normal, kind="stable")
    slices, positions = [slices[index] for index in order], positions[order]
    gap = _regular_gap(positions @ normal)
    _straight(positions, normal)
    voxels = np.stack([_hounsfield(slice_) for slice_ in slices])
    rows, columns = (float(value) for value in slices[0].PixelSpacing)
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing((columns, rows, gap))
    image.SetOrigin([float(value) for value in positions[0]])
    image.SetDirection(np.column_stack([orientation[:3], orientation[3:], normal]).ravel().tolist())
    _write(image, target)
    planes, height, width = voxels.shape
    hu_range = (int(voxels.min()), int(voxels.max()))
    return VolumeInfo(
        (planes, height, width), (gap, rows, columns), file_sha256(target), len(slices), hu_range
    )


def overlay_png(
    ct_mha: Path, mask_mha: Path, target: Path, window: tuple[float, float] = (-600.0, 1500.0)
) -> int:
    """Draw the axial slice with the largest mask area: the scan, each label's outline and a light tint.

    Colours are orange and sky blue of Okabe and Ito's palette, which colour-blind readers tell apart; the
    outlines differ in line style, too, so that a grey print is still readable.

    Args:
        ct_mha: CT in HU.
        mask_mha: labels on the same grid; 1 and 2 are drawn.
        target: the PNG, written by temporary name and rename.
        window: centre and width, HU.

    Returns:
        The slice's index from the bottom of the volume.

    Raises:
        VolumeError: the two grids differ, or the mask is empty.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    ct_image, mask_image = sitk.ReadImage(str(ct_mha)), sitk.ReadImage(str(mask_mha))
    if ct_image.GetSize() != mask_image.GetSize():
        reason = f"The mask has the size {mask_image.GetSize()}, the scan {ct_image.GetSize()}."
        raise VolumeError(reason, "Use the mask that was made from this scan.")
    mask = sitk.GetArrayFromImage(mask_image)
    areas = (mask > 0).sum(axis=(1, 2))
    if not areas.any():
        reason = "The mask is empty: there is no slice to draw."
        raise VolumeError(reason, "Look at the scan itself.")
    z = int(np.argmax(areas))
    plane, labels = sitk.GetArrayFromImage(ct_image)[z], mask[z]
    columns_mm, rows_mm, _ = ct_image.GetSpacing()
    centre, width = window
    height = 6 * plane.shape[0] * rows_mm / (plane.shape[1] * columns_mm)
    figure = Figure(figsize=(6, height), dpi=100)
    canvas: Any = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.imshow(
        plane, cmap="gray", vmin=centre - width / 2, vmax=centre + width / 2, aspect=rows_mm / columns_mm
    )
    names = {1: "right lung", 2: "left lung"} if (mask == 2).any() else {1: "mask"}
    styles: dict[int, tuple[str, Literal["solid", "dashed"]]]
    styles = {1: ("#E69F00", "solid"), 2: ("#56B4E9", "dashed")}
    handles = []
    for label, name in names.items():
        colour, style = styles[label]
        inside = labels == label
        if not inside.any():
            continue
        tint = np.zeros((*inside.shape, 4))
        tint[inside] = (*(int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)), 0.15)
        axes.imshow(tint, aspect=rows_mm / columns_mm, interpolation="nearest")
        axes.contour(inside, levels=[0.5], colors=colour, linewidths=1.2, linestyles=style)
        handles.append(Line2D([], [], color=colour, linestyle=style, label=name))
    axes.legend(handles=handles, loc="lower right", fontsize=8, framealpha=0.6)
    text = f"slice {z + 1} of {len(mask)}, window {centre:g}/{width:g} HU"
    axes.text(0.01, 0.99, text, transform=axes.transAxes, color="white", fontsize=8, va="top")
    temporary = _beside(target)
    canvas.print_png(str(temporary), metadata={"Software": None})
    temporary.replace(target)
    return z


def _read(path: Path) -> Dataset:
    try:
        dataset = pydicom.dcmread(path)
    except (OSError, pydicom.errors.InvalidDicomError) as error:
        reason = f"{path.name} cannot be read as DICOM."
        raise VolumeError(reason, "Fetch or de-identify the series again.") from error
    missing = [name for name in _GEOMETRY if name not in dataset]
    if missing:
        reason = f"{path.name} has no {', '.join(missing)}."
        raise VolumeError(reason, "Only CT slices with their geometry can become a volume.")
    return dataset


def _one_series(slices: Sequence[Dataset]) -> None:
    series = {str(slice_.SeriesInstanceUID) for slice_ in slices}
    sizes = {(int(slice_.Rows), int(slice_.Columns)) for slice_ in slices}
    pixels = {tuple(round(float(value), 4) for value in slice_.PixelSpacing) for slice_ in slices}
    for what, found in (("series", series), ("matrix sizes", sizes), ("pixel spacings", pixels)):
        if len(found) > 1:
            reason = f"The files hold {len(found)} different {what}, not one."
            raise VolumeError(reason, "Give the files of one volume only.")


def _orientation(slices: Sequence[Dataset]) -> NDArray[np.float64]:
    all_ = np.array([slice_.ImageOrientationPatient for slice_ in slices], dtype=float)
    if np.abs(all_ - all_[0]).max() > ORIENTATION_TOLERANCE:
        reason = "The slices differ in their orientation."
        raise VolumeError(reason, "Leave out localisers and reformats.")
    first: NDArray[np.float64] = all_[0]
    return first


def _regular_gap(places: NDArray[np.float64]) -> float:
    """The gap between slices in mm, from their places along the normal."""
    gaps = np.diff(places)
    gap = float(np.median(gaps))
    smallest = max(SPACING_TOLERANCE * gap, 1e-3)
    if gaps.min() < smallest:
        reason = f"Two slices lie at the same place ({places[int(np.argmin(gaps))]:.2f} mm)."
        raise VolumeError(reason, "Remove the duplicate, or split the series by time or reconstruction.")
    off = np.abs(gaps - gap) > SPACING_TOLERANCE * gap
    if off.any():
        worst = int(np.argmax(np.abs(gaps - gap)))
        times = gaps[worst] / gap
        what = (
            f"{round(times) - 1} missing" if abs(times - round(times)) < 0.1 and times > 1.5 else "irregular"
        )
        reason = (
            f"Between {places[worst]:.2f} and {places[worst + 1]:.2f} mm the gap is {gaps[worst]:.2f} mm "
            f"instead of {gap:.2f} mm ({what})."
        )
        raise VolumeError(reason, "Fetch the series again, or leave it out of the cohort.")
    return float((places[-1] - places[0]) / (len(places) - 1))


def _straight(positions: NDArray[np.float64], normal: NDArray[np.float64]) -> None:
    """Refuse a tilted gantry: slices that are shifted in plane from one to the next."""
    offsets = positions - positions[0]
    in_plane = offsets - np.outer(offsets @ normal, normal)
    shift = float(np.linalg.norm(in_plane, axis=1).max())
    if shift > AXIS_TOLERANCE_MM:
        reason = f"The slices are shifted in plane by up to {shift:.1f} mm: the gantry was tilted."
        raise VolumeError(reason, "Correct the tilt by resampling before it is used here.")


def _hounsfield(slice_: Dataset) -> NDArray[np.int16]:
    """Values in HU; the rescale of each slice is its own (PS3.3 C.11.1.1.2)."""
    try:
        stored = slice_.pixel_array
    except (AttributeError, ValueError, RuntimeError, NotImplementedError) as error:
        reason = f"The pixels of slice {slice_.get('InstanceNumber', '?')} cannot be decoded."
        raise VolumeError(
            reason, "Fetch the series again, or convert it to an uncompressed syntax."
        ) from error
    if stored.ndim != 2:
        reason = f"Slice {slice_.get('InstanceNumber', '?')} is not one grey picture."
        raise VolumeError(reason, "Only single-frame CT slices can become a volume.")
    slope, intercept = float(slice_.get("RescaleSlope", 1)), float(slice_.get("RescaleIntercept", 0))
    values = stored.astype(np.float32) * slope + intercept
    limits = np.iinfo(np.int16)
    hounsfield: NDArray[np.int16] = np.clip(np.rint(values), limits.min, limits.max).astype(np.int16)
    return hounsfield


def _beside(target: Path) -> Path:
    """A temporary name in the folder of ``target``, with its suffix."""
    target.parent.mkdir(parents=True, exist_ok=True)
    return target.with_name(f".{target.stem}.{os.getpid()}{target.suffix}")


def _write(image: Any, target: Path) -> None:
    temporary = _beside(target)
    try:
        sitk.WriteImage(image, str(temporary), useCompression=True, compressionLevel=1)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
