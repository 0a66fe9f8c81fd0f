"""ORU^R01 of HL7 v2: whose it is (PID), which study (ORC, OBR, IPC, ZDS), reports and observations (OBX).

Accession number and Study Instance UID as IHE Scheduled Workflow and HL7 2.5.1 chapter 4 place them: IPC-1, OBR-18,
filler order number; IPC-3, ZDS-1, OBX with DCM 113014 or 110180.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from research.clinical.attachments import from_base64, plain
from research.clinical.codes import coding
from research.clinical.hl7 import Segment, message, unescaped
from research.clinical.model import (
    ClinicalError,
    Coding,
    Identifier,
    Observation,
    Parsed,
    PassedOverError,
    Person,
    Record,
    Report,
)

_TEXTS = frozenset({"TX", "FT", "ST", "ED", "RP"})
#: OBR-24 (HL7 table 0074) of those who write reports about images.
_RADIOLOGY = frozenset(
    {"RAD", "RX", "RUS", "NMR", "NMS", "CT", "CUS", "XRC", "OUS", "VUS", "NUS", "IMG", "MG", "US"}
)
_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})")
_UID = re.compile(r"[0-2](?:\.(?:0|[1-9]\d*))+")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_STUDY_CODES = frozenset({"113014", "110180"})
#: Suffixes of OBX-3.1 for parts of a report (2.5.1, 7.4.2.1), as titles.
_SUFFIXES = {
    "IMP": "IMPRESSION",
    "GDT": "FINDINGS",
    "ADT": "ADDENDUM",
    "REC": "RECOMMENDATION",
    "DEV": "TECHNIQUE",
}
_SEX = {"M": "M", "F": "F", "O": "O"}
#: XCN and XPN fields: people that the text may name.
_PEOPLE = {"PV1": (7, 8, 9, 17, 52), "OBR": (10, 16, 28), "ORC": (10, 11, 12), "OBX": (16,), "PID": (6,)}
_READERS = (32, 33, 34, 35)  # NDL: name in subcomponents
_NUMBERS = {"PID": (2, 18, 19, 20, 21), "PV1": (5, 19, 50), "ORC": (2, 3, 4), "OBR": (2, 3, 18, 19, 20)}
_PLACES = {"PV1": (39,), "ORC": (17, 21)}


@dataclass
class _Order:
    """An OBR with what belongs to it."""

    obr: Segment
    lead: list[Segment]
    rows: list[Segment] = field(default_factory=list)


def key_of(raw: bytes) -> str:
    """How a message's sender names what it reports: sender and filler order numbers, else its control id.

    A corrected report has the same order numbers, so it takes the former's place.

    Raises:
        ClinicalError: ``unreadable`` or ``charset``.
    """
    segments = message(raw)
    head = segments[0]
    numbers = [
        one.raw(3) or one.raw(2) for one in segments if one.name == "OBR" and (one.raw(3) or one.raw(2))
    ]
    # One order number may stand before several OBR: panels of one specimen come in messages of their own.
    panels = [one.raw(4) for one in segments if one.name == "OBR"]
    names = [*numbers, *panels] if numbers else [head.raw(10)]
    return "\n".join(["ORU", head.raw(3), head.raw(4), *names])


def parse(raw: bytes) -> Parsed:
    """What a message says.

    Raises:
        ClinicalError: it cannot be used; the code says why.
        PassedOverError: it is no result, or holds none that is final.
    """
    segments = message(raw)
    if segments[0].text(9, 1) != "ORU":
        code = "other-message"
        raise PassedOverError(code)
    patients = [one for one in segments if one.name == "PID"]
    if len(patients) != 1:
        code = "no-patient" if not patients else "unreadable"
        raise ClinicalError(code, f"{len(patients)} PID")
    known = tuple(_around(segments))
    records: list[Record] = []
    whys: list[str] = []
    for order in _orders(segments):
        try:
            records += _results(order, segments, known)
        except PassedOverError as error:
            whys.append(error.code)
    if not records:
        code = next(iter(whys), "no-value")
        raise PassedOverError(code)
    return Parsed(person=_person(segments, patients[0]), records=tuple(records))


def _orders(segments: list[Segment]) -> Iterator[_Order]:
    lead: list[Segment] = []
    order: _Order | None = None
    for one in segments:
        if one.name == "OBR":
            if order:
                yield order
            order, lead = _Order(one, lead), []
        elif one.name == "ORC":
            lead = [one]
        elif order and one.name in ("OBX", "NTE", "ZDS", "IPC"):
            order.rows.append(one)
        elif one.name in ("ZDS", "IPC"):
            lead.append(one)
    if order:
        yield order


def _results(order: _Order, segments: list[Segment], known: tuple[tuple[str, str], ...]) -> list[Record]:
    status = order.obr.text(25)
    if status in ("X", "R", "P", "S", "I", "O", "A"):
        code = "withdrawn" if status == "X" else "not-final"
        raise PassedOverError(code)
    rows = [row for row in order.rows if row.name == "OBX" and row.text(11) in ("", "F", "C", "U", "V")]
    when = _day(order.obr.text(7)) or _day(order.obr.text(22))
    concept = _concept(order.obr, 4)
    about = order.obr.text(24).upper() in _RADIOLOGY
    written = [row for row in rows if row.text(2) in _TEXTS and not _is_study(row)]
    if (about and written) or any(row.text(2) in ("TX", "FT") for row in rows):
        made: Report = _report(order, written, segments, known)
        rest = [row for row in rows if row not in written and not _is_study(row)]
        return [made, *(one for row in rest if (one := _observation(row, when, known)))]
    found = [one for row in rows if not _is_study(row) and (one := _observation(row, when, known))]
    if not found:
        code = "no-value" if concept else "no-code"
        raise PassedOverError(code)
    return list(found)


def _report(
    order: _Order, rows: list[Segment], segments: list[Segment], known: tuple[tuple[str, str], ...]
) -> Report:
    lines, title = [], ""
    for row in rows:
        said = row.raw(3).split(row.marks[1])[0].split(row.marks[4])[-1].upper()
        now = _SUFFIXES.get(said, "")
        if now != title and now:
            lines.append(f"\n{now}:")
        title = now
        lines += _lines(row)
    text = plain("\n".join(lines))
    if not text:
        code = "no-text"
        raise PassedOverError(code)
    shared = [one for one in segments if one.name in ("ZDS", "IPC")]
    own = [one for one in [*order.lead, *order.rows] if one.name in ("ZDS", "IPC")] or shared
    uids = [one.text(1) for one in own if one.name == "ZDS"]
    uids += [one.text(3) for one in own if one.name == "IPC"]
    uids += [row.text(5) for row in order.rows if row.name == "OBX" and _is_study(row)]
    numbers = [one.text(1) for one in own if one.name == "IPC"]
    numbers += [
        order.obr.text(18),
        order.obr.text(3),
        *(one.text(3) for one in order.lead if one.name == "ORC"),
    ]
    return Report(
        text=text,
        date=_day(order.obr.text(7)) or _day(order.obr.text(22)),
        kind="radiology" if order.obr.text(24).upper() in _RADIOLOGY or uids else "report",
        coding=_concept(order.obr, 4),
        study_uid=next((uid for uid in uids if _UID.fullmatch(uid) and len(uid) <= 64), ""),
        accessions=tuple(dict.fromkeys(one for one in numbers if one)),
        known=known,
    )


def _lines(row: Segment) -> list[str]:
    """Text of one OBX; every repetition is a line."""
    if row.text(2) == "RP":
        code = "form-elsewhere"
        raise ClinicalError(code)
    if row.text(2) == "ED":
        kind = "/".join(part.lower() for part in (row.text(5, 2) or "text", row.text(5, 3) or "plain"))
        kind = {"text/txt": "text/plain", "text/x-hl7-ft": "text/plain"}.get(kind, kind)
        if row.text(5, 4).upper() == "BASE64":
            return [from_base64(row.text(5, 5), kind)]
        if not kind.startswith("text/"):
            code = "form-not-text"
            raise ClinicalError(code)
        return [row.text(5, 5)]
    # Separators that a sender forgot to escape belong to the text.
    return [unescaped(one, row.marks).strip() for one in row.raw(5).split(row.marks[2])]


def _observation(
    row: Segment, when: dt.date | None, known: tuple[tuple[str, str], ...]
) -> Observation | None:
    concept = _concept(row, 3)
    if concept is None:
        return None
    when = _day(row.text(14)) or when
    unit = row.text(6)
    kind, value = row.text(2), row.text(5)
    if kind == "SN":
        sign, number = value, row.text(5, 2)
        if _NUMBER.fullmatch(number) and not row.text(5, 3):
            said = f"{sign}{number} {unit}".strip() if sign and sign != "=" else ""
            return Observation(concept, when, float(number), unit, said, known)
        value = "".join(row.parts(5))
    elif kind in ("NM", "ST", "") and _NUMBER.fullmatch(value):
        return Observation(concept, when, float(value), unit, known=known)
    elif kind in ("CE", "CWE", "CNE"):
        value = row.text(5, 2) or row.text(5, 9) or value
    elif kind not in ("ST", "TX", "FT", "IS", "ID", "NM", ""):
        return None
    return Observation(concept, when, None, unit, value, known) if value else None


def _is_study(row: Segment) -> bool:
    return row.text(3) in _STUDY_CODES and row.text(3, 3) in ("DCM", "99SDM")


def _concept(one: Segment, number: int) -> Coding | None:
    """A CE or CWE: the standard one of its two codings, if one is."""
    code = one.first(number, 1)
    first = coding(one.text(number, 3), code, one.text(number, 2))
    second = coding(one.text(number, 6), one.text(number, 4), one.text(number, 5))
    return second if second and second.public and not (first and first.public) else first or second


def _day(value: str) -> dt.date | None:
    found = _DATE.match(value)
    try:
        return dt.date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


def _person(segments: list[Segment], pid: Segment) -> Person:
    names = [*_people(pid, 5), *_people(pid, 9), *_people(pid, 6)]
    for kin in (one for one in segments if one.name == "NK1"):
        names += _people(kin, 2)
    identifiers = []
    for parts in pid.repetitions(3):
        cells = [*parts, *[""] * 5][:5]
        identifiers.append(
            Identifier(cells[0].strip(), cells[3].split(pid.marks[4])[0].strip(), cells[4].strip())
        )
    return Person(
        identifiers=tuple(one for one in identifiers if one.value),
        names=tuple(dict.fromkeys(name for name in names if name.strip("^ "))),
        birth_date=pid.text(7)[:8],
        sex=_SEX.get(pid.text(8)),
        known=tuple(dict.fromkeys(_known(segments, pid))),
    )


def _known(segments: list[Segment], pid: Segment) -> Iterator[tuple[str, str]]:
    for parts in pid.repetitions(4):
        yield from [("id", parts[0])] if parts and parts[0] else ()
    for one in (pid, *(one for one in segments if one.name == "NK1")):
        address, phones = (11, (13, 14)) if one is pid else (4, (5, 6, 7))
        for parts in one.repetitions(address):
            yield from (("place", part) for part in parts[:3] if part and not part.isdigit())
            yield from [("other", parts[4])] if len(parts) > 4 and parts[4] else ()
        for number in phones:
            for parts in one.repetitions(number):
                yield from (
                    ("phone" if any(map(str.isdigit, part)) else "other", part)
                    for part in parts
                    if len(part) > 4
                )


def _around(segments: list[Segment]) -> Iterator[tuple[str, str]]:
    """People, numbers and places that the message names."""
    for one in segments:
        for number in _PEOPLE.get(one.name, ()):
            yield from (("name", name) for name in _people(one, number, xcn=one.name != "PID"))
        if one.name == "OBR":
            for number in _READERS:
                for repeated in one.raw(number).split(one.marks[2]):
                    cells = repeated.split(one.marks[1])[0].split(one.marks[4])
                    name = "^".join(unescaped(cell, one.marks) for cell in cells[1:4])
                    yield from [("name", name)] if name.strip("^ ") else ()
        for number in _NUMBERS.get(one.name, ()):
            yield from (("id", parts[0]) for parts in one.repetitions(number) if parts[0])
        for number in _PLACES.get(one.name, ()):
            yield from [("place", one.text(number))] if one.text(number) else ()
    head = segments[0]
    yield from (("place", head.first(number)) for number in (4, 6) if len(head.first(number)) > 2)


def _people(one: Segment, number: int, *, xcn: bool = False) -> list[str]:
    """Names of an XPN (or, behind a number, XCN) field as DICOM writes them."""
    found = []
    for parts in one.repetitions(number):
        cells = parts[1:4] if xcn and len(parts) > 1 else [] if xcn else parts[:3]
        cells = [cell.split(one.marks[4])[0].strip() for cell in cells]
        if any(cells):
            found.append("^".join(cells))
    return found
