"""A report in one row."""

from __future__ import annotations

from research.findings import extract, labels, load_rules, summarise
from research.findings.model import PRECEDENCE

RULES = load_rules()


def test_present_goes_before_everything() -> None:
    found = extract("History of pneumonia. No pneumonia in the right lung. Pneumonia on the left.", RULES)
    assert {one.status for one in found} == {"historical", "absent", "present"}
    assert summarise(found, RULES).status == {"pneumonia": "present"}


def test_every_status_has_a_place() -> None:
    assert set(PRECEDENCE) == {"present", "absent", "uncertain", "historical", "family"}


def test_lists_by_status() -> None:
    summary = summarise(extract("Emphysema. Cardiomegaly. No mass. Possible pneumonia.", RULES), RULES)
    assert summary.present == ("cardiomegaly", "emphysema")
    assert summary.having("uncertain") == ("pneumonia",)
    assert summary.having("absent") == ("lung_mass",)
    assert not summary.normal


def test_normal() -> None:
    assert summarise(extract("No pneumothorax. Heart size is normal.", RULES), RULES).normal
    assert not summarise(extract("Possible pneumonia.", RULES), RULES).normal
    assert summarise((), RULES).normal


def test_labels_of_a_set() -> None:
    def chosen(text: str) -> set[str]:
        return set(labels(extract(text, RULES), RULES, "open-i"))

    assert chosen("Cardiomegaly with a small pleural effusion.") == {"Cardiomegaly", "Effusion"}
    assert chosen("Probable atelectasis.") == {"Atelectasis"}
    assert chosen("Possible pneumonia.") == set()
    assert chosen("Pericardial effusion.") == {"Effusion"}
    assert chosen("Clear lungs.") == {"normal"}
    assert chosen("Scoliosis.") == set()
    assert chosen("HISTORY: Emphysema.\nFINDINGS: Clear lungs.") == {"normal"}
