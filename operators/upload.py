"""upload: what people sent, sorted into series and received into the landing zone; a verdict for each file.

Tasks name an upload and its series by number. File names are written to the database and read by nobody but the sender.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowSkipException

from operators import settings
from operators.hooks.research_db import ResearchDbHook, chunked
from operators.uploading import MOST_ATTEMPTS, Uploading


class UploadPlanOperator(BaseOperator):
    """List the uploads that wait, cut into chunks for mapped tasks."""

    def execute(self, context: Context) -> list[list[int]]:
        """Numbers of uploads in state ``received``."""
        with ResearchDbHook().transaction() as work:
            waiting = [row["id"] for row in work.rows("upload_waiting")]
        return chunked(waiting, settings.chunk_tasks())


class UploadOperator(BaseOperator):
    """Unpack, look at every file, sort into series, and receive each series whole or not at all.

    A series is taken under the upload's owner, team, visibility and licence. A retried task goes on with what it had.

    Args:
        upload_ids: numbers from ``upload.upload``.

    Returns:
        ``{"received": n, "quarantined": n, "refused_files": n}``, counts only.
    """

    template_fields = ("upload_ids",)

    def __init__(self, *, upload_ids: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.upload_ids = upload_ids

    def execute(self, context: Context) -> dict[str, int]:
        """One upload after another; each of its series is committed by itself."""
        total = {"received": 0, "quarantined": 0, "refused_files": 0}
        hook = ResearchDbHook()
        for number in self.upload_ids:
            with hook.transaction() as work:
                row = work.row("upload_begin", id=number)
            if row is None:
                self.log.info("upload %d does not wait any more: passed over", number)
                continue
            for name, count in Uploading(hook, row).run().items():
                total[name] += count
        return total


class UploadTidyOperator(BaseOperator):
    """End uploads that nobody goes on with, forget file names, free the drop area; succeed if an upload waits.

    Its outlet starts the upload DAG for whatever waits: an event that was lost costs an hour and no upload.
    """

    def execute(self, context: Context) -> int:
        """Number of uploads that wait; skipped where there is none."""
        days = settings.upload_keep_days()
        with ResearchDbHook().transaction() as work:
            ended = work.execute("upload_expire", days=days)
            work.execute("upload_forget", days=days)
            given_up = work.execute("upload_give_up", most=MOST_ATTEMPTS)
            needed = {str(row["id"]) for row in work.rows("upload_needed")}
            waiting = len(work.rows("upload_waiting"))
        freed = 0
        root = settings.upload_dir()
        for folder in root.iterdir() if root.is_dir() else ():
            if folder.name.isdigit() and folder.name not in needed:
                shutil.rmtree(folder)
                freed += 1
        self.log.info(
            "%d uploads ended, %d given up, %d folders freed, %d wait", ended, given_up, freed, waiting
        )
        if not waiting:
            msg = "No upload waits."
            raise AirflowSkipException(msg)
        return waiting
