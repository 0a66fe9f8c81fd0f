"""Reports, values and diagnoses of the demo's invented patients, as a hospital's systems would send them."""

from __future__ import annotations

import base64
import datetime as dt
import json
from pathlib import Path
from typing import Any

from scripts.demo_images.people import INSTITUTION, ISSUER, Person

SYSTEM = "urn:oid:1.2.3.4.5.6"
RULES = f"{SYSTEM}={ISSUER}"
LAB_DAYS = 12
READER = "Grimthorpe, Ottoline"


def spoken(person: Person) -> str:
    return f"{person.given} {person.family}"


def report_text(person: Person) -> str:
    """A report with the patient's identity in every usual place, and clinical words that must stay."""
    before = person.study_day - dt.timedelta(days=400)
    return (
        f"CHEST CT of {spoken(person)}, MRN {person.mrn}, born {person.birth:%d.%m.%Y}, phone {person.phone}.\n"
        f"INDICATION: Mr. {person.family} is short of breath.\n"
        f"COMPARISON: CT of {before:%d %b %Y}.\n"
        f"FINDINGS: Study of {person.study_day:%b %d, %Y}. Accession {person.accession}. Severe centrilobular "
        f"emphysema. Small left pleural effusion. No pneumothorax. {person.given.split()[0]} was told.\n"
        f"IMPRESSION: Emphysema. Called to Dr. {person.referring.replace('^', ', ')}.\n"
        f"Signed by {READER} MD."
    )


def patient(person: Person, name: str = "pat-1") -> dict[str, Any]:
    family, *given = person.name.split("^")
    return {
        "resourceType": "Patient", "id": name, "meta": {"lastUpdated": "2026-01-01T00:00:00Z"},
        "identifier": [
            {"system": SYSTEM, "value": person.mrn, "type": {"coding": [{"code": "MR"}]}},
            {"system": "urn:national", "value": person.national_id},
        ],
        "name": [{"family": family, "given": [part for part in given if part]}, {"text": person.other_name}],
        "birthDate": person.birth.isoformat(), "gender": "female" if person.sex == "F" else "male",
        "telecom": [{"system": "phone", "value": person.phone}],
        "address": [{"line": [person.address], "city": "Nowhereville"}],
        "contact": [{"name": {"text": person.mother}}],
        "extension": [{"url": "urn:x", "valueString": f"{spoken(person)} again"}],
    }  # fmt: skip


def imaging_study(
    person: Person, study_uid: str, subject: str = "pat-1", name: str = "img-1"
) -> dict[str, Any]:
    return {
        "resourceType": "ImagingStudy", "id": name, "status": "available",
        "subject": {"reference": f"Patient/{subject}"},
        "identifier": [
            {"system": "urn:dicom:uid", "value": f"urn:oid:{study_uid}"},
            {"value": person.accession, "type": {"coding": [{"code": "ACSN"}]}},
        ],
    }  # fmt: skip


def report(
    person: Person, subject: str = "pat-1", name: str = "rep-1", text: str = "", study: str = "img-1"
) -> dict[str, Any]:
    data = base64.b64encode((text or report_text(person)).encode()).decode()
    return {
        "resourceType": "DiagnosticReport", "id": name, "status": "final",
        "subject": {"reference": f"Patient/{subject}", "display": spoken(person)},
        "category": [{"coding": [{"code": "RAD"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "24627-2", "display": "CT Chest"}]},
        "effectiveDateTime": f"{person.study_day}T23:30:00-05:00",
        "resultsInterpreter": [{"reference": "Practitioner/9", "display": READER}],
        "presentedForm": [{"contentType": "text/plain; charset=utf-8", "data": data}],
        "conclusionCode": [{"coding": [{"system": "http://snomed.info/sct", "code": "87433001",
                                        "display": "Pulmonary emphysema"}]}],
        "text": {"status": "generated", "div": f"<div>{spoken(person)}</div>"},
        "contained": [{"resourceType": "Practitioner", "name": [{"text": READER}]}],
        **({"imagingStudy": [{"reference": f"ImagingStudy/{study}"}]} if study else {}),
    }  # fmt: skip


def observation(person: Person, subject: str = "pat-1", name: str = "obs-1", **more: Any) -> dict[str, Any]:
    when = person.study_day - dt.timedelta(days=LAB_DAYS)
    value = {"valueQuantity": {"value": 1.4, "unit": "L", "code": "L", "system": "http://unitsofmeasure.org"}}
    return {
        "resourceType": "Observation", "id": name, "status": "final",
        "subject": {"reference": f"Patient/{subject}"}, "effectiveDateTime": f"{when}T08:00:00Z",
        "code": {"coding": [{"system": "http://loinc.org", "code": "20150-9", "display": "FEV1"}]},
        "note": [{"text": f"taken from {spoken(person)}"}], **(more or value),
    }  # fmt: skip


def condition(person: Person, subject: str = "pat-1", name: str = "con-1") -> dict[str, Any]:
    return {
        "resourceType": "Condition", "id": name, "subject": {"reference": f"Patient/{subject}"},
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "verificationStatus": {"coding": [{"code": "confirmed"}]},
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "13645005", "display": "COPD"}],
                 "text": f"COPD of {person.family}"},
        "onsetDateTime": (person.study_day - dt.timedelta(days=900)).isoformat(),
    }  # fmt: skip


def oru(person: Person, *, order: str = "", status: str = "F", lines: str = "") -> str:
    """An ORU^R01 with a radiology report and one laboratory value."""
    family, *given = person.name.split("^")
    text = lines or report_text(person)
    rows = [
        line.replace("\\", "\\E\\").replace("|", "\\F\\").replace("&", "\\T\\") for line in text.splitlines()
    ]
    obx = [f"OBX|{n}|TX|24627-2&GDT^CT Chest^LN||{row}||||||{status}" for n, row in enumerate(rows, 1)]
    lab_day = person.study_day - dt.timedelta(days=LAB_DAYS)
    return "\r".join(
        [
            f"MSH|^~\\&|RIS|{INSTITUTION}|RF||20240101||ORU^R01|7|P|2.5.1||||||UNICODE UTF-8",
            f"PID|1||{person.mrn}^^^{ISSUER}^MR~{person.national_id}^^^NAT^NI||{family}^{'^'.join(given)}"
            f"|{person.mother}|{person.birth:%Y%m%d}|{person.sex}|{person.other_name}||{person.address}||{person.phone}",
            f"PV1|1|O|||||12^{person.referring}",
            f"ORC|RE||{order or person.accession}",
            f"OBR|1||{order or person.accession}|24627-2^CT Chest^LN|||{person.study_day:%Y%m%d}1015|||||||||"
            f"12^{person.referring}||{person.accession}||||||RAD|{status}|||||||77&Grimthorpe&Ottoline",
            *obx,
            f"OBR|2||{order or person.accession}-L|20150-9^FEV1^LN|||{lab_day:%Y%m%d}|||||||||||||||||LAB|F",
            "OBX|1|NM|20150-9^FEV1^LN||1.4|L|||||F",
            "",
        ]
    )


CSV_HEAD = (
    "kind,record_id,patient_id,issuer,patient_name,birth_date,sex,accession,"
    "date,scheme,code,meaning,value,unit,text"
)


def csv_rows(person: Person) -> str:
    """A report and an observation as CSV."""
    same = f'{person.mrn},{ISSUER},"{person.family}, {person.given}",{person.birth},{person.sex}'
    text = report_text(person).replace('"', '""')
    lab = person.study_day - dt.timedelta(days=LAB_DAYS)
    return (
        f'report,r1,{same},{person.accession},{person.study_day},LN,24627-2,CT Chest,,,"{text}"\n'
        f"observation,o1,{same},,{lab},LN,20150-9,FEV1,1.4,L,\n"
    )


def write_ndjson(path: Path, resources: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(one) + "\n" for one in resources), encoding="utf-8")
    return path
