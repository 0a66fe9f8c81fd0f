"""Fuzz de-identification for as long as you like: ``python tests/fuzz/fuzz_deid.py --seconds 3600 --seed 7``.

Two things are tried in turn, from a seed that is printed with every finding:

* random data sets, valid and damaged: the compiled walks must do what the Python walks do, byte for byte;
* files with bytes flipped, cut, put in or swapped: an output that another program can read, or quarantine with
  a code; nothing else, no other exception, nothing left behind.

The suite runs it for a bounded time (``tests/deid/test_fuzz.py``). With ``--library`` another build of the
compiled walker is loaded, e.g. one made with ``-fsanitize=address,undefined``.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import logging
import sys
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[2]))

import pydicom

from deid import Policy, Pseudonyms, QuarantineError, deidentify_series, load_policy, plans
from deid.exceptions import QUARANTINE
from deid.handlers import Scope
from deid.rules import RuleTable
from deid.structure import Scan, StructureError
from deid.text import TextCleaner
from tests.support.dicom_bytes import data_set, mutated

CT = "1.2.840.10008.5.1.4.1.1.2"
PSEUDONYMS = Pseudonyms(bytes(range(32)), "fuzz")
KINDS = ("images", "reports", "presentations", "segmentations", "radiotherapy", "waveforms", "registrations")


class Finding(Exception):
    """Something that must not happen."""


def policies() -> list[Policy]:
    """Basic, and every option that has to do with headers."""
    research = load_policy("research")
    options = research.options | {"clean_descriptors", "clean_structured_content", "clean_graphics"}
    accept = frozenset(KINDS)
    everything = replace(research, options=options, private="tcia", accept=accept)
    return [load_policy("basic"), everything]


def _outcome(call, *args, **kwargs):  # type: ignore[no-untyped-def]
    try:
        return call(*args, **kwargs)
    except StructureError as error:
        return error.code


def walkers(seed: int, policy: Policy) -> None:
    """Compare the compiled walks with the Python walks on one random data set."""
    chance = Random(seed)
    implicit = chance.random() < 0.5
    data = data_set(chance, implicit=implicit, damage=chance.choice([0, 0, 0.01, 0.05, 0.2]))
    if chance.random() < 0.4:
        data = mutated(chance, data)
    scans = [
        _outcome(plans.scan, data, 0, implicit=implicit, complete=True, pure=pure) for pure in (True, False)
    ]
    stop = scans[0].stop if isinstance(scans[0], Scan) else len(data)
    made = []
    for pure in (True, False):
        cleaner = TextCleaner([("name", "Quimbly^Archibald"), ("id", "MRN-0012345")], days=-400)
        scope = Scope(PSEUDONYMS, "RF-7K3M9Q2XTB", "MRN-0012345", "", -400, cleaner)
        plan = plans.Planner(policy, RuleTable(policy, CT), scope).plan(pure=pure)
        walked = _outcome(plan.walk, data, 0, stop, implicit, [(0x00120062, b"")])
        made.append((walked, plan.counts() if isinstance(walked, bytes) else None))
    same = made[0] == made[1] or (
        isinstance(scans[0], str) and isinstance(made[0][0], str) and isinstance(made[1][0], str)
    )
    if scans[0] != scans[1] or not same:
        message = "the walkers differ"
        raise Finding(message)


def file(seed: int, policy: Policy, bases: list[bytes], folder: Path) -> str:
    """Damage one file; returns what became of it."""
    chance = Random(seed)
    raw = mutated(chance, chance.choice(bases), first=chance.choice([0, 128, 132, 132, 132]))
    path, codes = folder / "in.dcm", []
    path.write_bytes(raw)
    for pure in (True, False):
        out = folder / f"{seed}-{pure}"
        try:
            codes.append(str(deidentify_series([path], out, policy, PSEUDONYMS, pure=pure).manifest))
        except QuarantineError as error:
            codes.append(error.code)
            if error.code not in QUARANTINE or out.exists():
                message = f"quarantine {error.code} with an output, or without a reason"
                raise Finding(message) from error
            continue
        (made,) = out.iterdir()
        found = pydicom.dcmread(io.BytesIO(made.read_bytes()))
        for element in found.iterall():
            str(element.VR)
        made.unlink()
        out.rmdir()
    if codes[0] != codes[1] or list(folder.glob(".*partial*")):
        message = f"pure and compiled differ: {codes}, or something was left behind"
        raise Finding(message)
    return codes[0] if codes[0] in QUARANTINE else "output"


def base_files() -> list[bytes]:
    """Files to damage: small ones of pydicom that have an identity."""
    from pydicom.data import get_testdata_file

    names = ("CT_small.dcm", "MR_small.dcm", "MR_small_RLE.dcm", "rtplan.dcm", "rtdose_1frame.dcm", "JPEG2000.dcm",
             "MR_small_bigendian.dcm", "chrH32.dcm", "test-SR.dcm", "liver_1frame.dcm", "waveform_ecg.dcm")  # fmt: skip
    found = []
    for name in names:
        path = get_testdata_file(name, download=False)
        ds = pydicom.dcmread(str(path)) if path else None
        if ds is None or Path(str(path)).stat().st_size > 200_000:
            continue
        for tag, vr, value in (
            (0x00100020, "LO", "MRN-0012345"),
            (0x0020000D, "UI", "1.2.3"),
            (0x0020000E, "UI", "1.2.4"),
        ):
            if not ds.get(tag) or not ds[tag].value:
                ds.add_new(tag, vr, value)
        stream = io.BytesIO()
        ds.save_as(stream)
        found.append(stream.getvalue())
    return found


def run(seconds: float, seed: int) -> dict[str, int]:
    """Fuzz for so many seconds of processor time.

    Returns:
        outcome -> how often.

    Raises:
        Finding: with the seed that shows it again.
    """
    warnings.simplefilter(
        "ignore"
    )  # of pydicom, which reads the outputs and reports on the damaged text in them
    logging.disable(logging.CRITICAL)
    bases, kinds, counts = base_files(), policies(), {"walkers agree": 0}
    begin = time.process_time()
    try:
        with tempfile.TemporaryDirectory() as folder:
            while time.process_time() - begin < seconds:
                policy = kinds[seed % len(kinds)]
                try:
                    for step in range(10):
                        walkers(seed * 10 + step, policy)
                    what = file(seed, policy, bases, Path(folder))
                except Exception as error:
                    message = f"seed {seed}: {type(error).__name__}: {error}"
                    raise Finding(message) from error
                counts["walkers agree"] += 10
                counts[what] = counts.get(what, 0) + 1
                seed += 1
    finally:
        logging.disable(logging.NOTSET)
    return counts


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description="Fuzz de-identification.")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--library", type=Path)
    given = parser.parse_args()
    if given.library:
        spec = importlib.util.spec_from_file_location("deid._walker", given.library)
        if spec is None or spec.loader is None:
            parser.error("the library cannot be loaded")
        plans.compiled = importlib.util.module_from_spec(spec)  # type: ignore[attr-defined]
        spec.loader.exec_module(plans.compiled)
        plans._scanner = plans.compiled.Scanner(plans.facts)
    for what, count in sorted(run(given.seconds, given.seed).items()):
        print(f"{count:9} {what}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
