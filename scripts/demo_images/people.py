"""Invented people: nobody of these names exists, and every name says so to a reader."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    """One invented patient with everything that a hospital would write into a header.

    Names are DICOM person names (family^given). ``charset`` is the Specific Character Set of the files.
    """

    name: str
    mrn: str
    birth: dt.date
    sex: str
    study_day: dt.date
    accession: str
    study_id: str
    referring: str
    performing: str
    operator: str
    phone: str
    address: str
    mother: str
    other_name: str
    national_id: str
    charset: str = "ISO_IR 100"

    @property
    def family(self) -> str:
        """The family name."""
        return self.name.split("^")[0]

    @property
    def given(self) -> str:
        """The given names."""
        return " ".join(part for part in self.name.split("^")[1:] if part)

    @property
    def age(self) -> int:
        """Whole years on the day of the study."""
        before = (self.study_day.month, self.study_day.day) < (self.birth.month, self.birth.day)
        return self.study_day.year - self.birth.year - before


INSTITUTION = "Imaginary General Hospital of Nowhereville"
INSTITUTION_ADDRESS = "12 Pretend Promenade, Nowhereville ZZ 00000"
DEPARTMENT = "Department of Make-Believe Radiology"
STATION = "NOWHERE-CT-07"
ISSUER = "NOWHEREVILLE-MPI"
DEVICE_SERIAL = "SN-FAKE-4471902"

_NAMES = (
    ("Mockwellington^Marigold^Beatrix", "F", "Fictionsmith^Philomena", "Mockbirth^Agatha"),
    ("Fakeridgeway^Bartholomew", "M", "Fictionsmith^Philomena", "Mockbirth^Drusilla"),
    ("Samplethorpe^Clementine", "F", "Pretendergast^Ignatius", "Mockbirth^Hyacinth"),
    ("Placeholderby^Dashiell^Thaddeus", "M", "Pretendergast^Ignatius", "Mockbirth^Winifred"),
    ("Mockmüller^Friederike", "F", "Invéntéau^Anatole", "Mockbirth^Leopoldine"),
    ("Testerfieldson^Ferdinand", "M", "Fictionsmith^Philomena", "Mockbirth^Octavia"),
    ("Imaginelliano^Guinevere", "F", "Pretendergast^Ignatius", "Mockbirth^Perpetua"),
    ("Dummersteiner^Horatio^Ezekiel", "M", "Fictionsmith^Philomena", "Mockbirth^Rosamund"),
    ("Vymyšlenská^Žofie", "F", "Nepravdová^Ludmila", "Mockbirth^Božena"),
    ("Pseudonymakis^Jebediah", "M", "Pretendergast^Ignatius", "Mockbirth^Theodora"),
)


def _person(number: int) -> Person:
    name, sex, referring, mother = _NAMES[number]
    return Person(
        name=name,
        mrn=f"MRN-90{number}7{(number * 7919 + 3571) % 10000:04d}",
        birth=dt.date(1938, 1, 17) + dt.timedelta(days=941 * number + 13 * number * number),
        sex=sex,
        study_day=dt.date(2019, 2, 11) + dt.timedelta(days=157 * number),
        accession=f"ACC-7{(number * 6271 + 1847) % 1000000:06d}",
        study_id=f"STY-{(number * 4447 + 30211) % 100000:05d}",
        referring=referring,
        performing=("Scannerwright^Ottoline", "Gantrysson^Thorvald")[number % 2],
        operator=("Buttonpusher^Evangeline", "Tablemover^Cornelius")[number // 2 % 2],
        phone=f"+1-555-01{number:02d}-77{(number * 31 + 17) % 100:02d}",
        address=f"{101 + 17 * number} Fabrication Crescent, Nowhereville ZZ 0000{number}",
        mother=mother,
        other_name=f"Formerlyknown{'abcdefghij'[number]}^{name.split('^')[1]}",
        national_id=f"NID-55-{(number * 104729 + 271828) % 1000000:06d}",
        charset="ISO_IR 192" if any(ord(char) > 255 for char in name + referring + mother) else "ISO_IR 100",
    )


PEOPLE: tuple[Person, ...] = tuple(_person(number) for number in range(len(_NAMES)))


def planted(person: Person) -> list[str]:
    """Every identifying text that the files of a person hold, as it may appear anywhere in bytes or logs.

    Names as a whole, in the parts that are long enough to be unmistakable, and as written in free text;
    numbers; places. Dates are in ``planted_dates``: one person's shifted date may honestly be another's.
    """
    names = [person.name, person.referring, person.performing, person.operator, person.mother]
    names.append(person.other_name)
    parts = [part for name in names for part in name.split("^") if len(part) >= 7]
    spoken = [f"{person.given} {person.family}", burned_text(person)]
    numbers = [person.mrn, person.accession, person.study_id, person.phone, person.national_id]
    places = [person.address, INSTITUTION, INSTITUTION_ADDRESS, DEPARTMENT, STATION, ISSUER, DEVICE_SERIAL]
    return sorted({*names, *parts, *spoken, *numbers, *places})


def planted_dates(person: Person) -> list[str]:
    """The person's birth date and study date as DICOM writes them."""
    return [f"{person.birth:%Y%m%d}", f"{person.study_day:%Y%m%d}"]


def burned_text(person: Person) -> str:
    """The line that is drawn into the pixels of a screen capture; ASCII only."""
    name = f"{person.family} {person.given}".encode("ascii", "ignore").decode()
    return f"{name.upper()}  {person.mrn}  {person.study_day:%Y-%m-%d}"
