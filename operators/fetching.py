"""What the fetch operators do: compare what a source offers with what is here, and bring series in, a few at once."""

from __future__ import annotations

import datetime as dt
import logging
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

from operators import settings
from operators.hooks.research_db import ResearchDbHook, as_json
from operators.sources import kind_of, open_source
from operators.stores import join, local_path, publish_folder, scratch
from operators.work import Work
from research.errors import FetchError, RadflowError, SettingsError
from research.landing import QuarantinedError
from research.sources import (
    Delivered,
    OfferedSeries,
    Progress,
    Selection,
    Source,
    collection_key,
    deliver,
    in_parallel,
    look,
    tally,
)

log = logging.getLogger(__name__)

Row = dict[str, Any]
VERIFYING = 2
BEAT_S = 3.0
TOLD_S = 30.0


@dataclass(frozen=True)
class Question:
    """What is asked of a source, and for whom."""

    conn_id: str
    fallback: str | None
    wanted: Selection
    limit: int
    dry_run: bool
    owned: Mapping[str, Any]


def plan(question: Question, work: Work, run: Mapping[str, Any], followed: dt.date | None) -> list[int]:
    """Ask, compare, note. Returns the numbers of the series to fetch.

    Args:
        question: what is asked.
        work: the transaction in which everything is noted.
        run: ``dag_id``, ``run_id``, ``task_id`` and ``part`` of the Airflow task, under which the portal shows it.
        followed: day from which the collection is followed; None where it is not to be.
    """
    wanted = question.wanted
    with ExitStack() as stack:

        def opener(name: str) -> Callable[[], Source]:
            def opened() -> Source:
                source = open_source(name)
                stack.callback(source.close)
                return source

            return opened

        names = [question.conn_id] + ([question.fallback] if question.fallback else [])
        choice = look({name: opener(name) for name in names}, wanted)
    offered = choice.offered
    given = {
        "source": question.conn_id,
        "source_kind": kind_of(question.conn_id),
        "fallback": question.fallback,
    }
    known = {
        row["series_uid"]: row["state"]
        for row in work.rows(
            "fetch_known", source=question.conn_id, series_uids=[one.series_uid for one in offered]
        )
    }
    new = [one for one in offered if known.get(one.series_uid) in (None, "wanted", "failed")]
    taken = new[: question.limit or None]
    counts = {"offered": tally(offered), "wanted": tally(taken)}
    for name, found in counts.items():
        for modality, one in found.items():
            size = f"{one.bytes / 1e9:.3f} GB" + (f", {one.unsized} of unknown size" if one.unsized else "")
            log.info("%s: %d series %s, %d images, %s", name, one.series, modality, one.images, size)
    number = work.row(
        "fetch_run",
        **run,
        **question.owned,
        source=question.conn_id,
        source_kind=given["source_kind"],
        found_at=choice.name,
        collection=_name_of(wanted, offered),
        selection=wanted.describe(),
        dry_run=question.dry_run,
        **{
            name: as_json({key: one.as_row() for key, one in found.items()}) for name, found in counts.items()
        },
    )
    if question.dry_run:
        log.info("A dry run: nothing is fetched. The portal shows the counts under /radflow/fetched/runs.")
        return []
    work.each(
        "fetch_want",
        ({**given, **question.owned, **_noted(one, wanted.collection)} for one in taken),
    )
    modality = wanted.modalities[0] if len(wanted.modalities) == 1 else ""
    place = {"source": question.conn_id, "collection": wanted.collection or ""}
    rows = work.rows(
        "fetch_pending",
        **place,
        series_uids=[one.series_uid for one in taken],
        left_behind=bool(wanted.since),
        modality=modality,
    )
    ids = [row["id"] for row in rows]
    work.execute("fetch_assign", fetch_run_id=number["id"] if number else None, ids=ids)
    if followed and not question.limit:
        work.execute(
            "fetch_follow", **place, **question.owned, modality=modality, fallback=question.fallback,
            synced_on=followed,
        )  # fmt: skip
    log.info("%d series offered by %s, %d new, %d wanted now", len(offered), choice.name, len(new), len(ids))
    return ids


def _name_of(wanted: Selection, offered: tuple[OfferedSeries, ...]) -> str:
    if wanted.collection:
        return wanted.collection
    names = sorted({one.collection or "?" for one in offered})
    return names[0] if len(names) == 1 else f"{len(names)} collections"


def _noted(one: OfferedSeries, collection: str | None) -> Row:
    """Columns of ``landing.received_series``; one spelling per collection, that of whoever asked."""
    named = collection if collection_key(collection) == collection_key(one.collection) else one.collection
    return {
        "series_uid": one.series_uid,
        "collection": named or collection or "unnamed",
        "image_count": one.image_count,
        "offered_bytes": one.byte_count,
        "modality": one.modality,
        "body_part": one.body_part,
        "address": one.address,
        "licence": one.licence,
        "licence_uri": one.licence_uri,
        "citation_uri": one.citation_uri,
    }


@dataclass
class Fetching:
    """One task's work: what is done, what failed, how fast it goes."""

    hook: ResearchDbHook
    rows: list[Row]
    landing: str
    quarantine: str
    folder: Path
    done: dict[str, list[int]] = field(default_factory=lambda: {"received": [], "quarantined": []})
    failures: list[RadflowError] = field(default_factory=list)
    bytes: int = 0
    begun: float = field(default_factory=time.monotonic)
    told: float = field(default_factory=time.monotonic)

    def work(self, row: Row, slot: Mapping[str, Source], progress: Progress) -> Delivered:
        """Bring one series in; runs in a thread, so it speaks to no database and to no Airflow."""
        names = [
            name for name in dict.fromkeys((row["found_at"], row["source"], row["fallback"])) if name in slot
        ]
        return deliver(
            _offer(row),
            self.place(row),
            [(name, slot[name]) for name in names],
            progress,
            label=_label(row),
            quarantine_root=local_path(self.quarantine) or self.folder / "refused",
        )

    def uri(self, row: Row) -> str:
        """Where a series shall be."""
        return join(self.landing, f"{row['id']:08d}")

    def place(self, row: Row) -> Path:
        """Where it is received: in place on a local disk, so that what a killed task had is found again."""
        return local_path(self.uri(row)) or self.folder / f"{row['id']:08d}"

    def beat(self, running: Mapping[int, int]) -> None:
        """Note how far the running downloads are, and tell it now and then."""
        moving = [
            {"id": self.rows[place]["id"], "bytes_done": done} for place, done in running.items() if done
        ]
        if moving:
            with self.hook.transaction() as work:
                work.each("fetch_progress", moving)
        now = time.monotonic()
        if now - self.told >= TOLD_S:
            self.told = now
            self.tell(sum(running.values()))

    def tell(self, moving: int) -> None:
        """One line of progress."""
        over = len(self.done["received"]) + len(self.done["quarantined"]) + len(self.failures)
        seconds = max(time.monotonic() - self.begun, 1e-3)
        total = sum(row["offered_bytes"] or 0 for row in self.rows)
        done = self.bytes + moving
        left = f", about {(total - done) / done * seconds / 60:.0f} min left" if 0 < done < total else ""
        log.info(
            "%d of %d series, %.2f of %.2f GB, %.1f MB/s%s",
            over, len(self.rows), done / 1e9, max(total, done) / 1e9, done / 1e6 / seconds, left,
        )  # fmt: skip

    def received(self, row: Row, what: Delivered) -> None:
        """Put a whole series in place and say so in one transaction."""
        uri = self.uri(row)
        if local_path(uri) is None:
            publish_folder(what.received.folder, uri)
        got, offer = what.received, what.offer
        with self.hook.transaction() as work:
            work.execute("fetch_objects_clear", id=row["id"])
            work.each(
                "fetch_object",
                (
                    {"id": row["id"], "name": one.name, "sha256": one.sha256, "byte_count": one.bytes}
                    for one in got.files
                ),
            )
            work.execute(
                "fetch_received", id=row["id"], uri=uri, object_count=got.count, byte_count=got.bytes,
                manifest_sha256=got.manifest_sha256, given_by=what.source, licence=offer.licence,
                licence_uri=offer.licence_uri, citation_uri=offer.citation_uri,
            )  # fmt: skip
        self.bytes += got.bytes
        self.done["received"].append(row["id"])
        log.info("%s received from %s, %.1f MB", _label(row), what.source, got.bytes / 1e6)

    def refused(self, row: Row, error: QuarantinedError) -> None:
        """Note what lies in the quarantine."""
        evidence = join(self.quarantine, error.evidence.name)
        if local_path(evidence) is None:
            publish_folder(error.evidence, evidence)
        with self.hook.transaction() as work:
            work.execute(
                "quarantine_add", id=row["id"], stage="fetch", uri=evidence, reason_code=error.code,
                reason=error.reason, instruction=error.instruction,
            )  # fmt: skip
        log.warning("%s (quarantined: %s)", error, error.code)
        self.done["quarantined"].append(row["id"])

    def failed(self, row: Row, error: FetchError) -> None:
        """Note why a series could not be had; the others go on."""
        log.error("%s", error)
        self.failures.append(error)
        with self.hook.transaction() as work:
            work.execute("fetch_failed", id=row["id"], reason_code=error.code, reason=error.reason)


def fetch(series_ids: list[int], parallel: int) -> dict[str, list[int]]:
    """Download series; see ``FetchOperator``."""
    hook = ResearchDbHook()
    with hook.transaction() as work:
        rows = work.rows("fetch_rows", ids=series_ids)
    with scratch("fetch") as folder:
        waiting = [row for row in rows if row["state"] in ("wanted", "failed")]
        job = Fetching(hook, waiting, settings.landing_uri(), settings.quarantine_uri(), folder)
        for row in rows:  # in quarantine a person decides; a retried or cleared task does not
            if row not in waiting:
                job.done["quarantined" if row["state"] == "quarantined" else "received"].append(row["id"])
        if waiting:
            _run(job, parallel)
    for ids in job.done.values():
        ids.sort()
    if job.failures:
        told = " ".join(error.reason for error in job.failures)
        raise FetchError(told, job.failures[0].instruction, code=job.failures[0].code)
    return job.done


def _run(job: Fetching, parallel: int) -> None:
    with ExitStack() as stack:
        slots = [_opened(job.rows, stack) for _ in range(min(max(1, parallel), len(job.rows)))]
        if all(hasattr(source, "gate") for source in slots[0].values()):
            # As many downloads at once as asked for, while the series before are still verified.
            more = min(VERIFYING, len(job.rows) - len(slots))
            slots += [_opened(job.rows, stack) for _ in range(more)]
            gate = BoundedSemaphore(max(1, parallel))
            for source in (source for slot in slots for source in slot.values()):
                source.gate = gate  # type: ignore[attr-defined]
        for row, result in in_parallel(job.rows, slots, job.work, job.beat, every=BEAT_S):
            if isinstance(result, QuarantinedError):
                job.refused(row, result)
            elif isinstance(result, FetchError):
                job.failed(row, result)
            elif isinstance(result, Exception):
                raise result
            else:
                job.received(row, result)
                if local_path(job.uri(row)) is None:
                    shutil.rmtree(job.place(row), ignore_errors=True)
    job.tell(0)


def _opened(rows: list[Row], stack: ExitStack) -> dict[str, Source]:
    """One source per connection that the rows name; a fallback that cannot be opened is left out, and told."""
    found: dict[str, Source] = {}
    asked = {row["source"] for row in rows}
    for name in sorted(asked | {row["fallback"] for row in rows if row["fallback"]}):
        try:
            found[name] = open_source(name)
        except (SettingsError, FetchError) as error:
            if name in asked:
                raise
            log.warning("The fallback %s cannot be used: %s", name, error)
        else:
            stack.callback(found[name].close)
    return found


def _label(row: Row) -> str:
    return f"series {row['id']} of {row['collection']} ({row['image_count']} images)"


def _offer(row: Row) -> OfferedSeries:
    return OfferedSeries(
        series_uid=row["series_uid"],
        collection=row["collection"],
        modality=row["modality"],
        image_count=row["image_count"],
        byte_count=row["offered_bytes"],
        licence=row["licence"],
        licence_uri=row["licence_uri"],
        citation_uri=row["citation_uri"],
        address=row["address"],
    )
