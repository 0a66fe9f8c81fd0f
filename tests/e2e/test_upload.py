"""A researcher's zip, over a cut, to curators: through the real web server, scheduler and DAGs."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.support.images import small_collection
from tests.support.platform import Platform

pytestmark = pytest.mark.airflow

PATH = "/radflow/api/v1/uploads"
BYTES = {"Content-Type": "application/offset+octet-stream"}


def test_a_zip_of_several_patients_is_held_for_curators(platform: Platform, tmp_path: Path) -> None:
    root = small_collection(tmp_path, "UPLOADED")
    archive = tmp_path / "sent.zip"
    with zipfile.ZipFile(archive, "w") as out:
        for path in sorted((root / "dicom").rglob("*.dcm")):
            out.write(path, path.relative_to(root))
        out.writestr("readme.txt", "no image")
    content = archive.read_bytes()
    api = platform.api("researcher")
    wanted = {"licence": "CC BY 4.0", "attested": True, "collection": "UPLOADED"}
    number = api.call("POST", PATH, json=wanted)["id"]
    announced = {"files": [{"name": "sent.zip", "byte_count": len(content)}]}
    api.call("POST", f"{PATH}/{number}/files", json=announced)
    file, cut = f"{PATH}/{number}/files/1", len(content) // 3
    api.call("PATCH", file, data=content[:cut], headers=BYTES | {"Upload-Offset": "0"})
    done = api.call("PATCH", file, data=content[cut:], headers=BYTES | {"Upload-Offset": str(cut)})
    assert done["state"] == "received"
    assert api.call("POST", f"{PATH}/{number}/finish", json={})["started"] is True

    def held() -> bool:
        row = api.call("GET", f"{PATH}/{number}")
        return bool(
            row["state"] == "done" and row["held_count"] + row["quarantined_count"] >= row["series_count"]
        )

    platform.until(held, 240, "the upload to be held")
    row = api.call("GET", f"{PATH}/{number}")
    assert row["patient_count"] > 1
    assert row["held_count"] > 1
    assert row["refused_count"] == 1
    stages = api.call("GET", f"{PATH}/{number}/series")["items"]
    assert {one["stage"] for one in stages} <= {"held", "quarantined"}
    (refused,) = api.call("GET", f"{PATH}/{number}/verdicts?code=not-dicom")["items"]
    assert (refused["name"], refused["container"]) == ("readme.txt", "sent.zip")
    told = platform.api("curator1").call("GET", f"{PATH}/notices")
    assert [one["new_count"] for one in told if one["upload_id"] == number] == [row["held_count"]]
    assert not (platform.state.root / "landing" / "uploads" / str(number)).exists()
