"""Identity in text that was read in a picture, reading mistakes allowed for.

The reading is the pixel stage's; what is looked for is the verifier's.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from deid.verify import spellings
from deid.verify.generic import generic_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from deid.identity import Known
    from deid.pixels.rules import PixelRules

    Read = Callable[[Path], Iterable[tuple[int, str]]]

#: Modalities whose pictures may show typed text; others do where they are colour or say so.
TYPED = frozenset(
    {
        "US",
        "CR",
        "DX",
        "MG",
        "SC",
        "OT",
        "XA",
        "RF",
        "XC",
        "ES",
        "GM",
        "SM",
        "OP",
        "OPT",
        "IO",
        "PX",
        "IVUS",
        "DOC",
    }
)
_SCREEN = ("SCREEN", "SECONDARY", "REPORT", "DOSE_INFO")
_SLICES = frozenset({"CT", "MR", "PT"})
_COLOUR = ("RGB", "YBR", "PALETTE")
_WORD = re.compile(r"[^\W_]+")
#: What readers of small print take for one another.
_ALIKE = str.maketrans("015826|!¡", "oisbzblii")
_CLOSE = 0.82
_FRAMES = 8  #: of an overlay that are read


def may_show_text(modality: str, image_type: str, photometric: str, burned_in: str) -> bool:
    """Whether text may have been typed into a picture, by what its header says.

    A slice that was computed from slices (CT, MR, PET) is SECONDARY too and no picture of a screen; reading every one
    of a series would cost a hundred times as much as all else.
    """
    marks = _SCREEN if modality not in _SLICES else tuple(mark for mark in _SCREEN if mark != "SECONDARY")
    return (
        modality in TYPED
        or burned_in == "YES"
        or photometric.startswith(_COLOUR)
        or any(mark in image_type for mark in marks)
    )


def identity_in(text: str, known: Known) -> Iterator[str]:
    """Why a line of text that was read identifies: codes as in a header."""
    if spellings.dates_in(text) & (known.dates | known.told):
        yield "date"
    runs = spellings.digits_in(text.translate(str.maketrans("OoIlSB", "001158")))
    if any(digits in run for run in runs for digits in known.digits):
        yield "identifier"
    together = spellings.squeezed(text).translate(_ALIKE)
    if any(whole.translate(_ALIKE) in together for whole in known.squeezed):
        yield "name"
    words = [word.lower().translate(_ALIKE) for word in _WORD.findall(text)]
    for token in known.tokens:
        if token.code in ("name", "identifier", "place") and _read(token.word, words, together):
            yield token.code
    yield from (hit.code for hit in generic_in(text))


def _read(word: str, words: list[str], together: str) -> bool:
    """Whether a token stands in what was read; longer ones with a letter wrong."""
    wanted = spellings.squeezed(word).translate(_ALIKE)
    if len(wanted) < 3:
        return False
    if wanted in words or (len(wanted) >= 6 and wanted in together):
        return True
    return len(wanted) >= 6 and any(
        abs(len(read) - len(wanted)) <= 1 and SequenceMatcher(None, wanted, read).ratio() >= _CLOSE
        for read in words
    )


def overlays(path: Path) -> Iterator[tuple[int, str]]:
    """(tag of the data, text) of everything that can be read in the overlays of a file, in its first frames.

    They are decoded by pydicom and read by the pixel stage's recogniser.
    """
    import pydicom

    from deid.pixels.bitmaps import readings

    ds = pydicom.dcmread(path, stop_before_pixels=True)
    for group in range(0x6000, 0x6020, 2):
        if (group, 0x3000) not in ds:
            continue
        try:
            bits = ds.overlay_array(group)
        except (AttributeError, KeyError, TypeError, ValueError):
            bits = None
        if bits is None:
            yield group << 16 | 0x3000, ""
            continue
        for frame in bits[:_FRAMES] if bits.ndim == 3 else [bits]:
            for reading in readings(frame):
                yield group << 16 | 0x3000, reading


def reader(rules: PixelRules) -> Read:
    """The pixel stage's reader of text.

    Args:
        rules: those that the pixels were cleaned with.

    Returns:
        A function from a file to (frame, text) of everything that can be read in it.
    """
    from deid import pixels  # heavy, and needed for pictures only

    def read(path: Path) -> list[tuple[int, str]]:
        return [(box.frame, box.text) for box in pixels.find_text(path, rules)]

    return read
