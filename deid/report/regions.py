"""Where in a picture something was removed, read from the report of the pixel stage.

The stage reports ``boxes`` as ``{"all": [...], "frames": {"<frame from 0>": [...]}}``, each box ``[left, top, right,
bottom]`` in pixels of the image. Its pictures are named ``after-<object>-frame-<frame from 1>`` and may be smaller than
the image.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    for left, top, right, bottom in joined(_boxes(report, picture)):
        x, y = max(0.0, left * across), max(0.0, top * down)
        width, height = min(right * across, size[0]) - x, min(bottom * down, size[1]) - y
        if width > 0 and height > 0:
            found.append([round(value, 1) for value in (x, y, width, height)])
    return sorted(found)[:MOST_REGIONS]


def joined(boxes: Sequence[Sequence[int]]) -> list[tuple[int, int, int, int]]:
    """Fewer boxes ``(left, top, right, bottom)`` that cover the same: strips side by side become one."""
    found = {
        (left, top, right, bottom) for left, top, right, bottom in boxes if left < right and top < bottom
    }
    while True:
        before = len(found)
        found = _along(found, 0)
        found = _along(found, 1)
        found = {
            one
            for one in found
            if not any(
                other != one
                and other[0] <= one[0]
                and other[1] <= one[1]
                and other[2] >= one[2]
                and other[3] >= one[3]
                for other in found
            )
        }
        if len(found) == before:
            return sorted(found)


def _along(boxes: set[tuple[int, int, int, int]], axis: int) -> set[tuple[int, int, int, int]]:
    """Join boxes that touch along an axis (0 across, 1 down) and have the same edges in the other direction."""
    lines: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for box in boxes:
        lines.setdefault((box[1 - axis], box[3 - axis]), []).append((box[axis], box[2 + axis]))
    found = set()
    for (low, high), spans in lines.items():
        start, end = sorted(spans)[0]
        for first, last in sorted(spans):
            if first > end:
                found.add((start, low, end, high) if axis == 0 else (low, start, high, end))
                start, end = first, last
            end = max(end, last)
        found.add((start, low, end, high) if axis == 0 else (low, start, high, end))
    return found


def _boxes(report: Mapping[str, Any], picture: str) -> list[list[int]]:
    """The boxes of the picture's frame; of the first frame where its name does not say."""
    boxes = report.get("boxes")
    if not isinstance(boxes, dict):
        return []
    found = _NAME.fullmatch(picture.rpartition("/")[2])
    frame = int(found[2]) - 1 if found and found[2] else 0
    return [*boxes.get("all", []), *boxes.get("frames", {}).get(str(frame), [])]
