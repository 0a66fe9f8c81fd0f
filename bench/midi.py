"""The planted-identity benchmark: generate a corpus, de-identify it, score it by MIDI-B's ten actions and beyond.

    python bench/midi.py                     # dev seed, policy tcia
    python bench/midi.py --held-out          # the seed that nobody tunes on
    python bench/midi.py --patients 12 --keep /tmp/corpus --table

Prints JSON lines. The answers come from TCIA's table and the standard, never from the engine (bench/planted/key.py).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
# bench/deid.py is called like the package: this folder must not come before the repository.
sys.path[:] = [str(HERE.parent), *(place for place in sys.path if Path(place).resolve() != HERE)]

from bench.planted.corpus import Corpus, generate
from deid.scoring import Score, load_mapping, score
from deid.scoring.beyond import intervals, kept_dates, references, residue
from deid.scoring.values import Output, read_output

DEV_SEED, HELD_OUT_SEED = 20240817, 77_003_121
PATIENTS = 90
WINNER = 99.93  # the challenge's best, of ten teams
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def line(name: str, value: float, unit: str, goal: float | None = None, *, most: bool = False) -> None:
    """One JSON line; ``most`` where less is better."""
    met = None if goal is None else (value <= goal if most else value >= goal)
    print(json.dumps({"name": name, "value": value, "unit": unit, "goal": goal, "met": met}), flush=True)


def deidentify(originals: Path, out: Path, work: Path, policy: str, *more: str) -> tuple[float, int]:
    """Run the command line; returns CPU seconds and exit status."""
    work.mkdir(exist_ok=True)
    key = work / "project.key"
    if not key.exists():
        key.write_text("5a" * 32 + "\n")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [
        sys.executable, "-m", "deid", "run", str(originals), str(out), "--policy", policy, "--key-file", str(key),
        "--project", "midi", "--mapping", str(work / "mapping"), "--report", str(work / "report"), "--quiet", *more,
    ]  # fmt: skip
    with (work / "run.log").open("w") as log:
        done = subprocess.run(
            command, stdout=log, stderr=subprocess.STDOUT, env=ENVIRONMENT, cwd=HERE.parent, check=False
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.returncode


def scored(corpus: Corpus, out: Path, work: Path, name: str) -> Score:
    """The ten actions; one line each."""
    mapping = work / "mapping"
    result = score(out, corpus.answers, mapping / "uid_mapping.csv", mapping / "patid_mapping.csv")
    line(f"{name}.without_output", result.missing, "instances", 0, most=True)
    line(f"{name}.score", round(result.total.percent, 4), "%", 100.0)
    for action, tally in result.by_action.items():
        line(f"{name}.score.{action}", round(tally.percent, 4), "%", 100.0)
    (work / "score.json").write_text(result.json())
    return result


def beyond(corpus: Corpus, out: Path, work: Path) -> None:
    """Bytes, intervals and references."""
    uids = load_mapping(work / "mapping" / "uid_mapping.csv")
    secrets: dict[str, list[str]] = json.loads(corpus.secrets.read_text())
    found = {one.sop_uid: one for file in sorted(out.rglob("*.dcm")) if (one := read_output(file))}
    pairs: list[tuple[Output, Output]] = []
    originals: list[Output] = []
    for file in sorted(corpus.originals.rglob("*.dcm")):
        original = read_output(file)
        if original is None:
            msg = f"{file} cannot be read"
            raise RuntimeError(msg)
        originals.append(original)
        output = found.get(uids.get(original.sop_uid, ""))
        if output is not None:
            pairs.append((original, output))
    outputs = [output for _, output in pairs]
    bad = residue([one.file for one in outputs], [secrets[original.sop_uid] for original, _ in pairs])
    line(
        "midi.files_with_identity_bytes", len({text.split(":")[0] for text in bad.bad}), "files", 0, most=True
    )
    moved = intervals(pairs)
    line("midi.dates_kept", moved.looked, "dates")
    line("midi.intervals_broken", len(moved.bad), "dates", 0, most=True)
    for name, count in kept_dates(pairs).items():
        line(f"midi.{name.replace(' ', '_')}", count, "dates")
    referring = references(originals, outputs)
    line("midi.references", referring.looked, "references")
    line("midi.references_dangling", len(referring.bad), "references", 0, most=True)
    (work / "beyond.json").write_text(
        json.dumps({"residue": bad.bad, "intervals": moved.bad, "references": referring.bad}, indent=1)
    )


def idempotent(corpus: Corpus, out: Path, work: Path, policy: str) -> None:
    """De-identify one patient again: the same bytes under the same names."""
    first = sorted(corpus.originals.iterdir())[0]
    again = work / "again"
    deidentify(first, again, work / "second", policy, "--no-verify")
    differing = sum(
        not (out / file.relative_to(again)).exists()
        or _digest(file) != _digest(out / file.relative_to(again))
        for file in sorted(again.rglob("*.dcm"))
    )
    line("midi.second_run_files", len(list(again.rglob("*.dcm"))), "files", 1)
    line("midi.second_run_differs", differing, "files", 0, most=True)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=DEV_SEED)
    parser.add_argument("--held-out", action="store_true", help="use the held-out seed")
    parser.add_argument("--patients", type=int, default=PATIENTS, help="about 18 instances each")
    parser.add_argument("--policy", default="tcia")
    parser.add_argument("--keep", type=Path, help="work in this folder and keep it")
    parser.add_argument("--table", action="store_true", help="print the score as a table, too")
    arguments = parser.parse_args()
    seed = HELD_OUT_SEED if arguments.held_out else arguments.seed
    with tempfile.TemporaryDirectory(prefix="radflow-midi-") as temporary:
        work = arguments.keep or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        corpus = generate(work / "corpus", seed, arguments.patients)
        line("midi.instances", corpus.instances, "instances", 1500)
        line("midi.actions", sum(corpus.actions.values()), "actions")
        line("midi.challenge_winner", WINNER, "%")
        for name, more in (
            ("midi.engine", ("--no-verify",)),
            ("midi", ()),
        ):  # alone, and as it is used: verified
            here = work / name
            seconds, status = deidentify(corpus.originals, here / "out", here, arguments.policy, *more)
            line(f"{name}.cpu", round(seconds, 2), "s")
            line(f"{name}.exit_status", status, "status", 1, most=True)
            result = scored(corpus, here / "out", here, name)
            if arguments.table:
                print(result.table(60))
        alone = work / "midi.engine"
        beyond(corpus, alone / "out", alone)
        idempotent(corpus, alone / "out", alone, arguments.policy)
    return 0


if __name__ == "__main__":
    sys.exit(main())
