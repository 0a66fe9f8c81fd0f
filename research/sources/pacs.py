"""Asking a hospital's archive: studies by day, modality or name, then their series. Shared by DICOMweb and DIMSE.

Answers are rows of attributes by keyword, as texts. Every criterion is looked at here once more: an archive that
ignores one must not hand out more than was asked for.
"""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from research.errors import FetchError
from research.sources.offers import OfferedSeries, Selection

Row = Mapping[str, str]
UID = re.compile(r"[0-9.]{1,64}")
STUDY = (
    "StudyInstanceUID", "StudyDate", "AccessionNumber", "PatientID", "StudyDescription", "ModalitiesInStudy",
)  # fmt: skip
SERIES = (
    "SeriesInstanceUID", "StudyInstanceUID", "Modality", "BodyPartExamined", "SeriesDescription",
    "NumberOfSeriesRelatedInstances",
)  # fmt: skip
"""Attributes that are asked for at each level."""


def select(
    wanted: Selection,
    studies: Callable[[dict[str, str]], Iterable[Row]],
    series: Callable[[str, dict[str, str]], Iterable[Row]],
) -> Iterator[OfferedSeries]:
    """Series that fit, each once.

    Args:
        wanted: what is looked for; its ``collection`` is ours and not asked for.
        studies: asks for studies that match attributes.
        series: asks for the series of a study that match attributes.

    Raises:
        FetchError: nothing narrows the question, or it cannot be asked of a hospital's archive.
    """
    _check(wanted)
    seen: set[str] = set()
    looked: set[str] = set()
    for question in _questions(wanted):
        for study in studies(question):
            uid = study.get("StudyInstanceUID", "")
            if uid in looked or not _study_fits(wanted, study):
                continue
            looked.add(_uid(uid))
            narrowed = {"Modality": wanted.modalities[0]} if len(wanted.modalities) == 1 else {}
            for row in series(uid, narrowed):
                one = _offer(row, study)
                if one.series_uid not in seen and _series_fits(wanted, one, row, study):
                    seen.add(one.series_uid)
                    yield one


def _check(wanted: Selection) -> None:
    if wanted.addresses or wanted.since:
        reason = "A hospital's archive knows neither places in buckets nor days of release."
        raise FetchError(reason, "Ask by day of study, or by a request file.", code="other-source")
    if wanted.series and not wanted.studies:
        reason = "Series are named without their studies, which a hospital's archive cannot be asked for."
        raise FetchError(reason, "Add a column StudyInstanceUID to the request file.", code="no-study")
    named = wanted.studies or wanted.accessions or wanted.patients
    if not named and wanted.studied[0] is None:
        reason = "Nothing narrows the question: it would be the whole archive."
        raise FetchError(reason, "Give a first day of study, or a request file.", code="too-much")


def _questions(wanted: Selection) -> list[dict[str, str]]:
    base: dict[str, str] = {}
    if days := date_range(*wanted.studied):
        base["StudyDate"] = days
    if len(wanted.modalities) == 1:
        base["ModalitiesInStudy"] = wanted.modalities[0]
    for keyword, names in (
        ("StudyInstanceUID", wanted.studies),
        ("AccessionNumber", wanted.accessions),
        ("PatientID", wanted.patients),
    ):
        if names:
            return [base | {keyword: literal(name)} for name in names]
    return [base]


def literal(value: str) -> str:
    """A value that matches only itself.

    Raises:
        FetchError: it holds a wildcard or a separator of DICOM's matching (PS3.4 C.2.2.2), which would match others.
    """
    if not value.strip() or re.search(r"[*?\\\x00-\x1f]", value):
        reason = "A value of the request is empty or holds *, ? or a backslash, which would match others too."
        raise FetchError(reason, "Write it as the archive has it.", code="bad-request-file")
    return value


def date_range(first: dt.date | None, last: dt.date | None) -> str:
    """Range matching of DICOM (PS3.4 C.2.2.2.5); empty where neither day is given."""
    if first is None and last is None:
        return ""
    return "-".join(f"{day:%Y%m%d}" if day else "" for day in (first, last))


def _study_fits(wanted: Selection, study: Row) -> bool:
    first, last = wanted.studied
    day = study.get("StudyDate", "").replace(".", "")
    if (first and day < f"{first:%Y%m%d}") or (last and not "0" <= day <= f"{last:%Y%m%d}"):
        return False
    pairs = (
        (wanted.studies, "StudyInstanceUID"), (wanted.accessions, "AccessionNumber"), (wanted.patients, "PatientID"),
    )  # fmt: skip
    return all(not names or study.get(keyword, "").strip() in names for names, keyword in pairs)


def _series_fits(wanted: Selection, one: OfferedSeries, row: Row, study: Row) -> bool:
    if wanted.modalities and (one.modality or "").upper() not in {name.upper() for name in wanted.modalities}:
        return False
    if wanted.body_part and (one.body_part or "").casefold() != wanted.body_part.casefold():
        return False
    if wanted.description:
        told = f"{study.get('StudyDescription', '')}\n{row.get('SeriesDescription', '')}"
        if wanted.description.casefold() not in told.casefold():
            return False
    return not wanted.series or one.series_uid in wanted.series


def _offer(row: Row, study: Row) -> OfferedSeries:
    count = row.get("NumberOfSeriesRelatedInstances", "").strip()
    return OfferedSeries(
        series_uid=_uid(row.get("SeriesInstanceUID", "")),
        study_uid=study["StudyInstanceUID"],
        patient_id=study.get("PatientID") or None,
        modality=row.get("Modality") or None,
        body_part=row.get("BodyPartExamined") or None,
        image_count=int(count) if count.isascii() and count.isdigit() else None,
        # A download knows only its series' row, and both protocols ask for a series by its study.
        address=study["StudyInstanceUID"],
    )


def _uid(text: str) -> str:
    if not UID.fullmatch(text):
        reason = "The archive's answer lacks a UID, or has one that is none."
        raise FetchError(reason, "Ask its administrator; a study of it is malformed.", code="bad-answer")
    return text


def study_of(series: OfferedSeries, label: str) -> str:
    """StudyInstanceUID of an offered series.

    Raises:
        FetchError: it was offered by a source of another kind, which does not say.
    """
    uid = series.study_uid or series.address or ""
    if not UID.fullmatch(uid):
        reason = f"{label}: its study is not known here."
        raise FetchError(reason, "Plan it from this connection.", code="no-study")
    return uid


class _NoIdentity(logging.Filter):
    """Drops what a library says at levels where it quotes UIDs, identifiers or values."""

    def filter(self, record: logging.LogRecord) -> bool:
        told = record.getMessage()
        return "/studies" not in told and "/series" not in told


def quiet() -> None:
    """Keep identifiers out of the logs of the libraries that speak to a hospital's archive.

    urllib3 logs addresses (which hold UIDs) of odd answers, pydicom values, pynetdicom whole identifiers at INFO.
    """
    for name in ("urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry"):
        logger = logging.getLogger(name)
        if not any(isinstance(one, _NoIdentity) for one in logger.filters):
            logger.addFilter(_NoIdentity())
    for name in ("pynetdicom", "pydicom"):
        logger = logging.getLogger(name)
        logger.propagate = False
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
