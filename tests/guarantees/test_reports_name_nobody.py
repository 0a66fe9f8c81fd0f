"""What is said about patients beside their images says nothing of who they are, and keeps its time.

Guarantee: whatever a report, a value or a diagnosis comes as (FHIR, HL7 v2, CSV), what the catalog would get of it
holds no name, number, place, phone or date of the patient or of who wrote it; it is under the alias and the new
study that the images have; the days between two events are the days that they were. A cleaner that fails is noticed.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

import deid
from deid.records import Subject
from deid.text import Cleaned, TextCleaner
from deid.verify import spellings
from operators.clinical_records import Records
from research.clinical import ClinicalError, Parsed, Reader, scan
from scripts.demo_images.people import ISSUER, PEOPLE, Person, planted
from tests.support import clinical as made

PSEUDONYMS = deid.Pseudonyms(b"a key for the guarantees only", "guarantees")
RESEARCH = deid.load_policy("research")
RECORDS = Records(RESEARCH, PSEUDONYMS)
STUDY = "1.2.840.99999.1.2.3"
CLINICAL = ("centrilobular emphysema", "left pleural effusion", "no pneumothorax", "short of breath")


def parsed(path: Path) -> list[Parsed]:
    reader = Reader(path)
    try:
        return [reader.parsed(one.position, one.byte_count, one.sha256) for one in scan(path, "s")]
    finally:
        reader.close()


def records(person: Person, form: str, folder: Path) -> list[dict[str, Any]]:
    """What becomes of the person's resources in a form."""
    if form == "fhir":
        kinds = [made.patient(person), made.imaging_study(person, STUDY), made.report(person),
                 made.observation(person), made.condition(person)]  # fmt: skip
        said = parsed(made.write_ndjson(folder / "a.ndjson", kinds))
        who, study = said[0].person, said[1].study
    else:
        text = made.oru(person) if form == "hl7" else f"{made.CSV_HEAD}\n{made.csv_rows(person)}"
        (folder / f"a.{form}").write_text(text, encoding="utf-8", newline="")
        said, who, study = parsed(folder / f"a.{form}"), None, None
    rules = f"{made.RULES};{ISSUER}={ISSUER}"
    return [
        RECORDS.record(one, RECORDS.patient(one.person or who, rules), f"key{n}", lambda _: study)
        for n, one in enumerate(said)
        if one.records
    ]


def unpadded(text: str) -> str:
    return re.sub(r"(?<![\d.])0(\d)", r"\1", text)


def rows(found: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [row for one in found for row in one[kind]]


@pytest.mark.parametrize("form", ["fhir", "hl7", "csv"])
@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.family)
def test_nothing_planted_is_in_what_the_catalog_gets(person: Person, form: str, tmp_path: Path) -> None:
    found = records(person, form, tmp_path)
    (report,) = rows(found, "reports")
    told = json.dumps(found, ensure_ascii=False).lower()
    secrets = [one.lower() for one in planted(person)] + ["grimthorpe", "ottoline", made.SYSTEM, STUDY]
    secrets += [person.phone[-7:], person.mrn.split("-")[1], person.accession.split("-")[1]]
    assert [one for one in secrets if one in told] == []
    before = [person.birth, person.study_day - dt.timedelta(days=400), person.study_day]
    moved = [day + dt.timedelta(days=PSEUDONYMS.days(person.mrn, ISSUER)) for day in before]
    for day, form_of_date in zip(
        moved, ("born %d.%m.%Y", "CT of %d %b %Y", "Study of %b %d, %Y"), strict=True
    ):
        assert unpadded(f"{day:{form_of_date}}") in unpadded(report["text"])
    assert not spellings.dates_in(told, loose=False) & (set(before) - set(moved))
    for words in CLINICAL:
        assert words in report["text"].lower()


@pytest.mark.parametrize("form", ["fhir", "hl7", "csv"])
def test_alias_study_and_days_are_those_of_the_images(form: str, tmp_path: Path) -> None:
    """Against a CT that the engine itself de-identified."""
    person = PEOPLE[3]
    image = _image(person, tmp_path)
    found = records(person, form, tmp_path)
    (report,), (value,) = rows(found, "reports"), rows(found, "observations")
    assert {one["patient_alias"] for one in found} == {str(image.PatientID)}
    assert report["accessions"] == [image.AccessionNumber]
    if form == "fhir":
        assert report["study_uid"] == image.StudyInstanceUID
        (problem,) = rows(found, "conditions")
        assert _between(problem["onset_on"], image.StudyDate) == 900
    assert _between(report["report_date"], image.StudyDate) == 0
    assert _between(value["observed_on"], image.StudyDate) == made.LAB_DAYS


def _image(person: Person, folder: Path) -> pydicom.Dataset:
    from scripts.demo_images.people import INSTITUTION

    data = pydicom.dcmread(pydicom.data.get_testdata_file("CT_small.dcm"))
    data.remove_private_tags()
    data.PatientID, data.IssuerOfPatientID, data.PatientName = person.mrn, ISSUER, person.name
    data.SpecificCharacterSet = person.charset
    data.StudyDate, data.AccessionNumber, data.StudyInstanceUID = (
        f"{person.study_day:%Y%m%d}",
        person.accession,
        STUDY,
    )
    data.InstitutionName = INSTITUTION
    (folder / "in").mkdir()
    data.save_as(folder / "in" / "1.dcm")
    deid.deidentify_series([folder / "in" / "1.dcm"], folder / "out", RESEARCH, PSEUDONYMS)
    return pydicom.dcmread(next((folder / "out").glob("*.dcm")))


def _between(earlier: str, later: str) -> int:
    return (dt.date.fromisoformat(later) - dt.date.fromisoformat(earlier)).days


@given(
    day=st.dates(dt.date(1915, 1, 1), dt.date(2090, 1, 1)),
    later=st.integers(0, 9000),
    who=st.text(min_size=1),
)
@how(max_examples=60, deadline=None)
def test_the_days_between_any_two_dates_survive(day: dt.date, later: int, who: str) -> None:
    subject = Subject(RESEARCH, PSEUDONYMS, who, "", ())
    first, second = subject.date(day), subject.date(day + dt.timedelta(days=later))
    assert first is not None
    assert second is not None
    assert (second - first).days == later
    assert first != day


@pytest.mark.parametrize("form", ["fhir", "hl7", "csv"])
def test_a_cleaner_that_does_nothing_is_noticed(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TextCleaner, "clean", lambda self, text, **how: Cleaned(text))
    with pytest.raises(ClinicalError) as caught:
        records(PEOPLE[0], form, tmp_path)
    assert caught.value.code == "residue"
    for code in ("name", "identifier", "date"):
        assert code in caught.value.reason
    assert PEOPLE[0].family not in str(caught.value)


@pytest.mark.parametrize(
    ("left", "code"),
    [
        ("{0.family}", "name"), ("{0.given}", "name"), ("{0.mrn}", "identifier"), ("{0.phone}", "identifier"),
        ("{0.study_day:%Y-%m-%d}", "date"), ("{0.birth:%d.%m.%Y}", "date"), ("{0.national_id}", "identifier"),
        ("{0.accession}", "identifier"), ("Call 212-555-0184", "generic-phone"), ("Dr. Somebody Else", "generic-name"),
        ("x@example.org", "generic-email"),
    ],
)  # fmt: skip
def test_a_cleaner_that_overlooks_one_thing_is_noticed(
    left: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = PEOPLE[1]
    text = f"Chest clear. {left.format(person)} seen."
    words = [("name", person.name), ("id", person.national_id), ("id", person.accession), ("phone", person.phone),
             ("date", person.birth.isoformat())]  # fmt: skip
    subject = Subject(RESEARCH, PSEUDONYMS, person.mrn, ISSUER, words)
    assert subject.text(text).residue == ()
    monkeypatch.setattr(TextCleaner, "clean", lambda self, text, **how: Cleaned(text))
    assert code in Subject(RESEARCH, PSEUDONYMS, person.mrn, ISSUER, words).text(text).residue
