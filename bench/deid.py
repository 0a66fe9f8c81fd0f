"""Speed and memory of de-identification, against a plain copy and against peers, in one run.

``make bench NAME=deid``. Prints JSON lines: name, value, unit, goal, met. Ratios are of processor time, in
one process, to copying the same files. Peers run in an environment of their own (``.radflow-bench``); one
that cannot be installed is reported as absent.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
# This file is called deid too: its folder must not come before the package.
sys.path[:] = [str(HERE.parent), *(place for place in sys.path if Path(place).resolve() != HERE)]

import deid
from bench import clinical, contest
from deid import plans
from deid.acceptance import read_header
from deid.engine import Engine
from deid.original import opened

ENVIRONMENT = HERE.parent / ".radflow-bench" / "deid"
POLICY = """
name = "bench"
title = "Full header policy"
extends = "research"
options = ["clean_descriptors", "clean_graphics", "clean_structured_content",
  "retain_longitudinal_modified_dates", "retain_patient_characteristics", "retain_safe_private"]
"""
_HUGE = 2 << 30


def say(name: str, value: float, unit: str, goal: str, met: bool | None) -> None:
    """One result."""
    print(
        json.dumps({"name": name, "value": round(value, 4), "unit": unit, "goal": goal, "met": met}),
        flush=True,
    )


class Ours:
    """Our contestants."""

    def __init__(self, policy: deid.Policy) -> None:
        self._policy = policy
        self._pseudonyms = deid.Pseudonyms(bytes(range(32)), "bench")

    def header(self, *, pure: bool = False) -> contest.Contestant:
        """The engine with the full header policy: what the peers do too."""

        def go(files: list[Path], out: Path) -> None:
            engine = None
            for path in files:
                with opened(path, pure=pure) as original:
                    header = read_header(original, "file")
                    engine = engine or Engine(self._policy, self._pseudonyms, header, pure=pure)
                    engine.write(original, header, out, None)

        return go

    def series(self, *, verify: bool = False) -> contest.Contestant:
        """A series as it is published: checks, header, SHA-256 of every output, all or nothing."""

        def check(originals: list[Path], outputs: list[Path]) -> list[deid.Finding]:
            return deid.verify_series(originals, outputs, policy=self._policy)

        def go(files: list[Path], out: Path) -> None:
            deid.deidentify_series(
                files, out / "series", self._policy, self._pseudonyms, verify=check if verify else None
            )

        return go


def cp(folder: Path, files: list[Path], rounds: int) -> float:
    """Seconds of processor time of ``cp`` over the files, its start included."""
    spent = []
    for _ in range(rounds):
        out = tempfile.mkdtemp(dir=folder)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(["cp", *files, out], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        shutil.rmtree(out)
    return statistics.median(spent)


def load() -> None:
    """How busy the machine is with other things: ratios suffer little, times do."""
    say(
        "load",
        os.getloadavg()[0],
        f"processes of {os.cpu_count()} cores, average of the last minute",
        "-",
        None,
    )


def speed(folder: Path, policy: deid.Policy, files: list[Path], name: str, goal: float, rounds: int) -> None:
    """Ratios to the copy for one corpus."""
    ours = Ours(policy)
    contestants: dict[str, contest.Contestant] = {
        "copy": contest.copy,
        "header": ours.header(),
        "pure": ours.header(pure=True),
        "series": ours.series(),
        "verified": ours.series(verify=True),
    }
    found = contest.run(contestants, files, rounds, folder)
    ratio = contest.ratios(found)
    say(f"{name}.copy", statistics.median(found["copy"]) / len(files) * 1000, "ms CPU a file", "-", None)
    header = statistics.median(found["header"])
    say(f"{name}.header-policy-over-cp", header / cp(folder, files, rounds), "x the command cp", "-", None)
    compiled = plans.has_compiled()
    say(
        f"{name}.header-policy",
        ratio["header"],
        "x copy",
        f"<= {goal}",
        ratio["header"] <= goal if compiled else None,
    )
    say(f"{name}.header-policy-pure-python", ratio["pure"], "x copy", "-", None)
    say(f"{name}.series-with-sha256-manifest", ratio["series"], "x copy", "-", None)
    verifier = (ratio["verified"] - ratio["series"]) / ratio["series"]
    say(f"{name}.verifier", verifier, "x series without it", "<= 1", verifier <= 1)


def peers(files: list[Path], name: str, rounds: int, work: Path, base: str) -> None:
    """Ratios of the peers to the copy, each in its own process, all under the Python ``base``."""
    folder = work / f"peers-{name}"
    folder.mkdir()
    for path in files:
        (folder / path.name).hardlink_to(path)
    version = subprocess.run([base, "-V"], check=True, capture_output=True, text=True).stdout.split()[-1]
    environment = ENVIRONMENT / version
    python = environment / "bin" / "python"
    if not python.exists():
        subprocess.run([base, "-m", "venv", environment], check=True)
    for peer, (package, _) in contest.PEERS.items():
        command = [python, "-m", "pip", "install", "-q", "-q", "--disable-pip-version-check", package]
        installed = subprocess.run(command, check=False, capture_output=True, text=True)
        if installed.returncode:
            say(f"{name}.peer.{peer}", float("nan"), "absent: it cannot be installed here", "-", None)
            continue
        call = [python, HERE / "contest.py", peer, folder, str(rounds)]
        done = subprocess.run(call, check=False, capture_output=True, text=True)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no message"])[-1][:120]
            say(f"{name}.peer.{peer}", float("nan"), f"absent: {reason}", "-", None)
            continue
        found = json.loads(done.stdout.splitlines()[-1])
        say(f"{name}.peer.{peer}", found["ratio"], "x copy", "-", None)


def memory(work: Path, policy: deid.Policy) -> None:
    """Peak memory for an object of 2 GB, in a process of its own."""
    path = work / "huge.dcm"
    ds = clinical.enhanced(frames=4, side=64)
    frames = _HUGE // (512 * 512 * 2)
    ds.Rows = ds.Columns = 512
    ds.NumberOfFrames = frames
    ds.PixelData = b"\0\0"
    ds.save_as(path, enforce_file_format=True)
    with path.open("r+b") as stream:  # the last ten bytes are the length and the value of the pixel data
        stream.seek(-6, os.SEEK_END)
        stream.write((frames * 512 * 512 * 2).to_bytes(4, "little"))
        stream.truncate(stream.tell() + frames * 512 * 512 * 2)
    child = os.fork()
    if not child:
        Ours(policy).series()([path], work)
        os._exit(0)
    _, status, usage = os.wait4(child, 0)
    if status:
        say("huge.rss", float("nan"), "failed", "<= 200", False)
        return
    say(
        "huge.rss",
        usage.ru_maxrss / 1024,
        "MiB peak for an object of 2 GiB",
        "<= 200",
        usage.ru_maxrss < 200 << 10,
    )


def cores(work: Path, policy: deid.Policy, files: list[Path]) -> None:
    """Wall time of one process over that of as many as there are cores, each with a series of its own."""
    count = os.cpu_count() or 1

    def wall(processes: int) -> float:
        import time

        started, children = time.monotonic(), []
        for _ in range(processes):
            child = os.fork()
            if not child:
                for _ in range(3):
                    with tempfile.TemporaryDirectory(dir=work) as out:
                        Ours(policy).header()(files, Path(out))
                os._exit(0)
            children.append(child)
        for child in children:
            os.waitpid(child, 0)
        return time.monotonic() - started

    one = min(wall(1) for _ in range(3))
    all_of_them = min(wall(count) for _ in range(3))
    say("cores.scaling", count * one / all_of_them, f"x one process, on {count} cores", "-", None)


def main() -> int:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slices", type=int, default=300, help="slices of the CT series (default 300)")
    parser.add_argument("--rounds", type=int, default=7, help="counted rounds (default 7)")
    parser.add_argument(
        "--folder", type=Path, help="where to work; a file system in memory gives the cleanest numbers"
    )
    parser.add_argument(
        "--peer-python", default=sys.executable, help="Python of the peers, some of which need a newer one"
    )
    parser.add_argument("--no-peers", action="store_true", help="leave the peers out")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    shm = Path("/dev/shm")
    folder = arguments.folder or (shm if os.access(shm, os.W_OK) and _room(shm) > 8 * _HUGE // 2 else None)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        work = Path(name)
        (work / "bench.toml").write_text(POLICY)
        policy = deid.load_policy(work / "bench.toml")
        slices = clinical.write_series(work / "ct", arguments.slices)
        multi = work / "enhanced"
        multi.mkdir()
        many = []
        for number in range(1, 11):
            many.append(multi / f"{number:02d}.dcm")
            clinical.enhanced(number).save_as(many[-1], enforce_file_format=True)
        say("ct.elements", clinical.elements(clinical.ct(1)), "elements a slice", "240", None)
        say("enhanced.elements", clinical.elements(clinical.enhanced()), "elements", "11000", None)
        load()
        speed(work, policy, slices, "ct", 1.2, arguments.rounds)
        speed(work, policy, many, "enhanced", 2.0, arguments.rounds)
        if not arguments.no_peers:
            peers(slices[:50], "ct", 3, work, arguments.peer_python)
            peers(many, "enhanced", 3, work, arguments.peer_python)
        load()
        cores(work, policy, slices)
        memory(work, policy)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    say("process.rss", peak, "MiB peak of this benchmark", "-", None)
    return 0


def _room(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


if __name__ == "__main__":
    sys.exit(main())
