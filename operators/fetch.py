"""fetch: bring whole, verified series into the landing zone, and only what is new.

Tasks name a series by its number in ``landing.received_series``: original UIDs stay in the database.
"""

from __future__ import annotations

import csv
import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowSkipException

from operators import settings
from operators.fetching import Question, fetch, plan
from operators.hooks.research_db import ResearchDbHook, chunked
from operators.stores import join, local_copy
from research.errors import FetchError
from research.sources import Selection, read_manifest


class FetchPlanOperator(BaseOperator):
    """Ask a source what it has, and note what we do not have yet.

    What names patients, studies or series is handed over as a file (``manifest``) and not as an argument, since
    arguments are shown in Airflow's pages.

    Args:
        conn_id: Airflow connection of the source; its type says which kind of archive it is.
        collection: name of the collection, in any archive's spelling.
        modality: only this modality; every modality where empty.
        body_part: only this body part; every one where empty.
        manifest: name of a file in ``manifests/`` of the landing zone that names the series: ``.tcia``, s5cmd,
            CSV, one UID a line, or JSON.
        limit: take at most so many new series (0 = all).
        fallback_conn_id: connection that is asked where the first one has nothing or does not deliver.
        since: day (YYYY-MM-DD); only what was released after it, where the source can tell.
        only_count: a dry run: count per modality what is there and what is new, and take nothing.
        account: who will own the images.
        team: team that may see them.
        visibility: ``private``, ``team`` or ``public``.

    Returns:
        List of lists of series numbers, one list per mapped fetch task.
    """

    template_fields = (
        "conn_id", "collection", "modality", "body_part", "manifest", "limit", "fallback_conn_id", "since",
        "only_count", "account", "team", "visibility",
    )  # fmt: skip

    def __init__(
        self,
        *,
        conn_id: str,
        collection: str | None = "",
        modality: str | None = "",
        body_part: str | None = "",
        manifest: str | None = "",
        limit: int | str = 0,
        fallback_conn_id: str | None = "",
        since: str | None = "",
        only_count: bool | str = False,
        account: str = "admin",
        team: str | None = "",
        visibility: str = "private",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id
        self.collection = collection
        self.modality = modality
        self.body_part = body_part
        self.manifest = manifest
        self.limit = limit
        self.fallback_conn_id = fallback_conn_id
        self.since = since
        self.only_count = only_count
        self.account = account
        self.team = team
        self.visibility = visibility

    def execute(self, context: Context) -> list[list[int]]:
        """List, compare, note; one transaction."""
        today = dt.datetime.now(dt.UTC).date()
        question = Question(
            conn_id=self.conn_id,
            fallback=self.fallback_conn_id or None,
            wanted=self._selection(),
            limit=int(self.limit),
            dry_run=str(self.only_count).lower() == "true",
            owned={"account": self.account, "team": self.team or None, "visibility": self.visibility},
        )
        ti = context["ti"]
        run = {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id, "part": ti.map_index}
        # A selection that the table of followed collections cannot hold is asked for by hand only.
        followed = today if self.collection and not (self.manifest or self.body_part) else None
        with ResearchDbHook().transaction() as work:
            ids = plan(question, work, run, followed)
        return chunked(ids, settings.chunk_tasks())

    def _selection(self) -> Selection:
        wanted = Selection()
        if self.manifest:
            with local_copy(join(settings.landing_uri(), "manifests")) as folder:
                wanted = read_manifest(folder / Path(self.manifest).name)
        return replace(
            wanted,
            collection=self.collection or wanted.collection,
            modalities=(self.modality,) if self.modality else wanted.modalities,
            body_part=self.body_part or wanted.body_part,
            since=dt.date.fromisoformat(self.since) if self.since else None,
        )


class FetchOperator(BaseOperator):
    """Download series, a few at once, verify them whole, put them into the landing zone.

    A series that keeps failing is recorded with its reason and fails the task at the end, after the others
    have been fetched; bytes that must not go on (zip slip, two patients, ...) go to quarantine.

    Args:
        series_ids: numbers from ``landing.received_series``; each row's source is the connection to use.
        parallel: how many series at once; the setting ``fetch_parallel`` where empty.

    Returns:
        ``{"received": [...], "quarantined": [...]}`` with series numbers.
    """

    template_fields = ("series_ids", "parallel")

    def __init__(
        self, *, series_ids: Sequence[int], parallel: int | str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.series_ids = series_ids
        self.parallel = parallel

    def execute(self, context: Context) -> dict[str, list[int]]:
        """Fetch; each series is committed by itself."""
        parallel = int(self.parallel) if self.parallel else settings.fetch_parallel()
        return fetch(list(self.series_ids), parallel)


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
    """Collections fetched before, as arguments of ``FetchPlanOperator``: how each was asked for the last time."""
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
