"""The average head that every other head is laid upon, and where its face and its brain are.

Shipped as ``_template/head.npz`` (provenance in ``_template/README.md``): mean of many T1 heads on a 3 mm grid and
the signed distance to its brain. Coordinates are millimetres in DICOM's patient axes (x left, y back, z up).
The planes of the face below were read off that image.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

#: A registered brain edge is trusted to this much; the mask of the average brain is also a little tight.
BRAIN_SLACK_MM = 5.0
#: Where bone tells the brain apart (sharp CT), and where the edge lies over the orbits, it is trusted more.
BONE_SLACK_MM = ORBIT_SLACK_MM = 3.0
#: The orbits: outside this half width (within it lie the ethmoid and the lowest brain), before this plane.
_ORBIT_FROM_MM = 22.0
_ORBIT_BACK_MM = -40.0
#: Where the face lies in the template: nothing above the first, nothing below the second.
FACE_TOP_MM = 10.0
FACE_BOTTOM_MM = -165.0
#: Behind these the face ends, y at z from below the chin to the brow. In the middle half way along the cheek bones,
#: some 75 mm behind the tip of the nose; at the sides, where only cheek and temple are, just before the ears.
_MIDDLE_Z_MM = (FACE_BOTTOM_MM, -125.0, -25.0, FACE_TOP_MM)
_MIDDLE_BACK_MM = (-60.0, -30.0, -30.0, -68.0)
_SIDE_Z_MM = (FACE_BOTTOM_MM, -125.0, -12.0, FACE_TOP_MM)
_SIDE_BACK_MM = (-50.0, -10.0, -10.0, -60.0)
#: Half widths between which the middle becomes a side.
_SIDE_FROM_MM, _SIDE_TO_MM = 40.0, 48.0
#: So much is left before ears that stay.
_EAR_SPARED_MM = 4.0
#: Ears: outside this half width, in this box.
_EAR_HALF_WIDTH_MM = 68.0
_EAR_Y_MM = (-22.0, 45.0)
_EAR_Z_MM = (-85.0, 0.0)


@dataclass(frozen=True)
class Template:
    """The average head.

    Attributes:
        head: intensities 0 (air) to about 1, axes z, y, x.
        brain: signed distance in mm to the brain's edge, negative inside; clipped at about 63 mm.
        origin: x, y, z of the first voxel, mm.
        spacing: of the isotropic grid, mm.
    """

    head: Floats
    brain: Floats
    origin: tuple[float, float, float]
    spacing: float


@cache
def load_template() -> Template:
    """The shipped template."""
    with (files("deid.faces") / "_template" / "head.npz").open("rb") as stream, np.load(stream) as stored:
        x, y, z = (float(value) for value in stored["origin"])
        return Template(
            head=stored["head"].astype(np.float32) / np.float32(200),
            brain=stored["brain"].astype(np.float32) / np.float32(2),
            origin=(x, y, z),
            spacing=float(stored["spacing"]),
        )


def face_depth(points: NDArray[Any], *, margin: float, ears: bool) -> Floats:
    """Signed distance-like depth into the region of the face, positive inside, in mm.

    The region is open to the front, so that the air before a face goes with it: what is left has no
    silhouette. The brain is not considered here.

    Args:
        points: (..., 3) template coordinates x, y, z in mm.
        margin: mm to push the back and the top of the region outwards.
        ears: whether ears belong to it.
    """
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    middle = np.interp(z, _MIDDLE_Z_MM, _MIDDLE_BACK_MM)
    side = np.interp(z, _SIDE_Z_MM, _SIDE_BACK_MM) - (0.0 if ears else _EAR_SPARED_MM)
    share = np.clip((np.abs(x) - _SIDE_FROM_MM) / (_SIDE_TO_MM - _SIDE_FROM_MM), 0, 1)
    back = middle + share * (side - middle)
    depth = np.minimum(np.minimum(back + margin - y, FACE_TOP_MM + margin - z), z - FACE_BOTTOM_MM + margin)
    if ears:
        out = np.abs(x) - _EAR_HALF_WIDTH_MM
        box = np.minimum.reduce([out, y - _EAR_Y_MM[0], _EAR_Y_MM[1] - y, z - _EAR_Z_MM[0], _EAR_Z_MM[1] - z])
        depth = np.maximum(depth, box)
    return np.asarray(depth, dtype=np.float32)


def brain_slack(points: NDArray[Any]) -> Floats:
    """How far a registered edge of the brain may be wrong at these points, mm.

    Args:
        points: (..., 3) template coordinates x, y, z in mm.
    """
    orbit = (np.abs(points[..., 0]) > _ORBIT_FROM_MM) & (points[..., 1] < _ORBIT_BACK_MM)
    return np.where(orbit, ORBIT_SLACK_MM, BRAIN_SLACK_MM).astype(np.float32)
