"""Runs ``python -m scripts.demo_images``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

if not __package__:  # started as a folder: make the repository importable
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.demo_images.build import build, real_cases, small_cases
from scripts.demo_images.source import SourceError, real_volumes
from scripts.demo_images.volumes import phantom


def main(argv: list[str] | None = None) -> int:
    """Make the images; exit status 1 with a sentence where the volumes cannot be had."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.demo_images",
        description="Make the demo's chest CT series, with invented identities and a known truth.",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to make (replaced if it differs)")
    parser.add_argument("--cache", type=Path, help="folder that keeps the download (default: beside --out)")
    parser.add_argument(
        "--slices", type=int, default=36, help="slices of a derived case (default %(default)s)"
    )
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1), help="processes")
    parser.add_argument("--small", action="store_true", help="a synthetic phantom of 96x96x24: no download")
    args = parser.parse_args(argv)
    started = time.monotonic()
    if args.slices < 8:
        parser.error("--slices must be 8 or more")
    try:
        if args.small:
            volumes, cases = [phantom()], small_cases()
        else:
            volumes, cases = real_volumes(args.cache or args.out.with_name("cache")), real_cases()
        root = build(args.out, volumes, cases, slices=args.slices, workers=1 if args.small else args.workers)
    except SourceError as error:
        print(error, file=sys.stderr)
        return 1
    size = sum(path.stat().st_size for path in root.rglob("*.dcm"))
    print(f"{len(cases)} cases, {size / 1e6:.0f} MB in {root} ({time.monotonic() - started:.1f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
