"""Carry a policy out on one object, by pydicom: the reference path that any faster one must equal.

Values that stay are never decoded: pydicom's raw elements are passed on byte for byte, pixel data included.
"""

from __future__ import annotations

import contextlib
import io
import logging
import struct
import warnings
import zlib
from typing import TYPE_CHECKING, cast

import pydicom
from pydicom.config import disable_value_validation
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.sequence import Sequence

from deid.actions import Action
from deid.exceptions import QuarantineError
from deid.handlers import Element, Scope, apply
from deid.handlers.codes import SCHEME, is_local
from deid.handlers.private import PrivateBlocks, fits, is_creator
from deid.handlers.sequences import dummy_item
from deid.marking import mark, rebuild_file_meta
from deid.rules import PATIENT_ID, PATIENT_NAME, PIXEL_DATA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deid.policy import Policy
    from deid.rules import RuleTable

_TEXT = frozenset({"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
_OPAQUE = frozenset({"OB", "OW", "UN"})
#: What pydicom may raise on a file that it cannot treat; anything else is a bug and shows as one.
_UNREADABLE = (
    AttributeError, BytesLengthException, EOFError, InvalidDicomError, KeyError, LookupError,
    NotImplementedError, OverflowError, RecursionError, TypeError, UnicodeError, ValueError, struct.error,
    zlib.error,
)  # fmt: skip


class Engine:
    """De-identifies objects of one SOP class and one patient.

    Args:
        policy: what to do.
        table: the policy's rules for the SOP class.
    """

    def __init__(self, policy: Policy, table: RuleTable) -> None:
        self._policy = policy
        self._table = table
        self._safe_private = "retain_safe_private" in policy.options

    def deidentify(self, raw: bytes, scope: Scope, file: str) -> tuple[str, bytes]:
        """New SOP Instance UID and bytes of an object.

        Args:
            raw: the original file.
            scope: pseudonyms and the patient.
            file: how to call the file in an error.

        Raises:
            QuarantineError: ``identity-removal-failed``.
        """
        try:
            with _silent(), disable_value_validation():
                return self._deidentify(raw, scope)
        except _UNREADABLE as error:
            details = (f"internal: {type(error).__name__}",)
            raise QuarantineError.of(file, "identity-removal-failed", details) from None

    def _deidentify(self, raw: bytes, scope: Scope) -> tuple[str, bytes]:
        dataset = pydicom.dcmread(io.BytesIO(raw))
        self.clean(dataset, scope, top=True)
        for tag, vr in ((PATIENT_NAME, "PN"), (PATIENT_ID, "LO")):
            if tag not in dataset:
                dataset.add_new(tag, vr, scope.alias)
        mark(dataset, self._policy)
        uid = str(dataset.SOPInstanceUID)
        rebuild_file_meta(dataset)
        out = io.BytesIO()
        pydicom.dcmwrite(out, dataset, enforce_file_format=True)
        return uid, out.getvalue()

    def clean(self, dataset: Dataset, scope: Scope, *, top: bool) -> None:
        """Treat a data set or an item in place, and everything below it."""
        rules = self._table.top if top else self._table.nested
        scope.local_code = _holds_local_code(dataset)
        private = []
        for tag in list(dataset.keys()):
            if tag.is_private or tag.group % 2:
                private.append(int(tag))
                continue
            item = _item(dataset, tag)
            rule = rules[int(tag)]
            if rule.vr == "SQ" or item.VR == "SQ":
                self._sequence(dataset, int(tag), rule.action, scope)
            elif rule.action is not Action.KEEP:
                vr = rule.vr if rule.vr else str(item.VR or "UN")
                value = _bytes(item)
                new = apply(rule.action, rule.fallback, Element(int(tag), vr, value), scope)
                if new is None:
                    del dataset[tag]
                elif new != value:
                    dataset[tag] = _replaced(item, new)
            elif not (top and int(tag) in PIXEL_DATA) and not _plausible(item, rule.vr):
                del dataset[tag]
                scope.actions[Action.REMOVE] += 1
        if private:
            self._private(dataset, private, scope)

    def _sequence(self, dataset: Dataset, tag: int, action: Action, scope: Scope) -> None:
        if action is Action.REMOVE:
            del dataset[tag]
        elif action in (Action.EMPTY, Action.DUMMY):
            item = Dataset()
            for element in dummy_item(tag) if action is Action.DUMMY else ():
                item.add_new(element.tag, element.vr, element.value.decode("ascii").strip())
            dataset[tag] = DataElement(tag, "SQ", Sequence([item] if action is Action.DUMMY else []))
        else:
            found = dataset[tag]
            if found.VR != "SQ":
                raise TypeError
            local = scope.local_code
            for item in found.value:
                self.clean(item, scope, top=False)
            scope.local_code = local
        scope.actions[action] += 1

    def _private(self, dataset: Dataset, tags: list[int], scope: Scope) -> None:
        """Keep what is known to be safe, with the creator of its block; remove everything else."""
        blocks = PrivateBlocks((tag, _bytes(_item(dataset, tag))) for tag in tags if is_creator(tag))
        kept: set[int] = set()
        for tag in tags:
            vr = blocks.safe_vr(tag) if self._safe_private else None
            if vr is None:
                continue
            item = _item(dataset, tag)
            if vr == "SQ":
                if dataset[tag].VR == "SQ":
                    self._sequence(dataset, tag, Action.KEEP, scope)
                    kept |= {tag, blocks.creator_tag(tag)}
            elif isinstance(item, RawDataElement) and fits(vr, item.VR, item.value or b""):
                kept |= {tag, blocks.creator_tag(tag)}
        for tag in tags:
            if tag not in kept:
                del dataset[tag]
                scope.actions[Action.REMOVE] += 1


@contextlib.contextmanager
def _silent() -> Iterator[None]:
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


def _item(dataset: Dataset, tag: int) -> DataElement | RawDataElement:
    """An element as read: raw, unless it is a sequence that had to be parsed."""
    return cast("DataElement | RawDataElement", dataset.get_item(tag, keep_deferred=True))


def _bytes(item: DataElement | RawDataElement) -> bytes:
    if not isinstance(item, RawDataElement):
        raise TypeError  # only sequences are read eagerly, and they do not come here
    return item.value or b""


def _replaced(item: DataElement | RawDataElement, value: bytes) -> RawDataElement:
    if not isinstance(item, RawDataElement):
        raise TypeError
    return item._replace(value=value, length=len(value))


def _plausible(item: DataElement | RawDataElement, vr: str) -> bool:
    """Whether an attribute that stays is encoded as the standard says: text must not pose as a number."""
    found: str | None = item.VR
    if (
        found is None or not vr or found in vr
    ):  # "US or SS" holds US; rows newer than the dictionary have none
        return True
    if found in _TEXT:
        return vr in _TEXT
    if found == "UN" and isinstance(
        item, RawDataElement
    ):  # some archives forget the VR of what they do not know
        return fits(vr[:2], None, item.value or b"")
    return found not in _OPAQUE or vr[:2] in _OPAQUE


def _holds_local_code(dataset: Dataset) -> bool:
    """Whether the item is a code of a local scheme."""
    if 0x00080104 not in dataset:
        return False
    scheme = _item(dataset, SCHEME) if SCHEME in dataset else None
    return is_local(scheme.value or b"" if isinstance(scheme, RawDataElement) else b"")
