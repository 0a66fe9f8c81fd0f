"""The operator on the process runtime with a plain context: run, reuse, reconnect, kill."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from operators.model_container import ModelContainerOperator
from operators.runtimes import CaseRun, JobState, ProcessRuntime
from research.algorithms import load_algorithm
from research.errors import AlgorithmError, StepError

ALGORITHMS = Path(__file__).parent.parent / "docker" / "algorithms"


class Store(dict):
    """Stands in for Airflow's task state store."""

    def set(self, key: str, value: str) -> None:
        self[key] = value


@pytest.fixture(autouse=True)
def own_jobs(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture
def context():
    return {"task_state_store": Store()}


def operator(tmp_path: Path, name: str = "echo", **kwargs) -> ModelContainerOperator:
    given = {
        "algorithm": str(ALGORITHMS / name),
        "inputs": {"threshold": 0.25},
        "output_folder": str(tmp_path / "out"),
        "runtime": "process",
    }
    return ModelContainerOperator(task_id="model", **{**given, **kwargs})


def test_execute_returns_small_json(tmp_path, context):
    told = operator(tmp_path).execute(context)
    assert told["algorithm"] == "echo:1"
    assert told["runtime"] == "process"
    assert told["reused"] is False
    assert told["values"] == {"answer": 0.25}
    assert Path(told["paths"]["answer"]).read_text() == "0.25"
    assert len(told["sha256"]["answer"]) == 64


def test_rerun_reuses_the_outputs(tmp_path, context):
    first = operator(tmp_path).execute(context)
    again = operator(tmp_path).execute({"task_state_store": Store()})
    assert again == {**first, "reused": True}


@pytest.mark.parametrize("noted", [True, False])
def test_the_next_try_reconnects(noted, tmp_path, context):
    """A worker died while its job ran on, before or after it had noted the job in the state store."""
    left = CaseRun(
        ProcessRuntime(), load_algorithm(ALGORITHMS / "steady"), {"threshold": 0.25}, tmp_path / "out"
    )
    handle = left.start()
    if noted:
        context["task_state_store"]["radflow_job"] = handle
    again = operator(tmp_path, "steady")
    polled: list[str] = []
    real = again.poll_until_complete
    again.poll_until_complete = lambda job, context: (polled.append(job), real(job, context))[1]
    told = again.execute(context)
    assert polled == [handle]
    assert told["values"] == {"answer": 0.25}
    assert told["duration_s"] >= 2


def test_a_job_that_ended_meanwhile_is_kept(tmp_path, context):
    left = CaseRun(
        ProcessRuntime(), load_algorithm(ALGORITHMS / "echo"), {"threshold": 0.25}, tmp_path / "out"
    )
    handle = left.start()
    left.wait(handle)
    context["task_state_store"]["radflow_job"] = handle
    assert operator(tmp_path).execute(context)["values"] == {"answer": 0.25}
    assert not Path(handle).exists()


def test_a_vanished_job_is_started_again(tmp_path, context):
    context["task_state_store"]["radflow_job"] = str(tmp_path / "gone")
    assert operator(tmp_path).execute(context)["values"] == {"answer": 0.25}


def test_failure_raises_with_its_code(tmp_path, context):
    with pytest.raises(StepError, match="exit code 3: No lung was found") as raised:
        operator(tmp_path, "failing").execute(context)
    assert raised.value.code == "exit-code"


def test_limits_override_what_is_declared(tmp_path, context):
    with pytest.raises(StepError, match=r"limit of 0\.5 s"):
        operator(tmp_path, "slow", limits={"time_limit_s": 0.5}).execute(context)


def test_kill_ends_the_job(tmp_path, context):
    task = operator(tmp_path, "slow")
    task._run = task._case(context)
    handle = task.submit_job(context)
    task.on_kill()
    assert ProcessRuntime().state(handle) is JobState.UNKNOWN


def test_unknown_algorithm_names_the_known_ones(tmp_path, context):
    with pytest.raises(AlgorithmError, match="lungs"):
        operator(tmp_path, algorithm="lugns").execute(context)


def test_templated_fields_are_attributes(tmp_path):
    task = operator(tmp_path)
    assert all(hasattr(task, name) for name in task.template_fields)
