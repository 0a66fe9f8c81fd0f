"""experiment and evaluate: the shipped specification over real volumes, with models that really run."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import SimpleITK as sitk
import yaml
from airflow.sdk.exceptions import AirflowFailException

from operators.cohort import FreezeCohortOperator
from operators.evaluate import EvaluateOperator
from operators.exceptions import DatabaseError
from operators.experiment import CanaryOperator, PlanRunOperator, PrepareCasesOperator, RunStepOperator
from operators.hooks.research_db import ResearchDbHook
from research.errors import SpecError
from research.experiments import load_spec, make_plan
from tests.support import rows
from tests.support.cluster import ROOT
from tests.support.place import OUTSIDER, TEAM, Place, context

CT = {"all": [{"field": "modality", "op": "eq", "value": "CT"}]}
EMPHYSEMA = yaml.safe_load((ROOT / "dags" / "specs" / "emphysema.yaml").read_text(encoding="utf-8"))
COLD = ("recorded_at", "started_at", "ended_at")


@dataclass
class Run:
    """One run of the experiment, task after task as the DAG has them."""

    place: Place
    document: Mapping[str, Any]
    key: str
    account: str = "alice"
    visibility: str = "team"
    cohort: str = "emphysema"

    @property
    def context(self) -> dict[str, Any]:
        return context(dag_id="exp_emphysema", run_id=self.key)

    def plan(self) -> list[dict[str, Any]]:
        operator = PlanRunOperator(
            task_id="plan", document=self.document, cohort=self.cohort, account=self.account,
            visibility=self.visibility,
        )  # fmt: skip
        self.batches = operator.execute(self.context)
        return self.batches

    def canary(self) -> str:
        return CanaryOperator(task_id="canary", batches=self.batches).execute(self.context)

    def steps(self) -> dict[str, int]:
        for batch in self.batches:
            PrepareCasesOperator(task_id="prepare", batch=batch).execute(self.context)
        total: dict[str, int] = {}
        for node in make_plan(load_spec(self.document["spec"])).nodes:
            for batch in self.batches:
                told = RunStepOperator(task_id="run", node=node.id, batch=batch).execute(self.context)
                total = {name: total.get(name, 0) + count for name, count in told.items()}
        return total

    def evaluate(self) -> dict[str, Any]:
        return EvaluateOperator(task_id="evaluate", batches=self.batches).execute(self.context)

    def whole(self) -> dict[str, Any]:
        self.plan()
        self.canary()
        self.counts = self.steps()
        return self.evaluate()

    def table(self, name: str) -> list[str]:
        key = "id" if name == "run" else "run_id"
        found = self.place.database.rows(
            f"select to_jsonb(t) from experiment.{name} t where {key} = %s", self.batches[0]["run"]
        )
        kept = ({k: v for k, v in row.items() if k not in COLD} for (row,) in found)
        return sorted(json.dumps(row, sort_keys=True) for row in kept)

    def everything(self) -> dict[str, list[str]]:
        names = ("run", "run_algorithm", "step_run", "case_result", "metric", "comparison", "picture")
        return {name: self.table(name) for name in names}


def register(place: Place, raw: Mapping[str, Any], owner: str = "alice", visibility: str = "team",
             team: str | None = TEAM) -> dict[str, Any]:  # fmt: skip
    spec = load_spec(raw)
    number = rows.spec(
        place.database, spec.name, owner=owner, visibility=visibility, team=team, text=spec.to_json()
    )
    return {"id": number, "spec": spec.to_json(), "owner": owner, "team": team, "visibility": visibility}


@pytest.fixture(scope="module")
def released(held: Place) -> Place:
    for (uid,) in held.database.rows("select series_uid from catalog.series"):
        rows.release(held.database, uid)
    freeze = FreezeCohortOperator(
        task_id="freeze", cohort="emphysema", rules=CT, account="alice", team=TEAM, visibility="team"
    )
    assert freeze.execute(context())["series"] == 3
    return held


@pytest.fixture(scope="module")
def document(released: Place) -> dict[str, Any]:
    return register(released, EMPHYSEMA | {"chunk_size": 2})


@pytest.fixture(scope="module")
def first(released: Place, document: dict[str, Any]) -> Run:
    run = Run(released, document, "manual__1")
    run.told = run.whole()
    return run


def test_every_arm_and_case_has_a_result_in_postgres(first: Run) -> None:
    assert first.told == {"run": first.batches[0]["run"], "state": "success", "cases": 3, "metrics": 10}
    assert [len(batch["cases"]) for batch in first.batches] == [2, 1]
    assert first.counts == {"ok": 12, "failed": 0, "skipped": 0, "reused": 0}
    found = first.place.database.rows(
        "select arm, count(*), count(value), count(truth) from experiment.case_result group by 1 order by 1"
    )
    assert found == [("laa950", 3, 3, 2), ("mrf", 3, 3, 2)]
    state = first.place.database.rows(
        "select state, reason, owner, team, visibility::text, runtime, case_count, code_version "
        "from experiment.run"
    )
    assert state == [("success", None, "alice", TEAM, "team", "process", 3, "0.1.0+test")]


def test_metrics_have_intervals_and_counts(first: Run) -> None:
    found = first.place.database.rows(
        "select arm, estimate, lower, upper, n_ok, n_total, is_primary from experiment.metric "
        "where name = 'absolute_error' order by arm"
    )
    assert [row[0] for row in found] == ["laa950", "mrf"]
    for _, estimate, lower, upper, n_ok, n_total, primary in found:
        assert 0 <= lower <= estimate <= upper < 0.5
        assert (n_ok, n_total, primary) == (2, 2, True)
    (row,) = first.place.database.rows("select arm_a, arm_b, metric, n from experiment.comparison")
    assert row == ("laa950", "mrf", "absolute_error", 2)


def test_algorithms_pictures_and_outputs_are_recorded_with_their_hashes(first: Run) -> None:
    found = first.place.database.rows(
        "select arm, step, algorithm, digest from experiment.run_algorithm order by 1, 2"
    )
    assert [row[:3] for row in found] == [
        ("", "denoise", "denoise"), ("", "lungs", "lungs"),
        ("laa950", "quantify", "emphysema_laa"), ("mrf", "quantify", "emphysema_mrf"),
    ]  # fmt: skip
    assert all(row[3].startswith("sha256:") for row in found)
    pictures = first.place.database.rows("select name, uri, sha256 from experiment.picture order by 1")
    assert [row[0] for row in pictures] == ["bland_altman", "overlay", "scatter"]
    for _, uri, digest in pictures:
        assert hashlib.sha256(Path(uri.removeprefix("file://")).read_bytes()).hexdigest() == digest
    outputs = first.place.database.rows("select uri, outputs from experiment.step_run where status = 'ok'")
    assert len(outputs) == 12
    for uri, made in outputs:
        for one in made.values():
            path = Path(uri.removeprefix("file://"), one["path"])
            assert hashlib.sha256(path.read_bytes()).hexdigest() == one["sha256"]


def test_the_leaderboard_ranks_the_arms(first: Run) -> None:
    found = first.place.database.rows(
        "select arm, place from experiment.leaderboard order by place, arm",
        role="radflow_portal",
        account="cora",
    )
    assert {row[0] for row in found} == {"laa950", "mrf"}
    assert found[0][1] == 1
    assert first.place.database.rows(
        "select * from experiment.leaderboard", role="radflow_portal", account=OUTSIDER
    ) == []  # fmt: skip


def test_every_task_again_changes_no_row(first: Run) -> None:
    before = first.everything()
    again = Run(first.place, first.document, first.key)
    assert again.whole() == first.told
    assert again.counts["reused"] == 0  # what this very run did is its own, not reused
    assert first.everything() == before


def test_an_empty_mask_costs_the_picture_and_not_the_results(first: Run) -> None:
    before = first.everything()
    found = first.place.database.rows(
        "select uri, outputs from experiment.step_run where run_id = %s and step = 'lungs'",
        first.batches[0]["run"],
    )
    masks = [Path(uri.removeprefix("file://"), made["lung-mask"]["path"]) for uri, made in found]
    saved = {path: path.read_bytes() for path in masks}
    for path in masks:
        sitk.WriteImage(sitk.ReadImage(str(path)) * 0, str(path), useCompression=True)
    try:
        assert first.evaluate() == first.told
    finally:
        for path, content in saved.items():
            path.write_bytes(content)
    pictures = [json.loads(row)["name"] for row in first.table("picture")]
    assert sorted(pictures) == ["bland_altman", "scatter"]
    assert first.evaluate() == first.told
    assert first.everything() == before


def test_a_second_run_reuses_everything_and_executes_nothing(
    first: Run, document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        pytest.fail("a model was started")

    monkeypatch.setattr("operators.steps.run_case", refuse)
    second = Run(first.place, document, "manual__2")
    assert second.whole()["state"] == "success"
    assert second.counts == {"ok": 12, "failed": 0, "skipped": 0, "reused": 12}
    flags = "select distinct reused from experiment.step_run where run_id = %s"
    assert first.place.database.rows(flags, second.batches[0]["run"]) == [(True,)]
    value = "select arm, series_uid, name, value, truth from experiment.case_result where run_id = %s order by 1, 2"
    numbers = [first.place.database.rows(value, run.batches[0]["run"]) for run in (first, second)]
    assert numbers[0] == numbers[1]


def test_a_reused_result_whose_files_changed_is_made_again(first: Run, document: dict[str, Any]) -> None:
    uri, case = first.place.database.rows(
        "select uri, series_uid from experiment.step_run where run_id = %s and step = 'quantify' and arm = 'laa950' "
        "order by 2 limit 1", first.batches[0]["run"]
    )[0]  # fmt: skip
    path = Path(uri.removeprefix("file://")) / "emphysema-fraction.json"
    saved = path.read_text()
    path.write_text("0.999")
    try:
        third = Run(first.place, document, "manual__3")
        assert third.whole()["state"] == "success"
        assert third.counts["reused"] == 11
        value = first.place.database.value(
            "select value from experiment.case_result where run_id = %s and arm = 'laa950' and series_uid = %s",
            third.batches[0]["run"], case,
        )  # fmt: skip
        assert value == json.loads(saved)
    finally:
        path.write_text(saved)


@pytest.mark.parametrize("harm", ["short", "cut", "gone"])
def test_one_broken_series_leaves_a_partial_run_with_a_readable_reason(
    first: Run, released: Place, document: dict[str, Any], harm: str
) -> None:
    run = Run(released, document, f"manual__{harm}")
    run.plan()
    broken = run.batches[1]["cases"][0]
    uri, manifest = released.database.rows(
        "select uri, manifest_sha256 from catalog.series where series_uid = %s", broken
    )[0]
    folder, volume = Path(uri.removeprefix("file://")), released.zone("artifacts") / "volumes" / manifest
    shutil.copytree(folder, folder.with_suffix(".saved"))
    shutil.rmtree(volume)
    last = max(folder.glob("*.dcm"), key=lambda path: path.name)
    try:
        if harm == "short":
            last.unlink()
        elif harm == "cut":
            last.write_bytes(last.read_bytes()[:-400])
        else:
            shutil.rmtree(folder)
        run.canary()
        counts = run.steps()
        assert (counts["ok"], counts["failed"], counts["skipped"]) == (8, 1, 3)
        assert run.evaluate()["state"] == "partial"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        folder.with_suffix(".saved").rename(folder)
    number = run.batches[0]["run"]
    found = released.database.rows(
        "select step, status, reason_code, reason from experiment.step_run "
        "where run_id = %s and status <> 'ok' order by step, arm", number
    )  # fmt: skip
    assert [row[:2] for row in found] == [
        ("denoise", "failed"), ("lungs", "skipped"), ("quantify", "skipped"), ("quantify", "skipped"),
    ]  # fmt: skip
    assert len(found[0][3]) > 30
    assert [row[2] for row in found[1:]] == ["upstream-failed"] * 3
    state, reason = released.database.rows("select state, reason from experiment.run where id = %s", number)[
        0
    ]
    assert (state, reason) == ("partial", "4 of 12 step results are missing.")
    counts = released.database.rows(
        "select distinct n_ok, n_total from experiment.metric where run_id = %s and name = 'absolute_error'",
        number,
    )
    truths = released.database.value("select count(*) from catalog.truth where series_uid = %s", broken)
    assert counts == [(2 - truths, 2)]
    assert released.database.rows("select 1 from experiment.step_run where run_id = %s and reused", number)


def test_a_failing_first_case_stops_the_run(released: Place) -> None:
    raw = copy.deepcopy(EMPHYSEMA) | {"name": "stopped"}
    document = register(released, raw)
    run = Run(released, document, "manual__stopped")
    run.plan()
    case = run.batches[0]["cases"][0]
    uri, manifest = released.database.rows(
        "select uri, manifest_sha256 from catalog.series where series_uid = %s", case
    )[0]
    folder, volume = Path(uri.removeprefix("file://")), released.zone("artifacts") / "volumes" / manifest
    shutil.rmtree(volume, ignore_errors=True)
    kept = {path: path.read_bytes() for path in folder.glob("*.dcm")}
    for path in list(kept)[2:]:
        path.unlink()
    try:
        with pytest.raises(AirflowFailException, match=r"first case failed in step denoise: .{20}"):
            run.canary()
    finally:
        for path, content in kept.items():
            path.write_bytes(content)
    state = "select state, reason from experiment.run where id = %s"
    (told,) = released.database.rows(state, run.batches[0]["run"])
    assert told[0] == "failed"
    assert "first case" in told[1]
    with pytest.raises(AirflowFailException, match="stopped by its first case"):
        run.evaluate()
    assert released.database.rows(state, run.batches[0]["run"]) == [told]
    # Cleared after the repair, the same run goes to its end.
    assert run.whole()["state"] == "success"
    assert released.database.rows(state, run.batches[0]["run"]) == [("success", None)]


def test_an_unplanned_run_is_not_evaluated(released: Place) -> None:
    with pytest.raises(AirflowFailException, match="never planned"):
        EvaluateOperator(task_id="evaluate", batches=None).execute(context())


@pytest.mark.parametrize(("account", "cohort"), [
    (OUTSIDER, "emphysema"), ("alice", "emphysema@9"), ("alice", "no"), ("alice", "emphysema@x"),
    ("alice", "emphysema@1@2"), ("newcomer", "emphysema"),
])  # fmt: skip
def test_what_an_account_may_not_see_is_refused_before_anything_runs(
    released: Place, document: dict[str, Any], account: str, cohort: str
) -> None:
    before = released.database.value("select count(*) from experiment.run")
    run = Run(released, document, "manual__refused", account=account, cohort=cohort)
    with pytest.raises(AirflowFailException, match=f"no cohort {cohort} that {account} may see"):
        run.plan()
    assert released.database.value("select count(*) from experiment.run") == before


def test_a_specification_that_an_account_may_not_see_is_refused(released: Place) -> None:
    hidden = register(released, EMPHYSEMA | {"name": "hidden"}, owner="cora", visibility="private", team=None)
    with pytest.raises(AirflowFailException, match="no experiment hidden that alice may see"):
        Run(released, hidden, "manual__hidden").plan()


@pytest.mark.parametrize(
    ("wanted", "spec_visibility", "given"),
    [
        ("public", "team", "team"),
        ("public", "public", "team"),
        ("team", "private", "private"),
        ("private", "team", "private"),
    ],
)
def test_results_are_never_more_visible_than_their_inputs(
    released: Place, wanted: str, spec_visibility: str, given: str
) -> None:
    name = f"seen_{wanted}_{spec_visibility}"
    team = TEAM if spec_visibility == "team" else None
    document = register(released, EMPHYSEMA | {"name": name}, visibility=spec_visibility, team=team)
    run = Run(released, document, name, visibility=wanted)
    run.plan()
    state = "select visibility::text from experiment.run where id = %s"
    assert released.database.value(state, run.batches[0]["run"]) == given


def test_a_public_cohort_of_a_team_and_a_specification_of_another_team(released: Place) -> None:
    database = released.database
    database.rows("insert into access.team values ('hearts') on conflict do nothing")
    database.rows("insert into access.membership values ('hearts', 'alice') on conflict do nothing")
    shown = rows.release(database, rows.series(database, "everybodys"))
    rows.cohort(database, "open", [shown], owner="alice", visibility="public", team=TEAM)
    document = register(released, EMPHYSEMA | {"name": "hearts"}, visibility="team", team="hearts")
    run = Run(released, document, "manual__hearts", cohort="open")
    run.plan()
    found = database.rows(
        "select team, visibility::text from experiment.run where id = %s", run.batches[0]["run"]
    )
    assert found == [("hearts", "team")]


def test_inputs_of_two_teams_give_private_results(released: Place) -> None:
    database = released.database
    database.rows("insert into access.team values ('hearts') on conflict do nothing")
    database.rows("insert into access.membership values ('hearts', 'alice') on conflict do nothing")
    document = register(released, EMPHYSEMA | {"name": "mixed"}, visibility="team", team="hearts")
    run = Run(released, document, "manual__mixed")
    run.plan()
    assert (
        database.value("select visibility::text from experiment.run where id = %s", run.batches[0]["run"])
        == "private"
    )


def test_a_cleared_run_keeps_the_cohort_it_was_started_with(
    released: Place, document: dict[str, Any]
) -> None:
    run = Run(released, document, "manual__kept")
    before = run.plan()
    (number,) = {batch["run"] for batch in before}
    shown = rows.release(
        released.database, rows.series(released.database, "newer", team=TEAM, visibility="team")
    )
    rows.cohort(
        released.database, "emphysema", [shown], owner="alice", visibility="team", team=TEAM, version=2
    )
    assert run.plan() == before
    fresh = Run(released, document, "manual__fresh")
    assert fresh.plan()[0]["cases"] == [shown]
    assert released.database.value("select case_count from experiment.run where id = %s", number) == 3


def test_a_pinned_digest_that_is_not_installed_is_refused(released: Place) -> None:
    raw = copy.deepcopy(EMPHYSEMA) | {"name": "pinned"}
    raw["steps"][0]["algorithm"] = "denoise@sha256:" + "0" * 64
    document = register(released, raw)
    with pytest.raises(SpecError, match=r"denoise is pinned to sha256:0+, and here it is"):
        Run(released, document, "manual__pinned").plan()


def test_the_database_refuses_a_run_that_shows_too_much(released: Place, first: Run) -> None:
    text = "update experiment.run set visibility = 'public' where id = %(id)s returning id"
    with pytest.raises(DatabaseError, match="a run cannot be public"), ResearchDbHook().transaction() as work:
        work.rows_of("widen", text, {"id": first.batches[0]["run"]})
