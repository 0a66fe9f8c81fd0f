"""What a person uploads: any files in any order, sorted into series, with a verdict for each file.

The web server only stores bytes; everything here runs in a task. Names of files stay with their sender: they are carried
beside the verdicts and are in no log, error or path.
"""

from research.uploads.meta import HEAD_BYTES, FileMeta, file_meta
from research.uploads.sorting import (
    FoundSeries,
    Handed,
    Image,
    Sorted,
    Verdict,
    set_aside,
    sort_files,
    take_series,
)
from research.uploads.verdicts import VERDICTS, collection_of

__all__ = [
    "HEAD_BYTES",
    "VERDICTS",
    "FileMeta",
    "FoundSeries",
    "Handed",
    "Image",
    "Sorted",
    "Verdict",
    "collection_of",
    "file_meta",
    "set_aside",
    "sort_files",
    "take_series",
]
