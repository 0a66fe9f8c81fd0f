"""What the verifier costs beside the engine and beside copying, and what it finds of planted leaks.

    python bench/verify.py [--slices 300] [--rounds 5]

One process, interleaved rounds, median CPU time. The corpus is made up: a CT series of 512x512 slices with a
clinical header of about 240 elements, and an enhanced CT of 300 frames and about 11,000 elements.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
# bench/deid.py must not come before the package of that name.
sys.path[:] = [str(HERE.parent), *(place for place in sys.path if Path(place).resolve() != HERE)]

from bench import clinical
from deid import Pseudonyms, deidentify_series, load_policy
from deid.verifier import Verifier

POLICY = """
name = "bench"
title = "Full header policy"
extends = "research"
options = ["clean_descriptors", "clean_graphics", "clean_structured_content",
  "retain_longitudinal_modified_dates", "retain_patient_characteristics", "retain_safe_private"]
"""


def say(name: str, value: float, unit: str, goal: float | None = None, met: bool | None = None) -> None:
    """One result."""
    print(
        json.dumps({"name": name, "value": round(value, 4), "unit": unit, "goal": goal, "met": met}),
        flush=True,
    )


def cpu(work) -> float:
    """CPU seconds of a call."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def verify(policy, originals: list[Path], outputs: list[Path], **how) -> list:
    """The verifier over a series."""
    verifier = Verifier(policy, **how)
    for path in originals:
        verifier.add_original(path)
    return [finding for path in outputs for finding in verifier.check(path)] + verifier.finish()


def copy(paths: list[Path], folder: Path) -> None:
    """Copy the files to a new folder."""
    target = Path(tempfile.mkdtemp(dir=folder))
    for path in paths:
        shutil.copyfile(path, target / path.name)
    shutil.rmtree(target)


def measure(name: str, originals: list[Path], folder: Path, rounds: int) -> None:
    """Print the costs of one corpus."""
    (folder / "bench.toml").write_text(POLICY)
    policy, pseudonyms = load_policy(folder / "bench.toml"), Pseudonyms(bytes(range(32)), "bench")
    out = folder / f"out-{name}"
    deidentify_series(originals, out, policy, pseudonyms)
    outputs = sorted(out.iterdir())
    times: dict[str, list[float]] = {
        "copy": [],
        "engine": [],
        "verifier": [],
        "verifier, pixels not compared": [],
    }
    for number in range(rounds):
        target = folder / f"again-{name}-{number}"
        times["copy"].append(cpu(lambda: copy(originals, folder)))
        times["engine"].append(cpu(lambda to=target: deidentify_series(originals, to, policy, pseudonyms)))
        shutil.rmtree(target)
        times["verifier"].append(cpu(lambda: verify(policy, originals, outputs)))
        times["verifier, pixels not compared"].append(
            cpu(lambda: verify(policy, originals, outputs, compared=False))
        )
    times["verifier in Python"] = [cpu(lambda: verify(policy, originals, outputs, compiled=False))]
    ms = {what: statistics.median(taken) / len(originals) * 1000 for what, taken in times.items()}
    for what, value in ms.items():
        say(f"{name}: {what}", value, "CPU ms a file")
    ratio = ms["verifier"] / ms["engine"]
    say(f"{name}: verifier over engine", ratio, "x", 1.0, ratio <= 1)
    say(f"{name}: verifier over copying", ms["verifier"] / ms["copy"], "x")
    found = verify(policy, originals, outputs)
    for finding in found[:10]:
        print(finding, file=sys.stderr)
    say(f"{name}: findings in clean outputs", len(found), "findings", 0, not found)


def main() -> None:
    """Make the corpus, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measure("CT", clinical.write_series(folder / "ct", arguments.slices), folder, arguments.rounds)
        enhanced = folder / "enhanced.dcm"
        clinical.enhanced().save_as(enhanced, enforce_file_format=True)
        measure("Enhanced CT", [enhanced], folder, arguments.rounds)


if __name__ == "__main__":
    main()
