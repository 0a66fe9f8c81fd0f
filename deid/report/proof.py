"""Hashes that let a report be archived and proven: each report over itself, a batch over its reports.

``sha256`` of a report is SHA-256 over its canonical JSON without that member: keys sorted, no blanks, UTF-8.
The links of a batch's chain are SHA-256 over the text ``<link before><sha256 of the report>``, beginning with the
``sha256`` of the batch before (empty where there is none). Whoever holds a batch's hash can tell whether a report
was changed, left out, added or moved.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    #: Gives the reports of a list, again and again.
    Stream = Callable[[], Iterator[dict[str, Any]]]

#: Members that differ between two runs over the same input.
_OF_THE_RUN = frozenset({"created", "seconds", "chain"})
_HASHES = frozenset({"sha256", "content_sha256"})


def canonical(value: Any) -> bytes:
    """The one text of a JSON value.

    Raises:
        ValueError: a number is not finite.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def manifest_sha256(manifest: Iterable[tuple[str, str]]) -> str:
    """Hash of a series' content: over the sorted (SOP Instance UID, sha256) pairs, as the catalog has it."""
    pairs = sorted([uid, sha256] for uid, sha256 in manifest)
    return hashlib.sha256(json.dumps(pairs, separators=(",", ":")).encode()).hexdigest()


def content_sha256(report: Mapping[str, Any]) -> str:
    """Hash over what a report says about the input: the same for every run over the same input.

    Times and durations are left out at every depth, and so are the hashes of reports.
    """
    return hashlib.sha256(canonical(_lasting(dict(report)))).hexdigest()


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        left_out = _OF_THE_RUN | _HASHES if {"kind", "schema"} <= value.keys() else _OF_THE_RUN
        return {
            key: _lasting(inner)
            for key, inner in value.items()
            if key not in left_out and not key.endswith("_seconds") and not key.startswith("seconds_")
        }
    return [_lasting(inner) for inner in value] if isinstance(value, list) else value


def seal(report: dict[str, Any]) -> dict[str, Any]:
    """The report with its ``content_sha256`` and ``sha256``."""
    bare = {key: value for key, value in report.items() if key not in _HASHES}
    bare["content_sha256"] = content_sha256(bare)
    return {**bare, "sha256": _own(bare)}


def seal_streamed(batch: dict[str, Any], streams: Mapping[str, Stream]) -> dict[str, Any]:
    """Seal a batch whose lists of reports are too long to be held: the hashes are those that :func:`seal` makes.

    Args:
        batch: unsealed; of what it holds under the names of ``streams`` only the number counts.
        streams: member -> a function that gives its reports once more, in their order.

    Returns:
        The batch with ``content_sha256`` and ``sha256``, its lists as they were given.
    """
    bare = {key: value for key, value in batch.items() if key not in _HASHES}
    short = {key: value for key, value in bare.items() if key not in _OF_THE_RUN}
    bare["content_sha256"] = _streamed(short, streams, _lasting)
    return {**bare, "sha256": _streamed(bare, streams, lambda value: value)}


def _streamed(
    members: Mapping[str, Any], streams: Mapping[str, Stream], shorten: Callable[[Any], Any]
) -> str:
    """SHA-256 over the canonical JSON, one report at a time."""
    digest = hashlib.sha256(b"{")
    for place, key in enumerate(sorted(members)):
        digest.update((b"," if place else b"") + canonical(key) + b":")
        if key in streams:
            for number, report in enumerate(streams[key]()):
                digest.update((b"," if number else b"[") + canonical(shorten(report)))
            digest.update(b"]" if members[key] else b"[]")
        else:
            digest.update(canonical(shorten(members[key])))
    digest.update(b"}")
    return digest.hexdigest()


def _own(report: Mapping[str, Any]) -> str:
    return hashlib.sha256(
        canonical({key: value for key, value in report.items() if key != "sha256"})
    ).hexdigest()


def chain(hashes: Iterable[str], previous: str = "") -> list[str]:
    """The links over reports' hashes, in their order."""
    links = []
    for sha256 in hashes:
        previous = hashlib.sha256(f"{previous}{sha256}".encode()).hexdigest()
        links.append(previous)
    return links


def verify_report(report: Mapping[str, Any]) -> list[str]:
    """What does not hold in a report of any kind; an empty list where it is as it was written."""
    kind, name = str(report.get("kind", "")), str(report.get("sha256", ""))[:12]
    problems = []
    if report.get("sha256") != _own(report):
        problems.append(f"The {kind} report {name} is not what its sha256 says.")
    if report.get("content_sha256") != content_sha256(report):
        problems.append(f"The content of the {kind} report {name} is not what its content_sha256 says.")
    manifest = report.get("manifest")
    if isinstance(manifest, dict) and manifest.get("sha256") != manifest_sha256(
        tuple(entry) for entry in manifest.get("objects", [])
    ):
        problems.append(f"The manifest of the {kind} report {name} is not what its sha256 says.")
    if kind == "batch":
        parts = [*report.get("series", []), *report.get("quarantine", [])]
        problems += [problem for part in parts for problem in verify_report(part)]
        told = report.get("chain", {})
        links = chain((str(part.get("sha256")) for part in parts), str(told.get("previous", "")))
        if told.get("links") != links or told.get("head") != (links[-1] if links else told.get("previous")):
            problems.append("The chain of the batch does not lead over its reports.")
    return problems
