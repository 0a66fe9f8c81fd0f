"""Heads as DICOM series, as scanners write them: any plane, tilted, one object a slice or one for all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
    generate_uid,
)

Array = np.ndarray[Any, Any]
#: Plane -> array axes that become slices, rows and columns, with their directions in patient axes x, y, z.
PLANES = {
    "axial": ((0, 1, 2), (1, 1, 1)),
    "sagittal": ((2, 0, 1), (1, -1, 1)),
    "coronal": ((1, 0, 2), (1, -1, 1)),
}


def slices(
    values: Array, spacing: tuple[float, float, float], plane: str = "axial", tilt: float = 0.0
) -> tuple[Array, Array, Array, Array, tuple[float, float]]:
    """Planes, their positions, and the directions and spacing within them.

    Args:
        values: axes z, y, x along the patient's axes.
        spacing: z, y, x in mm.
        plane: axial, sagittal or coronal.
        tilt: degrees of a gantry (axial only): planes turn about x while the table moves along z, so that the stack
            is sheared; the values are sampled there.
    """
    axes, signs = PLANES[plane]
    stack = values.transpose(axes)[tuple(slice(None, None, sign) for sign in signs)]
    steps = [spacing[axis] for axis in axes]
    unit = np.eye(3)[::-1]  # array axis -> patient axis
    directions = [sign * unit[axis] for axis, sign in zip(axes, signs, strict=True)]
    start = np.zeros(3)
    for axis, sign in zip(axes, signs, strict=True):
        if sign < 0:
            start += unit[axis] * spacing[axis] * (values.shape[axis] - 1)
    positions = start + np.arange(len(stack))[:, None] * steps[0] * directions[0]
    down, along = directions[1], directions[2]
    if tilt:
        angle = np.radians(tilt)
        down = np.array([0, np.cos(angle), np.sin(angle)])
        rows = np.arange(stack.shape[1]) * steps[1]
        shift = (rows - rows.mean()) * np.sin(angle)
        middle = rows.mean() + (rows - rows.mean()) * np.cos(angle)
        from scipy import ndimage

        z = (positions[:, 2][:, None] + shift[None, :]) / spacing[0]
        y = np.broadcast_to(middle / spacing[1], z.shape)
        columns = np.arange(stack.shape[2])
        where = np.stack(np.broadcast_arrays(z[..., None], y[..., None], columns[None, None, :]))
        stack = ndimage.map_coordinates(values, where, order=1, cval=float(values.min()))
        positions = positions + np.array([0, middle[0], shift[0]])
    return stack, positions, along, down, (steps[1], steps[2])


def write_series(
    folder: Path,
    values: Array,
    spacing: tuple[float, float, float],
    modality: str,
    *,
    plane: str = "axial",
    tilt: float = 0.0,
    enhanced: bool = False,
    signed: bool | None = None,
    rescale: tuple[float, float] | None = None,
    body_part: str = "HEAD",
    padding: int | None = None,
) -> list[Path]:
    """Write a series; the paths in the order of the planes.

    Args:
        folder: where to; made.
        values: physical values, axes z, y, x.
        spacing: z, y, x in mm.
        modality: CT or MR.
        plane: see :func:`slices`.
        tilt: see :func:`slices`.
        enhanced: one multi-frame object.
        signed: pixel representation; for CT unsigned with intercept -1024 unless told.
        rescale: slope, intercept.
        body_part: Body Part Examined.
        padding: Pixel Padding Value, told in the header.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stack, positions, along, down, (rows, columns) = slices(values, spacing, plane, tilt)
    slope, intercept = rescale or ((1.0, -1024.0) if modality == "CT" and not signed else (1.0, 0.0))
    signed = bool(signed)
    low, high = (-32768, 32767) if signed else (0, 65535)
    stored = np.clip(np.rint((stack - intercept) / slope), low, high).astype("<i2" if signed else "<u2")
    common = _common(
        folder.name, modality, stored.shape, signed=signed, body_part=body_part, enhanced=enhanced
    )
    if padding is not None:
        common.add_new(0x00280120, "SS" if signed else "US", padding)
    cosines = [f"{value:.10g}" for value in (*along, *down)]
    if enhanced:
        return [_enhanced(folder, common, stored, positions, cosines, (rows, columns), (slope, intercept))]
    paths = []
    for number, (plane_values, position) in enumerate(zip(stored, positions, strict=True), 1):
        ds = Dataset()
        ds.update(common)
        ds.file_meta = common.file_meta
        ds.SOPInstanceUID = generate_uid(entropy_srcs=[folder.name, str(number)])
        ds.InstanceNumber = number
        ds.ImagePositionPatient = [f"{value:.10g}" for value in position]
        ds.ImageOrientationPatient = cosines
        ds.PixelSpacing = [f"{rows:.10g}", f"{columns:.10g}"]
        ds.RescaleSlope, ds.RescaleIntercept = slope, intercept
        ds.PixelData = plane_values.tobytes()
        path = folder / f"{number:04d}.dcm"
        ds.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def read_series(results: dict[Path, Any], paths: list[Path]) -> Array:
    """Stored words of a series, planes x rows x columns, with the new values where there are some."""
    import pydicom

    planes = []
    for path in paths:
        ds = pydicom.dcmread(path)
        result = results.get(path)
        data = ds.PixelData if result is None or result.value is None else result.value.read_bytes()
        kind = "<i2" if ds.PixelRepresentation else "<u2"
        count = int(ds.get("NumberOfFrames") or 1)
        planes.append(
            np.frombuffer(data, kind)[: count * ds.Rows * ds.Columns].reshape(count, ds.Rows, ds.Columns)
        )
    return np.concatenate(planes)


def _common(
    name: str, modality: str, shape: tuple[int, ...], *, signed: bool, body_part: str, enhanced: bool
) -> Dataset:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    classes = (
        (EnhancedCTImageStorage, EnhancedMRImageStorage) if enhanced else (CTImageStorage, MRImageStorage)
    )
    ds.SOPClassUID = classes[modality != "CT"]
    ds.StudyInstanceUID = generate_uid(entropy_srcs=[name, "study"])
    ds.SeriesInstanceUID = generate_uid(entropy_srcs=[name, "series"])
    ds.FrameOfReferenceUID = generate_uid(entropy_srcs=[name, "frame"])
    ds.PatientID = "MRN-0012345"
    ds.Modality = modality
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.BodyPartExamined = body_part
    ds.Rows, ds.Columns = shape[1:]
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit = 15
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.PixelRepresentation = int(signed)
    return ds


def _enhanced(
    folder: Path,
    ds: Dataset,
    stored: Array,
    positions: Array,
    cosines: list[str],
    spacing: tuple[float, float],
    rescale: tuple[float, float],
) -> Path:
    measures, orientation, transformation, shared = Dataset(), Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = [f"{value:.10g}" for value in spacing]
    orientation.ImageOrientationPatient = cosines
    transformation.RescaleSlope, transformation.RescaleIntercept, transformation.RescaleType = *rescale, "HU"
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PlaneOrientationSequence = Sequence([orientation])
    shared.PixelValueTransformationSequence = Sequence([transformation])
    groups = []
    for position in positions:
        place, group = Dataset(), Dataset()
        place.ImagePositionPatient = [f"{value:.10g}" for value in position]
        group.PlanePositionSequence = Sequence([place])
        groups.append(group)
    ds.SOPInstanceUID = generate_uid(entropy_srcs=[folder.name, "enhanced"])
    ds.NumberOfFrames = len(stored)
    ds.SharedFunctionalGroupsSequence = Sequence([shared])
    ds.PerFrameFunctionalGroupsSequence = Sequence(groups)
    ds.PixelData = stored.tobytes()
    path = folder / "enhanced.dcm"
    ds.save_as(path, enforce_file_format=True)
    return path
