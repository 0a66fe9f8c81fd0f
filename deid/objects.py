"""Kinds of DICOM objects: what de-identification has to look after in each."""

from __future__ import annotations

from enum import StrEnum
from functools import cache

import pydicom.config
import pydicom.uid

_ROOT = "1.2.840.10008.5.1.4.1.1."


class Kind(StrEnum):
    """What an object is, as far as de-identification cares. The values are what `[objects] accept` may name."""

    IMAGES = "images"
    REPORTS = "reports"
    PRESENTATIONS = "presentations"
    SEGMENTATIONS = "segmentations"
    RADIOTHERAPY = "radiotherapy"
    WAVEFORMS = "waveforms"
    REGISTRATIONS = "registrations"
    DOCUMENTS = "documents"
    OTHER = "other"


#: Kinds that a policy may accept; documents (PDF, CDA, models) and the rest cannot be vouched for.
ACCEPTABLE = tuple(kind for kind in Kind if kind not in (Kind.DOCUMENTS, Kind.OTHER))
_BY_PREFIX = (
    ("88.", Kind.REPORTS),
    ("104.", Kind.DOCUMENTS),
    ("11.", Kind.PRESENTATIONS),
    ("9.", Kind.WAVEFORMS),
    ("481.", Kind.RADIOTHERAPY),
)
_EXACT = {
    "4.2": Kind.WAVEFORMS,  # spectroscopy: signals and where they come from
    "6.2": Kind.IMAGES,  # enhanced ultrasound volume
    "66.6": Kind.SEGMENTATIONS,  # tractography
    "66.7": Kind.SEGMENTATIONS,  # label map
    "66.8": Kind.SEGMENTATIONS,  # height map
    "81.1": Kind.IMAGES,  # maps of the eye
    "82.1": Kind.IMAGES,
    "91.1": Kind.PRESENTATIONS,  # bulk annotations: coordinates and labels
    "66.1": Kind.REGISTRATIONS,
    "66.2": Kind.REGISTRATIONS,
    "66.3": Kind.REGISTRATIONS,
    "66.4": Kind.SEGMENTATIONS,
    "66.5": Kind.SEGMENTATIONS,
    "67": Kind.REGISTRATIONS,
    "30": Kind.SEGMENTATIONS,  # parametric map
    "9.4.1": Kind.OTHER,  # a voice
    "9.4.2": Kind.OTHER,  # any sound
}


@cache
def kind(sop_class: str) -> Kind:
    """The kind of a storage SOP class."""
    if not sop_class.startswith(_ROOT):
        return Kind.OTHER
    number = sop_class.removeprefix(_ROOT)
    if number in _EXACT:
        return _EXACT[number]
    name = pydicom.uid.UID(sop_class, pydicom.config.IGNORE).name
    if number.startswith("481.") and name.endswith("Image Storage"):
        return Kind.IMAGES
    for prefix, found in _BY_PREFIX:
        if number.startswith(prefix):
            return found
    return Kind.IMAGES if "Image Storage" in name else Kind.OTHER


def needs_pixels(sop_class: str) -> bool:
    """Whether an object of this class is nothing without pixel data."""
    return kind(sop_class) is Kind.IMAGES
