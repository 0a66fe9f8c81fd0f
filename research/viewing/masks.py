"""A DICOM segmentation on the grid of the volume that its series is shown as.

After PS3.3 C.8.20: each frame belongs to one segment (binary, fractional) or holds labels (label map), and lies where
its Plane Position says.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from research.errors import VolumeError
from research.viewing.frames import Frame, Stack, pixels, read_stack
from research.viewing.series import thinning, write_nifti

_SAME_DIRECTION = 0.999
_MOST_LABELS = 255


def write_mask(mask_files: Sequence[Path], files: Sequence[Path], folder: Path) -> dict[str, str]:
    """``mask.nii.gz`` and ``mask.json`` (names of the labels) in ``folder``.

    Args:
        mask_files: objects of the segmentation's series.
        files: objects of the series that it was drawn on.
        folder: where to write.

    Returns:
        Names by label.

    Raises:
        VolumeError: no segmentation, or one that does not lie on this series' grid.
    """
    stack, mask = read_stack(files), read_stack(mask_files)
    _require_same_grid(stack, mask)
    every = thinning(stack)
    rows, columns = stack.size
    kept = stack.places[:: every[0]]
    labels = np.zeros((len(kept), -(-rows // every[1]), -(-columns // every[2])), np.uint8)
    names: dict[str, str] = {}
    headers: dict[Path, Dataset] = {}
    within = max(stack.gap, 1e-3) / 2
    for frame in mask.frames:
        header = headers.setdefault(frame.path, pydicom.dcmread(frame.path, stop_before_pixels=True))
        place = float(frame.position @ stack.normal) if frame.position is not None else np.inf
        nearest = int(np.argmin(np.abs(kept - place)))
        if abs(kept[nearest] - place) > within:
            continue  # beyond the series, or on a slice that was thinned out
        _draw(labels[nearest], frame, header, every, names)
    if not labels.any():
        msg = "The segmentation has nothing on this series."
        raise VolumeError(msg, "Look at the series that it was drawn on.")
    spacing = (
        stack.gap * every[0],
        stack.frames[0].spacing[0] * every[1],
        stack.frames[0].spacing[1] * every[2],
    )
    write_nifti(stack, labels, spacing, folder / "mask.nii.gz")
    (folder / "mask.json").write_text(json.dumps(names), encoding="utf-8")
    return names


def _require_same_grid(stack: Stack, mask: Stack) -> None:
    if mask.header.get("Modality") != "SEG":
        msg = "The series is no segmentation."
        raise VolumeError(msg, "Choose a series of the modality SEG.")
    ours, theirs = stack.frames[0], mask.frames[0]
    aligned = (
        ours.orientation is not None
        and theirs.orientation is not None
        and float(ours.orientation[:3] @ theirs.orientation[:3]) > _SAME_DIRECTION
        and float(ours.orientation[3:] @ theirs.orientation[3:]) > _SAME_DIRECTION
    )
    if aligned and ours.position is not None and theirs.position is not None:
        off = ours.position - theirs.position
        off = off - (off @ stack.normal) * stack.normal
        aligned = ours.size == theirs.size and float(np.linalg.norm(off)) < max(ours.spacing)
    if not aligned:
        msg = "The segmentation does not lie on this series' grid."
        raise VolumeError(msg, "Look at the series that it was drawn on.")


def _draw(
    plane: NDArray[np.uint8],
    frame: Frame,
    header: Dataset,
    every: tuple[int, int, int],
    names: dict[str, str],
) -> None:
    found = pixels(frame, header)[:: every[1], :: every[2]]
    known = {
        int(one.SegmentNumber): str(one.get("SegmentLabel") or "")
        for one in header.get("SegmentSequence", [])
    }
    kind = header.get("SegmentationType", "BINARY")
    if kind == "LABELMAP":
        for label in np.unique(found[found > 0]):
            _name(int(label), known, names)
        plane[found > 0] = found[found > 0]
        return
    label = _segment(header, frame.index)
    _name(label, known, names)
    least = int(header.get("MaximumFractionalValue") or 1) / 2 if kind == "FRACTIONAL" else 0
    plane[found > least] = label


def _name(label: int, known: dict[int, str], names: dict[str, str]) -> None:
    if not 0 < label <= _MOST_LABELS:
        msg = f"The segmentation has the label {label}; 1 to {_MOST_LABELS} can be shown."
        raise VolumeError(msg, "Look at it in a viewer of its own.")
    names[str(label)] = known.get(label) or f"Segment {label}"


def _segment(header: Dataset, index: int) -> int:
    groups: list[Any] = [
        *header.get("PerFrameFunctionalGroupsSequence", [])[index : index + 1],
        *header.get("SharedFunctionalGroupsSequence", []),
    ]
    for group in groups:
        if group.get("SegmentIdentificationSequence"):
            return int(group.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
    return 1
