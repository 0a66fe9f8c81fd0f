"""What every source can do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol, runtime_checkable

from research.landing import Received
from research.sources.offers import OfferedSeries, Selection

Progress = Callable[[int], None]
"""Called with the bytes of a series that have arrived so far; called often, so it must be quick."""


def unwatched(done: int) -> None:
    """A ``Progress`` that nobody looks at."""


@runtime_checkable
class Source(Protocol):
    """An archive that lists series and gives them whole.

    One source serves one thread at a time; parallel downloads take one source each.

    A source may have an attribute ``gate``, a context manager that it enters while it uses the network and leaves
    before it verifies: sources that share a semaphore as their gate keep the network busy while others verify.
    """

    @property
    def kind(self) -> str:
        """The connection type: ``nbia``, ``idc``, ``dicomweb``, ``dimse``."""
        ...

    def series(self, wanted: Selection, *, expected: bool = False) -> Iterable[OfferedSeries]:
        """Series that fit; none where there is none.

        Args:
            wanted: what is looked for.
            expected: the caller knows that there is something: an empty answer is doubted where the source
                may give one by mistake.

        Raises:
            FetchError: the source did not answer, or cannot answer this.
        """
        ...

    def download(
        self,
        series: OfferedSeries,
        folder: Path,
        progress: Progress = unwatched,
        *,
        label: str,
        quarantine_root: Path,
    ) -> Received:
        """Bring a series into ``folder``, whole and verified, or not at all.

        Args:
            series: as offered; its counts are checked.
            folder: where the series shall be. One that is complete and unchanged is reused; what a killed run
                left is taken up or discarded.
            progress: told how many bytes have arrived.
            label: what to call the series in errors and logs; no identity in it.
            quarantine_root: where bytes go that must not go on.

        Raises:
            FetchError: the source did not deliver in spite of every attempt.
            QuarantinedError: the series is bad at the source; its bytes lie in the quarantine.
        """
        ...

    def close(self) -> None:
        """Close connections."""
        ...
