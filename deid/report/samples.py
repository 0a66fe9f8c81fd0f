"""A sample of one object's header after de-identification, which nobody picked by hand.

Only the output is read. What stood there before is not known here and cannot get into a report.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import warnings
from typing import TYPE_CHECKING, Any

import pydicom
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset

from deid.report.inputs import plain
from deid.report.words import OUTCOMES, attribute, in_order, parse_tag

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from deid.rules import RuleTable

#: What a privacy officer asks for first; shown whenever the series had it.
ASKED_FOR = (
    "0010,0010", "0010,0020", "0010,0030", "0010,1010", "0010,0040", "0010,1040", "0010,2154", "0010,4000",
    "0008,0020", "0008,0021", "0008,0012", "0008,0050", "0008,0080", "0008,0081", "0008,0090", "0008,1010",
    "0008,1030", "0008,103E", "0008,1050", "0018,1000", "0018,1030", "0020,000D", "0008,0018", "0020,0010",
    "0020,4000", "0012,0062", "0012,0063",
)  # fmt: skip
#: How many more are drawn from the rest.
DRAWN = 12
HOW = (
    "The attributes that identify most directly, where the original had them, and {drawn} more, drawn by a hash of the "
    "new series UID and the tag: the same series shows the same sample."
)
_LONGEST = 64


def sample_object(manifest: tuple[tuple[str, str], ...], folder: Path) -> Path | None:
    """The object that is looked at: the first by new UID; None where it is not in the folder."""
    path = folder / f"{min(uid for uid, _ in manifest)}.dcm" if manifest else None
    return path if path is not None and path.is_file() else None


def sample(
    by_tag: Mapping[str, Mapping[str, int]], series_uid: str, file: Path | None, rules: RuleTable | None
) -> list[dict[str, Any]]:
    """Rows of (tag, keyword, name, rule, outcomes, value): ``value`` None where the object does not hold it.

    Args:
        by_tag: ``"GGGG,EEEE"`` -> outcome -> count.
        series_uid: new UID, the seed of the draw.
        file: a de-identified object; without one no values are shown.
        rules: what the policy says about a top-level attribute of the object.
    """
    values = _values(file, chosen := _chosen(by_tag, series_uid))
    rows = []
    for text in chosen:
        tag = parse_tag(text)
        keyword, name = attribute(tag)
        public = tag is not None and (tag >> 16) % 2 == 0
        rows.append(
            {
                "tag": text,
                "keyword": keyword,
                "name": name,
                "rule": str(rules.top[tag].action)
                if rules is not None and public and tag is not None
                else None,
                "outcomes": [outcome for outcome, _ in in_order(dict(by_tag[text]), OUTCOMES)],
                "value": None if tag is None else values.get(tag),
            }
        )
    return rows


def image_size(file: Path) -> tuple[int, int] | None:
    """Columns and rows of an object; None where it is no image."""
    with _quiet(), disable_value_validation():
        header = pydicom.dcmread(file, stop_before_pixels=True, force=True, specific_tags=["Rows", "Columns"])
        columns, rows = header.get("Columns"), header.get("Rows")
    return (int(columns), int(rows)) if columns and rows else None


def _chosen(by_tag: Mapping[str, Mapping[str, int]], series_uid: str) -> list[str]:
    first = [tag for tag in ASKED_FOR if tag in by_tag]
    rest = sorted(
        (tag for tag in by_tag if tag not in ASKED_FOR and parse_tag(tag) is not None),
        key=lambda tag: hashlib.sha256(f"{series_uid}{tag}".encode()).digest(),
    )
    return first + sorted(rest[:DRAWN])


def _values(file: Path | None, wanted: list[str]) -> dict[int, str]:
    """New values by tag, the first that is met from the top down."""
    if file is None:
        return {}
    tags = {tag for tag in map(parse_tag, wanted) if tag is not None}
    found: dict[int, str] = {}
    with _quiet(), disable_value_validation():
        for element in _walk(pydicom.dcmread(file, stop_before_pixels=True, force=True)):
            if int(element.tag) in tags and int(element.tag) not in found:
                found[int(element.tag)] = _shown(element)
    return found


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Warnings and log records of pydicom quote values; none may reach a log."""
    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _walk(dataset: Dataset) -> Iterator[pydicom.DataElement]:
    """Every element, those of the top level before those below."""
    below = []
    for element in dataset:
        yield element
        if element.VR == "SQ":
            below += list(element.value)
    for item in below:
        yield from _walk(item)


def _shown(element: pydicom.DataElement) -> str:
    if element.VR == "SQ":
        return f"sequence of {len(element.value)}"
    if isinstance(element.value, bytes):
        return f"{len(element.value)} bytes"
    value = element.value
    text = "" if value is None else "\\".join(map(str, value)) if _several(value) else str(value)
    text = str(plain(text)).replace("\n", " ").strip()
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _several(value: object) -> bool:
    return isinstance(value, list | tuple) or type(value).__name__ == "MultiValue"
