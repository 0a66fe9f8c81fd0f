"""The data engineer's example: short, loads as Airflow loads it, and composed as it says."""

from __future__ import annotations

import ast
import re
import warnings
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "my_ingest.py"


@pytest.fixture(scope="module")
def dag() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Airflow's own imports warn of is not ours
        from airflow.dag_processing.dagbag import DagBag

        bag = DagBag(EXAMPLE, collect_dags=False)
        bag.process_file(str(EXAMPLE), only_if_updated=False)
    assert bag.import_errors == {}
    assert list(bag.dags) == ["my_ingest"]
    return bag.dags["my_ingest"]


def test_it_is_shorter_than_40_lines() -> None:
    assert len(EXAMPLE.read_text(encoding="utf-8").splitlines()) < 40


def test_it_is_written_with_our_operators_alone() -> None:
    tree = ast.parse(EXAMPLE.read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {str(name).partition(".")[0] for name in modules} == {"airflow", "operators"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)]


def test_every_stage_has_a_comment_or_its_docstring_names_it() -> None:
    source = EXAMPLE.read_text(encoding="utf-8")
    assert len(re.findall(r"^\s*# ", source, re.M)) >= 3
    for stage in ("fetch", "de-identify", "catalog", "curators"):
        assert stage in source.splitlines()[0]


def test_the_stages_follow_each_other(dag: Any) -> None:
    assert {task.task_id: set(task.downstream_task_ids) for task in dag.tasks} == {
        "plan": {"fetch", "deidentify"},
        "fetch": {"deidentify"},
        "deidentify": {"catalog"},
        "catalog": {"held"},
        "held": set(),
    }


def test_chunks_and_results_are_mapped(dag: Any) -> None:
    mapped = {task.task_id: dict(task.expand_input.value) for task in dag.tasks if task.is_mapped}
    assert {name: next(iter(value)) for name, value in mapped.items()} == {
        "fetch": "series_ids",
        "deidentify": "series_ids",
        "catalog": "deidentified",
    }
    upstream = {name: next(iter(value.values())).operator.task_id for name, value in mapped.items()}
    assert upstream == {"fetch": "plan", "deidentify": "plan", "catalog": "deidentify"}


def test_it_wakes_the_curators(dag: Any) -> None:
    """Its last asset is the one that the DAG ``curate`` waits for."""
    (asset,) = dag.get_task("held").outlets
    waited = re.findall(r'schedule=\[Asset\("([^"]+)"\)\]', (ROOT / "dags" / "curate.py").read_text("utf-8"))
    assert [asset.uri.rstrip("/")] == waited


def test_its_owner_and_team_are_what_the_demo_makes(dag: Any) -> None:
    from scripts.state import ACCOUNTS, TEAM

    plan = dag.get_task("plan")
    assert plan.account in ACCOUNTS
    assert plan.team == TEAM
    assert plan.visibility == "team"
