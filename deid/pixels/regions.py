"""Places where text is known to be: by device, and around the regions of an ultrasound.

The device table has the conditions and coordinates of CTP's DicomPixelAnonymizer in a TOML format of our own; see
``devices.toml``. Sequence of Ultrasound Regions (0018,6011) is PS3.3 C.8.5.5.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from deid.exceptions import PolicyError

Box = tuple[int, int, int, int]

SHIPPED = Path(__file__).parent / "devices.toml"
#: Text conditions: key in the file -> keyword of the attribute in which the text must be contained, case ignored.
CONDITIONS = {
    "manufacturer": "Manufacturer",
    "model": "ManufacturerModelName",
    "modality": "Modality",
    "image_type": "ImageType",
    "series_description": "SeriesDescription",
    "dose_comments": "CommentsOnRadiationDose",
    "protocol": "ProtocolName",
    "burned_in": "BurnedInAnnotation",
    "window_width": "WindowWidth",
}
SIZES = {"rows": "Rows", "columns": "Columns"}
INSTRUCTION = "Correct the [[device]] table; docs/reference/deid-pixels.md gives the format."


@dataclass(frozen=True)
class Device:
    """Boxes of one kind of device.

    Attributes:
        texts: (keyword, text that it must contain), upper case.
        sizes: (keyword, value).
        boxes: (left, top, right, bottom), right and bottom excluded.
    """

    texts: tuple[tuple[str, str], ...]
    sizes: tuple[tuple[str, int], ...]
    boxes: tuple[Box, ...]

    def fits(self, header: Dataset) -> bool:
        """Whether all conditions hold."""
        if any(header.get(keyword) != value for keyword, value in self.sizes):
            return False
        return all(text in _text(header, keyword) for keyword, text in self.texts)

    def canonical(self) -> dict[str, Any]:
        """Everything that decides."""
        return {"texts": sorted(self.texts), "sizes": sorted(self.sizes), "boxes": list(self.boxes)}


def _text(header: Dataset, keyword: str) -> str:
    value = header.get(keyword)
    if value is None:
        return ""
    return ("\\".join(map(str, value)) if isinstance(value, MultiValue) else str(value)).upper()


def read_devices(path: Path = SHIPPED) -> tuple[Device, ...]:
    """The devices of a TOML file.

    Raises:
        PolicyError: the file cannot be read, or a table has an unknown key, no condition or no good box.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"The device file {path.name} cannot be read: {error}."
        raise PolicyError(msg, INSTRUCTION) from error
    return parse_devices(tables, path.name)


def parse_devices(tables: Mapping[str, Any], name: str) -> tuple[Device, ...]:
    """The devices of a parsed file; ``name`` for messages."""
    unknown = set(tables) - {"device"}
    if unknown:
        msg = f"The device file {name} has unknown keys: {', '.join(sorted(unknown))}."
        raise PolicyError(msg, INSTRUCTION)
    return tuple(_device(number, table, name) for number, table in enumerate(tables.get("device", []), 1))


def _device(number: int, table: Mapping[str, Any], name: str) -> Device:
    where = f"Device {number} of {name}"
    unknown = set(table) - CONDITIONS.keys() - SIZES.keys() - {"boxes"}
    if unknown:
        msg = f"{where} has unknown keys: {', '.join(sorted(unknown))}."
        raise PolicyError(msg, INSTRUCTION)
    texts = tuple((keyword, str(table[key]).upper()) for key, keyword in CONDITIONS.items() if key in table)
    sizes = tuple((keyword, int(table[key])) for key, keyword in SIZES.items() if key in table)
    boxes = table.get("boxes")
    good = isinstance(boxes, list) and boxes and all(_is_box(box) for box in boxes)
    if not texts or not good:
        msg = (
            f"{where} needs a text condition and boxes of four whole numbers, left < right and top < bottom."
        )
        raise PolicyError(msg, INSTRUCTION)
    return Device(texts, sizes, tuple((b[0], b[1], b[2], b[3]) for b in boxes or []))


def _is_box(box: object) -> bool:
    if not isinstance(box, list) or len(box) != 4 or not all(isinstance(n, int) and n >= 0 for n in box):
        return False
    return bool(box[0] < box[2] and box[1] < box[3])


def device_boxes(header: Dataset, devices: tuple[Device, ...]) -> list[Box]:
    """Boxes of all devices that fit, cut at the image's edge."""
    rows, columns = int(header.Rows), int(header.Columns)
    found = []
    for device in devices:
        if device.fits(header):
            for left, top, right, bottom in device.boxes:
                if left < columns and top < rows:
                    found.append((left, top, min(right, columns), min(bottom, rows)))
    return list(dict.fromkeys(found))


@functools.cache
def shipped_devices() -> tuple[Device, ...]:
    """The devices that come with the package."""
    return read_devices()


def ultrasound_regions(header: Dataset) -> list[Box]:
    """Regions that hold image data, (left, top, right, bottom); what lies outside is screen furniture and text."""
    rows, columns = int(header.Rows), int(header.Columns)
    found = []
    for item in header.get("SequenceOfUltrasoundRegions") or []:
        try:
            box = (
                int(item.RegionLocationMinX0),
                int(item.RegionLocationMinY0),
                int(item.RegionLocationMaxX1) + 1,
                int(item.RegionLocationMaxY1) + 1,
            )
        except (AttributeError, TypeError, ValueError):
            continue  # an incomplete region bounds nothing; the detectors look everywhere anyway
        box = (max(0, box[0]), max(0, box[1]), min(columns, box[2]), min(rows, box[3]))
        if box[0] < box[2] and box[1] < box[3]:
            found.append(box)
    return found


def banners(header: Dataset) -> list[Box]:
    """Full-width strips above and below all ultrasound regions: where consoles print identity.

    Only strips of at most a fifth of the rows; larger ones are no banner but part of the picture.
    """
    regions = ultrasound_regions(header)
    if not regions:
        return []
    rows, columns = int(header.Rows), int(header.Columns)
    top, bottom = min(box[1] for box in regions), max(box[3] for box in regions)
    strips = [(0, 0, columns, top), (0, bottom, columns, rows)]
    return [box for box in strips if 0 < box[3] - box[1] <= rows // 5]
