"""What a report is made of, as the engine and its stages give it, turned into plain JSON values."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from deid.exceptions import DeidError

if TYPE_CHECKING:
    from deid.series import SeriesResult

#: Pictures of one series that are shown; the rest is counted.
MOST_PICTURES = 12
_PNG = b"\x89PNG\r\n\x1a\n"
_LONGEST = 400


class ReportError(DeidError):
    """A report that cannot be made as asked."""

    code = "report"


def shows_identity(name: str) -> bool:
    """Whether a picture shows the pixels before they were cleaned; ``name`` may have a path before it."""
    return name.rpartition("/")[2].startswith("before")


def series_pictures(result: SeriesResult) -> dict[str, bytes]:
    """Every picture of a series by the name that its report uses, ``before`` ones included.

    Names are ``<new series UID>/<engine's name>``, such as ``2.25.1/after-0001``, so those of many series can be
    held together.
    """
    return {f"{result.series_uid}/{name}": bytes(png) for name, png in sorted(result.pictures.items())}


def size_of(png: bytes) -> tuple[int, int]:
    """Width and height of a PNG.

    Raises:
        ReportError: it is no PNG.
    """
    if not png.startswith(_PNG) or len(png) < 24:
        reason = "A picture of the report is no PNG."
        raise ReportError(reason, "Give pictures as name -> PNG bytes.")
    width, height = struct.unpack(">II", png[16:24])
    return int(width), int(height)


def plain(value: Any) -> Any:
    """A value as every JSON reader and Postgres's jsonb give it back: finite short floats, no control characters.

    Numbers of numpy become Python's, sets are sorted, anything unknown becomes its type's name: a report quotes no
    ``repr``.
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        kept = "".join(c if c.isprintable() or c == "\n" else " " for c in value)
        return kept if len(kept) <= _LONGEST else kept[:_LONGEST] + "\N{HORIZONTAL ELLIPSIS}"
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) and abs(value) < 1e12 else None
    if isinstance(value, Mapping):
        return {str(plain(str(key))): plain(inner) for key, inner in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((plain(inner) for inner in value), key=str)
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return type(value).__name__
