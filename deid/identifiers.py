"""Which attributes say who, where and which: what the engine reads before it treats an object.

Their values decide about acceptance, and are the dictionary of the patient's own identifiers that free text
is searched for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Attributes that decide about an object, read at the top level only.
CONTROL = frozenset(
    {
        0x00020010, 0x00080005, 0x00080008, 0x00080016, 0x00080018, 0x00080060, 0x00080064, 0x00080070, 0x00081090,
        0x0020000D, 0x0020000E, 0x00180015, 0x00181000, 0x00181012, 0x00181016, 0x00181018, 0x00181019,
        0x00200037, 0x00280002, 0x00280004, 0x00280006, 0x00280008, 0x00280010, 0x00280011, 0x00280100,
        0x00280101, 0x00280301, 0x00280302, 0x00041130, 0x00100010, 0x00100020, 0x00100021, 0x00100030,
    }
)  # fmt: skip
#: Attributes other than person names whose values identify, and as what (see deid.text).
KINDS: dict[int, str] = {
    0x00100020: "id", 0x00100021: "other", 0x00101000: "id", 0x00101005: "name", 0x00101090: "id",
    0x00080050: "id", 0x00200010: "id", 0x00380010: "id", 0x00380060: "id", 0x00401001: "id",
    0x00402016: "id", 0x00402017: "id", 0x00400009: "id", 0x00400253: "id", 0x00100030: "date",
    0x00080080: "place", 0x00080081: "place", 0x00081040: "place", 0x00081010: "other", 0x00101040: "place",
    0x00102154: "phone", 0x00102155: "other", 0x00080094: "phone", 0x00080092: "place",
    0x00380300: "place", 0x00380400: "place", 0x00181000: "id", 0x00102297: "name",
    0x00102299: "place", 0x00120040: "id", 0x00120042: "id", 0x00120030: "id", 0x00120031: "place",
    0x00102152: "place", 0x00102150: "place", 0x00101060: "name", 0x00101001: "name", 0x00321032: "name",
    0x00401010: "name",
}  # fmt: skip


def identity(
    values: Iterable[tuple[int, bytes]],
) -> tuple[tuple[str, bytes], ...]:
    """(kind, value as encoded) of everything that identifies, without repetition, in a fixed order.

    Args:
        values: (tag, value) as :func:`deid.structure.scan` finds them; what has no kind is a person's name.
    """
    found = {
        (kind, stripped)
        for tag, value in values
        if (kind := KINDS.get(tag, "name")) and len(stripped := value.strip(b"\0 ")) > 1
    }
    return tuple(sorted(found))
