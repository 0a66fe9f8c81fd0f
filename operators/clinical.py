"""clinical: reports, laboratory values and diagnoses, from their sources to the catalog, under the images' aliases.

XCom carries numbers only; what is said about patients passes through the landing zone and the database.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowSkipException

import deid
from operators import settings
from operators.clinical_fetch import Wanted, fetch
from operators.clinical_work import Landing, catalog, deidentify, land, run_of
from operators.hooks.research_db import ResearchDbHook
from operators.stores import join, local_copy, local_path, scratch
from research.clinical import ClinicalError, format_of, parse_rules
from research.errors import FetchError


class FhirFetchOperator(BaseOperator):
    """Bring resources of a FHIR R4 server into the landing zone: Patient, ImagingStudy, DiagnosticReport,
    Observation, Condition; by search, or by bulk export.

    Args:
        conn_id: connection of type ``fhir``.
        collection: collection of the images that they belong to; where empty, everything that is followed.
        searches: what to ask, ``DiagnosticReport?category=RAD`` and the like, between blanks; all five types
            where empty.
        bulk: by bulk export.
        group: id of the FHIR Group to export; the whole system where empty.
        since: instant; only what changed since then.
        follow: ask again from now on, for what has changed.
        licence: under which they are used; shown in the portal.
        release: show reports without a person's look.
        account: who will own them.
        team: team that may see them.
        visibility: ``private``, ``team`` or ``public``.

    Returns:
        Numbers: resources seen, landed (new or changed), unreadable, and read again.
    """

    template_fields = (
        "conn_id", "collection", "searches", "bulk", "group", "since", "follow", "licence", "release", "account",
        "team", "visibility",
    )  # fmt: skip

    def __init__(
        self,
        *,
        conn_id: str = "fhir_default",
        collection: str | None = "",
        searches: str | None = "",
        bulk: bool | str = False,
        group: str | None = "",
        since: str | None = "",
        follow: bool | str = False,
        licence: str | None = "",
        release: bool | str = False,
        account: str = "admin",
        team: str | None = "",
        visibility: str = "private",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id
        self.collection = collection
        self.searches = searches
        self.bulk = bulk
        self.group = group
        self.since = since
        self.follow = follow
        self.licence = licence
        self.release = release
        self.account = account
        self.team = team
        self.visibility = visibility

    def execute(self, context: Context) -> dict[str, int]:
        """One server after another; a failure of one does not keep the others from being asked."""
        asked = [self._wanted()] if self.collection else self._followed()
        counts: Counter[str] = Counter(seen=0, landed=0, unreadable=0, reread=0)
        failures: list[FetchError] = []
        for number, wanted in enumerate(asked):
            try:
                counts.update(fetch(wanted, run_of(context, None if self.collection else number)))
            except FetchError as error:
                self.log.error("%s: %s", wanted.conn_id, error)
                failures.append(error)
        if failures:
            told = " ".join(error.reason for error in failures)
            raise FetchError(told, failures[0].instruction, code=failures[0].code)
        return dict(counts)

    def _wanted(self) -> Wanted:
        return Wanted(
            conn_id=self.conn_id,
            collection=self.collection or "",
            searches=self.searches or "",
            bulk=_true(self.bulk),
            group=self.group or "",
            since=self.since or "",
            follow=_true(self.follow),
            licence=self.licence or None,
            release=_true(self.release),
            owned={"account": self.account, "team": self.team or None, "visibility": self.visibility},
        )

    def _followed(self) -> list[Wanted]:
        with ResearchDbHook().transaction() as work:
            rows = work.rows("clinical_followed")
        return [
            Wanted(
                conn_id=row["source"], collection=row["collection"], searches=row["kinds"], bulk=row["bulk"],
                group=row["group_id"], since=row["since"] or "", follow=True, licence=row["licence"],
                release=row["release"], owned={name: row[name] for name in ("account", "team", "visibility")},
            )
            for row in rows
        ]  # fmt: skip


class ReportsFetchOperator(BaseOperator):
    """Bring files of reports and values (``.csv``, ``.hl7``, ``.ndjson``) of a folder into the landing zone.

    Files that were taken leave the folder; a file that means nothing stays, and fails the task after the others.

    Args:
        folder: below ``incoming/`` in the landing zone.
        collection: collection of the images that they belong to.
        identifiers: rules for which identifier is the Patient ID of the images (SYSTEM=ISSUER).
        settle_s: files younger than this many seconds may still be written, and wait.
        licence: under which they are used; shown in the portal.
        release: show reports without a person's look.
        account: who will own them.
        team: team that may see them.
        visibility: ``private``, ``team`` or ``public``.

    Returns:
        Numbers: resources seen, landed (new or changed), unreadable, and read again.
    """

    template_fields = (
        "folder", "collection", "identifiers", "settle_s", "licence", "release", "account", "team", "visibility",
    )  # fmt: skip

    def __init__(
        self,
        *,
        folder: str = "reports",
        collection: str,
        identifiers: str | None = "",
        settle_s: float | str = 10,
        licence: str | None = "",
        release: bool | str = False,
        account: str = "admin",
        team: str | None = "",
        visibility: str = "private",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.folder = folder
        self.collection = collection
        self.identifiers = identifiers
        self.settle_s = settle_s
        self.licence = licence
        self.release = release
        self.account = account
        self.team = team
        self.visibility = visibility

    def execute(self, context: Context) -> dict[str, int]:
        """One file after another, each with a transaction of its own."""
        parse_rules(self.identifiers or "")
        uri = join(settings.landing_uri(), "incoming", self.folder)
        if (place := local_path(uri)) is not None:
            place.mkdir(parents=True, exist_ok=True)
        counts: Counter[str] = Counter(seen=0, landed=0, unreadable=0, reread=0)
        refused: list[int] = []
        with local_copy(uri) as folder:
            files = [path for path in sorted(folder.iterdir()) if path.is_file() and format_of(path)]
            for number, path in enumerate(files, 1):
                if time.time() - path.stat().st_mtime < float(self.settle_s):
                    self.log.info("file %d of %d is too young: it waits", number, len(files))
                    continue
                try:
                    counts.update(self._one(path, number, context))
                except ClinicalError as error:
                    self.log.error("file %d of %d: %s", number, len(files), error)
                    refused.append(number)
                    continue
                _taken(uri, path)
        if refused:
            reason = (
                f"{len(refused)} of {len(files)} files mean nothing: {refused} in the order of their names."
            )
            raise FetchError(reason, "Mend or remove them; see docs/how-to/clinical.md.", code="bad-file")
        return dict(counts)

    def _one(self, path: Path, number: int, context: Context) -> Counter[str]:
        kind = format_of(path) or ""
        with scratch("reports") as work:
            made = work / "landed"
            made.mkdir()
            shutil.copyfile(path, made / f"0001{path.suffix.lower()}")  # a file's name may be a patient's
            return land(
                made,
                Landing(
                    source=f"folder {self.folder}", source_kind=kind, collection=self.collection,
                    run=run_of(context, number), selection=f"folder {self.folder}", identifiers=self.identifiers or "",
                    licence=self.licence or None, release=_true(self.release),
                    owned={"account": self.account, "team": self.team or None, "visibility": self.visibility},
                ),
            )  # fmt: skip


class ClinicalNewsOperator(BaseOperator):
    """Succeed (and so emit its outlet asset) if landed resources wait for de-identification; skip otherwise."""

    def execute(self, context: Context) -> int:
        """Count what waits."""
        with ResearchDbHook().transaction() as work:
            found = work.row("clinical_waiting")
        waiting = int(found["waiting"]) if found else 0
        if not waiting:
            msg = "No clinical resource waits."
            raise AirflowSkipException(msg)
        return waiting


class ClinicalPlanOperator(BaseOperator):
    """Cut what waits into ranges for mapped tasks.

    Args:
        again: also what is in quarantine for a reason that may be gone (other rules, another policy).

    Returns:
        Ranges ``[first, last]`` of numbers in ``landing.received_clinical``.
    """

    template_fields = ("again",)

    def __init__(self, *, again: bool | str = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.again = again

    def execute(self, context: Context) -> list[list[int]]:
        """One transaction."""
        with ResearchDbHook().transaction() as work:
            if _true(self.again):
                work.execute("clinical_again")
            rows = work.rows("clinical_plan", tasks=settings.chunk_tasks())
        return [[row["first"], row["last"]] for row in rows]


class ClinicalDeidentifyOperator(BaseOperator):
    """De-identify landed resources: shifted dates, the images' aliases, text cleaned and looked at a second time,
    findings read from it. What nobody can vouch for goes to quarantine with a reason.

    Args:
        ids: ``[first, last]`` of ``ClinicalPlanOperator``.
        policy: shipped name or path of a policy; the setting ``deid_policy`` where empty.

    Returns:
        Numbers: the range, and how many became records, are in quarantine, and are not for the catalog.

    Raises:
        SettingsError: the project's key is not the one that it was begun with.
        PolicyError: the policy leaves nothing of text.
    """

    template_fields = ("ids", "policy")

    def __init__(self, *, ids: Sequence[int], policy: str | None = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ids = ids
        self.policy = policy

    def execute(self, context: Context) -> dict[str, int]:
        """Batch by batch."""
        first, last = self.ids
        counts = deidentify(first, last, deid.load_policy(self.policy or settings.deid_policy()))
        self.log.info("%s", dict(counts))
        return {"first": first, "last": last, **counts}


class CatalogClinicalOperator(BaseOperator):
    """Enter de-identified reports, findings, observations and conditions into the catalog.

    What a resource had there before is replaced.

    Args:
        deidentified: result of one ``ClinicalDeidentifyOperator``.

    Returns:
        How many resources were entered.
    """

    template_fields = ("deidentified",)

    def __init__(self, *, deidentified: Mapping[str, int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.deidentified = deidentified

    def execute(self, context: Context) -> int:
        """Batch by batch."""
        entered = catalog(self.deidentified["first"], self.deidentified["last"])
        self.log.info("%d resources entered the catalog", entered)
        return entered


def _taken(uri: str, path: Path) -> None:
    """Take a file out of the folder that it came in; the landing zone has it now."""
    if local_path(uri) is not None:
        path.unlink()
        return
    from airflow.sdk import ObjectStoragePath

    (ObjectStoragePath(uri) / path.name).unlink()


def _true(value: object) -> bool:
    return str(value).lower() == "true"
