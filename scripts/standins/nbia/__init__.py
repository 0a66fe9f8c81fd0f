"""A stand-in for the NBIA v4 server of The Cancer Imaging Archive.

It serves a folder of DICOM files over HTTP the way the public server does, with its quirks (an empty body
where nothing is found, keys that are missing instead of null, texts with HTTP 400 and 500, zips without a
length that may end early and still be valid) and, on request, with its faults. It needs the standard library
and pydicom only.

    python -m scripts.standins.nbia --root FOLDER --port 8480
"""

from scripts.standins.nbia.faults import KINDS, Fault, Faults
from scripts.standins.nbia.index import Index, Series
from scripts.standins.nbia.server import NbiaStandIn, Request

__all__ = ["KINDS", "Fault", "Faults", "Index", "NbiaStandIn", "Request", "Series"]
