"""Faces removed and brains kept, on real and simulated heads, beside the usual recipes in the same run.

    python bench/faces.py [--subjects 3] [--peers | --no-peers]

Prints JSON lines. Heads: Colin27 (Debian mricron-data), a head CT (Debian invesalius-examples), pydeface's average head,
and subjects warped out of them (``bench/face_heads.py``); data are fetched by the ordinary package clients into
.radflow-bench and reported as absent where that fails.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
# bench/deid.py must not come before the package of that name.
sys.path[:] = [str(HERE.parent), *(place for place in sys.path if Path(place).resolve() != HERE)]

import numpy as np
from scipy import ndimage

from bench import face_heads
from bench.face_dicom import read_series, write_series
from bench.face_peers import PEERS
from deid.exceptions import QuarantineError
from deid.faces import FaceRules, clean_faces

FACE_GOAL, BRAIN_GOAL, SECONDS_GOAL = 0.99, 1.0, 60.0
CHANCE = 0.5  # of the skin's level: darker voxels of the shell are air between tissue


def say(name: str, value: Any, unit: str, goal: float | None = None, met: bool | None = None) -> None:
    """One result."""
    value = round(value, 6) if isinstance(value, float) else value
    print(json.dumps({"name": name, "value": value, "unit": unit, "goal": goal, "met": met}), flush=True)


def score(name: str, head: face_heads.Head, changed: np.ndarray, *, ours: bool) -> None:
    """Shares of the face shell that changed and of the brain that did not."""
    limit = -700.0 if head.modality == "CT" else CHANCE * head.skin
    face = float(changed[head.face & (head.values > limit)].mean())
    brain = float(1 - changed[head.brain].mean())
    near = ndimage.distance_transform_edt(~head.brain, sampling=head.spacing) <= 5.0
    goals: tuple[float | None, float | None] = (FACE_GOAL, BRAIN_GOAL) if ours else (None, None)
    say(f"{name}/face_removed", face, "share", goals[0], face >= FACE_GOAL if ours else None)
    for other, mask in head.others.items():
        share = float(changed[mask & (head.values > limit)].mean())
        say(f"{name}/face_removed/{other}", share, "share", goals[0], share >= FACE_GOAL if ours else None)
    say(f"{name}/brain_kept", brain, "share", goals[1], brain == BRAIN_GOAL if ours else None)
    say(f"{name}/brain_5mm_kept", float(1 - changed[near].mean()), "share")


def judge(head: face_heads.Head, *, peers: bool) -> None:
    """Ours through DICOM, then the peers, on one head."""
    with tempfile.TemporaryDirectory() as folder:
        files = write_series(Path(folder) / "in", head.values, head.spacing, head.modality)
        scratch = Path(folder) / "scratch"
        scratch.mkdir()
        begin = time.process_time()
        try:
            outcome = clean_faces(files, FaceRules(), scratch)
        except QuarantineError as error:
            say(f"ours/{head.name}/face_removed", error.code, "quarantine", FACE_GOAL, False)
            return
        seconds = time.process_time() - begin
        if outcome.status != "defaced":
            say(f"ours/{head.name}/face_removed", outcome.status, "status", FACE_GOAL, False)
            return
        changed = read_series({}, files) != read_series(outcome.results, files)
    mask = PEERS["facemask"](head) if peers else None
    if mask is not None:  # what pydeface's own mask, laid upon this head by its recipe, calls face
        where = mask & ~head.brain & (head.values > (-700.0 if head.modality == "CT" else CHANCE * head.skin))
        share = float(changed[where].mean())
        say(f"ours/{head.name}/face_removed/pydeface_mask", share, "share", FACE_GOAL, share >= FACE_GOAL)
    score(f"ours/{head.name}", head, changed, ours=True)
    say(f"ours/{head.name}/cpu", seconds, "s", SECONDS_GOAL, seconds < SECONDS_GOAL)
    for name, peer in PEERS.items() if peers else ():
        begin = time.process_time()
        removed = peer(head)
        if removed is None:
            say(f"{name}/{head.name}", "absent", "status")
            continue
        score(f"{name}/{head.name}", head, removed, ours=False)
        say(f"{name}/{head.name}/cpu", time.process_time() - begin, "s")


def refuse(name: str, values: np.ndarray, modality: str) -> None:
    """A volume that shows no sure head must go to quarantine."""
    with tempfile.TemporaryDirectory() as folder:
        files = write_series(Path(folder) / "in", values, (3.0, 3.0, 3.0), modality)
        scratch = Path(folder) / "scratch"
        scratch.mkdir()
        try:
            status = clean_faces(files, FaceRules(), scratch).status
        except QuarantineError as error:
            status = error.code
    say(f"ours/{name}", status, "status", None, status.startswith("face-"))


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--subjects", type=int, default=3, help="simulated per real head")
    parser.add_argument("--peers", action=argparse.BooleanOptionalAction, default=True)
    arguments = parser.parse_args()
    for absent in face_heads.fetch():
        say(f"material/{absent}", "absent", "status")
    for make in (face_heads.colin, face_heads.cranium, face_heads.average):
        head = make()
        if head is None:
            continue
        judge(head, peers=arguments.peers)
        for seed in range(arguments.subjects):
            invert = head.modality == "MR" and seed % 3 == 2
            judge(face_heads.simulate(head, seed, invert=invert), peers=arguments.peers)
    rng = np.random.default_rng(0)
    refuse("noise", np.abs(rng.normal(0, 300, (60, 70, 70))), "MR")
    z, y, x = np.meshgrid(*[np.arange(-105.0, 106, 3)] * 3, indexing="ij")
    ball = (z / 85) ** 2 + (y / 95) ** 2 + (x / 75) ** 2 < 1
    refuse("phantom", np.where(ball, 20.0, -1000.0) + rng.normal(0, 10, ball.shape), "CT")


if __name__ == "__main__":
    main()
