"""What the upload task does with one upload: sort, receive, and say what became of each file."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

from operators import settings
from operators.hooks.research_db import ResearchDbHook
from operators.stores import join, local_path, publish_folder, scratch
from operators.work import Work
from research.errors import LandingError
from research.landing import QuarantinedError
from research.uploads import FoundSeries, Handed, Verdict, set_aside, sort_files, take_series

log = logging.getLogger(__name__)

Row = dict[str, Any]
MOST_ATTEMPTS = 6
_HERE = ("received", "deidentified")
_KNOWN = LandingError(
    "The series came here by another way.",
    "Compare the two, then fetch the right one into the right collection.",
    code="known-series",
)


class Uploading:
    """One upload on its way from the drop area into the landing zone.

    Args:
        hook: the research database.
        row: the upload, as ``upload_begin`` gives it.
    """

    def __init__(self, hook: ResearchDbHook, row: Row) -> None:
        self.hook = hook
        self.row = row
        self.folder = settings.upload_dir() / str(row["id"])
        self.verdicts: list[tuple[Verdict, int | None]] = []
        self.counts = {"received": 0, "quarantined": 0, "refused_files": 0}

    def run(self) -> dict[str, int]:
        """Sort and receive everything; returns counts."""
        with self.hook.transaction() as work:
            files = work.rows("upload_files", id=self.row["id"])
        with scratch("upload") as folder:
            found = sort_files(self._handed(files), folder)
            self.verdicts += [(one, None) for one in found.verdicts]
            for number, series in enumerate(found.series, start=1):
                self._one(number, series, folder)
        self.counts["refused_files"] = sum(
            1 for one, _ in self.verdicts if one.code not in ("accepted", "duplicate")
        )
        with self.hook.transaction() as work:
            work.execute("upload_verdicts_clear", id=self.row["id"])
            work.each("upload_verdict", (self._written(one, number) for one, number in self.verdicts))
            work.execute("upload_done", id=self.row["id"])
        shutil.rmtree(self.folder, ignore_errors=True)  # what is left of it, the hourly tidying takes away
        log.info("upload %d: %s", self.row["id"], self.counts)
        return self.counts

    def _written(self, one: Verdict, series: int | None) -> Row:
        return {
            "id": self.row["id"], "file_number": one.number, "name": one.name, "code": one.code,
            "series_number": series, "reason": one.reason,
        }  # fmt: skip

    def _handed(self, files: list[Row]) -> list[Handed]:
        handed = []
        for file in files:
            path = self.folder / f"{file['number']:08d}"
            if file["state"] == "left":
                self.verdicts.append((Verdict(file["number"], None, "not-sent"), None))
            elif not path.is_file() or path.stat().st_size != file["byte_count"]:
                self.verdicts.append((Verdict(file["number"], None, "lost"), None))
            else:
                handed.append(Handed(file["number"], path, file["sha256"]))
        return handed

    def _one(self, number: int, series: FoundSeries, folder: Path) -> None:
        """Receive one series, unless it is here. Its row is committed first: a killed task finds its place again."""
        label = f"series {number} of upload {self.row['id']} ({len(series.images)} images)"
        with self.hook.transaction() as work:
            code, known = self._judge(work, series)
            wanted = None
            if code in ("take", "aside"):
                wanted = known or self._want(work, series)
            if wanted is None:  # here already, or another upload took it a moment ago
                self._tell(series, code if code == "duplicate" else "differs", None)
                return
            work.execute(
                "upload_series", received_id=wanted, upload_id=self.row["id"], number=number,
                patient_number=series.patient, modality=series.modality, image_count=len(series.images),
                byte_count=sum(one.path.stat().st_size for one in series.images),
            )  # fmt: skip
        if known is None:
            try:
                self._land(wanted, series, folder, label, aside=code == "aside")
            except QuarantinedError as error:
                self._refused(wanted, error)
                self._tell(series, "quarantined", number)
                self.counts["quarantined"] += 1
                return
        self._tell(series, "accepted", number)
        self.counts["received"] += 1

    def _want(self, work: Work, series: FoundSeries) -> int | None:
        owned = ("owner", "team", "visibility", "collection", "licence", "licence_uri")
        row = work.row(
            "upload_want", **{name: self.row[name] for name in owned}, series_uid=series.series_uid,
            image_count=len(series.images), modality=series.modality,
        )  # fmt: skip
        return row["id"] if row else None

    def _land(self, number: int, series: FoundSeries, folder: Path, label: str, *, aside: bool) -> None:
        """Files first, then the row that says so.

        Raises:
            QuarantinedError: the series lies in the quarantine.
        """
        uri = join(settings.landing_uri(), f"{number:08d}")
        target = local_path(uri) or folder / f"{number:08d}"
        root = local_path(settings.quarantine_uri()) or folder / "refused"
        if aside:
            raise QuarantinedError(_KNOWN, label, set_aside(series, target, root, _KNOWN, label=label))
        received = take_series(series, target, root, label=label)
        if local_path(uri) is None:
            publish_folder(received.folder, uri)
        with self.hook.transaction() as work:
            work.execute("fetch_objects_clear", id=number)
            work.each(
                "fetch_object",
                (
                    {"id": number, "name": one.name, "sha256": one.sha256, "byte_count": one.bytes}
                    for one in received.files
                ),
            )
            work.execute(
                "fetch_received", id=number, uri=uri, object_count=received.count,
                byte_count=received.bytes, manifest_sha256=received.manifest_sha256, given_by="upload",
                licence=self.row["licence"], licence_uri=self.row["licence_uri"], citation_uri=None,
            )  # fmt: skip
        log.info("%s received, %.1f MB", label, received.bytes / 1e6)

    def _refused(self, number: int, error: QuarantinedError) -> None:
        evidence = join(settings.quarantine_uri(), error.evidence.name)
        if local_path(evidence) is None:
            publish_folder(error.evidence, evidence)
        with self.hook.transaction() as work:
            work.execute(
                "quarantine_add", id=number, stage="fetch", uri=evidence, reason_code=error.code,
                reason=error.reason, instruction=error.instruction,
            )  # fmt: skip
        log.warning("%s (quarantined: %s)", error, error.code)

    def _judge(self, work: Work, series: FoundSeries) -> tuple[str, int | None]:
        """``take``, ``aside``, ``duplicate`` or ``differs``; and the row that an earlier try of this upload received."""
        work.rows("upload_as", account=self.row["owner"])
        rows = work.rows(
            "upload_known", upload_id=self.row["id"], collection=self.row["collection"],
            owner=self.row["owner"], series_uid=series.series_uid,
        )  # fmt: skip
        here = [row for row in rows if row["state"] in _HERE]
        for row in here:
            if row["ours"]:
                same = row["manifest_sha256"] == series.manifest_sha256
                return ("take", row["id"]) if same else ("differs", None)
        for row in here:
            if row["visible"]:
                same = row["manifest_sha256"] == series.manifest_sha256
                return ("duplicate" if same else "differs"), None
        if any(row["same_place"] and not row["same_owner"] for row in rows):
            return "differs", None
        return ("aside" if here else "take"), None

    def _tell(self, series: FoundSeries, code: str, number: int | None) -> None:
        self.verdicts += [(Verdict(one.number, one.name, code), number) for one in series.images]
