"""pixels_hidden: nothing of the planted text can be read inside its box.

Two judges. *Even*: the box holds one value only (or almost: lossy neighbours), so there is nothing to read.
*Reader*: a reader that is given reads the box, and none of the words is in what it reads, as EasyOCR does for the
challenge. Without one, the detector of ``deid.pixels`` must find no text that meets the box, whatever it says, which is
stricter. Where neither is at hand and the box is not even, the check fails: what nobody looked at is not hidden.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Protocol

from deid.exceptions import QuarantineError
from deid.scoring.tokens import tokens
from deid.scoring.values import UNREADABLE, quiet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deid.scoring.answers import Answer
    from deid.scoring.values import Output

#: Contrast in a box, as a share of the frame's, below which it counts as even.
EVEN = 0.02
_MARGIN = 4  # pixels around the box that the reader sees, too
_FRAMES = 16  # frames of an object that the default reader reads, evenly spread


class Judge(Protocol):
    """Reads text in a picture."""

    def __call__(self, picture: Any, /) -> Sequence[str]:
        """The strings in a picture.

        Args:
            picture: array of shape (rows, columns) or (rows, columns, 3), uint8.
        """


class PixelCheck:
    """Judges pixels_hidden.

    Args:
        judge: reads pictures; None for the reader of ``deid.pixels``, where it is installed.
    """

    def __init__(self, judge: Judge | None = None) -> None:
        self._judge = judge
        self._reader: Any = None
        self.name = "even boxes, the given reader"
        if judge is None:
            try:
                self._reader = importlib.import_module("deid.pixels")
                self.name = "even boxes, no text found by deid.pixels"
            except ImportError as error:
                self.name = f"even boxes only; no reader, since {error.name} is not installed"

    def hidden(self, answer: Answer, output: Output) -> bool:
        """Whether nothing of the answer's text can be read in its box."""
        frames = list(_frames(output, answer.frame))
        uneven = [frame for frame in frames if not _even(answer, frame)]
        if frames and not uneven:
            return True
        if self._judge is not None:
            return bool(frames) and not any(_says(answer, self._judge(_seen(answer, one))) for one in uneven)
        return self._reader is not None and self._finds_nothing(answer, output)

    def _finds_nothing(self, answer: Answer, output: Output) -> bool:
        """Whether ``deid.pixels`` finds no text in the box; not so where it cannot decode the object."""
        rules = self._reader.PixelRules.from_table({})
        try:
            found = self._reader.find_text(output.file, rules, frames=_FRAMES)
        except QuarantineError:
            return False
        return not any(_meets(answer, piece.box) for piece in found)


def _says(answer: Answer, read: Sequence[str]) -> bool:
    text = " ".join(read).lower()
    return any(word in text for word in tokens(answer.text))


def _meets(answer: Answer, box: tuple[int, int, int, int]) -> bool:
    if answer.box is None:
        return True
    x, y, width, height = answer.box
    left, top, right, bottom = box
    return left < x + width and x < right and top < y + height and y < bottom


def _even(answer: Answer, frame: Any) -> bool:
    inside = _cut(answer, frame, 0)
    if not inside.size:
        return False
    span = float(frame.max()) - float(frame.min())
    channels = inside.reshape(-1, inside.shape[2] if inside.ndim == 3 else 1).T
    return max(float(one.max()) - float(one.min()) for one in channels) <= EVEN * span


def _seen(answer: Answer, frame: Any) -> Any:
    """The box and its margin, scaled to 0..255."""
    low, high = float(frame.min()), float(frame.max())
    return ((_cut(answer, frame, _MARGIN).astype("float32") - low) * (255.0 / ((high - low) or 1.0))).astype(
        "uint8"
    )


def _cut(answer: Answer, frame: Any, margin: int) -> Any:
    rows, columns = frame.shape[:2]
    x, y, width, height = answer.box or (0, 0, columns, rows)
    return frame[max(0, y - margin) : y + height + margin, max(0, x - margin) : x + width + margin]


def _frames(output: Output, wanted: int | None) -> Iterator[Any]:
    """Frames of shape (rows, columns[, samples]); none where pydicom cannot decode (the reader may)."""
    try:
        with quiet():
            array = output.dataset.pixel_array
    except (*UNREADABLE, ImportError, RuntimeError):
        return
    samples = int(output.dataset.get("SamplesPerPixel", 1))
    single = array.ndim == (2 if samples == 1 else 3)
    frames = [array] if single else list(array)
    yield from frames if wanted is None else frames[wanted : wanted + 1]
