"""What a clinical resource becomes: one JSON record of de-identified rows, or the reason why it becomes none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import deid
from deid.records import CleanText, Subject, Words
from research.clinical import (
    ClinicalError,
    Coding,
    Condition,
    ImagingStudy,
    Observation,
    Parsed,
    Person,
    Report,
    parse_rules,
    patient_id,
)
from research.findings import Rules, extract, load_rules
from research.findings.sections import find_sections
from research.findings.tokens import tokenize

Row = dict[str, Any]
_LONGEST_UNIT = 32


@dataclass(frozen=True)
class Patient:
    """A patient with the identity that text is searched for."""

    person: Person
    patient_id: str
    issuer: str
    subject: Subject

    def crosswalk(self, project: str) -> Row:
        """The row that leads back from the alias; for ``phi`` only."""
        name = self.person.names[0] if self.person.names else None
        return {
            "project": project,
            "patient_alias": self.subject.alias,
            "patient_id": self.patient_id,
            "issuer": self.issuer,
            "patient_name": name,
            "patient_birth_date": self.person.birth_date.replace("-", "") or None,
            "days_offset": self.subject.days,
        }


class Records:
    """Makes records under one policy and one project's key.

    Args:
        policy: of de-identification.
        pseudonyms: the project's.
        rules: for findings in reports; the shipped ones where omitted.

    Raises:
        deid.PolicyError: the policy leaves nothing of text.
    """

    def __init__(self, policy: deid.Policy, pseudonyms: deid.Pseudonyms, rules: Rules | None = None) -> None:
        self.policy, self.pseudonyms = policy, pseudonyms
        self._rules = rules
        Subject(policy, pseudonyms, "-", "", ())  # fails at once under a policy that removes text

    @cached_property
    def rules(self) -> Rules:
        """Rules for findings."""
        return self._rules or load_rules()

    @cached_property
    def _slugs(self) -> dict[tuple[str, str], tuple[str, str]]:
        return {
            (code.scheme, code.code): (kind.id, code.match)
            for kind in self.rules.kinds.values()
            for code in kind.codes
        }

    def patient(self, person: Person, identifiers: str) -> Patient:
        """Whose images a person's are.

        Args:
            person: as the source knows them.
            identifiers: the source's rules (:mod:`research.clinical.linking`).

        Raises:
            ClinicalError: no name is known, or no identifier links to images.
        """
        number, issuer = patient_id(person, parse_rules(identifiers))
        if not any(any(map(str.isalpha, name)) for name in person.names):
            code = "no-identity"
            raise ClinicalError(code)
        return Patient(
            person, number, issuer, Subject(self.policy, self.pseudonyms, number, issuer, person.words())
        )

    def record(
        self, parsed: Parsed, patient: Patient, key: str, study: Callable[[str], ImagingStudy | None]
    ) -> Row:
        """The rows that a resource becomes.

        Args:
            parsed: what it says.
            patient: whose it is.
            key: what the landing zone calls it.
            study: gives the ImagingStudy that a report refers to, None where it was not received.

        Raises:
            ClinicalError: ``residue``: something of the patient is still in a text.
        """
        made: Row = {
            "patient_alias": patient.subject.alias,
            "patient_sex": patient.person.sex,
            "policy_sha256": self.policy.sha256,
            "reports": [],
            "findings": [],
            "observations": [],
            "conditions": [],
        }
        for number, one in enumerate(parsed.records):
            if isinstance(one, Report):
                name = patient.subject.name(f"{key}/{number}")
                row, findings = self._report(one, patient.subject, name, study)
                made["reports"].append(row)
                made["findings"] += findings
            elif isinstance(one, Observation):
                made["observations"].append(_observation(one, patient.subject))
            else:
                made["conditions"].append(_condition(one, patient.subject))
        return made

    def _report(
        self, report: Report, subject: Subject, name: str, study: Callable[[str], ImagingStudy | None]
    ) -> tuple[Row, list[Row]]:
        studies = [found for one in report.studies if (found := study(one)) is not None]
        numbers = [*report.accessions, *(number for one in studies for number in one.accessions)]
        known = (*report.known, *(("id", number) for number in numbers))
        if report.date:  # tells day from month where the text writes this date in numbers
            known = (*known, ("date", report.date.isoformat()))
        text = _vouched(subject.text(report.text, known))
        uids = dict.fromkeys([report.study_uid] if report.study_uid else [one.study_uid for one in studies])
        rules = self.rules
        row = {
            "report_id": name,
            # Several studies under one report: the catalog has no place for more than one, so none is right.
            "study_uid": subject.uid(next(iter(uids))) if len(uids) == 1 else None,
            "accessions": [hashed for one in dict.fromkeys(numbers) if (hashed := subject.accession(one))],
            "report_date": _iso(subject.date(report.date)),
            "kind": report.kind,
            **(_concept(report.coding, subject, known) if report.coding else {}),
            "text": text,
            "sections": [
                {"name": one.name, "start": one.start, "end": one.end}
                for one in find_sections(text, tokenize(text), rules)
            ],
        }
        return row, [*self._mentions(text, name), *self._coded(report.findings, subject, name, known)]

    def _mentions(self, text: str, name: str) -> list[Row]:
        found = []
        for one in extract(text, self.rules):
            code = self.rules.kinds[one.finding].code
            found.append(
                {
                    "report_id": name, "finding": one.finding, "scheme": code.scheme, "code": code.code,
                    "meaning": code.meaning, "match_quality": code.match, "status": one.status,
                    "certainty": one.certainty, "start_offset": one.start, "end_offset": one.end,
                    "rule_id": one.rule_id, "origin": "report", "findings_version": self.rules.version,
                }
            )  # fmt: skip
        return found

    def _coded(self, codings: tuple[Coding, ...], subject: Subject, name: str, known: Words) -> list[Row]:
        """Findings that the report's source has coded; local codes mean nothing elsewhere and are left out."""
        found = []
        for one in codings:
            if one.public:
                slug, match = self._slugs.get(
                    (one.scheme, one.code), (f"{one.scheme}_{one.code}".lower(), "exact")
                )
                found.append(
                    {"report_id": name, "finding": slug, "match_quality": match, "status": "present",
                     "origin": "fhir", **_concept(one, subject, known)}
                )  # fmt: skip
        return found


def _observation(one: Observation, subject: Subject) -> Row:
    unit = ""
    if len(one.unit) <= _LONGEST_UNIT:
        unit = _vouched(subject.phrase(one.unit, public=True))
    # "<5 mg/L" is the number's own; everything else was typed.
    computed = one.value is not None
    said = _vouched(subject.phrase(one.value_text, () if computed else one.known, public=computed))
    return {
        "observed_on": _iso(subject.date(one.date)),
        **_concept(one.coding, subject, ()),
        "value": one.value,
        "unit": unit or None,
        "value_text": said or None,
    }


def _condition(one: Condition, subject: Subject) -> Row:
    return {
        "onset_on": _iso(subject.date(one.onset)),
        "abated_on": _iso(subject.date(one.abated)),
        **_concept(one.coding, subject, one.known),
        "clinical_status": one.clinical_status,
    }


def _concept(one: Coding, subject: Subject, known: Words) -> Row:
    """A concept's columns. A published code stays as it is; whatever was typed locally is cleaned like text."""
    meaning = _vouched(subject.phrase(one.meaning, () if one.public else known, public=one.public))
    code = one.code if one.public else _vouched(subject.phrase(one.code, known, public=True))
    return {"scheme": one.scheme, "code": code or meaning, "meaning": meaning or code}


def _vouched(cleaned: CleanText) -> str:
    if cleaned.residue:
        code = "residue"
        raise ClinicalError(code, ", ".join(cleaned.residue))
    # What a jsonb column does not take, and nobody typed.
    return cleaned.text.replace("\0", "").encode("utf-8", "replace").decode()


def _iso(day: dt.date | None) -> str | None:
    return day.isoformat() if day else None
