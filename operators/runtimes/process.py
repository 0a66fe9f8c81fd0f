"""The process runtime: the same entry point in a subprocess, for machines without a container engine.

It bounds memory, time, file size and what the model can know (a clean environment, its own folders), but it
is no sandbox: the model runs as the platform's user and could open the network. Its record says ``process``.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from operators.runtimes._supervise import start_time
from operators.runtimes.base import ContainerSpec, JobState, RunRecord, last_line
from research.algorithms import source_digest
from research.errors import AlgorithmError

_SUPERVISOR = Path(__file__).with_name("_supervise.py")
_START_GRACE_S = 20.0
_CANCEL_GRACE_S = 3.0
_LOOK_EVERY_S = 0.1


class ProcessRuntime:
    """Jobs as supervised processes of this machine; a handle is the job's folder.

    Args:
        jobs_dir: where job folders lie; the same for all workers of one machine.
        python: interpreter for the models; it needs numpy, scipy and SimpleITK.
    """

    name = "process"

    def __init__(self, jobs_dir: Path | None = None, python: str | None = None) -> None:
        self.jobs_dir = jobs_dir or Path(tempfile.gettempdir()) / f"radflow-jobs-{os.getuid()}"
        self.python = python or sys.executable

    def digest(self, spec: ContainerSpec) -> str:
        """The source digest: there is no image."""
        return spec.source_digest or source_digest(_source(spec), *spec.python_path)

    def submit(self, spec: ContainerSpec) -> str:
        """Start the supervisor, which starts the model.

        Raises:
            AlgorithmError: the algorithm is an image without source, or needs a GPU share.
        """
        source = _source(spec)
        self.jobs_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.jobs_dir.stat().st_uid != os.getuid():
            reason = f"{self.jobs_dir} belongs to another user."
            raise AlgorithmError(reason, "Choose another jobs_dir for the process runtime.")
        folder = self.jobs_dir / uuid.uuid4().hex
        (folder / "tmp").mkdir(parents=True)
        job = {
            "command": [self.python, "-s", "-B", str((source / spec.entry_point).resolve())],
            "env": self._environment(spec, folder),
            "labels": dict(spec.labels),
            "digest": self.digest(spec),
            "memory_mb": spec.memory_mb,
            "cpus": spec.cpus,
            "time_limit_s": spec.time_limit_s,
            "file_mb": spec.file_mb,
        }
        part = folder / "job.part"
        part.write_text(json.dumps(job))
        part.replace(folder / "job.json")
        with (folder / "supervisor.log").open("wb") as log:
            _children[str(folder)] = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_SUPERVISOR), str(folder)],
                env={"PATH": os.defpath},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return str(folder)

    def state(self, handle: str) -> JobState:
        """Read what the supervisor wrote; a supervisor that died without a word is a failed job."""
        status = self._status(handle)
        if status.get("state") == "active" and not _alive(handle, status):
            # It may have written its last word between our two looks.
            status = {"state": "ended", "exit_code": None, **self._status(handle)}
            status["state"] = "ended"
        if not status:
            return JobState.UNKNOWN
        if status["state"] == "active":
            return JobState.ACTIVE
        return JobState.SUCCEEDED if status["exit_code"] == 0 else JobState.FAILED

    def find(self, labels: Mapping[str, str]) -> list[str]:
        """Job folders on this machine with these labels."""
        found = []
        for path in sorted(self.jobs_dir.glob("*/job.json")):
            own = json.loads(path.read_text())["labels"]
            if all(own.get(key) == value for key, value in labels.items()):
                found.append(str(path.parent))
        return found

    def follow_logs(self, handle: str) -> Iterator[str]:
        """Lines as they come, output before error within one look."""
        streams = [
            (Path(handle) / name).open(errors="replace")
            for name in ("stdout", "stderr")
            if _made(handle, name)
        ]
        try:
            while True:
                active = self.state(handle) is JobState.ACTIVE
                for stream in streams:
                    yield from (line.rstrip("\n") for line in stream)
                if not active:
                    return
                time.sleep(_LOOK_EVERY_S)
        finally:
            for stream in streams:
                stream.close()

    def result(self, handle: str) -> RunRecord:
        """The supervisor's figures; a lost supervisor gives exit code None."""
        folder = Path(handle)
        state, status = self.state(handle), self._status(handle)
        errors = folder / "stderr"
        line = last_line(_tail(errors)) if errors.exists() else ""
        ended_by = status.get("ended_by", "")
        return RunRecord(
            runtime=self.name,
            digest=json.loads((folder / "job.json").read_text())["digest"] if folder.exists() else "",
            state=state,
            exit_code=status.get("exit_code"),
            out_of_memory=ended_by == "memory"
            or line.startswith(("MemoryError", "numpy._core._exceptions._ArrayMemory")),
            timed_out=ended_by == "time",
            duration_s=status.get("duration_s", 0.0),
            peak_memory_mb=status.get("peak_memory_mb"),
            last_error_line=line,
        )

    def cancel(self, handle: str) -> None:
        """End the model; its supervisor then writes the status and ends, too."""
        deadline = time.monotonic() + _CANCEL_GRACE_S
        while self.state(handle) is JobState.ACTIVE and time.monotonic() < deadline:
            status = self._status(handle)
            if "pid" in status and start_time(status["pid"]) == status["pid_started"]:
                os.kill(status["pid"], signal.SIGTERM)
            time.sleep(0.02)

    def remove(self, handle: str) -> None:
        """End the job where it still runs, and remove its folder."""
        self.cancel(handle)
        shutil.rmtree(handle, ignore_errors=True)
        supervisor = _children.pop(handle, None)
        if supervisor is not None:
            supervisor.wait()

    def _environment(self, spec: ContainerSpec, folder: Path) -> dict[str, str]:
        """Everything the model may know: nothing of the platform's environment, hence none of its secrets."""
        threads = str(max(1, round(spec.cpus)))
        own = {
            "PATH": os.defpath,
            "LANG": "C.UTF-8",
            "HOME": str(folder / "tmp"),
            "TMPDIR": str(folder / "tmp"),
            "PYTHONPATH": os.pathsep.join(str(path.resolve().parent) for path in spec.python_path),
            "PYTHONUNBUFFERED": "1",
            "RADFLOW_INPUT": str(spec.input_dir.resolve()),
            "RADFLOW_OUTPUT": str(spec.output_dir.resolve()),
            "RADFLOW_MODEL": str(spec.model_dir.resolve()) if spec.model_dir else "",
        }
        limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), threads)
        return {**own, **limits, **spec.env}

    def _status(self, handle: str) -> dict[str, Any]:
        """What the supervisor last wrote; empty where the job is gone or never came up."""
        path, job = Path(handle) / "status.json", Path(handle) / "job.json"
        if path.exists():
            status: dict[str, Any] = json.loads(path.read_text())
            return status
        coming_up = job.exists() and time.time() - job.stat().st_mtime < _START_GRACE_S
        return {"state": "active"} if coming_up else {}


_children: dict[str, subprocess.Popen[bytes]] = {}
"""Supervisors that this very process started, to be waited for."""


def _alive(handle: str, status: Mapping[str, Any]) -> bool:
    """Whether the supervisor lives: same pid and same start time, since pids are used again."""
    supervisor = _children.get(handle)
    if supervisor is not None and supervisor.poll() is not None:
        return False
    return "pid" not in status or start_time(status["pid"]) == status["pid_started"]


def _made(handle: str, name: str) -> bool:
    """Wait for the supervisor to open its log; False where it never will."""
    path = Path(handle) / name
    deadline = time.monotonic() + _START_GRACE_S
    while not path.exists() and Path(handle).exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return path.exists()


def _source(spec: ContainerSpec) -> Path:
    if spec.source_dir is None:
        reason = f"{spec.image} is only an image; the process runtime needs its source folder."
        raise AlgorithmError(reason, "Run it with the docker runtime, or register its folder.")
    if spec.gpus:
        reason = f"{spec.image} asks for {spec.gpus} GPU; the process runtime cannot share out devices."
        raise AlgorithmError(reason, "Run it with the docker runtime.")
    return spec.source_dir


def _tail(path: Path, size: int = 8192) -> str:
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - size))
        return stream.read().decode(errors="replace")
