"""Text in pixels: how much of it is found and made black, what else goes, and what it costs, beside peers.

``make bench NAME=pixels``. Prints JSON lines: name, value, unit, goal, met. The pictures are those of ``pixels_set.py``,
written as DICOM and cleaned by ``clean_pixels`` with no device regions, so that only the detectors count. A line is
covered when at least 99 % of its ink pixels (glyph coverage of a quarter or more) are black; stricter and looser shares
are printed, too. The seed ``--seed`` is the one that thresholds were chosen with; ``--held-out`` was not looked at.
"""

from __future__ import annotations

import argparse
import csv
import io
import itertools
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
# Modules here are called like packages: this folder must not come before the repository.
sys.path[:] = [str(HERE.parent), *(place for place in sys.path if Path(place).resolve() != HERE)]

import cv2
import numpy as np

from bench import pixels_odd, pixels_set
from bench.pixels_dicom import agrees, dicom, stored
from bench.pixels_set import Planted
from deid.exceptions import QuarantineError
from deid.pixels import PixelRules, clean_pixels
from deid.pixels.areas import Found, painted
from deid.pixels.ocr import quads, text_map
from deid.pixels.source import Source

cv2.setNumThreads(1)  # onnxruntime has one thread anyway: CPU seconds are those of one core
TURNS = itertools.count()  #: chooses how the next picture is stored
WRONG: list[str] = []  #: pictures whose written pixels are not those of the report
#: Pixels black and free by whether the picture was JPEG baseline, where whole blocks go.
AREAS = {True: np.zeros(2), False: np.zeros(2)}
COVERED = 0.99  #: share of a line's ink that must be black
RULES = PixelRules.from_table({"devices": "none", "banners": False, "pictures": False})
#: Boxes of the text lines of the two real ultrasounds, read off the pictures; ink is what is brighter than LIT in them.
REAL = {
    "GREYSCALE_IMAGE.dcm": (
        (9, 5, 187, 22), (180, 5, 283, 22), (390, 4, 685, 24), (821, 4, 910, 24), (920, 4, 1012, 24), (826, 24, 923, 48),
        (913, 24, 988, 48), (13, 26, 141, 47), (11, 51, 80, 76), (10, 77, 75, 98), (961, 78, 988, 97), (12, 99, 46, 119),
        (12, 140, 42, 159), (21, 160, 70, 178), (12, 181, 99, 199), (12, 201, 76, 219), (17, 221, 61, 239),
        (20, 242, 70, 259), (854, 697, 912, 724),
    ),
    "RGB_IMAGE.dcm": (
        (3, 6, 227, 28), (774, 6, 883, 27), (504, 7, 717, 27), (403, 8, 433, 26), (3, 35, 137, 55), (504, 35, 770, 55),
        (926, 60, 1021, 83), (953, 84, 1021, 101), (961, 102, 1022, 121), (953, 121, 1023, 139), (956, 147, 1023, 163),
        (957, 165, 1023, 181), (964, 184, 1023, 199), (973, 201, 1023, 219), (932, 226, 1021, 243), (987, 244, 1022, 260),
        (926, 262, 1022, 280), (920, 281, 1021, 297), (966, 299, 1022, 315), (949, 317, 1021, 333), (927, 335, 1021, 353),
        (795, 742, 851, 766), (519, 742, 695, 766),
    ),
}  # fmt: skip
LIT = 110
STEP = 12  #: every 12th slice of the real CT series
Mask = np.ndarray[Any, np.dtype[np.uint8]]
Blanker = Callable[[Planted, Path], Mask]


def say(name: str, value: float | None, unit: str, goal: str = "", met: bool | None = None) -> None:
    """One result."""
    rounded = None if value is None else round(value, 4)
    print(json.dumps({"name": name, "value": rounded, "unit": unit, "goal": goal, "met": met}), flush=True)


def filled(report: dict[str, Any], shape: tuple[int, ...], frame: int = 0) -> Mask:
    """Mask of what a report says is black in a frame."""
    mask = np.zeros(shape[:2], np.uint8)
    for left, top, right, bottom in report["boxes"]["all"] + report["boxes"]["frames"].get(str(frame), []):
        mask[top:bottom, left:right] = 1
    return mask


def ours(planted: Planted, folder: Path) -> Mask:
    """What ``clean_pixels`` makes black; the file that it writes must agree with its report."""
    turn = next(TURNS)
    path = dicom(planted, folder / "in.dcm", turn=turn)
    result = clean_pixels(path, RULES, folder)
    mask = filled(result.report, planted.pixels.shape)
    _, photometric, way, _ = stored(planted, turn)
    if not agrees(path, result, mask, folder):
        WRONG.append(f"{photometric} {way} ({turn})")
    free, blocks = planted.free(), way == "jpeg"
    AREAS[blocks] += np.array([(mask.astype(bool) & free).sum(), free.sum()])
    return mask


def gray(planted: Planted) -> np.ndarray[Any, Any]:
    """The picture in gray."""
    if planted.pixels.dtype == np.uint16:
        return (planted.pixels >> 8).astype(np.uint8)
    return planted.pixels if planted.pixels.ndim == 2 else cv2.cvtColor(planted.pixels, cv2.COLOR_RGB2GRAY)


def ppocr(planted: Planted, folder: Path) -> Mask:  # noqa: ARG001 - all contestants have one signature
    """PP-OCRv4's detector alone, once, with the usual thresholds, margin 2."""
    picture = gray(planted)
    return painted(
        [Found(quad, score, "pp-ocr") for quad, score in quads(text_map(picture))], picture.shape, 2
    )


def tesseract(planted: Planted, folder: Path) -> Mask:
    """Tesseract, sparse text (psm 11), all words that it reads, margin 2."""
    picture = gray(planted)
    cv2.imwrite(str(folder / "peer.png"), picture)
    command = ["tesseract", str(folder / "peer.png"), "-", "--psm", "11", "tsv"]
    out = subprocess.run(
        command, capture_output=True, check=True, text=True, env=os.environ | {"OMP_THREAD_LIMIT": "1"}
    )
    mask = np.zeros(picture.shape, np.uint8)
    for row in csv.DictReader(io.StringIO(out.stdout), delimiter="\t", quoting=csv.QUOTE_NONE):
        if float(row["conf"] or -1) >= 0 and (row["text"] or "").strip():
            x, y, w, h = (int(row[key]) for key in ("left", "top", "width", "height"))
            mask[max(0, y - 2) : y + h + 2, max(0, x - 2) : x + w + 2] = 1
    return mask


def processor_seconds() -> float:
    """CPU time of this process and its children."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


class Score:
    """Coverage of lines by group, text-free area, time."""

    def __init__(self) -> None:
        self.shares: dict[str, list[float]] = defaultdict(list)
        self.free = self.lost = 0
        self.seconds: list[float] = []
        self.megapixels = 0.0
        self.refused: list[int] = []

    def add(self, planted: Planted, mask: Mask, seconds: float) -> None:
        """Count one picture."""
        free = planted.free()
        self.free += int(free.sum())
        self.lost += int((mask.astype(bool) & free).sum())
        self.seconds.append(seconds)
        self.megapixels += planted.pixels.shape[0] * planted.pixels.shape[1] / 1e6
        for line in planted.lines:
            share = float(mask.ravel()[line.ink].mean())
            turn = "upright" if line.turn == 0 else "quarter turns" if line.turn % 90 == 0 else "slanted"
            groups = ["all", line.contrast, turn, planted.kind] + (["10-13 px"] if line.size <= 13 else [])
            groups += ["fonts not trained on"] if pixels_set.held_out(line.font) else []
            groups += [line.case] if line.case else []
            for group in groups:
                self.shares[group].append(share)

    def covered(self, group: str = "all", share: float = COVERED) -> float:
        """Part of the lines of a group of which ``share`` of the ink is black."""
        return float(np.mean(np.array(self.shares[group]) >= share))

    @property
    def blanked(self) -> float:
        """Percent of the text-free area that is black."""
        return 100 * self.lost / max(1, self.free)

    @property
    def standard(self) -> float:
        """CPU seconds for 768 x 1024 pixels."""
        return sum(self.seconds) / self.megapixels * (768 * 1024 / 1e6)


def run(blanker: Blanker, pictures: Iterable[Planted]) -> Score:
    """Score one contestant."""
    score = Score()
    with tempfile.TemporaryDirectory() as name:
        for number, planted in enumerate(pictures):
            started = processor_seconds()
            try:
                mask = blanker(planted, Path(name))
            except (
                QuarantineError
            ):  # nothing gets out, but nothing is cleaned: its lines count as not covered
                score.refused.append(number)
                mask = np.zeros(planted.pixels.shape[:2], np.uint8)
            score.add(planted, mask, processor_seconds() - started)
    return score


def ours_on(label: str, count: int, seed: int) -> None:
    """Our figures on one generated set."""
    ours(pixels_set.picture(np.random.default_rng(0), "US"), Path(tempfile.mkdtemp()))  # load the models
    for area in AREAS.values():
        area[:] = 0
    score = run(ours, pixels_set.pictures(count, seed))
    lines = len(score.shares["all"])
    say(f"{label}: pictures", count, "", ">= 300", count >= 300)
    say(f"{label}: planted lines", lines, "")
    say(f"{label}: fonts", len(set(pixels_set.fonts())), "files")
    value = 100 * score.covered()
    say(f"{label}: lines with >= 99 % of their ink covered", value, "%", ">= 99", value >= 99)
    say(f"{label}: lines with >= 95 % of their ink covered", 100 * score.covered(share=0.95), "%")
    say(f"{label}: lines with all of their ink covered", 100 * score.covered(share=1), "%")
    for group in (
        "high",
        "mid",
        "faint",
        "upright",
        "quarter turns",
        "slanted",
        "10-13 px",
        "fonts not trained on",
        *pixels_set.KINDS,
    ):
        name = f"{label}: lines covered, {group} ({len(score.shares[group])})"
        say(name, 100 * score.covered(group), "%")
    say(
        f"{label}: pictures refused, their lines counted as not covered",
        len(score.refused),
        "",
        "0",
        not score.refused,
    )
    say(f"{label}: text-free area blanked", score.blanked, "%", "<= 0.2", score.blanked <= 0.2)
    name = f"{label}: pictures written otherwise than reported {sorted(set(WRONG)) or ''}"
    say(name, len(WRONG), "", "0", not WRONG)
    for blocks, name in ((False, "JPEG baseline apart"), (True, "JPEG baseline alone")):
        lost, free = AREAS[blocks]
        say(f"{label}: text-free area blanked, {name}", 100 * float(lost / max(1, free)), "%")
    say(f"{label}: CPU for 768x1024", score.standard, "s", "<= 2", score.standard <= 2)


def odd(count: int, seed: int, folder: str) -> None:
    """Our figures on pictures of the kinds that the set does not have."""
    score = run(ours, pixels_odd.pictures(count, seed, folder))
    say("odd set: pictures", count, "")
    say("odd set: planted lines", len(score.shares["all"]), "")
    say("odd set: lines with >= 99 % of their ink covered", 100 * score.covered(), "%")
    say("odd set: lines with >= 95 % of their ink covered", 100 * score.covered(share=0.95), "%")
    for case in pixels_odd.CASES:
        if score.shares[case]:
            say(f"odd set: lines covered, {case} ({len(score.shares[case])})", 100 * score.covered(case), "%")
    say(
        "odd set: pictures refused, their lines counted as not covered",
        len(score.refused),
        "",
        "0",
        not score.refused,
    )
    say("odd set: text-free area blanked", score.blanked, "%", "<= 0.2", score.blanked <= 0.2)


def free_of_text() -> None:
    """What goes of real slices that have no text: every ``STEP``-th CT slice of the data."""
    lost: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = [path for tar in pixels_set.archives() for path in pixels_set.unpacked(tar, folder, STEP)]
        for path in paths:
            lost.append(clean_pixels(path, RULES, folder).report["area"])
    if not lost:
        say("real slices without text: absent", None, "", "set RADFLOW_SHARED_DATA")
        return
    say("real slices without text", len(lost), "")
    value = 100 * float(np.mean(lost))
    say("real slices without text: area blanked", value, "%", "<= 0.2", value <= 0.2)


def peers(count: int, seed: int) -> None:
    """The peers on the first pictures of the set."""
    contestants: dict[str, Blanker] = {"pp-ocrv4 detector alone": ppocr}
    if shutil.which("tesseract"):
        contestants["tesseract psm 11"] = tesseract
    else:
        say("tesseract psm 11: absent", None, "", "Debian package tesseract-ocr")
    for name, blanker in contestants.items():
        score = run(blanker, pixels_set.pictures(count, seed))
        say(f"{name}: lines with >= 99 % of their ink covered", 100 * score.covered(), "%")
        say(f"{name}: lines with >= 95 % of their ink covered", 100 * score.covered(share=0.95), "%")
        say(f"{name}: text-free area blanked", score.blanked, "%")
        say(f"{name}: CPU for 768x1024", score.standard, "s")


def real() -> None:
    """The two real ultrasounds, detectors alone and with the shipped device regions."""
    folder = Path(os.environ.get("RADFLOW_SHARED_DATA", HERE.parent.parent / "shared" / "data")) / "burned_in"
    if not folder.is_dir():
        say("real ultrasounds: absent", None, "", "set RADFLOW_SHARED_DATA")
        return
    for name, rules in (("detectors alone", RULES), ("shipped rules", PixelRules.from_table({}))):
        covered = total = 0
        with tempfile.TemporaryDirectory() as scratch:
            for file, lines in REAL.items():
                with Source(folder / file, Path(scratch)) as source:
                    layout = source.layout
                    frame = (
                        np.frombuffer(source.read(0), np.uint8)
                        .reshape(layout.rows, layout.columns, -1)
                        .max(2)
                    )
                started = time.process_time()
                report = clean_pixels(folder / file, rules, Path(scratch)).report
                seconds = time.process_time() - started
                mask = filled(report, frame.shape)
                say(f"real {file}, {name}: CPU", seconds, "s", "<= 2", seconds <= 2)
                say(f"real {file}, {name}: area black", 100 * report["area"], "%")
                for left, top, right, bottom in lines:
                    ink = frame[top:bottom, left:right] > LIT
                    total += 1
                    covered += float(mask[top:bottom, left:right][ink].mean()) >= COVERED
        say(
            f"real ultrasounds, {name}: lines covered of {total}",
            100 * covered / total,
            "%",
            ">= 99",
            covered >= 0.99 * total,
        )


def clip(frames: int, seed: int = 3) -> tuple[Planted, list[np.ndarray[Any, Any]], Planted]:
    """A moving ultrasound with static text, and one more line in a single frame; that frame's own key is last."""
    rng = np.random.default_rng(seed)
    shape, moving = (480, 640), []
    canvas, taken = np.zeros((*shape, 1)), np.zeros(shape, bool)
    taken[100:420, 80:560] = True
    planted = Planted("US", np.zeros(shape, np.uint8))
    while len(planted.lines) < 6:
        line = pixels_set.plant(rng, canvas, taken, str(rng.choice(["high", "mid"])))
        planted.lines += [line] if line else []
    overlay = canvas[..., 0]
    base = pixels_set.ultrasound(np.random.default_rng(seed), (320, 480))
    for number in range(frames):
        grain = np.random.default_rng([seed, number]).rayleigh(1, base.shape)
        beat = np.roll(base, round(6 * np.sin(number / 5)), 0)
        frame = overlay.copy()
        frame[100:420, 80:560] = np.clip(beat * (0.6 + 0.4 * cv2.GaussianBlur(grain, (0, 0), 1)), 0, 255)
        moving.append(np.round(np.clip(frame, 0, 255)).astype(np.uint8))
    late = Planted("US", moving[frames // 2 + 1])
    spot, room = late.pixels[..., None].astype(float), np.ones(shape, bool)
    room[130:400, 120:520] = False
    line = None
    while line is None:
        line = pixels_set.plant(rng, spot, room, "high")
    late.lines.append(line)
    moving[frames // 2 + 1] = np.round(np.clip(spot[..., 0], 0, 255)).astype(np.uint8)
    planted.pixels = moving[0]
    return planted, moving, late


def cine(frames: int) -> None:
    """Cost and coverage of a clip against its single frames."""
    planted, moving, late = clip(frames)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        started = time.process_time()
        report = clean_pixels(dicom(planted, folder / "clip.dcm", moving), RULES, folder).report
        whole = time.process_time() - started
        started = time.process_time()
        for number in range(0, frames, frames // 4):
            one = Planted("US", moving[number])
            clean_pixels(dicom(one, folder / "one.dcm"), RULES, folder)
        single = (time.process_time() - started) / len(range(0, frames, frames // 4))
    good = 0
    for number in range(frames):
        mask = filled(report, planted.pixels.shape, number).ravel()
        lines = planted.lines + (late.lines if number == frames // 2 + 1 else [])
        good += all(mask[line.ink].mean() >= COVERED for line in lines)
    ratio = whole / (frames * single)
    say(f"cine of {frames} frames 480x640: CPU", whole, "s")
    say(f"cine of {frames} frames: CPU over frames x single", ratio, "", "<= 0.2", ratio <= 0.2)
    say(
        f"cine of {frames} frames: frames with all text covered",
        100 * good / frames,
        "%",
        "100",
        good == frames,
    )
    say(f"cine of {frames} frames: area black", 100 * report["area"], "%")


def large(megabytes: int) -> None:
    """Peak memory over that of a small object, on a large clip, in a process of its own."""
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from deid.pixels import PixelRules, clean_pixels\n"
        "clean_pixels(Path(sys.argv[1]), PixelRules.from_table({'pictures': False}), Path(sys.argv[2]))\n"
        # not ru_maxrss, which a process inherits from the one that started it
        "peak = [line for line in Path('/proc/self/status').read_text().splitlines() if line.startswith('VmHWM')]\n"
        "print(int(peak[0].split()[1]) / 1024)\n"
    )
    planted, moving, _ = clip(8)
    with tempfile.TemporaryDirectory() as name:
        path = dicom(
            planted, Path(name) / "clip.dcm", moving * max(1, megabytes * 1000 * 1000 // (8 * moving[0].size))
        )
        size = path.stat().st_size / 1e6
        command = [sys.executable, "-c", code, str(path), name]
        out = subprocess.run(command, capture_output=True, check=True, text=True, cwd=HERE.parent)
    say(f"clip of {size:.0f} MB: peak RSS", float(out.stdout), "MB", "<= 200", float(out.stdout) <= 200)


def main() -> None:
    """Everything, or parts of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=301, help="pictures in each generated set")
    parser.add_argument("--seed", type=int, default=1, help="set that the thresholds were chosen with")
    parser.add_argument("--held-out", type=int, default=20261126, help="seed of the set that decides")
    parser.add_argument("--tuning", action="store_true", help="run the set of --seed, too")
    parser.add_argument("--odd", type=int, default=190, help="pictures in the odd set; 0: none")
    parser.add_argument("--fonts", default="", help="folder of more fonts for the odd set")
    parser.add_argument("--peers", type=int, default=70, help="pictures for the peers; 0: no peers")
    parser.add_argument("--frames", type=int, default=60, help="frames of the clip")
    parser.add_argument("--megabytes", type=int, default=0, help="size of a large clip; 0: none")
    chosen = parser.parse_args()
    ours_on("held-out set", chosen.count, chosen.held_out)
    if chosen.tuning:
        ours_on("tuning set", chosen.count, chosen.seed)
    if chosen.odd:
        odd(chosen.odd, chosen.held_out, chosen.fonts)
    free_of_text()
    real()
    cine(chosen.frames)
    if chosen.megabytes:
        large(chosen.megabytes)
    if chosen.peers:
        peers(chosen.peers, chosen.held_out)


if __name__ == "__main__":
    main()
