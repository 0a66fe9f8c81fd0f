"""The shipped models: right on phantom and real scan, the same in both runtimes, clear about bad input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from operators.runtimes import ProcessRuntime, run_case
from research.algorithms import load_algorithms

MODELS = load_algorithms()
RUNTIMES = ["process", pytest.param("docker", marks=pytest.mark.docker)]


def dice(first: np.ndarray, second: np.ndarray) -> float:
    return 2 * (first & second).sum() / (first.sum() + second.sum())


def read(path: Path) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def write(array: np.ndarray, path: Path) -> Path:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((2.0, 2.0, 4.0))
    sitk.WriteImage(image, str(path))
    return path


@pytest.mark.parametrize("name", RUNTIMES)
def test_phantom_is_measured_right(name, chains, phantom):
    records, folder = chains(name, phantom.ct)
    lungs = read(folder / "lungs" / records["lungs"].outputs["lung-mask"].path)
    assert dice(lungs == 1, phantom.lung == 1) > 0.97
    assert dice(lungs == 2, phantom.lung == 2) > 0.97
    for step in ("emphysema_laa", "emphysema_mrf"):
        value = records[step].outputs["emphysema-fraction"].value
        assert value == pytest.approx(phantom.emphysema, abs=0.015), step


@pytest.mark.parametrize("name", RUNTIMES)
def test_real_lungs_agree_with_the_published_mask(name, chains, cip_ct, cip_truth):
    records, folder = chains(name, cip_ct)
    lungs = read(folder / "lungs" / records["lungs"].outputs["lung-mask"].path)
    assert dice(lungs > 0, cip_truth) > 0.95
    right, left = (lungs == 1).sum(), (lungs == 2).sum()
    assert 0.7 < right / left < 1.5
    laa = records["emphysema_laa"].outputs["emphysema-fraction"].value
    mrf = records["emphysema_mrf"].outputs["emphysema-fraction"].value
    assert 0.1 < laa < 0.3
    assert 0.05 < mrf < 0.3


@pytest.mark.docker
@pytest.mark.parametrize("scan", ["phantom", "cip_ct"])
def test_both_runtimes_give_the_same_bytes(scan, chains, request):
    found = request.getfixturevalue(scan)
    ct = getattr(found, "ct", found)
    in_process, _ = chains("process", ct)
    in_docker, _ = chains("docker", ct)
    for step, record in in_process.items():
        ours = {slug: output.sha256 for slug, output in record.outputs.items()}
        theirs = {slug: output.sha256 for slug, output in in_docker[step].outputs.items()}
        assert ours == theirs, step
        assert (record.runtime, in_docker[step].runtime) == ("process", "docker")
        assert record.digest != in_docker[step].digest


def test_denoising_keeps_the_mean_density_and_the_edges(chains, phantom):
    records, folder = chains("process", phantom.ct)
    before = read(phantom.ct).astype(float)
    after = read(folder / "denoise" / records["denoise"].outputs["denoised-ct"].path).astype(float)
    assert after.mean() == pytest.approx(before.mean(), abs=0.1)
    edge = np.abs(np.diff(before, axis=2)) > 500
    kept = np.abs(np.diff(after, axis=2))[edge] / np.abs(np.diff(before, axis=2))[edge]
    assert np.median(kept) > 0.95


def test_denoising_follows_the_spacing(tmp_path):
    """The same physical smoothing: where voxels are large there is nothing left to level."""
    rng = np.random.default_rng(1)
    array = (40 + rng.normal(scale=20, size=(12, 64, 64))).astype(np.int16)
    left = {}
    for spacing in (0.6, 4.0):
        image = sitk.GetImageFromArray(array)
        image.SetSpacing((spacing, spacing, 5.0))
        sitk.WriteImage(image, str(tmp_path / "ct.mha"))
        out = tmp_path / str(spacing)
        runtime = ProcessRuntime(tmp_path / "jobs")
        run_case(runtime, MODELS["denoise"], None, {"ct-image": tmp_path / "ct.mha"}, out).raise_for_status()
        left[spacing] = read(out / "images" / "denoised-ct" / "output.mha").std()
    assert left[0.6] < 0.6 * array.std()
    assert left[4.0] > 0.9 * array.std()


@pytest.mark.parametrize("flip", [(True, False), (False, True), (True, True)])
def test_right_stays_right_however_the_scan_is_stored(flip, phantom, tmp_path):
    """Columns and slices stored the other way round, with the direction that says so."""
    image = sitk.ReadImage(str(phantom.ct))
    sitk.WriteImage(sitk.Flip(image, [flip[0], False, flip[1]]), str(tmp_path / "ct.mha"))
    case = {"ct-image": tmp_path / "ct.mha"}
    record = run_case(ProcessRuntime(tmp_path / "jobs"), MODELS["lungs"], None, case, tmp_path / "out")
    mask = sitk.ReadImage(str(tmp_path / "out" / record.raise_for_status().outputs["lung-mask"].path))
    stored = sitk.GetArrayFromImage(sitk.Flip(mask, [flip[0], False, flip[1]]))
    assert dice(stored == 1, phantom.lung == 1) > 0.97


@pytest.mark.parametrize(
    ("model", "ct", "mask", "sentence"),
    [
        ("lungs", np.full((8, 40, 40), 40), None, "No lung was found in the scan"),
        ("lungs", np.full((8, 40, 40), -1000), None, "No lung was found in the scan"),
        ("denoise", np.zeros((8, 40, 40)), None, "The scan is empty"),
        ("emphysema_laa", np.zeros((8, 40, 40)), np.zeros((8, 40, 40)), "The lung mask is empty"),
        ("emphysema_laa", np.zeros((8, 40, 40)), np.ones((4, 40, 40)), "The lung mask has the shape"),
        ("emphysema_mrf", np.zeros((8, 40, 40)), np.zeros((8, 40, 40)), "too few for a histogram"),
        ("emphysema_mrf", np.zeros((8, 40, 40)), np.ones((4, 40, 40)), "The lung mask has the shape"),
    ],
)
def test_what_cannot_be_done_ends_with_one_clear_sentence(model, ct, mask, sentence, tmp_path):
    case = {"ct-image": write(ct.astype(np.int16), tmp_path / "ct.mha")}
    if mask is not None:
        case["lung-mask"] = write(mask.astype(np.uint8), tmp_path / "mask.mha")
    lines: list[str] = []
    runtime = ProcessRuntime(tmp_path / "jobs")
    record = run_case(runtime, MODELS[model], None, case, tmp_path / "out", on_log=lines.append)
    assert (record.status, record.code, record.exit_code) == ("failed", "exit-code", 1)
    assert sentence in record.message
    assert sentence in lines[-1]
    assert len(lines) == 1
    assert not (tmp_path / "out").exists()


def test_a_scan_that_is_not_axial_is_refused(phantom, tmp_path):
    image = sitk.ReadImage(str(phantom.ct))
    sitk.WriteImage(sitk.PermuteAxes(image, [0, 2, 1]), str(tmp_path / "ct.mha"))
    case = {"ct-image": tmp_path / "ct.mha"}
    record = run_case(ProcessRuntime(tmp_path / "jobs"), MODELS["lungs"], None, case, tmp_path / "out")
    assert "not axial" in record.message


@pytest.mark.parametrize("name", sorted(MODELS))
def test_model_folder_keeps_the_contract(name):
    algorithm = MODELS[name]
    dockerfile = (algorithm.folder / "Dockerfile").read_text()
    descriptor = json.loads((algorithm.folder / "algorithm.json").read_text())
    assert algorithm.folder.name == name
    assert f"LABEL org.grand-challenge.api-method={algorithm.api_method}" in dockerfile
    assert dockerfile.split("USER ")[1].split()[0] == "65534:65534"
    assert descriptor["licence"]
    assert descriptor["method"]
    assert descriptor["warnings"]
    assert algorithm.resources.gpus == 0


@pytest.mark.docker
@pytest.mark.usefixtures("model_images")
def test_images_carry_the_contract():
    import docker

    client = docker.from_env()
    try:
        for algorithm in MODELS.values():
            config = client.images.get(algorithm.image).attrs["Config"]
            assert config["Labels"]["org.grand-challenge.api-method"] == "exec"
            assert config["User"] == "65534:65534"
    finally:
        client.close()
