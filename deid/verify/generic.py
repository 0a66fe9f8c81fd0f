"""What names a person in any text, whoever it is: detectors that know nothing of the originals.

They look for forms that clinical text does not have; what is ambiguous (``DR CHEST``, ``MR Head``, ``ACC``,
version numbers) is left to the search for what the originals said. Measured on the project's real data: no
hit in text that nobody typed a person into.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Sites of standards; their addresses are part of coded content.
_REGISTRIES = (
    "nema.org", "snomed.info", "snomed.org", "loinc.org", "radlex.org", "rsna.org", "hl7.org", "w3.org",
    "unitsofmeasure.org", "ihe.net", "ieee.org", "etsi.org", "umls.nlm.nih.gov", "doi.org",
)  # fmt: skip
#: Attributes of programs and devices, where numbers with dots and dashes are versions, and addresses are of makers.
_TECHNICAL = frozenset(
    {0x00080070, 0x00081090, 0x00181018, 0x00181019, 0x00181020, 0x00189005, 0x0018115A, 0x00080103}
)

_DIGIT = re.compile(r"\d")
_SHORTEST_NUMBER, _EXTENSION = 7, 4  # digits
_PHONE = re.compile(
    r"(?<![\w.+\-/])(?:\+?\d{1,3}[ .\-/])?(?:\(\d{3,5}\)[ \-/]?\d{3,4}|\d{3}[ .\-]\d{3})[ .\-]\d{4}(?![\w\-/]|\.\d)"
    r"|(?<![\w.+])\+\d{1,3}[ ./\-]?(?:\(0?\d{1,5}\)|\d{1,5})(?:[ ./\-]?\d{2,5}){1,4}(?![\w\-/]|\.\d)"
    r"|\b(?:tel|telephone|phone|fax|mobile|pager|ext|tel[eé]fono|telefon)\b\.?:?\s*(?:no\.?|number|#)?\s*:?\s*"
    r"\+?\(?\d[\d ().\-/]{3,}\d",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"[\w.+\-]{1,64}@[\w\-]{1,63}(?:\.[\w\-]{1,63})*\.[a-z]{2,24}\b", re.IGNORECASE)
_URL = re.compile(r"\b(?:https?|ftp|file)://[^\s<>\"]+|\bwww\.[\w\-]+\.[^\s<>\"]+", re.IGNORECASE)
_SSN = re.compile(r"(?<![\w.\-])(?!000|666|9\d\d)\d{3}-\d{2}-\d{4}(?![\w\-]|\.\d)")
_NAME = re.compile(
    r"\b(?:Dr|Prof|Mr|Mrs|Ms|Miss|Mme|Mlle|Sr|Sra|Herr|Frau|Doctor|Professor|Nurse|Sister)\.?[ ^]+"
    r"(?:[A-Z]\.[ ]?)*([A-Z][a-zA-Z'\u2019\-]*[a-z][a-zA-Z'\u2019\-]*|[A-Z][A-Z'\u2019\-]{3,})"
    r"|\b(?:DR|PROF|MRS)\. ?(?:[A-Z]\. ?)*([A-Z][A-Z'\u2019\-]{2,})"
    r"|\b([A-Z][a-zA-Z'\u2019\-]{2,}), ?(?:M\.?D\.?|Ph\.?D\.?|D\.?O\.?|R\.?N\.?|R\.T\.)(?![\w])"
)
_ID = re.compile(
    r"\b(?:MRN|SSN|NHS(?: ?no)?|patient ?id|pat(?:ient)?\.? ?no|pid|accession(?: ?(?:no|number|#))?|case ?(?:no|number)|"
    r"medical record(?: ?(?:no|number|#))?|fallnummer|patientennummer)\b\.?\s*[:#=\-]?\s*"
    r"((?=[\w\-]*\d)[A-Za-z]{0,6}[\-_]?\d[\w\-]{2,})",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"\b\d{1,5}[a-z]? (?:[A-Z][a-zA-Z'\-]+ ){1,3}"
    r"(?:Street|St\.|Avenue|Ave\b\.?|Road|Rd\b\.?|Lane|Ln\b\.?|Drive|Boulevard|Blvd\b\.?|Terrace|Court|Crescent|Highway)"
    r"|\b[A-ZÄÖÜ][a-zäöüß]+(?:straße|strasse|str\.|weg|platz|allee) \d{1,4}\b"
)
_BIRTH = re.compile(
    r"\b(?:d\.?o\.?b\.?|born|birth ?dat[ea]|date of birth|birthday|geb\.|geboren|né[e]? le)\W{0,4}(?:on |am )?"
    r"(?=\W{0,3}\d{1,4}[\-./ ]|\W{0,3}[a-z]{3,9}\.? \d|\d{8})",
    re.IGNORECASE,
)


class Generic(NamedTuple):
    """A hit: the code of its finding, the part that identifies, and where the hit begins and ends."""

    code: str
    text: str
    start: int
    end: int


def generic_in(text: str, tag: int = 0) -> Iterator[Generic]:
    """Everything in a text that has the form of an identifier.

    Args:
        text: one value.
        tag: its attribute; in those of programs and devices there are no phone numbers and addresses.
    """
    if len(text) < 5:
        return
    if _DIGIT.search(text):
        if tag not in _TECHNICAL:
            yield from (hit for hit in _all("generic-phone", _PHONE, text) if _dialled(hit.text))
            yield from _all("generic-ssn", _SSN, text)
        yield from _all("generic-id", _ID, text)
        yield from _all("generic-address", _ADDRESS, text)
        yield from _all("generic-date", _BIRTH, text)
    if "@" in text:
        yield from _all("generic-email", _EMAIL, text)
    if "." in text and tag not in _TECHNICAL:
        for hit in _all("generic-url", _URL, text):
            host = re.sub(r"^\w+://", "", hit.text.lower()).split("/")[0].split(":")[0]
            if not host.endswith(_REGISTRIES):
                yield hit
    yield from _all("generic-name", _NAME, text)


def _dialled(text: str) -> bool:
    """Whether enough digits for a number: "+0100" is a time zone."""
    digits = sum(character.isdigit() for character in text)
    return digits >= _SHORTEST_NUMBER if text.startswith("+") else digits >= _EXTENSION


def _all(code: str, pattern: re.Pattern[str], text: str) -> Iterator[Generic]:
    for hit in pattern.finditer(text):
        group = hit.lastindex or 0
        yield Generic(code, hit.group(group), hit.start(group), hit.end(group))
