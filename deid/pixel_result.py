"""What a stage that changes pixels gives back: a new Pixel Data value, or nothing because nothing was touched."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class PixelResult:
    """The pixels of one object after cleaning.

    Attributes:
        value: file with the new value of Pixel Data (7FE0,0010) and nothing else: native bytes, or for an
            encapsulated transfer syntax its items (offset table, fragments, sequence delimiter); None where
            nothing was touched and the original value is to be copied byte for byte.
        transfer_syntax: UID of the syntax that ``value`` is in, None for the original's.
        changes: other top-level attributes to set: tag -> value, encoded little endian, even in length.
        report: what was done, JSON-able and free of identity.
        pictures: name -> PNG; names that start with ``before`` show what was removed.
    """

    value: Path | None = None
    transfer_syntax: str | None = None
    changes: dict[int, bytes] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict, repr=False)
