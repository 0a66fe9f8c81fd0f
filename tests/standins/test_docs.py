"""The pages about fetching say every fault, reason code, endpoint and option that there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from operators.connections import FHIR, IDC, NBIA
from research.clinical import PASSED_OVER, QUARANTINE
from research.clinical.table import COLUMNS
from research.landing import REASONS
from scripts.standins.fhir import KINDS as FHIR_KINDS
from scripts.standins.nbia import KINDS
from scripts.standins.nbia.answers import ENDPOINTS

DOCS = Path(__file__).parents[2] / "docs"
STAND_IN = (DOCS / "reference" / "nbia-standin.md").read_text("utf-8")
CLINICAL = (DOCS / "how-to" / "clinical.md").read_text("utf-8")
FHIR_STAND_IN = (DOCS / "reference" / "fhir-standin.md").read_text("utf-8")
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


@pytest.mark.parametrize("kind", FHIR_KINDS)
def test_every_fault_of_the_fhir_server_is_documented(kind: str) -> None:
    assert f"| `{kind}` | {FHIR_KINDS[kind]} |" in FHIR_STAND_IN


@pytest.mark.parametrize(
    ("code", "about"), [*((c, a[0]) for c, a in QUARANTINE.items()), *PASSED_OVER.items()]
)
def test_every_reason_of_clinical_resources_is_documented(code: str, about: str) -> None:
    assert f"| `{code}` | {about} |" in CLINICAL


@pytest.mark.parametrize("column", COLUMNS)
def test_every_column_of_a_table_is_documented(column: str) -> None:
    assert f"| `{column}` | {COLUMNS[column]} |" in CLINICAL


@pytest.mark.parametrize("field", FHIR["conn-fields"])
def test_every_field_of_a_fhir_connection_is_documented(field: str) -> None:
    label = FHIR["conn-fields"][field]["label"].partition(" (")[0].lower()
    assert f"| {label} |" in CLINICAL.lower()
