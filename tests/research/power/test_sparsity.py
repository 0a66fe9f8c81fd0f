"""The report counts patients, names thin cells, and says how many positives are lacking."""

from __future__ import annotations

from typing import Any

import pytest

from research.power import Estimate, needs, sparsity
from research.power.sparsity import FIELDS


def row(number: int, **values: Any) -> dict[str, Any]:
    return (
        dict.fromkeys(FIELDS, "x")
        | {
            "series_uid": f"s{number}", "study_uid": f"t{number}", "collection": "c", "patient_alias": f"P{number}",
            "sex": "F", "age_band": "50-59", "manufacturer": "ACME", "manifest_sha256": f"m{number}",
            "pixel_sha256": None, "tags": [], "findings": [], "has_truth": False,
        }
        | values
    )  # fmt: skip


def test_patients_not_series_are_counted() -> None:
    rows = [row(i, findings=["nodule"]) for i in range(12)]
    rows += [row(100 + i, patient_alias="P0", findings=["nodule"]) for i in range(50)]
    rows += [row(200, sex="M", findings=["nodule"], tags=["RADLEX:RID1"]), row(201, sex=None)]
    told = sparsity(rows, Estimate())
    assert (told["series_count"], told["patient_count"]) == (64, 14)
    nodule = next(one for one in told["findings"] if one["finding"] == "nodule")
    assert (nodule["positives"], nodule["negatives"], nodule["enough"]) == (13, 1, False)
    cells = told["cells"]
    assert cells["listed"][-1] == {
        "finding": "nodule", "sex": "M", "age_band": "50-59", "manufacturer": "ACME", "patient_count": 1,
    }  # fmt: skip
    assert (cells["cell_count"], cells["empty_count"], cells["small_count"]) == (6, 3, 2)
    assert all(cell["patient_count"] < 10 for cell in cells["listed"])
    assert {cell["sex"] for cell in cells["listed"]} == {"F", "M", "unknown"}


def test_missing_and_annotated() -> None:
    rows = [row(1, kvp=None, tags=["A:b"]), row(2, kvp=120.0, has_truth=True), row(3, report=False), row(4)]
    told = sparsity(rows, Estimate())
    missing = {one["field"]: one["count"] for one in told["missing"]}
    assert (missing["kvp"], missing["report"], missing["sex"]) == (1, 1, 0)
    assert told["annotated"] == {"tagged_series": 1, "truth_series": 1, "either_series": 2, "share": 0.5}


def test_duplicates() -> None:
    rows = [row(1), row(2, manifest_sha256="m1"), row(3, pixel_sha256="p"), row(4, pixel_sha256="p"), row(5)]
    twins = sparsity(rows, Estimate())["duplicates"]
    assert twins["manifest"] == [{"series_count": 2, "series_uids": ["s1", "s2"]}]
    assert twins["pixels"] == [{"series_count": 2, "series_uids": ["s3", "s4"]}]
    assert twins["pixel_hash_known"] == 2


def test_what_a_finding_needs() -> None:
    told = needs("x", 139, 139 + 400, Estimate(half_width=0.05), 10)
    assert told["positives_needed"] == 139
    assert told["negatives_needed"] == 139
    assert told["patients_needed_at_this_prevalence"] == pytest.approx(139 / (139 / 539), rel=0.01)
    assert told["enough"]
    assert not needs("x", 138, 138 + 400, Estimate(half_width=0.05), 10)["enough"]
    nobody = needs("x", 0, 100, Estimate(), 10)
    assert nobody["sensitivity_half_width"] is None
    assert not nobody["enough"]


def test_an_empty_cohort_and_a_finding_nobody_has() -> None:
    assert sparsity([], Estimate())["missing"][0]["share"] is None
    told = sparsity([row(1)], Estimate(), ["pneumonia"])
    assert told["findings"][0]["positives"] == 0
    assert told["cells"]["empty_count"] == 1
