"""The rate of a network, where loopback would be too fast to be like one."""

from __future__ import annotations

import time


class Pace:
    """Lets no more than ``rate`` bytes a second pass; 0 means no limit."""

    def __init__(self, rate: float = 0) -> None:
        self._rate = rate
        self._begun = time.monotonic()
        self._done = 0

    def let(self, count: int) -> None:
        """Wait until so many more bytes may have passed."""
        if self._rate:
            self._done += count
            ahead = self._done / self._rate - (time.monotonic() - self._begun)
            if ahead > 0:
                time.sleep(ahead)
