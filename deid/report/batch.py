"""The report of a batch: its verdict, its totals, and its reports chained by their hashes."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deid.findings import FINDINGS
from deid.report.inputs import ReportError
from deid.report.proof import chain, seal
from deid.report.series import SCHEMA, moment
from deid.report.words import many

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime


def batch_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of the three kinds of report."""
    schema: dict[str, Any] = json.loads(Path(__file__).with_name("report.schema.json").read_text("utf-8"))
    return schema


def batch_report(
    reports: Iterable[dict[str, Any]], *, name: str = "", previous: str = "", created: datetime | None = None
) -> dict[str, Any]:
    """One report over those of its series.

    Args:
        reports: of :func:`deid.report.series_report` and :func:`deid.report.quarantine_report`, in any order.
        name: what the batch is called; no identity.
        previous: ``sha256`` of the batch before, to chain batches; empty for none.
        created: time of the report, now where omitted.

    Returns:
        A mapping that ``report.schema.json`` describes. ``chain`` goes over the series in the order of their
        UIDs, then the quarantine in that of its numbers.

    Raises:
        ReportError: an entry is no report of a series.
    """
    return seal(unsealed(reports, name, previous, created))


def unsealed(
    reports: Iterable[Mapping[str, Any]], name: str, previous: str, created: datetime | None
) -> dict[str, Any]:
    """As :func:`batch_report`, without its hashes."""
    done: list[Mapping[str, Any]] = []
    refused: list[Mapping[str, Any]] = []
    for report in reports:
        kind = report.get("kind")
        if kind not in ("series", "quarantine") or "sha256" not in report:
            reason = "A batch holds reports of series and of quarantine only."
            raise ReportError(reason, "Give what series_report and quarantine_report returned.")
        (done if kind == "series" else refused).append(report)
    done.sort(key=lambda report: (report["series_uid"], report["content_sha256"]))
    refused.sort(key=lambda report: (report["number"] or 0, report["code"], report["content_sha256"]))
    parts = [*done, *refused]
    links = chain((report["sha256"] for report in parts), previous)
    return {
        "schema": SCHEMA,
        "kind": "batch",
        "created": moment(created),
        "name": name,
        "verdict": verdict(done, refused),
        "policies": _policies(parts),
        "engine_versions": sorted({report["engine_version"] for report in parts}),
        "actions": _sum(report["actions"] for report in done),
        "outcomes": _sum(report["outcomes"] for report in done),
        "cuts": _sum(report["cuts"] for report in done),
        "seconds": _seconds(parts),
        "series": done,
        "quarantine": refused,
        "chain": {
            "algorithm": "sha256(link before + sha256 of the report), hexadecimal text",
            "previous": previous,
            "links": links,
            "head": links[-1] if links else previous,
        },
    }


def verdict(done: list[Mapping[str, Any]], refused: list[Mapping[str, Any]]) -> dict[str, Any]:
    """What a reader wants to know first, in numbers and in one paragraph.

    ``passed`` is true when every series that went through was verified without a finding. Series in quarantine do
    not count against it: nothing of them was written.
    """
    objects = sum(report["objects"] for report in done)
    findings = Counter(finding["code"] for report in done for finding in report["findings"])
    unverified = sum(not report["verified"] for report in done)
    reasons = Counter(report["code"] for report in refused)
    return {
        "passed": bool(done) and not findings and not unverified,
        "series": len(done),
        "objects": objects,
        "patients": len({report["patient_alias"] for report in done}),
        "quarantined": len(refused),
        "quarantined_files": sum(report["files"] for report in refused),
        "by_reason": dict(sorted(reasons.items())),
        "findings": sum(findings.values()),
        "findings_by_code": dict(sorted(findings.items())),
        "unverified": unverified,
        "english": _english(done, refused, objects, findings, unverified),
    }


def _english(
    done: list[Mapping[str, Any]],
    refused: list[Mapping[str, Any]],
    objects: int,
    findings: Counter[str],
    unverified: int,
) -> list[str]:
    lines = []
    if done:
        what = many(len(done), "series", "series")
        was = "was" if len(done) == 1 else "were"
        lines.append(f"{what} with {many(objects, 'object')} {was} de-identified.")
    else:
        lines.append("No series was de-identified.")
    if unverified:
        lines.append(f"{many(unverified, 'series', 'series')} of these the verifier did not search.")
    if findings:
        told = ", ".join(f"{FINDINGS.get(code, code)} ({count})" for code, count in sorted(findings.items()))
        lines.append(f"The verifier found what should not be there: {told}.")
    elif len(done) > unverified:
        lines.append("The verifier found nothing of the originals in what it searched.")
    if refused:
        was, them = ("is", "it") if len(refused) == 1 else ("are", "them")
        lines.append(
            f"{many(len(refused), 'series', 'series')} {was} in quarantine; nothing of {them} was written."
        )
    return lines


def _policies(parts: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    found = {report["policy"]["sha256"]: report["policy"] for report in parts if report["policy"]}
    return [found[sha256] for sha256 in sorted(found)]


def _sum(several: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for counts in several:
        total.update(counts)
    return dict(sorted(total.items()))


def _seconds(parts: list[Mapping[str, Any]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for report in parts:
        for name, value in report["seconds"].items():
            total[name] = round(total.get(name, 0.0) + value, 3)
    return dict(sorted(total.items()))
