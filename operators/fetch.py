"""fetch: bring whole, verified series into the landing zone, and only what is new.

Tasks name a series by its number in ``landing.received_series``: original UIDs stay in the database.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowSkipException

from operators import settings
from operators.hooks.nbia import NbiaHook
from operators.hooks.research_db import ResearchDbHook, chunked
from operators.stores import join, local_copy, local_path, publish_folder, scratch
from research.errors import FetchError, RadflowError
from research.landing import QuarantinedError
from research.nbia import NbiaClient, SeriesRow


class TciaPlanOperator(BaseOperator):
    """Ask an NBIA server what a collection holds and note what we do not have yet.

    Args:
        collection: name of the collection on the server.
        nbia_conn_id: Airflow connection of type ``nbia``.
        modality: only this modality; every modality where empty.
        limit: take at most so many new series (0 = all).
        account: who will own the images.
        team: team that may see them.
        visibility: ``private``, ``team`` or ``public``.

    Returns:
        List of lists of series numbers, one list per mapped fetch task.
    """

    template_fields = ("collection", "nbia_conn_id", "modality", "limit", "account", "team", "visibility")

    def __init__(
        self,
        *,
        collection: str,
        nbia_conn_id: str = "nbia_default",
        modality: str | None = "",
        limit: int | str = 0,
        account: str = "admin",
        team: str | None = "",
        visibility: str = "private",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.collection = collection
        self.nbia_conn_id = nbia_conn_id
        self.modality = modality
        self.limit = limit
        self.account = account
        self.team = team
        self.visibility = visibility

    def execute(self, context: Context) -> list[list[int]]:
        """List, compare, note; one transaction."""
        with NbiaHook(self.nbia_conn_id).get_conn() as client:
            offered = client.series(collection=self.collection, modality=self.modality or None, expected=True)
        if not offered:
            msg = f"The server behind {self.nbia_conn_id} has no series in collection {self.collection!r}."
            raise FetchError(
                msg, "Check the spelling; getCollectionValues lists what it has.", code="nothing-there"
            )
        owned = {"account": self.account, "team": self.team or None, "visibility": self.visibility}
        place = {"source": self.nbia_conn_id, "collection": self.collection}
        limit = int(self.limit)
        with ResearchDbHook().transaction() as work:
            known = {row["series_uid"]: row["state"] for row in work.rows("fetch_known", **place)}
            new = [one for one in offered if known.get(one.series_uid) in (None, "wanted", "failed")]
            work.each("fetch_want", (place | owned | _offer(one) for one in new[: limit or None]))
            rows = work.rows(
                "fetch_pending", **place, series_uids=[one.series_uid for one in new[: limit or None]]
            )
            if not limit:
                work.execute("fetch_follow", **place, **owned, modality=self.modality or "")
        self.log.info("%d series offered, %d new, %d wanted now", len(offered), len(new), len(rows))
        return chunked([row["id"] for row in rows], settings.chunk_tasks())


def _offer(one: SeriesRow) -> dict[str, Any]:
    return {
        "series_uid": one.series_uid,
        "image_count": one.image_count,
        "licence": one.licence_name,
        "licence_uri": one.licence_uri,
        "citation_uri": one.description_uri,
    }


class TciaFetchOperator(BaseOperator):
    """Download series, verify them whole, put them into the landing zone.

    A series that keeps failing is recorded with its reason and fails the task at the end, after the others
    have been fetched; bytes that must not go on (zip slip, two patients, ...) go to quarantine.

    Args:
        series_ids: numbers from ``landing.received_series``; each row's source is the connection to use.

    Returns:
        ``{"received": [...], "quarantined": [...]}`` with series numbers.
    """

    template_fields = ("series_ids",)

    def __init__(self, *, series_ids: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.series_ids = series_ids

    def execute(self, context: Context) -> dict[str, list[int]]:
        """Fetch one series after another; each is committed by itself."""
        hook = ResearchDbHook()
        clients: dict[str, NbiaClient] = {}
        with hook.transaction() as work:
            rows = work.rows("fetch_rows", ids=list(self.series_ids))
        done: dict[str, list[int]] = {"received": [], "quarantined": []}
        failures: list[RadflowError] = []
        for number, row in enumerate(rows, 1):
            if row["state"] in ("received", "deidentified"):
                done["received"].append(row["id"])
                continue
            if row["state"] == "quarantined":  # a person decides; a retried or cleared task does not
                done["quarantined"].append(row["id"])
                continue
            label = f"series {row['id']} of {row['collection']} ({row['image_count']} images)"
            try:
                client = clients.setdefault(row["source"], NbiaHook(row["source"]).get_conn())
                size = self._fetch(client, hook, row, label)
            except QuarantinedError as error:
                self.log.warning("%s (quarantined: %s)", error, error.code)
                done["quarantined"].append(row["id"])
            except FetchError as error:
                self.log.error("%s", error)
                failures.append(error)
                with hook.transaction() as work:
                    work.execute("fetch_failed", id=row["id"], reason_code=error.code, reason=error.reason)
            else:
                done["received"].append(row["id"])
                self.log.info("%d of %d: %s received, %.1f MB", number, len(rows), label, size / 1e6)
        if failures:
            told = " ".join(error.reason for error in failures)
            raise FetchError(told, failures[0].instruction, code=failures[0].code)
        return done

    def _fetch(self, client: NbiaClient, hook: ResearchDbHook, row: dict[str, Any], label: str) -> int:
        uri = join(settings.landing_uri(), f"{row['id']:08d}")
        with scratch("fetch") as folder:
            # On a local disk the client works in place, so that a whole series of a killed task is found again.
            place = local_path(uri) or folder / "series"
            refused = local_path(settings.quarantine_uri()) or folder / "refused"
            try:
                received = client.download_series(
                    row["series_uid"], place, row["image_count"], label=label, quarantine_root=refused
                )
            except QuarantinedError as error:
                evidence = join(settings.quarantine_uri(), error.evidence.name)
                if local_path(evidence) is None:
                    publish_folder(error.evidence, evidence)
                with hook.transaction() as work:
                    work.execute(
                        "quarantine_add", id=row["id"], stage="fetch", uri=evidence,
                        reason_code=error.code, reason=error.reason,
                    )  # fmt: skip
                raise
            if local_path(uri) is None:
                publish_folder(place, uri)
        with hook.transaction() as work:
            work.execute("fetch_objects_clear", id=row["id"])
            work.each(
                "fetch_object",
                (
                    {"id": row["id"], "name": one.name, "sha256": one.sha256, "byte_count": one.bytes}
                    for one in received.files
                ),
            )
            work.execute(
                "fetch_received", id=row["id"], uri=uri, object_count=received.count,
                byte_count=received.bytes, manifest_sha256=received.manifest_sha256,
            )  # fmt: skip
        return int(received.bytes)


class LandingNewsOperator(BaseOperator):
    """Succeed (and so emit its outlet asset) if anything waits for de-identification; skip otherwise."""

    def execute(self, context: Context) -> int:
        """Count what waits."""
        with ResearchDbHook().transaction() as work:
            found = work.row("deidentify_waiting")
        waiting = int(found["waiting"]) if found else 0
        if not waiting:
            msg = "Nothing new was received."
            raise AirflowSkipException(msg)
        return waiting


def followed_collections() -> list[dict[str, str]]:
    """Collections fetched before, as arguments of ``TciaPlanOperator``: how each was asked for the last time."""
    with ResearchDbHook().transaction() as work:
        return work.rows("fetch_followed")


class ImportTruthOperator(BaseOperator):
    """Read reference values that came with a collection: ``series_uid,name,value,origin`` per line.

    Args:
        file_name: name of a CSV file in the ``truth`` folder of the landing zone; nothing is read where empty.
        collection: collection that the series belong to.
        source: the ``source`` of those series (the connection they were fetched by).

    Returns:
        Number of values read.
    """

    template_fields = ("file_name", "collection", "source")

    def __init__(
        self, *, file_name: str | None, collection: str, source: str = "nbia_default", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.file_name = file_name
        self.collection = collection
        self.source = source

    def execute(self, context: Context) -> int:
        """Read the file whole, then write all values in one transaction."""
        if not self.file_name:
            return 0
        with local_copy(join(settings.landing_uri(), "truth")) as folder:
            values = read_truth(folder / Path(self.file_name).name)
        with ResearchDbHook().transaction() as work:
            return work.each(
                "fetch_truth",
                ({"source": self.source, "collection": self.collection} | one for one in values),
            )


def read_truth(path: Path) -> list[dict[str, Any]]:
    """Rows of a truth file.

    Raises:
        FetchError: the file is absent, or a line lacks a column or a number; names file and line.
    """
    if not path.is_file():
        msg = f"There is no truth file {path.name} in the landing zone."
        raise FetchError(msg, "Put it into the folder truth/ of landing_uri.", code="no-truth-file")
    with path.open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        missing = {"series_uid", "name", "value", "origin"} - set(reader.fieldnames or ())
        if missing:
            msg = f"{path.name} lacks the column(s) {', '.join(sorted(missing))}."
            raise FetchError(msg, "Its first line is: series_uid,name,value,origin", code="bad-truth-file")
        rows: list[dict[str, Any]] = []
        for row in reader:
            try:
                value = float(row["value"])
            except (TypeError, ValueError):
                value = math.nan
            if not (math.isfinite(value) and row["series_uid"] and row["name"] and row["origin"]):
                msg = f"{path.name} line {reader.line_num}: a column is empty, or value is not a number."
                raise FetchError(msg, "Leave the line out where the truth is unknown.", code="bad-truth-file")
            rows.append({k: row[k] for k in ("series_uid", "name", "origin")} | {"value": value})
    return rows
