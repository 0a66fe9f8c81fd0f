"""A robust client of NBIA, the image server of The Cancer Imaging Archive.

Lists series and downloads them whole: streamed, with timeouts, retried where another attempt may help,
checked against the server's own counts, checksums and instance lists, and put in place in one rename.
"""

from research.nbia.client import NbiaClient
from research.nbia.rows import SeriesRow, SeriesSize
from research.nbia.source import NbiaSource

__all__ = ["NbiaClient", "NbiaSource", "SeriesRow", "SeriesSize"]
