"""The report of one series: what became of it, or why it is in quarantine."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydicom.uid import UID

from deid import standard
from deid.exceptions import QuarantineError
from deid.findings import FINDINGS, Finding
from deid.policy import OPTIONS
from deid.report.inputs import (
    MOST_PICTURES,
    ReportError,
    plain,
    series_pictures,
    shows_identity,
    size_of,
)
from deid.report.proof import manifest_sha256, seal
from deid.report.regions import number_of, regions_of
from deid.report.samples import DRAWN, HOW, image_size, sample, sample_object
from deid.report.words import attribute, parse_tag
from deid.rules import RuleTable
from deid.version import VERSION

if TYPE_CHECKING:
    from deid.exceptions import DeidError
    from deid.policy import Policy
    from deid.series import SeriesResult

SCHEMA = "radflow-deid-report/1"
#: What all private attributes together are called.
PRIVATE = "private"
PROFILE = "Basic Application Level Confidentiality Profile of DICOM PS3.15 Annex E"


def series_report(
    result: SeriesResult,
    policy: Policy,
    *,
    findings: Sequence[Finding] | None,
    folder: Path | None = None,
    created: datetime | None = None,
) -> dict[str, Any]:
    """What was done to a series that went through, as JSON without identity.

    Args:
        result: the engine's; its ``identity`` is never looked at.
        policy: the policy it was done under.
        findings: the verifier's; empty when it found nothing, None when it did not run.
        folder: where the outputs lie, for the sample of new values; without it the sample shows none.
        created: time of the report, now where omitted.

    Returns:
        A mapping that ``report.schema.json`` describes, sealed by its ``sha256``.

    Raises:
        ReportError: the result names something that is no attribute, or a picture that is no PNG.
    """
    by_tag, cuts = _by_tag(result.by_tag), _by_tag(result.cuts)
    pixels = [plain(dict(report)) for report in result.pixels]
    main = max(result.sop_classes, key=lambda uid: (result.sop_classes[uid], uid), default="")
    file = None if folder is None else sample_object(result.manifest, folder)
    return seal(
        {
            "schema": SCHEMA,
            "kind": "series",
            "created": moment(created),
            "patient_alias": result.patient_alias,
            "study_uid": result.study_uid,
            "series_uid": result.series_uid,
            "objects": len(result.manifest),
            "mended": result.mended,
            "bytes": {"original": result.bytes_in, "output": result.bytes_out},
            "sop_classes": _counts({UID(uid).name: count for uid, count in result.sop_classes.items()}),
            "modalities": _counts({result.modality: len(result.manifest)} if result.modality else {}),
            "policy": policy_part(policy),
            "engine_version": result.engine_version,
            "actions": _counts(result.actions),
            "outcomes": _total(by_tag.values()),
            "attributes": _attributes(by_tag, cuts),
            "cuts": _total(cuts.values()),
            "sample": {
                "how": HOW.format(drawn=DRAWN),
                "rows": sample(by_tag, result.series_uid, file, RuleTable(policy, main) if main else None),
            },
            "pixels": {**_searched(pixels), "reports": _distinct(pixels)},
            "faces": plain(dict(result.faces)) or None,
            "pictures": _pictures(result, None if file is None else image_size(file)),
            "verified": findings is not None,
            "findings": _findings(findings or ()),
            "manifest": {
                "sha256": manifest_sha256(result.manifest),
                "objects": [list(entry) for entry in sorted(result.manifest)],
            },
            "seconds": {"cpu": round(result.cpu_seconds, 3)},
        }
    )


def quarantine_report(
    error: QuarantineError | DeidError,
    files: int | Sequence[Path],
    *,
    policy: Policy | None = None,
    number: int | None = None,
    modalities: Mapping[str, int] | None = None,
    sop_classes: Mapping[str, int] | None = None,
    seconds: float | None = None,
    created: datetime | None = None,
) -> dict[str, Any]:
    """Why a series went to quarantine and what a person can do, as JSON without identity.

    Args:
        error: what the engine raised.
        files: how many files it had, or the files themselves: their names are not told, their sizes are.
        policy: the policy, where one was read.
        number: number of the series by which a person finds it: its place in the run, or its number of
            ``landing.received_series``.
        modalities: how many objects of which modality, where known.
        sop_classes: the same by name of the SOP class.
        seconds: CPU time, where measured.
        created: time of the report, now where omitted.
    """
    paths = () if isinstance(files, int) else files
    return seal(
        {
            "schema": SCHEMA,
            "kind": "quarantine",
            "created": moment(created),
            "number": number,
            "code": error.code,
            "reason": error.reason,
            "instruction": error.instruction,
            "details": [plain(str(line)) for line in getattr(error, "details", ())],
            "files": files if isinstance(files, int) else len(files),
            "bytes": {"original": sum(path.stat().st_size for path in paths if path.is_file())}
            if paths
            else {},
            "modalities": _counts(modalities or {}),
            "sop_classes": _counts(sop_classes or {}),
            "policy": None if policy is None else policy_part(policy),
            "engine_version": VERSION,
            "seconds": {} if seconds is None else {"cpu": round(seconds, 3)},
        }
    )


def policy_part(policy: Policy) -> dict[str, Any]:
    """Name, hash, options and the whole policy in English."""
    return {
        "name": policy.name,
        "title": policy.title,
        "sha256": policy.sha256,
        "profile": PROFILE,
        "edition": standard.edition(),
        "options": [
            {
                "option": option,
                "code": OPTIONS[option][0],
                "meaning": OPTIONS[option][1],
                "english": OPTIONS[option][2],
            }
            for option in sorted(policy.options)
        ],
        "english": policy.describe(),
    }


def moment(created: datetime | None) -> str:
    """A time as ISO 8601 in UTC, to the second."""
    return (created or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _counts(counts: Mapping[Any, int]) -> dict[str, int]:
    return {str(plain(str(name))): int(count) for name, count in sorted(counts.items())}


def _total(several: Any) -> dict[str, int]:
    total: Counter[str] = Counter()
    for counts in several:
        total.update(_counts(counts))
    return dict(sorted(total.items()))


def _by_tag(told: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """Counts by ``GGGG,EEEE``, however a tag is spelt, or :data:`PRIVATE`."""
    found: dict[str, Counter[str]] = {}
    for key, counts in told.items():
        tag = parse_tag(key)
        if tag is None and key != PRIVATE:
            reason = "The engine counted something that is no attribute."
            raise ReportError(reason, "Count by tag, as GGGG,EEEE, or by the word private.")
        name = key if tag is None else f"{tag >> 16:04X},{tag & 0xFFFF:04X}"
        found.setdefault(name, Counter()).update(_counts(counts))
    return {tag: dict(sorted(found[tag].items())) for tag in sorted(found)}


def _attributes(
    by_tag: Mapping[str, Mapping[str, int]], cuts: Mapping[str, Mapping[str, int]]
) -> list[dict[str, Any]]:
    rows = []
    for tag in sorted(by_tag.keys() | cuts.keys()):
        keyword, name = attribute(parse_tag(tag))
        rows.append(
            {
                "tag": tag,
                "keyword": keyword,
                "name": name,
                "outcomes": _counts(by_tag.get(tag, {})),
                "cuts": _counts(cuts.get(tag, {})),
            }
        )
    return rows


def _findings(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    return [
        {
            "file": one.file_number,
            "where": one.where,
            "code": one.code,
            "meaning": FINDINGS.get(one.code, one.code),
        }
        for one in sorted(findings)
    ]


def _distinct(reports: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Equal reports once, with how many objects they are about: most objects of a series are alike."""
    found: dict[str, dict[str, Any]] = {}
    for number, report in enumerate(reports, start=1):
        key = repr(sorted((name, value) for name, value in report.items() if "seconds" not in name))
        entry = found.setdefault(key, {"objects": 0, "first": number, "report": report})
        entry["objects"] += 1
    return list(found.values())


def _searched(reports: list[dict[str, Any]]) -> dict[str, int]:
    """What the pixel stage did, over all objects that it looked at."""

    def total(key: str) -> int:
        return sum(value for report in reports if isinstance(value := report.get(key), int))

    found = (report.get("found") for report in reports)
    return {
        "objects": len(reports),
        "touched": sum(bool(report.get("touched")) for report in reports),
        "frames": total("frames"),
        "frames_touched": total("touched"),
        "texts": sum(sum(counts.values()) for counts in found if isinstance(counts, dict)),
        "fixed_regions": total("fixed_regions"),
        "kept": total("kept"),
    }


def _pictures(result: SeriesResult, image: tuple[int, int] | None) -> dict[str, Any]:
    """The pictures that the page shows, by name and hash; those from before are counted only."""
    every = series_pictures(result)
    after = [name for name in every if not shows_identity(name)]
    shown = []
    for name in after[:MOST_PICTURES]:
        size, number = size_of(every[name]), number_of(name)
        known = number is not None and 1 <= number <= len(result.pixels)
        report = result.pixels[number - 1] if known and number is not None else {}
        shown.append(
            {
                "name": name,
                "sha256": hashlib.sha256(every[name]).hexdigest(),
                "width": size[0],
                "height": size[1],
                "object": number,
                "regions": regions_of(plain(dict(report)), name, size, image),
            }
        )
    return {"shown": shown, "more": len(after) - len(shown), "withheld": len(every) - len(after)}
