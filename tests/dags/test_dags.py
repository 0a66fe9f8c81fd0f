"""The DAGs as Airflow reads them: no import errors, and the conventions that people rely on."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG

from tests.support.cluster import ROOT

# Airflow's own reading of .airflowignore uses a name that pathspec has renamed.
pytestmark = pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning")

FOLDER = ROOT / "dags"
SCHEDULES = {
    "audit": "@daily",
    "clinical": ["radflow://landing/clinical"],
    "catalog_idc": None,
    "cohort": None,
    "curate": ["radflow://research/held"],
    "deidentify": ["radflow://landing/series"],
    "fetch_daily": "@daily",
    "fetch_dicomweb": None,
    "fetch_dimse": None,
    "fetch_fhir": "@daily",
    "fetch_idc": None,
    "fetch_reports": "@hourly",
    "fetch_tcia": None,
    "reidentify": None,
    "rotate_key": None,
    "upload": ["radflow://landing/uploads"],
    "upload_tidy": "@hourly",
}
OUTLETS = {
    "audit": set(),
    "clinical": {"radflow://catalog/clinical"},
    "fetch_fhir": {"radflow://landing/clinical"},
    "fetch_reports": {"radflow://landing/clinical"},
    "catalog_idc": {"radflow://catalog/listed"},
    "fetch_dicomweb": {"radflow://landing/series"},
    "fetch_dimse": {"radflow://landing/series"},
    "fetch_idc": {"radflow://landing/series"},
    "fetch_tcia": {"radflow://landing/series"},
    "fetch_daily": {"radflow://landing/series"},
    "deidentify": {"radflow://research/held"},
    "curate": {"radflow://catalog/released"},
    "cohort": {"radflow://cohort/frozen"},
    "reidentify": set(),
    "rotate_key": set(),
    "upload": {"radflow://landing/series"},
    "upload_tidy": {"radflow://landing/uploads"},
}
ALLOWED = {"airflow", "operators", "datetime", "pendulum", "__future__"}


@pytest.fixture(scope="module")
def bag() -> Iterator[DagBag]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
        yield DagBag(str(FOLDER), bundle_path=FOLDER, bundle_name="test")


@pytest.fixture(params=sorted(SCHEDULES))
def dag(bag: DagBag, request: pytest.FixtureRequest) -> DAG:
    return bag.dags[request.param]


def test_every_file_is_read_without_an_error(bag: DagBag) -> None:
    assert bag.import_errors == {}
    assert set(bag.dags) == set(SCHEDULES)


def test_one_file_one_dag_of_its_name(bag: DagBag) -> None:
    files = {Path(dag.fileloc).stem: name for name, dag in bag.dags.items()}
    assert files == {path.stem: path.stem for path in FOLDER.glob("*.py")}


def test_conventions(dag: DAG) -> None:
    assert "radflow" in dag.tags
    assert dag.doc_md
    assert dag.description
    assert dag.catchup is False
    for task in dag.tasks:
        assert task.owner == "radflow", task.task_id
        assert task.retries >= 1, task.task_id
    dag.validate()


def test_runs_when_it_says(dag: DAG) -> None:
    wanted = SCHEDULES[dag.dag_id]
    if isinstance(wanted, list):
        assert [asset.uri for asset in dag.schedule] == wanted
    else:
        assert dag.schedule == wanted
    assert dag.is_paused_upon_creation is (True if dag.dag_id == "fetch_daily" else None)


def test_tells_the_next_one(dag: DAG) -> None:
    told = {asset.uri for task in dag.tasks for asset in getattr(task, "outlets", [])}
    assert told == OUTLETS[dag.dag_id]


def test_every_schedule_by_asset_has_somebody_who_tells() -> None:
    told = set().union(*OUTLETS.values())
    assert {uri for schedule in SCHEDULES.values() if isinstance(schedule, list) for uri in schedule} <= told


def test_forms_have_titles_and_valid_defaults(dag: DAG) -> None:
    dag.params.validate()
    for name, param in dag.params.items():
        assert dag.params.get_param(name).schema.get("title"), f"{dag.dag_id}.{name}: {param!r}"


def test_an_empty_field_does_not_make_a_form_invalid(dag: DAG) -> None:
    """Airflow's form asks for every field whose type is not also null."""
    for name in dag.params:
        param = dag.params.get_param(name)
        if param.value in (None, ""):
            assert "null" in param.schema["type"], f"{dag.dag_id}.{name}"
            assert param.value is None, f"{dag.dag_id}.{name}"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_no_logic_in_a_dag_file(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    modules |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in modules} <= ALLOWED
    assert not [
        node for node in ast.walk(tree) if isinstance(node, ast.For | ast.While | ast.Try | ast.ClassDef)
    ]
    assert len(path.read_text(encoding="utf-8").splitlines()) < 80


def test_only_dags_are_read_from_the_folder() -> None:
    ignored = (FOLDER / ".airflowignore").read_text(encoding="utf-8")
    assert "specs" in ignored


def test_fetch_is_complete_only_if_no_series_failed(bag: DagBag) -> None:
    for name in ("fetch_tcia", "fetch_daily", "fetch_fhir", "fetch_reports"):
        dag = bag.dags[name]
        assert dag.get_task("complete").trigger_rule == "none_failed"
        assert dag.get_task("announce").trigger_rule == "all_done"
        assert dag.get_task("fetch").downstream_task_ids == {"announce", "complete"}


def test_a_sign_off_comes_before_release(bag: DagBag) -> None:
    dag = bag.dags["curate"]
    chain = ["first_read", "second_read", "adjudicate", "release"]
    for earlier, later in itertools.pairwise(chain):
        assert f"sign_off.{later}" in dag.get_task(f"sign_off.{earlier}").downstream_task_ids
    assert dag.get_task("sign_off.release").trigger_rule == "all_success"


def test_the_shipped_specifications_can_run_here() -> None:
    from research.algorithms import load_algorithms
    from research.experiments import parse_spec

    found = sorted((FOLDER / "specs").glob("*.yaml"))
    assert found
    for path in found:
        assert parse_spec(path.read_text(encoding="utf-8"), load_algorithms()).name == path.stem


def test_a_second_person_comes_before_a_new_key(bag: DagBag) -> None:
    dag = bag.dags["rotate_key"]
    assert dag.get_task("request").downstream_task_ids == {"second_person"}
    assert dag.get_task("second_person").downstream_task_ids == {"in_force"}
    assert bag.dags["reidentify"].get_task("second_person").mode == "reschedule"


def test_the_form_takes_the_aliases_that_the_database_takes(bag: DagBag) -> None:
    from research.reidentify import DAYS, MOST_DAYS, SHORTEST_REASON, SUBJECT

    for name in ("reidentify", "rotate_key"):
        params = bag.dags[name].params
        days = params.get_param("valid_days")
        assert (days.value, days.schema["maximum"]) == (DAYS, MOST_DAYS)
        assert params.get_param("reason").schema["minLength"] == SHORTEST_REASON
    assert bag.dags["reidentify"].params.get_param("subjects").schema["items"]["pattern"] == SUBJECT
