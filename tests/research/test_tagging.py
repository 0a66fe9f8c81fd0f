"""Concepts are codes that exist, or say that they are ours."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.sr._concepts_dict import concepts as dicom_concepts

from research.tagging import CONCEPTS, PRIVATE_SCHEME, TagError, choices, concept, split_key, validate_tags

KNOWN = {
    f"{scheme}:{code}"
    for scheme, by_keyword in dicom_concepts.items()
    for entries in by_keyword.values()
    for code in entries
}
# Not in DICOM's context groups; seen in public report-labelling resources (RadLex) or SNOMED CT itself.
ELSEWHERE = {
    "RADLEX:RID4799", "RADLEX:RID5352", "RADLEX:RID34539", "RADLEX:RID43255", "RADLEX:RID28493",
    "RADLEX:RID3820", "SCT:87433001",
}  # fmt: skip


def test_no_code_is_invented() -> None:
    for key, row in CONCEPTS.items():
        if row.match == "none":
            assert row.scheme == PRIVATE_SCHEME
        else:
            assert row.scheme != PRIVATE_SCHEME
            assert key in KNOWN | ELSEWHERE


def test_rows_are_whole() -> None:
    for key, row in CONCEPTS.items():
        assert split_key(key) == (row.scheme, row.code)
        assert row.source.endswith(".")
        assert row.match in ("exact", "approximate", "none")
        assert row.group in ("finding", "region", "acquisition", "quality", "provenance")
        for other in row.same_as:
            assert key in CONCEPTS[other].same_as
            assert CONCEPTS[other].label == row.label
    shown = Counter(choices().values())
    assert set(shown.values()) == {1}


def test_emphysema_is_in_two_schemes() -> None:
    assert concept("RADLEX:RID4799").same_as == ("SCT:87433001",)
    assert choices()["RADLEX:RID4799"] == "Emphysema (RADLEX RID4799)"


def test_tags_are_sorted_and_each_once() -> None:
    found = validate_tags(["99RADFLOW:low-dose-ct", "RADLEX:RID4799", "RADLEX:RID4799"])
    assert [row.key for row in found] == ["RADLEX:RID4799", "99RADFLOW:low-dose-ct"]
    assert validate_tags([]) == ()


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("RADLEX:RID479", "Did you mean RADLEX:RID4799"),
        ("X:emphysema", "RADLEX:RID4799|SCT:87433001"),
        ("emphysema", "scheme:code"),
        ("A:", "scheme:code"),
        ("RADLEX:RID4799\n", "scheme:code"),
    ],
)
def test_unknown_tags_are_refused(key: str, hint: str) -> None:
    with pytest.raises(TagError, match=hint):
        validate_tags([key])


@given(st.text())
def test_any_text_is_a_concept_or_refused(text: str) -> None:
    if text in CONCEPTS:
        assert concept(text).key == text
    else:
        with pytest.raises(TagError):
            concept(text)
