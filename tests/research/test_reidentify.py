"""Requests as people write them: aliases only, a reason, and nothing pasted comes back in an error."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deid import Pseudonyms
from research.reidentify import (
    MOST_SUBJECTS,
    ReidentifyError,
    cohort_of,
    reason_of,
    subjects_of,
    without_answer,
)

ALIAS, UID = "RF-0123456789", "2.25.31415926"


@pytest.mark.parametrize(
    ("given_", "found"),
    [
        ([ALIAS, UID, ALIAS], [ALIAS, UID]),
        (f" {UID}\n{ALIAS};;\t{ALIAS},{UID} ", [UID, ALIAS]),
        ("", []),
        ([], []),
        (["", ALIAS], [ALIAS]),
    ],
)
def test_aliases_and_new_uids_each_once_in_order(given_: Any, found: list[str]) -> None:
    assert subjects_of(given_) == found


@given(st.text(), st.text(min_size=1))
def test_what_pseudonyms_make_is_asked_for(patient: str, uid: str) -> None:
    pseudonyms = Pseudonyms(b"a key for the tests of requests", "tests")
    made = [pseudonyms.patient(patient), pseudonyms.uid(uid)]
    assert subjects_of(made) == subjects_of(" ".join(made)) == made


@pytest.mark.parametrize(
    "wrong", ["MRN-77", "Doe^John", "1.2.840.10008.1.2", "RF-01234", f"{ALIAS}\n", "2.25.0", 7, None, [ALIAS]]
)
def test_anything_else_is_refused_by_its_place_and_not_repeated(wrong: Any) -> None:
    with pytest.raises(ReidentifyError, match="Entry 2 is neither") as caught:
        subjects_of([ALIAS, wrong])
    assert str(wrong).strip() not in str(caught.value)
    assert caught.value.instruction


def test_a_request_has_an_end() -> None:
    many = [f"2.25.{number}" for number in range(1, MOST_SUBJECTS + 2)]
    assert len(subjects_of(many[:-1])) == MOST_SUBJECTS
    with pytest.raises(ReidentifyError, match="5001 aliases"):
        subjects_of(many)


@pytest.mark.parametrize("reason", ["", "too short", " a b c d e f g h i ", "\n" * 40, "\0" * 40, "x" * 2001])
def test_a_reason_says_something(reason: str) -> None:
    with pytest.raises(ReidentifyError, match="reason"):
        reason_of(reason)


def test_a_reason_keeps_its_words() -> None:
    assert reason_of("  The ward must\ncall back.\0 ") == "The ward must\ncall back."


@pytest.mark.parametrize(
    "wrong", ["", "name", "name@", "name@0", "name@1.0", "Name@1", "a b@1", "x'; --@1", "name@99999999999"]
)
def test_a_cohort_has_a_name_and_a_version(wrong: str) -> None:
    assert cohort_of(" low-dose@12 ") == ("low-dose", 12)
    with pytest.raises(ReidentifyError, match="name@version"):
        cohort_of(wrong)


def test_what_is_in_no_crosswalk_is_told() -> None:
    assert without_answer([UID, ALIAS, "RF-ZZZZZZZZZZ"], [{"subject": ALIAS}, {"subject": ALIAS}]) == [
        UID,
        "RF-ZZZZZZZZZZ",
    ]
