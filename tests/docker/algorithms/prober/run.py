"""Tries what a model must not be able to do, and reports what happened."""

import contextlib
import json
import os
import socket
from pathlib import Path

OUTPUT = Path(os.environ.get("RADFLOW_OUTPUT", "/output"))
INPUT = Path(os.environ.get("RADFLOW_INPUT", "/input"))


def reaches_network() -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection(("1.1.1.1", 53), timeout=2).close()
        return True
    return [path.name for path in Path("/sys/class/net").iterdir()] != ["lo"]


def writes(path: str) -> bool:
    with contextlib.suppress(OSError):
        Path(path).write_text("x")
        Path(path).unlink()
        return True
    return False


status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
report = {
    "network": reaches_network(),
    "root": {path: writes(path) for path in ("/probe", "/etc/probe", "/usr/probe", str(INPUT / "probe"))},
    "tmp": writes(f"{os.environ.get('TMPDIR', '/tmp')}/probe"),
    "uid": os.getuid(),
    "capabilities": status["CapEff"].strip(),
    "no_new_privileges": status["NoNewPrivs"].strip(),
    "environment": dict(os.environ),
}
(OUTPUT / "report.json").write_text(json.dumps(report))
