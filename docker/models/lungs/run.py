"""Lung segmentation by threshold and shape, after Hu, Hoffman and Reinhardt (IEEE TMI 2001).

The shape work is done on a grid of about 1.2 mm in plane; the rim is then decided on the scan's own grid.
All sizes are millimetres, so that thick slices and coarse grids need no other settings.
"""

from __future__ import annotations

import numpy as np
from radflow_model import CaseError, main, read_image, spacing_zyx, voxels, write_image
from scipy import ndimage

AIR_HU = -500.0
LUMEN_HU = -850.0
LUMEN_CONTRAST_HU = 80.0
WORK_MM = 1.2
SMALLEST_LUNG_ML = 150.0
TRACHEA_MM2 = (40.0, 700.0)
FROM_MIDDLE_MM = 40.0
BELOW_CARINA_MM = 30.0
APART_MM = 50.0
CLOSING_MM = 6.0
WALL_MM = 2.0
RIGHT, LEFT = 1, 2
IN_PLANE = np.zeros((3, 3, 3), dtype=bool)
IN_PLANE[1] = True

Spacing = tuple[float, float, float]


def shrink(ct: np.ndarray, factor: int) -> np.ndarray:
    """Mean over blocks of ``factor`` x ``factor`` in plane; edge blocks are filled up with edge values."""
    rows, columns = (-size % factor for size in ct.shape[1:])
    padded = np.pad(ct, ((0, 0), (0, rows), (0, columns)), mode="edge").astype(np.float32)
    planes, height, width = padded.shape
    return padded.reshape(planes, height // factor, factor, width // factor, factor).mean(axis=(2, 4))


def grow(mask: np.ndarray, factor: int, shape: tuple[int, ...]) -> np.ndarray:
    """Inverse of ``shrink`` for a mask."""
    return mask.repeat(factor, axis=1).repeat(factor, axis=2)[:, : shape[1], : shape[2]]


def inner_air(ct: np.ndarray) -> np.ndarray:
    """Air that is not joined to the sides of its own slice: lungs, airways, bowel gas.

    Slice by slice, since through the mouth the lungs are joined to the room.
    """
    labels, _ = ndimage.label(ct < AIR_HU, structure=IN_PLANE)
    sides = (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1])
    outer = np.unique(np.concatenate([side.ravel() for side in sides]))
    return ~np.isin(labels, outer) & (labels > 0)


def airways(ct: np.ndarray, air: np.ndarray, spacing: Spacing) -> np.ndarray:
    """The trachea and main bronchi, followed slice by slice from the highest one that shows a trachea.

    Downwards they end where they outgrow the trachea or ``BELOW_CARINA_MM`` below the place where it parts:
    from there on bronchi lie inside the lungs.
    """
    found = np.zeros_like(air)
    middle = np.average(np.arange(air.shape[2]), weights=air.sum(axis=(0, 1)) + 1e-9)
    seeds = ((z, trachea(air[z], middle, spacing)) for z in range(len(air) - 1, -1, -1))
    top, seed = next(((z, mask) for z, mask in seeds if mask is not None), (0, None))
    if seed is None:
        return found
    reach_mm = max(2.0 + 0.4 * spacing[0], 1.01 * max(spacing[1:]))
    lumen_hu = min(ct[top][seed].min() + LUMEN_CONTRAST_HU, LUMEN_HU)
    found[top] = current = seed
    for z in range(top + 1, len(air)):
        current = air[z] & near(current, spacing, reach_mm)
        found[z] = current
        if not current.any():
            break
    current, carina = seed, None
    for z in range(top - 1, -1, -1):
        current = air[z] & (ct[z] < lumen_hu) & near(current, spacing, reach_mm)
        size = current.sum() * spacing[1] * spacing[2]
        if not size or size > TRACHEA_MM2[1]:
            break
        if carina is None:
            sizes = np.sort(np.bincount(ndimage.label(current)[0].ravel())[1:]) * spacing[1] * spacing[2]
            carina = z if len(sizes) > 1 and sizes[-2] >= TRACHEA_MM2[0] else None
        if carina is not None and (carina - z) * spacing[0] > BELOW_CARINA_MM:
            break
        found[z] = current
    for z in np.flatnonzero(found.any(axis=(1, 2))):  # take in the blurred rim where the tube lies free
        labels, _ = ndimage.label(air[z])
        sizes = np.bincount(labels.ravel()) * spacing[1] * spacing[2]
        touched = [label for label in np.unique(labels[found[z]]) if sizes[label] <= TRACHEA_MM2[1]]
        found[z] |= np.isin(labels, touched) & (labels > 0)
    return found


def near(mask: np.ndarray, spacing: Spacing, reach_mm: float) -> np.ndarray:
    """What lies within ``reach_mm`` of a mask of one slice."""
    if not mask.any():
        return mask
    return ndimage.distance_transform_edt(~mask, sampling=spacing[1:]) <= reach_mm


def trachea(air: np.ndarray, middle: float, spacing: Spacing) -> np.ndarray | None:
    """The component of one slice that looks like a trachea: size, roundness, near the middle; or None."""
    labels, _ = ndimage.label(air)
    best, best_mm = None, FROM_MIDDLE_MM
    for label, window in enumerate(ndimage.find_objects(labels), start=1):
        part = labels[window] == label
        size = part.sum() * spacing[1] * spacing[2]
        height, width = part.shape[0] * spacing[1], part.shape[1] * spacing[2]
        if not TRACHEA_MM2[0] <= size <= TRACHEA_MM2[1] or max(height, width) > 2.2 * min(height, width):
            continue
        off_mm = abs((window[1].start + window[1].stop - 1) / 2 - middle) * spacing[2]
        if off_mm < best_mm:
            best, best_mm = labels == label, off_mm
    return best


def two_lungs(air: np.ndarray, spacing: Spacing, to_left: int) -> np.ndarray:
    """Label the right and the left lung among the components of ``air``.

    Lungs that touch are parted where they are thinnest: eroded until they fall apart, and every voxel then
    goes to the nearer part.

    Args:
        air: candidates.
        spacing: mm.
        to_left: 1 where columns run to the patient's left, else -1.
    """
    voxel_ml = float(np.prod(spacing)) / 1000
    labels, _ = ndimage.label(air)
    sizes = np.bincount(labels.ravel()) * voxel_ml
    sizes[0] = 0
    order = np.argsort(sizes)[::-1]
    if sizes[order[0]] < SMALLEST_LUNG_ML:
        msg = "No lung was found in the scan: it holds less than 0.15 L of enclosed air."
        raise CaseError(msg)
    first, second = (labels == label for label in order[:2]) if len(order) > 2 else (air, np.zeros_like(air))
    parts = (first, second) if side_by_side(first, second, spacing) else part(first, spacing)
    if parts is None:
        return np.where(first, RIGHT if on_right(first, to_left) else LEFT, 0).astype(np.uint8)
    columns = [column(half) * to_left for half in parts]
    right, left = parts if columns[0] < columns[1] else parts[::-1]
    return (right * RIGHT + left * LEFT).astype(np.uint8)


def column(mask: np.ndarray) -> float:
    """Mean column of a mask."""
    return float(np.average(np.arange(mask.shape[2]), weights=mask.sum(axis=(0, 1))))


def side_by_side(first: np.ndarray, second: np.ndarray, spacing: Spacing) -> bool:
    """Whether two parts can be the two lungs: neither much smaller, far enough apart across the body."""
    if second.sum() < 0.2 * first.sum():
        return False
    return abs(column(first) - column(second)) * spacing[2] > APART_MM


def on_right(lung: np.ndarray, to_left: int) -> bool:
    """Whether a single lung lies in the patient's right half of the picture."""
    return (column(lung) - lung.shape[2] / 2) * to_left < 0


def part(lungs: np.ndarray, spacing: Spacing) -> tuple[np.ndarray, np.ndarray] | None:
    """Two lungs that touch, parted; None where ``lungs`` is one lung."""
    depth = ndimage.distance_transform_edt(lungs, sampling=spacing)
    for radius in np.arange(0.5, 10.0, 1.0) * min(spacing[1:]):
        labels, count = ndimage.label(depth > radius)
        if count < 2:
            continue
        sizes = np.bincount(labels.ravel())
        sizes[0] = 0
        first, second = np.argsort(sizes)[::-1][:2]
        if not side_by_side(labels == first, labels == second, spacing):
            continue
        seeds = np.where(labels == first, 1, np.where(labels == second, 2, 0))
        nearest = ndimage.distance_transform_edt(
            seeds == 0, sampling=spacing, return_distances=False, return_indices=True
        )
        owner = seeds[tuple(nearest)]
        return lungs & (owner == 1), lungs & (owner == 2)
    return None


def close(lung: np.ndarray, spacing: Spacing) -> np.ndarray:
    """Close over vessels and fissures with a ball of ``CLOSING_MM``, then fill what each slice encloses."""
    margin = [int(np.ceil(CLOSING_MM / step)) + 1 for step in spacing]
    box = ndimage.find_objects(lung.astype(np.uint8))[0]
    window = tuple(
        slice(max(0, edge.start - more), edge.stop + more) for edge, more in zip(box, margin, strict=True)
    )
    inside = lung[window]
    reached = ndimage.distance_transform_edt(~inside, sampling=spacing) <= CLOSING_MM
    closed = ndimage.distance_transform_edt(reached, sampling=spacing) > CLOSING_MM
    closed |= inside
    for z, plane in enumerate(closed):
        closed[z] = ndimage.binary_fill_holes(plane)
    result = lung.copy()
    result[window] = closed
    return result


def segment(ct: np.ndarray, spacing: Spacing, to_left: int) -> np.ndarray:
    """Label the lungs of a CT [z, y, x] in HU, slices running upwards: 1 right, 2 left, 0 elsewhere."""
    factor = max(1, round(WORK_MM / min(spacing[1:])))
    coarse = shrink(ct, factor)
    step = (spacing[0], spacing[1] * factor, spacing[2] * factor)
    air = inner_air(coarse)
    tubes = airways(coarse, air, step)
    wall = ndimage.distance_transform_edt(~tubes, sampling=step) <= WALL_MM if tubes.any() else tubes
    lungs = two_lungs(air & ~wall, step, to_left)
    result = np.zeros(ct.shape, dtype=np.uint8)
    ball = ndimage.generate_binary_structure(2, 1)[None]
    for label in (RIGHT, LEFT):
        if not (lungs == label).any():
            continue
        lung = close(lungs == label, step) & ~tubes & ((lungs == 0) | (lungs == label))
        if factor > 1:  # only the rim is left to the scan's own voxels
            core = grow(ndimage.binary_erosion(lung, ball), factor, ct.shape)
            rim = grow(ndimage.binary_dilation(lung, ball) & ~wall, factor, ct.shape)
            lung = core | (rim & (ct < AIR_HU))
        result[lung & (result == 0)] = label
    return result


def run() -> None:
    """``ct-image`` to ``lung-mask``."""
    image = read_image("ct-image")
    ct = voxels(image)
    direction = image.GetDirection()
    if abs(direction[0]) < 0.9 or abs(direction[8]) < 0.9:
        msg = "The scan is not axial: its slices must be perpendicular to the long axis of the body."
        raise CaseError(msg)
    upwards = ct if direction[8] > 0 else ct[::-1]
    mask = segment(upwards, spacing_zyx(image), 1 if direction[0] > 0 else -1)
    write_image("images/lung-mask", mask if direction[8] > 0 else mask[::-1], image)


if __name__ == "__main__":
    main(run)
