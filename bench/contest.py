"""A fair contest: contestants and a plain copy take turns over the same files in one process, CPU time counts.

``python bench/contest.py CONTESTANT FOLDER ROUNDS`` runs one peer in its own environment and prints JSON.
"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

Contestant = Callable[[list[Path], Path], None]


def copy(files: list[Path], out: Path) -> None:
    """The physical limit: what ``cp`` does."""
    for path in files:
        shutil.copyfile(path, out / path.name)


def run(
    contestants: dict[str, Contestant], files: list[Path], rounds: int, folder: Path
) -> dict[str, list[float]]:
    """CPU seconds of each contestant in each round; the first round warms up and is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        for name, contestant in contestants.items():
            out = Path(tempfile.mkdtemp(dir=folder))
            started = time.process_time()
            contestant(files, out)
            spent = time.process_time() - started
            shutil.rmtree(out)
            if number:
                seconds[name].append(spent)
    return seconds


def ratios(seconds: dict[str, list[float]], base: str = "copy") -> dict[str, float]:
    """Each contestant's median CPU time over the base's median."""
    limit = statistics.median(seconds[base])
    return {name: statistics.median(found) / limit for name, found in seconds.items()}


def pydicom_copy() -> Contestant:
    """Read and write by pydicom: changes nothing."""
    import pydicom

    def go(files: list[Path], out: Path) -> None:
        for path in files:
            pydicom.dcmread(path).save_as(out / path.name)

    return go


def dicom_anonymizer() -> Contestant:
    """dicom-anonymizer with its default rules."""
    from dicomanonymizer import anonymize

    def go(files: list[Path], out: Path) -> None:
        for path in files:
            anonymize(str(path), str(out / path.name), {}, delete_private_tags=True)

    return go


def dicognito() -> Contestant:
    """dicognito with its default handlers."""
    import pydicom
    from dicognito.anonymizer import Anonymizer

    def go(files: list[Path], out: Path) -> None:
        anonymizer = Anonymizer()
        for path in files:
            ds = pydicom.dcmread(path)
            anonymizer.anonymize(ds)
            ds.save_as(out / path.name)

    return go


def pydcm() -> Contestant:
    """pydcm, compiled (Python 3.12 or later), with its Basic Profile."""
    import pydcm

    def go(files: list[Path], out: Path) -> None:
        for path in files:
            (out / path.name).write_bytes(pydcm.deidentify(str(path)))

    return go


def dcmanon() -> Contestant:
    """dcmanon, written in Rust, with its default actions."""
    from dcmanon import Anonymizer

    def go(files: list[Path], out: Path) -> None:
        anonymizer = Anonymizer()
        for path in files:
            (out / path.name).write_bytes(anonymizer.anonymize(str(path)))

    return go


#: Name -> (package to install, how to make the contestant).
PEERS: dict[str, tuple[str, Callable[[], Contestant]]] = {
    "pydicom-read-write": ("pydicom", pydicom_copy),
    "dicom-anonymizer": ("dicom-anonymizer", dicom_anonymizer),
    "dicognito": ("dicognito", dicognito),
    "pydcm": ("pydcm", pydcm),
    "dcmanon": ("dcmanon", dcmanon),
}


def main() -> int:
    """Run one peer against the copy."""
    name, folder, rounds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    files = sorted(folder.iterdir())
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        seconds = run({"copy": copy, name: PEERS[name][1]()}, files, rounds, Path(work))
    print(
        json.dumps(
            {"ratio": ratios(seconds)[name], "ms": statistics.median(seconds[name]) / len(files) * 1000}
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
