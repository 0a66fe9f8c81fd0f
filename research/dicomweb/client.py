"""DICOMweb (PS3.18): search by QIDO-RS, retrieve by WADO-RS as a stream, send by STOW-RS."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pydicom.datadict import tag_for_keyword

from research.dicomweb.multipart import MultipartError, Part, content_type, parts
from research.dicomweb.transport import Answer, Transport
from research.errors import FetchError
from research.sources.pacs import SERIES, STUDY, UID
from research.sources.patience import TransientError, transient

log = logging.getLogger(__name__)

JSON = "application/dicom+json"
DICOM = "application/dicom"
ORIGINAL = f'multipart/related; type="{DICOM}"; transfer-syntax=*'
"""Images as the server holds them, whatever their transfer syntax."""
ANY = f'multipart/related; type="{DICOM}"'
_LARGEST_PAGE = 64 << 20
_CHECK = "Check the connection's address: is there a DICOMweb service, and does this user see it?"


class DicomWebClient:
    """One DICOMweb service.

    Args:
        transport: the server, the login, the time-outs.
        page: how many rows to ask for at once.
    """

    def __init__(self, transport: Transport, *, page: int = 200) -> None:
        if page < 1:
            msg = f"the page size must be 1 or more, got {page}"
            raise ValueError(msg)
        self.transport = transport
        self.page = page
        self._accept = ORIGINAL

    def close(self) -> None:
        """Close the connections."""
        self.transport.close()

    def probe(self) -> int:
        """Ask for one study; the number of rows that come. What the connection form's Test button calls."""
        return len(self._page("studies", {"limit": "1"}, "One study"))

    def studies(self, match: Mapping[str, str]) -> Iterator[dict[str, str]]:
        """Studies that match attributes by keyword, as rows of texts."""
        yield from self._search("studies", match, STUDY, "StudyInstanceUID", "The list of studies")

    def series(self, study_uid: str, match: Mapping[str, str]) -> Iterator[dict[str, str]]:
        """Series of a study that match attributes by keyword."""
        path = f"studies/{_uid(study_uid)}/series"
        yield from self._search(path, match, SERIES, "SeriesInstanceUID", "The list of series")

    def instances(
        self, study_uid: str, series_uid: str, *, announced: int | None = None, label: str = "A series"
    ) -> list[str]:
        """SOP Instance UIDs of a series.

        Args:
            study_uid: its study.
            series_uid: the series.
            announced: NumberOfSeriesRelatedInstances, where it is known; saves the question for a last page.
            label: what to call the series in errors.
        """
        path = f"studies/{_uid(study_uid)}/series/{_uid(series_uid)}/instances"
        found = self._search(
            path, {}, ("SOPInstanceUID",), "SOPInstanceUID", f"{label}: its list of images", most=announced
        )
        return [_uid(row["SOPInstanceUID"]) for row in found]

    @contextmanager
    def retrieve(self, study_uid: str, series_uid: str, sop_uid: str = "") -> Iterator[Iterator[Part]]:
        """Stream a series, or one image of it; one attempt.

        Raises:
            TransientError: cut, silent, refused for now.
            FetchError: refused, or not what was asked for.
        """
        path = f"studies/{_uid(study_uid)}/series/{_uid(series_uid)}"
        path += f"/instances/{_uid(sop_uid)}" if sop_uid else ""
        try:
            with self.transport.get(path, self._accept) as answer:
                yield _images(answer)
        except FetchError as error:
            if error.code != "not-acceptable" or self._accept == ANY:
                raise
            log.warning(
                "The server does not hand out images in the syntax it holds them; taken as it sends them."
            )
            self._accept = ANY
            raise transient(error.reason, error.code) from None

    def _search(
        self,
        path: str,
        match: Mapping[str, str],
        fields: Sequence[str],
        key: str,
        label: str,
        *,
        most: int | None = None,
    ) -> Iterator[dict[str, str]]:
        """Rows page by page until nothing new comes.

        A server may have a smaller page than was asked for, and not say so; a short page is no end.
        """
        # One parameter each: a comma is encoded on the way, and not every server takes it then.
        included = [_tag(keyword) for keyword in fields]
        seen: set[str] = set()
        offset = 0
        while True:
            asked: dict[str, str | list[str]] = {
                **match,
                "includefield": included,
                "fuzzymatching": "false",
                "limit": str(self.page),
                "offset": str(offset),
            }
            rows = self._page(path, asked, label)
            new = [row for row in rows if row.get(key) and row[key] not in seen]
            yield from ({name: row.get(name, "") for name in fields} for row in _distinct(new, key))
            seen.update(row[key] for row in new)
            offset += len(rows)
            if most is not None and len(seen) == most and len(rows) != self.page:
                return
            if not new:
                if rows and len(rows) >= self.page and len(seen) >= self.page:
                    reason = (
                        f"{label}: the server gives the same page again; the list is cut after {len(seen)}."
                    )
                    raise FetchError(reason, "Narrow the question, or raise the page size.", code="no-paging")
                return

    def _page(self, path: str, asked: Mapping[str, str | list[str]], label: str) -> list[dict[str, str]]:
        def attempt() -> list[dict[str, str]]:
            with self.transport.get(path, JSON, asked) as answer:
                if answer.status == 204:
                    return []
                body = answer.body(_LARGEST_PAGE)
            return [_row(one) for one in _objects(body)]

        return self.transport.patience.run(label, attempt)


def _images(answer: Answer) -> Iterator[Part]:
    """The parts of an answer that are DICOM."""
    kind, told = content_type(answer.type)
    if kind == DICOM:  # one image without multipart
        yield Part({"content-type": DICOM}, answer.blocks())
        return
    if kind != "multipart/related":
        msg = f"The server sent {_shown(kind)} instead of images."
        raise TransientError(msg, _CHECK, code="not-dicomweb")
    try:
        for part in parts(answer.blocks(), told.get("boundary", "")):
            inside = content_type(part.headers.get("content-type", DICOM))[0]
            if inside not in (DICOM, "application/octet-stream"):
                msg = f"The server sent a part of type {_shown(inside)} instead of an image."
                raise TransientError(
                    msg,
                    _CHECK,
                    code="not-dicomweb",
                )
            yield Part(part.headers, _whole(part.blocks))
    except MultipartError as error:
        raise transient(str(error), "cut") from None


def _whole(blocks: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from blocks
    except MultipartError as error:
        raise transient(str(error), "cut") from None


def _shown(kind: str) -> str:
    """A media type as errors show it; anything longer or odder may be more than a type."""
    return (
        kind
        if kind.replace("/", "").replace("+", "").replace("-", "").isalnum() and len(kind) < 60
        else "another type"
    )


def _objects(body: bytes) -> list[dict[str, Any]]:
    try:
        rows = json.loads(body) if body.strip() else []
    except ValueError:
        msg = "The answer is no DICOM JSON."
        raise TransientError(msg, _CHECK, code="not-dicomweb") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        msg = "The answer is no list in DICOM JSON."
        raise TransientError(msg, _CHECK, code="not-dicomweb")
    return rows


def _row(one: Mapping[str, Any]) -> dict[str, str]:
    """An object of DICOM JSON (PS3.18 F.2) as texts by keyword; several values between backslashes."""
    found = {}
    for keyword in {*STUDY, *SERIES, "SOPInstanceUID"}:
        tag = _tag(keyword)
        element = one.get(tag) or one.get(tag.lower())
        values = element.get("Value") if isinstance(element, dict) else None
        if isinstance(values, list):
            found[keyword] = "\\".join("" if value is None else str(value) for value in values).strip()
    return found


def _distinct(rows: Sequence[dict[str, str]], key: str) -> list[dict[str, str]]:
    return list({row[key]: row for row in rows}.values())


def _tag(keyword: str) -> str:
    return f"{tag_for_keyword(keyword):08X}"


def _uid(text: str) -> str:
    """A UID that may stand in a path.

    Raises:
        FetchError: it is none.
    """
    if not UID.fullmatch(text):
        reason = "A UID is malformed."
        raise FetchError(reason, "Ask the archive's administrator.", code="bad-answer")
    return text
