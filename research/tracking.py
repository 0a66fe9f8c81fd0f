"""Lesions that an object speaks of, so that they can be followed over time.

Segmentations name them by Tracking ID (0062,0020) and Tracking UID (0062,0021) of a segment (PS3.3 C.8.20.4), structured
reports by the content items 112039 Tracking Identifier and 112040 Tracking Unique Identifier of DCM (PS3.16 TID 1411).
"""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataset import Dataset

_IDENTIFIER, _UNIQUE = ("112039", "DCM"), ("112040", "DCM")


def tracking_ids(header: Dataset) -> list[dict[str, str]]:
    """``{"uid", "id"}`` of every lesion, without doubles, in the order of the object; empty where it names none."""
    found: dict[str, str] = {}
    for segment in header.get("SegmentSequence") or ():
        if uid := str(segment.get("TrackingUID") or ""):
            found.setdefault(uid, str(segment.get("TrackingID") or ""))
    for group in _containers(header):
        items = list(group.get("ContentSequence") or ())
        names = [str(item.get("TextValue") or "") for item in items if _concept(item) == _IDENTIFIER]
        for item in items:
            if _concept(item) == _UNIQUE and (uid := str(item.get("UID") or "")):
                found.setdefault(uid, names[0] if names else "")
    return [{"uid": uid, "id": name} for uid, name in found.items()]


def _containers(node: Dataset) -> Iterator[Dataset]:
    """A content item and all below it that hold others."""
    items = node.get("ContentSequence") or ()
    if items:
        yield node
    for item in items:
        yield from _containers(item)


def _concept(item: Dataset) -> tuple[str, str]:
    codes = item.get("ConceptNameCodeSequence") or ()
    first = codes[0] if codes else Dataset()
    return str(first.get("CodeValue") or ""), str(first.get("CodingSchemeDesignator") or "")
