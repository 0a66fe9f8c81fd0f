"""Lists of series that people bring: NBIA's ``.tcia``, IDC's s5cmd manifests, tables of UIDs, a selection as JSON.

Errors name the line and never quote it, since a line may hold an identity.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from research.errors import FetchError
from research.sources.offers import Selection

_UID = re.compile(r"^(?=.{1,64}$)(0|[1-9]\d*)(\.(0|[1-9]\d*))+$")
_ADDRESS = re.compile(r"^(s3|gs)://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[A-Za-z0-9-]+/\*?$")
_TCIA_LIST = "ListOfSeriesToDownload="
_TCIA_KEYS = ("downloadServerUrl", "includeAnnotation", "noOfrRetry", "databasketId", "manifestVersion")
_COLUMNS = {
    "series": ("seriesinstanceuid", "series_uid", "seriesuid", "series uid", "series instance uid"),
    "studies": ("studyinstanceuid", "study_uid", "studyuid", "study uid", "study instance uid"),
    "patients": ("patientid", "patient_id", "subject id", "patient id"),
}
_FIELDS = {"collection", "modalities", "body_part", "patients", "studies", "series"}
MOST = 1_000_000


def read_manifest(path: Path) -> Selection:
    """The selection that a manifest file means.

    Raises:
        FetchError: there is no such file, or a line of it means nothing; the reason names file and line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        reason = f"There is no manifest {path.name} in the landing zone."
        raise FetchError(
            reason, "Put it into the folder manifests/ of landing_uri.", code="no-manifest"
        ) from None
    except UnicodeDecodeError:
        raise _bad(path.name, 0, "is not a text in UTF-8") from None
    return parse_manifest(text, name=path.name)


def parse_manifest(text: str, *, name: str = "manifest") -> Selection:
    """The selection that a manifest's text means; its kind is seen from the content.

    Kinds: ``.tcia`` (``key=value`` lines, then ``ListOfSeriesToDownload=`` and one SeriesInstanceUID a line);
    s5cmd (``cp s3://bucket/series/* folder``, ``#`` comments); CSV or TSV with a column of series, study or
    patient identifiers; plain SeriesInstanceUIDs; JSON with the fields of ``Selection``. A name that is given
    twice counts once.

    Raises:
        FetchError: ``bad-manifest``, naming the line.
    """
    if text.lstrip().startswith("{"):
        return _json(text, name)
    lines = list(_lines(text))
    if not lines:
        raise _bad(name, 0, "holds no line that names a series")
    if any(line.startswith(_TCIA_LIST) or line.partition("=")[0] in _TCIA_KEYS for _, line in lines[:20]):
        return Selection(series=_tcia(lines, name))
    if any(line.startswith(("cp ", "s3://", "gs://")) for _, line in lines):
        return Selection(addresses=_s5cmd(lines, name))
    head = [cell.strip().strip('"').casefold() for cell in re.split(r"[,\t]", lines[0][1])]
    if any(cell in known for cell in head for known in _COLUMNS.values()):
        return _table(text, name)
    return Selection(series=_uids(lines, name))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            yield number, stripped


def _tcia(lines: list[tuple[int, str]], name: str) -> tuple[str, ...]:
    for place, (number, line) in enumerate(lines):
        if line.startswith(_TCIA_LIST):
            rest = [(number, line.removeprefix(_TCIA_LIST))] if line != _TCIA_LIST else []
            found = _uids(rest + lines[place + 1 :], name)
            if not found:
                raise _bad(name, number, "is followed by no SeriesInstanceUID")
            return found
        if "=" not in line:
            raise _bad(name, number, f"comes before {_TCIA_LIST} and is no key=value")
    raise _bad(name, 0, f"has no line {_TCIA_LIST}")


def _uids(lines: list[tuple[int, str]], name: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for number, line in lines:
        uid = line.strip('"').rstrip(",")
        if not _UID.match(uid):
            raise _bad(name, number, "is no SeriesInstanceUID")
        found[uid] = None
    return _within(found, name)


def _s5cmd(lines: list[tuple[int, str]], name: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for number, line in lines:
        words = line.split()
        address = words[words[0] == "cp"] if len(words) > (words[0] == "cp") else ""
        address = address.strip("\"'")
        if not _ADDRESS.match(address):
            raise _bad(name, number, "is no `cp s3://bucket/series/* folder`")
        found[address.removesuffix("*").rstrip("/") + "/*"] = None
    return _within(found, name)


def _table(text: str, name: str) -> Selection:
    delimiter = "\t" if "\t" in text.split("\n", 1)[0] else ","
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
    heads = {head: (head or "").strip().casefold() for head in reader.fieldnames or ()}
    for field, known in _COLUMNS.items():  # the narrowest column decides
        column = next((head for head, folded in heads.items() if folded in known), None)
        if column is None:
            continue
        found: dict[str, None] = {}
        for row in reader:
            value = (row[column] or "").strip()
            if not value or (field != "patients" and not _UID.match(value)):
                raise _bad(name, reader.line_num, f"has no {column}")
            found[value] = None
        if not found:
            raise _bad(name, 1, "is the only line")
        return replace(Selection(), **{field: _within(found, name)})  # type: ignore[arg-type]
    raise _bad(
        name, 1, "names no column of series, studies or patients"
    )  # pragma: no cover - seen by the caller


def _json(text: str, name: str) -> Selection:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise _bad(name, getattr(error, "lineno", 0), "is no JSON") from None
    unknown = set(data) - _FIELDS
    if unknown:
        raise _bad(name, 0, f"has fields that mean nothing here; known are {', '.join(sorted(_FIELDS))}")
    given: dict[str, str | tuple[str, ...]] = {}
    for field, value in data.items():
        single = field in ("collection", "body_part")
        if single and not (isinstance(value, str) and value):
            raise _bad(name, 0, f"needs a text as {field}")
        if not single and not (
            isinstance(value, list) and value and all(isinstance(one, str) and one for one in value)
        ):
            raise _bad(name, 0, f"needs a list of texts as {field}")
        given[field] = value if single else _within(dict.fromkeys(value), name)
    for field in ("series", "studies"):
        if not all(_UID.match(uid) for uid in given.get(field, ())):
            raise _bad(name, 0, f"has an entry in {field} that is no UID")
    selection = Selection(**given)  # type: ignore[arg-type]
    if selection.is_open:
        raise _bad(name, 0, "narrows nothing: it names no collection, patient, study or series")
    return selection


def _within(found: dict[str, None], name: str) -> tuple[str, ...]:
    if len(found) > MOST:
        raise _bad(name, 0, f"names more than {MOST} series")
    return tuple(found)


def _bad(name: str, line: int, what: str) -> FetchError:
    where = f"{name} line {line}" if line else name
    instruction = (
        "Download it again from the archive's page, or mend the line; docs/how-to/fetch.md has the forms."
    )
    return FetchError(f"The manifest {where} {what}.", instruction, code="bad-manifest")
