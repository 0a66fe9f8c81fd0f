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
BRAIN_SLACK_MM = 3.0
#: Where the face lies in the template: nothing above the first, nothing below the second.
FACE_TOP_MM = 10.0
FACE_BOTTOM_MM = -165.0
#: Behind this plane the face ends: half way along the cheek bones, some 75 mm behind the tip of the nose.
FACE_BACK_MM = -30.0
_FOREHEAD_BACK_MM = -68.0
_FOREHEAD_FROM_MM = -25.0
_THROAT_FROM_MM = -125.0
_THROAT_BACK_MM = -60.0
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
    back = np.interp(
        z,
        [FACE_BOTTOM_MM, _THROAT_FROM_MM, _FOREHEAD_FROM_MM, FACE_TOP_MM],
        [_THROAT_BACK_MM, FACE_BACK_MM, FACE_BACK_MM, _FOREHEAD_BACK_MM],
    )
    depth = np.minimum(np.minimum(back + margin - y, FACE_TOP_MM + margin - z), z - FACE_BOTTOM_MM + margin)
    if ears:
        side = np.abs(x) - _EAR_HALF_WIDTH_MM
        box = np.minimum.reduce(
            [side, y - _EAR_Y_MM[0], _EAR_Y_MM[1] - y, z - _EAR_Z_MM[0], _EAR_Z_MM[1] - z]
        )
        depth = np.maximum(depth, box)
    return np.asarray(depth, dtype=np.float32)
