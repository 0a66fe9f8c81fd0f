"""Properties that hold of every report."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.findings import Finding, extract, load_rules
from research.findings.phrases import expand
from research.findings.tokens import tokenize

RULES = load_rules()
PIECES = [
    "no", "not", "possible", "may represent", "history of", "mother had", "stable", "new", "with", "but", "is not seen",
    "pleural effusion", "pneumothorax", "the heart is", "enlarged", "normal", "nodule", "lungs", "clear", "XXXX", ",",
    ";", ":", "FINDINGS:", "\n\n", "1.", "(", ")", "versus", "atelectasis", "3.5 cm", "rule out", "emphysema", "-", "é",
]  # fmt: skip
SENTENCES = st.lists(st.sampled_from(PIECES), min_size=1, max_size=12).map(
    lambda parts: " ".join(parts) + "."
)
PLAIN = st.lists(st.sampled_from([one for one in PIECES if one not in ("FINDINGS:", "\n\n", ":")]), min_size=1,
                 max_size=12).map(lambda parts: " ".join(parts) + ".")  # fmt: skip


def shifted(found: tuple[Finding, ...], by: int) -> list[tuple[object, ...]]:
    return [
        (
            one.finding,
            one.status,
            one.start + by,
            one.end + by,
            one.rule_id,
            one.certainty,
            one.change,
            one.context,
        )
        for one in found
    ]


def mentioned(words: tuple[str, ...], rule_id: str) -> bool:
    """Whether words begin and end as some phrase of a term does."""

    def fits(word: str, item: str) -> bool:
        return word.startswith(item[:-1]) if item[-1] == "*" else word == item

    return any(
        fits(words[0], sequence[0]) and fits(words[-1], sequence[-1])
        for phrase in RULES.terms[rule_id].phrases
        for sequence in expand(phrase)
    )


@given(st.lists(SENTENCES, max_size=6).map(" ".join))
def test_offsets_slice_to_the_phrase_of_the_rule(text: str) -> None:
    for one in extract(text, RULES):
        words = tokenize(text[one.start : one.end]).words
        assert mentioned(words, one.rule_id)
        assert RULES.terms[one.rule_id].finding == one.finding


@given(st.text(max_size=400))
def test_any_text_is_read(text: str) -> None:
    for one in extract(text, RULES, asked=True):
        assert 0 <= one.start < one.end <= len(text)
        assert text[one.start : one.end].strip() == text[one.start : one.end]


@given(PLAIN, PLAIN)
def test_another_sentence_changes_nothing(text: str, other: str) -> None:
    alone = extract(text, RULES)
    together = extract(f"{text} {other}", RULES)
    assert shifted(alone, 0) == shifted(tuple(one for one in together if one.end <= len(text)), 0)
    before = extract(f"{other} {text}", RULES)
    start = len(other) + 1
    assert shifted(alone, start) == shifted(tuple(one for one in before if one.start >= start), 0)


@given(PLAIN)
def test_unrelated_words_add_no_finding(text: str) -> None:
    assert extract(f"{text} The sky was blue on that morning.", RULES) == extract(text, RULES)


@given(st.lists(SENTENCES, max_size=4).map(" ".join))
def test_case_does_not_matter_outside_of_titles(text: str) -> None:
    lower = text.lower().replace("findings:", "")
    assert shifted(extract(lower, RULES), 0) == shifted(extract(lower.upper(), RULES), 0)


@pytest.mark.parametrize(
    "unit",
    ["no pneumothorax or effusion ", "heart ", "a", "\n", "\n ", ": ", "FINDINGS: ", "FINDINGS\n", "(", ". ",
     "nodule, may represent "],
)  # fmt: skip
def test_time_is_linear(unit: str) -> None:
    """Steps of the interpreter, not seconds: a text eight times as long takes at most ten times as many."""

    def steps(size: int) -> int:
        text, count = unit * (size // len(unit)), 0

        def trace(frame: Any, event: str, _: object) -> Any:
            nonlocal count
            count += event == "line"
            return trace if "findings" in frame.f_code.co_filename else None

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            extract(text, RULES)
        finally:
            sys.settrace(before)
        return count

    steps(200)  # fills the memo of first words
    assert steps(16_000) <= 10 * steps(2_000)
