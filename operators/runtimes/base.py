"""Where a model container runs: one small interface, so that the operators above it know no engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

STDERR_LINE_LIMIT = 300
"""Characters of a model's last error line that are kept."""


class JobState(StrEnum):
    """What a job is doing, in any engine's words."""

    ACTIVE = "active"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class ContainerSpec:
    """One run of one algorithm on one case.

    Attributes:
        image: image reference; what an engine starts, and only recorded by the process runtime.
        input_dir: mounted read-only at ``/input``.
        output_dir: mounted at ``/output``.
        model_dir: weights, mounted read-only at ``/opt/ml/model``; None for none.
        source_dir: the algorithm's folder, for the process runtime.
        entry_point: script below ``source_dir``.
        source_digest: digest of the source, for the record of the process runtime.
        python_path: folders that the script imports from, for the process runtime.
        memory_mb: hard limit, MiB; no swap.
        cpus: hard limit, cores.
        gpus: whole devices.
        time_limit_s: seconds from start to end.
        pids: processes and threads.
        file_mb: size of the largest file that may be written, MiB.
        tmp_mb: size of ``/tmp``, MiB.
        env: what the algorithm may know; never a secret of the platform.
        labels: how the platform finds the job again, e.g. ``airflow.dag_id``.
    """

    image: str
    input_dir: Path
    output_dir: Path
    model_dir: Path | None = None
    source_dir: Path | None = None
    entry_point: str = "run.py"
    source_digest: str = ""
    python_path: tuple[Path, ...] = ()
    memory_mb: int = 2048
    cpus: float = 1.0
    gpus: int = 0
    time_limit_s: float = 3600.0
    pids: int = 256
    file_mb: int = 4096
    tmp_mb: int = 512
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RunRecord:
    """What the runner, not the algorithm, says about a finished job.

    Attributes:
        runtime: ``docker`` or ``process``.
        digest: image id, or source digest in the process runtime.
        state: SUCCEEDED or FAILED (UNKNOWN where the job vanished).
        exit_code: of the entry point; None where it never started or vanished.
        out_of_memory: ended by the memory limit.
        timed_out: ended by the time limit.
        duration_s: seconds of the entry point, start-up of Python included.
        peak_memory_mb: largest resident memory seen, MiB; None where it was too brief to see.
        last_error_line: last line of standard error, shortened.
    """

    runtime: str
    digest: str
    state: JobState
    exit_code: int | None
    out_of_memory: bool = False
    timed_out: bool = False
    duration_s: float = 0.0
    peak_memory_mb: float | None = None
    last_error_line: str = ""


class Runtime(Protocol):
    """What an engine must offer. A handle is a string that another process can use, too."""

    name: str

    def digest(self, spec: ContainerSpec) -> str:
        """What exactly would run; part of the fingerprint of a result."""
        ...

    def submit(self, spec: ContainerSpec) -> str:
        """Start the job and return its handle."""
        ...

    def state(self, handle: str) -> JobState:
        """What the job is doing; ends a job that is over its time limit."""
        ...

    def find(self, labels: Mapping[str, str]) -> list[str]:
        """Handles of all jobs, running or not, that carry these labels."""
        ...

    def follow_logs(self, handle: str) -> Iterator[str]:
        """Lines of standard output and error, from the first one until the job ends."""
        ...

    def result(self, handle: str) -> RunRecord:
        """The record of a job that has ended."""
        ...

    def cancel(self, handle: str) -> None:
        """End the job at once; a no-op where it has ended."""
        ...

    def remove(self, handle: str) -> None:
        """Forget the job and free what it holds; a no-op where it is gone."""
        ...


def last_line(text: str) -> str:
    """The last line with anything on it, shortened to what a person reads."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:STDERR_LINE_LIMIT] if lines else ""
