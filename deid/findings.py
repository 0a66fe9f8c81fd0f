"""What the verifier reports: a code and a place, never a value."""

from __future__ import annotations

from dataclasses import dataclass

#: Every code of a finding, and what it means.
FINDINGS: dict[str, str] = {
    "age": "an age above the oldest that the policy names",
    "count": "another number of files than there were originals",
    "date": "a date of the patient, in any spelling",
    "generic-address": "something with the form of a postal address",
    "generic-date": "a date of birth",
    "generic-email": "an e-mail address",
    "generic-id": "a number that says it is a patient's or a case's",
    "generic-name": "a person's name after a title or before a degree",
    "generic-phone": "something with the form of a telephone number",
    "generic-ssn": "something with the form of a social security number",
    "generic-url": "an address on the net",
    "graphics": "an overlay or curve, which may be drawn text",
    "identifier": "a number of the patient, a case or a device",
    "inconsistent": "objects of one patient, study or series that no longer are",
    "interval": "dates that did not all move by the same number of days",
    "name": "part of the name of a person of the originals",
    "not-marked": "a mark that PS3.15 asks for is missing or wrong",
    "pixel-text": "identity in text that was read in the picture",
    "pixels-changed": "pixel data that no original has and no stage may have made",
    "place": "the name or address of an institution",
    "private-text": "a private attribute that is not known to be safe, or its text",
    "reference": "a reference that no longer finds its object",
    "stream": "text inside compressed pixel data",
    "text": "a text of the originals that was to go",
    "uid": "a UID of the originals",
    "unchanged": "an attribute that Table E.1-1 names, as an original had it",
    "unreadable": "a file that the verifier cannot parse",
}


@dataclass(frozen=True, order=True)
class Finding:
    """Something of the original's identity in an output.

    Attributes:
        file_number: position of the output in the list that was verified, from 1; 0 for the series.
        where: tags from the top to the place, or the byte offset.
        code: what it was, a key of :data:`FINDINGS`.
    """

    file_number: int
    where: str
    code: str

    def __str__(self) -> str:
        return f"file {self.file_number}: {self.code} at {self.where}"


def place(path: tuple[int, ...]) -> str:
    """A path as text: ``(0008,1140) > (0008,1155)``."""
    return " > ".join(f"({tag >> 16:04X},{tag & 0xFFFF:04X})" for tag in path)
