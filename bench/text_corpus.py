"""Descriptors with planted identity and the answer key: what must go, what must stay.

Everything is made up: names come from the hand-written lists below and from a syllable generator (names that no
lexicon has), drawn by seed. Styles follow what technologists type into PACS headers and what MIDI-B plants.
"""

from __future__ import annotations

import datetime
import random
import re
import tomllib
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WORDS: dict[str, Any] = tomllib.loads((Path(__file__).parent / "text_words.toml").read_text(encoding="utf-8"))
FIRST, LAST, MODALITY = (WORDS[name].split() for name in ("first", "last", "modality"))
#: Names that are words too: the clinical reading must not shield them where the context says name.
WORDY = WORDS["wordy"].split()
MARKED = [tuple(row) for row in WORDS["marked"]]
WIDE = [tuple(row) for row in WORDS["wide"]]
SYLLABLES = [row.split() for row in WORDS["syllables"]]
BODY, TAIL, SERIES, HISTORY = WORDS["body"], WORDS["tail"], WORDS["series"], WORDS["history"]
ALERTS, CONTRAST, DERIVATION = WORDS["alerts"], WORDS["contrast"], WORDS["derivation"]


@dataclass
class Item:
    """One descriptor.

    Attributes:
        text: the value.
        long: whether it is long text (placeholders) or a short value.
        identity: what the headers say, as :class:`deid.text.TextCleaner` takes it.
        planted: (string, kind, class): class "known" from the header, "context" unknown with a context, "bare"
            unknown without, "other" unknown identifiers that are no names.
        clinical: the clinical part, whose words must stay.
        dates: (as written, moved by :data:`DAYS` as it should be written).
    """

    text: str
    long: bool
    identity: list[tuple[str, str]]
    planted: list[tuple[str, str, str]] = field(default_factory=list)
    clinical: str = ""
    dates: list[tuple[str, str]] = field(default_factory=list)


DAYS = -1234
STREETS = (
    "Maple Street",
    "Oakwood Ave",
    "W. 42nd Street",
    "Lincoln Blvd",
    "Evergreen Terrace",
    "Sunset Dr",
    "Elm St",
)
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


def _ordinal(day: int) -> str:
    return f"{day}{'th' if 10 < day < 14 else {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10, 'th')}"


DATES = [
    lambda d: f"{d:%m/%d/%Y}",
    lambda d: f"{d:%m-%d-%Y}",
    lambda d: f"{d.month}/{d.day}/{d.year}",
    lambda d: f"{d:%Y-%m-%d}",
    lambda d: f"{d:%Y%m%d}",
    lambda d: f"{d:%d.%m.%Y}",
    lambda d: f"{d:%m/%d/%y}",
    lambda d: f"{d.day} {MONTHS[d.month - 1][:3]} {d.year}",
    lambda d: f"{MONTHS[d.month - 1]} {d.day}, {d.year}",
    lambda d: f"{MONTHS[d.month - 1][:3]} {_ordinal(d.day)}, {d.year}",
    lambda d: f"{d.day:02d}-{MONTHS[d.month - 1][:3].upper()}-{d.year}",
    lambda d: f"{d:%Y/%m/%d}",
    lambda d: f"{_ordinal(d.day)} of {MONTHS[d.month - 1]} {d.year}",
    lambda d: f"{d.day:02d}{MONTHS[d.month - 1][:3].upper()}{d.year}",
]


class Corpus:
    """Draws descriptors by seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(f"text-{seed}")

    def invented(self) -> str:
        """A name of two or three syllables that is in no lexicon."""
        head, middle, tail = (self.random.choice(part) for part in SYLLABLES)
        return (head + (middle if self.random.random() < 0.6 else "") + tail).capitalize()

    def person(self, *, wordy: bool = False) -> tuple[str, str]:
        """A first name and a surname."""
        draw = self.random.random()
        first = self.random.choice(FIRST)
        if wordy and draw < 0.12:
            return first, self.random.choice(WORDY)
        return (self.invented() if draw > 0.9 else first), (
            self.invented() if draw > 0.75 else self.random.choice(LAST)
        )

    def day(self) -> datetime.date:
        """A date of the last decades."""
        return datetime.date(1940, 1, 1) + datetime.timedelta(days=self.random.randrange(31_000))

    def clinical(self) -> tuple[str, bool]:
        """A clinical text and whether it is long."""
        pick = self.random.choice
        kind = self.random.randrange(8)
        if kind < 3:
            text = f"{pick(MODALITY)} {pick(BODY)} {pick(TAIL)}"
            return (text.title() if self.random.random() < 0.25 else text), False
        if kind == 3:
            return pick(SERIES), False
        if kind == 4:
            return pick(CONTRAST if self.random.random() < 0.6 else DERIVATION), False
        if kind == 5:
            return pick(ALERTS), True
        text = pick(HISTORY)
        return (text[0].upper() + text[1:] if self.random.random() < 0.5 else text), True

    def item(self) -> Item:
        """One descriptor of a random style; drawn again while the plant occurs in the clinical words."""
        while True:
            item = self._draw()
            clinical = squeezed(item.clinical)
            if not any(token in clinical for text, kind, _ in item.planted for token in tokens(text, kind)):
                return item

    def _draw(self) -> Item:
        clinical, long = self.clinical()
        item = Item(clinical, long, [], clinical=clinical)
        first, last = self.person(wordy=True)
        middle = self.random.choice("ABDEGHJKMNPW")
        number = f"{self.random.randrange(10**6, 10**8):08d}"
        born, study = self.day(), self.day()
        item.identity = [
            ("name", f"{last}^{first}^{middle}"),
            ("id", number),
            ("date", f"{born:%Y%m%d}"),
            ("date", f"{study:%Y%m%d}"),
            ("place", "Mercy Hospital Springfield"),
        ]
        style = self.random.randrange(10)
        if style < 2:
            return item
        plants = {
            2: [self._known_name],
            3: [self._known_name],
            4: [self._known_other],
            5: [self._unknown_name],
            6: [self._unknown_name],
            7: [self._unknown_other],
            8: [self._date],
            9: [self._known_name, self._date],
        }[style]
        for plant in plants:
            plant(item, first, last, middle, number, born)
        if self.random.random() < 0.06 and item.planted and not item.dates:
            item.text, item.clinical = item.text.replace(item.clinical, "").strip(" ,-"), ""
        return item

    def _join(self, item: Item, phrase: str, *, separate: bool = True) -> None:
        """Put a phrase before or behind the clinical text."""
        glue = self.random.choice([" ", " ", " - ", ", ", " / "]) if separate else " "
        if item.long:
            glue = self.random.choice([". ", ", ", "; ", " "])
        item.text = (
            f"{phrase}{glue}{item.text}" if self.random.random() < 0.3 else f"{item.text}{glue}{phrase}"
        )

    def _known_name(self, item: Item, first: str, last: str, middle: str, *_: object) -> None:
        if self.random.random() < 0.12:
            if self.random.random() < 0.5:
                last, first = self.random.choice(MARKED)
                folded = "".join(
                    c
                    for c in unicodedata.normalize(
                        "NFKD", last.replace("ł", "l").replace("Ł", "L").replace("ß", "ss")
                    )
                    if not unicodedata.combining(c)
                )
                item.identity[0] = ("name", f"{last}^{first}")
                last = self.random.choice([last, folded, last.upper(), folded.upper()])
                item.planted.append((last, "name", "known"))
                self._join(item, last)
                return
            name, text = self.random.choice(WIDE)
            item.identity[0] = ("name", name)
            item.planted.append((text, "name", "known"))
            self._join(item, text)
            return
        wordy = last in WORDY
        forms = [
            f"{first} {last}",
            f"{last}, {first}",
            f"{last.upper()}^{first.upper()}",
            f"{last}^{first}^{middle}",
            f"{last.upper()} {first.upper()}",
            f"{last}_{first}",
            f"{first[0]}. {last}",
            f"{last} {first[0]}",
            f"for {first} {last}",
            f"Mr. {last}",
            f"{last.upper()},{first.upper()} {middle}",
            f"{first} {middle}. {last}",
            f"pt {last}, {first}",
        ]
        if not wordy:
            forms += [
                last,
                last.upper(),
                last.lower(),
                first,
                f"{last}{first}".upper(),
                f"{first}{last}",
                f"{last}'s",
                f"{last.upper()}{self.random.randrange(100)}",
                f"{first[0]}{last}",
                f"{first.lower()}.{last.lower()}",
                f"{last.upper()}-{first.upper()}",
            ]
        form = self.random.choice(forms)
        bare = re.sub(r"^(?:for|Mr\.|pt) ", "", form)
        item.planted.append((bare, "name", "known"))
        self._join(item, form)

    def _known_other(
        self, item: Item, _first: str, _last: str, _middle: str, number: str, _born: datetime.date
    ) -> None:
        forms = [
            number,
            number.lstrip("0"),
            f"MRN {number}",
            f"#{number}",
            f"{number[:2]}-{number[2:5]}-{number[5:]}",
            f"ID:{number}",
            f"00{number}",
            f"MRN{number}",
            f"{number[:4]} {number[4:]}",
        ]
        if self.random.random() < 0.25:
            text = self.random.choice(["Mercy Hospital", "MERCY HOSPITAL SPRINGFIELD", "Springfield"])
            item.planted.append(
                ("Springfield" if "pringfield" in text.lower() else "Mercy", "place", "known")
            )
        else:
            text = self.random.choice(forms)
            item.planted.append((re.sub(r"^(?:MRN ?|#|ID:)", "", text), "id", "known"))
        self._join(item, text)

    def _unknown_name(self, item: Item, *_: object) -> None:
        first, last = self.person()
        other = self.person()[1]
        upper = item.text.isupper()
        forms = [
            (f"Dr. {last}", last),
            (f"Dr {last}", last),
            (f"Dr. {first} {last}", f"{first} {last}"),
            (f"{first} {last} MD", f"{first} {last}"),
            (f"{last}, MD", last),
            (f"signed by {first} {last}", f"{first} {last}"),
            (f"ordered by {last}", last),
            (f"referring physician: {last}", last),
            (f"Referred by Dr. {last}", last),
            (f"patient name: {last}, {first}", f"{last} {first}"),
            (f"{last.upper()}^{first.upper()}", f"{last} {first}"),
            (f"tech: {first}", first),
            (f"Mrs. {last}", last),
            (f"read by {first[0]}. {last}", last),
            (f"Dr. {last}/{other} protocol", f"{last} {other}"),
            (f"discussed with Dr. {last}", last),
            (f"performed by {first} {last}, RN", f"{first} {last}"),
            (f"attending: {last}", last),
            (f"radiologist: {first} {last}", f"{first} {last}"),
            (f"Prof. {last}", last),
            (f"mother: {first} {last}", f"{first} {last}"),
            (f"Drs. {last} and {other}", f"{last} {other}"),
            (f"c/o {first} {last}", f"{first} {last}"),
        ]
        bare = [
            (f"{first} {last}", f"{first} {last}"),
            (f"for {first} {last}", f"{first} {last}"),
            (f"{last}, {first}", f"{last} {first}"),
            (last, last),
            (f"{last} protocol", last),
            (f"patient {first} {last}", f"{first} {last}"),
            (f"{first[0]}. {last}", last),
        ]
        klass, choices = ("context", forms) if self.random.random() < 0.75 else ("bare", bare)
        text, name = self.random.choice(choices)
        if upper and self.random.random() < 0.6:
            text, name = text.upper(), name.upper()
        item.planted.append((name, "name", klass))
        self._join(item, text)

    def _unknown_other(self, item: Item, *_: object) -> None:
        draw = self.random.randrange
        digits = f"{draw(10**7, 10**8)}"
        first, last = self.person()
        phone = f"{draw(200, 999)}-{draw(200, 999)}-{draw(1000, 9999)}"
        street = f"{draw(1, 9999)} {self.random.choice(STREETS)}"
        city = self.random.choice(
            ["Springfield, IL 62704", "Boston, MA 02115", "Baton Rouge, LA 70803", "San Antonio, TX 78201"]
        )
        place = self.random.choice(
            [
                "St. Mary's Hospital",
                "Cedar Valley Medical Center",
                "University of Wisconsin",
                "Northwestern Memorial Hospital",
                "Mayo Clinic",
                "Lakeside Clinic",
                "Klinikum Großhadern",
                "Good Samaritan Hospital",
                "Bellevue Hospital",
            ]
        )
        ssn = f"{draw(100, 899)}-{draw(10, 99)}-{draw(1000, 9999)}"
        choices = [
            (f"acc {digits}", digits, "id"),
            (f"Accession: {digits}", digits, "id"),
            (f"ACC#{digits}", digits, "id"),
            (f"MRN: {digits}", digits, "id"),
            (f"SSN {ssn}", ssn, "id"),
            (ssn, ssn, "id"),
            (f"call {phone}", phone, "phone"),
            (f"({phone[:3]}) {phone[4:]}", phone, "phone"),
            (f"fax {phone.replace('-', '.')}", phone.replace("-", "."), "phone"),
            (f"+1 {phone}", phone, "phone"),
            (
                f"{first.lower()}.{last.lower().replace(chr(39), '')}@example.org",
                f"{first}.{last}".replace("'", ""),
                "email",
            ),
            (f"https://pacs.example.org/{digits}", digits, "url"),
            (f"10.{draw(10, 250)}.{draw(10, 250)}.77", "77", "ip"),
            (street, street, "address"),
            (f"{street}, {city}", f"{street} {city}", "address"),
            (f"1.2.840.{draw(10000, 99999)}.{draw(10, 99)}.{digits}", digits, "uid"),
            (f"at {place}", place, "place"),
            (place, place, "place"),
            (f"{draw(90, 107)} year old", "", "age"),
            (f"{draw(90, 107)}yo", "", "age"),
            (f"acct no {digits}", digits, "id"),
            (f"policy # AB{digits}", digits, "id"),
            (f"S/N {digits[:6]}X", digits[:6], "id"),
            (digits, digits, "id"),
            (f"H{digits}", digits, "id"),
            (f"ID {digits[:5]}", digits[:5], "id"),
            (f"order {digits[:6]}", digits[:6], "id"),
            (f"plate {chr(65 + draw(26))}BC-{digits[:4]}", digits[:4], "id"),
        ]
        text, key, kind = self.random.choice(choices)
        if kind == "age":
            key = re.match(r"\d+", text).group()  # type: ignore[union-attr]
        item.planted.append((key, kind, "other"))
        self._join(item, text)

    def _date(
        self, item: Item, _first: str, _last: str, _middle: str, _number: str, born: datetime.date
    ) -> None:
        day = born if self.random.random() < 0.4 else self.day()
        if day.day < 13 and day != born:
            day = day.replace(day=min(28, day.day + 13))  # a day that is no month: one reading
        style = self.random.choice(DATES)
        if style is DATES[2] and day != born:
            day = day.replace(
                month=(day.month - 1) % 9 + 1, day=min(28, max(day.day, 13))
            )  # unpadded for sure
        if style in (DATES[8], DATES[12]) and day.month == 5 and day != born:
            day = day.replace(month=6, day=min(day.day, 28))  # May is as long as its abbreviation
        text = style(day)
        moved = style(day + datetime.timedelta(days=DAYS))
        known = "known" if day == born else "other"
        if style is DATES[6]:
            known = "other"
        item.planted.append((text, "date", known))
        item.dates.append((text, moved))
        self._join(item, self.random.choice(["", "", "DOB ", "dated ", "on ", "comparison "]) + text)


STOP = frozenset(["of", "at", "the", "and", "in", "for", "on", "dr", "mr", "mrs", "md", "by", "to"])
#: Words of planted addresses and places that may stay: they say nothing alone.
PLAIN = frozenset(
    [
        "st",
        "street",
        "ave",
        "blvd",
        "dr",
        "terrace",
        "hospital",
        "clinic",
        "medical",
        "center",
        "university",
        "w",
        "memorial",
        "valley",
        "lake",
        "good",
    ]
)


def tokens(text: str, kind: str) -> list[str]:
    """What must not be left of a planted string: its words of two characters or more; dates as a whole."""
    if kind == "date":
        return [text.lower()]
    found = [token for token in re.findall(r"[^\W_]+", text.lower()) if len(token) > 1 and token not in STOP]
    if kind in ("address", "place"):
        found = [token for token in found if token not in PLAIN and (token.isdigit() or len(token) > 2)]
    return found


def squeezed(text: str) -> str:
    """Lower case, placeholders out."""
    return re.sub(r"\[[A-Z]{2,9}\]|<[A-Z_]{3,}>|\{\{[^}]*\}\}", " ", text).lower()


def leaked(item: Item, output: str) -> list[tuple[str, str, str]]:
    """Planted strings of which a token is left in the output."""
    rest = squeezed(output)
    return [row for row in item.planted if any(token in rest for token in tokens(row[0], row[1]))]


def lost(item: Item, output: str) -> tuple[int, list[str]]:
    """How many clinical words there were, and those that are not in the output."""
    words = [word for word in re.findall(r"[^\W_]+", item.clinical.lower()) if word not in STOP]
    rest = output.lower()
    return len(words), [word for word in words if word not in rest]


def corpus(seed: int, count: int) -> list[Item]:
    """Descriptors by seed."""
    source = Corpus(seed)
    return [source.item() for _ in range(count)]
