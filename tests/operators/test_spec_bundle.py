"""The DAG bundle: one revision, one set of files for good; and the DAG that a specification becomes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from airflow.sdk import DAG

from operators.experiment_factory import build, load
from operators.spec_bundle import CHOICES, SpecBundle
from research.experiments import load_spec
from tests.support import rows
from tests.support.cluster import ROOT
from tests.support.place import TEAM, Place

TEXT = (ROOT / "dags" / "specs" / "emphysema.yaml").read_text(encoding="utf-8")


@pytest.fixture
def bundles(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", str(place.folder / "bundles"))
    return place


def bundle(version: str | None = None) -> SpecBundle:
    made = SpecBundle(name="experiments", version=version)
    made.initialize()
    return made


def register(place: Place, name: str = "emphysema", **changes: Any) -> int:
    text = load_spec(yaml.safe_load(TEXT) | {"name": name} | changes).to_json()
    return rows.spec(place.database, name, owner="alice", visibility="team", team=TEAM, text=text)


def current(made: SpecBundle) -> str:
    return made.get_current_version().version


def files(made: SpecBundle) -> dict[str, str]:
    return {path.name: path.read_text() for path in made.path.iterdir() if path.suffix in (".json", ".py")}


def test_nothing_registered_is_an_empty_folder_of_dags(bundles: Place) -> None:
    made = bundle()
    assert current(made) == "0"
    assert set(files(made)) == {CHOICES, "experiments.py"}
    assert load(made.path) == {}


def test_a_new_specification_appears_and_its_revision_stays(bundles: Place) -> None:
    made = bundle()
    register(bundles)
    assert current(made) == "1"
    made.refresh()
    assert set(load(made.path)) == {"exp_emphysema"}
    first = bundle("1")
    kept = files(first)
    register(bundles, title="Another title", seed=7)
    register(bundles, "second")
    made.refresh()
    assert current(made) == "3"
    assert set(load(made.path)) == {"exp_emphysema", "exp_second"}
    assert json.loads(files(made)["emphysema.json"])["spec"]["title"] == "Another title"
    assert files(bundle("1")) == files(first) == kept
    assert load(first.path)["exp_emphysema"].description.startswith("Emphysema fraction")
    # A worker on another machine, which never saw the revision, writes the same.
    for path in first.path.iterdir():
        path.unlink()
    assert files(bundle("1")) == kept


def test_a_pinned_revision_is_not_refreshed(bundles: Place) -> None:
    register(bundles)
    with pytest.raises(RuntimeError, match="Revision 1 of bundle experiments is pinned"):
        bundle("1").refresh()


def test_cohorts_in_the_form_are_those_of_the_revision_and_nobodys_private_ones(bundles: Place) -> None:
    for number, (name, visibility) in enumerate([("open", "public"), ("mine", "private"), ("ours", "team")]):
        team = TEAM if visibility == "team" else None
        rows.cohort(bundles.database, name, [], owner="alice", visibility=visibility, team=team)
        assert current(bundle()) == str(number + 1)
    rows.cohort(bundles.database, "open", [], owner="alice", visibility="public", version=2)
    assert json.loads(files(bundle())[CHOICES])["cohorts"] == ["open@2", "open@1", "ours@1"]
    assert json.loads(files(bundle("1"))[CHOICES])["cohorts"] == ["open@1"]


def test_the_loader_comes_last(bundles: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    register(bundles)
    written: list[str] = []
    replace = Path.replace

    def record(self: Path, target: Path) -> Path:
        written.append(Path(target).name)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", record)
    made = bundle("1")
    assert written[-1] == "experiments.py"
    assert set(written) == {"emphysema.json", CHOICES, "experiments.py"}
    assert [path.name for path in made.path.iterdir() if path.name.startswith(".")] == []


def test_a_writer_that_died_half_way_is_made_good(bundles: Place) -> None:
    register(bundles)
    kept = files(bundle("1"))
    folder = bundle("1").path
    (folder / "experiments.py").unlink()
    (folder / "emphysema.json").write_text("{")
    assert files(bundle("1")) == kept


def test_what_is_no_longer_there_goes_from_the_current_folder(bundles: Place) -> None:
    made = bundle()
    (made.path / "stray.json").write_text("{}")
    made.refresh()
    assert "stray.json" not in files(made)


def document(**changes: Any) -> dict[str, Any]:
    spec = load_spec(yaml.safe_load(TEXT) | changes).to_json()
    return {"id": 7, "spec": spec, "owner": "alice", "team": TEAM, "visibility": "team"}


def test_the_dag_has_a_group_per_step_and_a_mapped_task_per_arm() -> None:
    dag = build(document(), ["emphysema@2", "emphysema@1", "other@1"])
    assert isinstance(dag, DAG)
    assert set(dag.task_ids) == {
        "plan", "canary", "prepare", "evaluate", "denoise.run", "lungs.run", "quantify.laa950", "quantify.mrf",
    }  # fmt: skip
    assert set(dag.task_group.children) >= {"denoise", "lungs", "quantify"}
    mapped = {task.task_id for task in dag.tasks if task.is_mapped}
    assert mapped == {"prepare", "denoise.run", "lungs.run", "quantify.laa950", "quantify.mrf"}
    downstream = {task.task_id: set(task.downstream_task_ids) for task in dag.tasks}
    assert downstream["plan"] >= {"canary"}
    assert "prepare" in downstream["canary"]
    assert "denoise.run" in downstream["prepare"]
    assert {"lungs.run", "quantify.laa950", "quantify.mrf"} <= downstream["denoise.run"]
    assert {"quantify.laa950", "quantify.mrf"} <= downstream["lungs.run"]
    assert all("evaluate" in downstream[name] for name in ("quantify.laa950", "quantify.mrf"))
    assert dag.get_task("evaluate").trigger_rule == "all_done"
    dag.validate()


def test_the_form_offers_what_exists_and_starts_with_the_newest() -> None:
    dag = build(document(), ["emphysema@2", "emphysema@1", "other@1"])
    cohort = dag.params.get_param("cohort")
    assert cohort.value == "emphysema@2"
    assert cohort.schema["examples"] == ["emphysema@1", "emphysema@2", "other@1"]
    assert dag.params.get_param("visibility").schema["enum"] == ["private", "team", "public"]
    assert build(document(), []).params.get_param("cohort").value == "emphysema"


@pytest.mark.parametrize("count", [2, 9, 10, 11])
def test_the_newest_of_many_versions_is_the_first_choice(count: int) -> None:
    choices = [f"emphysema@{version}" for version in range(count, 0, -1)]
    assert build(document(), choices).params.get_param("cohort").value == f"emphysema@{count}"


def test_the_dag_says_whose_it_is_and_what_it_runs() -> None:
    dag = build(document(), [])
    assert "radflow" in dag.tags
    assert dag.doc_md is not None
    assert "algorithm: emphysema_mrf" in dag.doc_md
    assert {task.owner for task in dag.tasks} == {"alice"}
    assert all(task.retries >= 1 for task in dag.tasks)
    assert dag.schedule is None


@pytest.mark.parametrize(
    "changes",
    [{"title": "{{ 1 / 0 }} ```", "description": "``` {% raw %}"}, {"title": "Ünïcode 'quotes\" {"}],
)
def test_texts_of_people_are_texts_and_not_templates(changes: dict[str, str]) -> None:
    dag = build(document(**changes), [])
    plan = dag.get_task("plan")
    assert "document" not in plan.template_fields
    assert changes["title"] in json.dumps(plan.document, ensure_ascii=False).replace('\\"', '"')


@pytest.mark.parametrize("who", ["alice", "o'neil", "{{ 1 }}", None])
def test_the_account_is_whoever_started_the_run(who: str | None) -> None:
    dag = build(document(), [])
    plan = dag.get_task("plan")
    context = {
        "dag_run": SimpleNamespace(triggering_user_name=who),
        "params": {"cohort": "emphysema", "visibility": "team"},
    }
    plan.render_template_fields(context, dag.get_template_env(force_sandboxed=False))
    assert (plan.account, plan.cohort, plan.visibility) == (who or "", "emphysema", "team")
