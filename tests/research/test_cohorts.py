"""A frozen cohort is a function of its rows, and its attrition adds up."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest

from research.cohorts import CohortError, Member, canonical_text, diff, freeze, verify
from research.criteria import FIELDS

CRITERIA = {
    "all": [
        {"field": "modality", "op": "eq", "value": "CT"},
        {"not": {"field": "derived", "op": "eq", "value": True}},
        {"field": "tag", "op": "has_tag", "value": "RADLEX:RID4799"},
    ]
}


def row(uid: str, patient: str, **values: object) -> dict[str, object]:
    base: dict[str, object] = {field.key: None for field in FIELDS.values()}
    base |= {
        "series_uid": uid,
        "study_uid": f"{uid}.s",
        "patient_alias": patient,
        "collection": "demo",
        "state": "released",
    }
    return base | {"manifest_sha256": uid * 2, "modality": "CT", "derived": False, "tags": []} | values


ROWS = [
    row("1.1", "RF-A", tags=["RADLEX:RID4799"]),
    row("1.2", "RF-A", derived=True, tags=["RADLEX:RID4799"]),
    row("1.3", "RF-B"),
    row("1.4", "RF-C", modality="MR"),
    row("1.5", "RF-D", tags=["DCM:111207", "RADLEX:RID4799"]),
]


def test_members_and_attrition() -> None:
    cohort = freeze("emphysema", CRITERIA, ROWS, 7)
    assert cohort.series_uids == ("1.1", "1.5")
    assert [(s.rule_no, s.n_series, s.n_patients) for s in cohort.attrition] == [
        (0, 5, 4),
        (1, 4, 3),
        (2, 3, 3),
        (3, 2, 2),
    ]
    assert [s.rule_text for s in cohort.attrition[1:]] == [
        "Modality is CT",
        "Excluded: it is a derived image",
        "It is tagged Emphysema (RADLEX:RID4799)",
    ]


def test_hash_ignores_row_order_and_name_only() -> None:
    cohort = freeze("a", CRITERIA, ROWS, 7)
    assert freeze("b", CRITERIA, reversed(ROWS), 7).cohort_sha256 == cohort.cohort_sha256
    assert freeze("a", CRITERIA, ROWS, 8).cohort_sha256 != cohort.cohort_sha256
    assert freeze("a", CRITERIA, ROWS[1:], 7).cohort_sha256 != cohort.cohort_sha256
    assert freeze("a", {"all": CRITERIA["all"][:2]}, ROWS, 7).cohort_sha256 != cohort.cohort_sha256
    changed = [{**ROWS[0], "manifest_sha256": "other"}, *ROWS[1:]]
    assert freeze("a", CRITERIA, changed, 7).cohort_sha256 != cohort.cohort_sha256


def test_hash_is_of_the_written_text() -> None:
    text = canonical_text("aa", 3, [Member("1.2", "P", "s", "m"), Member("1.1", "P", "s", "m")])
    assert text == (
        '{"catalog_version":3,"criteria_sha256":"aa","radflow_cohort":1}\n'
        '["1.1","P","s","m"]\n["1.2","P","s","m"]\n'
    )
    cohort = freeze("a", {"all": []}, [], 3)
    empty = canonical_text(hashlib.sha256(b'{"all":[]}').hexdigest(), 3, [])
    assert cohort.cohort_sha256 == hashlib.sha256(empty.encode()).hexdigest()


def test_verify_sees_tampering() -> None:
    cohort = freeze("a", CRITERIA, ROWS, 7)
    assert verify(cohort)
    assert not verify(dataclasses.replace(cohort, members=cohort.members[:1]))
    assert not verify(dataclasses.replace(cohort, criteria='{"all":[]}'))


def test_one_rule_without_all() -> None:
    cohort = freeze("mr", {"field": "modality", "op": "eq", "value": "MR"}, ROWS, 1)
    assert cohort.series_uids == ("1.4",)
    assert len(cohort.attrition) == 2


def test_at_least_counts_among_all_candidates_of_the_patient() -> None:
    rule = {"at_least": {"n": 2, "of": {"field": "modality", "op": "eq", "value": "CT"}}}
    assert freeze("twice", {"all": [CRITERIA["all"][1], rule]}, ROWS, 1).series_uids == ("1.1",)


def test_same_alias_in_two_collections_is_two_patients() -> None:
    rows = [row("1.1", "RF-A"), row("1.2", "RF-A", collection="other")]
    assert freeze("a", {"all": []}, rows, 1).attrition[0].n_patients == 2


def test_diff() -> None:
    old = freeze("a", {"all": []}, ROWS[:3], 1)
    new = freeze("a", {"all": []}, [{**ROWS[1], "manifest_sha256": "x"}, ROWS[2], ROWS[3]], 2)
    change = diff(old.members, new.members)
    assert (change.added, change.removed, change.changed) == (("1.4",), ("1.1",), ("1.2",))
    assert not diff(old.members, old.members)


def test_twins_are_refused() -> None:
    with pytest.raises(CohortError, match=r"1\.1 is among the candidates twice"):
        freeze("a", {"all": []}, [ROWS[0], ROWS[0]], 1)
