"""Free text as it stands in headers: clinical words that must stay, identity that must go, and both in one value."""

from __future__ import annotations

import datetime
import random
import unicodedata
from dataclasses import dataclass

from bench.planted.people import WORDS, Person
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
_DATE_FORMATS = ("%m/%d/%Y", "%Y-%m-%d", "%d.%m.%Y", "%Y%m%d", "%d %b %Y", "%B %d, %Y", "%d-%b-%Y")


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
    doctor = rng.choice([who.referring, who.performing, who.reading])
    stranger = who.relative
    written = day.strftime(rng.choice(_DATE_FORMATS))
    born = who.born.strftime(rng.choice(_DATE_FORMATS))
    return [
        ("{}", f"{family}, {given}", "HIPAA-A"),
        ("{}", f"{family.upper()} {given.upper()}", "HIPAA-A"),
        ("{}", f"{family}^{given}", "HIPAA-A"),
        ("for {}", f"{given} {family}", "HIPAA-A"),
        ("Mr {}" if who.sex == "M" else "Mrs {}", family, "HIPAA-A"),
        ("Dr. {}", doctor.family, "HIPAA-A"),
        ("ref by Dr {}", f"{doctor.given} {doctor.family}", "HIPAA-A"),
        ("per daughter {}", f"{stranger.given} {stranger.family}", "HIPAA-A"),
        ("Patient: {}", f"{given} {family}", "HIPAA-A"),
        ("Name={}", f"{family},{given}", "HIPAA-A"),
        ("{} MD", f"{doctor.given[:1]}. {doctor.family}", "HIPAA-A"),
        ("Tech: {}", f"{who.operator.given} {who.operator.family}", "HIPAA-A"),
        ("seen by Dr {}", doctor.family.upper(), "HIPAA-A"),
        ("mother {}", f"{who.mother.given} {who.mother.family}", "HIPAA-A"),
        ("MRN {}", who.mrn, "HIPAA-H"),
        ("MR#{}", who.mrn, "HIPAA-H"),
        ("ID: {}", who.mrn, "HIPAA-H"),
        ("acc# {}", accession, "HIPAA-R"),
        ("SSN {}", who.ssn, "HIPAA-G"),
        ("call {}", who.phone, "HIPAA-D"),
        ("Tel: {}", who.phone.replace("(", "").replace(") ", "-"), "HIPAA-D"),
        ("transferred from {}", who.hospital, "HIPAA-B"),
        ("contact {}", who.email, "HIPAA-F"),
        ("at {}", who.hospital, "HIPAA-B"),
        ("lives at {}", f"{who.street}, {who.city}", "HIPAA-B"),
        ("on {}", written, "date"),
        ("DOB {}", born, "date"),
        ("exam date {}", written, "date"),
        ("prior from {}", written, "date"),
    ]


def plant(
    rng: random.Random, keyword: str, vr: str, who: Person, accession: str, day: datetime.date
) -> Plant:
    """A value for an attribute: clinical only (one half), identity within clinical text, or identity alone.

    Identity whose words are part of a clinical word nearby is drawn again: it could not be told apart by a score.
    """
    limit = _LIMIT.get(vr, 64)
    for _ in range(200):
        clinical = rng.choice(PHRASES[keyword])
        kind = rng.choices(("clinical", "mixed", "alone"), (50, 35, 15))[0]
        if kind == "clinical":
            if len(clinical) <= limit:
                return Plant(clinical, keep="" if keyword in CONTESTED else clinical)
            continue
        how, identity, category = rng.choice(_fragments(rng, who, accession, day))
        said = how.format(identity)
        text = identity if kind == "alone" else _joined(rng, clinical, said)
        if len(text) > limit or not identity.isascii():
            continue
        kept = "" if kind == "alone" or keyword in CONTESTED else clinical
        if any(word in clinical.lower() or word in how.lower() for word in tokens(identity)):
            continue
        if category == "date":
            return Plant(text, keep=kept, dates=(identity,))
        return Plant(text, keep=kept, gone=((identity, category),))
    return Plant(rng.choice([phrase for phrase in PHRASES[keyword] if len(phrase) <= limit]))


def _joined(rng: random.Random, clinical: str, said: str) -> str:
    pattern = rng.choice(
        ("{c} {s}", "{c} - {s}", "{c}, {s}", "{s} {c}", "{s}: {c}", "{c} ({s})", "{c}; {s}", "{c}_{s}")
    )
    return pattern.format(c=clinical, s=said)
