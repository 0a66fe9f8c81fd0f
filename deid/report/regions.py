"""Where in a picture something was removed, read from the report of the pixel stage.

The stage reports ``boxes`` as ``{"all": [...], "frames": {"<frame from 0>": [...]}}``, each box ``[left, top, right,
bottom]`` in pixels of the image. Its pictures are named ``after-<object>-frame-<frame from 1>`` and may be smaller than
the image.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

#: More outlines than this hide the picture.
MOST_REGIONS = 200
_NAME = re.compile(r"[a-z]+-(\d{4,})(?:-frame-(\d+))?(?:\.png)?")
_SLACK = 0.02


def number_of(picture: str) -> int | None:
    """Which report of the pixel stage a picture belongs to, from 1; None for one of the face stage."""
    found = _NAME.fullmatch(picture.rpartition("/")[2])
    return int(found[1]) if found else None


def regions_of(
    report: Mapping[str, Any], picture: str, size: tuple[int, int], image: tuple[int, int] | None = None
) -> list[list[float]]:
    """Outlines ``[x, y, width, height]`` for a picture, in its own pixels.

    Args:
        report: of the stage, for the object that the picture shows.
        picture: its name.
        size: width and height of the picture.
        image: columns and rows of the image where ``report`` does not tell them; the picture's size where unknown.

    Returns:
        None of the outlines where the picture has another shape than the image: better none than wrong ones.
    """
    columns, rows = report.get("columns"), report.get("rows")
    told = (columns, rows) if isinstance(columns, int) and isinstance(rows, int) else image or size
    if min(told) < 1 or abs(size[0] / size[1] * told[1] / told[0] - 1) > _SLACK:
        return []
    across, down = size[0] / told[0], size[1] / told[1]
    found = []
    for left, top, right, bottom in _boxes(report, picture):
        x, y = max(0.0, left * across), max(0.0, top * down)
        width, height = min(right * across, size[0]) - x, min(bottom * down, size[1]) - y
        if width > 0 and height > 0:
            found.append([round(value, 1) for value in (x, y, width, height)])
    return sorted(found)[:MOST_REGIONS]


def _boxes(report: Mapping[str, Any], picture: str) -> list[list[int]]:
    """The boxes of the picture's frame; of the first frame where its name does not say."""
    boxes = report.get("boxes")
    if not isinstance(boxes, dict):
        return []
    found = _NAME.fullmatch(picture.rpartition("/")[2])
    frame = int(found[2]) - 1 if found and found[2] else 0
    return [*boxes.get("all", []), *boxes.get("frames", {}).get(str(frame), [])]
