"""Parent of one model process: sets its limits, watches memory and time, and writes down how it ended.

Run as ``python -I -S _supervise.py JOB_FOLDER``; standard library only. It outlives the Airflow task that
started it, so that a retry on the same machine can read ``status.json`` or wait for it.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_LOOK_EVERY_S = 0.05
_PAGE_MB = resource.getpagesize() / 2**20
_MB = 2**20
_ADDRESS_SLACK_MB = 2048
_LIBC = ctypes.CDLL(None)  # loaded before the fork: loading in the child could deadlock
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38


def main(folder: Path) -> None:
    """Run the job described in ``job.json`` and leave ``status.json``."""
    job = json.loads((folder / "job.json").read_text())
    started, clock = time.time(), time.monotonic()
    own = {"pid": os.getpid(), "pid_started": start_time(os.getpid()), "started": started}
    _write(folder / "status.json", {"state": "active", **own})
    with (folder / "stdout").open("ab") as out, (folder / "stderr").open("ab") as err:
        process = subprocess.Popen(
            job["command"],
            cwd=folder / "tmp",
            env=job["env"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
            preexec_fn=lambda: _limit(job),
        )
    signal.signal(signal.SIGTERM, lambda *_: _kill(process.pid))
    peak, ended_by = 0.0, ""
    while process.poll() is None:
        memory = _memory_mb(process.pid)
        peak = max(peak, memory)
        if memory > job["memory_mb"]:
            ended_by = "memory"
        elif time.monotonic() - clock > job["time_limit_s"]:
            ended_by = "time"
        if ended_by:
            _kill(process.pid)
            process.wait()
        else:
            time.sleep(_LOOK_EVERY_S)
    _kill(process.pid)  # children that the entry point left behind
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    code = process.returncode
    _write(
        folder / "status.json",
        {
            "state": "ended",
            **own,
            "exit_code": code if code >= 0 else 128 - code,
            "ended_by": ended_by,
            "duration_s": round(time.monotonic() - clock, 3),
            "peak_memory_mb": round(max(peak, usage.ru_maxrss / 1024), 1),
        },
    )


def _limit(job: dict[str, Any]) -> None:
    """In the child, before the model: limits that the kernel keeps even between two looks."""
    limits = {
        resource.RLIMIT_AS: (job["memory_mb"] + _ADDRESS_SLACK_MB) * _MB,
        resource.RLIMIT_FSIZE: job["file_mb"] * _MB,
        resource.RLIMIT_CPU: int(job["time_limit_s"] * max(job["cpus"], 1)) + 5,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 1024,
    }
    for kind, limit in limits.items():
        hard = resource.getrlimit(kind)[1]
        limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (limit, limit))
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # no supervisor, no limits: the model ends with it
    _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    os.umask(0o022)


def start_time(pid: int) -> str:
    """Kernel start time of a process in ticks; empty where it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def _memory_mb(session: int) -> float:
    """Resident memory of all processes of the model's session."""
    pages = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:  # it ended while we looked
            continue
        if int(fields[3]) == session:
            pages += int(fields[21])
    return pages * _PAGE_MB


def _kill(session: int) -> None:
    try:
        os.killpg(session, signal.SIGKILL)
    except ProcessLookupError:
        return


def _write(path: Path, value: dict[str, Any]) -> None:
    """Write by rename, so that a reader never sees half a file."""
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(value))
    temporary.replace(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
