"""Both runtimes, the images they need, and a chest phantom whose truth is known."""

from __future__ import annotations

import importlib.util
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from operators.runtimes import ProcessRuntime, Runtime, StepRecord, get_runtime, run_case
from operators.runtimes.docker import engine_answers
from research.algorithms import Algorithm, load_algorithms

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SHARED = Path(os.environ.get("RADFLOW_SHARED_DATA", ROOT.parent / "shared" / "data"))
CIP = SHARED / "cip_copdgene"
RUNTIMES = ["process", pytest.param("docker", marks=pytest.mark.docker)]


def build(*arguments: str) -> int:
    """Call scripts/build_images.py in this process."""
    spec = importlib.util.spec_from_file_location("build_images", ROOT / "scripts" / "build_images.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main(list(arguments))


@pytest.fixture(scope="session")
def engine() -> None:
    """Skip where no engine answers."""
    if not engine_answers():
        pytest.skip("no container engine answers")


@pytest.fixture(scope="session")
def model_images(engine: None) -> None:
    """The shipped images, current."""
    if build() != 0:
        pytest.skip("the model images cannot be built here (no registry, and no debootstrap as root)")


@pytest.fixture(scope="session")
def tiny() -> dict[str, Algorithm]:
    """The test algorithms."""
    return load_algorithms(HERE / "algorithms")


@pytest.fixture(scope="session")
def tiny_images(model_images: None, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Images of the test algorithms."""
    root = tmp_path_factory.mktemp("context") / "algorithms"
    shutil.copytree(HERE / "algorithms", root, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in root.iterdir():
        shutil.copyfile(ROOT / "docker" / "models" / "denoise" / "Dockerfile", folder / "Dockerfile")
    assert build("--models", str(root)) == 0


@pytest.fixture(params=RUNTIMES)
def runtime(request: pytest.FixtureRequest, tmp_path: Path) -> Runtime:
    """Each runtime in turn, with the images of the test algorithms."""
    if request.param == "docker":
        request.getfixturevalue("tiny_images")
        return get_runtime("docker")
    return ProcessRuntime(tmp_path / "jobs")


@dataclass(frozen=True)
class Phantom:
    """A chest phantom.

    Attributes:
        ct: path of the CT.
        lung: truth, [z, y, x]: 1 right, 2 left.
        emphysema: truth as a fraction of lung volume.
    """

    ct: Path
    lung: np.ndarray
    emphysema: float


def write(array: np.ndarray, spacing: tuple[float, float, float], path: Path) -> Path:
    """Write [z, y, x] with a spacing in x, y, z."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    sitk.WriteImage(image, str(path), useCompression=True)
    return path


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Phantom:
    """Body, two lungs, a trachea, bowel gas, one emphysematous ball in each lung, noise of 15 HU."""
    rng = np.random.default_rng(7)
    spacing = (3.0, 3.0, 5.0)
    z, y, x = (np.arange(n) * step for n, step in zip((48, 96, 112), (5.0, 3.0, 3.0), strict=True))
    z, y, x = z[:, None, None], y[None, :, None], x[None, None, :]

    def ball(cz: float, cy: float, cx: float, rz: float, ry: float, rx: float) -> np.ndarray:
        return ((z - cz) / rz) ** 2 + ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 < 1

    ct = np.full((48, 96, 112), -1000.0)
    ct[np.broadcast_to(((y - 144) / 105) ** 2 + ((x - 168) / 150) ** 2 < 1, ct.shape)] = 40
    lung = np.zeros(ct.shape, dtype=np.uint8)
    lung[ball(110, 144, 95, 95, 75, 50)] = 1
    lung[ball(110, 144, 240, 95, 75, 50)] = 2
    ct[lung > 0] = -850
    sick = ball(120, 144, 95, 30, 25, 25) | ball(90, 130, 240, 28, 25, 25)
    ct[sick] = -990
    ct[np.broadcast_to((((y - 125) / 9) ** 2 + ((x - 168) / 9) ** 2 < 1) & (z > 130), ct.shape)] = -990
    ct[ball(12, 110, 230, 10, 30, 40) & (lung == 0)] = -950
    ct += rng.normal(scale=15, size=ct.shape)
    path = tmp_path_factory.mktemp("phantom") / "ct.mha"
    write(np.rint(ct).astype(np.int16), spacing, path)
    return Phantom(path, lung, float((sick & (lung > 0)).sum() / (lung > 0).sum()))


def run_chain(runtime: Runtime, ct: Path, folder: Path) -> dict[str, StepRecord]:
    """denoise -> lungs -> both quantifications; returns the records by step."""
    models = load_algorithms()
    records = {}

    def step(name: str, **inputs: Path) -> None:
        case = {slug.replace("_", "-"): path for slug, path in inputs.items()}
        records[name] = run_case(runtime, models[name], None, case, folder / name).raise_for_status()

    step("denoise", ct_image=ct)
    denoised = folder / "denoise" / records["denoise"].outputs["denoised-ct"].path
    step("lungs", ct_image=denoised)
    mask = folder / "lungs" / records["lungs"].outputs["lung-mask"].path
    for name in ("emphysema_laa", "emphysema_mrf"):
        step(name, ct_image=denoised, lung_mask=mask)
    return records


@pytest.fixture(scope="session")
def chains(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest):
    """``chains(runtime_name, ct)``: the chain's records and folder, run once per session."""
    done: dict[tuple[str, Path], tuple[dict[str, StepRecord], Path]] = {}

    def chain(name: str, ct: Path) -> tuple[dict[str, StepRecord], Path]:
        if (name, ct) not in done:
            folder = tmp_path_factory.mktemp(f"chain-{name}")
            if name == "docker":
                request.getfixturevalue("model_images")
            runtime = get_runtime(name) if name == "docker" else ProcessRuntime(folder / "jobs")
            done[name, ct] = (run_chain(runtime, ct, folder), folder)
        return done[name, ct]

    return chain


@pytest.fixture(scope="session")
def cip_ct(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real chest CT of an emphysema patient, made a volume from its DICOM files."""
    from research.volumes import series_to_mha

    if not CIP.is_dir():
        pytest.skip("the CIP COPDGene test data are not here")
    target = tmp_path_factory.mktemp("cip") / "ct.mha"
    series_to_mha(sorted((CIP / "ct-64Dicom").glob("*.dcm")), target)
    return target


@pytest.fixture(scope="session")
def cip_truth() -> np.ndarray:
    """Its lung mask, [z, y, x]."""
    return sitk.GetArrayFromImage(sitk.ReadImage(str(CIP / "wholeLung-64.nrrd"))) > 0
