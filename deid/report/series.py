"""The report of one series: what became of it, or why it is in quarantine."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deid import standard
from deid.exceptions import QuarantineError
from deid.findings import Finding
from deid.policy import OPTIONS
from deid.report.inputs import (
    MOST_PICTURES,
    Done,
    ReportError,
    of,
    pixel_reports,
    plain,
    series_pictures,
    shows_identity,
    size_of,
    staged,
)
from deid.report.proof import manifest_sha256, seal
from deid.report.regions import regions_of
from deid.report.samples import DRAWN, HOW, sample, sample_object
from deid.report.words import attribute, parse_tag
from deid.version import VERSION

if TYPE_CHECKING:
    from deid.exceptions import DeidError
    from deid.policy import Policy

SCHEMA = "radflow-deid-report/1"
PROFILE = "Basic Application Level Confidentiality Profile of DICOM PS3.15 Annex E"


def series_report(
    result: Done,
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
        folder: where the outputs lie; for the sample of new values and the sizes, left out without it.
        created: time of the report, now where omitted.

    Returns:
        A mapping that ``report.schema.json`` describes, sealed by its ``sha256``.
    """
    by_tag, cuts = _by_tag(of(result, "by_tag", {})), _by_tag(of(result, "cuts", {}))
    faces = of(result, "faces", None)
    pixels = pixel_reports(result)
    return seal(
        {
            "schema": SCHEMA,
            "kind": "series",
            "created": moment(created),
            "patient_alias": result.patient_alias,
            "study_uid": result.study_uid,
            "series_uid": result.series_uid,
            "objects": len(result.manifest),
            "bytes": _sizes(result, folder),
            "sop_classes": _counts(of(result, "sop_classes", {})),
            "modalities": _counts(of(result, "modalities", {})),
            "policy": policy_part(policy),
            "engine_version": result.engine_version,
            "actions": _counts(result.actions),
            "attributes": _attributes(by_tag, cuts),
            "cuts": _total(cuts.values()),
            "sample": {
                "how": HOW.format(drawn=DRAWN),
                "rows": sample(
                    by_tag,
                    result.series_uid,
                    None if folder is None else sample_object(result.manifest, folder),
                ),
            },
            "pixels": {"objects": len(pixels), "reports": _distinct(pixels)},
            "faces": None if faces is None else staged(faces)[0],
            "pictures": _pictures(result),
            "verified": findings is not None,
            "findings": _findings(findings or ()),
            "manifest": {
                "sha256": manifest_sha256(result.manifest),
                "objects": [list(entry) for entry in sorted(result.manifest)],
            },
            "seconds": plain(_seconds(of(result, "seconds", {}))),
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
    seconds: float | Mapping[str, float] | None = None,
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
            "details": [plain(str(line)) for line in of(error, "details", ())],
            "files": files if isinstance(files, int) else len(files),
            "bytes": {"original": sum(path.stat().st_size for path in paths if path.is_file())}
            if paths
            else {},
            "modalities": _counts(modalities or {}),
            "sop_classes": _counts(sop_classes or {}),
            "policy": None if policy is None else policy_part(policy),
            "engine_version": VERSION,
            "seconds": plain(_seconds(seconds or {})),
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


def _sizes(result: Done, folder: Path | None) -> dict[str, int]:
    """Bytes of originals and outputs, as far as they are known."""
    told = of(result, "sizes", {})
    sizes = dict(_counts(told)) if isinstance(told, Mapping) else {}
    if "output" not in sizes and folder is not None:
        paths = (folder / f"{uid}.dcm" for uid, _ in result.manifest)
        sizes["output"] = sum(path.stat().st_size for path in paths if path.is_file())
    return sizes


def _seconds(told: object) -> dict[str, float]:
    if isinstance(told, Mapping):
        return {str(name): round(float(value), 3) for name, value in sorted(told.items())}
    return {"cpu": round(float(told), 3)} if isinstance(told, int | float) else {}


def _counts(counts: Mapping[Any, int]) -> dict[str, int]:
    return {str(plain(str(name))): int(count) for name, count in sorted(counts.items())}


def _total(several: Any) -> dict[str, int]:
    total: Counter[str] = Counter()
    for counts in several:
        total.update(_counts(counts))
    return dict(sorted(total.items()))


def _by_tag(told: Mapping[Any, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """Counts by ``GGGG,EEEE``, however the engine spells a tag."""
    found: dict[str, Counter[str]] = {}
    for key, counts in told.items():
        tag = key if isinstance(key, int) else parse_tag(str(key))
        if tag is None:
            reason = "The engine counted something that is no attribute."
            raise ReportError(reason, "Count by tag, as GGGG,EEEE.")
        found.setdefault(f"{tag >> 16:04X},{tag & 0xFFFF:04X}", Counter()).update(_counts(counts))
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
                "actions": _counts(by_tag.get(tag, {})),
                "cuts": _counts(cuts.get(tag, {})),
            }
        )
    return rows


def _findings(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    return [{"file": one.file_number, "where": one.where, "code": one.code} for one in sorted(findings)]


def _distinct(reports: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Equal reports once, with how many objects they are about: most objects of a series are alike."""
    found: dict[str, dict[str, Any]] = {}
    for number, report in enumerate(reports, start=1):
        key = repr(sorted((name, value) for name, value in report.items() if "seconds" not in name))
        entry = found.setdefault(key, {"objects": 0, "first": number, "report": report})
        entry["objects"] += 1
    return list(found.values())


def _pictures(result: Done) -> dict[str, Any]:
    """The pictures that the page shows, by name and hash; those from before are counted only."""
    every = series_pictures(result)
    after = sorted((name for name in every if not shows_identity(name)), key=_place)
    shown = []
    for name in after[:MOST_PICTURES]:
        width, height = size_of(every[name])
        shown.append(
            {
                "name": name,
                "sha256": hashlib.sha256(every[name]).hexdigest(),
                "width": width,
                "height": height,
                "regions": regions_of(result, name, (width, height)),
            }
        )
    return {"shown": shown, "more": len(after) - len(shown), "withheld": len(every) - len(after)}


def _place(name: str) -> tuple[str, int, str]:
    """Pictures in the order of their objects, the face's after them."""
    series, _, rest = name.partition("/")
    number, _, last = rest.partition("/")
    return series, int(number) if number.isdecimal() else 1 << 31, last
