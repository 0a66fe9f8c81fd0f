"""One case through one step: prepare ``/input``, run, check ``/output``, keep it by rename, say what was.

The runner writes the record; nothing in it is taken from the container but its output files and the last
line of its standard error. A killed task leaves a work folder and perhaps a running job: the next try finds
both and goes on with them, or discards them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from operators.runtimes.base import ContainerSpec, JobState, RunRecord, Runtime
from operators.runtimes.record import RECORD_FILE, StepRecord, read_record
from research.algorithms import Algorithm, Resources, fingerprint
from research.errors import StepError
from research.sockets import file_sha256, hash_inputs, read_outputs, write_inputs

_CASE_LABEL, _FINGERPRINT_LABEL = "radflow.case", "radflow.fingerprint"
_LONGEST_LOOK_S = 0.2


def run_case(
    runtime: Runtime,
    algorithm: Algorithm,
    image: str | None,
    case_inputs: Mapping[str, Any],
    output_folder: Path,
    limits: Resources | None = None,
    *,
    labels: Mapping[str, str] | None = None,
    on_log: Callable[[str], None] | None = None,
    on_start: Callable[[str], None] | None = None,
) -> StepRecord:
    """Run one case; every failure of the case ends in the record, not in an exception.

    Args:
        runtime: where to run.
        algorithm: what to run.
        image: image reference; None for the algorithm's own.
        case_inputs: per input slug a path or a JSON value.
        output_folder: made by rename when all outputs are checked; an older one is replaced.
        limits: None for what the algorithm declares.
        labels: for finding the job again, e.g. ``airflow.dag_id``.
        on_log: receives each line of the algorithm's output as it comes (from another thread).
        on_start: receives the handle of the running job, for ``on_kill``.

    Raises:
        AlgorithmError: the process runtime was asked for an image without source, or for a GPU.
    """
    run = CaseRun(runtime, algorithm, case_inputs, output_folder, image, limits, labels or {})
    try:
        if (earlier := run.earlier()) is not None:
            return earlier
        handle = run.running() or run.start()
        if on_start is not None:
            on_start(handle)
        return run.finish(handle, on_log)
    except StepError as error:
        return run.failed(error)


@dataclass
class CaseRun:
    """The stages of ``run_case``, for callers that must come between them (crash-safe operators)."""

    runtime: Runtime
    algorithm: Algorithm
    case_inputs: Mapping[str, Any]
    output_folder: Path
    image: str | None = None
    limits: Resources | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    started_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))

    @property
    def work(self) -> Path:
        """Scratch folder beside the output folder: the same for every try, and on the same file system."""
        return self.output_folder.parent / f".{self.output_folder.name}.work"

    @cached_property
    def spec(self) -> ContainerSpec:
        """What the runtime is asked to run."""
        limits = self.limits or self.algorithm.resources
        return ContainerSpec(
            image=self.image or self.algorithm.image,
            input_dir=self.work / "input",
            output_dir=self.work / "output",
            source_dir=self.algorithm.folder,
            entry_point=self.algorithm.entry_point,
            source_digest=self.algorithm.digest,
            python_path=self.algorithm.helpers,
            memory_mb=limits.memory_mb,
            cpus=limits.cpus,
            gpus=limits.gpus,
            time_limit_s=limits.time_limit_s,
        )

    @cached_property
    def digest(self) -> str:
        """Digest of what would run; StepError ``engine-error`` where the engine has no such image."""
        return self.runtime.digest(self.spec)

    @cached_property
    def input_hashes(self) -> dict[str, str]:
        """SHA-256 per input slug; StepError ``missing-input``."""
        return hash_inputs(self.algorithm.inputs, self.case_inputs)

    @cached_property
    def fingerprint(self) -> str:
        """Key of the result: same code, same inputs."""
        return fingerprint(self.digest, self.input_hashes)

    @property
    def job_labels(self) -> dict[str, str]:
        """Labels by which a later try finds this very job."""
        case = hashlib.sha256(str(self.output_folder.resolve()).encode()).hexdigest()[:32]
        return {_CASE_LABEL: case, _FINGERPRINT_LABEL: self.fingerprint}

    def earlier(self) -> StepRecord | None:
        """The verified result of an earlier run with the same fingerprint, or None."""
        record = read_record(self.output_folder)
        if record is None or record.fingerprint != self.fingerprint:
            return None
        for output in record.outputs.values():
            path = self.output_folder / output.path
            if not path.is_file() or file_sha256(path) != output.sha256:
                return None
        return replace(record, reused=True)

    def running(self) -> str | None:
        """The job of an earlier try that can be gone on with; all others of this case are removed."""
        kept = None
        mine = set(self.runtime.find(self.job_labels))
        for handle in self.runtime.find({_CASE_LABEL: self.job_labels[_CASE_LABEL]}):
            usable = self.runtime.state(handle) in (JobState.ACTIVE, JobState.SUCCEEDED)
            if kept is None and handle in mine and usable and self.spec.output_dir.is_dir():
                kept = handle
            else:
                self.runtime.remove(handle)
        return kept

    def start(self) -> str:
        """Make a fresh work folder and start the job."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True, mode=0o700)
        write_inputs(self.spec.input_dir, self.algorithm.inputs, self.case_inputs)
        self.spec.output_dir.mkdir()
        # The model runs as another user than root; the folder above keeps everybody else out.
        self.spec.output_dir.chmod(0o777)
        return self.runtime.submit(replace(self.spec, labels={**self.labels, **self.job_labels}))

    def finish(self, handle: str, on_log: Callable[[str], None] | None = None) -> StepRecord:
        """Wait for the job, check and keep its outputs; the job and the work folder are gone afterwards.

        Raises:
            StepError: with one of the fixed codes; ``failed`` makes a record of it.
        """
        try:
            self.wait(handle, on_log)
            result = self.runtime.result(handle)
            self.record = self._record(result)
            if (error := _failure(self.algorithm, self.spec, result)) is not None:
                raise error
            outputs = read_outputs(self.spec.output_dir, self.algorithm.outputs)
            self.record = replace(self.record, outputs=outputs)
            self._keep()
            return self.record
        finally:
            self.runtime.remove(handle)
            shutil.rmtree(self.work, ignore_errors=True)

    def wait(self, handle: str, on_log: Callable[[str], None] | None = None) -> None:
        """Look until the job has ended (each look keeps the time limit), passing its lines on meanwhile."""
        reader = None
        if on_log is not None:
            reader = threading.Thread(target=self._pass_on, args=(handle, on_log), daemon=True)
            reader.start()
        pause = 0.02
        while self.runtime.state(handle) is JobState.ACTIVE:
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_LOOK_S)
        if reader is not None:
            reader.join(timeout=10)

    def failed(self, error: StepError) -> StepRecord:
        """The record of a case that ended with this error."""
        known = getattr(self, "record", None) or self._record(
            RunRecord(runtime=self.runtime.name, digest="", state=JobState.FAILED, exit_code=None)
        )
        told = {"code": error.code, "message": error.reason, "instruction": error.instruction}
        return replace(known, status="failed", outputs={}, **told)

    def _pass_on(self, handle: str, on_log: Callable[[str], None]) -> None:
        for line in self.runtime.follow_logs(handle):
            on_log(line)

    def _record(self, result: RunRecord) -> StepRecord:
        known = self.__dict__  # cached properties that could be worked out so far
        return StepRecord(
            status="succeeded",
            algorithm=self.algorithm.name,
            version=self.algorithm.version,
            image=self.spec.image,
            digest=result.digest or known.get("digest", ""),
            runtime=result.runtime,
            fingerprint=known.get("fingerprint", ""),
            started_at=self.started_at,
            exit_code=result.exit_code,
            duration_s=result.duration_s,
            peak_memory_mb=result.peak_memory_mb,
            inputs=known.get("input_hashes", {}),
        )

    def _keep(self) -> None:
        """Move the owed files, and nothing else, to the output folder by one rename."""
        final, old = self.work / "final", self.work / "old"
        for output in self.record.outputs.values():
            target = final / output.path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.spec.output_dir / output.path, target)
            if file_sha256(target) != output.sha256:
                reason = f"The output {output.slug} changed while it was read."
                raise StepError(
                    reason, "Let the algorithm end its child processes.", code="unreadable-output"
                )
        (final / RECORD_FILE).write_text(json.dumps(self.record.to_dict(), indent=1, allow_nan=False) + "\n")
        final.chmod(0o755)
        if self.output_folder.exists():
            self.output_folder.replace(old)
        final.replace(self.output_folder)


def _failure(algorithm: Algorithm, spec: ContainerSpec, result: RunRecord) -> StepError | None:
    """The one sentence for a job that did not end well; None where it did."""
    name = algorithm.title
    if result.state is JobState.SUCCEEDED:
        return None
    if result.timed_out:
        reason = f"{name} ran longer than its limit of {spec.time_limit_s:g} s."
        return StepError(
            reason, "Raise time_limit_s, or look for a case that is out of proportion.", code="time-limit"
        )
    if result.out_of_memory:
        reason = f"{name} needed more than its limit of {spec.memory_mb} MiB of memory."
        return StepError(reason, "Raise memory_mb, or use smaller volumes.", code="out-of-memory")
    if result.exit_code is None:
        reason = f"The job of {name} vanished before it ended."
        return StepError(reason, "Run the task again.", code="engine-error")
    words = f": {result.last_error_line}" if result.last_error_line else " without a word on standard error."
    reason = f"{name} ended with exit code {result.exit_code}{words}"
    return StepError(reason, "Read the task's log from its end upwards.", code="exit-code")
