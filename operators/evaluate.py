"""evaluate: compare every arm with the truth, once per (run, arm, case, metric), and draw what people look at."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException

from operators import settings
from operators.experiment import task_labels
from operators.hooks.research_db import ResearchDbHook, as_json
from operators.steps import ExperimentRun, prepare_volume
from operators.stores import join, local_path, publish_folder, scratch
from research.comparison import compare_arms
from research.errors import VolumeError
from research.metrics import evaluate
from research.report import bland_altman_svg, results_table, scatter_svg
from research.volumes import overlay_png

MASK_SOCKET = "lung-mask"


class EvaluateOperator(BaseOperator):
    """Write case results, metrics with intervals, comparisons and pictures of a run, all in one transaction.

    A case without a prediction counts as the metric's definition says; the run is then ``partial``.

    Args:
        batches: result of ``PlanRunOperator``.

    Returns:
        ``{"run", "state", "cases", "metrics"}``.

    Raises:
        AirflowFailException: no arm gave anything, or the run was stopped by its canary.
    """

    template_fields = ("batches",)

    def __init__(self, *, batches: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batches: Sequence[Mapping[str, Any]] = batches

    def execute(self, context: Context) -> dict[str, Any]:
        """Read what the steps recorded, judge, store."""
        if not self.batches:
            msg = "The run was never planned; see the task plan."
            raise AirflowFailException(msg)
        run = ExperimentRun.load(self.batches[0]["run"], task_labels(context))
        hook = ResearchDbHook()
        with hook.transaction() as work:
            state = work.row("experiment_run", run_id=run.id)
            rows = work.rows("evaluate_outputs", run_id=run.id)
            members = work.rows("evaluate_members", run_id=run.id)
            truth_rows = work.rows("evaluate_truths", run_id=run.id)
        patients = {row["series_uid"]: row["patient"] for row in members}
        seen = {row["series_uid"] for row in rows}
        if state is not None and state["state"] == "failed" and len(seen) < min(2, len(patients)):
            msg = f"The run was stopped by its first case: {state['reason']}"
            raise AirflowFailException(msg)
        predictions = _predictions(run, rows)
        truths = {
            one.name: {row["series_uid"]: row["value"] for row in truth_rows if row["name"] == one.key}
            for one in run.spec.truths
        }
        metrics = evaluate(run.spec.metrics, predictions, truths, patients, run.spec.seed)
        comparisons = compare_arms(run.spec.primary, predictions, truths, patients, run.spec.seed)
        expected = len(run.plan.nodes) * len(patients)
        whole = sum(row["status"] == "ok" for row in rows)
        read = {name for node in run.plan.nodes for name in node.upstream}
        ends = {(node.key, node.step) for node in run.plan.nodes if node.id not in read}
        ended = (
            "success"
            if whole == expected
            else "partial"
            if any(row["status"] == "ok" and (row["arm"], row["step"]) in ends for row in rows)
            else "failed"
        )
        told = None if ended == "success" else f"{expected - whole} of {expected} step results are missing."
        pictures = self._pictures(run, predictions, truths, rows)
        with hook.transaction() as work:
            work.execute("evaluate_clear_cases", run_id=run.id)
            work.each("evaluate_case", _case_rows(run, predictions, truths, patients))
            work.execute("evaluate_clear_metrics", run_id=run.id)
            work.each("evaluate_metric", ({"run_id": run.id} | _metric_row(row.to_dict()) for row in metrics))
            work.execute("evaluate_clear_comparisons", run_id=run.id)
            work.each("evaluate_comparison", ({"run_id": run.id} | vars(row) for row in comparisons))
            work.execute("evaluate_clear_pictures", run_id=run.id)
            work.each("evaluate_picture", ({"run_id": run.id} | row for row in pictures))
            work.execute("experiment_end", run_id=run.id, state=ended, reason=told)
        for line in results_table(metrics, comparisons).splitlines():
            self.log.info("%s", line)
        if ended == "failed":
            msg = "No arm came to an end for any case; the steps' records say why."
            raise AirflowFailException(msg)
        return {"run": run.id, "state": ended, "cases": len(patients), "metrics": len(metrics)}

    def _pictures(
        self, run: ExperimentRun, predictions: Mapping[str, Any], truths: Mapping[str, Any],
        rows: Sequence[Mapping[str, Any]],
    ) -> list[dict[str, Any]]:  # fmt: skip
        uri = join(settings.artifacts_uri(), run.spec.name, str(run.id), "pictures")
        primary = run.spec.primary
        truth = truths[primary.truth]
        unit = next(one.unit for one in run.spec.truths if one.name == primary.truth)
        points = {
            arm: {
                case: (truth[case], value)
                for case, value in found.get(primary.prediction, {}).items()
                if case in truth and isinstance(value, int | float)
            }
            for arm, found in predictions.items()
        }
        made: list[dict[str, Any]] = []
        with scratch("pictures") as folder:
            out = folder / "out"
            out.mkdir()

            def keep(
                name: str, file: str, title: str, media_type: str, series_uid: str | None = None
            ) -> None:
                digest = hashlib.sha256((out / file).read_bytes()).hexdigest()
                made.append(
                    {
                        "name": name, "title": title, "media_type": media_type, "uri": f"{uri}/{file}",
                        "sha256": digest, "series_uid": series_uid,
                    }
                )  # fmt: skip

            if any(points.values()):
                pairs = {arm: list(found.values()) for arm, found in points.items()}
                (out / "scatter.svg").write_text(scatter_svg(pairs, unit=unit), encoding="utf-8")
                keep("scatter", "scatter.svg", "Prediction against truth", "image/svg+xml")
                (out / "bland_altman.svg").write_text(bland_altman_svg(pairs, unit=unit), encoding="utf-8")
                keep(
                    "bland_altman",
                    "bland_altman.svg",
                    "Difference against truth (Bland-Altman)",
                    "image/svg+xml",
                )
            shown = _mask_of(rows)
            if shown is not None:
                case, mask = shown
                try:
                    overlay_png(prepare_volume(case)[0], mask, out / "overlay.png")
                except VolumeError as error:  # an empty mask costs a picture, not the results
                    self.log.warning("no picture of the lungs: %s", error)
                else:
                    keep("overlay", "overlay.png", "Axial slice with the lung mask", "image/png", case)
            publish_folder(out, uri)
        return made


def _predictions(
    run: ExperimentRun, rows: Sequence[Mapping[str, Any]]
) -> dict[str, dict[str, dict[str, Any]]]:
    """Arm -> ``step.slug`` -> case -> value, for every output that holds a value."""
    found: dict[str, dict[str, dict[str, Any]]] = {arm: {} for arm in run.plan.arms}
    for arm in run.plan.arms:
        for step in run.spec.steps:
            node = run.plan.node(step.name, arm)
            for row in rows:
                if row["status"] != "ok" or (row["arm"], row["step"]) != (node.key, node.step):
                    continue
                for slug, output in row["outputs"].items():
                    if output.get("value") is not None:
                        found[arm].setdefault(f"{step.name}.{slug}", {})[row["series_uid"]] = output["value"]
    return found


def _case_rows(
    run: ExperimentRun, predictions: Mapping[str, Any], truths: Mapping[str, Any], patients: Mapping[str, str]
) -> list[dict[str, Any]]:
    wanted = {(metric.prediction, metric.truth) for metric in run.spec.metrics}
    return [
        {
            "run_id": run.id, "arm": arm, "series_uid": case, "name": prediction,
            "value": found.get(prediction, {}).get(case), "truth": truths[truth].get(case),
        }
        for arm, found in predictions.items()
        for prediction, truth in sorted(wanted)
        for case in patients
    ]  # fmt: skip


def _metric_row(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"details": as_json(row["details"])}


def _mask_of(rows: Sequence[Mapping[str, Any]]) -> tuple[str, Path] | None:
    """A case with a lung mask whose file is still there."""
    for row in rows:
        output = row["outputs"].get(MASK_SOCKET) if row["status"] == "ok" else None
        place = local_path(row["uri"]) if output else None
        if output and place is not None and (place / output["path"]).is_file():
            return row["series_uid"], place / output["path"]
    return None
