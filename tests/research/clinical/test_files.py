"""Files of the landing zone: where each resource is, CSV, rules for identifiers, codes."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.clinical import (
    ClinicalError,
    Condition,
    Identifier,
    Observation,
    PassedOverError,
    Person,
    Reader,
    Report,
    parse_rules,
    patient_id,
    resource_key,
    scan,
)
from research.clinical.codes import best, coding, scheme_of
from research.errors import SettingsError

HEAD = "record_id,patient_id,patient_name,kind,date,scheme,code,meaning,value,unit,status,text,known"


def table(path: Path, *rows: str, head: str = HEAD) -> Path:
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return path


def said(path: Path) -> list[object]:
    reader = Reader(path)
    out: list[object] = []
    for one in scan(path, "s"):
        try:
            out.append(one.problem or reader.parsed(one.position, one.byte_count, one.sha256).records[0])
        except (ClinicalError, PassedOverError) as error:
            out.append(error.code)
    reader.close()
    return out


def test_rows_of_a_table(tmp_path: Path) -> None:
    path = table(
        tmp_path / "a.csv",
        'r1,1,"Quimbly, Ann",,2020-05-04,LN,24627-2,CT,,,,"Line one,',
        '""quoted""',
        'line three",Bob; 77-88',
        "r2,1,Quimbly^Ann,observation,2020-05-01,LN,718-7,Hb,13.5,g/dL,,,",
        "r3,1,Quimbly^Ann,condition,2010,I10,J43,Emphysema,,,active,,",
        "r4,,Quimbly^Ann,,,,,,,,,x,", "r5,1,Quimbly^Ann,,,,,,,,,,", "r6,1,Quimbly^Ann,,04.05.2020,,,,,,,x,",
        ",1,Quimbly^Ann,,,,,,,,,x,", "r7,1", "r8,1,Quimbly^Ann,,,,,,,,entered-in-error,x,",
        "r9,1,Quimbly^Ann,scan,,,,,,,,x,", "r10,1,Quimbly^Ann,observation,,,,,1,,,,", "r11,1,Q,observation,,LN,1,x,,,,,",
    )  # fmt: skip
    found = said(path)
    report, value, problem = found[:3]
    assert isinstance(report, Report)
    assert report.text == 'Line one,\n"quoted"\nline three'
    assert report.date == dt.date(2020, 5, 4)
    assert isinstance(value, Observation)
    assert (value.value, value.unit) == (13.5, "g/dL")
    assert isinstance(problem, Condition)
    assert (problem.onset, problem.clinical_status) == (None, "active")
    assert found[3:] == [
        "no-patient", "no-text", "bad-value", "bad-value", "unreadable", "withdrawn", "bad-value", "no-code", "no-value",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "head", ["record_id,patient_id", "record_id,patient_id,patient_name,shoe_size", f"{HEAD},text"]
)
def test_a_table_without_its_columns_is_none(tmp_path: Path, head: str) -> None:
    with pytest.raises(ClinicalError, match="columns"):
        list(scan(table(tmp_path / "a.csv", head=head), "s"))


def test_lines_of_ndjson(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    subject = {"reference": "http://h/Patient/1"}
    good = {"resourceType": "Condition", "id": "c", "subject": subject, "code": {"text": "cough"}}
    other = [
        {"resourceType": "Encounter", "id": "e"},
        {"resourceType": "Condition"},
        good | {"subject": {}},
        [1],
    ]
    lines = [json.dumps(one) for one in (good, *other)]
    bad = [
        '{"resourceType":"Patient","id":"\\ud800"}',
        '{"resourceType":"Patient","id":"1","x":"\\u0000"}',
        "{",
    ]
    path.write_text("\n".join([lines[0], "", *lines[1:], *bad]), encoding="utf-8")
    found = list(scan(path, "s"))
    assert [one.problem for one in found] == [
        "", "bad-value", "no-patient", "unreadable", "unreadable", "unreadable", "unreadable",
    ]  # fmt: skip
    assert found[0].resource_key == resource_key("s", "Condition/c")
    assert found[0].patient_key == resource_key("s", "Patient/1")
    assert len({one.resource_key for one in found}) == len(found) - 1  # the same resource twice


def test_how_json_is_spaced_makes_no_other_content(tmp_path: Path) -> None:
    one = {"resourceType": "Patient", "id": "1", "name": [{"family": "Ü"}]}
    a, b = tmp_path / "a.ndjson", tmp_path / "b.ndjson"
    a.write_text(json.dumps(one), encoding="utf-8")
    b.write_text(
        json.dumps(dict(reversed(one.items())), ensure_ascii=False, indent=None, separators=(",", ":")),
        "utf-8",
    )
    assert [x.sha256 for x in scan(a, "s")] == [x.sha256 for x in scan(b, "s")]


def test_a_file_that_changed_is_noticed(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", "r1,1,Quimbly^Ann,,,,,,,,,Text one,")
    (one,) = scan(path, "s")
    path.write_text(path.read_text().replace("one", "two"))
    reader = Reader(path)
    with pytest.raises(ClinicalError, match="not what it was"):
        reader.parsed(one.position, one.byte_count, one.sha256)
    reader.close()
    with pytest.raises(ClinicalError):
        list(scan(tmp_path / "a.txt", "s") if (tmp_path / "a.txt").write_text("x") else [])


@given(
    st.lists(
        st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=20),
        min_size=1,
        max_size=5,
    )
)
def test_every_row_is_found_where_it_is(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path = tmp_path_factory.mktemp("t") / "a.csv"
    rows = [
        f'r{n},1,Quimbly^Ann,,,,,,,,,"x{text.replace(chr(34), chr(34) * 2)}",' for n, text in enumerate(texts)
    ]
    path.write_text("\n".join([HEAD, *rows]), encoding="utf-8", newline="")
    found = [one.text if isinstance(one, Report) else one for one in said(path)]
    shown = [
        "".join(c for c in f"x{text}".replace("\f", "\n") if c >= " " or c in "\n\t").strip()
        for text in texts
    ]
    assert found == shown


def ids(*triples: tuple[str, str, str]) -> Person:
    return Person(tuple(Identifier(*one) for one in triples))


def test_which_identifier_is_the_patient_id() -> None:
    one = ids(("1", "urn:a", "MR"), ("2", "urn:b?x=1", "NI"))
    assert patient_id(one, parse_rules("")) == ("1", "")
    assert patient_id(one, parse_rules("urn:b?x=1=HOSP; urn:a=X")) == ("2", "HOSP")
    assert patient_id(one, parse_rules("URN:A==")) == ("1", "urn:a")
    assert patient_id(one, parse_rules("type:ni=Z\n")) == ("2", "Z")
    assert patient_id(ids(("7", "", "")), parse_rules("")) == ("7", "")
    assert patient_id(ids(("7", "x", ""), ("7 ", "y", "")), parse_rules("")) == ("7", "")


@pytest.mark.parametrize(
    ("person", "rules", "code"),
    [(ids(("1", "a", "")), "b=", "no-patient-id"), (ids(("1", "a", ""), ("2", "b", "")), "", "two-patient-ids"),
     (ids(("1", "a", "MR"), ("2", "a", "MR")), "a=", "two-patient-ids"), (ids(), "", "no-patient-id")],
)  # fmt: skip
def test_identifiers_that_do_not_tell(person: Person, rules: str, code: str) -> None:
    with pytest.raises(ClinicalError) as caught:
        patient_id(person, parse_rules(rules))
    assert caught.value.code == code


def test_rules_that_are_none() -> None:
    for text in ("HOSP", "a=b;c", "=x"):
        with pytest.raises(SettingsError):
            parse_rules(text)


def test_schemes_by_all_their_names() -> None:
    for name in ("http://loinc.org", "http://loinc.org/", "LN", "LOINC", "urn:oid:2.16.840.1.113883.6.1"):
        assert scheme_of(name) == "LN"
    assert scheme_of("http://hospital-of-nowhere.example/codes") == "99LOCAL"
    found = [coding("L", "x", "y"), coding("SCT", "1", "a"), coding("LN", "2", "b")]
    chosen = best([one for one in found if one])
    assert chosen is not None
    assert chosen.scheme == "LN"
    assert coding("LN", "", "") is None
    long = coding("LN", "9" * 80, "text")
    assert long is not None
    assert (long.scheme, long.public) == ("99LOCAL", False)
