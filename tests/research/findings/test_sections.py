"""Sections by their titles. All reports are made up for this test."""

from __future__ import annotations

from research.findings import extract, load_rules, summarise
from research.findings.sections import find_sections
from research.findings.tokens import tokenize

RULES = load_rules()


def names(text: str) -> list[tuple[str, str]]:
    return [
        (one.name, text[one.start : one.end].strip()) for one in find_sections(text, tokenize(text), RULES)
    ]


def test_titles_at_lines_and_in_running_text() -> None:
    text = "INDICATION: Cough. FINDINGS: Clear.\nImpression: Normal."
    assert names(text) == [("indication", "Cough."), ("findings", "Clear."), ("impression", "Normal.")]


def test_titles_alone_on_their_line() -> None:
    assert names("FINDINGS\nClear lungs.\n\nIMPRESSION\nNormal.") == [
        ("findings", "Clear lungs."),
        ("impression", "Normal."),
    ]


def test_no_title_is_the_body() -> None:
    assert names("Clear lungs.") == [("body", "Clear lungs.")]
    assert names("Some words. FINDINGS: Clear.")[0] == ("body", "Some words.")


def test_a_colon_after_other_words_is_no_title() -> None:
    assert names("Heart: normal. In the left chest: a tube.") == [
        ("body", "Heart: normal. In the left chest: a tube.")
    ]


def test_the_longest_title_counts() -> None:
    assert names("CLINICAL HISTORY: Cough.") == [("history", "Cough.")]


def test_mentions_in_history_are_past() -> None:
    found = extract("HISTORY: Emphysema.\nFINDINGS: Cardiomegaly.", RULES)
    assert [(one.finding, one.status, one.section, one.temporality) for one in found] == [
        ("emphysema", "historical", "history", "historical"),
        ("cardiomegaly", "present", "findings", "current"),
    ]


def test_family_history_is_of_the_family() -> None:
    (one,) = extract("FAMILY HISTORY: Emphysema.", RULES)
    assert (one.status, one.experiencer) == ("family", "family")


def test_what_is_only_asked_is_no_finding() -> None:
    text = "INDICATION: Evaluate for pneumonia.\nFINDINGS: Clear lungs."
    assert "pneumonia" not in {one.finding for one in extract(text, RULES)}
    asked = extract(text, RULES, asked=True)
    assert [(one.finding, one.asked) for one in asked if one.finding == "pneumonia"] == [("pneumonia", True)]
    assert "pneumonia" not in summarise(asked, RULES).status


def test_technique_is_not_read() -> None:
    assert extract("TECHNIQUE: Two views to look for pneumothorax.", RULES) == ()
