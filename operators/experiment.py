"""experiment: a registered specification over a frozen cohort, one task group per step, chunks of cases mapped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException

from operators import settings
from operators.hooks.research_db import ResearchDbHook, as_json
from operators.registry import register
from operators.runtimes import detect_runtime, get_runtime
from operators.steps import ExperimentRun, algorithm_digest, prepare_volume, run_node
from research.algorithms import load_algorithms
from research.errors import AccessError, SpecError, VolumeError
from research.experiments import ExperimentSpec, chunks, make_plan, parse_spec


def task_labels(context: Context) -> dict[str, str]:
    """Labels by which a container is traced back to its task."""
    ti = context["ti"]
    return {
        "airflow.dag_id": ti.dag_id,
        "airflow.run_id": ti.run_id,
        "airflow.task_id": ti.task_id,
        "airflow.map_index": str(ti.map_index),
        "airflow.try": str(ti.try_number),
    }


class PlanRunOperator(BaseOperator):
    """Bind a specification to a cohort and a runtime, refuse what cannot run, and cut the cases into chunks.

    Args:
        document: the specification's row as the DAG bundle wrote it (``id``, ``spec``, ``team``, ``visibility``).
        cohort: ``name`` (newest version) or ``name@version``.
        account: who started the run; must be allowed to see cohort and specification.
        visibility: of the results; narrowed to what the inputs allow.

    Returns:
        One mapping per chunk: ``{"run": id, "cases": [series UIDs]}``.
    """

    template_fields = ("cohort", "account", "visibility")

    def __init__(
        self,
        *,
        document: Mapping[str, Any],
        cohort: str,
        account: str,
        visibility: str = "private",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.document = document
        self.cohort = cohort
        self.account = account
        self.visibility = visibility

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Everything that can be refused is refused here, before anything runs."""
        algorithms = load_algorithms()
        spec = parse_spec(self.document["spec"], algorithms)
        used = {name.partition("@")[0]: algorithms[name.partition("@")[0]] for name in spec.algorithms}
        choice = detect_runtime([one.image for one in used.values()], settings.runtime())
        self.log.info("runtime: %s. %s", choice.name, choice.reason)
        runtime = get_runtime(choice.name)
        digests = {name: algorithm_digest(runtime, one) for name, one in used.items()}
        _check_pins(spec, digests)
        hook = ResearchDbHook()
        dag_run = context["dag_run"]
        # A run that no person triggered is the specification owner's.
        self.account = self.account or self.document["owner"]
        name, _, version = self.cohort.partition("@")
        number = (int(version) if version.isdecimal() else -1) if version else None
        with hook.transaction() as work:
            work.execute("account_known", account=self.account)
            started = work.row(
                "experiment_started", dag_id=dag_run.dag_id, dag_run_id=dag_run.run_id, name=name
            )
        if started is not None:  # a cleared run keeps its cases, whatever was frozen since
            number = started["version"]
        with hook.transaction(seen_by=self.account) as work:
            cohort = work.row("experiment_cohort", name=name, version=number)
            visible = work.row("experiment_spec_visible", spec_id=self.document["id"])
            members = work.rows("experiment_cohort_members", cohort_id=cohort["id"]) if cohort else []
        if cohort is None or visible is None:
            what = f"cohort {self.cohort}" if cohort is None else f"experiment {spec.name}"
            msg = f"There is no {what} that {self.account} may see."
            raise AirflowFailException(str(AccessError(msg, "Check the name, or ask its owner to share it.")))
        cases = [row["series_uid"] for row in members]
        with hook.transaction() as work:
            register(work, used, digests, self.account, visibility="private")
            run = work.row(
                "experiment_start", spec_id=self.document["id"], cohort_id=cohort["id"], dag_id=dag_run.dag_id,
                dag_run_id=dag_run.run_id, owner=self.account,
                visibility=self.visibility, runtime=choice.name, runtime_reason=choice.reason,
                code_version=settings.code_version(), case_count=len(cases),
                parameters=as_json({"cohort": f"{name}@{cohort['version']}", "seed": spec.seed}),
            )  # fmt: skip
            assert run is not None  # noqa: S101 - insert ... returning
            for node in make_plan(spec).nodes:
                algorithm = node.algorithm.partition("@")[0]
                work.execute(
                    "experiment_run_algorithm", run_id=run["id"], arm=node.key, step=node.step,
                    algorithm=algorithm, digest=digests[algorithm],
                )  # fmt: skip
        self.log.info(
            "run %d: %s over %s@%d, %d cases", run["id"], spec.name, name, cohort["version"], len(cases)
        )
        return [{"run": run["id"], "cases": list(chunk)} for chunk in chunks(cases, spec.chunk_size)]


def _check_pins(spec: ExperimentSpec, digests: Mapping[str, str]) -> None:
    for step in spec.steps:
        for arm in step.arms:
            if arm.pin and not digests[arm.algorithm_name].startswith(arm.pin):
                msg = f"Step {step.name} asks for {arm.algorithm}, but {digests[arm.algorithm_name][:19]} is installed."
                raise SpecError(
                    msg, "Install that version, or register the specification with the new digest."
                )


class CanaryOperator(BaseOperator):
    """Run the first case through every step alone; a failure there stops the run before the rest starts.

    Args:
        batches: result of ``PlanRunOperator``.
    """

    template_fields = ("batches",)

    def __init__(self, *, batches: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batches: Sequence[Mapping[str, Any]] = batches

    def execute(self, context: Context) -> str:
        """Every node in order; later tasks find these results and do not run them again."""
        run = ExperimentRun.load(self.batches[0]["run"], task_labels(context))
        case = self.batches[0]["cases"][0]
        for node in run.plan.nodes:
            if run_node(run, node, [case])["ok"]:
                continue
            with ResearchDbHook().transaction() as work:
                row = work.row(
                    "experiment_case_reason", run_id=run.id, arm=node.key, step=node.step, series_uid=case
                )
                told = f"The first case failed in step {node.step}: {row['reason'] if row else 'no record'}"
                work.execute("experiment_end", run_id=run.id, state="failed", reason=told)
            raise AirflowFailException(told)
        return str(case)


class PrepareCasesOperator(BaseOperator):
    """Turn each case's DICOM series into one volume file, once per series content.

    A series that is not one regular volume does not stop the others: its steps record why.

    Args:
        batch: one chunk of ``PlanRunOperator``'s result.
    """

    template_fields = ("batch",)

    def __init__(self, *, batch: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batch = batch

    def execute(self, context: Context) -> dict[str, int]:
        """Case after case."""
        ready = 0
        for number, series_uid in enumerate(self.batch["cases"], 1):
            try:
                prepare_volume(series_uid)
                ready += 1
            except VolumeError as error:
                self.log.warning("case %d of %d: %s", number, len(self.batch["cases"]), error)
        return {"ready": ready, "of": len(self.batch["cases"])}


class RunStepOperator(BaseOperator):
    """Run one step of one arm over one chunk of cases.

    Args:
        node: id of the node in the plan (step, and arm where they differ).
        batch: one chunk of ``PlanRunOperator``'s result.

    Returns:
        Number of cases per status, and how many results were reused.
    """

    template_fields = ("batch",)

    def __init__(self, *, node: str, batch: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.node = node
        self.batch = batch

    def execute(self, context: Context) -> dict[str, int]:
        """Failures of cases are rows; only a broken platform fails the task."""
        run = ExperimentRun.load(self.batch["run"], task_labels(context))
        return run_node(run, run.node(self.node), self.batch["cases"])
