"""Zones as folders of an object store: publish a finished folder whole, or bring one to local disk.

A folder appears under its final name only when every byte is there: on a local disk by rename, on an object
store by uploading a ``manifest.json`` last, which readers wait for.
"""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlparse

from operators import settings
from research.errors import SettingsError

MANIFEST = "manifest.json"


def local_path(uri: str) -> Path | None:
    """Path behind a ``file://`` URI; None for other schemes."""
    parsed = urlparse(uri)
    if parsed.scheme not in ("", "file"):
        return None
    path = Path(unquote(parsed.path if parsed.scheme else uri))
    if not path.is_absolute():
        msg = f"{uri} is not an absolute location."
        raise SettingsError(msg, "Give zones as file:///absolute/path or as an object-store URI.")
    return path


def join(uri: str, *parts: str) -> str:
    """URI of something below ``uri``; parts may hold slashes but must stay inside."""
    tail = "/".join(part.strip("/") for part in parts)
    if any(piece in ("", ".", "..") for piece in tail.split("/")):
        msg = f"{tail!r} is not a place inside {uri}."
        raise SettingsError(msg, "Names of collections, experiments and steps are plain words.")
    return f"{uri.rstrip('/')}/{tail}"


@contextmanager
def scratch(purpose: str) -> Iterator[Path]:
    """A private local folder that is gone afterwards."""
    root = settings.scratch_dir()
    root.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{purpose}-", dir=root))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish_folder(local: Path, uri: str) -> str:
    """Move a finished local folder to ``uri``; an older one there is replaced as a whole. Returns ``uri``."""
    target = local_path(uri)
    if target is None:
        return _upload(local, uri)
    target.parent.mkdir(parents=True, exist_ok=True)
    staged = target.parent / f".{target.name}.{uuid.uuid4().hex}"
    shutil.move(local, staged)
    if target.exists():
        old = target.parent / f".{target.name}.{uuid.uuid4().hex}.old"
        target.rename(old)
        staged.rename(target)
        shutil.rmtree(old)
    else:
        staged.rename(target)
    return uri


def _upload(local: Path, uri: str) -> str:
    from airflow.sdk import ObjectStoragePath

    root = ObjectStoragePath(uri)
    files = sorted(p for p in local.rglob("*") if p.is_file())
    names = {path.relative_to(local).as_posix() for path in files}
    # What an older folder held goes, its manifest first: readers wait until the new one is there.
    old = {str(item.relative_to(root)): item for item in root.rglob("*") if item.is_file()}
    for name in sorted(old, key=lambda name: name != MANIFEST):
        if name == MANIFEST or name not in names:
            old[name].unlink()
    for path in sorted(files, key=lambda p: p.name == MANIFEST):
        target = root / path.relative_to(local).as_posix()
        target.write_bytes(path.read_bytes())
    shutil.rmtree(local)
    return uri


@contextmanager
def local_copy(uri: str) -> Iterator[Path]:
    """Local folder with the content of ``uri``: the place itself on a local disk, a copy otherwise."""
    path = local_path(uri)
    if path is not None:
        if not path.is_dir():
            msg = f"There is no folder behind {uri}."
            raise SettingsError(msg, "Was the zone moved or emptied? Run the step before again.")
        yield path
        return
    from airflow.sdk import ObjectStoragePath

    with scratch("copy") as folder:
        root = ObjectStoragePath(uri)
        for item in root.rglob("*"):
            if item.is_file():
                target = folder / str(item.relative_to(root))
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(item.read_bytes())
        if not any(folder.iterdir()):  # an object store has no empty folders
            msg = f"There is no folder behind {uri}."
            raise SettingsError(msg, "Was the zone moved or emptied? Run the step before again.")
        yield folder
