"""Files of the landing zone: what is in them, where each resource begins, and reading one of them again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from research.clinical import fhir, hl7, oru, table
from research.clinical.model import ClinicalError, Format, Kind, Parsed, resource_key

FORMATS: dict[str, Format] = {
    ".ndjson": "fhir", ".jsonl": "fhir", ".csv": "csv", ".hl7": "hl7", ".oru": "hl7", ".msg": "hl7",
}  # fmt: skip
_LONGEST = 1 << 26  # bytes of one resource
_LONGEST_HL7 = 1 << 28  # bytes of one file of messages


@dataclass(frozen=True)
class Landed:
    """One resource in a file. ``problem`` is a code of :data:`research.clinical.model.QUARANTINE`, or empty."""

    kind: Kind
    resource_key: str
    patient_key: str | None
    sha256: str
    position: int
    byte_count: int
    problem: str = ""


def format_of(path: Path) -> Format | None:
    """The format that a file's name means."""
    return FORMATS.get(path.suffix.lower())


def scan(path: Path, source: str) -> Iterator[Landed]:
    """Every resource of a file, in its order, in bounded memory (a file of HL7 messages is held whole).

    Raises:
        ClinicalError: the file as a whole means nothing (a CSV without its columns, an unknown name).
    """
    kind = format_of(path)
    with path.open("rb") as file:
        if kind == "fhir":
            yield from _ndjson(file, source)
        elif kind == "csv":
            yield from _table(file, source)
        elif kind == "hl7":
            yield from _messages(file, source)
        else:
            code = "unreadable"
            raise ClinicalError(code, "the file's name says no known format")


def _ndjson(file: BinaryIO, source: str) -> Iterator[Landed]:
    position = 0
    for line in file:
        start, position = position, position + len(line)
        raw = line.rstrip(b"\r\n")
        if not raw.strip():
            continue
        resource = _resource(raw)
        if resource is None:
            yield _problem("unreadable", source, raw, start)
            continue
        kind = fhir.KINDS.get(str(resource.get("resourceType")))
        if kind is None:
            continue  # a type that the catalog has no place for
        if not isinstance(resource.get("id"), str):
            yield _problem("bad-value", source, raw, start)
            continue
        name = f"{resource['resourceType']}/{resource['id']}"
        patient = fhir.reference(resource.get("subject"))
        yield Landed(
            kind, resource_key(source, name),
            resource_key(source, patient) if patient.startswith(("Patient/", "urn:uuid:")) else None,
            _canonical(resource), start, len(raw), "" if kind == "patient" or patient else "no-patient",
        )  # fmt: skip


def _resource(raw: bytes) -> dict[str, Any] | None:
    if len(raw) > _LONGEST:
        return None
    try:
        found = json.loads(raw)
        if b"\\u" in raw:  # half a surrogate pair is no character
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    if b"\\u0000" in raw:
        return None
    return found if isinstance(found, dict) else None


def _table(file: BinaryIO, source: str) -> Iterator[Landed]:
    names: list[str] | None = None
    for start, line in table.spans(file):
        raw = line.rstrip(b"\r\n")
        if names is None:
            names = table.head(raw)
            continue
        try:
            cells = table.row(raw, names)
        except ClinicalError as error:
            yield _problem(error.code, source, raw, start)
            continue
        kind = cells.get("kind", "").lower() or "report"
        found: Kind = (
            "observation" if kind == "observation" else "condition" if kind == "condition" else "report"
        )
        if not cells["record_id"]:
            yield _problem("bad-value", source, raw, start)
            continue
        yield Landed(
            found, resource_key(source, f"row/{cells['record_id']}"), None, _sha(raw), start, len(raw)
        )


def _messages(file: BinaryIO, source: str) -> Iterator[Landed]:
    data = file.read(_LONGEST_HL7 + 1)
    found = list(hl7.spans(data)) if len(data) <= _LONGEST_HL7 else []
    if not found:
        code = "unreadable"
        raise ClinicalError(code, "no message in it, or too many")
    for start, length in found:
        raw = data[start : start + length]
        try:
            key = oru.key_of(raw)
        except ClinicalError as error:
            yield _problem(error.code, source, raw, start)
            continue
        yield Landed("message", resource_key(source, key), None, _sha(raw), start, length)


def _problem(code: str, source: str, raw: bytes, start: int) -> Landed:
    """What cannot be named is named by its content."""
    return Landed(
        "message", resource_key(source, f"bytes/{_sha(raw)}"), None, _sha(raw), start, max(1, len(raw)), code
    )


def _canonical(resource: dict[str, Any]) -> str:
    """Hash of what a resource says, however it is spaced and ordered: search and export write it differently."""
    return _sha(json.dumps(resource, sort_keys=True, separators=(",", ":")).encode())


def _sha(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


class Reader:
    """Reads single resources of one file.

    Args:
        path: the file as it was scanned.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._format = format_of(path)
        self._names = self._head() if self._format == "csv" else []

    def _head(self) -> list[str]:
        _, first = next(table.spans(self._file))
        return table.head(first.rstrip(b"\r\n"))

    def parsed(self, position: int, byte_count: int, sha256: str) -> Parsed:
        """What the resource at a place says.

        Raises:
            ClinicalError: it cannot be used, or its bytes are not those that were received (``unreadable``).
            PassedOverError: it is not for the catalog.
        """
        self._file.seek(position)
        raw = self._file.read(byte_count)
        resource = _resource(raw) if self._format == "fhir" else None
        if sha256 != (_canonical(resource) if resource is not None else _sha(raw)):
            code = "unreadable"
            raise ClinicalError(code, "the file is not what it was when it was received")
        if resource is not None:
            return fhir.parse(resource)
        return table.parse(raw, self._names) if self._format == "csv" else oru.parse(raw)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
