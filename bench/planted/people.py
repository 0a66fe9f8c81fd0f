"""People, staff and places that do not exist; the same for the same seed."""

from __future__ import annotations

import datetime
import random
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

WORDS = tomllib.loads((Path(__file__).parent / "words.toml").read_text(encoding="utf-8"))
FAMILIES = WORDS["families"].split()
GIVEN_F = WORDS["given_f"].split()
GIVEN_M = WORDS["given_m"].split()
LATIN1 = (
    ("Müller", "Jürgen"),
    ("Fernández", "José"),
    ("Lefèvre", "Hélène"),
    ("Grønbæk", "Søren"),
    ("Gonçalves", "Inês"),
)
JAPANESE = (
    ("Yamada^Tarou", "山田^太郎", "やまだ^たろう"), ("Suzuki^Hanako", "鈴木^花子", "すずき^はなこ"),
    ("Kobayashi^Kenji", "小林^健二", "こばやし^けんじ"), ("Matsumoto^Yukiko", "松本^由紀子", "まつもと^ゆきこ"),
)  # fmt: skip
CYRILLIC = (("Иванова", "Екатерина"), ("Кузнецов", "Александр"), ("Шевченко", "Оксана"))
WORLD = [tuple(part.strip() for part in line.split(";")) for line in WORDS["world"].strip().split("\n")]
STREETS = WORDS["streets"].split("\n")[:-1]
CITIES = WORDS["cities"].split("\n")[:-1]
HOSPITALS = WORDS["hospitals"].split("\n")[:-1]
STATES = WORDS["states"].split()


_ABROAD, _CAPITALS = 0.25, 0.3


@dataclass(frozen=True)
class Staff:
    """A physician or technologist."""

    family: str
    given: str

    @property
    def pn(self) -> str:
        """As a DICOM person name."""
        return f"{self.family}^{self.given}"


@dataclass(frozen=True)
class Person:
    """A patient, with everything that could name them."""

    family: str
    given: str
    middle: str
    pn: str
    charset: str | list[str] | None
    sex: str
    born: datetime.date
    mrn: str
    issuer: str
    ssn: str
    phone: str
    email: str
    street: str
    city: str
    state: str
    postcode: str
    mother: Staff
    relative: Staff
    hospital: str
    referring: Staff
    performing: Staff
    operator: Staff
    reading: Staff
    station: str
    scripts: tuple[str, ...] = field(default=())

    def secrets(self) -> list[str]:
        """Strings that must be in no output, in any encoding."""
        found = [self.mrn, self.ssn, self.phone, self.email, self.street, *self.scripts]
        found += [
            name
            for who in (self.referring, self.performing, self.operator, self.reading, self.mother)
            for name in (who.family,)
        ]
        return [*found, self.family, self.hospital, self.station]


def staff(rng: random.Random) -> Staff:
    """Somebody; one of four with a name of another country, or one that is also a word."""
    if rng.random() < _ABROAD:
        family, female, male = rng.choice(WORLD)
        return Staff(family, rng.choice((female, male)))
    return Staff(rng.choice(FAMILIES), rng.choice(GIVEN_F + GIVEN_M))


def person(rng: random.Random, number: int) -> Person:
    """Patient ``number`` of the corpus; every seventh has a name outside ASCII."""
    sex = rng.choice("FM")
    family, given = rng.choice(FAMILIES), rng.choice(GIVEN_F if sex == "F" else GIVEN_M)
    middle = rng.choice(["", "", rng.choice("ABCDEFGHJKLMNPRSTW"), rng.choice(GIVEN_F + GIVEN_M)])
    if rng.random() < _ABROAD:
        family, female, male = rng.choice(WORLD)
        given = female if sex == "F" else male
    affixes = rng.choice(["", "", "", "", "^Dr", "^^Jr", "^Mrs", "^^III"])
    pn = f"{family}^{given}^{middle}".rstrip("^")
    if affixes:
        pn = f"{family}^{given}^{middle}{affixes}"
    if rng.random() < _CAPITALS:
        pn = pn.upper()
    charset: str | list[str] | None = rng.choice([None, "ISO_IR 100", "ISO_IR 192"])
    scripts: tuple[str, ...] = ()
    if number % 7 == 3:
        family, given = rng.choice(LATIN1)
        pn, charset, middle = f"{family}^{given}", rng.choice(["ISO_IR 100", "ISO_IR 192"]), ""
    elif number % 14 == 5:
        latin, kanji, kana = rng.choice(JAPANESE)
        family, given = latin.split("^")
        pn, charset, middle = f"{latin}={kanji}={kana}", ["", "ISO 2022 IR 87"], ""
        scripts = tuple(kanji.split("^")[:1])
    elif number % 14 == 12:
        family, given = rng.choice(CYRILLIC)
        pn, charset, middle = f"{family}^{given}", rng.choice(["ISO_IR 144", "ISO_IR 192"]), ""
    digits = f"{rng.randrange(10**6, 10**7):07d}"
    mrn = rng.choice(
        [f"MRN-{digits}", f"00{digits}", f"{rng.choice('ABHKLP')}{digits}", f"{digits[:4]}-{digits[4:]}-9"]
    )
    hospital = rng.choice(HOSPITALS)
    return Person(
        family=family,
        given=given,
        middle=middle,
        pn=pn,
        charset=charset,
        sex=sex,
        born=datetime.date(1938, 1, 1) + datetime.timedelta(days=rng.randrange(23_000)),
        mrn=mrn,
        issuer="".join(word[0] for word in hospital.split()).upper() + f"ADT{rng.randrange(10, 99)}",
        ssn=f"{rng.randrange(100, 899)}-{rng.randrange(10, 99)}-{rng.randrange(1000, 9999)}",
        phone=f"({rng.randrange(201, 989)}) 555-{rng.randrange(1000, 9999)}",
        email=f"{rng.choice(GIVEN_F).lower()}{rng.randrange(1970, 2004)}@mailhost{rng.randrange(100)}.example",
        street=f"{rng.randrange(100, 9999)} {rng.choice(STREETS)}",
        city=rng.choice(CITIES),
        state=rng.choice(STATES),
        postcode=f"{rng.randrange(10_000, 99_999)}",
        mother=staff(rng),
        relative=staff(rng),
        hospital=hospital,
        referring=staff(rng),
        performing=staff(rng),
        operator=staff(rng),
        reading=staff(rng),
        station=f"{rng.choice(['CTROOM', 'MRBAY', 'XRAYSUITE', 'ANGIO'])}{rng.randrange(10, 99)}{rng.choice('ABCX')}",
        scripts=scripts,
    )
