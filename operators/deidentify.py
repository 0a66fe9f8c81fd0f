"""deidentify: from the landing zone to the research store, or to quarantine; nothing in between."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, Context

import deid
from deid.report import quarantine_report, series_pictures, series_report
from operators import settings
from operators.deid_report import open_batch, store_report
from operators.hooks.research_db import ResearchDbHook, chunked
from operators.project_keys import project_key, require_project_key
from operators.stores import MANIFEST, join, local_copy, local_path, publish_folder, scratch
from operators.work import Work
from research.attributes import manifest_sha256
from research.landing import verified

_READY = ("received", "deidentified")
_STEP = 500  # objects between two lines in the log


def project_pseudonyms() -> tuple[str, deid.Pseudonyms]:
    """The project's name and its keyed pseudonyms, from the Airflow connection that holds the key.

    Raises:
        SettingsError: the connection has no key, or a short one.
    """
    key = project_key()
    return key.project, deid.Pseudonyms(key.key, key.project)


class DeidentifyPlanOperator(BaseOperator):
    """List what waits in the landing zone, cut into chunks for mapped tasks, and open the batch over all of it.

    Args:
        policy: as of :class:`DeidentifyOperator`, for the batch.

    Raises:
        SettingsError: the project's key is not the one that it was begun with.
    """

    template_fields = ("policy",)

    def __init__(self, *, policy: str | None = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.policy = policy

    def execute(self, context: Context) -> list[list[int]]:
        """Series numbers in state ``received``; the batch's progress is over all of them from the beginning."""
        with ResearchDbHook().transaction() as work:
            waiting = [row["id"] for row in work.rows("deidentify_pending")]
            if waiting:
                require_project_key(work)
                policy = _policy(work, self.policy)
                open_batch(work, _batch(context), waiting, policy.sha256)
        return chunked(waiting, settings.chunk_tasks())


class DeidentifyOperator(BaseOperator):
    """De-identify received series under a policy, verify the output independently, publish it, report it.

    Args:
        series_ids: numbers from ``landing.received_series``.
        policy: shipped name or path of a policy; the setting ``deid_policy`` where empty.

    Returns:
        ``{"published": [...], "quarantined": [...]}``: small JSON without identity, input of ``CatalogOperator``.
        The reports are in ``catalog.deid_report``.

    Raises:
        SettingsError: the project's key is not the one that it was begun with.
    """

    template_fields = ("series_ids", "policy")

    def __init__(self, *, series_ids: Sequence[int], policy: str | None = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.series_ids = series_ids
        self.policy = policy

    def execute(self, context: Context) -> dict[str, list[dict[str, Any]]]:
        """One series after another; a refused one does not stop the rest."""
        project, pseudonyms = project_pseudonyms()
        hook = ResearchDbHook()
        batch = _batch(context)
        with hook.transaction() as work:
            require_project_key(work)
            policy = _policy(work, self.policy)
            rows = work.rows("fetch_rows", ids=list(self.series_ids))
        done: dict[str, list[dict[str, Any]]] = {"published": [], "quarantined": []}
        for number, row in enumerate(rows, 1):
            if row["state"] == "quarantined":
                done["quarantined"].append({"received_id": row["id"], "reason_code": row["reason_code"]})
                continue
            if row["state"] not in _READY:
                self.log.warning("series %d was not received (%s): passed over", row["id"], row["state"])
                continue
            try:
                done["published"].append(self._one(hook, row, policy, project, pseudonyms, batch))
                self.log.info("%d of %d: series %d de-identified", number, len(rows), row["id"])
            except deid.QuarantineError as error:
                self.log.warning("series %d goes to quarantine: %s (%s)", row["id"], error.reason, error.code)
                report = quarantine_report(error, row["object_count"] or 0, policy=policy, number=row["id"])
                with hook.transaction() as work:
                    work.execute(
                        "quarantine_add", id=row["id"], stage="deidentify", uri=row["uri"],
                        reason_code=error.code, reason=error.reason, instruction=error.instruction,
                    )  # fmt: skip
                    store_report(work, row["id"], report, batch=batch, policy_sha256=policy.sha256)
                done["quarantined"].append({"received_id": row["id"], "reason_code": error.code})
        return done

    def _one(
        self,
        hook: ResearchDbHook,
        row: dict[str, Any],
        policy: deid.Policy,
        project: str,
        pseudonyms: deid.Pseudonyms,
        batch: str,
    ) -> dict[str, Any]:
        with local_copy(row["uri"]) as landed, scratch("deidentify") as folder:
            if verified(landed) is None:
                code, msg = (
                    "landing-changed",
                    "The received files are not what they were when they were received.",
                )
                raise deid.QuarantineError(
                    code, msg, "Set the series to wanted in landing.received_series and fetch it again."
                )
            originals = sorted(p for p in landed.iterdir() if p.suffix == ".dcm")
            result = deid.deidentify_series(
                originals,
                folder / "out",
                policy,
                pseudonyms,
                verify=partial(deid.verify_series, policy=policy),
                scratch=folder,
                progress=partial(self._progress, row["id"]),
            )
            report = series_report(result, policy, findings=[], folder=folder / "out")
            manifest = [list(entry) for entry in result.manifest]
            digest = manifest_sha256(result.manifest)
            (folder / "out" / MANIFEST).write_text(json.dumps(manifest, indent=0), encoding="utf-8")
            uri = join(
                settings.research_uri(), _plain(row["collection"]), result.patient_alias, result.study_uid,
                result.series_uid,
            )  # fmt: skip
            if not _already(uri, manifest):
                publish_folder(folder / "out", uri)
        with hook.transaction() as work:
            self._crosswalk(work, project, result)
            store_report(
                work, row["id"], report, series_pictures(result), batch=batch, policy_sha256=policy.sha256
            )
        return {
            "received_id": row["id"],
            "patient_alias": result.patient_alias,
            "study_uid": result.study_uid,
            "series_uid": result.series_uid,
            "uri": uri,
            "manifest_sha256": digest,
            "policy_sha256": policy.sha256,
        }

    def _progress(self, received_id: int, done: int, total: int) -> None:
        """A line in the log now and then."""
        if done % _STEP == 0 and done < total:
            self.log.info("series %d: %d of %d objects", received_id, done, total)

    def _crosswalk(self, work: Work, project: str, result: deid.SeriesResult) -> None:
        identity = result.identity
        uids = [
            {"level": "study", "new_uid": result.study_uid, "original_uid": identity.study_uid},
            {"level": "series", "new_uid": result.series_uid, "original_uid": identity.series_uid},
            *({"level": "instance", "new_uid": new, "original_uid": old} for new, old in identity.sop_uids),
        ]
        require_project_key(work)
        work.execute(
            "deidentify_crosswalk_patient", project=project, patient_alias=result.patient_alias,
            patient_id=identity.patient_id, issuer=identity.issuer, patient_name=identity.name,
            patient_birth_date=identity.birth_date, days_offset=identity.days,
        )  # fmt: skip
        work.each(
            "deidentify_crosswalk_uid",
            ({"project": project, "patient_alias": result.patient_alias} | one for one in uids),
        )


def _policy(work: Work, name: str | None) -> deid.Policy:
    """The policy of this name, or of the setting; noted in the catalog as what it says."""
    policy = deid.load_policy(name or settings.deid_policy())
    work.execute(
        "deidentify_policy", sha256=policy.sha256, name=policy.name, english=policy.describe(),
        engine_version=deid.VERSION,
    )  # fmt: skip
    return policy


def _batch(context: Context) -> str:
    """What a run is called in the reports: DAG and run."""
    task = context["ti"]
    return f"{task.dag_id} {task.run_id}"


def _plain(collection: str) -> str:
    """Collection name as a folder name."""
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in collection).strip(".") or "collection"


def _already(uri: str, manifest: list[list[str]]) -> bool:
    """Is the same content published? The store is written once: other content under the same name is refused."""
    path = local_path(uri)
    if path is None or not Path(path, MANIFEST).is_file():
        return False
    if json.loads(Path(path, MANIFEST).read_text(encoding="utf-8")) == manifest:
        return True
    code = "differs-from-published"
    msg = (
        "The research store already holds this series with other content (another policy or engine version)."
    )
    raise deid.QuarantineError(
        code, msg, "The store is written once: use a new project (connection login) for a new policy."
    )
