"""scripts/build_images.py: says what it did, skips what is current, rebuilds what changed."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "build_images.py"


@pytest.fixture
def main():
    spec = importlib.util.spec_from_file_location("build_images", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def test_help():
    told = subprocess.run(
        [sys.executable, SCRIPT, "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert "debootstrap" in told
    assert "exit status" in told


def test_without_an_engine_it_says_so(main, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    assert main([]) == 3
    assert "No container engine answers" in capsys.readouterr().err


@pytest.mark.docker
@pytest.mark.usefixtures("model_images")
def test_what_is_current_is_left_alone(main, capsys):
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = [line.split()[0] for line in lines]
    assert names == ["radflow/base"] + [
        f"radflow/{name}:1.0.0" for name in ("denoise", "emphysema_laa", "emphysema_mrf", "lungs")
    ]
    assert all(line.endswith("current") and line.split()[1].startswith("sha256:") for line in lines)


@pytest.mark.docker
@pytest.mark.usefixtures("tiny_images")
def test_what_changed_is_built_again(main, tmp_path, capsys):
    folder = tmp_path / "models" / "echo"
    shutil.copytree(ROOT / "tests" / "docker" / "algorithms" / "echo", folder)
    shutil.copyfile(ROOT / "docker" / "models" / "denoise" / "Dockerfile", folder / "Dockerfile")
    descriptor = folder / "algorithm.json"
    descriptor.write_text(descriptor.read_text().replace('"version": "1"', '"version": "changed"'))
    arguments = ["--models", str(folder.parent)]
    with (folder / "run.py").open("a") as script:
        script.write(f"# {tmp_path}\n")
    assert main(arguments) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("built")
    assert main(arguments) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("current")
    subprocess.run(["docker", "image", "rm", "radflow/echo:changed"], check=True, capture_output=True)
