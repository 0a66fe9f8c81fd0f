"""Sources of images behind one interface: what they offer, how it is selected, and whole, verified downloads.

A source is an archive (NBIA, IDC, a DICOMweb server, a PACS). ``Source`` is what each of them can do; what is
wanted is a ``Selection``, what is there an ``OfferedSeries``. Nothing here knows a particular archive.
"""

from research.sources.choose import Choice, Delivered, deliver, look
from research.sources.manifests import parse_manifest, read_manifest
from research.sources.offers import OfferedSeries, Selection, collection_key
from research.sources.parallel import Stopped, in_parallel
from research.sources.patience import Patience, TransientError, transient
from research.sources.source import Progress, Source, unwatched
from research.sources.tally import Tally, tally

__all__ = [
    "Choice",
    "Delivered",
    "OfferedSeries",
    "Patience",
    "Progress",
    "Selection",
    "Source",
    "Stopped",
    "Tally",
    "TransientError",
    "collection_key",
    "deliver",
    "in_parallel",
    "look",
    "parse_manifest",
    "read_manifest",
    "tally",
    "transient",
    "unwatched",
]
