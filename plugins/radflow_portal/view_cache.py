"""What was drawn of series, kept under the hash of what it was drawn of; drawing is done by another process."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from airflow.configuration import conf

from radflow_portal.pictures import artifacts_root
from radflow_portal.problems import Problem
from research.viewing import VERSION

log = logging.getLogger(__name__)

_REFUSED = "refused.json"
_SECONDS = 150
_AT_ONCE = threading.BoundedSemaphore(2)
_PATIENCE_S = 100
_ENVIRONMENT = ("PATH", "HOME", "LANG", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "TMPDIR")
_evicting = threading.Lock()


def drawn(what: str, wanted: str, hashes: list[str], folders: list[Path]) -> Path:
    """The file ``wanted`` of what ``python -m research.viewing`` makes of the folders.

    Args:
        what: its first argument.
        wanted: name of the file to be there in the end.
        hashes: manifests of the folders; who asks must have the right to see them.
        folders: of the series.

    Raises:
        Problem: 422 for what cannot be drawn, with the reason; 503 for what took too long or too much.
    """
    key = hashlib.sha256("|".join((what, str(VERSION), *hashes)).encode()).hexdigest()
    root = artifacts_root() / "views"
    place = root / key
    if not place.is_dir():
        if not _AT_ONCE.acquire(timeout=_PATIENCE_S):
            raise Problem(503, "Too many series are being drawn.", "Try again in a minute.", "view-busy")
        try:
            if not place.is_dir():
                _draw(what, root, place, folders)
        finally:
            _AT_ONCE.release()
    try:
        os.utime(place)
        if (place / _REFUSED).is_file():
            told = json.loads((place / _REFUSED).read_text(encoding="utf-8"))
            raise Problem(422, told["reason"], told["instruction"], "view-refused")
        if not (place / wanted).is_file():
            raise FileNotFoundError(wanted)
    except FileNotFoundError as error:  # taken away to make room at this very moment
        raise Problem(503, "The picture is being drawn anew.", "Try again.", "view-busy") from error
    return place / wanted


def _draw(what: str, root: Path, place: Path, folders: list[Path]) -> None:
    root.mkdir(parents=True, exist_ok=True)
    target = Path(tempfile.mkdtemp(dir=root, prefix=".drawing-"))
    # Its environment has no connection string: what reads foreign pixels gets nothing to read besides.
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "research.viewing", what, str(target), *map(str, folders)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # it may quote what objects hold
            timeout=_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            log.error("view: %s ended with %d", what, done.returncode)
            msg = "The series could not be drawn within the limits of time and memory."
            raise Problem(503, msg, "Look at it in the archive that it comes from.", "view-failed")
        try:
            target.rename(place)
        except OSError:
            if not place.is_dir():
                raise
    except subprocess.TimeoutExpired as error:
        log.error("view: %s took more than %d s", what, _SECONDS)
        msg = "The series could not be drawn in time."
        raise Problem(503, msg, "Try again when less is going on.", "view-failed") from error
    finally:
        shutil.rmtree(target, ignore_errors=True)
    _make_room(root)


def _make_room(root: Path) -> None:
    """Take away what was not looked at for the longest time, until the rest fits."""
    most = conf.getint("radflow", "view_cache_mb", fallback=2000) * 1_000_000
    with _evicting:
        entries = []
        for place in root.iterdir():
            if place.name.startswith("."):
                continue
            size = sum(one.stat().st_size for one in place.iterdir())
            entries.append((place.stat().st_mtime, size, place))
        total = sum(size for _, size, _ in entries)
        for _, size, place in sorted(entries)[:-1]:  # the newest stays, whatever its size
            if total <= most:
                return
            shutil.rmtree(place, ignore_errors=True)
            total -= size
