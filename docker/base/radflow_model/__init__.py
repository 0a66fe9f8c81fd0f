"""What the shipped models share: reading ``/input``, writing ``/output``, one clear last line on failure.

It follows the Grand Challenge contract (``/input/inputs.json`` plus one path per socket, and
``/output/<relative_path>``). The process runtime, which has no mounts, says where the folders are in
``RADFLOW_INPUT`` and ``RADFLOW_OUTPUT``.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import SimpleITK as sitk

INPUT = Path(os.environ.get("RADFLOW_INPUT", "/input"))
OUTPUT = Path(os.environ.get("RADFLOW_OUTPUT", "/output"))

# One thread: several cases run side by side, and a fixed order of sums keeps results bit for bit the same.
sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)


class CaseError(Exception):
    """The case cannot be done; the message is the sentence the researcher reads."""


def main(run: Callable[[], None]) -> NoReturn:
    """Run a model: exit 0 when done; exit 1 and one last sentence on stderr when the case cannot be done."""
    try:
        run()
    except CaseError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)
    sys.exit(0)


def socket_path(slug: str) -> Path:
    """Where the input of socket ``slug`` lies, as ``inputs.json`` says."""
    index = INPUT / "inputs.json"
    if not index.is_file():
        msg = "inputs.json is missing from the input folder."
        raise CaseError(msg)
    for entry in json.loads(index.read_text()):
        socket = entry.get("socket") or entry["interface"]
        if socket["slug"] == slug:
            return INPUT / str(socket["relative_path"])
    msg = f"The case has no input {slug}."
    raise CaseError(msg)


def read_image(slug: str) -> sitk.Image:
    """The one image of an image socket.

    Raises:
        CaseError: not exactly one readable three-dimensional scalar image.
    """
    files = sorted(file for file in socket_path(slug).glob("*") if file.suffix in {".mha", ".tif", ".tiff"})
    if len(files) != 1:
        msg = f"The input {slug} holds {len(files)} images, not one."
        raise CaseError(msg)
    try:
        image = sitk.ReadImage(str(files[0]))
    except RuntimeError:
        msg = f"The image of the input {slug} cannot be read."
        raise CaseError(msg) from None
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        msg = f"The image of the input {slug} is not one three-dimensional scalar volume."
        raise CaseError(msg)
    return image


def voxels(image: sitk.Image) -> np.ndarray:
    """The image's voxels, [z, y, x]."""
    return sitk.GetArrayFromImage(image)


def spacing_zyx(image: sitk.Image) -> tuple[float, float, float]:
    """Voxel spacing in mm, in the order of the array's axes."""
    x, y, z = image.GetSpacing()
    return (z, y, x)


def write_image(relative_path: str, array: np.ndarray, like: sitk.Image) -> None:
    """Write ``array`` [z, y, x] on the grid of ``like`` as the one image of an output socket."""
    folder = OUTPUT / relative_path
    folder.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(array)
    image.CopyInformation(like)
    sitk.WriteImage(image, str(folder / "output.mha"), useCompression=True, compressionLevel=1)


def write_value(relative_path: str, value: Any) -> None:
    """Write the JSON value of an output socket."""
    path = OUTPUT / relative_path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, allow_nan=False) + "\n")
