"""What may become of a file that somebody sent, in words for that person."""

from __future__ import annotations

import re

VERDICTS: dict[str, str] = {
    "accepted": "Taken as an image of its series.",
    "duplicate": "The same image is here already; it is not taken a second time.",
    "differs": "Its series is here already with other images. Nothing was changed; ask a data engineer.",
    "quarantined": "Its series was set aside; a person decides.",
    "incomplete-series": "Another file of its series is cut off, so none of the series was taken. Send the series again.",
    "truncated": "The file is cut off or cannot be parsed. Send the series again from its source.",
    "not-dicom": "It is no DICOM file.",
    "dicomdir": "It is the index of a disc and no image; it was left out.",
    "empty-file": "It is a file of 0 bytes.",
    "missing-uid": "It does not say which instance or series it is.",
    "nested-zip": "It is a zip within a zip, which is not opened. Unpack it and send what it holds.",
    "bad-zip": "The zip is broken, cut off or encrypted.",
    "zip-slip": "The zip names a file outside its folder; nothing of it was taken.",
    "zip-symlink": "The zip holds a link or a device; nothing of it was taken.",
    "zip-duplicate-name": "The zip holds two entries of the same name; nothing of it was taken.",
    "zip-bomb": "The zip inflates beyond the limits; nothing of it was taken.",
    "not-sent": "The upload was finished before the whole file had arrived.",
    "lost": "What had arrived of it is not there any more. Send it again in a new upload.",
}
"""Every verdict and its sentence."""

_COLLECTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}\Z")


def collection_of(account: str) -> str:
    """The collection that a person's uploads go into where no other one is named: ``uploads-<account>``."""
    name = "uploads-" + re.sub(r"[^A-Za-z0-9._-]+", "-", account)[:54].strip("-")
    return name if _COLLECTION.match(name) else "uploads"
