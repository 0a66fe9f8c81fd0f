"""Runs the stand-in: ``python -m scripts.standins.nbia --root FOLDER --port 8480``."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

if not __package__:  # started as a file or folder: make the repository importable
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from scripts.standins.nbia.faults import KINDS
from scripts.standins.nbia.server import API, NbiaStandIn


def parse_fault(text: str) -> dict[str, object]:
    """Read KIND[@SERIES][xCOUNT]: ``cut``, ``500x2``, ``stall@#3`` (the third series), ``cut@1.2.3x4``."""
    kind, _, rest = text.partition("@")
    head, times, count = (rest or kind).rpartition("x")
    fault: dict[str, object] = {"kind": kind, "series": rest or "*"}
    if times and count.isdigit():
        fault["series" if rest else "kind"] = head
        fault["count"] = int(count)
    if fault["kind"] not in KINDS:
        msg = f"unknown fault {fault['kind']!r}; known: {', '.join(KINDS)}"
        raise argparse.ArgumentTypeError(msg)
    return fault


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM."""
    known = "\n".join(f"  {kind:20} {what}" for kind, what in KINDS.items())
    parser = argparse.ArgumentParser(
        prog="python -m scripts.standins.nbia",
        description="A stand-in for the NBIA v4 server of The Cancer Imaging Archive.",
        epilog=f"faults:\n{known}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--root", type=Path, required=True, help="folder of DICOM series, with collection.json"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument(
        "--port", type=int, default=8480, help="port to listen on (default %(default)s; 0: any)"
    )
    parser.add_argument("--log", type=Path, help="append one JSON line per request to this file")
    parser.add_argument("--control", action="store_true", help="let other processes plan faults at /faults")
    parser.add_argument(
        "--fault",
        type=parse_fault,
        action="append",
        default=[],
        metavar="KIND[@SERIES][xCOUNT]",
        help="plan a fault; SERIES is a UID or #1, #2, ... in the order of the index (default: any series)",
    )
    parser.add_argument(
        "--rate", type=float, default=0, help="bytes per second of each download (default: no limit)"
    )
    args = parser.parse_args(argv)
    if not args.root.is_dir():
        parser.error(
            f"{args.root} is not a folder. Make the demo's images first: python -m scripts.demo_images"
        )
    stand_in = NbiaStandIn(
        args.root, host=args.host, port=args.port, log=args.log, control=args.control, rate=args.rate
    )
    uids = list(stand_in.index.series)
    if not uids:
        parser.error(
            f"{args.root} holds no DICOM series. Make the demo's images first: python -m scripts.demo_images"
        )
    for fault in args.fault:
        series = str(fault["series"])
        if series.startswith("#"):
            fault["series"] = uids[int(series[1:]) - 1]
        stand_in.fault(**fault)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(f"{len(uids)} series at {stand_in.url}{API}", flush=True)
    try:
        stand_in.serve_forever()
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
