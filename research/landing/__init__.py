"""The landing zone: what was received is unpacked safely, checked image by image, and kept or set aside.

A series is accepted whole or not at all. What cannot be accepted is moved, not lost, to the quarantine with
a reason code (``REASONS``) and without anything that names a patient in the record of it.
"""

from research.landing.archives import Digesting, Digests, Limits, Unpacked, unpack
from research.landing.images import ImageFacts, examine, inspect
from research.landing.quarantine import MENDABLE, REASONS, QuarantinedError, quarantine
from research.landing.received import (
    Received,
    ReceivedFile,
    land,
    manifest_of,
    place,
    receive_files,
    receive_zip,
    series_key,
    staging,
    verified,
)

__all__ = [
    "MENDABLE",
    "REASONS",
    "Digesting",
    "Digests",
    "ImageFacts",
    "Limits",
    "QuarantinedError",
    "Received",
    "ReceivedFile",
    "Unpacked",
    "examine",
    "inspect",
    "land",
    "manifest_of",
    "place",
    "quarantine",
    "receive_files",
    "receive_zip",
    "series_key",
    "staging",
    "unpack",
    "verified",
]
