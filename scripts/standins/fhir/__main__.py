"""``python -m scripts.standins.fhir FOLDER [--port 8490] [--auth none]``: serve a folder of FHIR NDJSON."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from scripts.standins.fhir import FhirStandIn


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="A stand-in for a FHIR R4 server.")
    parser.add_argument("folder", type=Path, help="folder of NDJSON files")
    parser.add_argument("--port", type=int, default=8490)
    parser.add_argument("--auth", choices=["none", "basic", "bearer", "client_credentials"], default="none")
    options = parser.parse_args()
    if not list(options.folder.glob("*.ndjson")):
        print(f"No *.ndjson in {options.folder}.", file=sys.stderr)
        return 2
    with FhirStandIn.of(options.folder, port=options.port, auth=options.auth) as server:
        print(f"{len(server.resources)} resources at {server.url}", flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            return 0


if __name__ == "__main__":
    sys.exit(main())
