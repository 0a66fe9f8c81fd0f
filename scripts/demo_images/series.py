"""Writes a volume as a CT series and an axial slice as a screen capture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from pydicom.sequence import Sequence

from scripts.demo_images.derive import REFERENCE_MAS, Recipe
from scripts.demo_images.headers import common, item, stamp, uid
from scripts.demo_images.people import Person, burned_text
from scripts.demo_images.volumes import Volume

_EXPOSURE_TIME_MS = 500


def describe(volume: Volume, recipe: Recipe | None) -> str:
    """Say in a sentence where the pixels come from."""
    source = f"CT volume {volume.name} of pyradiomics 3.0.1" if volume.real else "synthetic thorax phantom"
    if recipe is None:
        return f"Unmodified {source}." if volume.real else "Unmodified synthetic thorax phantom."
    return (
        f"DERIVED, SIMULATED from the {source}: {100 * recipe.inserted:g} % of the lung replaced by "
        f"emphysema-like regions ({recipe.pattern}), noise of {100 * recipe.dose:g} % dose added."
    )


def write_ct(folder: Path, volume: Volume, person: Person, case: str, recipe: Recipe | None) -> str:
    """Write a volume as one CT Image Storage file per slice, feet first in the file names.

    Returns:
        The SeriesInstanceUID.
    """
    folder.mkdir(parents=True)
    label = ("CHEST" if recipe is None else "CHEST SIMULATED") + (
        " LOW DOSE" if recipe and recipe.dose < 1 else ""
    )
    data = common(person, case, "CT", label, number=2)
    dose = recipe.dose if recipe else 1.0
    mas = round(REFERENCE_MAS * dose)
    dz, dy, dx = volume.spacing
    modified = recipe is not None or not volume.real
    kind = ["DERIVED", "SECONDARY", "AXIAL", "SIMULATED"] if modified else ["ORIGINAL", "PRIMARY", "AXIAL"]
    data.ImageType = kind
    if modified:
        data.DerivationDescription = describe(volume, recipe)
        meaning = "Simulated image for a demonstration"
        code = item(CodeValue="SIM", CodingSchemeDesignator="99RADFLOW", CodeMeaning=meaning)
        data.DerivationCodeSequence = Sequence([code])
    data.ImageComments = f"Slices of {person.given} {person.family}. {describe(volume, recipe)}"
    data.ProtocolName = "CHEST LOW DOSE" if dose < 1 else "CHEST"
    data.ScanOptions, data.PatientPosition = "HELICAL MODE", "HFS"
    data.KVP, data.XRayTubeCurrent, data.ExposureTime = (
        "120",
        mas * 1000 // _EXPOSURE_TIME_MS,
        _EXPOSURE_TIME_MS,
    )
    data.Exposure, data.ConvolutionKernel, data.FilterType = mas, "STANDARD", "BODY"
    data.ReconstructionDiameter = f"{dx * volume.hu.shape[2]:.1f}"
    data.GantryDetectorTilt, data.AcquisitionNumber = "0", 1
    data.SliceThickness = data.SpacingBetweenSlices = f"{dz:g}"
    data.PixelSpacing = [f"{dy:.7g}", f"{dx:.7g}"]
    data.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows, data.Columns = volume.hu.shape[1:]
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
    data.RescaleIntercept, data.RescaleSlope, data.RescaleType = "0", "1", "HU"
    data.WindowCenter, data.WindowWidth = ["-600", "40"], ["1500", "400"]
    data.BurnedInAnnotation = "NO"
    x, y, z = volume.origin
    for index, plane in enumerate(volume.hu):
        stamp(data, index + 1, uid(case, "ct", str(index)), index // 8)
        data.ImagePositionPatient = [f"{x:.7g}", f"{y:.7g}", f"{z + index * dz:.7g}"]
        data.SliceLocation = f"{z + index * dz:.7g}"
        data.PixelData = np.ascontiguousarray(plane, dtype="<i2").tobytes()
        data.save_as(folder / f"IM{index + 1:05d}.dcm", enforce_file_format=True)
    return str(data.SeriesInstanceUID)


def write_capture(folder: Path, volume: Volume, person: Person, case: str) -> str:
    """Write a screen capture of one slice with a line of text about the patient burned into its pixels.

    Args:
        folder: where to; made here.
        volume: its middle slice is shown in a lung window.
        person: whose name, number and date are drawn.
        case: the study that it belongs to.

    Returns:
        The SeriesInstanceUID.
    """
    folder.mkdir(parents=True)
    data = common(person, case, "OT", "Screen capture", number=901)
    plane = volume.hu[len(volume.hu) // 2].astype(np.float32)
    grey = np.clip((plane + 1350.0) / 1500.0, 0, 1) * 255
    picture = Image.fromarray(grey.astype(np.uint8)).resize((512, 512))
    draw = ImageDraw.Draw(picture)
    draw.text((8, 8), burned_text(person), fill=255, font=_font())
    data.ImageType = ["DERIVED", "SECONDARY"]
    data.ConversionType, data.PatientOrientation = "WSD", ["L", "P"]
    data.DateOfSecondaryCapture, data.TimeOfSecondaryCapture = data.StudyDate, data.StudyTime
    data.SecondaryCaptureDeviceManufacturer = "RADFLOW DEMO"
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows, data.Columns = 512, 512
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 8, 7, 0
    data.BurnedInAnnotation = "YES"
    data.PixelData = picture.tobytes()
    del data.FrameOfReferenceUID, data.PositionReferenceIndicator
    stamp(data, 1, uid(case, "capture"), 60)
    data.save_as(folder / "SC00001.dcm", enforce_file_format=True)
    return str(data.SeriesInstanceUID)


def _font() -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size=16)
