"""The reference page says what the rules say."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from research.findings import Finding, load_rules
from research.findings.fields import READERS
from research.findings.model import SAYINGS
from research.findings.phrases import expand

RULES = load_rules()
PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "findings.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", RULES.kinds.values(), ids=lambda kind: kind.id)
def test_every_finding_and_code_is_listed(kind) -> None:  # type: ignore[no-untyped-def]
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{kind.id}` | {kind.meaning} |")]
    for code in kind.codes:
        assert f"{code.scheme} {code.code} {code.meaning}: {code.match}" in row


def test_fields_tables_and_sayings_are_named() -> None:
    for name in (*(one.name for one in fields(Finding)), *READERS, *SAYINGS):
        assert f"`{name}`" in PAGE


def test_labels_are_listed() -> None:
    for label in RULES.labels:
        row = " | ".join([f"| {label.name}", ", ".join(f"`{one}`" for one in label.findings)])
        assert row in PAGE


def test_the_sample_of_a_rule_file_loads(tmp_path: Path) -> None:
    sample = PAGE.split("```toml\n")[1].split("```")[0]
    file = tmp_path / "sample.toml"
    file.write_text(sample, encoding="utf-8")
    rules = load_rules(file)
    assert rules.name == tomllib.loads(sample)["name"]
    assert "granuloma" not in rules.terms
    assert all(expand(phrase) for phrase in rules.terms["rib-notching"].phrases)
