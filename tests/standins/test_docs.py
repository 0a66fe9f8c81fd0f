"""The pages about fetching say every fault, reason code, endpoint and option that there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from operators.connections import IDC, NBIA
from research.landing import REASONS
from scripts.standins.nbia import KINDS
from scripts.standins.nbia.answers import ENDPOINTS

DOCS = Path(__file__).parents[2] / "docs"
STAND_IN = (DOCS / "reference" / "nbia-standin.md").read_text("utf-8")
FETCH = (DOCS / "how-to" / "fetch.md").read_text("utf-8")


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_is_documented(kind: str) -> None:
    assert f"| `{kind}` | {KINDS[kind]} |" in STAND_IN


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_endpoint_is_documented(endpoint: str) -> None:
    assert f"`{endpoint}`" in STAND_IN


@pytest.mark.parametrize("code", REASONS)
def test_every_reason_is_documented(code: str) -> None:
    assert f"| `{code}` | {REASONS[code]}" in FETCH


@pytest.mark.parametrize("field", NBIA["conn-fields"] | IDC["conn-fields"])
def test_every_field_of_the_connections_is_documented(field: str) -> None:
    label = (NBIA["conn-fields"] | IDC["conn-fields"])[field]["label"].removesuffix(" (s)").lower()
    assert f"| {label} |" in FETCH.lower()
