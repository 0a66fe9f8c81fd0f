"""The one table of what criteria can speak about: each row says how SQL, Python and English name a field.

SQL expressions use the alias placeholder ``{s}`` (``catalog.series``), so that ``at_least`` can ask about the patient's
other series. A series has its study's date, its patient's sex and age, as it was filed with them.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["text", "integer", "number", "date", "boolean", "tag"]
Scalar = str | int | float | bool

FROM_TEMPLATE = "catalog.series {s}"
"""The FROM clause that criteria are written against, with a placeholder for the alias."""

FROM_SQL = FROM_TEMPLATE.format(s="s")
"""The FROM clause that ``to_sql`` and ``SELECT_SQL`` go with."""


@dataclass(frozen=True)
class Field:
    """One thing a criterion can name.

    Attributes:
        name: what the JSON calls it.
        kind: decides which operators and values are allowed.
        sql: SQL expression with the alias placeholder ``{s}`` or, in a dictionary, ``{d}``; NULL means missing.
        key: the key of a catalog row (a Mapping) that holds the value; None means missing.
        label: what the English sentence calls it.
        unit: unit of the value, empty where it has none.
        about: one sentence for the reference page.
        facet: the column of ``catalog.facet`` that has the same text, empty where it is missing.
        dictionary: the value is in ``catalog.description``, and ``sql`` is an expression over that.
    """

    name: str
    kind: Kind
    sql: str
    key: str
    label: str
    unit: str
    about: str
    facet: str = ""
    dictionary: bool = False

    def get(self, row: Mapping[str, Any]) -> Scalar | None:
        """Value of this field in a catalog row, in the form comparisons use; None where it is missing.

        Raises:
            KeyError: the row lacks the key (a row built without this field is a fault, not a missing value).
        """
        value = row[self.key]
        if value is None:
            return None
        match self.kind:
            case "number":
                number = float(value)
                return None if math.isnan(number) else number
            case "integer":
                return int(value)
            case "boolean":
                return bool(value)
            case "date":
                return value.isoformat()[:10] if isinstance(value, dt.date) else str(value)
            case _:
                return str(value)


def _series(
    name: str, kind: Kind, label: str, unit: str, about: str, column: str | None = None, facet: str = ""
) -> Field:
    column = column or name
    # NaN would equal itself in PostgreSQL and nothing in Python: both read it as missing.
    sql = f"NULLIF({{s}}.{column}, 'NaN')" if kind == "number" else f"{{s}}.{column}"
    return Field(name, kind, sql, column, label, unit, about, facet)


def _description(name: str, label: str, about: str) -> Field:
    return Field(name, "text", f"NULLIF({{d}}.{name}, '')", name, label, "", about, dictionary=True)


_ROWS = (
    _series(
        "collection", "text", "collection", "", "The collection the series came with.", facet="collection"
    ),
    _series("modality", "text", "modality", "", "Modality (0008,0060), for example CT.", facet="modality"),
    _series(
        "body_part",
        "text",
        "body part",
        "",
        "Body Part Examined (0018,0015), as catalogued.",
        facet="body_part",
    ),
    _series(
        "body_part_code", "text", "body part's code", "", "Its code as scheme:code, where the text is mapped."
    ),
    _series(
        "manufacturer",
        "text",
        "manufacturer",
        "",
        "Manufacturer (0008,0070) of the scanner.",
        facet="manufacturer",
    ),
    _series("manufacturer_model", "text", "scanner model", "", "Manufacturer's Model Name (0008,1090)."),
    _series("image_count", "integer", "number of images", "", "How many instances the series has."),
    _series("rows", "integer", "image rows", "pixels", "Rows (0028,0010).", "row_count"),
    _series("columns", "integer", "image columns", "pixels", "Columns (0028,0011).", "column_count"),
    _series("slice_thickness_mm", "number", "slice thickness", "mm", "Slice Thickness (0018,0050)."),
    _series(
        "spacing_between_slices_mm",
        "number",
        "spacing between slices",
        "mm",
        "Distance between neighbouring slice positions, measured from the instances.",
    ),
    _series("kvp", "number", "tube voltage", "kV", "KVP (0018,0060)."),
    _series("exposure_mas", "number", "exposure", "mAs", "Exposure (0018,1152)."),
    _series("tube_current_ma", "number", "tube current", "mA", "X-Ray Tube Current (0018,1151)."),
    _series("convolution_kernel", "text", "reconstruction kernel", "", "Convolution Kernel (0018,1210)."),
    _series("patient_sex", "text", "sex", "", "Patient's Sex (0010,0040): M, F or O.", facet="sex"),
    _series("patient_age_years", "number", "age", "years", "Age at the study, in years."),
    _series(
        "study_date",
        "date",
        "study date (shifted)",
        "",
        "Study Date (0008,0020) as stored: shifted per patient by a secret offset; intervals are real.",
    ),
    _description("study_description", "study description", "Study Description (0008,1030)."),
    _description("series_description", "series description", "Series Description (0008,103E)."),
    _series(
        "licence", "text", "licence", "", "The licence's name, as the series came with it.", facet="licence"
    ),
    _series(
        "analysis_result",
        "text",
        "published analysis",
        "",
        "The published analysis that a derived public series belongs to.",
        facet="analysis_result",
    ),
    _series("derived", "boolean", "derived image", "", "True for images computed from others."),
    Field(
        "tag",
        "tag",
        "",
        "tags",
        "tag",
        "",
        "Concepts that curators attached to the series, as scheme:code.",
    ),
)

FIELDS: Mapping[str, Field] = {field.name: field for field in _ROWS}
"""Every field by name, in the order of the reference page."""

_IDENTITY = ("series_uid", "study_uid", "patient_alias", "state")


def _selected(field: Field) -> str:
    if field.dictionary:
        looked_up = (
            f"SELECT {field.sql.format(d='d')} FROM catalog.description d WHERE d.id = s.description_id"  # noqa: S608
        )
        return f"({looked_up}) AS {field.key}"
    return f"s.{field.key}"


SELECT_SQL = ", ".join(
    [
        *(f"s.{column}" for column in _IDENTITY),
        "coalesce(s.manifest_sha256, 'listed:' || s.listing_hash) AS manifest_sha256",
        *(_selected(f) for f in _ROWS if f.sql),
        "ARRAY(SELECT t.scheme || ':' || t.code FROM catalog.tag t WHERE t.series_uid = s.series_uid"
        " ORDER BY 1) AS tags",
    ]
)
"""Select list, with ``FROM_SQL``, of the rows that ``matches`` and ``freeze`` take. A listed series has no files here:
the hash of its entry in the index stands for them."""
