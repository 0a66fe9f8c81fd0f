"""What the ten actions do not see: bytes, intervals, references.

``date_shifted`` passes when a date is removed, ``uid_consistent`` when a reference is, and no action looks at the
preamble, the file meta information or the bytes between the attributes. These checks do.
"""

from __future__ import annotations

import datetime
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from deid.scoring.values import Output

#: Encodings that text may have in a DICOM file.
ENCODINGS = ("utf-8", "latin-1", "iso8859-5", "iso2022_jp", "utf-16-le", "utf-16-be")
_SHORTEST = 4
_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})")
_DUMMY = datetime.date(1900, 1, 1)
_REFERENCES = ("ReferencedSOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID")


@dataclass
class Tally:
    """How many were looked at, and where the bad ones are (file numbers and paths, never values)."""

    looked: int = 0
    bad: list[str] = field(default_factory=list)


def residue(files: Sequence[Path], secrets: Sequence[Iterable[str]]) -> Tally:
    """Search every byte of outputs for strings, case folded for ASCII, in every encoding of :data:`ENCODINGS`.

    Args:
        files: the outputs.
        secrets: for each of them, what must not be in it; shorter than four characters is skipped.
    """
    tally = Tally()
    for number, (file, hidden) in enumerate(zip(files, secrets, strict=True), start=1):
        tally.looked += 1
        raw = file.read_bytes().lower()
        for index, secret in enumerate(hidden):
            if len(secret) >= _SHORTEST and any(needle in raw for needle in _encoded(secret)):
                tally.bad.append(f"file {number}: secret {index}")
    return tally


def _encoded(text: str) -> set[bytes]:
    found = set()
    for encoding in ENCODINGS:
        try:
            found.add(text.encode(encoding).lower())
        except UnicodeEncodeError:
            continue  # this encoding cannot hold the text
    return found


def intervals(pairs: Iterable[tuple[Output, Output]]) -> Tally:
    """Whether all dates of a patient moved by the same number of days, and times of day stayed.

    Args:
        pairs: (original, output) of the instances that have an output.
    """
    tally = Tally()
    shifts: dict[str, int] = {}
    for number, (original, output) in enumerate(pairs, start=1):
        patient = str(original.dataset.get("PatientID", ""))
        for path, element in original.elements.items():
            other = output.elements.get(path)
            if element.VR not in ("DA", "DT") or other is None or other.VR not in ("DA", "DT", "UN"):
                continue
            before, after = _day(str(element.value)), _day(str(other.value))
            if before is None or not str(other.value or "").strip() or "," in str(other.value):
                continue
            tally.looked += 1
            if after == _DUMMY:
                continue  # code D of the standard: a dummy item says nothing
            if after is None:
                tally.bad.append(f"file {number}: {path} is no date")
                continue
            days = (after - before).days
            if days == 0 or shifts.setdefault(patient, days) != days:
                tally.bad.append(f"file {number}: {path} moved otherwise")
            elif str(element.value)[8:] != str(other.value)[8:]:
                tally.bad.append(f"file {number}: {path} has another time of day")
    return tally


def _day(text: str) -> datetime.date | None:
    found = _DATE.match(text)
    if found is None:
        return None
    try:
        return datetime.date(*(int(part) for part in found.groups()))
    except ValueError:
        return None


def references(originals: Sequence[Output], outputs: Sequence[Output]) -> Tally:
    """Whether what an output refers to exists among the outputs, where the same was so among the originals.

    Args:
        originals: all originals.
        outputs: all outputs.
    """
    tally = Tally()
    before, after = _identities(originals), _identities(outputs)
    resolved = {path for one in originals for path, uid in _referring(one) if uid in before}
    for number, output in enumerate(outputs, start=1):
        for path, uid in _referring(output):
            if path in resolved:
                tally.looked += 1
                if uid not in after:
                    tally.bad.append(f"file {number}: {path}")
    return tally


def _identities(found: Iterable[Output]) -> set[str]:
    known: set[str] = set()
    for one in found:
        frame = str(one.dataset.get("FrameOfReferenceUID", ""))
        known |= {one.sop_uid, one.series_uid, one.study_uid, frame}
    return known - {""}


def _referring(one: Output) -> Iterable[tuple[str, str]]:
    for path, element in one.elements.items():
        if "[" in path and element.keyword in _REFERENCES:
            yield path, str(element.value)


def kept_dates(pairs: Iterable[tuple[Output, Output]]) -> Mapping[str, int]:
    """How many dates of the originals the outputs still have, shifted, by VR: removal would pass ``date_shifted``."""
    kept: dict[str, int] = defaultdict(int)
    for original, output in pairs:
        for path, element in original.elements.items():
            other = output.elements.get(path)
            if element.VR in ("DA", "DT") and element.value:
                kept[f"{element.VR} of originals"] += 1
                kept[f"{element.VR} kept"] += bool(other is not None and other.value)
    return dict(kept)
