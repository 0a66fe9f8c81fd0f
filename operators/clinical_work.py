"""What the clinical operators do: land files, de-identify what was landed, enter it into the catalog; in batches."""

from __future__ import annotations

import csv
import datetime as dt
import io
import logging
import shutil
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import deid
from operators import settings
from operators.clinical_records import Patient, Records
from operators.hooks.research_db import ResearchDbHook, as_json
from operators.project_keys import project_key, require_project_key
from operators.stores import join, local_copy, local_path, publish_folder, scratch
from operators.work import Work
from research.clinical import (
    QUARANTINE,
    ClinicalError,
    ImagingStudy,
    Parsed,
    PassedOverError,
    Reader,
    resource_key,
    scan,
)

log = logging.getLogger(__name__)
Row = dict[str, Any]
BATCH = 5000
_PATIENTS = 256
_BLOCK = 1 << 23  # bytes of one COPY
_STEP = 50_000  # resources between two lines in the log
_ENTRIES = ("collection", "patient", "clear", "report", "finding", "observation", "condition", "done")


@dataclass(frozen=True)
class Landing:
    """Where resources come from, for whom, and under which rules."""

    source: str
    source_kind: str
    collection: str
    run: Mapping[str, Any]
    owned: Mapping[str, Any]
    selection: str = ""
    identifiers: str = ""
    licence: str | None = None
    release: bool = False


def run_of(context: Mapping[str, Any], part: int | None = None) -> Row:
    """The Airflow task under which a fetch is shown."""
    ti = context["ti"]
    where = ti.map_index if part is None else part
    return {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id, "part": where}


def land(folder: Path, landing: Landing) -> Counter[str]:
    """Put a folder of files into the landing zone as it is, and note every resource in it; one transaction.

    Args:
        folder: files with names that identify nobody; moved.
        landing: see there.

    Returns:
        ``seen``, ``landed`` (new or changed), ``unreadable`` and ``reread`` (of patients who are new or changed).

    Raises:
        ClinicalError: a file as a whole means nothing.
        SettingsError: a rule for identifiers means nothing.
    """
    counts: Counter[str] = Counter(seen=0, landed=0, unreadable=0, reread=0)
    now = dt.datetime.now(dt.UTC)
    uri = join(settings.landing_uri(), "clinical", f"{now:%Y%m%d}-{uuid.uuid4().hex}")
    with TemporaryFile("w+", encoding="utf-8", newline="") as rows:
        written = csv.writer(rows)
        for path in sorted(folder.iterdir()):
            for one in scan(path, landing.source):
                counts["seen"] += 1
                counts["unreadable"] += bool(one.problem)
                why = (one.problem, *QUARANTINE[one.problem]) if one.problem else (None, None, None)
                written.writerow(
                    [counts["seen"], one.kind, one.resource_key, one.patient_key, one.sha256, f"{uri}/{path.name}",
                     one.position, one.byte_count, *why]
                )  # fmt: skip
        if not counts["seen"]:
            return counts
        publish_folder(folder, uri)
        rows.flush()
        rows.seek(0)
        with ResearchDbHook().transaction() as work:
            found = work.row(
                "clinical_run", **landing.run, **landing.owned, source=landing.source,
                source_kind=landing.source_kind, collection=landing.collection, selection=landing.selection,
                identifiers=landing.identifiers, licence=landing.licence,
            )  # fmt: skip
            number = found["id"] if found else None
            work.execute("clinical_stage")
            while lines := rows.readlines(_BLOCK):
                work.copy("clinical_copy", "".join(lines).encode())
            work.execute("clinical_stage_known")
            place = {"run_id": number, "source": landing.source, "collection": landing.collection}
            counts["landed"] = work.execute(
                "clinical_land", **place, **landing.owned, format=landing.source_kind, release=landing.release
            )
            counts["reread"] = work.execute("clinical_reread", **place)
            work.execute("clinical_counts", runs=[number])
    if not counts["landed"]:  # everything is here already, under its former place
        _drop(uri)
    log.info(
        "%d resources seen, %d new or changed, %d unreadable",
        *(counts[k] for k in ("seen", "landed", "unreadable")),
    )
    return counts


def _drop(uri: str) -> None:
    path = local_path(uri)
    if path is not None:
        shutil.rmtree(path)
        return
    from airflow.sdk import ObjectStoragePath

    ObjectStoragePath(uri).rmdir(recursive=True)


class Files:
    """Files of the landing zone, open while a task needs them."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._readers: dict[str, Reader] = {}

    def parsed(self, row: Mapping[str, Any]) -> Parsed:
        """What a row's resource says; see ``Reader.parsed``."""
        return self._reader(row["uri"]).parsed(row["position"], row["byte_count"], row["sha256"])

    def _reader(self, uri: str) -> Reader:
        if uri not in self._readers:
            folder, _, name = uri.rpartition("/")
            local = self._stack.enter_context(local_copy(folder))
            reader = Reader(local / name)
            self._stack.callback(reader.close)
            self._readers[uri] = reader
        return self._readers[uri]


@dataclass
class Deidentifying:
    """One task's work over a range of landed resources."""

    records: Records
    files: Files
    project: str
    counts: Counter[str] = field(default_factory=lambda: Counter(records=0, quarantined=0, passed_over=0))

    def __post_init__(self) -> None:
        self._landed = lru_cache(maxsize=_PATIENTS)(self._read)
        self._remembered = lru_cache(maxsize=_PATIENTS)(self.records.patient)

    def _read(self, uri: str, position: int, byte_count: int, sha256: str) -> Parsed:
        return self.files.parsed(
            {"uri": uri, "position": position, "byte_count": byte_count, "sha256": sha256}
        )

    def _referred(self, landed: Row) -> Parsed:
        """A patient or a study that others refer to, read once for all of them."""
        return self._landed(landed["uri"], landed["position"], landed["byte_count"], landed["sha256"])

    def batch(self, hook: ResearchDbHook, rows: Sequence[Row]) -> None:
        """De-identify some resources and hand them over; one transaction."""
        parsed = [self._parsed(row) for row in rows]
        known = self._known(hook, rows, parsed)
        met: dict[str, Patient] = {}
        outcomes = [self._outcome(row, said, known, met) for row, said in zip(rows, parsed, strict=True)]
        table = io.StringIO(newline="")
        csv.writer(table).writerows(outcomes)
        with hook.transaction() as work:
            require_project_key(work)
            work.each("deidentify_crosswalk_patient", (one.crosswalk(self.project) for one in met.values()))
            work.execute("clinical_outcome_stage")
            work.copy("clinical_outcome_copy", table.getvalue().encode())
            work.execute("clinical_outcome_record")
            work.execute("clinical_outcome_gone")
            work.execute("clinical_outcome_state")

    def _parsed(self, row: Row) -> Parsed | ClinicalError | PassedOverError:
        try:
            return self.files.parsed(row)
        except (ClinicalError, PassedOverError) as error:
            return error

    def _known(
        self, hook: ResearchDbHook, rows: Sequence[Row], parsed: Sequence[object]
    ) -> dict[tuple[str, str], Row]:
        """Rows of the patients and studies that a batch refers to, by collection and key."""
        keys = {row["patient_key"] for row in rows if row["patient_key"]}
        for row, said in zip(rows, parsed, strict=True):
            if isinstance(said, Parsed):
                keys.update(resource_key(row["source"], one) for one in _studies(said))
        if not keys:
            return {}
        with hook.transaction() as work:
            found = work.rows(
                "clinical_known", keys=sorted(keys), collections=sorted({row["collection"] for row in rows})
            )
        return {(one["collection"], one["resource_key"]): one for one in found}

    def _outcome(
        self, row: Row, said: Parsed | ClinicalError | PassedOverError, known: Mapping[tuple[str, str], Row],
        met: dict[str, Patient],
    ) -> list[Any]:  # fmt: skip
        """A line of ``staged_outcome``: id, sha256, new state, reason and the record."""
        try:
            if isinstance(said, Exception):
                raise said
            record = self._record(row, said, known, met)
        except PassedOverError as error:
            self.counts["passed_over"] += 1
            return [
                row["id"],
                row["sha256"],
                "passed_over",
                error.code,
                error.reason,
                error.instruction,
                None,
            ]
        except ClinicalError as error:
            self.counts["quarantined"] += 1
            return [
                row["id"],
                row["sha256"],
                "quarantined",
                error.code,
                error.reason,
                error.instruction,
                None,
            ]
        self.counts["records"] += 1
        state = "deidentified" if record is None else None  # patients and studies only serve others
        return [row["id"], row["sha256"], state, None, None, None, as_json(record) if record else None]

    def _record(
        self, row: Row, said: Parsed, known: Mapping[tuple[str, str], Row], met: dict[str, Patient]
    ) -> Row | None:
        if said.study is not None:
            return None
        person = said.person
        if person is None:
            if row["patient_key"] is None:
                code = "no-patient"
                raise ClinicalError(code)
            landed = known.get((row["collection"], row["patient_key"]))
            if landed is None:
                code = "patient-unknown"
                raise ClinicalError(code)
            person = self._referred(landed).person
        patient = self._remembered(person, row["identifiers"]) if person else None
        if patient is None:
            code = "patient-unknown"
            raise ClinicalError(code)
        met[f"{patient.subject.alias}\n{patient.patient_id}\n{patient.issuer}"] = patient
        if not said.records:
            return None

        def study(name: str) -> ImagingStudy | None:
            landed = known.get((row["collection"], resource_key(row["source"], name)))
            return self._referred(landed).study if landed else None

        return self.records.record(said, patient, row["resource_key"], study)


def _studies(said: Parsed) -> Iterator[str]:
    for one in said.records:
        yield from getattr(one, "studies", ())


def deidentify(first: int, last: int, policy: deid.Policy) -> Counter[str]:
    """De-identify what waits between two numbers; a batch is a transaction, so a killed task goes on where it was.

    Raises:
        SettingsError: the project's key is missing, or not the one that it was begun with.
        deid.PolicyError: the policy leaves nothing of text.
    """
    hook, key = ResearchDbHook(), project_key()
    with ExitStack() as stack, scratch("clinical"):
        records = Records(policy, deid.Pseudonyms(key.key, key.project))
        with hook.transaction() as work:
            work.execute(
                "deidentify_policy", sha256=policy.sha256, name=policy.name, english=policy.describe(),
                engine_version=deid.VERSION,
            )  # fmt: skip
        job = Deidentifying(records, Files(stack), key.project)
        for rows in _batches(hook, first, last):
            before = sum(job.counts.values())
            job.batch(hook, rows)
            done = sum(job.counts.values())
            if done // _STEP > before // _STEP:
                log.info("%d resources de-identified", done)
        _tell(hook, first, last)
    return job.counts


def _batches(hook: ResearchDbHook, first: int, last: int) -> Iterator[list[Row]]:
    while first <= last:
        with hook.transaction() as work:
            rows = work.rows("clinical_rows", first=first, last=last, most=BATCH)
        if not rows:
            return
        yield rows
        first = rows[-1]["id"] + 1


def catalog(first: int, last: int) -> int:
    """Enter what was handed over between two numbers into the catalog; a batch is a transaction.

    Returns:
        How many resources were entered.
    """
    hook, entered = ResearchDbHook(), 0
    while True:
        with hook.transaction() as work:
            ids = [row["id"] for row in work.rows("clinical_ready", first=first, last=last, most=BATCH)]
            if not ids:
                break
            _enter(work, ids)
        entered += len(ids)
    _tell(hook, first, last)
    return entered


def _enter(work: Work, ids: Iterable[int]) -> None:
    for name in _ENTRIES:
        work.execute(f"clinical_catalog_{name}", ids=list(ids))


def _tell(hook: ResearchDbHook, first: int, last: int) -> None:
    """Count anew what became of the fetches that the resources came with."""
    with hook.transaction() as work:
        runs = [row["run_id"] for row in work.rows("clinical_runs_of", first=first, last=last)]
        work.execute("clinical_counts", runs=runs)
