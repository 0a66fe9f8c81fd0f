"""HL7 v2: framing, escapes, character sets, and what ORU^R01 says."""

from __future__ import annotations

import base64
import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.clinical import ClinicalError, Observation, PassedOverError, Report
from research.clinical.hl7 import message, spans, unescaped
from research.clinical.oru import key_of, parse

MSH = "MSH|^~\\&|LAB|HOSP|RF|RF|20200504||ORU^R01|77|P|2.5.1"
PID = (
    "PID|1||123^^^HOSP^MR~999^^^NAT^NI||Quimbly^Ann^B||19500102|F|Annie^Q||12 Elm St^^Ohm^^12345||555-1234567"
)
OBR = "OBR|1||F1|24627-2^CT Chest^LN|||202005041015|||||||||7^Who^Doctor||ACC1||||||{kind}|{status}"


def oru(*lines: str, kind: str = "RAD", status: str = "F", head: str = MSH, pid: str = PID) -> bytes:
    return "\r".join([head, pid, OBR.format(kind=kind, status=status), *lines]).encode()


def records(*lines: str, **how: str) -> tuple[object, ...]:
    return parse(oru(*lines, **how)).records


MARKS = "|^~\\&"
TABLE = {"|": "\\F\\", "^": "\\S\\", "~": "\\R\\", "\\": "\\E\\", "&": "\\T\\"}


@given(st.text(max_size=40))
def test_escapes_come_back(text: str) -> None:
    assert unescaped("".join(TABLE.get(one, one) for one in text), MARKS) == text


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        ("a\\.br\\b", "a\nb"), ("a\\.in2\\b", "a b"), ("\\H\\bold\\N\\", "bold"), ("\\X41\\B", "AB"), ("\\Z12\\x", "x"),
        ("C:\\temp", "C:\\temp"), ("\\", "\\"), ("\\XG\\", "\\XG\\"), ("a\\\\b", "a\\\\b"), ("\\Cxy\\", "\\Cxy\\"),
    ],
)  # fmt: skip
def test_escape_sequences(raw: str, wanted: str) -> None:
    assert unescaped(raw, MARKS) == wanted


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_messages_of_a_file(end: str) -> None:
    one = f"{MSH}{end}{PID}"
    for whole in (
        f"{one}{end}{one}{end}", f"\x0b{one}{end}\x1c\r\x0b{one}{end}\x1c\r",
        f"FHS|^~\\&|x{end}BHS|^~\\&|x{end}{one}{end}{one}{end}BTS|2{end}FTS|1",
    ):  # fmt: skip
        data = whole.encode()
        assert [data[start : start + length] for start, length in spans(data)] == [one.encode()] * 2
    assert list(spans(b"nothing MSH here")) == []


def test_other_separators() -> None:
    found = message(b"MSH$%*!@$A\rPID$1$$7%%%H@x%MR*8")
    assert found[1].repetitions(3) == [["7", "", "", "H@x", "MR"], ["8"]]
    for bad in (b"", b"PID|1", b"MSH|^^\\&|A|B", b"MSH|^~", b"MSH|^~\\&|A\rbad line"):
        with pytest.raises(ClinicalError) as caught:
            message(bad)
        assert caught.value.code == "unreadable"


@pytest.mark.parametrize(
    ("said", "codec"),
    [
        ("UNICODE UTF-8", "utf-8"),
        ("8859/1", "latin-1"),
        ("8859/2", "iso8859_2"),
        ("", "utf-8"),
        ("", "latin-1"),
    ],
)
def test_character_sets(said: str, codec: str) -> None:
    raw = f"{MSH}||||||{said}\r{PID.replace('Quimbly', 'Müller')}".encode(codec)
    assert message(raw)[1].text(5) == "Müller"


@pytest.mark.parametrize(
    ("said", "name"), [("KLINGON", b"x"), ("UNICODE UTF-8", b"M\xfcller"), ("ASCII", b"M\xfcller")]
)
def test_character_sets_that_are_not(said: str, name: bytes) -> None:
    raw = f"{MSH}||||||{said}\r".encode() + PID.encode().replace(b"Quimbly", name)
    with pytest.raises(ClinicalError) as caught:
        message(raw)
    assert caught.value.code == "charset"


def test_a_report_of_lines_with_its_parts() -> None:
    (one,) = records(
        "OBX|1|TX|24627-2&GDT^CT^LN||Lungs \\T\\ heart.~Second line.||||||F",
        "OBX|2|TX|24627-2&GDT^CT^LN||Third.||||||F", "OBX|3|FT|24627-2&IMP^CT^LN||Clear.\\.br\\Really.||||||F",
        "OBX|4|TX|24627-2&IMP^CT^LN||not yet||||||P", "OBX|5|ST|113014^DICOM Study^DCM||1.2.3.4||||||F",
    )  # fmt: skip
    assert isinstance(one, Report)
    assert one.text == "FINDINGS:\nLungs & heart.\nSecond line.\nThird.\n\nIMPRESSION:\nClear.\nReally."
    assert (one.date, one.kind, one.study_uid) == (dt.date(2020, 5, 4), "radiology", "1.2.3.4")
    assert one.accessions == ("ACC1", "F1")
    assert one.coding is not None
    assert one.coding.code == "24627-2"
    assert ("name", "Who^Doctor") in one.known


def test_the_study_of_a_report() -> None:
    line = "OBX|1|TX|1^x^L||Text||||||F"
    zds = parse(oru(line, "ZDS|1.2.9^^Application^DICOM")).records[0]
    ipc = parse(oru(line, "IPC|A9|P|1.2.8|S")).records[0]
    assert isinstance(zds, Report)
    assert isinstance(ipc, Report)
    assert (zds.study_uid, ipc.study_uid, ipc.accessions[0]) == ("1.2.9", "1.2.8", "A9")


def test_text_in_base64() -> None:
    data = base64.b64encode(b"Clear lungs.").decode()
    (one,) = records(f"OBX|1|ED|1^x^L||PACS^TEXT^PLAIN^Base64^{data}||||||F")
    assert isinstance(one, Report)
    assert one.text == "Clear lungs."
    for row, code in (
        (f"OBX|1|ED|1^x^L||P^application^pdf^Base64^{data}||||||F", "form-not-text"),
        ("OBX|1|RP|1^x^L||http://x^y||||||F", "form-elsewhere"),
    ):
        with pytest.raises(ClinicalError) as caught:
            records(row)
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ("NM|718-7^Hb^LN||13.5|g/dL", (13.5, "g/dL", "")), ("ST|718-7^Hb^LN||13.5|g/dL", (13.5, "g/dL", "")),
        ("SN|718-7^Hb^LN||<^5|mg", (5.0, "mg", "<5 mg")), ("SN|718-7^Hb^LN||^1^:^128|", (None, "", "1:128")),
        ("CWE|718-7^Hb^LN||260373001^Detected^SCT|", (None, "", "Detected")),
        ("ST|718-7^Hb^LN||reactive|", (None, "", "reactive")),
        ("CE|x^Hb^L^718-7^Hemoglobin^LN||P^Positive^L|", (None, "", "Positive")),
    ],
)  # fmt: skip
def test_laboratory_values(row: str, wanted: tuple[float | None, str, str]) -> None:
    (one,) = records(f"OBX|1|{row}|||||F|||20200501", kind="LAB")
    assert isinstance(one, Observation)
    assert (one.value, one.unit, one.value_text) == wanted
    assert (one.coding.scheme, one.coding.code, one.date) == ("LN", "718-7", dt.date(2020, 5, 1))


def test_who_it_is_of() -> None:
    one = parse(oru("NK1|1|Kin^Bob||1 Oak St|999-7654321", "OBX|1|TX|1^x^L||Text||||||F")).person
    assert one is not None
    assert [(found.value, found.system, found.type) for found in one.identifiers] == [
        ("123", "HOSP", "MR"), ("999", "NAT", "NI"),
    ]  # fmt: skip
    words = set(one.words())
    for word in [("name", "Quimbly^Ann^B"), ("name", "Annie^Q"), ("name", "Kin^Bob"), ("phone", "999-7654321"),
                 ("place", "1 Oak St"), ("date", "19500102"), ("other", "12345")]:  # fmt: skip
        assert word in words, word


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ({"status": "P"}, "not-final"),
        ({"status": "X"}, "withdrawn"),
        ({"head": MSH.replace("ORU", "ADT")}, "other-message"),
    ],
)
def test_messages_for_nothing(how: dict[str, str], code: str) -> None:
    with pytest.raises(PassedOverError) as caught:
        records("OBX|1|TX|1^x^L||Text||||||F", **how)
    assert caught.value.code == code


def test_messages_of_nobody_or_of_two() -> None:
    for pid, code in (("PV1|1", "no-patient"), (f"{PID}\r{PID}", "unreadable")):
        with pytest.raises(ClinicalError) as caught:
            records("OBX|1|TX|1^x^L||Text||||||F", pid=pid)
        assert caught.value.code == code


def test_a_correction_has_the_name_of_what_it_corrects() -> None:
    line = "OBX|1|TX|1^x^L||Text||||||F"
    first, second = oru(line), oru(line, status="C", head=MSH.replace("77", "78"))
    assert key_of(first) == key_of(second)
    assert key_of(first) != key_of(first.replace(b"F1", b"F2"))
    bare = first.replace(b"|F1|", b"||")
    assert key_of(bare) != key_of(bare.replace(b"77", b"78"))


ODD = (
    "OBX|1|TX|1^x^L||a\\", "OBX|1|NM|||x", "OBX", "OBR|1", "ZDS|", "PID|1||||", "NTE|1||x", "ORC|RE|^", "IPC|||",
    "OBX|1|ED|a||^^^Base64^!", "OBR|2||F2||||bad|||||||||||||||||RAD|F", "OBX|2|SN|1^a^LN||>^", "NK1|1|~^|",
    "OBX|1|TX|&&^||~~",
)  # fmt: skip


@given(st.lists(st.sampled_from(ODD), max_size=8))
@settings(deadline=None)
def test_whatever_segments_come_there_is_a_reason_and_no_crash(lines: list[str]) -> None:
    try:
        parse("\r".join([MSH, *lines]).encode())
    except (ClinicalError, PassedOverError) as error:
        told = error.instruction
    else:
        told = "read"
    assert told
