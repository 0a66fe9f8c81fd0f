"""What a report is made of, as the engine and its stages give it, turned into plain JSON values."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from deid.exceptions import DeidError

#: Pictures of one series that are shown; the rest is counted.
MOST_PICTURES = 12
_PNG = b"\x89PNG\r\n\x1a\n"
_LONGEST = 400


class ReportError(DeidError):
    """A report that cannot be made as asked."""

    code = "report"


class Done(Protocol):
    """A series that went through; :class:`deid.series.SeriesResult` is one.

    ``pixels`` and ``faces`` are what the stages gave back: objects with ``report`` and ``pictures``
    (:class:`deid.pixel_result.PixelResult`), mappings with these keys, or the bare report.
    """

    @property
    def patient_alias(self) -> str:
        """Alias of the patient."""

    @property
    def study_uid(self) -> str:
        """New Study Instance UID."""

    @property
    def series_uid(self) -> str:
        """New Series Instance UID."""

    @property
    def manifest(self) -> tuple[tuple[str, str], ...]:
        """(new SOP Instance UID, sha256) of each object."""

    @property
    def actions(self) -> dict[str, int]:
        """Action -> how often."""

    @property
    def policy_sha256(self) -> str:
        """Hash of the policy."""

    @property
    def engine_version(self) -> str:
        """Version of the engine."""


def of(result: object, name: str, otherwise: Any) -> Any:
    """A part that an engine without that stage does not give back."""
    value = getattr(result, name, None)
    return otherwise if value is None else value


def staged(part: object) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Report and pictures of what one stage did."""
    if isinstance(part, Mapping):
        whole = "report" in part and isinstance(part["report"], Mapping)
        report, pictures = (part["report"], part.get("pictures", {})) if whole else (part, {})
    else:
        report, pictures = of(part, "report", {}), of(part, "pictures", {})
    return plain(dict(report)), {str(name): bytes(png) for name, png in pictures.items()}


def shows_identity(name: str) -> bool:
    """Whether a picture shows the pixels before they were cleaned; ``name`` may have a path before it."""
    return name.rpartition("/")[2].startswith("before")


def series_pictures(result: Done) -> dict[str, bytes]:
    """Every picture of a series by the name that its report uses, ``before`` ones included.

    Names are ``<new series UID>/<object number>/<stage's name>``; the face's are below ``face``.
    """
    found: dict[str, bytes] = {}
    for number, part in enumerate(_sequence(of(result, "pixels", ())), start=1):
        for name, png in sorted(staged(part)[1].items()):
            found[f"{result.series_uid}/{number}/{name}"] = png
    faces = of(result, "faces", None)
    if faces is not None:
        for name, png in sorted(staged(faces)[1].items()):
            found[f"{result.series_uid}/face/{name}"] = png
    return found


def _sequence(parts: object) -> Sequence[object]:
    """Pixel results in their order; a mapping (object -> result) in that of its keys."""
    if isinstance(parts, Mapping):
        return [parts[key] for key in sorted(parts, key=str)]
    return list(parts) if isinstance(parts, Sequence) else [parts]


def pixel_reports(result: Done) -> list[dict[str, Any]]:
    """What was done to the pixels of each object."""
    return [staged(part)[0] for part in _sequence(of(result, "pixels", ()))]


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
