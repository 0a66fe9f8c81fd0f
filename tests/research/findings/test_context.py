"""What a sentence says of a finding. All sentences are made up for this test."""

from __future__ import annotations

import pytest

from research.findings import extract, load_rules

RULES = load_rules()


def status(text: str, finding: str) -> str:
    found = [one for one in extract(text, RULES) if one.finding == finding]
    assert len(found) == 1, (text, found)
    return found[0].status


@pytest.mark.parametrize(
    ("text", "finding", "expected"),
    [
        # negation, before, after, over lists, up to where it ends
        ("No pneumothorax.", "pneumothorax", "absent"),
        ("There is no sign of a new pneumothorax today.", "pneumothorax", "absent"),
        ("Neither consolidation nor pneumothorax can be made out.", "pneumothorax", "absent"),
        ("No consolidation, mass, or pleural effusion.", "pleural_effusion", "absent"),
        ("A pneumothorax is not seen.", "pneumothorax", "absent"),
        ("Pneumothorax has been excluded.", "pneumothorax", "absent"),
        ("The film is negative for pneumonia.", "pneumonia", "absent"),
        ("Lungs are free of consolidation.", "consolidation", "absent"),
        ("No pneumothorax but a small pleural effusion.", "pleural_effusion", "present"),
        ("No pneumothorax seen, basal atelectasis on the right.", "atelectasis", "present"),
        ("Pleural effusion without pneumothorax.", "pleural_effusion", "present"),
        ("No opacity to suggest pneumonia.", "pneumonia", "absent"),
        ("No effusion; marked cardiomegaly.", "cardiomegaly", "present"),
        ("Heart size is normal.", "cardiomegaly", "absent"),
        ("The heart is not enlarged.", "cardiomegaly", "absent"),
        ("The heart size is at the upper limit of normal.", "cardiomegaly", "absent"),
        ("The heart is markedly enlarged.", "cardiomegaly", "present"),
        ("The cardiac silhouette is enlarged.", "enlarged_cardiac_silhouette", "present"),
        ("Borderline cardiomegaly.", "cardiomegaly", "present"),
        ("No large to moderate pleural effusion.", "pleural_effusion", "absent"),
        ("Correlate clinically for pneumonia.", "pneumonia", "uncertain"),
        # words that look like negation
        ("No change in the large pleural effusion.", "pleural_effusion", "present"),
        ("No significant interval increase of the pleural effusion.", "pleural_effusion", "present"),
        ("Pneumonia cannot be excluded.", "pneumonia", "uncertain"),
        ("Cannot exclude pneumonia.", "pneumonia", "uncertain"),
        ("A small effusion is not entirely excluded.", "pleural_effusion", "uncertain"),
        # resolution
        ("Interval resolution of pulmonary edema.", "pulmonary_edema", "absent"),
        ("The right pleural effusion has resolved.", "pleural_effusion", "absent"),
        # doubt
        ("Possible pneumonia in the left base.", "pneumonia", "uncertain"),
        ("The opacity may represent pneumonia.", "pneumonia", "uncertain"),
        ("Findings worrisome for pneumonia.", "pneumonia", "uncertain"),
        ("Suspected pneumothorax.", "pneumothorax", "uncertain"),
        ("Repeat the film to rule out pneumothorax.", "pneumothorax", "uncertain"),
        ("This is consistent with pneumonia.", "pneumonia", "present"),
        ("Probable atelectasis of the lingula.", "atelectasis", "present"),
        ("Atelectasis versus scar in the left base.", "atelectasis", "present"),
        ("Scar versus atelectasis in the left base.", "atelectasis", "present"),
        ("Question atelectasis versus scar.", "atelectasis", "uncertain"),
        ("This may be compatible with atelectasis.", "atelectasis", "uncertain"),
        # the past, the family
        ("History of pneumonia.", "pneumonia", "historical"),
        ("Status post pneumothorax years back.", "pneumothorax", "historical"),
        ("The mother had emphysema.", "emphysema", "family"),
        ("Family history of pulmonary fibrosis.", "pulmonary_fibrosis", "family"),
        ("No history of pneumonia.", "pneumonia", "absent"),
    ],
)
def test_status(text: str, finding: str, expected: str) -> None:
    assert status(text, finding) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("New pleural effusion on the left.", "new"),
        ("Interval increase in the pleural effusion.", "increased"),
        ("The pleural effusion has improved.", "decreased"),
        ("Stable pleural effusion.", "unchanged"),
        ("No significant change in the pleural effusion.", "unchanged"),
        ("The pleural effusion has resolved.", "resolved"),
        ("Pleural effusion.", ""),
    ],
)
def test_comparison_with_the_prior_study(text: str, expected: str) -> None:
    assert [one.change for one in extract(text, RULES)] == [expected]


def test_certainty_is_graded() -> None:
    graded = [extract(f"{words}pneumonia.", RULES)[0].certainty for words in ("", "Probable ", "Possible ")]
    assert graded == ["definite", "probable", "possible"]


def test_the_rules_that_decided_are_named() -> None:
    one = extract("No new pneumothorax.", RULES)[0]
    assert one.rule_id == "pneumothorax"
    assert "absent-no" in one.context
    assert set(one.context) <= set(RULES.context)


def test_family_is_not_the_patient() -> None:
    one = extract("Her brother has emphysema.", RULES)[0]
    assert (one.experiencer, one.status) == ("family", "family")


def test_a_negation_does_not_leave_its_sentence() -> None:
    found = extract("No pneumothorax. Pleural effusion. Lungs show no mass.", RULES)
    assert [(one.finding, one.status) for one in found] == [
        ("pneumothorax", "absent"),
        ("pleural_effusion", "present"),
        ("lung_mass", "absent"),
    ]
