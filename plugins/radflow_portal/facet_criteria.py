"""Filters of the Studies page as cohort criteria, which choose the same series."""

from __future__ import annotations

import re
from typing import Any

from radflow_portal.catalog_filters import Filters
from radflow_portal.db import Session
from research.criteria import STATES

_FIELDS = {
    "collection": "collection", "modality": "modality", "sex": "patient_sex", "analysis_result": "analysis_result",
}  # fmt: skip
_LABELLED = {
    "body_part": ("body_part_code", "body_part"),
    "manufacturer": ("manufacturer",),
    "licence": ("licence",),
}
"""Facets whose labels stand for several spellings, and the fields that hold these."""


_BAND = re.compile(r"(?:[0-9]{1,3}-[0-9]{1,3}|90\+)?")


def criteria_of(session: Session, filters: Filters, states: list[str]) -> dict[str, Any]:
    """Criteria for ``filters``.

    Args:
        session: looks up what labels stand for.
        filters: as chosen; one rule per facet, and one for each word.
        states: those of what the filters find, asked for where none is chosen.
    """
    spellings: dict[str, list[str]] = {}
    for row in session.all("portal_facet_spellings", **{name: filters.facets[name] for name in _LABELLED}):
        spellings.setdefault(row["field"], []).append(row["value"])
    parts = []
    for facet, values in filters.facets.items():
        if values is None or facet == "state":
            continue
        if facet == "age_band":
            parts.append(_any([_band(value) for value in _sorted([v for v in values if _BAND.fullmatch(v)])]))
        elif facet in _LABELLED:
            fields = _LABELLED[facet]
            of = {field: spellings.get(field, []) for field in fields}
            parts.append(_any(_among(of, unknown="" in values, known_by=fields[-1])))
        else:
            of = {_FIELDS[facet]: [value for value in values if value]}
            parts.append(_any(_among(of, unknown="" in values, known_by=_FIELDS[facet])))
    for word in (filters.words or "").split(" & ") if filters.words else []:
        begins = word.removesuffix(":*") + "*"
        parts.append(
            _any(
                [
                    {"field": field, "op": "has_words", "value": begins}
                    for field in ("study_description", "series_description")
                ]
            )
        )
    wanted = [state for state in STATES if state in (filters.facets["state"] or states)]
    found = {"all": parts}
    return {"among": wanted, "of": found} if wanted and wanted != ["released"] else found


def _among(of: dict[str, list[str]], *, unknown: bool, known_by: str) -> list[dict[str, Any]]:
    """Conditions any of which is enough: one of the values of a field, or nothing known."""
    found: list[dict[str, Any]] = []
    for field, values in of.items():
        if len(values) == 1:
            found.append({"field": field, "op": "eq", "value": values[0]})
        elif values:
            found.append({"field": field, "op": "in", "value": values})
    if unknown:
        found.append({"not": {"field": known_by, "op": "exists", "value": True}})
    return found


def _any(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """One condition, or any of several; with none nothing holds."""
    if not parts:
        return {"not": {"all": []}}
    return parts[0] if len(parts) == 1 else {"any": parts}


def _sorted(bands: list[str]) -> list[str]:
    return sorted(bands, key=lambda band: int(band.rstrip("+").split("-")[0]) if band else -1)


def _band(band: str) -> dict[str, Any]:
    """A band of whole years: from its first birthday to the day before the next band's."""
    field = "patient_age_years"
    if not band:
        return {"not": {"field": field, "op": "exists", "value": True}}
    first, _, last = band.partition("-")
    least = {"field": field, "op": "gte", "value": int(first.rstrip("+"))}
    if not last:
        return least
    below = {"field": field, "op": "lt", "value": int(last) + 1}
    return below if int(first) == 0 else {"all": [least, below]}
