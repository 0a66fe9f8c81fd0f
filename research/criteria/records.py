"""The one table of clinical records that criteria can ask for: findings, observations, conditions, report text.

Records belong to a patient (alias and collection) and reach a series by its study, by time, or by being the
patient's at all. Each row here says how SQL, Python and English speak of one kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from research.criteria.fields import Field

When = Literal["study", "window", "ever", "at", "before"]
STATUSES = ("present", "absent", "uncertain", "historical", "family")
ACTIVE = ("active", "recurrence", "relapse", "unknown")
"""Clinical status of a condition whose end nobody wrote down, and that is taken to go on."""


@dataclass(frozen=True)
class RecordKind:
    """One kind of record.

    Attributes:
        name: the key in the JSON, and the ``kind`` of a record for ``matches``.
        table: where it is stored.
        date: the column with its (shifted) date.
        when: the default connection with the series, then the others that may be chosen by ``"when"``.
        noun: what the English sentence calls one.
        has_slug: it may be named by our own word for it, not by a code only.
        always: a further condition in SQL, with ``{r}`` for its alias.
        about: one sentence for the reference page.
    """

    name: str
    table: str
    date: str
    when: tuple[When, ...]
    noun: str
    has_slug: bool
    always: str
    about: str


_ROWS = (
    RecordKind(
        "finding",
        "catalog.finding",
        "found_on",
        ("study", "ever"),
        "a finding",
        has_slug=True,
        always="TRUE",
        about="A finding of a report, a curator or an object: present in this study, unless asked otherwise.",
    ),
    RecordKind(
        "observation",
        "catalog.observation",
        "observed_on",
        ("ever",),
        "an observation",
        has_slug=False,
        always="TRUE",
        about="A laboratory value or another observation, at any time or within a window around the study.",
    ),
    RecordKind(
        "condition",
        "catalog.condition",
        "onset_on",
        ("at", "before", "ever"),
        "the condition",
        has_slug=False,
        always="TRUE",
        about="A diagnosis, active on the day of the study unless asked otherwise.",
    ),
    RecordKind(
        "report_text",
        "catalog.report",
        "report_date",
        ("study", "ever"),
        "a report",
        has_slug=False,
        always="{r}.state = 'released'",
        about="The de-identified text of a released report of this study.",
    ),
)

RECORDS: Mapping[str, RecordKind] = {kind.name: kind for kind in _ROWS}
"""Every kind of record by name, in the order of the reference page."""

_TESTED = (
    Field("status", "text", "{r}.status", "status", "status", "", "."),
    Field("section", "text", "", "section", "section", "", "."),
    Field("value", "number", "{r}.value", "value", "value", "", "."),
    Field("value_text", "text", "{r}.value_text", "value_text", "value", "", "."),
    Field("unit", "text", "{r}.unit", "unit", "unit", "", "."),
    Field("text", "text", "{r}.text", "text", "text", "", "."),
)
TESTED: Mapping[str, Field] = {field.name: field for field in _TESTED}
"""Columns of records that are compared, as fields: the operators are those of series."""

SECTION_SQL = (
    "(SELECT x.part->>'name' FROM catalog.report q CROSS JOIN LATERAL jsonb_array_elements(q.sections) AS x (part) "
    "WHERE q.report_id = {r}.report_id AND {r}.start_offset >= (x.part->>'start')::integer "
    "AND {r}.start_offset < (x.part->>'end')::integer ORDER BY (x.part->>'start')::integer DESC, 1 LIMIT 1)"
)
"""Name of the section of its report that a finding lies in; NULL where nothing says."""

RECORD_SELECT_SQL: Mapping[str, str] = {
    "finding": "SELECT 'finding' AS kind, r.collection, r.patient_alias, r.study_uid, r.found_on AS date, r.finding, "  # noqa: S608
    f"r.scheme, r.code, r.status, {SECTION_SQL.format(r='r')} AS section FROM catalog.finding r",
    "observation": "SELECT 'observation' AS kind, r.collection, r.patient_alias, r.observed_on AS date, r.scheme, "
    "r.code, r.value, r.unit, r.value_text FROM catalog.observation r",
    "condition": "SELECT 'condition' AS kind, r.collection, r.patient_alias, r.onset_on AS date, r.abated_on, "
    "r.scheme, r.code, r.clinical_status FROM catalog.condition r",
    "report_text": "SELECT 'report_text' AS kind, r.collection, r.patient_alias, r.study_uid, r.report_date AS date, "
    "r.text FROM catalog.report r WHERE r.state = 'released'",
}
"""Per kind a statement that gives the records that ``matches`` takes."""


def is_named(record: Mapping[str, Any], keys: tuple[str, ...]) -> bool:
    """Whether a record is one of the concepts; keys are ``scheme:code`` or our own word."""
    if not keys:
        return True
    return f"{record.get('scheme')}:{record.get('code')}" in keys or record.get("finding") in keys
