"""What can go wrong on request: which fault, at which endpoint, for which series, how many times."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, replace

KINDS: dict[str, str] = {
    "500": "HTTP 500 with the server's usual text",
    "503": "HTTP 503, as under overload",
    "empty-200": "HTTP 200 with an empty body",
    "stall": "some bytes, then silence for `seconds`",
    "cut": "the connection drops in the middle of the zip",
    "truncated-valid-zip": "the zip ends early but is closed properly: fewer images, no md5hashes.csv",
    "wrong-md5": "md5hashes.csv does not agree with the last image",
    "duplicate-sop": "the last image is a copy of the first",
    "zip-slip": "an additional entry whose name climbs out of the folder",
    "symlink": "an additional entry that is a symbolic link",
    "zip-bomb": "an additional entry of `megabytes` zeros",
    "0-byte": "the first image is an empty file",
    "not-dicom": "the first image is a text file",
    "truncated-dicom": "the first image ends half-way",
    "two-patients": "the last image belongs to another patient",
    "two-series": "the last image belongs to another series",
}
"""Every fault and what it does. The first four work at every endpoint, the others where a zip is sent."""

ANY = "*"


@dataclass(frozen=True)
class Fault:
    """One planned fault.

    Args:
        kind: a key of ``KINDS``.
        series: the SeriesInstanceUID it strikes, or ``*``.
        endpoint: the endpoint it strikes, or ``*``.
        count: how many more requests it strikes.
        seconds: how long a stall lasts.
        megabytes: how large the bomb is when inflated.
    """

    kind: str
    series: str = ANY
    endpoint: str = "getImage"
    count: int = 1
    seconds: float = 3600.0
    megabytes: int = 64

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            msg = f"unknown fault {self.kind!r}; known: {', '.join(KINDS)}"
            raise ValueError(msg)
        if self.count < 1:
            msg = f"count must be 1 or more, got {self.count}"
            raise ValueError(msg)


class Faults:
    """The planned faults, oldest first; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planned: list[Fault] = []

    def add(self, kind: str, series: str = ANY, **options: object) -> Fault:
        """Plan a fault; the options are the fields of ``Fault``."""
        fault = Fault(kind, series, **options)  # type: ignore[arg-type]
        with self._lock:
            self._planned.append(fault)
        return fault

    def take(self, endpoint: str, series: str) -> Fault | None:
        """Return the fault that strikes this request and use it up once, or None."""
        with self._lock:
            for i, fault in enumerate(self._planned):
                if fault.endpoint in (ANY, endpoint) and fault.series in (ANY, series):
                    if fault.count == 1:
                        del self._planned[i]
                    else:
                        self._planned[i] = replace(fault, count=fault.count - 1)
                    return fault
        return None

    def clear(self) -> None:
        """Forget every planned fault."""
        with self._lock:
            self._planned.clear()

    def as_rows(self) -> list[dict[str, object]]:
        """Return what is still planned, for the control endpoint."""
        with self._lock:
            return [asdict(fault) for fault in self._planned]
