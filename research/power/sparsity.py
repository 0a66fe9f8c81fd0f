"""What a cohort lacks before an experiment: missing values, thin cells, too few positives, duplicates, annotation.

Patients are counted, since series of one patient are no independent cases. n < 10 is called small, as is usual where
single people could be recognised in a table, and where an estimate says little.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from research.power.sample_size import (
    Estimate,
    cases_for_auc,
    cases_for_proportion,
    cases_for_sensitivity,
    prediction_model_size,
    wilson_half_width,
)

Row = Mapping[str, Any]
SMALL_CELL = 10
MOST_LISTED = 500
AXES = ("sex", "age_band", "manufacturer")
UNKNOWN = "unknown"
FIELDS = (
    "sex", "age_band", "manufacturer", "manufacturer_model", "body_part", "study_date", "slice_thickness_mm", "kvp",
    "exposure_mas", "convolution_kernel", "series_description", "licence", "report",
)  # fmt: skip


def sparsity(
    rows: Sequence[Row], estimate: Estimate, findings: Sequence[str] = (), parameters: int = 10
) -> dict[str, Any]:
    """The report, as JSON has it.

    Args:
        rows: one per series, with ``series_uid``, ``study_uid``, ``collection``, ``patient_alias``, the fields of
            ``FIELDS``, ``manifest_sha256``, ``pixel_sha256`` (or None), ``tags`` and ``findings`` (present ones of its
            study), ``has_truth``.
        estimate: what is expected of a model, and the precision that the experiment declares.
        findings: those that the experiment is about; all that occur where there are none.
        parameters: candidate parameters of a prediction model, for Riley's criteria.

    Raises:
        ValueError: expectations that are no fractions.
    """
    patients = _patients(rows)
    seen = Counter(finding for one in patients.values() for finding in one["findings"])
    wanted = list(dict.fromkeys(findings)) or [
        name for name, _ in sorted(seen.items(), key=lambda x: (-x[1], x[0]))
    ]
    return {
        "series_count": len(rows),
        "study_count": len({row["study_uid"] for row in rows}),
        "patient_count": len(patients),
        "declared": vars(estimate),
        "missing": [_missing(rows, name) for name in FIELDS],
        "findings": [needs(name, seen[name], len(patients), estimate, parameters) for name in wanted],
        "cells": _cells(patients.values(), wanted),
        "duplicates": {
            "manifest": _twins(rows, "manifest_sha256"),
            "pixels": _twins(rows, "pixel_sha256"),
            "pixel_hash_known": sum(1 for row in rows if row["pixel_sha256"]),
        },
        "annotated": {
            "tagged_series": sum(1 for row in rows if row["tags"]),
            "truth_series": sum(1 for row in rows if row["has_truth"]),
            "either_series": sum(1 for row in rows if row["tags"] or row["has_truth"]),
            "share": sum(1 for row in rows if row["tags"] or row["has_truth"]) / len(rows) if rows else None,
        },
    }


def needs(finding: str, positives: int, patients: int, estimate: Estimate, parameters: int) -> dict[str, Any]:
    """Positives of one finding against what the declared precision needs, all counted in patients."""
    negatives = patients - positives
    told: dict[str, Any] = {
        "finding": finding,
        "positives": positives,
        "negatives": negatives,
        "positives_needed": cases_for_proportion(estimate.sensitivity, estimate.half_width, estimate.level),
        "negatives_needed": cases_for_proportion(estimate.specificity, estimate.half_width, estimate.level),
        "sensitivity_half_width": None,
        "patients_needed_at_this_prevalence": None,
        "auc_positives_needed": None,
        "prediction_model": None,
    }
    if positives:
        told["sensitivity_half_width"] = wilson_half_width(
            estimate.sensitivity * positives, positives, estimate.level
        )
    if positives and negatives:
        told["patients_needed_at_this_prevalence"] = cases_for_sensitivity(
            estimate.sensitivity, estimate.half_width, positives / patients, estimate.level
        )
        told["auc_positives_needed"] = cases_for_auc(
            estimate.auc, estimate.half_width, negatives / positives, estimate.level
        )[0]
        told["prediction_model"] = vars(prediction_model_size(parameters, positives / patients))
    told["enough"] = (
        positives >= told["positives_needed"]
        and negatives >= told["negatives_needed"]
        and positives >= (told["auc_positives_needed"] or 0)
    )
    return told


def _patients(rows: Sequence[Row]) -> dict[tuple[str, str], dict[str, Any]]:
    """Per patient the findings of all series, and the first known value of each axis in the order of the rows."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        key = (str(row["collection"]), str(row["patient_alias"]))
        one = found.setdefault(key, {"findings": set(), **dict.fromkeys(AXES, UNKNOWN)})
        one["findings"].update(row["findings"], row["tags"])
        for axis in AXES:
            if one[axis] == UNKNOWN and row[axis] not in (None, ""):
                one[axis] = str(row[axis])
    return found


def _missing(rows: Sequence[Row], name: str) -> dict[str, Any]:
    count = sum(1 for row in rows if row[name] in (None, "", False))
    return {"field": name, "count": count, "share": count / len(rows) if rows else None}


def _cells(patients: Iterable[Mapping[str, Any]], findings: Sequence[str]) -> dict[str, Any]:
    counts: Counter[tuple[str, ...]] = Counter()
    levels: dict[str, set[str]] = defaultdict(set)
    for one in patients:
        place = tuple(one[axis] for axis in AXES)
        for axis, level in zip(AXES, place, strict=True):
            levels[axis].add(level)
        for finding in findings:
            if finding in one["findings"]:
                counts[(finding, *place)] += 1
    whole = len(findings)
    for axis in AXES:
        whole *= len(levels[axis])
    small = sorted((n, cell) for cell, n in counts.items() if n < SMALL_CELL)
    empty = itertools.islice(
        (
            cell
            for cell in itertools.product(findings, *(sorted(levels[axis]) for axis in AXES))
            if cell not in counts
        ),
        max(0, MOST_LISTED - len(small)),
    )
    listed = [(0, cell) for cell in empty] + small
    return {
        "axes": ["finding", *AXES],
        "threshold": SMALL_CELL,
        "cell_count": whole,
        "empty_count": whole - len(counts),
        "small_count": len(small),
        "listed": [
            dict(zip(("finding", *AXES), cell, strict=True)) | {"patient_count": n}
            for n, cell in listed[:MOST_LISTED]
        ],
    }


def _twins(rows: Sequence[Row], name: str) -> list[dict[str, Any]]:
    """Groups of series with one hash, the largest first."""
    groups: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row[name]:
            groups[str(row[name])].append(str(row["series_uid"]))
    twins = sorted((uids for uids in groups.values() if len(uids) > 1), key=lambda uids: (-len(uids), uids))
    return [{"series_count": len(uids), "series_uids": sorted(uids)[:20]} for uids in twins[:MOST_LISTED]]
