"""Progress of long work on a terminal, or as a line now and then in a log; never with anything from an image."""

from __future__ import annotations

import sys
import time
from typing import TextIO

_TERMINAL, _LOG = 0.2, 10.0


class Progress:
    """Says how far the work is, how fast it goes and how long it will take.

    Args:
        total: how many steps there are, 0 where unknown.
        unit: what a step is, in the plural.
        stream: where to; standard error by default.
        quiet: say nothing.
    """

    def __init__(self, total: int, unit: str, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._total, self._unit, self._quiet = total, unit, quiet
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._started = self._said = time.monotonic()
        self._shown = False

    def __call__(self, done: int, note: str = "") -> None:
        """Tell that ``done`` steps are done."""
        now = time.monotonic()
        if self._quiet or now - self._said < (_TERMINAL if self._terminal else _LOG):
            return
        self._said = now
        spent = now - self._started
        text = f"{done:,} {self._unit}"
        if self._total:
            left = spent / done * (self._total - done) if done else 0
            text = f"{done:,} of {self._total:,} {self._unit}, about {duration(left)} left"
        text += f", {note}" if note else ""
        self._shown = True
        self._stream.write(f"\r\033[K{text}" if self._terminal else f"{text}\n")
        self._stream.flush()

    def end(self) -> None:
        """Clear the line."""
        if self._shown and self._terminal:
            self._stream.write("\r\033[K")
            self._stream.flush()


def duration(seconds: float) -> str:
    """Time as people say it."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
