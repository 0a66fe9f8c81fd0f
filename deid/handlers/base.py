"""What every handler is given and gives back.

A handler works on the encoded value of one attribute and knows nothing of files or data sets, so the same
handlers serve the pydicom walker and any walker over raw bytes. Text in a DICOM file is ASCII where handlers
read it (dates, UIDs, ages, codes); they never decode free text.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from deid.actions import Action
from deid.linkage import Linkage

if TYPE_CHECKING:
    from deid.policy import Policy
    from deid.pseudonyms import Pseudonyms
    from deid.text import TextCleaner


class Element(NamedTuple):
    """One attribute as encoded: (group << 16 | element), its VR by the standard, its value."""

    tag: int
    vr: str
    value: bytes


class Unfit(Exception):
    """The value is not what the handler can treat; the walker applies the rule's fallback."""


@dataclass(slots=True)
class Scope:
    """What holds while one object is treated.

    Attributes:
        pseudonyms: the project's keyed pseudonyms.
        alias: the patient's alias.
        patient_id: the original patient ID, to tell nested IDs of somebody else apart.
        issuer: the original issuer of the patient ID.
        days: days to add to dates.
        oldest_age: years above which ages are top-coded, or None.
        local_code: whether the item being walked holds a code of a local scheme.
        linkage: when two patient IDs are one.
        codecs: Python codecs of the Specific Character Set, as pydicom names them.
        cleaner: cuts identity out of text.
        cuts: (tag, kind of identity) -> how many different texts it was cut from.
    """

    pseudonyms: Pseudonyms
    alias: str
    patient_id: str
    issuer: str
    days: int
    cleaner: TextCleaner
    linkage: Linkage = field(default_factory=Linkage)
    oldest_age: int | None = None
    local_code: bool = False
    codecs: tuple[str, ...] = ("iso8859",)
    cuts: Counter[tuple[int, str]] = field(default_factory=Counter)


class Handler(Protocol):
    """Treats the attributes whose rule asks for one of its actions."""

    actions: frozenset[Action]

    def __call__(self, element: Element, scope: Scope, /) -> bytes | None:
        """The new encoded value, even in length; None removes the attribute.

        Raises:
            Unfit: when the value cannot be treated this way.
        """

    def describe(self, policy: Policy, /) -> list[str]:
        """What it does under a policy, in English sentences."""


def ascii_text(value: bytes) -> str:
    """A value that should be ASCII, without padding.

    Raises:
        Unfit: when it is not ASCII.
    """
    try:
        return value.decode("ascii").strip("\0 ")
    except UnicodeDecodeError:
        raise Unfit from None


def encoded(text: str, vr: str) -> bytes:
    """ASCII text padded to even length, with NUL for UIDs and a blank otherwise."""
    raw = text.encode("ascii")
    return raw + (b"\0" if vr == "UI" else b" ") if len(raw) % 2 else raw
