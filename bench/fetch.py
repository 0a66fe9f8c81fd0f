"""Throughput of fetching against ``curl`` of the same zips and objects at equal parallelism, over loopback.

``make bench NAME=fetch``. Prints JSON lines: name, value, unit, goal, met. The servers are the stand-ins, each in a
process of its own. What we do beyond curl is part of our time: unpacking, MD5, SHA-256, reading every header, one
rename. Rounds are interleaved; the ratio is of the medians of wall-clock time. Two cores are shared by server and
client, so unlimited loopback is a test of processor time; the runs at a limited rate are what a network gives.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
# This file is called fetch: its folder must not come before the packages.
sys.path[:] = [str(HERE.parent), *(place for place in sys.path if Path(place).resolve() != HERE)]

import numpy as np
import pydicom
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from research.idc import Bucket, IdcIndex, IdcSource
from research.nbia import NbiaClient, NbiaSource
from research.sources import Selection, Source, in_parallel

GOAL = 0.9
VERIFYING = 2  # as operators.fetching, which needs Airflow to be imported


def say(name: str, value: float, unit: str, goal: float | None = None, met: bool | None = None) -> None:
    """One result."""
    print(
        json.dumps({"name": name, "value": round(value, 4), "unit": unit, "goal": goal, "met": met}),
        flush=True,
    )


def write_series(folder: Path, number: int, slices: int) -> int:
    """A CT series of 512x512 slices with noise, which does not compress; returns its bytes."""
    noise = np.random.default_rng(number)
    folder.mkdir(parents=True)
    total = 0
    for k in range(slices):
        image = pydicom.Dataset()
        image.file_meta = pydicom.dataset.FileMetaDataset()
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image.SOPClassUID, image.SOPInstanceUID = CTImageStorage, f"2.25.{number + 1}{k:06d}"
        image.SeriesInstanceUID, image.StudyInstanceUID = f"2.25.9{number}", f"2.25.8{number}"
        image.PatientID, image.PatientName, image.Modality = f"P{number}", "Bench^Fetch", "CT"
        image.Rows = image.Columns = 512
        image.BitsAllocated = image.BitsStored = 16
        image.HighBit, image.PixelRepresentation, image.SamplesPerPixel = 15, 1, 1
        image.PhotometricInterpretation, image.InstanceNumber = "MONOCHROME2", k + 1
        image.PixelData = noise.integers(-1000, 1000, 512 * 512, np.int16).tobytes()
        path = folder / f"{k:06d}.dcm"
        image.save_as(path, enforce_file_format=True)
        total += path.stat().st_size
    return total


@contextlib.contextmanager
def served(kind: str, root: Path, *more: str) -> Iterator[str]:
    """A stand-in in a process of its own; gives its address."""
    command = [sys.executable, "-m", f"scripts.standins.{kind}", "--root", str(root), "--port", "0", *more]
    with subprocess.Popen(command, cwd=HERE.parent, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            yield line.split(" at ")[1].strip().removesuffix("/nbia-api/services/v4/")
        finally:
            process.terminate()


def curl(urls: list[tuple[str, Path]], parallel: int) -> None:
    """Download with curl, ``parallel`` at once."""
    lines = [f'url = "{url}"\noutput = "{target}"\n' for url, target in urls]
    config = urls[0][1].parent / "urls.txt"
    config.write_text("".join(lines))
    command = [
        "curl",
        "--silent",
        "--fail",
        "--parallel",
        "--parallel-immediate",
        "--parallel-max",
        str(parallel),
        "--config",
        str(config),
    ]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)  # its meter


def ours(open_source: Callable[[], Source], folder: Path, parallel: int) -> None:
    """Download the same with the source, as a fetch task does."""
    sources, gate = [open_source() for _ in range(parallel + VERIFYING)], threading.BoundedSemaphore(parallel)
    for source in sources:
        source.gate = gate
    offers = list(sources[0].series(Selection(collection="bench")))

    def work(offer, source, progress):
        target = folder / offer.series_uid.rpartition(".")[2]
        return source.download(offer, target, progress, label="a series", quarantine_root=folder / "q")

    for _, result in in_parallel(offers, sources, work, lambda _: None):
        if isinstance(result, Exception):
            raise result
    for source in sources:
        source.close()


def fresh(folder: Path) -> Path:
    """An empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def compare(
    name: str,
    total: int,
    rounds: int,
    folder: Path,
    peer: Callable[[Path], None],
    mine: Callable[[Path], None],
) -> None:
    """Interleaved rounds; prints both rates and their ratio."""
    times: dict[str, list[float]] = {"curl": [], "radflow": []}
    for _ in range(rounds):
        for who, work in (("curl", peer), ("radflow", mine)):
            target = fresh(folder / "out")
            os.sync()
            begin = time.perf_counter()
            work(target)
            times[who].append(time.perf_counter() - begin)
    rate = {who: total / 1e6 / statistics.median(taken) for who, taken in times.items()}
    for who, value in rate.items():
        say(f"{name}: {who}", value, "MB/s")
    ratio = rate["radflow"] / rate["curl"]
    say(f"{name}: radflow over curl", ratio, "x", GOAL, ratio >= GOAL)


def memory(kind: str, url: str, folder: Path, parallel: int) -> float:
    """Peak memory in MiB of a process that only fetches."""
    command = [
        sys.executable,
        __file__,
        "--only",
        f"{kind} {url}",
        "--parallel",
        str(parallel),
        "--folder",
        str(folder),
    ]
    told = subprocess.run(command, cwd=HERE.parent, check=True, capture_output=True, text=True).stdout
    return float(told.strip().splitlines()[-1])


def only(what: str, folder: Path, parallel: int) -> None:
    """What ``memory`` measures."""
    kind, _, url = what.partition(" ")
    index = folder / "index.parquet"
    source = (lambda: NbiaSource(NbiaClient(url))) if kind == "nbia" else (lambda: opened_idc(index, url, 4))
    ours(source, fresh(folder / "out"), parallel)
    # ru_maxrss would be that of whoever started this process, where that was larger.
    status = Path("/proc/self/status").read_text()
    print(int(status.partition("VmHWM:")[2].split()[0]) / 1024)


def main() -> None:
    """Make the series, serve them, measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=24)
    parser.add_argument("--slices", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parallel", type=int, default=3)
    parser.add_argument(
        "--rate", type=float, default=10e6, help="bytes per second and connection of a network"
    )
    parser.add_argument("--only", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        only(options.only, options.folder, options.parallel)
        return
    if shutil.which("curl") is None:
        sys.exit("curl is absent: there is nothing to compare with.")
    with tempfile.TemporaryDirectory(prefix="radflow-bench-") as name:
        folder = Path(name)
        root = folder / "images"
        sizes = [write_series(root / f"s{n}", n, options.slices) for n in range(options.series)]
        (root / "collection.json").write_text('{"Collection": "bench"}')
        total = sum(sizes)
        say("corpus", total / 1e6, "MB")
        run(root, folder, total, options)


def run(root: Path, folder: Path, total: int, options: argparse.Namespace) -> None:
    """Both kinds of source, at the rate of a network and unlimited."""
    for rate in (options.rate, 0):
        how = f"{rate / 1e6:g} MB/s a connection" if rate else "unlimited loopback"
        nbia(root, folder, total, options, how, ["--rate", str(rate)])
        idc(root, folder, total, options, how, ["--rate", str(rate)])


def nbia(
    root: Path, folder: Path, total: int, options: argparse.Namespace, how: str, more: list[str]
) -> None:
    """Zips of NBIA."""
    parallel = options.parallel
    with served("nbia", root, *more) as url:
        zips = f"{url}/nbia-api/services/v4/getImage?IncludeMD5=Yes&SeriesInstanceUID="
        uids = [f"2.25.9{n}" for n in range(options.series)]
        compare(
            f"NBIA zips, {parallel} at once, {how}", total, options.rounds, folder,
            lambda to: curl([(zips + uid, to / f"{uid}.zip") for uid in uids], parallel),
            lambda to: ours(lambda: NbiaSource(NbiaClient(url)), to, parallel),
        )  # fmt: skip
        say(f"NBIA, {how}: peak memory", memory("nbia", url, folder, parallel), "MiB")


def idc(root: Path, folder: Path, total: int, options: argparse.Namespace, how: str, more: list[str]) -> None:
    """Objects of IDC: one connection a series, and four."""
    parallel, index = options.parallel, folder / "index.parquet"
    with served("idc", root, "--index", str(index), *more) as url:
        wanted = list(IdcIndex.of([index]).select(Selection(collection="bench")))
        bucket = Bucket(url)
        objects = [
            (bucket.url("s3", "idc-open-data", one.key), one.key.replace("/", "-"))
            for offer in wanted
            for one in bucket.objects(offer.address or "", label="x")
        ]
        for each in (1, 4):  # curl gets as many connections in all
            compare(
                f"IDC objects, {parallel * each} at once, {how}", total, options.rounds, folder,
                lambda to, each=each: curl([(place, to / name) for place, name in objects], parallel * each),
                lambda to, each=each: ours(lambda: opened_idc(index, url, each), to, parallel),
            )  # fmt: skip
        say(f"IDC, {how}: peak memory", memory("idc", url, folder, parallel), "MiB")


def opened_idc(index: Path, url: str, each: int) -> IdcSource:
    """A source whose buckets are the stand-in's."""
    return IdcSource(IdcIndex.of([index]), Bucket(url, connections=each), parallel=each)


if __name__ == "__main__":
    main()
