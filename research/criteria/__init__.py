"""Cohort criteria: one JSON grammar over one table of fields, with three interpreters that agree.

``to_sql`` finds series in the catalog, ``matches`` decides on one series, ``describe`` says it in English.
A missing value matches no comparison (``exists`` asks for it); ``not`` is the set complement.
"""

from research.criteria.describe import describe, phrase
from research.criteria.fields import FIELDS, FROM_SQL, SELECT_SQL, Field
from research.criteria.grammar import (
    All,
    AnyOf,
    AtLeast,
    Criteria,
    Leaf,
    Node,
    Not,
    canonical,
    parse,
    to_json,
)
from research.criteria.match import matches
from research.criteria.ops import OPS, Op
from research.criteria.sql import to_sql

__all__ = [
    "FIELDS",
    "FROM_SQL",
    "OPS",
    "SELECT_SQL",
    "All",
    "AnyOf",
    "AtLeast",
    "Criteria",
    "Field",
    "Leaf",
    "Node",
    "Not",
    "Op",
    "canonical",
    "describe",
    "matches",
    "parse",
    "phrase",
    "to_json",
    "to_sql",
]
