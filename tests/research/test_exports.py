"""A cohort in other people's formats, with the terms of what it lists."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from research.cohorts import CohortError
from research.exports import COLUMNS, FORMATS, as_csv, as_fhir, as_json, as_s5cmd, as_tcia, collections
from research.sources.manifests import parse_manifest

COHORT = {
    "name": "chest", "version": 2, "english": "CT.", "criteria": {"all": []}, "criteria_sha256": "a",
    "catalog_version": 7, "cohort_sha256": "b", "grouping": None, "owner": "alice", "frozen_at": "2026-01-01",
    "attrition": [
        {"rule_no": 0, "rule_text": "All", "series_count": 9, "patient_count": 5},
        {"rule_no": 1, "rule_text": "Modality is CT", "series_count": 3, "patient_count": 2},
    ],
}  # fmt: skip


def member(uid: str, **values: Any) -> dict[str, Any]:
    return (
        dict.fromkeys(COLUMNS)
        | {
            "series_uid": uid, "study_uid": f"{uid}.0", "patient_alias": "P1", "collection": "lidc_idri",
            "state": "listed", "uri": f"s3://idc-open-data/0000{uid[-1]}abc/*", "licence": "CC BY 3.0",
            "citation_uri": "https://doi.org/10.7937/k9/tcia.2015.lo9ql9sx", "analysis_result": None,
        }
        | values
    )  # fmt: skip


LISTED = [member("1.2.1"), member("1.2.2", patient_alias="=P2")]
HERE = member(
    "2.25.3", state="released", uri="file:///store/3", collection="own", licence=None, citation_uri=None
)
DERIVED = member("1.2.4", analysis_result="x", citation_uri="https://doi.org/10.5281/zenodo.1")


def test_csv_has_all_series_and_no_formula() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(COHORT, [*LISTED, HERE]))))
    assert [row["series_uid"] for row in rows] == ["1.2.1", "1.2.2", "2.25.3"]
    assert rows[0]["cohort"] == "chest@2"
    assert rows[1]["patient_alias"] == "'=P2"
    assert set(rows[0]) == {"cohort", *COLUMNS}


def test_json_has_licences_per_collection() -> None:
    told = json.loads(as_json(COHORT, [*LISTED, HERE]))
    assert [(one["collection"], one["series_count"]) for one in told["collections"]] == [
        ("lidc_idri", 2),
        ("own", 1),
    ]
    assert told["collections"][0]["citation_uri"].startswith("https://doi.org/")
    assert len(told["members"]) == 3
    assert collections([]) == []


def test_fhir_group() -> None:
    group = json.loads(as_fhir(COHORT, [*LISTED, LISTED[0]]))
    assert (group["resourceType"], group["type"], group["actual"], group["quantity"]) == (
        "Group",
        "person",
        True,
        2,
    )
    assert group["member"][0]["entity"]["identifier"] == {
        "system": "urn:radflow:collection:lidc_idri", "value": "=P2",
    }  # fmt: skip
    assert [one["valueCodeableConcept"]["text"] for one in group["characteristic"]] == ["Modality is CT"]
    assert "member" not in json.loads(as_fhir(COHORT, []))


def test_the_manifests_are_read_back_by_our_own_reader() -> None:
    text = as_s5cmd(COHORT, [*LISTED, HERE])
    assert parse_manifest(text).addresses == tuple(row["uri"] for row in LISTED)
    assert "CC BY 3.0" in text
    text = as_tcia(COHORT, [*LISTED, HERE, DERIVED])
    assert parse_manifest(text).series == ("1.2.1", "1.2.2")
    assert "nbia.cancer" in text
    assert "nlst.cancer" in as_tcia(COHORT, [member("1.2.9", collection="nlst")])


def test_new_uids_are_in_no_manifest() -> None:
    for write in (as_s5cmd, as_tcia):
        with pytest.raises(CohortError):
            write(COHORT, [HERE])
    with pytest.raises(CohortError, match="host of its own"):
        as_tcia(COHORT, [member("1.2.9", collection="nlst"), *LISTED])


def test_an_address_that_would_be_a_second_command_is_left_out() -> None:
    text = as_s5cmd(COHORT, [LISTED[0], member("1.2.8", uri="s3://b/x\nrm s3://b/*")])
    assert text.count("\ncp ") == 1
    assert "rm" not in text


def test_every_format_has_a_type() -> None:
    assert set(FORMATS) == {"csv", "json", "fhir", "s5cmd", "tcia"}
