"""Pictures of series: right, kept once, only for those who may see them and only from the research store."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from tests.support.viewable import fill_views

API = "/api/v1/series"
HTML = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def views(world: Any) -> dict[str, str]:
    """Series that can be looked at."""
    return fill_views(world)


def test_a_series_as_volume_and_thumbnail(views: dict[str, str], get: Any) -> None:
    ct = f"{API}/{views['ct']}"
    view = get("erin", f"{ct}/view").json()
    assert (view["shape"], view["planes"]) == ([24, 96, 112], ["axial", "coronal", "sagittal"])
    volume = get("erin", f"{ct}/volume.nii.gz")
    assert gzip.decompress(volume.content)[344:347] == b"n+1"
    assert "content-encoding" not in volume.headers
    assert get("erin", f"{ct}/thumbnail.png").content.startswith(b"\x89PNG")
    again = get("erin", f"{ct}/volume.nii.gz", headers={"If-None-Match": volume.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_it_is_drawn_once(
    views: dict[str, str], get: Any, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = get("erin", f"{API}/{views['ct']}/volume.nii.gz").content
    monkeypatch.setattr("radflow_portal.view_cache._draw", lambda *_: pytest.fail("drawn again"))
    assert get("mallory", f"{API}/{views['ct']}/volume.nii.gz").content == first
    assert not [one for one in (world.artifacts / "views").iterdir() if one.name.startswith(".")]


def test_a_segmentation_on_its_grid(views: dict[str, str], get: Any) -> None:
    at = f"{API}/{views['ct']}/masks"
    mask = get("erin", f"{at}/{views['seg']}.nii.gz")
    assert gzip.decompress(mask.content)[352:].count(3) > 1000
    assert get("erin", f"{at}/{views['seg']}/labels").json() == {"3": "Ball"}
    off = get("erin", f"{at}/{views['off']}.nii.gz")
    assert (off.status_code, off.json()["type"]) == (422, "urn:radflow:problem:view-refused")
    assert "grid" in off.json()["detail"]


def test_what_cannot_be_drawn_says_why(views: dict[str, str], get: Any) -> None:
    report = get("erin", f"{API}/{views['report']}/thumbnail.png")
    assert (report.status_code, report.json()["detail"]) == (422, "The series holds no image.")
    listed = get("erin", f"{API}/{views['listed']}/thumbnail.png")
    assert (listed.status_code, listed.json()["type"]) == (409, "urn:radflow:problem:not-here")


@pytest.mark.parametrize("name", ["outside", "linked", "gone"])
def test_nothing_is_read_outside_the_store(views: dict[str, str], get: Any, name: str, world: Any) -> None:
    for file in ("thumbnail.png", "view", "volume.nii.gz"):
        assert get("erin", f"{API}/{views[name]}/{file}").status_code == 404
    assert (Path(world.folder) / "elsewhere").is_dir()


@pytest.mark.parametrize(("name", "who", "status"), [
    ("held", "cora", 200), ("held", "erin", 404), ("private", "bob", 200), ("private", "erin", 404),
])  # fmt: skip
def test_rights_decide(views: dict[str, str], get: Any, name: str, who: str, status: int) -> None:
    for file in ("thumbnail.png", "volume.nii.gz"):
        assert get(who, f"{API}/{views[name]}/{file}").status_code == status
    assert get(None, f"{API}/{views[name]}/thumbnail.png").status_code == 401
    assert get(who, f"/series/{views[name]}", headers=HTML).status_code == status


def test_a_private_series_is_no_mask_for_others(views: dict[str, str], get: Any) -> None:
    assert get("erin", f"{API}/{views['ct']}/masks/{views['private']}.nii.gz").status_code == 404


def test_room_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    from radflow_portal import view_cache

    for number in range(4):
        place = tmp_path / f"{number}"
        place.mkdir()
        (place / "volume.nii.gz").write_bytes(b"0" * 600_000)
        os.utime(place, (number, number))
    monkeypatch.setenv("AIRFLOW__RADFLOW__VIEW_CACHE_MB", "1")
    view_cache._make_room(tmp_path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["3"]


def test_the_pages(views: dict[str, str], get: Any) -> None:
    study = get("erin", f"/studies/{views['study']}", headers=HTML).text
    assert f"/series/{views['ct']}/thumbnail.png" in study
    assert f"/series/{views['listed']}/thumbnail.png" not in study
    assert 'href="https://example.org/listed"' in study
    page = get("erin", f"/series/{views['ct']}", headers=HTML)
    assert f'<option value="{views["seg"]}">' in page.text
    assert "script-src" not in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert "are not here" in get("erin", f"/series/{views['listed']}", headers=HTML).text
