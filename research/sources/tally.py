"""How much a selection is, per modality: what a dry run tells."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from research.sources.offers import OfferedSeries


@dataclass
class Tally:
    """Counts over series; ``unsized`` says of how many the source does not tell the size."""

    series: int = 0
    images: int = 0
    bytes: int = 0
    unsized: int = 0

    def add(self, one: OfferedSeries) -> None:
        """Count a series."""
        self.series += 1
        self.images += one.image_count or 0
        self.bytes += one.byte_count or 0
        self.unsized += one.byte_count is None

    def as_row(self) -> dict[str, Any]:
        """The counts as JSON."""
        return asdict(self)


def tally(offered: Iterable[OfferedSeries]) -> dict[str, Tally]:
    """Counts per modality, the most series first; ``?`` where the source does not say the modality."""
    found: dict[str, Tally] = {}
    for one in offered:
        found.setdefault(one.modality or "?", Tally()).add(one)
    return dict(sorted(found.items(), key=lambda item: (-item[1].series, item[0])))
