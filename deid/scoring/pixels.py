"""pixels_hidden: nothing of the planted text can be read inside its box.

Two judges. *Even*: the box holds one value only (or almost: lossy neighbours), so there is nothing to read.
*Reader*: an OCR reads the box, and none of the words is in what it reads. Where the box is not even and no reader is
at hand, the check fails: what nobody looked at is not hidden.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Protocol

from deid.scoring.tokens import tokens
from deid.scoring.values import UNREADABLE, quiet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deid.scoring.answers import Answer
    from deid.scoring.values import Output

#: Contrast in a box, as a share of the frame's, below which it counts as even.
EVEN = 0.02
_MARGIN = 4  # pixels around the box that the reader sees, too


class Judge(Protocol):
    """Reads text in a picture."""

    def __call__(self, picture: Any, /) -> Sequence[str]:
        """The strings in a picture.

        Args:
            picture: array of shape (rows, columns) or (rows, columns, 3), uint8.
        """


def default_judge() -> tuple[Judge | None, str]:
    """The reader of ``deid.pixels`` and its name; (None, why) where it is not installed."""
    try:
        reader: Judge = importlib.import_module("deid.pixels").read_text
    except (ImportError, AttributeError) as error:
        return None, f"even boxes only, no reader: {error.name or 'deid.pixels'} is not here"
    return reader, "even boxes, deid.pixels.read_text"


class PixelCheck:
    """Judges pixels_hidden.

    Args:
        judge: reads text; None to take the default one where it is.
    """

    def __init__(self, judge: Judge | None = None) -> None:
        self._judge, self.name = (judge, "even boxes, given reader") if judge else default_judge()

    def hidden(self, answer: Answer, output: Output) -> bool:
        """Whether nothing of the answer's text can be read in its box."""
        frames = list(_frames(output, answer.frame))
        return bool(frames) and all(self._frame_hidden(answer, frame) for frame in frames)

    def _frame_hidden(self, answer: Answer, frame: Any) -> bool:
        rows, columns = frame.shape[:2]
        x, y, width, height = answer.box or (0, 0, columns, rows)
        inside = frame[y : y + height, x : x + width]
        if not inside.size:
            return False
        span = float(frame.max()) - float(frame.min())
        channels = inside.reshape(-1, inside.shape[2] if inside.ndim == 3 else 1)
        contrast = max(float(channel.max()) - float(channel.min()) for channel in channels.T)
        if contrast <= EVEN * span:
            return True
        if self._judge is None:
            return False
        seen = frame[max(0, y - _MARGIN) : y + height + _MARGIN, max(0, x - _MARGIN) : x + width + _MARGIN]
        read = " ".join(self._judge(_bytes(seen, span, float(frame.min())))).lower()
        return not any(word in read for word in tokens(answer.text))


def _frames(output: Output, wanted: int | None) -> Iterator[Any]:
    """Frames of shape (rows, columns[, samples]); none where the pixel data cannot be decoded."""
    try:
        with quiet():
            array = output.dataset.pixel_array
    except (*UNREADABLE, ImportError, RuntimeError):
        return
    samples = int(output.dataset.get("SamplesPerPixel", 1))
    single = array.ndim == (2 if samples == 1 else 3)
    frames = [array] if single else list(array)
    yield from frames if wanted is None else frames[wanted : wanted + 1]


def _bytes(picture: Any, span: float, low: float) -> Any:
    """Scaled to 0..255."""
    return ((picture.astype("float32") - low) * (255.0 / (span or 1.0))).astype("uint8")
