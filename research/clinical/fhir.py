"""FHIR R4 resources as records: an allow-list of elements; extensions, contained resources and the rest are not read.

Elements are those of https://hl7.org/fhir/R4/: Patient, ImagingStudy, DiagnosticReport, Observation, Condition.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from typing import Any

from research.clinical.attachments import report_text
from research.clinical.codes import best, coding
from research.clinical.model import (
    ClinicalError,
    Coding,
    Condition,
    Identifier,
    ImagingStudy,
    Kind,
    Observation,
    Parsed,
    PassedOverError,
    Person,
    Report,
)

KINDS: dict[str, Kind] = {
    "Patient": "patient",
    "ImagingStudy": "imaging_study",
    "DiagnosticReport": "report",
    "Observation": "observation",
    "Condition": "condition",
}
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:T|$)")
_REFERENCE = re.compile(r"(?:^|/)([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})(?:/_history/[^/]+)?$")
_UID = re.compile(r"(?:urn:oid:)?([0-2](?:\.(?:0|[1-9]\d*))+)")
_FINAL = frozenset({"final", "amended", "corrected", "appended"})
_WITHDRAWN = frozenset({"entered-in-error", "cancelled"})
_SEX = {"male": "M", "female": "F", "other": "O"}
_TELECOM = {
    "phone": "phone",
    "fax": "phone",
    "pager": "phone",
    "sms": "phone",
    "email": "other",
    "url": "other",
}

Resource = Mapping[str, Any]


def reference(value: Any) -> str:
    """``Type/id`` of a Reference, whatever server it names; the URN of an unsaved resource; empty where neither."""
    text = value.get("reference") if isinstance(value, Mapping) else None
    if not isinstance(text, str) or text.startswith("#"):
        return ""
    if text.startswith("urn:uuid:"):
        return text
    found = _REFERENCE.search(text)
    return found[1] if found else ""


def parse(resource: Resource) -> Parsed:
    """What a resource says.

    Raises:
        ClinicalError: what it says cannot be used; the code says why.
        PassedOverError: it is not for the catalog.
    """
    try:
        match resource.get("resourceType"):
            case "Patient":
                return Parsed(person=person(resource))
            case "ImagingStudy":
                return Parsed(study=imaging_study(resource))
            case "DiagnosticReport":
                return Parsed(records=(report(resource),))
            case "Observation":
                return Parsed(records=observations(resource))
            case "Condition":
                return Parsed(records=(condition(resource),))
    except (AttributeError, TypeError, ValueError, KeyError):
        pass  # told below, without the value
    code = "bad-value"
    raise ClinicalError(code)


def person(resource: Resource) -> Person:
    """A Patient: identifiers, names of all kinds, and what else a text could call the patient by."""
    known = [*_contacts(resource)]
    names = [*_names(resource)]
    for contact in _list(resource, "contact"):
        known += _contacts(contact)
        if isinstance(contact.get("name"), Mapping):
            names.append(_name(contact["name"]))
    identifiers = tuple(
        Identifier(str(one["value"]), str(one.get("system", "")), _type(one))
        for one in _list(resource, "identifier")
        if one.get("value") and one.get("use") != "old"
    )
    known += [("id", str(one["value"])) for one in _list(resource, "identifier") if one.get("value")]
    return Person(
        identifiers=identifiers,
        names=tuple(dict.fromkeys(name for name in names if name.strip("^ "))),
        birth_date=str(resource.get("birthDate") or ""),
        sex=_SEX.get(str(resource.get("gender") or "")),
        known=tuple(dict.fromkeys(known)),
    )


def imaging_study(resource: Resource) -> ImagingStudy:
    """An ImagingStudy: its Study Instance UID and accession numbers."""
    uid = next((_uid(str(one.get("value", ""))) for one in _list(resource, "identifier") if _dicom(one)), "")
    if not uid:
        code = "bad-value"
        raise ClinicalError(code, "no Study Instance UID")
    return ImagingStudy(uid, tuple(_accessions(resource)))


def report(resource: Resource) -> Report:
    """A DiagnosticReport with its text, wherever it stands."""
    status = _final(resource)
    text = report_text(resource)
    if not text:
        code = "no-text" if status else "not-final"
        raise PassedOverError(code)
    studies = [reference(one) for one in _list(resource, "imagingStudy")]
    logical = [one.get("identifier") for one in _list(resource, "imagingStudy")]
    uids = [_uid(str(one.get("value", ""))) for one in logical if isinstance(one, Mapping) and _dicom(one)]
    accessions = [*_accessions(resource)]
    for based in _list(resource, "basedOn"):
        one = based.get("identifier")
        accessions += _accessions({"identifier": [one]}) if isinstance(one, Mapping) else []
    return Report(
        text=text,
        date=_when(resource),
        kind=_category(resource),
        coding=_concept(resource.get("code")),
        study_uid=next((uid for uid in uids if uid), ""),
        studies=tuple(
            one for one in studies if one.startswith("ImagingStudy/") or one.startswith("urn:uuid:")
        ),
        accessions=tuple(dict.fromkeys(accessions)),
        findings=tuple(
            found for one in _list(resource, "conclusionCode") if (found := _concept(one)) and found.code
        ),
        known=tuple(_around(resource)),
    )


def observations(resource: Resource) -> tuple[Observation, ...]:
    """An Observation, and each of its components as one of its own."""
    _final(resource)
    when, known = _when(resource), tuple(_around(resource))
    found = [
        Observation(concept, when, *value, known=known)
        for part in (resource, *_list(resource, "component"))
        if (value := _value(part)) is not None and (concept := _concept(part.get("code"))) is not None
    ]
    if not found:
        code = "no-value" if _concept(resource.get("code")) else "no-code"
        raise PassedOverError(code)
    return tuple(found)


def condition(resource: Resource) -> Condition:
    """A Condition that was not refuted."""
    certain = {one.get("code") for one in _list(resource.get("verificationStatus") or {}, "coding")}
    if certain & {"refuted", "entered-in-error"}:
        code = "withdrawn"
        raise PassedOverError(code)
    concept = _concept(resource.get("code"))
    if concept is None:
        code = "no-code"
        raise PassedOverError(code)
    stated = [str(one.get("code")) for one in _list(resource.get("clinicalStatus") or {}, "coding")]
    known = ("active", "recurrence", "relapse", "inactive", "remission", "resolved")
    onset, over = resource.get("onsetPeriod") or {}, resource.get("abatementPeriod") or {}
    return Condition(
        concept,
        day(resource.get("onsetDateTime")) or day(onset.get("start")),
        day(resource.get("abatementDateTime")) or day(over.get("end")) or day(over.get("start")),
        next((one for one in stated if one in known), "unknown"),
        tuple(_around(resource)),
    )


def day(value: Any) -> dt.date | None:
    """The day of a date or dateTime, where it is said to the day: months and years cannot be shifted by days."""
    found = _DATE.match(value) if isinstance(value, str) else None
    return dt.date(*map(int, found.groups())) if found else None


def _final(resource: Resource) -> bool:
    status = resource.get("status")
    if status in _WITHDRAWN:
        code = "withdrawn"
        raise PassedOverError(code)
    if status not in _FINAL:
        code = "not-final"
        raise PassedOverError(code)
    return True


def _when(resource: Resource) -> dt.date | None:
    """The day that counts clinically; a report that says none, the day it was issued."""
    period = resource.get("effectivePeriod") or {}
    return (
        day(resource.get("effectiveDateTime"))
        or day(resource.get("effectiveInstant"))
        or day(period.get("start"))
        or day(resource.get("issued"))
    )


def _value(part: Resource) -> tuple[float | None, str, str] | None:
    """Number, unit and text of a value[x]; None where there is none that the catalog can hold."""
    if isinstance(quantity := part.get("valueQuantity"), Mapping):
        if (number := quantity.get("value")) is None:
            return None
        unit = str(quantity.get("code") or quantity.get("unit") or "")
        return float(number), unit, _compared(quantity, unit)
    for name in ("valueInteger", "valueDecimal"):
        if isinstance(part.get(name), int | float) and not isinstance(part.get(name), bool):
            return float(part[name]), "", ""
    if isinstance(part.get("valueBoolean"), bool):
        return None, "", "true" if part["valueBoolean"] else "false"
    if (concept := _concept(part.get("valueCodeableConcept"))) is not None:
        return None, "", concept.meaning
    if isinstance(part.get("valueString"), str) and part["valueString"].strip():
        return None, "", part["valueString"].strip()
    return None


def _compared(quantity: Resource, unit: str) -> str:
    sign = quantity.get("comparator")
    return f"{sign}{quantity['value']} {unit}".strip() if sign in ("<", "<=", ">=", ">") else ""


def _concept(value: Any) -> Coding | None:
    if not isinstance(value, Mapping):
        return None
    text = str(value.get("text") or "")
    codings = [
        made
        for one in _list(value, "coding")
        if (
            made := coding(
                str(one.get("system") or ""), str(one.get("code") or ""), str(one.get("display") or "")
            )
        )
    ]
    found = best(codings)
    if found is None:
        return coding("", "", text)
    # A code without wording of its own takes the source's, which is free text.
    return found if found.meaning != found.code or not text else Coding(found.scheme, found.code, text)


def _category(resource: Resource) -> str:
    codes = {str(one.get("code")) for group in _list(resource, "category") for one in _list(group, "coding")}
    if codes & {"RAD", "394914008", "LP29684-5", "CT", "NMR", "RUS", "RX", "NMS"}:
        return "radiology"
    if codes & {"PAT", "SP", "CP", "394597005", "LP7839-6"}:
        return "pathology"
    return "laboratory" if codes & {"LAB", "HM", "CH", "MB", "LP29693-6"} else "report"


def _around(resource: Resource) -> Iterator[tuple[str, str]]:
    """People, places and numbers that the resource itself names: its text may name them too."""
    singles = ("subject", "encounter", "recorder", "asserter")
    for name in ("performer", "resultsInterpreter", "basedOn", "specimen", *singles):
        value = resource.get(name)
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, Mapping) and isinstance(one.get("display"), str):
                kind = "place" if reference(one).startswith(("Organization/", "Location/")) else "name"
                yield kind, one["display"]
            if isinstance(one, Mapping) and isinstance(found := one.get("identifier"), Mapping):
                yield from [("id", str(found["value"]))] if found.get("value") else ()
    for one in _list(resource, "identifier"):
        if one.get("value") and not _dicom(one):
            yield "id", str(one["value"])


def _names(resource: Resource) -> Iterator[str]:
    for one in _list(resource, "name"):
        yield _name(one)
        if isinstance(one.get("text"), str):
            yield one["text"].replace(",", " ")


def _name(one: Resource) -> str:
    given = [str(part) for part in one.get("given") or ()]
    return "^".join([str(one.get("family") or ""), *given])


def _contacts(holder: Resource) -> Iterator[tuple[str, str]]:
    """Addresses and telephone numbers; ``contact.address`` is one, ``Patient.address`` a list."""
    address = holder.get("address")
    for one in address if isinstance(address, list) else [address]:
        if isinstance(one, Mapping):
            parts = [str(line) for line in one.get("line") or ()]
            yield from (("place", part) for part in [*parts, str(one.get("city") or "")] if part)
            yield from [("other", str(one["postalCode"]))] if one.get("postalCode") else ()
    for one in _list(holder, "telecom"):
        if one.get("value"):
            yield _TELECOM.get(str(one.get("system")), "other"), str(one["value"])


def _accessions(resource: Resource) -> list[str]:
    return [
        str(one["value"])
        for one in _list(resource, "identifier")
        if one.get("value") and _type(one) == "ACSN"
    ]


def _type(one: Resource) -> str:
    kinds = [str(part.get("code") or "") for part in _list(one.get("type") or {}, "coding")]
    return next((kind for kind in kinds if kind), "")


def _dicom(one: Resource) -> bool:
    return one.get("system") == "urn:dicom:uid"


def _uid(value: str) -> str:
    found = _UID.fullmatch(value.strip())
    return found[1] if found and len(found[1]) <= 64 else ""


def _list(holder: Resource, name: str) -> list[Any]:
    """A list element; what is not one counts as none."""
    value = holder.get(name)
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
