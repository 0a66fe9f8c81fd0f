"""Free text as it stands in headers: clinical words that must stay, identity that must go, and both in one value."""

from __future__ import annotations

import datetime
import random
import unicodedata
from dataclasses import dataclass

from bench.planted.people import WORDS, Person, Staff
from deid.scoring.tokens import tokens

#: Attribute keyword -> clinical phrases.
PHRASES: dict[str, list[str]] = WORDS["phrases"]
#: Attributes that TCIA removes and PS3.15's Clean Descriptors would clean: only the removal of identity is scored.
CONTESTED = frozenset(
    {
        "ImageComments",
        "PatientComments",
        "StudyComments",
        "VisitComments",
        "RequestedProcedureComments",
        "ReasonForTheRequestedProcedure",
    }
)
_LIMIT = {"SH": 16, "LO": 64, "ST": 900, "LT": 900, "UT": 900, "CS": 16, "UC": 64}
#: What de-identifiers write for what they cut: an initial or particle that is part of it proves nothing.
_WRITTEN = "name date place address phone fax email url uid id age cut removed redacted shifted"
#: Digits or letters shorter than this may be part of a day that was moved.
_SHORT = 4
_DATE_FORMATS = (
    "%m/%d/%Y", "%Y-%m-%d", "%d.%m.%Y", "%Y%m%d", "%d %b %Y", "%B %d, %Y", "%d-%b-%Y", "%m-%d-%Y", "%Y/%m/%d",
    "%b %d %Y", "%d %B %Y", "%m/%d/%y", "%d%b%Y",
)  # fmt: skip


@dataclass(frozen=True)
class Plant:
    """A free text and what must become of it.

    Attributes:
        keep: words that must stay, empty where there are none.
        gone: strings that must go, with their HIPAA category.
        dates: dates as written, which must go or move.
    """

    text: str
    keep: str = ""
    gone: tuple[tuple[str, str], ...] = ()
    dates: tuple[str, ...] = ()


def plain(text: str) -> str:
    """A name as it is typed in free text of a header whose character set may be ASCII."""
    folded = unicodedata.normalize("NFKD", text)
    return "".join(character for character in folded if not unicodedata.combining(character))


def _fragments(
    rng: random.Random, who: Person, accession: str, day: datetime.date
) -> list[tuple[str, str, str]]:
    """(how it is said with ``{}`` for the identity, the identity, HIPAA category); ``date`` as category for dates."""
    family, given = plain(who.family), plain(who.given)
    if not family.isascii():
        family, given = "Sokolova", "Tatiana"
    initial = given[:1]
    doctor = rng.choice([who.referring, who.performing, who.reading])
    stranger = who.relative
    return [
        *_people(who, family, given, initial),
        *_staff(doctor, who, stranger),
        *_numbers(who, accession),
        *_places(who),
        *_dates(rng, who, day),
    ]


def _people(who: Person, family: str, given: str, initial: str) -> list[tuple[str, str, str]]:
    """The patient's name, as people write it."""
    said = [
        ("{}", f"{family}, {given}"), ("{}", f"{family.upper()} {given.upper()}"), ("{}", f"{family}^{given}"),
        ("{}", f"{family.upper()}^{given.upper()}"), ("{}", f"{given} {family}"), ("{}", f"{family},{given}"),
        ("{}", f"{family.upper()}_{given.upper()}"), ("{}", f"{initial}. {family}"), ("{}", f"{family} {initial}."),
        ("for {}", f"{given} {family}"), ("Mr {}" if who.sex == "M" else "Mrs {}", family),
        ("Mr. {}" if who.sex == "M" else "Ms. {}", f"{given} {family}"), ("Patient: {}", f"{given} {family}"),
        ("Patient {}", f"{family}, {given}"), ("pt {}", family), ("Pt: {}", f"{family.upper()}, {given.upper()}"),
        ("Name={}", f"{family},{given}"), ("Pt name {}", f"{given} {family}"), ("Re: {}", f"{family}, {given} {initial}"),
        ("images of {}", f"{given} {family}"),
    ]  # fmt: skip
    return [(how, identity, "HIPAA-A") for how, identity in said]


def _staff(doctor: Staff, who: Person, stranger: Staff) -> list[tuple[str, str, str]]:
    """Physicians, technologists, relatives."""
    tech = who.operator
    said = [
        ("Dr. {}", doctor.family), ("Dr {}", f"{doctor.given} {doctor.family}"), ("Prof. {}", doctor.family),
        ("ref by Dr {}", f"{doctor.given} {doctor.family}"), ("referred by Dr. {}", doctor.family),
        ("reported by {}", f"{doctor.given} {doctor.family}"), ("Reviewed by {}", f"{doctor.family}, {doctor.given}"),
        ("Electronically signed by {}", f"{doctor.given} {doctor.family}"),
        ("{} MD", f"{doctor.given[:1]}. {doctor.family}"),
        ("{}, MD", f"{doctor.given} {doctor.family}"), ("Radiologist: {}", f"{doctor.given} {doctor.family}"),
        ("Physician {}", f"{doctor.family}, {doctor.given}"), ("attending: {}", f"Dr. {doctor.family}"),
        ("seen by Dr {}", doctor.family.upper()), ("Tech: {}", f"{tech.given} {tech.family}"),
        ("performed by {}", f"{tech.given} {tech.family}"), ("Technologist {}", f"{tech.given} {tech.family}"),
        ("Operator: {}", tech.family), ("per daughter {}", f"{stranger.given} {stranger.family}"),
        ("accompanied by son {}", f"{stranger.given} {stranger.family}"),
        ("mother {}", f"{who.mother.given} {who.mother.family}"),
        ("husband {}", f"{stranger.given} {stranger.family}"), ("Nurse {}", stranger.family),
    ]  # fmt: skip
    return [(how, identity, "HIPAA-A") for how, identity in said]


def _numbers(who: Person, accession: str) -> list[tuple[str, str, str]]:
    """Record, accession and telephone numbers, addresses on the net."""
    bare = "".join(character for character in who.phone if character.isdigit())
    area, exchange, line = bare[:3], bare[3:6], bare[6:]
    return [
        *((how, who.mrn, "HIPAA-H") for how in ("MRN {}", "MR#{}", "ID: {}", "MRN: {}", "Patient ID {}", "PID={}", "{}")),
        *((how, accession, "HIPAA-R") for how in ("acc# {}", "Accession {}", "{}")),
        ("SSN {}", who.ssn, "HIPAA-G"), ("SSN: {}", who.ssn.replace("-", ""), "HIPAA-G"), ("{}", who.ssn, "HIPAA-G"),
        ("call {}", who.phone, "HIPAA-D"), ("Tel: {}", f"{area}-{exchange}-{line}", "HIPAA-D"),
        ("phone {}", f"+1-{area}-{exchange}-{line}", "HIPAA-D"), ("ph. {}", f"{area}.{exchange}.{line}", "HIPAA-D"),
        ("Fax {}", f"{area} {exchange} {line}", "HIPAA-E"), ("{}", who.phone, "HIPAA-D"),
        ("contact {}", who.email, "HIPAA-F"), ("{}", who.email, "HIPAA-F"),
        ("see {}", f"http://pacs{who.mrn[-2:]}.{who.city.lower()}.example/study/{accession}", "HIPAA-N"),
        ("from {}", f"10.{int(line) % 250}.17.{int(area) % 250}", "HIPAA-O"),
    ]  # fmt: skip


def _places(who: Person) -> list[tuple[str, str, str]]:
    """Hospitals and addresses."""
    said = [
        ("transferred from {}", who.hospital), ("at {}", who.hospital), ("performed at {}", who.hospital),
        ("outside films {}", who.hospital), ("{}", who.hospital), ("lives at {}", f"{who.street}, {who.city}"),
        ("address {}", f"{who.street}, {who.city}, {who.state} {who.postcode}"), ("{}", who.street),
        ("resident of {}", f"{who.city}, {who.state}"),
    ]  # fmt: skip
    return [(how, identity, "HIPAA-B") for how, identity in said]


def _dates(rng: random.Random, who: Person, day: datetime.date) -> list[tuple[str, str, str]]:
    """Days of the study and of birth."""
    written = day.strftime(rng.choice(_DATE_FORMATS))
    born = who.born.strftime(rng.choice(_DATE_FORMATS))
    said = [
        ("on {}", written), ("DOB {}", born), ("exam date {}", written), ("prior from {}", written), ("{}", written),
        ("dated {}", written), ("born {}", born), ("compared to {}", written), ("scan {} 14:32", written),
    ]  # fmt: skip
    return [(how, identity, "date") for how, identity in said]


def plant(
    rng: random.Random, keyword: str, vr: str, who: Person, accession: str, day: datetime.date
) -> Plant:
    """A value for an attribute: clinical only (four of ten), identity within clinical text, identity alone, or two.

    Identity whose words are part of a clinical word nearby is drawn again: it could not be told apart by a score.
    """
    limit = _LIMIT.get(vr, 64)
    for _ in range(200):
        clinical = rng.choice(PHRASES[keyword])
        kind = rng.choices(("clinical", "mixed", "alone", "twice"), (42, 36, 12, 10))[0]
        if kind == "clinical":
            if len(clinical) <= limit:
                return Plant(clinical, keep="" if keyword in CONTESTED else clinical)
            continue
        drawn = [rng.choice(_fragments(rng, who, accession, day)) for _ in range(2 if kind == "twice" else 1)]
        if kind == "alone" and not _telling(drawn[0][1], who):
            continue
        if kind == "twice" and (drawn[0][2] == drawn[1][2] or "{}" in (drawn[0][0], drawn[1][0])):
            continue
        text = drawn[0][1] if kind == "alone" else clinical
        for how, identity, _ in drawn if kind != "alone" else ():
            text = _joined(rng, text, how.format(identity))
        if len(text) > limit or not text.isascii() or any(_blurred(one, drawn, clinical) for one in drawn):
            continue
        return Plant(
            text,
            keep="" if kind == "alone" or keyword in CONTESTED else clinical,
            gone=tuple((identity, category) for _, identity, category in drawn if category != "date"),
            dates=tuple(identity for _, identity, category in drawn if category == "date"),
        )
    return Plant(rng.choice([phrase for phrase in PHRASES[keyword] if len(phrase) <= limit]))


def _telling(identity: str, who: Person) -> bool:
    """Whether somebody could know it for identity without a word around it: not the bare "Bishop" of a stranger."""
    own = {part.lower() for part in (who.family, who.given)}
    return len(tokens(identity)) > 1 or any(map(str.isdigit, identity)) or identity.lower() in own


def _blurred(one: tuple[str, str, str], drawn: list[tuple[str, str, str]], clinical: str) -> bool:
    """Whether a word of the identity is also part of what is said around it, or may be part of what is written for it.

    Words count as gone only where their letters are nowhere in the value: the "N" of "N. Smith" is part of "[NAME]",
    and the 17 of a number part of a day in 2017.
    """
    around = " ".join([clinical, _WRITTEN, *(how for how, _, _ in drawn)]).lower()
    others = " ".join(identity for how, identity, _ in drawn if identity != one[1]).lower()
    dated = any(category == "date" for _, _, category in drawn if one[2] != "date")
    return any(word in around or word in others or (dated and len(word) < _SHORT) for word in tokens(one[1]))


def _joined(rng: random.Random, clinical: str, said: str) -> str:
    pattern = rng.choice(
        ("{c} {s}", "{c} - {s}", "{c}, {s}", "{s} {c}", "{s}: {c}", "{c} ({s})", "{c}; {s}", "{c}_{s}")
    )
    return pattern.format(c=clinical, s=said)
