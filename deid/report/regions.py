"""Where in a picture something was removed, read from the report of the stage that did it.

A stage tells its regions as ``boxes``: lists ``[left, top, right, bottom]`` or mappings with these names (or ``x``,
``y``, ``width``, ``height``), in pixels of the image, with ``rows`` and ``columns`` where its pictures are of
another size. Frames are told apart by a ``frame`` of a box or of the group that holds it, and by the number that
ends a picture's name (``after-0001-frame12``). What cannot be read
gives no outline; the list of boxes in the JSON is whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

#: More outlines than this hide the picture.
MOST_REGIONS = 200
_BOXES = ("boxes", "regions", "blanked")
_EDGES = (("left", "top", "right", "bottom"), ("x0", "y0", "x1", "y1"))
_OBJECT = re.compile(r"[a-z]+-(\d{4,})(?:-|$)")
_FRAME = re.compile(r"[a-z]+-\d{4,}-\D*(\d+)$")


def regions_of(report: Mapping[str, Any], picture: str, size: tuple[int, int]) -> list[list[float]]:
    """Outlines ``[x, y, width, height]`` for a picture, in its own pixels.

    Args:
        report: of the stage that made the picture.
        picture: its name.
        size: its width and height.
    """
    ending = _FRAME.search(picture)
    frame = int(ending[1]) if ending else None
    scale_x = _scale(size[0], report.get("columns"))
    scale_y = _scale(size[1], report.get("rows"))
    found = []
    for of_frame, (left, top, right, bottom) in _boxes(report, None):
        if None not in (frame, of_frame) and frame != of_frame:
            continue
        x, y = max(0.0, left * scale_x), max(0.0, top * scale_y)
        width, height = min(right * scale_x, size[0]) - x, min(bottom * scale_y, size[1]) - y
        if width > 0 and height > 0:
            found.append([round(value, 1) for value in (x, y, width, height)])
    return sorted(found)[:MOST_REGIONS]


def number_of(picture: str) -> int | None:
    """Which report of the pixel stage a picture belongs to, from 1; None for one of the face stage."""
    found = _OBJECT.match(picture.rpartition("/")[2])
    return int(found[1]) if found else None


def _scale(pixels: int, of_image: object) -> float:
    return pixels / of_image if isinstance(of_image, int) and of_image > 0 else 1.0


def _boxes(part: Any, frame: int | None) -> Iterator[tuple[int | None, tuple[float, float, float, float]]]:
    """Every box below the keys that hold boxes, with its frame."""
    if isinstance(part, Mapping):
        told = part.get("frame", frame)
        here = told if isinstance(told, int) else frame
        for key, value in part.items():
            if key in _BOXES and isinstance(value, list):
                for box in value:
                    yield from _box(box, here)
            elif isinstance(value, Mapping | list):
                yield from _boxes(value, here)
    elif isinstance(part, list):
        for one in part:
            if isinstance(one, Mapping | list):
                yield from _boxes(one, frame)


def _box(box: Any, frame: int | None) -> Iterator[tuple[int | None, tuple[float, float, float, float]]]:
    if isinstance(box, Mapping):
        told = box.get("frame", frame)
        here = told if isinstance(told, int) else frame
        for names in _EDGES:
            if all(isinstance(box.get(name), int | float) for name in names):
                left, top, right, bottom = (float(box[name]) for name in names)
                yield here, (left, top, right, bottom)
                return
        if all(isinstance(box.get(name), int | float) for name in ("x", "y", "width", "height")):
            x, y = float(box["x"]), float(box["y"])
            yield here, (x, y, x + float(box["width"]), y + float(box["height"]))
        elif isinstance(box.get("box"), list):
            yield from _box(box["box"], here)
    elif isinstance(box, list) and len(box) == 4 and all(isinstance(one, int | float) for one in box):
        yield frame, (float(box[0]), float(box[1]), float(box[2]), float(box[3]))
