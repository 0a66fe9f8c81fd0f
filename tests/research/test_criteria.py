"""What the grammar accepts, how it refuses, and what it says in English."""

from __future__ import annotations

import datetime as dt
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from research.criteria import FIELDS, KEYS, OPS, RECORDS, canonical, describe, matches, parse, to_json, to_sql
from research.errors import CriteriaError
from research.timepoints import parse_grouping

KINDS = ("text", "integer", "number", "date", "boolean", "tag")
CT = {"field": "modality", "op": "eq", "value": "CT"}


def row(**values: Any) -> dict[str, Any]:
    base: dict[str, Any] = {field.key: None for field in FIELDS.values()}
    base |= {
        "series_uid": "1",
        "study_uid": "2",
        "patient_alias": "P",
        "collection": "C",
        "tags": [],
        "state": "released",
    }
    return base | values


@pytest.mark.parametrize(
    ("criteria", "path", "words"),
    [
        ({"all": [CT, {"field": "modalty", "op": "eq", "value": "CT"}]}, "all[1].field", "'modality'"),
        ({"all": [CT, {"field": "kvp", "op": "eqals", "value": 1}]}, "all[1].op", "Did you mean 'eq'"),
        ({"not": {"field": "kvp", "op": "contains", "value": "1"}}, "not.op", "between"),
        ({"any": [{"field": "kvp", "op": "lt", "value": "low"}]}, "any[0].value", "finite number in kV"),
        ({"field": "kvp", "op": "lt", "value": float("nan")}, "value", "finite"),
        ({"field": "kvp", "op": "lt", "value": True}, "value", "finite"),
        ({"field": "image_count", "op": "gt", "value": 1.5}, "value", "whole number"),
        ({"field": "image_count", "op": "gt", "value": 10**30}, "value", "whole number"),
        ({"field": "kvp", "op": "between", "value": [120, 80]}, "value", "lower value first"),
        ({"field": "kvp", "op": "between", "value": [120]}, "value", "low, high"),
        ({"field": "kvp", "op": "in", "value": []}, "value", "1 to"),
        ({"field": "modality", "op": "in", "value": "CT"}, "value", "list"),
        ({"field": "modality", "op": "eq", "value": "C\0T"}, "value", "character"),
        ({"field": "modality", "op": "eq", "value": "\ud800"}, "value", "character"),
        ({"field": "modality", "op": "contains", "value": ""}, "value", "characters"),
        ({"field": "modality", "op": "eq"}, "value", "missing"),
        ({"field": "modality", "value": "CT"}, "op", "Use one of"),
        ({"field": "study_date", "op": "lt", "value": "2020-13-01"}, "value", "YYYY-MM-DD"),
        ({"field": "study_date", "op": "lt", "value": "20200101"}, "value", "YYYY-MM-DD"),
        ({"field": "tag", "op": "has_tag", "value": "emphysema"}, "value", "scheme:code"),
        ({"field": "tag", "op": "eq", "value": "A:b"}, "op", "has_tag"),
        ({"field": "derived", "op": "eq", "value": "yes"}, "value", "true or false"),
        ({"field": "kvp", "op": "exists", "value": 1}, "value", "true or false"),
        ({**CT, "vaule": 1}, "", "Did you mean 'value'"),
        ({"al": [CT]}, "", "Did you mean 'all'"),
        ({"all": [CT], "any": [CT]}, "", "means nothing"),
        ({"all": CT}, "all", "list"),
        ({"any": []}, "any", "matches nothing"),
        ([CT], "", "JSON object"),
        ({"all": ["CT"]}, "all[0]", "JSON object"),
        ({"at_least": {"n": 0, "of": CT}}, "at_least.n", "whole number"),
        ({"at_least": {"n": 2}}, "at_least", '"of"'),
        ({"at_least": {"n": 2, "of": CT, "count": "patient"}}, "at_least.count", "study, series"),
        ({"at_least": {"n": 2, "of": CT, "window_days": [9, 3]}}, "at_least.window_days", "[30, 400]"),
        ({"at_least": {"n": 2, "of": {"field": "x", "op": "eq"}}}, "at_least.of.field", "Allowed"),
        ({"first": {"field": "x", "op": "eq"}}, "first.field", "Allowed"),
        ({"finding": {"is": "SCT:"}}, "finding.is", "names no concept"),
        ({"finding": {"is": []}}, "finding.is", "Name 1 to"),
        ({"finding": {"is": "x", "status": "seen"}}, "finding.status", "present, absent"),
        ({"finding": {"is": "x", "op": "eq"}}, "finding", "status"),
        ({"finding": {"is": "x", "when": "at"}}, "finding.when", "study, ever"),
        ({"finding": {"is": "x", "when": "ever", "window_days": [0, 1]}}, "finding", "Use one of them"),
        ({"condition": {"is": "copd"}}, "condition.is", "scheme:code"),
        ({"observation": {"is": "LN:1", "op": "gt", "value": 1}}, "observation.unit", "unit"),
        ({"observation": {"is": "LN:1", "op": "gt", "value": "high"}}, "observation.op", "has_words"),
        ({"observation": {"is": "LN:1", "op": "gt", "unit": "g"}}, "observation.value", "missing"),
        ({"report_text": {"op": "eq", "value": "x"}}, "report_text.op", "contains"),
        ({"report_text": {"op": "has_words", "value": " - "}}, "report_text.value", "no word"),
        ({"report_text": {"op": "has_words", "value": "ab*c"}}, "report_text.value", "begins"),
        ({"all": [{"among": "listed", "of": CT}]}, "all[0]", "outermost"),
        ({"among": "held", "of": CT}, "among", "released, listed"),
        ({"among": [], "of": CT}, "among", "no state"),
    ],
)
def test_refusals_name_the_place_and_the_remedy(criteria: Any, path: str, words: str) -> None:
    with pytest.raises(CriteriaError) as caught:
        parse(criteria)
    assert (f"at {path}:" if path else "Criteria:") in caught.value.reason
    assert words in str(caught.value)


def test_too_deep_and_too_many_are_refused() -> None:
    deep: dict[str, Any] = CT
    for _ in range(3000):
        deep = {"not": deep}
    with pytest.raises(CriteriaError, match="nested too deeply"):
        parse(deep)
    with pytest.raises(CriteriaError, match="too many"):
        parse({"all": [CT] * 201})


def test_canonical_text_is_one_per_meaning() -> None:
    loose = {"value": 120, "op": "lte", "field": "kvp"}
    assert canonical(loose) == '{"field":"kvp","op":"lte","value":120.0}'
    assert canonical({"field": "kvp", "op": "exists"}) == canonical(
        {"field": "kvp", "op": "exists", "value": True}
    )
    text = canonical({"at_least": {"n": 2, "of": CT}})
    assert json.loads(text)["at_least"]["count"] == "study"
    assert canonical(json.loads(text)) == text
    assert to_json(parse(json.loads(text))) == json.loads(text)


@pytest.mark.parametrize(
    ("criteria", "sentence"),
    [
        ({"all": []}, "Every released series."),
        (CT, "Released series where modality is CT."),
        (
            {
                "all": [
                    CT,
                    {"field": "slice_thickness_mm", "op": "lte", "value": 3},
                    {"any": [{"field": "body_part", "op": "contains", "value": "chest"}, CT]},
                ]
            },
            "Released series where modality is CT and slice thickness is at most 3 mm and "
            '(body part contains "chest" or modality is CT).',
        ),
        (
            {"field": "patient_age_years", "op": "between", "value": [50, 74.5]},
            "Released series where age is between 50 and 74.5 years.",
        ),
        (
            {"not": {"field": "tag", "op": "has_tag", "value": "RADLEX:RID4799"}},
            "Released series where it is not so that it is tagged Emphysema (RADLEX:RID4799).",
        ),
        (
            {"at_least": {"n": 2, "of": CT, "window_days": [30, 400]}},
            "Released series where the patient has at least 2 studies 30 to 400 days after this one "
            "where modality is CT.",
        ),
        (
            {"field": "derived", "op": "eq", "value": False},
            "Released series where it is not a derived image.",
        ),
        ({"field": "kvp", "op": "exists", "value": False}, "Released series where tube voltage is unknown."),
        (
            {"among": "listed", "of": {"study_has": {"field": "modality", "op": "eq", "value": "SEG"}}},
            "Listed series where its study has a series where modality is SEG.",
        ),
        ({"among": ["listed", "released"], "of": {"all": []}}, "Every released or listed series."),
        (
            {"all": [{"first": CT}, {"finding": {"is": "pneumonia", "section": "impression"}}]},
            "Released series where (it is of the patient's first study where modality is CT) and the patient has a "
            "finding pneumonia (present and section is one of impression) of this study.",
        ),
        (
            {
                "observation": {
                    "is": "LN:2160-0",
                    "op": "gte",
                    "value": 1.5,
                    "unit": "mg/dL",
                    "window_days": [-7, 0],
                }
            },
            "Released series where the patient has an observation LN:2160-0 (value is at least 1.5 mg/dL) "
            "0 to 7 days before this one.",
        ),
        (
            {"condition": {"is": ["SCT:1", "SCT:2"]}},
            "Released series where the patient has the condition SCT:1 or SCT:2 active on the day of this study.",
        ),
        (
            {"report_text": {"op": "has_words", "value": "ground glass"}},
            'Released series where the patient has a report (text has the words "ground glass") of this study.',
        ),
    ],
)
def test_describe(criteria: Any, sentence: str) -> None:
    assert describe(criteria) == sentence


def test_every_field_and_operator_has_words() -> None:
    values: dict[str, Any] = {
        "text": "a",
        "integer": 1,
        "number": 1.0,
        "date": "2020-01-01",
        "boolean": True,
        "tag": "A:b",
    }
    for field in FIELDS.values():
        assert field.about.endswith(".")
        for op in OPS.values():
            if field.kind in op.kinds:
                one = values[field.kind]
                value = {"one": one, "list": [one], "pair": [one, one], "flag": True, "words": one}[op.shape]
                sentence = describe({"field": field.name, "op": op.name, "value": value})
                assert "{" not in sentence


def test_values_never_become_sql() -> None:
    evil = "CT'); DROP TABLE catalog.series; --"
    sql, params = to_sql({"all": [{"field": "modality", "op": "eq", "value": evil}]})
    assert "DROP" not in sql
    assert set(map(repr, params.values())) == {repr(["released"]), repr(evil)}


def test_missing_values_match_no_comparison_and_not_is_the_complement() -> None:
    low = {"field": "kvp", "op": "lt", "value": 100}
    for op in ("eq", "ne", "lt", "lte", "gt", "gte"):
        assert not matches({"field": "kvp", "op": op, "value": 100}, row())
    assert matches({"not": low}, row())
    assert matches({"not": low}, row(kvp=float("nan")))
    assert not matches({"field": "body_part", "op": "not_in", "value": ["CHEST"]}, row())


def test_python_types_that_drivers_return() -> None:
    assert matches({"field": "kvp", "op": "eq", "value": 120}, row(kvp=Decimal("120")))
    assert matches(
        {"field": "study_date", "op": "lte", "value": "2020-01-02"}, row(study_date=dt.date(2020, 1, 2))
    )
    assert matches({"field": "tag", "op": "has_any_tag", "value": ["A:b", "C:d"]}, row(tags=["C:d"]))


def test_a_row_without_the_key_is_a_fault() -> None:
    with pytest.raises(KeyError):
        matches(CT, {})


def test_at_least_needs_the_other_series() -> None:
    with pytest.raises(CriteriaError, match="patient_rows"):
        matches({"not": {"at_least": {"n": 1, "of": CT}}}, row())


REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "criteria.md"


def test_the_reference_names_every_field_and_operator() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    for field in FIELDS.values():
        assert f"| `{field.name}` | {field.kind} | {field.unit or '-'} | {field.about} |" in text
    for kind in RECORDS.values():
        (line,) = (line for line in text.splitlines() if line.startswith(f"| `{kind.name}` |"))
        assert line.endswith(f"| {kind.about} |")
        assert all(f"`{when}`" in line for when in kind.when)
    for key in KEYS:
        assert f'{{"{key}"' in text
    for op in OPS.values():
        assert f"| `{op.name}` | {', '.join(kind for kind in KINDS if kind in op.kinds)} |" in text


def test_the_examples_of_the_reference_are_criteria() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    blocks = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    inline = re.findall(r"`(\{\"(?:not|field|all)\": (?:\{.*\}|\".*\"|\[\]).*?\})`", text)
    assert len(blocks) == 5
    assert len(inline) == 3
    assert parse_grouping(json.loads(blocks.pop())) is not None
    for example in (*blocks, *inline):
        describe(json.loads(example))
