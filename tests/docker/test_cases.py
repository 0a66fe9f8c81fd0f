"""One case through a step, in both runtimes: the sandbox, the fixed failure codes, retries and reuse."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from operators.runtimes import ProcessRuntime, StepRecord, read_record, run_case
from research.algorithms import Resources
from research.errors import StepError
from research.sockets import SOCKETS

CASE = {"threshold": 0.25}


def test_success_is_recorded_by_the_runner(runtime, tiny, tmp_path):
    out = tmp_path / "artifacts" / "case"
    record = run_case(runtime, tiny["echo"], None, CASE, out)
    assert record.ok, record
    assert record.outputs["answer"].value == 0.25
    assert (record.runtime, record.exit_code, record.code) == (runtime.name, 0, "")
    assert re.fullmatch("sha256:[0-9a-f]{64}", record.digest)
    assert re.fullmatch("[0-9a-f]{64}", record.fingerprint)
    assert 0 < record.duration_s < 20
    assert read_record(out) == record == StepRecord.from_dict(record.to_dict())
    assert [path.name for path in out.parent.iterdir()] == ["case"]
    assert runtime.find({}) == []
    assert all(path.stat().st_uid == os.getuid() for path in out.rglob("*"))


@pytest.mark.parametrize(
    ("name", "code", "sentence"),
    [
        ("greedy", "out-of-memory", "needed more than its limit of 256 MiB of memory."),
        ("failing", "exit-code", "ended with exit code 3: No lung was found in the scan."),
        ("silent", "missing-output", "ended well but wrote no output answer."),
        ("outside", "schema-violation", "7.5 is greater than the maximum of 1"),
        ("nan", "schema-violation", "holds NaN or an infinity"),
        ("linker", "unreadable-output", "The output answer is a link."),
    ],
)
def test_every_failure_has_its_code_and_sentence(name, code, sentence, runtime, tiny, tmp_path):
    record = run_case(runtime, tiny[name], None, CASE, tmp_path / "out" / "case")
    assert (record.status, record.code) == ("failed", code)
    assert sentence in record.message
    assert record.instruction.endswith(".")
    assert list((tmp_path / "out").iterdir()) == []
    assert runtime.find({"radflow.fingerprint": record.fingerprint}) == []
    with pytest.raises(StepError, match=re.escape(sentence)) as raised:
        record.raise_for_status()
    assert raised.value.code == code


def test_time_limit(runtime, tiny, tmp_path):
    lines: list[str] = []
    limits = Resources(256, 1, 0, time_limit_s=1.5)
    began = time.monotonic()
    record = run_case(runtime, tiny["slow"], None, CASE, tmp_path / "case", limits, on_log=lines.append)
    assert (record.status, record.code) == ("failed", "time-limit")
    assert "longer than its limit of 1.5 s" in record.message
    assert 1.5 <= record.duration_s < 6
    assert time.monotonic() - began < 15
    assert lines == ["started"]


def test_missing_input(runtime, tiny, tmp_path):
    record = run_case(runtime, tiny["echo"], None, {}, tmp_path / "case")
    assert (record.status, record.code) == ("failed", "missing-input")


def test_the_same_case_is_not_run_twice(runtime, tiny, tmp_path):
    started: list[str] = []
    out = tmp_path / "case"
    first = run_case(runtime, tiny["echo"], None, CASE, out, on_start=started.append)
    again = run_case(runtime, tiny["echo"], None, CASE, out, on_start=started.append)
    assert again == replace(first, reused=True)
    (out / "answer.json").write_text("0.5")  # tampered with
    third = run_case(runtime, tiny["echo"], None, CASE, out, on_start=started.append)
    other = run_case(runtime, tiny["echo"], None, {"threshold": 0.5}, out, on_start=started.append)
    assert (third.outputs["answer"].value, other.outputs["answer"].value) == (0.25, 0.5)
    assert not third.reused
    assert len(started) == 3
    assert len({first.fingerprint, other.fingerprint}) == 2


def test_a_killed_task_is_gone_on_with(runtime, tiny, tmp_path):
    """SIGKILL of the process that waits: the next try reconnects to the very same job."""
    out = tmp_path / "case"
    jobs_dir = str(tmp_path / "jobs")
    code = (
        "from pathlib import Path\nfrom operators.runtimes import get_runtime, run_case\n"
        "from research.algorithms import load_algorithm\n"
        f"runtime = get_runtime({runtime.name!r}, jobs_dir=Path({jobs_dir!r}))\n"
        f"steady = load_algorithm(Path({str(tiny['steady'].folder)!r}))\n"
        f"run_case(runtime, steady, None, {CASE}, Path({str(out)!r}))"
    )
    root = Path(__file__).parent.parent.parent
    task = subprocess.Popen([sys.executable, "-c", code], cwd=root)
    try:
        deadline = time.monotonic() + 60
        while not (jobs := mine(runtime, tiny, out)) and time.monotonic() < deadline:
            assert task.poll() is None, "the task ended by itself"
            time.sleep(0.02)
    finally:
        task.send_signal(signal.SIGKILL)
        task.wait()
    started: list[str] = []
    record = run_case(runtime, tiny["steady"], None, CASE, out, on_start=started.append)
    assert record.ok, record
    assert started == jobs
    assert record.duration_s >= 2
    assert mine(runtime, tiny, out) == []


def test_a_job_that_was_made_and_never_started_is_gone_on_with(runtime, tiny, tmp_path, monkeypatch):
    """The task was killed between making the container and starting it."""
    from operators.runtimes import CaseRun

    if runtime.name != "docker":
        pytest.skip("a process is made and started in one")
    out = tmp_path / "case"
    with monkeypatch.context() as killed:
        killed.setattr(type(runtime.cli), "start", lambda *_: None)
        left = CaseRun(runtime, tiny["echo"], CASE, out).start()
    assert runtime.cli.inspect_container(left)["State"]["Status"] == "created"
    started: list[str] = []
    record = run_case(runtime, tiny["echo"], None, CASE, out, on_start=started.append)
    assert record.ok, record
    assert started == [left]


def test_a_job_with_other_inputs_is_discarded(runtime, tiny, tmp_path):
    """What a killed try left behind must not answer for a changed case."""
    from operators.runtimes import CaseRun

    out = tmp_path / "case"
    left = CaseRun(runtime, tiny["slow"], {"threshold": 0.5}, out).start()
    started: list[str] = []
    record = run_case(runtime, tiny["echo"], None, CASE, out, on_start=started.append)
    assert record.ok
    assert started != [left]
    assert mine(runtime, tiny, out) == []


def mine(runtime, tiny, out: Path) -> list[str]:
    from operators.runtimes import CaseRun

    run = CaseRun(runtime, tiny["steady"], CASE, out)
    return runtime.find({"radflow.case": run.job_labels["radflow.case"]})


def test_cancel_is_quick(runtime, tiny, tmp_path):
    from operators.runtimes import CaseRun, JobState

    run = CaseRun(runtime, tiny["slow"], CASE, tmp_path / "case")
    handle = run.start()
    began = time.monotonic()
    runtime.cancel(handle)
    assert runtime.state(handle) is JobState.FAILED
    runtime.remove(handle)
    assert runtime.state(handle) is JobState.UNKNOWN
    assert time.monotonic() - began < 5


def test_a_vanished_job_is_an_engine_error(runtime, tiny, tmp_path):
    from operators.runtimes import CaseRun

    run = CaseRun(runtime, tiny["slow"], CASE, tmp_path / "case")
    handle = run.start()
    runtime.remove(handle)
    with pytest.raises(StepError) as raised:
        run.finish(handle)
    assert raised.value.code == "engine-error"


@pytest.mark.parametrize(
    "name", ["AIRFLOW_CONN_RESEARCH_DB", "AIRFLOW__CORE__FERNET_KEY", "RADFLOW_PSEUDONYM_KEY"]
)
def test_no_secret_of_the_platform_is_seen(name, runtime, tiny, tmp_path, monkeypatch):
    monkeypatch.setenv(name, "do-not-tell")
    report = run_case(runtime, tiny["prober"], None, CASE, tmp_path / "case").raise_for_status()
    environment = report.outputs["report"].value["environment"]
    assert "do-not-tell" not in str(environment)
    assert not [key for key in environment if key.startswith("AIRFLOW")]


@pytest.mark.docker
@pytest.mark.usefixtures("tiny_images")
def test_container_is_locked_down(tiny, tmp_path):
    from operators.runtimes import get_runtime

    record = run_case(get_runtime("docker"), tiny["prober"], None, CASE, tmp_path / "case").raise_for_status()
    report = record.outputs["report"].value
    assert report["network"] is False
    assert set(report["root"].values()) == {False}
    assert report["tmp"] is True
    assert report["uid"] != 0
    assert int(report["capabilities"], 16) == 0
    assert report["no_new_privileges"] == "1"


@pytest.mark.docker
@pytest.mark.usefixtures("engine")
def test_missing_image_is_an_engine_error(tiny, tmp_path):
    from operators.runtimes import get_runtime

    record = run_case(get_runtime("docker"), tiny["echo"], "radflow/none:0", CASE, tmp_path / "case")
    assert (record.status, record.code) == ("failed", "engine-error")
    assert "radflow/none:0" in record.message


def test_an_image_without_source_is_refused_by_the_process_runtime(tmp_path):
    from operators.runtimes import ContainerSpec
    from research.errors import AlgorithmError

    spec = ContainerSpec("someone/else:1", tmp_path, tmp_path)
    with pytest.raises(AlgorithmError, match="only an image"):
        ProcessRuntime(tmp_path / "jobs").submit(spec)
    with pytest.raises(AlgorithmError, match="GPU"):
        ProcessRuntime(tmp_path / "jobs").submit(replace(spec, source_dir=tmp_path, gpus=1))


def test_a_dead_supervisor_is_a_failed_job(tiny, tmp_path):
    """Kill the supervisor and its model: nothing waits for ever."""
    import json

    from operators.runtimes import CaseRun, JobState
    from operators.runtimes._supervise import start_time

    runtime = ProcessRuntime(tmp_path / "jobs")
    run = CaseRun(runtime, tiny["slow"], CASE, tmp_path / "case")
    handle = run.start()
    status = Path(handle) / "status.json"
    while not status.exists() or not (Path(handle) / "stdout").read_bytes():
        time.sleep(0.02)
    supervisor = json.loads(status.read_text())["pid"]
    model = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()[0]
    os.kill(supervisor, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while runtime.state(handle) is JobState.ACTIVE and time.monotonic() < deadline:
        time.sleep(0.02)
    with pytest.raises(StepError) as raised:
        run.finish(handle)
    assert raised.value.code == "engine-error"
    assert start_time(int(model)) == ""  # gone, or a zombie that nobody reaps here


def test_sockets_of_the_shipped_models_do_not_collide():
    paths = [socket.relative_path for socket in SOCKETS.values()]
    assert len(set(paths)) == len(paths)
