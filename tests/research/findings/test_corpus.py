"""The quarter of the coded reports that was kept apart at first: the goal holds on it, and must go on to hold."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.findings import GOAL, LABEL_SET, by_status, counts, f1, held, read
from research.findings import extract, labels, load_rules
from research.findings.summary import NORMAL

FOLDER = (
    Path(os.environ.get("RADFLOW_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data")) / "reports_dev"
)


@pytest.fixture(scope="module")
def reports():  # type: ignore[no-untyped-def]
    if not FOLDER.is_dir():
        pytest.skip("the coded reports are not here (set RADFLOW_SHARED_DATA)")
    rows, names = read(FOLDER / "reports.csv", FOLDER / "findings.csv")
    return [row for row in rows if held(row.uid)], [name for name in names if name != NORMAL]


def test_micro_f1_of_the_label_set(reports) -> None:  # type: ignore[no-untyped-def]
    rows, names = reports
    rules = load_rules()
    found = [labels(extract(row.text, rules), rules, LABEL_SET) for row in rows]
    assert f1(counts(found, rows, names).sum(axis=(0, 1))) >= GOAL


def test_micro_f1_of_findings_that_are_present(reports) -> None:  # type: ignore[no-untyped-def]
    rows, names = reports
    rules = load_rules()
    assert f1(counts([by_status(row, rules) for row in rows], rows, names).sum(axis=(0, 1))) >= GOAL
