"""An output object as the challenge reads it: path -> value as text, and digests of its pixel data."""

from __future__ import annotations

import hashlib
import logging
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pydicom
import pydicom.config
from pydicom.config import disable_value_validation
from pydicom.errors import InvalidDicomError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pydicom.dataelem import DataElement
    from pydicom.dataset import Dataset

#: Attributes whose value is never compared as text.
_OPAQUE = frozenset({"Pixel Data", "Overlay Data", "File Meta Information Version"})
REMOVED = "<REMOVED>"
#: What reading an output may raise when it is no readable object.
UNREADABLE = (
    AttributeError, EOFError, InvalidDicomError, KeyError, NotImplementedError, OSError, TypeError, ValueError,
)  # fmt: skip


@dataclass
class Output:
    """One de-identified object.

    Attributes:
        file: where it is.
        dataset: as read by pydicom.
        elements: path -> element, at every depth, file meta information included.
        sop_uid: its SOP Instance UID.
    """

    file: Path
    dataset: Dataset
    sop_uid: str
    series_uid: str
    study_uid: str
    elements: dict[str, DataElement]
    _digests: frozenset[str] | None = field(default=None, repr=False)

    def text(self, path: str) -> str | None:
        """The value at a path as ``<...>``, or None where there is no such attribute."""
        element = self.elements.get(path)
        if element is None:
            return None
        if element.name in _OPAQUE:
            return REMOVED
        with quiet():
            return "<>" if element.value is None else f"<{str(element.value).strip()}>"

    def digests(self) -> frozenset[str]:
        """MD5, SHA-1 and SHA-256 of the stored pixel data and, where it decodes, of the decoded array."""
        if self._digests is None:
            self._digests = frozenset(digest for raw in self._pixel_bytes() for digest in digests_of(raw))
        return self._digests

    def _pixel_bytes(self) -> Iterator[bytes]:
        for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"):
            stored = self.dataset.get(keyword)
            if isinstance(stored, bytes):
                yield stored
                if stored.endswith(b"\0"):
                    yield stored[:-1]
        try:
            with quiet():
                yield self.dataset.pixel_array.tobytes()
        except (*UNREADABLE, ImportError, RuntimeError):
            return  # no decoder here; the stored bytes decide


def digests_of(raw: bytes) -> tuple[str, str, str]:
    """Hex digests of bytes that an answer key may use."""
    return (
        hashlib.md5(raw, usedforsecurity=False).hexdigest(),
        hashlib.sha1(raw, usedforsecurity=False).hexdigest(),
        hashlib.sha256(raw).hexdigest(),
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Pydicom's warnings and log records quote values; none may reach a log."""
    logger = logging.getLogger("pydicom")
    level, strict = logger.level, pydicom.config.convert_wrong_length_to_UN
    logger.setLevel(logging.CRITICAL + 1)
    pydicom.config.convert_wrong_length_to_UN = True  # a private VR guessed wrongly is no reason not to read
    try:
        with warnings.catch_warnings(), disable_value_validation():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
        pydicom.config.convert_wrong_length_to_UN = strict


def read_output(file: Path) -> Output | None:
    """Read one output; None where it is no DICOM object."""
    try:
        with quiet():
            dataset = pydicom.dcmread(file, force=True)
            uids = [
                str(dataset.get(name) or "")
                for name in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
            ]
            if not uids[0]:
                return None
            elements = dict(_elements(dataset.file_meta, "")) if hasattr(dataset, "file_meta") else {}
            elements.update(_elements(dataset, ""))
    except UNREADABLE:
        return None
    return Output(file, dataset, uids[0], uids[1], uids[2], elements)


def read_outputs(files: Iterable[Path]) -> Iterator[Output]:
    """The readable ones among files, in order."""
    for file in files:
        output = read_output(file)
        if output is not None:
            yield output


def _elements(dataset: Any, above: str) -> Iterator[tuple[str, DataElement]]:
    for element in dataset:
        path = f"{above}<{_label(element)}>"
        yield path, element
        if element.VR == "SQ":
            for index, item in enumerate(element.value):
                yield from _elements(item, f"{path}[<{index:04d}>]")


def _label(element: DataElement) -> str:
    """``(0008,103e)``, or ``(0019,"CREATOR",0c)`` for a private attribute whose block is reserved."""
    group, number = element.tag.group, element.tag.element
    creator = element.private_creator if element.tag.is_private else None
    if creator:
        return f'({group:04x},"{str(creator).upper()}",{number & 0xFF:02x})'
    return f"({group:04x},{number:04x})"
