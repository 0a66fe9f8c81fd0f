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
        # the many ways in which people write
        ("Pneumothorax: none.", "pneumothorax", "absent"),
        ("Pleural effusion: absent", "pleural_effusion", "absent"),
        ("Effusions: None.", "pleural_effusion", "absent"),
        ("PLEURA: No effusion.", "pleural_effusion", "absent"),
        ("There is no longer a pneumothorax.", "pneumothorax", "absent"),
        ("The previously seen effusion has resolved.", "pleural_effusion", "absent"),
        ("Effusion seen on the prior study is no longer present.", "pleural_effusion", "absent"),
        ("The prior pneumonia has cleared.", "pneumonia", "absent"),
        ("Patient with h/o pneumonia.", "pneumonia", "historical"),
        ("s/p pneumothorax last year", "pneumothorax", "historical"),
        ("Opacities c/w pneumonia.", "pneumonia", "present"),
        ("Lungs w/o consolidation.", "consolidation", "absent"),
        ("Pneumonia is unlikely.", "pneumonia", "absent"),
        ("Unlikely to represent pneumonia.", "pneumonia", "absent"),
        ("Atelectasis rather than pneumonia.", "pneumonia", "uncertain"),
        ("Atelectasis rather than pneumonia.", "atelectasis", "present"),
        ("Atelectasis, less likely pneumonia.", "atelectasis", "present"),
        ("Atelectasis, less likely pneumonia.", "pneumonia", "uncertain"),
        ("Pneumonia is felt to be less likely.", "pneumonia", "uncertain"),
        ("Likely atelectasis, though pneumonia is possible.", "pneumonia", "uncertain"),
        ("Likely atelectasis, though pneumonia is possible.", "atelectasis", "present"),
        ("Pneumothorax has not recurred.", "pneumothorax", "absent"),
        ("The previously noted left effusion is not seen today.", "pleural_effusion", "absent"),
        ("?pneumonia at the left base.", "pneumonia", "uncertain"),
        ("- No effusion\n- Cardiomegaly\n", "cardiomegaly", "present"),
        ("No effusion\nCardiomegaly\n", "cardiomegaly", "present"),
        ("1) No effusion 2) Cardiomegaly", "cardiomegaly", "present"),
        (
            "There is no evidence of a pneumothorax or of any\nlarge pleural effusion.",
            "pleural_effusion",
            "absent",
        ),
        ("Indication: cough Findings: cardiomegaly Impression: pneumonia", "pneumonia", "present"),
        ("Indication: pneumonia Findings: clear", "pneumonia", "historical"),
        ("No focal consolidation, pneumothorax, pleural effusion or cardiomegaly.", "cardiomegaly", "absent"),
        ("No effusion, but cardiomegaly.", "cardiomegaly", "present"),
        ("Father died of emphysema.", "emphysema", "family"),
        ("Patient's sister was treated for pneumonia.", "pneumonia", "family"),
        ("Patient has emphysema like her mother.", "emphysema", "present"),
        ("No cardiomegaly.", "cardiomegaly", "absent"),
        ("Heart is not enlarged", "cardiomegaly", "absent"),
        ("Cardiomegaly has resolved", "cardiomegaly", "absent"),
        ("Nodule is stable since 2015.", "lung_nodule", "present"),
        ("If clinically concerned for pneumonia, consider CT.", "pneumonia", "uncertain"),
        ("Emphysema without pneumothorax or effusion.", "emphysema", "present"),
        ("Emphysema without pneumothorax or effusion.", "pleural_effusion", "absent"),
        ("Pulmonary edema has improved but persists.", "pulmonary_edema", "present"),
        ("Near complete resolution of right pleural effusion.", "pleural_effusion", "absent"),
        ("No interval development of pneumothorax.", "pneumothorax", "absent"),
        ("Development of a new right pneumothorax.", "pneumothorax", "present"),
        ("Mild pulmonary oedema.", "pulmonary_edema", "present"),
        (
            "Bilateral pleural effusions, left greater than right, with no pneumothorax.",
            "pleural_effusion",
            "present",
        ),
        (
            "Bilateral pleural effusions, left greater than right, with no pneumothorax.",
            "pneumothorax",
            "absent",
        ),
        ("Pleural effusions are small and there is no pneumothorax.", "pleural_effusion", "present"),
        ("No definite evidence for pneumonia.", "pneumonia", "absent"),
        ("Patient is status post treatment for pneumonia.", "pneumonia", "historical"),
        ("Clinical history: rule out pneumonia. Findings: There is pneumonia.", "pneumonia", "present"),
        ("Cannot rule out small pneumothorax.", "pneumothorax", "uncertain"),
        ("Pneumonia not excluded.", "pneumonia", "uncertain"),
        ("Findings are not suggestive of pneumonia.", "pneumonia", "absent"),
        ("Findings do not suggest pulmonary edema.", "pulmonary_edema", "absent"),
        ("Absence of pleural effusion.", "pleural_effusion", "absent"),
        ("The lungs are without consolidation.", "consolidation", "absent"),
        ("Resolved pneumonia.", "pneumonia", "absent"),
        ("Suspicion of pneumonia.", "pneumonia", "uncertain"),
        ("Old granulomatous disease. Remote history of pneumothorax.", "pneumothorax", "historical"),
        ("No pleural effusion is seen and the heart is enlarged.", "cardiomegaly", "present"),
        ("No pneumothorax is identified, and there is moderate cardiomegaly.", "cardiomegaly", "present"),
        ("Lung volumes are low with atelectasis but no pneumonia.", "atelectasis", "present"),
        ("Neither pneumothorax nor effusion.", "pneumothorax", "absent"),
        ("Acute pulmonary embolism.", "pulmonary_embolism", "present"),
        ("Ground-glass opacities in both lungs.", "ground_glass_opacity", "present"),
        ("No nodule or mass. Emphysema present.", "emphysema", "present"),
        ("Evidence of emphysema.", "emphysema", "present"),
        ("No acute pneumonia.", "pneumonia", "absent"),
        ("Pneumothorax is no longer visualised.", "pneumothorax", "absent"),
        ("Right pneumothorax, unchanged in size.", "pneumothorax", "present"),
        ("Interstitial oedema cannot be entirely excluded.", "pulmonary_edema", "uncertain"),
        ("The pneumonia seen in March has completely resolved.", "pneumonia", "absent"),
        ("There are findings of pulmonary edema.", "pulmonary_edema", "present"),
        ("Pneumothorax not identified", "pneumothorax", "absent"),
        ("Effusion, no; pneumothorax, yes.", "pneumothorax", "present"),
        ("Could be due to pneumonia.", "pneumonia", "uncertain"),
        ("Opacity due to pneumonia", "pneumonia", "present"),
        ("Opacity possibly due to pneumonia", "pneumonia", "uncertain"),
        ("No change in cardiomegaly and no new effusion", "pleural_effusion", "absent"),
        ("No change in cardiomegaly and no new effusion", "cardiomegaly", "present"),
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
