"""view: how series look, for those who may see them: thumbnails, volumes, segmentations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from airflow.configuration import conf
from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from radflow_portal.auth import Account
from radflow_portal.catalog_models import View
from radflow_portal.db import Row, as_account
from radflow_portal.pictures import local_path
from radflow_portal.problems import Problem, not_found
from radflow_portal.view_cache import drawn

router = APIRouter(prefix="/series/{series_uid}", tags=["view"])
_SERIES, _MASK = "series of this UID", "segmentation in this study"
HERE = ("released", "held")
"""States in which the objects are in the research store; who may see a held one is a curator."""


@router.get("/thumbnail.png", response_class=Response)
def get_thumbnail(request: Request, account: Account, series_uid: str) -> Response:
    """The middle image, at most 256 pixels a side."""
    row, folder = _place(account, series_uid)
    return _file(
        request, drawn("thumbnail", "thumbnail.png", [row["manifest_sha256"]], [folder]), "image/png"
    )


@router.get("/view", response_model=View)
def get_view(account: Account, series_uid: str) -> dict[str, Any]:
    """What a viewer must know of the volume: size, spacing, window, and what was left out."""
    row, folder = _place(account, series_uid)
    path = drawn("volume", "view.json", [row["manifest_sha256"]], [folder])
    return dict(json.loads(path.read_text(encoding="utf-8")))


@router.get("/volume.nii.gz", response_class=Response)
def get_volume(request: Request, account: Account, series_uid: str) -> Response:
    """The series as NIfTI-1, with few enough voxels for a browser: to be looked at, not measured on."""
    row, folder = _place(account, series_uid)
    return _file(
        request, drawn("volume", "volume.nii.gz", [row["manifest_sha256"]], [folder]), "application/gzip"
    )


@router.get("/masks/{mask_uid}.nii.gz", response_class=Response)
def get_mask(request: Request, account: Account, series_uid: str, mask_uid: str) -> Response:
    """A segmentation of the same study on the grid of this series' volume."""
    path = _mask(account, series_uid, mask_uid, "mask.nii.gz")
    return _file(request, path, "application/gzip")


@router.get("/masks/{mask_uid}/labels", response_model=dict[str, str])
def get_labels(account: Account, series_uid: str, mask_uid: str) -> dict[str, str]:
    """Names of the segments by their number in the mask."""
    path = _mask(account, series_uid, mask_uid, "mask.json")
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _mask(account: str, series_uid: str, mask_uid: str, wanted: str) -> Path:
    row, folder = _place(account, series_uid)
    mask, mask_folder = _place(account, mask_uid)
    if mask["study_uid"] != row["study_uid"]:
        raise not_found(_MASK)
    hashes = [mask["manifest_sha256"], row["manifest_sha256"]]
    return drawn("mask", wanted, hashes, [mask_folder, folder])


def _place(account: str, series_uid: str) -> tuple[Row, Path]:
    """The series' row and its folder in the research store.

    Raises:
        Problem: 404 for what is not visible, or whose address leads out of the store; 409 for what is not here.
    """
    with as_account(account) as session:
        row = session.one("portal_series_place", series_uid=series_uid)
    if row is None:
        raise not_found(_SERIES)
    if row["state"] == "listed":
        msg = "The images of this series are not here."
        raise Problem(409, msg, "A public index lists it; fetch it, or look at its source.", "not-here")
    if row["state"] not in HERE:
        raise not_found(_SERIES)
    root, folder = local_path(str(conf.get("radflow", "research_uri", fallback=""))), local_path(row["uri"])
    if root is None or folder is None:
        msg = "The research store is not on this machine's disk."
        raise Problem(503, msg, "Set [radflow] research_uri to a file:// address.", "settings")
    folder = folder.resolve()  # follows links, so that none leads outside
    if not folder.is_relative_to(root.resolve()) or not folder.is_dir():
        raise not_found(_SERIES)
    return row, folder


def _file(request: Request, path: Path, media_type: str) -> Response:
    """The file, unless the browser has it; it asks each time, since rights change."""
    tag = f'"{path.parent.name}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return FileResponse(path, media_type=media_type, headers=headers)
