"""SIGKILL of the scheduler, the api-server and a running task in mid-run: the run completes, nothing is doubled."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import yaml

from scripts.services import _members
from scripts.state import HOME
from tests.support.platform import Platform

pytestmark = pytest.mark.airflow


def variant(passes: int) -> dict:
    """The demo's experiment with more passes of denoising: new inputs, so that nothing can be reused."""
    spec = yaml.safe_load((HOME / "dags" / "specs" / "emphysema.yaml").read_text(encoding="utf-8"))
    spec["name"] = f"kill{passes}"
    spec["chunk_size"] = 1
    first, *rest = spec["steps"]
    more = [
        {"name": f"denoise{n}", "title": "Again", "algorithm": "denoise",
         "inputs": {"ct-image": f"denoise{n - 1}.denoised-ct" if n > 2 else "denoise.denoised-ct"}}
        for n in range(2, passes + 1)
    ]  # fmt: skip
    text = yaml.safe_dump(rest).replace("denoise.denoised-ct", f"denoise{passes}.denoised-ct")
    spec["steps"] = [first, *more, *yaml.safe_load(text)]
    return spec


def start(platform: Platform, passes: int) -> tuple[str, str]:
    """Register and trigger; returns once some step results are there."""
    researcher = platform.api("researcher")
    registered = researcher.call(
        "POST", "/radflow/api/v1/experiments",
        json={"spec": yaml.safe_dump(variant(passes)), "visibility": "team", "team": "demo"},
    )  # fmt: skip
    dag_id = registered["dag_id"]
    platform.until(lambda: researcher.call("GET", f"/api/v2/dags/{dag_id}", ok=(404,)), 120, dag_id)
    run_id = researcher.trigger(dag_id, {"cohort": "emphysema@1", "visibility": "team"})
    platform.until(lambda: steps(platform, run_id) >= 2, 120, "the first step results")
    return dag_id, run_id


def steps(platform: Platform, run_id: str) -> int:
    """Step results so far."""
    return platform.query(
        "select count(*) from experiment.step_run s join experiment.run r on r.id = s.run_id where r.dag_run_id = %s",
        run_id,
    )[0][0]


def kill(platform: Platform, victim: str) -> int:
    """SIGKILL one process of the installation."""
    pids = platform.state.run()["pids"]
    if victim != "task":
        os.kill(pids[victim][0], signal.SIGKILL)
        return pids[victim][0]

    def tasks() -> list[int]:
        leader = pids["scheduler"][0]
        return [pid for pid in _members({leader}) if os.getpgid(pid) == pid and pid != leader]

    pid = platform.until(tasks, 60, "a running task")[0]
    os.kill(pid, signal.SIGKILL)
    return pid


@pytest.mark.parametrize(("victim", "passes"), [("task", 2), ("scheduler", 3), ("api-server", 4)])
def test_a_killed_process_costs_time_only(platform: Platform, victim: str, passes: int) -> None:
    dag_id, run_id = start(platform, passes)
    killed = kill(platform, victim)
    if victim != "task":
        platform.until(
            lambda: platform.state.run()["pids"].get(victim, [killed])[0] != killed, 60, f"a new {victim}"
        )
    researcher = platform.api("researcher")

    def ended() -> str | None:
        state = researcher.state(dag_id, run_id)
        return state if state in ("success", "failed") else None

    assert platform.until(ended, 300, f"{dag_id} to end") == "success"
    (cases,) = platform.query("select count(*) from experiment.cohort_member where cohort_id = 1")[0]
    run, state = platform.query("select id, state from experiment.run where dag_run_id = %s", run_id)[0]
    assert state == "success"
    counted = platform.query(
        "select count(*), count(distinct (arm, step, series_uid)), bool_and(status = 'ok') from experiment.step_run"
        " where run_id = %s", run
    )[0]  # fmt: skip
    assert counted == (cases * (passes + 3), cases * (passes + 3), True)
    results = platform.query(
        "select count(*), count(value) from experiment.case_result where run_id = %s", run
    )[0]
    assert results == (2 * cases, 2 * cases)


def test_nothing_half_written_is_left(platform: Platform) -> None:
    root = platform.state.root
    left = [
        path for zone in ("research", "landing", "quarantine") for path in (root / zone).rglob("*")
        if path.name.startswith(".") or path.suffix in (".part", ".tmp")
    ]  # fmt: skip
    assert left == []
    for folder in {path.parent for path in (root / "artifacts").rglob("radflow-record.json")}:
        assert not folder.name.startswith("."), "a work folder was left behind"
    for path in (root / "research").rglob("manifest.json"):
        assert_complete(path)


def assert_complete(manifest: Path) -> None:
    """Every object that the manifest names is there with its hash, and nothing else."""
    import hashlib
    import json

    wanted = dict(json.loads(manifest.read_text()))
    found = {
        path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in manifest.parent.glob("*.dcm")
    }
    assert found == wanted
