"""Choosing a runtime, and what the docker runtime asks of the engine (a recorded client stands in)."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest
from docker.errors import APIError, ImageNotFound

import docker
import operators.runtimes as runtimes
from operators.runtimes import ContainerSpec, DockerRuntime, JobState, ProcessRuntime
from operators.runtimes.base import STDERR_LINE_LIMIT, last_line
from research.errors import SettingsError, StepError

SPEC = ContainerSpec(
    "radflow/lungs:1.0.0",
    Path("/scratch/in"),
    Path("/scratch/out"),
    model_dir=Path("/scratch/weights"),
    memory_mb=1500,
    cpus=1.5,
    env={"SEED": "7"},
    labels={"airflow.dag_id": "experiment"},
)


@pytest.fixture
def client():
    """The SDK's client with its pure parts real and its requests recorded."""
    fake = mock.create_autospec(docker.APIClient, instance=True)
    fake._version = "1.41"
    fake.create_host_config.side_effect = lambda **kwargs: kwargs
    fake.create_container.return_value = {"Id": "c" * 64}
    return fake


def test_what_the_engine_is_asked_for(client):
    assert DockerRuntime(client=client).submit(SPEC) == "c" * 64
    host = client.create_host_config.call_args.kwargs
    assert host["network_mode"] == "none"
    assert host["read_only"] is True
    assert host["cap_drop"] == ["ALL"]
    assert host["security_opt"] == ["no-new-privileges:true"]
    assert host["init"] is True
    assert host["mem_limit"] == host["memswap_limit"] == 1500 * 2**20
    assert host["nano_cpus"] == 1_500_000_000
    assert host["pids_limit"] == 256
    assert list(host["tmpfs"]) == ["/tmp"]
    assert host["device_requests"] is None
    mounts = {mount["Target"]: (mount["Source"], mount["ReadOnly"]) for mount in host["mounts"]}
    assert mounts == {
        "/input": ("/scratch/in", True),
        "/output": ("/scratch/out", False),
        "/opt/ml/model": ("/scratch/weights", True),
    }
    asked = client.create_container.call_args.kwargs
    assert asked["network_disabled"] is True
    assert asked["user"].split(":")[0] not in ("", "0", "root")
    assert asked["labels"]["airflow.dag_id"] == "experiment"
    assert asked["environment"]["SEED"] == "7"


def test_gpus_are_device_requests(client):
    from dataclasses import replace

    DockerRuntime(client=client).submit(replace(SPEC, gpus=2))
    (request,) = client.create_host_config.call_args.kwargs["device_requests"]
    assert request["Count"] == 2
    assert request["Capabilities"] == [["gpu"]]


def test_a_container_that_does_not_start_is_removed(client):
    client.start.side_effect = APIError("refused", explanation="could not select device driver")
    with pytest.raises(StepError) as raised:
        DockerRuntime(client=client).submit(SPEC)
    assert raised.value.code == "engine-error"
    client.remove_container.assert_called_once_with("c" * 64, force=True, v=True)


@pytest.mark.parametrize(
    ("state", "oom", "timed_out"),
    [
        ({"ExitCode": 137, "OOMKilled": True}, True, False),
        ({"ExitCode": 137, "OOMKilled": False}, True, False),
        ({"ExitCode": 3, "OOMKilled": False}, False, False),
        ({"ExitCode": 143, "OOMKilled": False, "FinishedAt": "2026-01-01T00:02:00Z"}, False, True),
    ],
)
def test_how_a_container_ended(state, oom, timed_out, client):
    times = {"StartedAt": "2026-01-01T00:00:00Z", "FinishedAt": "2026-01-01T00:00:01.5Z"}
    client.inspect_container.return_value = {
        "Image": "sha256:1",
        "State": {**times, **state},
        "Config": {"Labels": {"radflow.time-limit-s": "60"}},
    }
    client.logs.return_value = b"first\nlast words\n\n"
    record = DockerRuntime(client=client).result("c" * 64)
    assert (record.out_of_memory, record.timed_out) == (oom, timed_out)
    assert record.state is JobState.FAILED
    assert record.last_error_line == "last words"
    assert record.duration_s == (120.0 if timed_out else 1.5)


def test_last_line_is_short():
    assert last_line("a\n" + "x" * 5000) == "x" * STDERR_LINE_LIMIT
    assert last_line(" \n\n") == ""


def test_configured_runtime_is_taken_at_its_word():
    assert runtimes.detect_runtime(["any"], "process").name == "process"
    assert runtimes.detect_runtime(["any"], "docker").name == "docker"
    with pytest.raises(SettingsError, match="podman"):
        runtimes.detect_runtime([], "podman")


def test_runtime_is_found(monkeypatch):
    monkeypatch.setattr(runtimes, "engine_answers", lambda _: False)
    choice = runtimes.detect_runtime(["a"])
    assert choice.name == "process"
    assert "No container engine answers" in choice.reason
    monkeypatch.setattr(runtimes, "engine_answers", lambda _: True)
    fake = mock.create_autospec(docker.APIClient, instance=True)
    monkeypatch.setattr(DockerRuntime, "cli", fake)
    assert runtimes.detect_runtime(["a"]).name == "docker"
    fake.inspect_image.side_effect = ImageNotFound("no")
    choice = runtimes.detect_runtime(["radflow/none:0"])
    assert choice.name == "process"
    assert "radflow/none:0" in choice.reason


def test_an_engine_that_is_not_there_does_not_answer(monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    assert runtimes.detect_runtime(["a"]).name == "process"


def test_get_runtime(tmp_path):
    assert isinstance(runtimes.get_runtime("process", jobs_dir=tmp_path), ProcessRuntime)
    assert isinstance(runtimes.get_runtime("docker"), DockerRuntime)
    with pytest.raises(SettingsError):
        runtimes.get_runtime("kubernetes")
