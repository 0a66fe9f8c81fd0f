"""Which failures deserve another attempt, and how long to wait before it."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from research.errors import FetchError

log = logging.getLogger(__name__)
T = TypeVar("T")

LATER = "Run the task again later; if it stays so, tell the archive's help desk the time of this message."
_LONGEST_WAIT_S = 120.0


class TransientError(FetchError):
    """An attempt failed in a way that another attempt may mend, in ``seconds`` where the server says so."""

    seconds: float | None = None


def transient(reason: str, code: str, seconds: float | None = None) -> TransientError:
    """An error that is worth another attempt."""
    error = TransientError(reason, LATER, code=code)
    error.seconds = seconds
    return error


@dataclass(frozen=True)
class Patience:
    """How often and how long to try.

    Args:
        retries: attempts after the first.
        backoff: seconds before the second attempt; doubled for each further one, with a random half on top,
            so that many downloads that were refused together do not come back together.
    """

    retries: int = 4
    backoff: float = 1.0

    def __post_init__(self) -> None:
        if self.retries < 0 or self.backoff < 0:
            msg = f"retries and backoff must be 0 or more, got {self.retries} and {self.backoff}"
            raise ValueError(msg)

    def run(self, label: str, attempt: Callable[[], T]) -> T:
        """Call ``attempt`` until it returns; only ``TransientError`` is tried again.

        Raises:
            FetchError: the last attempt failed too, or one failed for good.
        """
        for number in range(self.retries + 1):
            try:
                return attempt()
            except TransientError as error:
                last = error
            if number < self.retries:
                wait = self.backoff * 2**number * (1 + random.random() / 2)  # noqa: S311
                wait = min(_LONGEST_WAIT_S, max(wait, last.seconds or 0.0))
                log.warning("%s: %s Attempt %d of %d.", label, last.reason, number + 1, self.retries + 1)
                time.sleep(wait)
        reason = f"{label}: not delivered in {self.retries + 1} attempts. The last time: {last.reason}"
        raise FetchError(reason, last.instruction, code=last.code) from None
