"""Run one node of an experiment over cases: find inputs, reuse what is known, run the rest, record each case.

Shared by the operators in ``operators.experiment``; every function is safe to run twice.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from operators import settings
from operators.hooks.research_db import ResearchDbHook, as_json
from operators.runtimes import CaseRun, Runtime, StepRecord, get_runtime, run_case
from operators.stores import join, local_copy, local_path
from research.algorithms import Algorithm, load_algorithms
from research.attributes import manifest_sha256
from research.errors import SettingsError, StepError, VolumeError
from research.experiments import ExperimentSpec, Plan, StepNode, make_plan, parse_spec
from research.sockets import file_sha256
from research.volumes import series_to_mha

log = logging.getLogger(__name__)
VOLUME_SOCKET = "ct-image"


@dataclass(frozen=True)
class ExperimentRun:
    """What every task of a run needs to know, read from the database."""

    id: int
    spec: ExperimentSpec
    runtime_name: str
    labels: Mapping[str, str]

    @classmethod
    def load(cls, run_id: int, labels: Mapping[str, str]) -> ExperimentRun:
        """The run and the specification text it is bound to."""
        with ResearchDbHook().transaction() as work:
            row = work.row("experiment_run", run_id=run_id)
        if row is None:
            msg = f"There is no experiment run {run_id}."
            raise SettingsError(msg, "Start the experiment again.")
        return cls(run_id, parse_spec(row["spec"], load_algorithms()), row["runtime"], labels)

    @cached_property
    def plan(self) -> Plan:
        """Arms and nodes."""
        return make_plan(self.spec)

    @cached_property
    def algorithms(self) -> Mapping[str, Algorithm]:
        """The installed algorithms by name."""
        return load_algorithms()

    @cached_property
    def runtime(self) -> Runtime:
        """Where this run's models run: decided once, in its first task."""
        return get_runtime(self.runtime_name)

    def node(self, node_id: str) -> StepNode:
        """A node of the plan by its id."""
        return next(node for node in self.plan.nodes if node.id == node_id)

    def algorithm(self, node: StepNode) -> Algorithm:
        """The algorithm of a node."""
        return self.algorithms[node.algorithm.partition("@")[0]]

    def folder(self, node: StepNode, series_uid: str) -> Path:
        """Output folder of one case; a local disk, since engines mount it."""
        uri = join(settings.artifacts_uri(), self.spec.name, str(self.id), node.id, series_uid)
        path = local_path(uri)
        if path is None:
            msg = f"artifacts_uri {settings.artifacts_uri()} is not a local folder."
            raise SettingsError(
                msg, "The docker and process runtimes need a file:// URI that the engine can mount."
            )
        return path


def algorithm_digest(runtime: Runtime, algorithm: Algorithm) -> str:
    """What exactly would run.

    Raises:
        StepError: the engine has no such image.
    """
    return CaseRun(runtime, algorithm, {}, Path("unused")).digest


def prepare_volume(series_uid: str) -> tuple[Path, str]:
    """The series as one volume file, made once per series content. Returns path and sha256.

    Raises:
        VolumeError: the series is not one regular volume.
    """
    with ResearchDbHook().transaction() as work:
        row = work.row("experiment_series", series_uid=series_uid)
    if row is None:
        msg = f"Series {series_uid} is not in the catalog any more."
        raise VolumeError(msg, "Freeze the cohort again.")
    place = local_path(join(settings.artifacts_uri(), "volumes", row["manifest_sha256"]))
    if place is None:
        msg = f"artifacts_uri {settings.artifacts_uri()} is not a local folder."
        raise SettingsError(msg, "Use a file:// URI that the engine can mount.")
    target = place / "ct-image.mha"
    if not target.exists():
        place.mkdir(parents=True, exist_ok=True)
        try:
            with local_copy(row["uri"]) as folder:
                info = series_to_mha(_as_catalogued(folder, row["manifest_sha256"]), target)
        except SettingsError as error:
            raise VolumeError(error.reason, error.instruction) from None
        log.info("volume %s: %s voxels, %s mm", series_uid, info.shape, info.spacing)
    return target, file_sha256(target)


def _as_catalogued(folder: Path, manifest: str) -> list[Path]:
    """The series' files, if they are those that entered the catalog: a short series is a regular volume, too."""
    files = sorted(folder.glob("*.dcm"))
    if manifest_sha256([(path.stem, file_sha256(path)) for path in files]) != manifest:
        msg = (
            f"The {len(files)} files of the series in the research store are not those that were catalogued."
        )
        raise VolumeError(msg, "Restore them from a backup; the store is written once.")
    return files


def run_node(run: ExperimentRun, node: StepNode, cases: Sequence[str]) -> dict[str, int]:
    """Run one node over cases; a failed case is recorded and does not stop the others.

    Returns:
        Number of cases per status, and how many were reused.
    """
    counts = {"ok": 0, "failed": 0, "skipped": 0, "reused": 0}
    for number, series_uid in enumerate(cases, 1):
        row = _one(run, node, series_uid)
        with ResearchDbHook().transaction() as work:
            work.execute("experiment_step_run", **row)
        counts[row["status"]] += 1
        counts["reused"] += bool(row["reused"])
        told = row["reason"] or ("reused" if row["reused"] else f"{row['duration_s'] or 0:.1f} s")
        log.info("%s, case %d of %d: %s (%s)", node.id, number, len(cases), row["status"], told)
    return counts


def _one(run: ExperimentRun, node: StepNode, series_uid: str) -> dict[str, Any]:
    base = {
        "run_id": run.id, "arm": node.key, "step": node.step, "series_uid": series_uid, "reason_code": None,
        "reason": None, "fingerprint": None, "reused": False, "runtime": run.runtime_name, "digest": None,
        "exit_code": None, "duration_s": None, "peak_memory_mb": None, "inputs": "{}", "outputs": "{}", "uri": None,
    }  # fmt: skip
    try:
        inputs = _inputs(run, node, series_uid)
    except StepError as error:
        return base | {"status": "skipped", "reason_code": error.code, "reason": error.reason}
    except VolumeError as error:
        return base | {"status": "failed", "reason_code": error.code, "reason": str(error)}
    algorithm = run.algorithm(node)
    folder = run.folder(node, series_uid)
    case = CaseRun(run.runtime, algorithm, inputs, folder)
    try:
        known = _known(case.fingerprint, run.id)
        record = (
            None
            if known
            else run_case(run.runtime, algorithm, None, inputs, folder, labels=run.labels, on_log=log.info)
        )
    except StepError as error:
        return base | {
            "status": "failed",
            "reason_code": error.code,
            "reason": f"{error.reason} {error.instruction}",
        }
    if known:
        return base | known
    assert record is not None  # noqa: S101 - either known or run
    return base | _as_row(record, folder)


def _as_row(record: StepRecord, folder: Path) -> dict[str, Any]:
    if not record.ok:
        told = f"{record.message} {record.instruction}".strip()
        return {
            "status": "failed", "reason_code": record.code, "reason": told, "fingerprint": record.fingerprint,
            "digest": record.digest, "exit_code": record.exit_code, "duration_s": record.duration_s,
            "peak_memory_mb": record.peak_memory_mb, "inputs": as_json(dict(record.inputs)),
        }  # fmt: skip
    outputs = {slug: vars(output) for slug, output in record.outputs.items()}
    return {
        "status": "ok", "fingerprint": record.fingerprint, "reused": record.reused, "runtime": record.runtime,
        "digest": record.digest, "exit_code": record.exit_code, "duration_s": record.duration_s,
        "peak_memory_mb": record.peak_memory_mb, "inputs": as_json(dict(record.inputs)),
        "outputs": as_json(outputs), "uri": folder.as_uri(),
    }  # fmt: skip


def _known(fingerprint: str, run_id: int) -> dict[str, Any] | None:
    """A recorded result of the same code on the same inputs whose files are still what they were."""
    with ResearchDbHook().transaction() as work:
        rows = work.rows("experiment_known", fingerprint=fingerprint, run_id=run_id)
    for row in rows:
        place = local_path(row["uri"])
        outputs = row["outputs"]
        if place is None or not all(
            (place / one["path"]).is_file() and file_sha256(place / one["path"]) == one["sha256"]
            for one in outputs.values()
        ):
            continue
        # What this very run did a moment ago (canary, an earlier try) keeps its own figures.
        row["reused"] = row["reused"] or row.pop("run_id") != run_id
        row.pop("run_id", None)
        return row | {"status": "ok", "outputs": as_json(outputs), "inputs": as_json(row["inputs"])}
    return None


def _inputs(run: ExperimentRun, node: StepNode, series_uid: str) -> dict[str, Any]:
    inputs: dict[str, Any] = {}
    for one in node.inputs:
        if not one.node:
            inputs[one.socket] = prepare_volume(series_uid)[0]
            continue
        upstream = run.node(one.node)
        with ResearchDbHook().transaction() as work:
            row = work.row(
                "experiment_output",
                run_id=run.id,
                arm=upstream.key,
                step=upstream.step,
                series_uid=series_uid,
            )
        if row is None or row["status"] != "ok":
            msg = f"The step {upstream.step} before gave nothing for this case."
            raise StepError(msg, "Look at that step's reason.", code="upstream-failed")
        output = row["outputs"][one.source.slug]
        place = local_path(row["uri"])
        inputs[one.socket] = (
            place / output["path"] if output.get("value") is None and place else output["value"]
        )
    return inputs
