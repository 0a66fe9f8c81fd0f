"""Pictures of a run, read from the artifacts zone and from nowhere else."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from airflow.configuration import conf
from fastapi.responses import Response

from radflow_portal.problems import Problem, not_found
from research.errors import SettingsError

MEDIA_TYPES = ("image/svg+xml", "image/png", "image/jpeg")
_PICTURE = "picture of this name"
_LARGEST = 20 * 1024 * 1024
_HEADERS = {
    # An SVG opened on its own must not run as one of our pages.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, max-age=60",
}


def artifacts_root() -> Path:
    """Folder of ``[radflow] artifacts_uri``.

    Raises:
        SettingsError: the setting is empty or not a ``file://`` address.
    """
    uri = str(conf.get("radflow", "artifacts_uri", fallback=""))
    root = local_path(uri)
    if root is None:
        msg = "The setting [radflow] artifacts_uri is not a file:// address."
        raise SettingsError(msg, "The portal serves pictures from a local artifacts folder; set it so.")
    return root.resolve()


def picture_response(picture: dict[str, Any]) -> Response:
    """The file of an ``experiment.picture`` row, byte for byte what the run recorded.

    Raises:
        Problem: 404 when the address leaves the artifacts zone, is no picture, or the file is gone;
            409 when its sha256 is not the recorded one.
    """
    path = local_path(picture["uri"])
    root = artifacts_root()
    if path is None or picture["media_type"] not in MEDIA_TYPES:
        raise not_found(_PICTURE)
    path = path.resolve()  # follows links, so that none leads outside
    if not path.is_relative_to(root) or not path.is_file() or path.stat().st_size > _LARGEST:
        raise not_found(_PICTURE)
    body = path.read_bytes()
    digest = hashlib.sha256(body).hexdigest()
    if digest != picture["sha256"]:
        raise Problem(
            409,
            "The picture's file is not the one that the run recorded.",
            "Run the experiment again; its pictures are drawn anew.",
            "picture-changed",
        )
    return Response(body, media_type=picture["media_type"], headers={**_HEADERS, "ETag": f'"{digest}"'})


def local_path(uri: str) -> Path | None:
    """Path of a ``file://`` address without a host (or of a plain absolute path), or None."""
    parts = urlsplit(uri)
    path = unquote(parts.path)
    here = parts.scheme in ("", "file") and parts.netloc in ("", "localhost")
    return Path(path) if here and path.startswith("/") and "\0" not in path else None
