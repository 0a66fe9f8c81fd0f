"""Whether a volume can show a face at all. Said only on evidence; no evidence means that one has to look for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deid.faces.tissue import Body, Volume

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MODALITY, _IMAGE_TYPE, _FRAMES = 0x00080060, 0x00080008, 0x00280008
#: Cross-sectional imaging of people; no other modality gives a surface of the skin.
MODALITIES = frozenset({"CT", "MR", "PT"})
#: Fewer planes show no face, whatever they cut.
MIN_PLANES = 4
#: Body parts (PS3.16 CID 4 and usual spellings) far from any face.
_FAR = frozenset(
    {
        "ABDOMEN", "ABDOMENPELVIS", "ANKLE", "ARM", "BLADDER", "CALCANEUS", "CALF", "COCCYX", "COLON", "ELBOW",
        "EXTREMITY", "FEMUR", "FINGER", "FOOT", "FOREARM", "HAND", "HEEL", "HIP", "HUMERUS", "KIDNEY", "KNEE",
        "LEG", "LIVER", "LSPINE", "LUMBAR", "LUMBOSACRAL", "PANCREAS", "PELVIS", "PROSTATE", "RADIUS", "SACRUM",
        "SSPINE", "TESTIS", "THIGH", "THUMB", "TIBIA", "TOE", "ULNA", "UTERUS", "WRIST",
    }
)  # fmt: skip
#: Parts whose field of view may reach a chin: in CT the image itself must say that it does not.
_NEAR = frozenset(
    {
        "BREAST", "CHEST", "CHESTABDOMEN", "CHESTABDPELVIS", "HEART", "LUNG", "RIB", "SHOULDER", "STERNUM",
        "THORAX", "TSPINE",
    }
)  # fmt: skip
#: Lungs hold litres; all sinuses and airways of a head together less than this.
_LUNG_ML = 350.0
_LUNG_HU = (-980.0, -550.0)
#: From the top of the lungs to a chin that rests on the chest.
_APEX_TO_CHIN_MM = 75.0
#: No head is as wide and as large in cross-section as this, hair and headphones included.
_HEAD_WIDTH_MM = 240.0
_HEAD_AREA_MM2 = 34_000.0
_SPECK_MM2 = 1_000.0


def may_hold_face(headers: Sequence[Mapping[int, bytes]]) -> bool:
    """A cheap look at the headers of a series: is it worth asking the pixels?

    Only modality, kind of image and number of planes count. What a header says about the body part is not
    believed here: a "chest" may begin at the chin.

    Args:
        headers: per object, top-level tag -> raw value (Modality, Image Type, Number of Frames are looked at).
    """
    planes = 0
    for header in headers:
        if _text(header, _MODALITY) not in MODALITIES:
            continue
        kind = _text(header, _IMAGE_TYPE).split("\\")
        if "LOCALIZER" in kind and _text(header, _MODALITY) == "CT":
            continue  # a projection, not a cross-section
        count = _text(header, _FRAMES)
        planes += int(count) if count.isdigit() else 1
    return planes >= MIN_PLANES


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
    if (widths > _HEAD_WIDTH_MM).all() and (areas[seen] > _HEAD_AREA_MM2).all():
        return "every cross-section is larger than a head"
    return None


def told_far(body_part: str, *, ct: bool) -> bool:
    """Whether a header names a body part without a face; counts only where no head was found either.

    Args:
        body_part: Body Part Examined.
        ct: in CT the image is the better witness, so a part near the neck does not count.
    """
    part = "".join(letter for letter in body_part.upper() if letter.isalpha())
    return part in _FAR or (not ct and part in _NEAR)


def _width(plane: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], spacing: float) -> float:
    columns = np.flatnonzero(plane.any(axis=0))
    return float(columns[-1] - columns[0] + 1) * spacing if columns.size else 0.0


def _text(header: Mapping[int, bytes], tag: int) -> str:
    return header.get(tag, b"").decode("ascii", "replace").strip(" \0").upper()
