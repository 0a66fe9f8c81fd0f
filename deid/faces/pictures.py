"""Faces outside volumes: photographs, pictures of a rendered head, scouts, outlines of the skin.

No volume can be made of these, so nothing is removed: what may show a face goes to a person. Decided by headers, and
for outlines of the body by their size.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom

from deid.exceptions import QuarantineError
from deid.faces.headers import HEAD_WIDTH_MM, MODALITIES, told_far

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydicom.dataset import Dataset

_IMAGE_TYPE, _SOP_CLASS, _MODALITY, _BODY_PART = 0x00080008, 0x00080016, 0x00080060, 0x00180015
_RECOGNIZABLE, _ORIENTATION = 0x00280302, 0x00200037
_ROOT = "1.2.840.10008.5.1.4.1.1."
_CAPTURES = frozenset(_ROOT + end for end in ("7", "7.1", "7.2", "7.3", "7.4"))
#: VL and Video Photographic Image Storage.
_PHOTOGRAPHS = frozenset({_ROOT + "77.1.4", _ROOT + "77.1.4.1"})
_STRUCTURES = _ROOT + "481.3"
_SEGMENTATIONS = frozenset({_ROOT + "66.4", _ROOT + "66.5"})
#: Words (of Image Type, descriptions) that mean a picture of a rendered volume, whatever the object is.
_RENDERED = re.compile(
    r"\b(VRT?|VOLREN|VOL ?REND\w*|VOLUME ?REND\w*|RENDER\w*|SSD|SHADED|SURFACE ?REND\w*|CINEMATIC|MIPS?|MAXIP|"
    r"PROJECTION ?IMAGE)\b"
)
#: In a captured screen these mean it too; elsewhere they name how a volume was acquired.
_SPATIAL = re.compile(r"\b[34]D\b")
#: Words that say head or neck, in the languages that scanners speak most.
_HEAD = re.compile(
    r"HEAD|BRAIN|SKULL|CRANI|CEREB|NEURO|FACE|FACIAL|MAXILL|MANDIB|DENTAL|JAW|TMJ|SINUS|ORBIT|NOSE|NASAL|NECK|\bEARS?\b|"
    r"\bIAC\b|\bENT\b|KOPF|SCH(AE|Ä)DEL|\bHALS\b|T(E|Ê)TE\b|CR(A|Â)NE|\bCOU\b|CABEZA|CUELLO|\bTESTA\b|ENCEFAL|ENCEPHAL"
)
#: Captured tables about the examination, no pictures of the patient.
_TABLE = re.compile(r"\bDOSE|\bDOSIS|PROTOCOL|\bREPORT\b")
#: Names of structures that are the outline of the body.
_OUTLINE = re.compile(r"\b(BODY|SKIN|EXTERNAL|EXTERN|OUTLINE|FACE|HEAD|SCALP|PATIENT|CONTOUR EXTERNE|HAUT)\b")
#: From the side: the normal of the plane runs so much from left to right.
_SIDEWAYS = 0.7
#: An outline that is narrow over less than this shows no head: a neck above the chest, a foot.
_HEAD_HEIGHT_MM = 60.0
_TEXTS = (
    "SeriesDescription", "StudyDescription", "ProtocolName", "DerivationDescription", "PerformedProcedureStepDescription",
    "RequestedProcedureDescription", "ImageComments", "SegmentSequence", "StructureSetROISequence",
    "RTROIObservationsSequence", "ROIContourSequence",
)  # fmt: skip


def check_pictures(path: Path, values: Mapping[int, bytes], file: str, *, few_planes: bool = False) -> None:
    """Refuse an object that may show a face where none can be removed.

    Costs nothing for original cross-sections; the rest of the header is read only of what may be a picture.

    Args:
        path: the object.
        values: its top-level values by tag (SOP Class UID, Image Type, Modality, Body Part Examined, Image Orientation
            and Recognizable Visual Features are looked at).
        file: how to call it in an error.
        few_planes: it belongs to cross-sections too few to make a volume.

    Raises:
        QuarantineError: ``face-picture``.
    """
    sop, modality = _text(values, _SOP_CLASS), _text(values, _MODALITY)
    kind = _text(values, _IMAGE_TYPE).replace("_", " ").split("\\")
    suspect = (
        sop in _CAPTURES | _PHOTOGRAPHS | _SEGMENTATIONS | {_STRUCTURES}
        or modality == "XC"
        or kind[0] == "DERIVED"
        or ((few_planes or "LOCALIZER" in kind) and _sagittal(values))
        or _text(values, _RECOGNIZABLE) == "YES"
        or _RENDERED.search(" ".join(kind)) is not None
    )
    if not suspect:
        return
    header = pydicom.dcmread(path, stop_before_pixels=True, force=True, specific_tags=list(_TEXTS))
    why = _why(sop, modality, kind, values, header)
    if why is not None:
        raise QuarantineError.of(file, "face-picture", (why,))


def _why(
    sop: str, modality: str, kind: list[str], values: Mapping[int, bytes], header: Dataset
) -> str | None:
    """Why a suspect may show a face."""
    if sop == _STRUCTURES:
        return _outline(header)
    part = _text(values, _BODY_PART)
    if told_far(part, strict=False):
        return None
    if sop in _SEGMENTATIONS:
        labels = (str(item.get("SegmentLabel") or "") for item in header.get("SegmentSequence") or ())
        named = any(_OUTLINE.search(label.upper().replace("_", " ")) for label in labels)
        return "a segment that is the outline of the body" if named else None
    words = [str(header.get(name) or "") for name in _TEXTS[:7]]
    said = " ".join([part, *kind, *words]).upper().replace("_", " ")
    head = _HEAD.search(said) is not None
    volume = modality in MODALITIES and sop not in _CAPTURES
    if sop in _PHOTOGRAPHS or modality == "XC":
        return "a photograph"
    if _text(values, _RECOGNIZABLE) == "YES":
        return "its header says that it shows recognizable features"
    if _RENDERED.search(said):
        return "a picture of a rendered volume, or a projection"
    if sop in _CAPTURES and _SPATIAL.search(said):
        return "a captured picture in three dimensions"
    if sop in _CAPTURES and head and not _TABLE.search(said):
        return "a captured picture of a head"
    if volume and head and _sagittal(values):
        return "single planes or a scout of a head from the side, which show its profile"
    return None


def _sagittal(values: Mapping[int, bytes]) -> bool:
    """Whether a plane is seen from the side, or its orientation is not told."""
    try:
        cosines = [float(word) for word in _text(values, _ORIENTATION).split("\\")]
        across = np.cross(cosines[:3], cosines[3:6])
    except ValueError:
        return True
    return bool(abs(across[0]) > _SIDEWAYS)


def _outline(header: Dataset) -> str | None:
    """Why a structure set may hold the surface of a face: an outline of the body, in places as narrow as a head."""
    outlines = {
        int(roi.ROINumber)
        for roi in header.get("StructureSetROISequence") or ()
        if _OUTLINE.search(str(roi.get("ROIName") or "").upper().replace("_", " "))
    } | {
        int(seen.ReferencedROINumber)
        for seen in header.get("RTROIObservationsSequence") or ()
        if str(seen.get("RTROIInterpretedType") or "").upper() == "EXTERNAL"
    }
    sides: dict[float, list[float]] = {}
    for roi in header.get("ROIContourSequence") or ():
        if int(roi.ReferencedROINumber) in outlines:
            for contour in roi.get("ContourSequence") or ():
                points: Any = np.array(contour.get("ContourData") or [], dtype=float).reshape(-1, 3)
                if len(points):
                    sides.setdefault(round(float(points[0, 2]), 1), []).extend(
                        (float(points[:, 0].min()), float(points[:, 0].max()))
                    )
    narrow = [z for z, ends in sides.items() if max(ends) - min(ends) < HEAD_WIDTH_MM]
    if narrow and max(narrow) - min(narrow) > _HEAD_HEIGHT_MM:
        return "an outline of the body that is as narrow as a head"
    return None


def _text(values: Mapping[int, bytes], tag: int) -> str:
    return values.get(tag, b"").decode("latin-1").strip(" \0").upper()
