"""The File Meta Information at the head of a DICOM file (PS3.10, section 7.1), read from a few bytes and nothing more.

A web server answers a STOW-RS request with the SOP class and instance of each object; this is all of an object that it
looks at. The data set itself is parsed later, in a task.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field

HEAD_BYTES = 4096
"""How much of a file is enough: what a real one has there is a few hundred bytes."""
DICOMDIR = "1.2.840.10008.1.3.10"

_PREAMBLE, _MAGIC = 128, b"DICM"
_LONG = (b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
_CLASS, _INSTANCE, _SYNTAX = 0x0002, 0x0003, 0x0010
_UID = re.compile(r"[0-9.]{1,64}\Z")


@dataclass(frozen=True)
class FileMeta:
    """What the head of a file says: SOP class, SOP instance and transfer syntax UIDs."""

    sop_class: str
    sop_uid: str = field(repr=False)
    transfer_syntax: str

    @property
    def is_directory(self) -> bool:
        """Whether it is the index of a disc (DICOMDIR) and no image."""
        return self.sop_class == DICOMDIR


def file_meta(head: bytes) -> FileMeta | None:
    """Read the File Meta Information.

    Args:
        head: the first ``HEAD_BYTES`` of the file, or all of a shorter one.

    Returns:
        None where it is not there, cut off, or not what PS3.10 says it is.
    """
    if head[_PREAMBLE : _PREAMBLE + 4] != _MAGIC:
        return None
    found: dict[int, str] = {}
    place = _PREAMBLE + 4
    while place + 8 <= len(head):
        group, element = struct.unpack_from("<HH", head, place)
        if group != 2:
            break
        vr = head[place + 4 : place + 6]
        if vr in _LONG:
            if place + 12 > len(head):
                return None
            (length,) = struct.unpack_from("<I", head, place + 8)
            place += 12
        else:
            (length,) = struct.unpack_from("<H", head, place + 6)
            place += 8
        if place + length > len(head):
            break
        if element in (_CLASS, _INSTANCE, _SYNTAX) and vr == b"UI":
            found[element] = head[place : place + length].decode("ascii", "replace").rstrip("\0 ")
        place += length
    uids = [found.get(one, "") for one in (_CLASS, _INSTANCE, _SYNTAX)]
    return FileMeta(*uids) if all(_UID.match(uid) for uid in uids) else None
