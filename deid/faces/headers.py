"""What headers say about faces: too little to trust, enough to save looking at the pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MODALITY, _IMAGE_TYPE, _FRAMES = 0x00080060, 0x00080008, 0x00280008
#: Cross-sectional imaging of people; no other modality gives a surface of the skin.
MODALITIES = frozenset({"CT", "MR", "PT"})
#: Fewer planes show no face, whatever they cut.
MIN_PLANES = 4
FEW_PLANES = "too few planes"
#: Body parts (PS3.16 CID 4 and usual spellings) far from any face.
_FAR = frozenset(
    {
        "ABDOMEN", "ABDOMENPELVIS", "ANKLE", "ARM", "BLADDER", "CALCANEUS", "CALF", "COCCYX", "COLON", "ELBOW",
        "EXTREMITY", "FEMUR", "FINGER", "FOOT", "FOREARM", "HAND", "HEEL", "HIP", "HUMERUS", "KIDNEY", "KNEE",
        "LEG", "LIVER", "LSPINE", "LUMBAR", "LUMBOSACRAL", "PANCREAS", "PELVIS", "PROSTATE", "RADIUS", "SACRUM",
        "SSPINE", "TESTIS", "THIGH", "THUMB", "TIBIA", "TOE", "ULNA", "UTERUS", "WRIST",
    }
)  # fmt: skip
_LEGS = frozenset({"ANKLE", "CALF", "EXTREMITY", "FEMUR", "FOOT", "KNEE", "LEG", "THIGH", "TIBIA", "TOE"})
_TRUNK_MM = 800.0
#: Parts whose field of view may reach a chin: in CT the image itself must say that it does not.
_NEAR = frozenset(
    {
        "BREAST", "CHEST", "CHESTABDOMEN", "CHESTABDPELVIS", "HEART", "LUNG", "RIB", "SHOULDER", "STERNUM",
        "THORAX", "TSPINE",
    }
)  # fmt: skip
#: No head is as wide as this, hair and headphones included.
HEAD_WIDTH_MM = 240.0


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


def told_far(body_part: str, *, strict: bool, length: float = 0.0) -> bool:
    """Whether a header names a body part without a face; counts only where no head was found either.

    Args:
        body_part: Body Part Examined.
        strict: a part near the neck does not count: in CT the image is the better witness, and a PET of the body
            often begins at the brow.
        length: mm that the planes cover; what is longer than a trunk is no abdomen only, whatever it says.
    """
    part = "".join(letter for letter in body_part.upper() if letter.isalpha())
    if length > _TRUNK_MM and part not in _LEGS:
        return False
    return part in _FAR or (not strict and part in _NEAR)


def _text(header: Mapping[int, bytes], tag: int) -> str:
    return header.get(tag, b"").decode("ascii", "replace").strip(" \0").upper()
