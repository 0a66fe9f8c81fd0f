"""Whether an object may carry typed text, from a few header values; cheap enough to ask for every object."""

from __future__ import annotations

from collections.abc import Mapping

from deid.pixels.rules import PixelRules

SOP_CLASS, IMAGE_TYPE, MODALITY, CONVERSION = 0x00080016, 0x00080008, 0x00080060, 0x00080064
SAMPLES, PHOTOMETRIC, BURNED_IN, ROWS = 0x00280002, 0x00280004, 0x00280301, 0x00280010
REGIONS = 0x00186011
#: Words in Image Type of derived slices that are computed, not captured from a screen.
REFORMATS = (
    "MPR",
    "REFORMAT",
    "AXIAL",
    "CORONAL",
    "SAGITTAL",
    "MIP",
    "MINIP",
    "RESAMPLED",
    "AVERAGE",
    "SUBTRACT",
    "ADC",
)
#: Secondary Capture and its multi-frame kinds (PS3.4 B.5).
CAPTURES = ("1.2.840.10008.5.1.4.1.1.7",)


def needs_look(header: Mapping[int, bytes], rules: PixelRules | None = None) -> str | None:
    """Why an object may carry typed text.

    Args:
        header: tag -> raw value of the top-level attributes (text or, for US, little endian).
        rules: what is suspicious; the defaults if None.

    Returns:
        one of ``burned-in-annotation``, ``secondary-capture``, ``image-type``, ``modality``, ``colour``,
        ``embedded-overlay``, ``all``; None where the pixels are those of a plain slice or where there are none.
    """
    rules = rules or PixelRules()

    def text(tag: int) -> str:
        return header.get(tag, b"").decode("latin-1").strip(" \0").upper()

    if ROWS not in header:
        return None
    if text(BURNED_IN) == "YES":
        return "burned-in-annotation"
    if rules.examine == "declared":
        return None
    if text(SOP_CLASS).startswith(CAPTURES) or text(CONVERSION):
        return "secondary-capture"
    modality = text(MODALITY)
    if modality in rules.modalities:
        return "modality"
    parts = [part.strip() for part in text(IMAGE_TYPE).split("\\")]
    if any(word in part for part in parts for word in rules.image_types if word != "SECONDARY"):
        return "image-type"
    computed = any(word in part for word in REFORMATS for part in parts)
    if "SECONDARY" in rules.image_types and "SECONDARY" in parts and not computed:
        return "image-type"
    samples = int.from_bytes(header.get(SAMPLES, b"\1\0")[:2], "little")
    photometric = text(PHOTOMETRIC)
    if samples > 1 or photometric not in ("", "MONOCHROME1", "MONOCHROME2"):
        return "colour"
    if any(tag >> 16 & 0xFF00 == 0x6000 and tag & 0xFFFF == 0x0102 and any(header[tag]) for tag in header):
        return "embedded-overlay"
    if not modality:
        return "modality"
    return "all" if rules.examine == "all" else None
