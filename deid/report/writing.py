"""Reports as files: each whole under its name, or not there."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deid.report.inputs import shows_identity
from deid.report.page import render

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

JSON, PAGE, REVIEW = "report.json", "report.html", "review.html"


def write_report(
    folder: Path,
    batch: Mapping[str, Any],
    pictures: Mapping[str, bytes] | None = None,
    *,
    review: Path | None = None,
) -> list[Path]:
    """Write ``report.json`` and ``report.html`` into a folder, replacing older ones.

    Args:
        folder: made where it does not exist; gets no identity.
        batch: of :func:`deid.report.batch_report`.
        pictures: of :func:`deid.report.series_pictures`, of all series.
        review: folder for ``review.html``, which shows pixels from before: a place where originals may be. It is
            made for its owner alone. Without it no such page is written.

    Returns:
        What was written. No review is written where there is no picture from before.

    Raises:
        ReportError: a picture is not the one that the report names; nothing was written.
    """
    pictures = pictures or {}
    texts = [(folder / PAGE, render(batch, pictures)), (folder / JSON, json.dumps(batch, indent=1) + "\n")]
    if review is not None and any(map(shows_identity, pictures)):
        texts.append((review / REVIEW, render(batch, pictures, review=True)))
        review.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in texts:
        write_whole(path, [text], 0o600 if path.name == REVIEW else 0o644)
    return sorted(path for path, _ in texts)


def write_whole(path: Path, pieces: Iterable[str], mode: int) -> None:
    """A file appears under its name when every byte of it is on the disk."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            for piece in pieces:
                stream.write(piece)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
