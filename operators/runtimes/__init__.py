"""Where model containers run: ``docker`` where an engine answers, ``process`` everywhere else."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from operators.runtimes.base import ContainerSpec, JobState, RunRecord, Runtime
from operators.runtimes.case import CaseRun, run_case
from operators.runtimes.docker import DockerRuntime, engine_answers
from operators.runtimes.process import ProcessRuntime
from operators.runtimes.record import StepRecord, read_record
from research.errors import SettingsError, StepError

__all__ = [
    "CaseRun",
    "ContainerSpec",
    "DockerRuntime",
    "JobState",
    "ProcessRuntime",
    "RunRecord",
    "Runtime",
    "RuntimeChoice",
    "StepRecord",
    "detect_runtime",
    "get_runtime",
    "read_record",
    "run_case",
]

RUNTIMES = ("docker", "process")


class RuntimeChoice(NamedTuple):
    """A runtime's name and the sentence that says why it was chosen."""

    name: str
    reason: str


def get_runtime(name: str, *, conn_id: str | None = None, jobs_dir: Path | None = None) -> Runtime:
    """The runtime ``docker`` or ``process``.

    Args:
        name: which one.
        conn_id: Airflow connection of the Docker engine; docker only.
        jobs_dir: folder of the jobs; process only.

    Raises:
        SettingsError: no such runtime.
    """
    if name == "docker":
        return DockerRuntime(conn_id)
    if name == "process":
        return ProcessRuntime(jobs_dir)
    reason = f"There is no runtime {name!r}."
    raise SettingsError(reason, f"Use one of {', '.join(RUNTIMES)}, or auto to let it be found.")


def detect_runtime(
    images: Iterable[str] = (), configured: str = "auto", *, conn_id: str | None = None
) -> RuntimeChoice:
    """Choose the runtime: what is configured, else docker where an engine answers and has all images.

    Args:
        images: references of the images that will be needed.
        configured: ``auto``, ``docker`` or ``process``.
        conn_id: Airflow connection of the Docker engine.

    Raises:
        SettingsError: ``configured`` is none of these.
    """
    if configured != "auto":
        get_runtime(configured)
        return RuntimeChoice(configured, f"The setting asks for the {configured} runtime.")
    if not engine_answers(conn_id):
        return RuntimeChoice("process", "No container engine answers, so the models run as plain processes.")
    runtime = DockerRuntime(conn_id)
    for image in images:
        try:
            runtime.digest(ContainerSpec(image, Path(), Path()))
        except StepError:
            reason = f"The container engine has no image {image}, so the models run as plain processes."
            return RuntimeChoice("process", reason)
    return RuntimeChoice("docker", "A container engine answers and has the images.")
