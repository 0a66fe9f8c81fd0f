"""Public indexes of images as catalog rows: odd ages, sexes and texts read with care, streamed column by column."""

from research.catalog.index import (
    COLUMNS,
    MAPPING_VERSION,
    SOURCE,
    CatalogIndexError,
    IndexFile,
    find_index,
    read_collections,
    read_index,
    write_csv,
)
from research.catalog.nlst import Acquisition, parse_packed
from research.catalog.values import Age, age, clean, day, sex

__all__ = [
    "COLUMNS",
    "MAPPING_VERSION",
    "SOURCE",
    "Acquisition",
    "Age",
    "CatalogIndexError",
    "IndexFile",
    "age",
    "clean",
    "day",
    "find_index",
    "parse_packed",
    "read_collections",
    "read_index",
    "sex",
    "write_csv",
]
