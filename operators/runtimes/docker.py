"""The docker runtime: one locked-down container per job.

No network, read-only root, no capabilities, no new privileges, not root, limits on memory (no swap), cores,
processes and file size, a small ``/tmp``, and three mounts: ``/input`` read-only, ``/output``,
``/opt/ml/model`` read-only. With a daemon on another machine these paths are that machine's.
"""

from __future__ import annotations

import logging
import os
import socket
import time
import weakref
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from operators.runtimes.base import ContainerSpec, JobState, RunRecord, last_line
from research.errors import StepError

_LABEL = "radflow.job"
_TIME_LIMIT_LABEL = "radflow.time-limit-s"
_NOBODY = "65534:65534"
_KILLED = 137
_TMP = "/tmp"  # noqa: S108 - inside the container, a tmpfs of its own
_TIMEOUT_S = 30
_ASK_ENGINE_EVERY_S = 3.0
_SOCKET = "unix:///var/run/docker.sock"
_LOG_LIMIT = {"max-size": "8m", "max-file": "2"}

log = logging.getLogger(__name__)


class DockerRuntime:
    """Jobs as containers of a Docker engine; a handle is the container's id.

    Args:
        conn_id: Airflow connection of type docker; without one the engine that the environment names
            (``DOCKER_HOST``), else the local socket.
        client: a ``docker.APIClient``, for tests.
    """

    name = "docker"

    def __init__(self, conn_id: str | None = None, client: Any = None) -> None:
        self.conn_id = conn_id
        self._peaks: dict[str, float] = {}
        self._asked: dict[str, float] = {}
        self._timed_out: set[str] = set()
        if client is not None:
            self.cli = client

    @cached_property
    def cli(self) -> Any:
        """The engine's low-level client."""
        if self.conn_id:
            from airflow.providers.docker.hooks.docker import DockerHook

            client = DockerHook(docker_conn_id=self.conn_id).api_client
        else:
            import docker

            sdk: Any = docker  # its names carry no types
            client = sdk.APIClient(**sdk.utils.kwargs_from_env(), timeout=_TIMEOUT_S)
        weakref.finalize(self, client.close)
        return client

    def digest(self, spec: ContainerSpec) -> str:
        """The image id (``sha256:`` of its configuration and, through it, of its layers).

        Raises:
            StepError: ``engine-error``: no engine, or no such image on it.
        """
        with _engine_errors(spec.image):
            return str(self.cli.inspect_image(spec.image)["Id"])

    def submit(self, spec: ContainerSpec) -> str:
        """Create and start the container.

        Raises:
            StepError: ``engine-error``.
        """
        import docker

        types: Any = docker.types  # its classes carry no types
        mounts = [
            types.Mount("/input", str(spec.input_dir.resolve()), "bind", read_only=True),
            types.Mount("/output", str(spec.output_dir.resolve()), "bind"),
        ]
        if spec.model_dir is not None:
            mounts.append(types.Mount("/opt/ml/model", str(spec.model_dir.resolve()), "bind", read_only=True))
        memory, file_size = spec.memory_mb * 2**20, spec.file_mb * 2**20
        gpus = [types.DeviceRequest(count=spec.gpus, capabilities=[["gpu"]])] if spec.gpus else None
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(max(1, round(spec.cpus))))
        with _engine_errors(spec.image):
            host_config = self.cli.create_host_config(
                mounts=mounts,
                network_mode="none",
                read_only=True,
                cap_drop=["ALL"],
                security_opt=["no-new-privileges:true"],
                init=True,  # so that SIGTERM reaches a model that is not made to be process 1
                pids_limit=spec.pids,
                nano_cpus=int(spec.cpus * 1e9),
                mem_limit=memory,
                memswap_limit=memory,
                shm_size=memory // 4,
                tmpfs={_TMP: f"rw,nosuid,nodev,size={spec.tmp_mb}m,mode=1777"},
                ulimits=[
                    types.Ulimit(name="fsize", soft=file_size, hard=file_size),
                    types.Ulimit(name="core", soft=0, hard=0),
                    types.Ulimit(name="nofile", soft=1024, hard=1024),
                ],
                log_config=types.LogConfig(type="json-file", config=_LOG_LIMIT),
                device_requests=gpus,
            )
            container = self.cli.create_container(
                spec.image,
                environment={"HOME": _TMP, **threads, **spec.env},
                user=_user(),
                labels={**spec.labels, _LABEL: "1", _TIME_LIMIT_LABEL: str(spec.time_limit_s)},
                host_config=host_config,
                network_disabled=True,
            )["Id"]
        try:
            with _engine_errors(spec.image):
                self.cli.start(container)
        except StepError:
            self.remove(container)
            raise
        return str(container)

    def state(self, handle: str) -> JobState:
        """Ask the engine; a container over its time limit is stopped here."""
        from docker.errors import NotFound

        try:
            with _engine_errors(handle[:12]):
                found = self.cli.inspect_container(handle)
        except StepError as error:
            if isinstance(error.__cause__, NotFound):
                return JobState.UNKNOWN
            raise
        state = found["State"]
        if (
            state["Status"] == "created"
        ):  # whoever made it was killed before starting it; started twice is once
            with _engine_errors(handle[:12]):
                self.cli.start(handle)
            return JobState.ACTIVE
        if not state["Running"] and state["Status"] not in ("restarting", "paused"):
            return JobState.SUCCEEDED if state["ExitCode"] == 0 else JobState.FAILED
        self._look_at_memory(handle, int(state["Pid"]))
        limit = float(found["Config"]["Labels"].get(_TIME_LIMIT_LABEL, "inf"))
        if state["Running"] and _age_s(state["StartedAt"]) > limit:
            self._timed_out.add(handle)
            self.cancel(handle)
            return self.state(handle)
        return JobState.ACTIVE

    def find(self, labels: Mapping[str, str]) -> list[str]:
        """Containers of this platform, running or not, with these labels."""
        wanted = [f"{_LABEL}=1", *(f"{key}={value}" for key, value in labels.items())]
        with _engine_errors("the list of containers"):
            return [str(found["Id"]) for found in self.cli.containers(all=True, filters={"label": wanted})]

    def follow_logs(self, handle: str) -> Iterator[str]:
        """Lines of both streams as the engine has them, until the container ends."""
        rest = b""
        for chunk in self.cli.logs(handle, stream=True, follow=True, stdout=True, stderr=True):
            *lines, rest = (rest + chunk).split(b"\n")
            yield from (line.decode(errors="replace") for line in lines)
        if rest:
            yield rest.decode(errors="replace")

    def result(self, handle: str) -> RunRecord:
        """Exit code, duration and reason from the engine; peak memory as sampled while we looked."""
        with _engine_errors(handle[:12]):
            found = self.cli.inspect_container(handle)
            errors = self.cli.logs(handle, stdout=False, stderr=True, tail=50).decode(errors="replace")
        state, code = found["State"], int(found["State"]["ExitCode"])
        duration = _age_s(state["StartedAt"], state["FinishedAt"])
        limit = float(found["Config"]["Labels"].get(_TIME_LIMIT_LABEL, "inf"))
        # A container that another process stopped for its time is known by its age, not by our memory.
        timed_out = code != 0 and (handle in self._timed_out or duration > limit)
        return RunRecord(
            runtime=self.name,
            digest=str(found["Image"]),
            state=JobState.SUCCEEDED if code == 0 else JobState.FAILED,
            exit_code=code,
            out_of_memory=not timed_out and (bool(state.get("OOMKilled")) or code == _KILLED),
            timed_out=timed_out,
            duration_s=round(duration, 3),
            peak_memory_mb=self._peaks.get(handle),
            last_error_line=last_line(errors),
        )

    def cancel(self, handle: str) -> None:
        """Stop within 2 s, less than the 5 s that Airflow grants a killed task."""
        from docker.errors import APIError

        try:
            self.cli.stop(handle, timeout=1)
        except APIError as error:
            log.info("Container %s was not stopped: %s", handle[:12], error.explanation)

    def remove(self, handle: str) -> None:
        """Remove the container and its anonymous volumes, running or not."""
        from docker.errors import APIError, NotFound

        try:
            self.cli.remove_container(handle, force=True, v=True)
        except NotFound:
            return
        except APIError as error:
            if error.status_code != 409:  # 409: its removal is under way already
                raise
        self._peaks.pop(handle, None)
        self._asked.pop(handle, None)
        self._timed_out.discard(handle)

    def _look_at_memory(self, handle: str, pid: int) -> None:
        """Note the resident memory: from the kernel where the engine is here, else from the engine."""
        resident = _cgroup_memory(handle, pid)
        if resident is None and time.monotonic() - self._asked.get(handle, 0.0) > _ASK_ENGINE_EVERY_S:
            resident = self._engine_memory(handle)
            self._asked[handle] = time.monotonic()
        if resident is not None:
            self._peaks[handle] = max(self._peaks.get(handle, 0.0), round(resident / 2**20, 1))

    def _engine_memory(self, handle: str) -> int | None:
        """The engine's own figure, which takes it a second; a container that just ended has none."""
        from docker.errors import APIError

        try:
            stats = self.cli.stats(handle, stream=False, one_shot=True).get("memory_stats", {})
        except APIError:
            return None
        details = stats.get("stats", {})
        resident: int | None = details.get("total_rss", details.get("anon"))  # cgroup 1, cgroup 2
        return resident


class _engine_errors:
    """Turn every error of the engine's client into one StepError."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        import requests
        from docker.errors import DockerException, ImageNotFound

        if isinstance(error, ImageNotFound):
            reason = f"The engine has no image {self.what}."
            instruction = "Build the images (scripts/build_images.py) or pull them."
            raise StepError(reason, instruction, code="engine-error") from error
        if isinstance(error, DockerException | requests.RequestException):
            reason = f"The container engine refused {self.what}: {last_line(str(error))}."
            raise StepError(
                reason, "Ask `docker info`, then run the task again.", code="engine-error"
            ) from error


def _cgroup_memory(handle: str, pid: int) -> int | None:
    """Resident bytes of a container on this machine; None where it has ended or runs elsewhere."""
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
        for line in lines:
            _, controllers, place = line.split(":", 2)
            if handle not in place or controllers not in ("", "memory"):
                continue
            figures = (
                Path("/sys/fs/cgroup", controllers, place.lstrip("/"), "memory.stat").read_text().split()
            )
            found = dict(zip(figures[::2], figures[1::2], strict=True))
            return int(found["total_rss"] if controllers else found["anon"])  # cgroup 1, cgroup 2
    except (OSError, KeyError, ValueError):
        return None
    return None


def _user() -> str:
    """Who the model runs as: never root, and where possible the platform's user, so that it can clean up."""
    return f"{os.getuid()}:{os.getgid()}" if os.getuid() != 0 else _NOBODY


def _age_s(start: str, end: str | None = None) -> float:
    """Seconds between two of the engine's times (nanoseconds, UTC); until now without the second."""
    begun = datetime.fromisoformat(start[:26].rstrip("Z") + "+00:00")
    if end is None:
        return (datetime.now(UTC) - begun).total_seconds()
    return (datetime.fromisoformat(end[:26].rstrip("Z") + "+00:00") - begun).total_seconds()


def engine_answers(conn_id: str | None = None) -> bool:
    """Whether a Docker engine answers."""
    import requests
    from docker.errors import DockerException

    host = os.environ.get("DOCKER_HOST", _SOCKET)
    if not conn_id and host.startswith("unix://") and not _listens(host.removeprefix("unix://")):
        return False
    try:
        return bool(DockerRuntime(conn_id).cli.ping())
    except (DockerException, requests.RequestException, OSError):
        return False


def _listens(path: str) -> bool:
    """Whether anything accepts connections at a local socket; the SDK leaks its socket where nothing does."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
    return True
