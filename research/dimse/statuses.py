"""DIMSE status codes in words (PS3.7 Annex C, PS3.4 C.4), and which are worth another attempt."""

from __future__ import annotations

from research.errors import FetchError
from research.sources.patience import LATER, TransientError

SUCCESS, CANCELLED, WARNING, ABSENT = 0x0000, 0xFE00, 0xB000, -1
PENDING = (0xFF00, 0xFF01)

_WORDS = {
    SUCCESS: "success",
    0x0105: "no such attribute",
    0x0106: "a value is not valid",
    0x0110: "processing failure",
    0x0111: "duplicate image",
    0x0112: "no such object",
    0x0117: "the object is not valid",
    0x0118: "no such class",
    0x0119: "class and image do not fit",
    0x0120: "an attribute is missing",
    0x0122: "this service is not supported",
    0x0124: "not authorised",
    0x0210: "the message came twice",
    0x0211: "unknown operation",
    0x0212: "an argument is malformed",
    0x0213: "resource limits of the archive",
    0xA700: "out of resources",
    0xA701: "out of resources: the archive cannot count the matches",
    0xA702: "out of resources: the archive cannot send the images",
    0xA801: "the archive does not know our AE title as a destination",
    0xA900: "the question does not fit this service",
    0xAA00: "none of the asked frames were found",
    WARNING: "some images could not be sent",
    0xB006: "elements were discarded",
    0xB007: "the image does not match its class",
    CANCELLED: "cancelled",
    ABSENT: "the association ended without an answer",
}
_RANGES = {
    0xA700: "out of resources",
    0xA900: "it does not match its class",
    0xC000: "the archive cannot process it",
}
_ADVICE = {
    0xA801: "Have the archive's administrator register our AE title, address and port as a destination.",
    0x0122: "Switch the connection to the other way of retrieval (C-MOVE or C-GET), if the archive has it.",
    0x0124: "Have the archive's administrator allow our AE title to query and retrieve.",
}
_ASK = "Ask the archive's administrator; its log says more."


def in_words(status: int) -> str:
    """A status for people, e.g. ``not authorised (0x0124)``."""
    word = _WORDS.get(status)
    if word is None:
        word = next(
            (
                text
                for start, text in _RANGES.items()
                if status & (0xF000 if start == 0xC000 else 0xFF00) == start
            ),
            "",
        )
    told = word or "an unknown answer"
    return told if status == ABSENT else f"{told} (0x{status:04X})"


def failure(what: str, status: int) -> FetchError:
    """The error that a final status means.

    Args:
        what: the operation as people know it, e.g. ``C-MOVE``.
        status: any but success.
    """
    reason = f"{what}: {in_words(status)}."
    code = "no-answer" if status == ABSENT else f"dimse-{status:04x}"
    again = (
        status in (ABSENT, WARNING, CANCELLED, 0x0110, 0x0213)
        or status & 0xFF00 == 0xA700
        or status & 0xF000 == 0xC000
    )
    if again:
        return TransientError(reason, LATER, code=code)
    return FetchError(reason, _ADVICE.get(status, _ASK), code=code)
