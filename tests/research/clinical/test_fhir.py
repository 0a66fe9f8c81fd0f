"""FHIR R4 resources: what is read, what is refused, and that nothing else is."""

from __future__ import annotations

import base64
import datetime as dt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.clinical import ClinicalError, Observation, PassedOverError, Report, fhir
from research.clinical.attachments import from_html

LOINC = "http://loinc.org"


def code(value: str = "1-1", display: str = "Thing", system: str = LOINC) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": value, "display": display}]}


def observation(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": code(), **more}


def report(**more: Any) -> dict[str, Any]:
    return {"resourceType": "DiagnosticReport", "status": "final", "code": code(), **more}


def attached(text: str, kind: str = "text/plain", charset: str = "utf-8") -> dict[str, Any]:
    return {"contentType": kind, "data": base64.b64encode(text.encode(charset)).decode()}


def read(resource: dict[str, Any]) -> Any:
    return fhir.parse(resource).records[0]


@pytest.mark.parametrize(
    ("given_", "wanted"),
    [
        ({"valueQuantity": {"value": 5.5, "unit": "mg per L", "code": "mg/L"}}, (5.5, "mg/L", "")),
        ({"valueQuantity": {"value": 5, "unit": "mg", "comparator": "<"}}, (5.0, "mg", "<5 mg")),
        ({"valueInteger": 3}, (3.0, "", "")),
        ({"valueBoolean": True}, (None, "", "true")),
        ({"valueString": " clear "}, (None, "", "clear")),
        ({"valueCodeableConcept": code("x", "Positive")}, (None, "", "Positive")),
        ({"valueCodeableConcept": {"text": "Reactive"}}, (None, "", "Reactive")),
    ],
)
def test_values(given_: dict[str, Any], wanted: tuple[Any, ...]) -> None:
    one = read(observation(**given_))
    assert (one.value, one.unit, one.value_text) == wanted


def test_each_component_is_an_observation() -> None:
    parts = [{"code": code("8480-6"), "valueQuantity": {"value": 120}}, {"code": code("8462-4")},
             {"code": code("x"), "valueString": "sitting"}]  # fmt: skip
    found = fhir.parse(observation(component=parts, effectiveDateTime="2020-05-04T10:00:00Z")).records
    assert [(one.coding.code, one.date) for one in found if isinstance(one, Observation)] == [
        ("8480-6", dt.date(2020, 5, 4)), ("x", dt.date(2020, 5, 4)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"status": "entered-in-error", "valueInteger": 1}, "withdrawn"),
        ({"status": "cancelled", "valueInteger": 1}, "withdrawn"),
        ({"status": "preliminary", "valueInteger": 1}, "not-final"),
        ({}, "no-value"), ({"code": {}, "valueInteger": 1}, "no-code"),
        ({"dataAbsentReason": code()}, "no-value"),
    ],
)  # fmt: skip
def test_what_is_passed_over(more: dict[str, Any], why: str) -> None:
    with pytest.raises(PassedOverError) as caught:
        read(observation(**more))
    assert caught.value.code == why


@pytest.mark.parametrize(
    ("text", "day"),
    [("2020-05-04", dt.date(2020, 5, 4)), ("2020-05-04T23:59:59-11:00", dt.date(2020, 5, 4)), ("2020-05", None),
     ("2020", None), (None, None), (20200504, None)],
)  # fmt: skip
def test_days(text: Any, day: dt.date | None) -> None:
    assert fhir.day(text) == day


def test_a_day_that_there_is_not_is_a_bad_value() -> None:
    with pytest.raises(ClinicalError) as caught:
        read(observation(valueInteger=1, effectiveDateTime="2020-02-31"))
    assert caught.value.code == "bad-value"
    assert "2020" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("Patient/1", "Patient/1"), ("https://h.example/fhir/Patient/a-1.b", "Patient/a-1.b"),
        ("Patient/1/_history/4", "Patient/1"), ("#p", ""), ("urn:uuid:0b", "urn:uuid:0b"), ("http://h/x?y=Patient", ""),
        (None, ""),
    ],
)  # fmt: skip
def test_references(value: str | None, wanted: str) -> None:
    assert fhir.reference({"reference": value}) == wanted
    assert fhir.reference("Patient/1") == ""


def test_text_of_a_report_by_preference() -> None:
    div = {"status": "generated", "div": "<div><h5>Findings</h5><p>From the &amp; narrative.</p></div>"}
    assert read(report(presentedForm=[attached("Form.")], text=div)).text == "Form."
    assert read(report(text=div)).text == "Findings:\nFrom the & narrative."
    assert read(report(text=div | {"status": "empty"}, conclusion="Clear.")).text == "IMPRESSION: Clear."
    assert read(report(presentedForm=[attached("A.\r\nClear.")], conclusion="Clear.")).text == "A.\nClear."
    assert (
        read(report(presentedForm=[attached("A.")], conclusion="Clear.")).text == "A.\n\nIMPRESSION: Clear."
    )
    page = attached(
        "<html><head><title>x</title><style>p{}</style></head><p>B<br>C",
        "text/html; charset=latin-1",
        "latin-1",
    )
    assert read(report(presentedForm=[page])).text == "B\nC"
    assert (
        read(report(presentedForm=[{"contentType": "application/pdf", "data": "eA=="}, attached("T")])).text
        == "T"
    )
    umlaut = attached("Müller", "text/plain;charset=iso-8859-1", "latin-1")
    assert read(report(presentedForm=[umlaut])).text == "Müller"


@pytest.mark.parametrize(
    ("form", "code_"),
    [
        ({"contentType": "application/pdf", "data": "JVBERi0="}, "form-not-text"),
        ({"contentType": "text/plain", "data": base64.b64encode(b"%PDF-1.4").decode()}, "form-not-text"),
        ({"contentType": "text/plain", "url": "http://x/Binary/1"}, "form-elsewhere"),
        ({"contentType": "text/plain", "data": "no base64!"}, "bad-value"),
        ({"contentType": "text/plain; charset=klingon", "data": "eA=="}, "charset"),
        ({"contentType": "text/plain", "data": base64.b64encode(b"\xff\xfe\xff").decode()}, "charset"),
        ({"contentType": "text/plain", "data": base64.b64encode(b"x" * 200_001).decode()}, "too-long"),
    ],
)  # fmt: skip
def test_forms_that_are_no_text(form: dict[str, Any], code_: str) -> None:
    with pytest.raises(ClinicalError) as caught:
        read(report(presentedForm=[form]))
    assert caught.value.code == code_


def test_links_of_a_report() -> None:
    number = {"value": "A1", "type": {"coding": [{"code": "ACSN"}]}}
    one = read(
        report(
            presentedForm=[attached("x")],
            identifier=[number, {"value": "local-7"}],
            basedOn=[{"identifier": number | {"value": "A2"}, "display": "Order of Dr. Who"}],
            imagingStudy=[
                {"reference": "ImagingStudy/9"},
                {"identifier": {"system": "urn:dicom:uid", "value": "urn:oid:1.2.3"}},
            ],
            conclusionCode=[code("87433001", "Emphysema", "http://snomed.info/sct"), {"text": "free"}],
        )
    )
    assert isinstance(one, Report)
    assert (one.accessions, one.studies, one.study_uid) == (("A1", "A2"), ("ImagingStudy/9",), "1.2.3")
    assert [found.code for found in one.findings] == ["87433001"]
    assert {("id", "A1"), ("id", "local-7"), ("name", "Order of Dr. Who")} <= set(one.known)


def test_a_study_needs_its_uid() -> None:
    study = {
        "resourceType": "ImagingStudy",
        "identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.840.1"}],
    }
    found = fhir.parse(study).study
    assert found is not None
    assert found.study_uid == "1.2.840.1"
    for value in ("urn:oid:1.02.3", "x", "urn:oid:" + "1." * 40 + "1"):
        study["identifier"] = [{"system": "urn:dicom:uid", "value": value}]
        with pytest.raises(ClinicalError):
            fhir.parse(study)


def test_a_patient_with_everything_that_identifies() -> None:
    one = fhir.parse(
        {
            "resourceType": "Patient", "birthDate": "1950-01-02", "gender": "female",
            "identifier": [{"value": "1", "system": "s"}, {"value": "0", "use": "old"}],
            "name": [{"family": "Quimbly", "given": ["Ann", "B"]}, {"use": "maiden", "family": "Fudge"},
                     {"text": "Annie Q"}],
            "telecom": [{"system": "email", "value": "a@b.example"}, {"system": "phone", "value": "555-1234567"}],
            "address": [{"line": ["12 Elm St"], "city": "Ohm", "postalCode": "12345"}],
            "contact": [{"name": {"family": "Kin"}, "telecom": [{"system": "phone", "value": "999-7654321"}],
                         "address": {"line": ["1 Oak St"]}}],
        }
    ).person  # fmt: skip
    assert one is not None
    assert one.sex == "F"
    assert [found.value for found in one.identifiers] == ["1"]
    words = set(one.words())
    for value in ("Quimbly^Ann^B", "Fudge", "Annie Q", "Kin"):
        assert ("name", value) in words
    for word in [
        ("date", "1950-01-02"),
        ("id", "0"),
        ("phone", "999-7654321"),
        ("place", "1 Oak St"),
        ("other", "12345"),
    ]:
        assert word in words
    assert "Quimbly" not in repr(one)


def test_conditions() -> None:
    said = {
        "resourceType": "Condition", "code": {"coding": [{"system": "urn:local", "code": "L1"},
        {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "J43.9", "display": "Emphysema"}]},
        "clinicalStatus": code("resolved"), "onsetPeriod": {"start": "2010-01-02"}, "abatementDateTime": "2012-03-04",
    }  # fmt: skip
    one = read(said)
    assert (one.coding.scheme, one.coding.code, one.clinical_status) == ("I10C", "J43.9", "resolved")
    assert (one.onset, one.abated) == (dt.date(2010, 1, 2), dt.date(2012, 3, 4))
    for status in ("refuted", "entered-in-error"):
        with pytest.raises(PassedOverError):
            read(said | {"verificationStatus": code(status)})
    assert read({"resourceType": "Condition", "code": {"text": "cough"}}).coding.scheme == "99LOCAL"


def test_html_without_what_is_not_seen() -> None:
    assert (
        from_html("<div><script>bad()</script><table><tr><td>a</td><td>b</td></tr></table>c</div>")
        == "a b\nc"
    )
    assert from_html("<h1>1.</h1>x<h2>Title</h2>y") == "1.\nx\nTitle:\ny"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=6) | st.just("2020-01-01"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["coding", "code", "system", "value", "text", "reference", "identifier", "given", "family", "start", "data",
         "type", "display", "url", "status", "div", "contentType"]), inner, max_size=4), max_leaves=12,
)  # fmt: skip
elements = st.sampled_from(
    ["status", "code", "subject", "name", "identifier", "valueQuantity", "component", "presentedForm", "text",
     "category", "effectiveDateTime", "performer",
     "address", "telecom", "contact", "imagingStudy", "conclusion", "clinicalStatus",
     "onsetPeriod", "verificationStatus", "valueCodeableConcept", "birthDate", "effectivePeriod", "basedOn"]
)  # fmt: skip


@given(
    kind=st.sampled_from([*fhir.KINDS]),
    body=st.dictionaries(elements, json_values, max_size=8),
    final=st.booleans(),
)
@settings(max_examples=400, deadline=None)
def test_whatever_stands_in_an_element_there_is_a_reason_and_no_crash(
    kind: str, body: dict[str, Any], *, final: bool
) -> None:
    resource = {"resourceType": kind, **body, **({"status": "final"} if final else {})}
    try:
        fhir.parse(resource)
    except (ClinicalError, PassedOverError) as error:
        told = error.reason and error.instruction
    else:
        told = "read"
    assert told
