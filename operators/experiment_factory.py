"""From a registered specification to an Airflow DAG: steps are structure, cases are data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
from airflow.sdk import DAG, Asset, Param, TaskGroup, get_parsing_context

from operators.evaluate import EvaluateOperator
from operators.experiment import CanaryOperator, PlanRunOperator, PrepareCasesOperator, RunStepOperator
from operators.spec_bundle import CHOICES
from research.experiments import make_plan, parse_spec

PREFIX = "exp_"


def build(document: Mapping[str, Any], cohorts: Sequence[str]) -> DAG:
    """The DAG of one experiment.

    Args:
        document: ``id``, ``spec``, ``owner``, ``team``, ``visibility`` of the registered row.
        cohorts: choices of the form, ``name@version``.
    """
    spec = parse_spec(document["spec"])
    plan = make_plan(spec)
    newest = {choice.partition("@")[0]: choice for choice in reversed(cohorts)}
    default = newest.get(spec.cohort, spec.cohort)
    text = yaml.safe_dump(spec.to_json(), sort_keys=False, allow_unicode=True)
    with DAG(
        dag_id=f"{PREFIX}{spec.name}",
        description=spec.title,
        doc_md=f"{spec.description}\n\n```yaml\n{text}```\n",
        schedule=None,
        catchup=False,
        max_active_runs=2,
        tags=["radflow", "experiment"],
        default_args={"owner": document["owner"], "retries": 2, "retry_delay": timedelta(seconds=5)},
        params={
            "cohort": Param(
                default,
                type="string",
                title="Cohort",
                description="A frozen cohort; what you may not see is refused when the run starts.",
                examples=sorted({default, *cohorts}),
            ),
            "visibility": Param(
                document["visibility"],
                enum=["private", "team", "public"],
                title="Who may see the results",
                description="Never wider than the cohort and the specification.",
            ),
        },
    ) as dag:
        batches = PlanRunOperator(
            task_id="plan",
            document=dict(document),
            cohort="{{ params.cohort }}",
            account="{{ dag_run.triggering_user_name or '' }}",
            visibility="{{ params.visibility }}",
        )
        canary = CanaryOperator(task_id="canary", batches=batches.output)
        prepare = PrepareCasesOperator.partial(task_id="prepare").expand(batch=batches.output)
        batches >> canary >> prepare
        evaluate = EvaluateOperator(
            task_id="evaluate",
            batches=batches.output,
            trigger_rule="all_done",
            outlets=[Asset(f"radflow://experiment/{spec.name}")],
        )
        tasks: dict[str, Any] = {}
        groups: dict[str, TaskGroup] = {}
        for node in plan.nodes:
            if node.step not in groups:
                groups[node.step] = TaskGroup(node.step, tooltip=spec.step(node.step).title)
            tasks[node.id] = RunStepOperator.partial(
                task_id=node.key or "run", node=node.id, task_group=groups[node.step]
            ).expand(batch=batches.output)
            ([tasks[name] for name in node.upstream] or prepare) >> tasks[node.id]
        list(tasks.values()) >> evaluate
        return dag


def load(folder: Path) -> dict[str, DAG]:
    """All DAGs of a folder written by ``SpecBundle``; only the one in question when a worker parses."""
    only = get_parsing_context().dag_id
    cohorts = json.loads((folder / CHOICES).read_text(encoding="utf-8"))["cohorts"]
    found: dict[str, DAG] = {}
    for path in sorted(folder.glob("*.json")):
        if path.name == CHOICES or (only and only != f"{PREFIX}{path.stem}"):
            continue
        dag = build(json.loads(path.read_text(encoding="utf-8")), cohorts)
        found[dag.dag_id] = dag
    return found
