"""Runs the stand-in: ``python -m scripts.standins.idc --root FOLDER --index FILE --port 8490``."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

if not __package__:  # started as a file or folder: make the repository importable
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from scripts.standins.idc.holdings import write_index
from scripts.standins.idc.server import KINDS, IdcStandIn


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM."""
    known = "\n".join(f"  {kind:20} {what}" for kind, what in KINDS.items())
    parser = argparse.ArgumentParser(
        prog="python -m scripts.standins.idc",
        description="A stand-in for the public buckets of the Imaging Data Commons.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"faults, for --fault:\n{known}",
    )
    parser.add_argument(
        "--root", type=Path, required=True, help="folder of DICOM series, with collection.json"
    )
    parser.add_argument("--index", type=Path, help="write the index here; it is served at /index/ as well")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=8490, help="port (default %(default)s; 0: any)")
    parser.add_argument("--fault", action="append", default=[], choices=KINDS, help="plan a fault, once")
    parser.add_argument(
        "--rate", type=float, default=0, help="bytes per second of each connection (default: no limit)"
    )
    args = parser.parse_args(argv)
    if not args.root.is_dir():
        parser.error(
            f"{args.root} is not a folder. Make the demo's images first: python -m scripts.demo_images"
        )
    stand_in = IdcStandIn(args.root, host=args.host, port=args.port, rate=args.rate)
    if args.index:
        write_index(stand_in.holdings, args.index)
    for kind in args.fault:
        stand_in.fault(kind)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(f"{len(stand_in.holdings.series)} series at {stand_in.url}", flush=True)
    try:
        stand_in.serve_forever()
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
