"""Whether a volume can show a face at all. Said only on evidence; no evidence means that one has to look for it."""

from __future__ import annotations

import numpy as np

from deid.faces.headers import HEAD_WIDTH_MM
from deid.faces.tissue import Body, Volume

#: Lungs hold litres; all sinuses and airways of a head together less than this.
_LUNG_ML = 350.0
_LUNG_HU = (-980.0, -550.0)
#: From the top of the lungs to a chin that rests on the chest.
_APEX_TO_CHIN_MM = 75.0
#: No head is so large in cross-section.
_HEAD_AREA_MM2 = 34_000.0
_SPECK_MM2 = 1_000.0


def no_head(volume: Volume, body: Body, *, ct: bool) -> str | None:
    """Why the image itself cannot show a face, or None where it might.

    Args:
        volume: the analysis volume, possibly of every few planes only.
        body: its tissue.
        ct: values are Hounsfield units.
    """
    cell = volume.spacing**2
    areas = body.tissue.sum(axis=(1, 2)) * cell
    seen = areas > _SPECK_MM2
    if not seen.any():
        return None
    if ct:
        lung = body.tissue & (volume.values > _LUNG_HU[0]) & (volume.values < _LUNG_HU[1])
        per_slice = lung.sum(axis=(1, 2)) * cell
        if float(per_slice.sum()) * volume.spacing / 1000 > _LUNG_ML:
            top_of_lungs = int(np.flatnonzero(per_slice > 0.05 * per_slice.max())[-1])
            above = (int(np.flatnonzero(seen)[-1]) - top_of_lungs) * volume.spacing
            if above <= _APEX_TO_CHIN_MM:
                return f"lungs that reach to within {above:.0f} mm of the upper end"
    widths = np.array([_width(plane, volume.spacing) for plane in body.tissue[seen]])
    if (widths > HEAD_WIDTH_MM).all() and (areas[seen] > _HEAD_AREA_MM2).all():
        return "every cross-section is larger than a head"
    return None


def _width(plane: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], spacing: float) -> float:
    columns = np.flatnonzero(plane.any(axis=0))
    return float(columns[-1] - columns[0] + 1) * spacing if columns.size else 0.0
