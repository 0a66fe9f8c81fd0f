"""Sets received bytes aside with the reason, for a person to decide about."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
from pathlib import Path

from research.errors import LandingError

REASONS: dict[str, str] = {
    "zip-slip": "the zip names a file outside its folder",
    "zip-symlink": "the zip holds a link or a device",
    "zip-duplicate-name": "the zip holds two entries of the same name",
    "zip-bomb": "the zip inflates beyond the limits",
    "no-images": "nothing received is an image",
    "empty-file": "an image is a file of 0 bytes",
    "not-dicom": "an image is not DICOM",
    "truncated": "an image ends early or cannot be parsed, as the source itself holds it",
    "missing-uid": "an image does not say which instance or series it is",
    "two-patients": "one series holds images of two patients",
    "two-series": "what was announced as one series is several",
    "duplicate-sop-instance": "two images have the same SOP Instance UID",
    "wrong-series": "the images belong to another series than the one asked for",
    "uid-mismatch": "the images are not the instances that the source lists for the series",
    "bad-zip": "the zip is broken, cut off or encrypted",
    "short-series": "fewer images arrived than the source announces",
    "md5-mismatch": "an image is not what the source's checksum says",
    "known-series": "somebody uploads a series that came here by another way, for other people",
    "no-checksums": "the zip lacks the checksums that the source puts last",
}
"""Every reason code of the landing zone and what it means."""

MENDABLE = frozenset({"bad-zip", "short-series", "md5-mismatch", "no-checksums"})
"""What another download may mend: damage on the way, not at the source."""

RECORD = "reason.json"


class QuarantinedError(LandingError):
    """The series was not accepted and its bytes now lie in ``evidence``."""

    def __init__(self, error: LandingError, label: str, evidence: Path) -> None:
        super().__init__(f"{label}: {error.reason}", error.instruction, code=error.code)
        self.evidence = evidence


def quarantine(received: Path, root: Path, error: LandingError, *, label: str, source: str = "") -> Path:
    """Move a received file or folder into ``root`` and write why; the same bytes always go to the same place.

    Args:
        received: what was received; it is gone from there afterwards.
        root: the quarantine zone; made where absent.
        error: why it was not accepted; its ``code`` names the folder.
        label: what the caller calls the series; must not name a patient, since it is written down.
        source: the address it came from, without query.

    Returns:
        The folder ``<code>-<first 16 hex digits of the sha256>`` that holds the bytes and ``reason.json``.
    """
    digest, size = _digest(received)
    folder = root / f"{error.code}-{digest[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / ("received.zip" if received.is_file() else "received")
    if target.is_dir():
        shutil.rmtree(target)
    shutil.move(received, target)
    record = {
        "code": error.code,
        "reason": error.reason,
        "instruction": error.instruction,
        "label": label,
        "source": source,
        "sha256": digest,
        "bytes": size,
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    }
    part = folder / f".{RECORD}.part"
    part.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    part.replace(folder / RECORD)
    return folder


def _digest(received: Path) -> tuple[str, int]:
    """The sha256 and size of a file, or of a folder's files in order (names are not part of it)."""
    total, size = hashlib.sha256(), 0
    paths = [received] if received.is_file() else sorted(p for p in received.rglob("*") if p.is_file())
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                total.update(block)
                size += len(block)
    return total.hexdigest(), size
