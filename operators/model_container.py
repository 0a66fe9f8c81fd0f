"""One model on one case as an Airflow task that survives the death of its worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, ResumableJobMixin

from operators.runtimes import CaseRun, JobState, Runtime, StepRecord, detect_runtime, get_runtime
from research.algorithms import Algorithm, Resources, load_algorithm, load_algorithms
from research.errors import AlgorithmError, StepError

if TYPE_CHECKING:
    from airflow.sdk import Context


class ModelContainerOperator(ResumableJobMixin, BaseOperator):
    """Run one algorithm on one case and keep its checked outputs.

    A worker that dies leaves the container running; the next try finds it through the task's state store, or
    by its labels, and goes on with it. The same inputs and the same image never run twice: the outputs of an
    earlier run are verified and handed back.

    Args:
        algorithm: name of a shipped algorithm, or the path of an algorithm's folder. (templated)
        inputs: per input slug a path or a JSON value. (templated)
        output_folder: made when all outputs are checked. (templated)
        image: image reference; the algorithm's own where omitted. (templated)
        runtime: ``docker``, ``process`` or ``auto``. (templated)
        docker_conn_id: connection of the engine; the environment's engine where omitted.
        limits: overrides of the declared resources, e.g. ``{"memory_mb": 4096}``.

    Returns (XCom):
        ``{"algorithm", "digest", "runtime", "reused", "duration_s", "paths", "sha256", "values"}``.

    Raises:
        StepError: the case failed; ``code`` is one of the fixed codes.
    """

    external_id_key = "radflow_job"
    template_fields: Sequence[str] = ("algorithm", "inputs", "output_folder", "image", "runtime")
    ui_color = "#d9f0d3"

    def __init__(
        self,
        *,
        algorithm: str,
        inputs: Mapping[str, Any],
        output_folder: str,
        image: str | None = None,
        runtime: str = "auto",
        docker_conn_id: str | None = None,
        limits: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.algorithm = algorithm
        self.inputs = inputs
        self.output_folder = output_folder
        self.image = image
        self.runtime = runtime
        self.docker_conn_id = docker_conn_id
        self.limits = limits
        self._run: CaseRun | None = None
        self._handle: str | None = None
        self._record: StepRecord | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the case, or go on with what an earlier try has started."""
        self._run = run = self._case(context)
        if (earlier := run.earlier()) is not None:
            self.log.info("The outputs are there already and were verified.")
            return self._told(earlier)
        self.execute_resumable(context)
        return self.get_job_result(self._handle, context)

    def submit_job(self, context: Context) -> str:
        """Start the case; a job whose worker died before it could note it is found by its labels."""
        run = self._case(context)
        self._handle = run.running() or run.start()
        self.log.info("Started %s on the %s runtime.", run.spec.image, run.runtime.name)
        return self._handle

    def poll_until_complete(self, external_id: Any, context: Context) -> None:
        """Wait for the job, passing its lines to the task's log, and keep its outputs."""
        run, self._handle = self._case(context), str(external_id)
        self._record = run.finish(self._handle, lambda line: self.log.info("%s", line))
        self._handle = None

    def get_job_status(self, external_id: Any, context: Context) -> str:
        """The state of the job, for the mixin; a job whose work folder is gone cannot be gone on with."""
        run = self._case(context)
        state = run.runtime.state(str(external_id))
        return state.value if run.spec.output_dir.is_dir() else JobState.UNKNOWN.value

    def is_job_active(self, status: str) -> bool:
        """Whether to reconnect; a job that ended well meanwhile also has its outputs still to be kept."""
        return status in (JobState.ACTIVE, JobState.SUCCEEDED)

    def is_job_succeeded(self, status: str) -> bool:
        """Never: outputs are kept by ``poll_until_complete`` alone."""
        return False

    def get_job_result(self, external_id: Any, context: Context) -> dict[str, Any]:
        """What was kept in the output folder."""
        record = self._record or self._case(context).earlier()
        if record is None:
            reason = "The outputs of the finished job are not in the output folder."
            raise StepError(reason, "Clear the task to run it again.", code="missing-output")
        return self._told(record)

    def on_kill(self) -> None:
        """End the job within the 5 seconds that Airflow grants."""
        if self._run is not None and self._handle is not None:
            self._run.runtime.cancel(self._handle)
            self._run.runtime.remove(self._handle)

    def _case(self, context: Context) -> CaseRun:
        if self._run is None:
            algorithm = self._algorithm()
            limits = None
            if self.limits:
                declared = vars(algorithm.resources)
                limits = Resources(**{**declared, **self.limits})
            self._run = CaseRun(
                runtime=self._runtime(self.image or algorithm.image),
                algorithm=algorithm,
                case_inputs=self.inputs,
                output_folder=Path(self.output_folder),
                image=self.image,
                limits=limits,
                labels=_labels(context),
            )
        return self._run

    def _algorithm(self) -> Algorithm:
        folder = Path(self.algorithm)
        if folder.is_absolute():
            return load_algorithm(folder)
        known = load_algorithms()
        if self.algorithm not in known:
            reason = f"There is no algorithm {self.algorithm!r}."
            raise AlgorithmError(reason, f"Use one of {', '.join(known)}, or the absolute path of a folder.")
        return known[self.algorithm]

    def _runtime(self, image: str) -> Runtime:
        choice = detect_runtime([image], self.runtime, conn_id=self.docker_conn_id)
        self.log.info("%s", choice.reason)
        return get_runtime(choice.name, conn_id=self.docker_conn_id)

    def _told(self, record: StepRecord) -> dict[str, Any]:
        folder = Path(self.output_folder)
        outputs = record.outputs.values()
        return {
            "algorithm": f"{record.algorithm}:{record.version}",
            "digest": record.digest,
            "runtime": record.runtime,
            "reused": record.reused,
            "duration_s": record.duration_s,
            "paths": {output.slug: str(folder / output.path) for output in outputs},
            "sha256": {output.slug: output.sha256 for output in outputs},
            "values": {output.slug: output.value for output in outputs if output.value is not None},
        }


def _labels(context: Context) -> dict[str, str]:
    """Who started the job, so that orphans can be found; empty outside a real task."""
    task = context.get("ti")
    if task is None:
        return {}
    names = ("dag_id", "run_id", "task_id", "map_index", "try_number")
    return {f"airflow.{name}": str(getattr(task, name)) for name in names}
