"""What clinical sources say, reduced to what a research catalog can hold. Values are identities: repr shows none."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, field
from typing import Literal

from research.errors import LandingError

Kind = Literal["patient", "imaging_study", "report", "observation", "condition", "message"]
Format = Literal["fhir", "hl7", "csv"]

#: Why a resource is in quarantine: code -> (what is wrong, what to do).
QUARANTINE: dict[str, tuple[str, str]] = {
    "unreadable": ("It cannot be parsed.", "Have the source send it again, whole."),
    "charset": ("Its character set is unknown, or its bytes are none of it.", "Mend MSH-18, or send UTF-8."),
    "no-patient": ("It does not say which patient it is of.", "Ask the source for the reference."),
    "patient-unknown": (
        "Its patient was not received, so nobody can tell the patient's names in its text.",
        "Fetch the Patient resources; it goes on by itself when its patient comes.",
    ),
    "no-identity": (
        "The patient has no name, so nobody can tell it in the text.",
        "Give patient_name, PID-5 or Patient.name.",
    ),
    "no-patient-id": (
        "No identifier of the patient is, by the rules, the Patient ID of the images.",
        "Add the identifier's system to the rules (identifiers).",
    ),
    "two-patient-ids": (
        "Two different identifiers of the patient could be the Patient ID of the images.",
        "Make the rules (identifiers) say which; merged patients are for a person to decide.",
    ),
    "form-not-text": ("The report is no text (PDF, picture, RTF).", "Ask the source for text."),
    "form-elsewhere": ("The report's text is at another address.", "Ask the source to send it inline."),
    "too-long": ("The text is longer than any report.", "Look at it: is it one report?"),
    "residue": (
        "An independent check found something of the patient, or in the form of an identity, in the cleaned text.",
        "Read the original; correct it at its source, or leave it out.",
    ),
    "bad-value": ("An element holds what its type does not allow.", "Correct it at its source."),
}
#: Why a resource is not for the catalog, without anything being wrong.
PASSED_OVER: dict[str, str] = {
    "not-final": "Preliminary; the final one will come.",
    "withdrawn": "Entered in error, cancelled or refuted: what the catalog has of it is taken away.",
    "no-text": "A report without text.",
    "no-code": "Nothing says what was observed.",
    "no-value": "An observation without a value.",
    "other-message": "No result message (ORU^R01).",
}
LONGEST_TEXT = 200_000


class ClinicalError(LandingError):
    """A resource that must not go on; ``code`` is one of :data:`QUARANTINE`."""

    def __init__(self, code: str, detail: str = "") -> None:
        reason, instruction = QUARANTINE[code]
        super().__init__(f"{reason} ({detail})" if detail else reason, instruction, code=code)


class PassedOverError(LandingError):
    """A resource that is not for the catalog; ``code`` is one of :data:`PASSED_OVER`."""

    def __init__(self, code: str) -> None:
        super().__init__(PASSED_OVER[code], "Nothing to do.", code=code)


@dataclass(frozen=True)
class Identifier:
    """A patient's identifier: its value, who issued it (URI, OID or namespace) and its type (HL7 table 0203)."""

    value: str = field(repr=False)
    system: str = ""
    type: str = ""


@dataclass(frozen=True)
class Person:
    """A patient as a source knows them.

    Attributes:
        identifiers: every identifier in force.
        names: names as DICOM writes them (``Family^Given``), of all kinds: former, maiden, of contacts.
        birth_date: as written.
        sex: M, F, O or None.
        known: (kind, value) of whatever else identifies: kinds of :class:`deid.text.TextCleaner`.
    """

    identifiers: tuple[Identifier, ...] = field(default=(), repr=False)
    names: tuple[str, ...] = field(default=(), repr=False)
    birth_date: str = field(default="", repr=False)
    sex: str | None = None
    known: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def words(self) -> tuple[tuple[str, str], ...]:
        """(kind, value) of everything that text must not say."""
        found = [("name", name) for name in self.names]
        found += [("id", one.value) for one in self.identifiers]
        if self.birth_date:
            found.append(("date", self.birth_date))
        return tuple(dict.fromkeys([*found, *self.known]))


@dataclass(frozen=True)
class Coding:
    """A concept. ``public``: the scheme is published, so its own wording names nobody."""

    scheme: str
    code: str
    meaning: str = field(repr=False)
    public: bool = False


@dataclass(frozen=True)
class ImagingStudy:
    """A study as the source of reports knows it: what its report calls it, and its Study Instance UID."""

    study_uid: str = field(repr=False)
    accessions: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Report:
    """A report. ``studies`` are keys of ImagingStudy resources; ``known`` are people and numbers named around it."""

    text: str = field(repr=False)
    date: dt.date | None = field(default=None, repr=False)
    kind: str = "report"
    coding: Coding | None = None
    study_uid: str = field(default="", repr=False)
    studies: tuple[str, ...] = ()
    accessions: tuple[str, ...] = field(default=(), repr=False)
    findings: tuple[Coding, ...] = ()
    known: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Observation:
    """One measured or noted value."""

    coding: Coding
    date: dt.date | None = field(default=None, repr=False)
    value: float | None = field(default=None, repr=False)
    unit: str = ""
    value_text: str = field(default="", repr=False)
    known: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Condition:
    """A diagnosis or problem; ``clinical_status`` as FHIR has it, ``unknown`` where nothing says."""

    coding: Coding
    onset: dt.date | None = field(default=None, repr=False)
    abated: dt.date | None = field(default=None, repr=False)
    clinical_status: str = "unknown"
    known: tuple[tuple[str, str], ...] = field(default=(), repr=False)


Record = Report | Observation | Condition


@dataclass(frozen=True)
class Parsed:
    """What one received resource says. ``person`` where the resource itself says it (HL7, CSV, Patient)."""

    person: Person | None = None
    study: ImagingStudy | None = None
    records: tuple[Record, ...] = ()


def resource_key(source: str, name: str) -> str:
    """What a resource is called in the landing zone: a hash, since ids may be numbers of patients.

    Args:
        source: connection or folder that it came from.
        name: how the source calls it, like ``Patient/123``.
    """
    return hashlib.sha256(f"{source}\n{name}".encode()).hexdigest()
