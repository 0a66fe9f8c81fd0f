"""Cohort criteria: one JSON grammar over one table of fields, with three interpreters that agree.

``to_sql`` finds series in the catalog, ``matches`` decides on one series, ``describe`` says it in English.
A missing value matches no comparison (``exists`` asks for it); ``not`` is the set complement.
"""

from research.criteria.counting import attrition_sql, count_sql, members_sql
from research.criteria.describe import describe, phrase
from research.criteria.fields import FIELDS, FROM_SQL, SELECT_SQL, Field
from research.criteria.grammar import (
    STATES,
    All,
    Among,
    AnyOf,
    AtLeast,
    Criteria,
    First,
    Has,
    Leaf,
    Node,
    Not,
    StudyHas,
    canonical,
    parse,
    record_kinds,
    rules,
    scope,
    to_json,
)
from research.criteria.match import matches
from research.criteria.ops import OPS, Op
from research.criteria.reading import KEYS
from research.criteria.records import RECORD_SELECT_SQL, RECORDS
from research.criteria.sql import to_sql

__all__ = [
    "FIELDS",
    "FROM_SQL",
    "KEYS",
    "OPS",
    "RECORDS",
    "RECORD_SELECT_SQL",
    "SELECT_SQL",
    "STATES",
    "All",
    "Among",
    "AnyOf",
    "AtLeast",
    "Criteria",
    "Field",
    "First",
    "Has",
    "Leaf",
    "Node",
    "Not",
    "Op",
    "StudyHas",
    "attrition_sql",
    "canonical",
    "count_sql",
    "describe",
    "matches",
    "members_sql",
    "parse",
    "phrase",
    "record_kinds",
    "rules",
    "scope",
    "to_json",
    "to_sql",
]
