"""Ask a FHIR server, write what it gives to NDJSON in bounded memory, land it, and note where the next one begins."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from operators.clinical_work import Landing, land
from operators.hooks.fhir import FhirHook
from operators.hooks.research_db import ResearchDbHook
from operators.stores import scratch
from research.clinical.fhir import KINDS
from research.clinical.fhir_client import FhirClient, Search
from research.errors import FetchError

log = logging.getLogger(__name__)
_FILE_BYTES = 1 << 28


@dataclass(frozen=True)
class Wanted:
    """What is asked of a server, and for whom."""

    conn_id: str
    collection: str
    searches: str
    bulk: bool
    group: str
    since: str
    follow: bool
    licence: str | None
    release: bool
    owned: Mapping[str, Any]

    def parsed(self) -> list[Search]:
        """The searches.

        Raises:
            FetchError: one names no type that the catalog has a place for.
        """
        try:
            found = [Search.parse(one) for one in self.searches.split()] or [Search(name) for name in KINDS]
        except ValueError:
            found = []
        if not found or any(one.type not in KINDS for one in found):
            reason = "A search does not begin with a type that the catalog has a place for."
            raise FetchError(reason, f"Types are {', '.join(KINDS)}.", code="bad-search")
        return found


def fetch(wanted: Wanted, run: Mapping[str, Any]) -> Counter[str]:
    """Fetch and land; see ``FhirFetchOperator``."""
    searches, hook = wanted.parsed(), FhirHook(wanted.conn_id)
    identifiers = hook.identifiers()
    with scratch("fhir") as work, hook.get_conn() as client:
        folder = work / "landed"
        folder.mkdir()
        at = (
            _export(client, searches, folder, wanted)
            if wanted.bulk
            else _search(client, searches, folder, wanted)
        )
        counts = land(
            folder,
            Landing(
                source=wanted.conn_id, source_kind="fhir", collection=wanted.collection, run=run,
                owned=wanted.owned, selection=_told(searches, wanted), identifiers=identifiers,
                licence=wanted.licence, release=wanted.release,
            ),
        )  # fmt: skip
    if wanted.follow:
        with ResearchDbHook().transaction() as db:
            db.execute(
                "clinical_follow", **wanted.owned, source=wanted.conn_id, collection=wanted.collection,
                kinds=wanted.searches, group_id=wanted.group, since=at or None, bulk=wanted.bulk,
                release=wanted.release, licence=wanted.licence,
            )  # fmt: skip
    return counts


def _told(searches: Iterable[Search], wanted: Wanted) -> str:
    """The selection for the portal: types only, since parameters may name a patient."""
    told = ", ".join(dict.fromkeys(one.type for one in searches))
    return f"{told}, since {wanted.since}" if wanted.since else told


def _export(client: FhirClient, searches: list[Search], folder: Path, wanted: Wanted) -> str:
    done = client.export(
        list(dict.fromkeys(one.type for one in searches)),
        folder,
        since=wanted.since,
        group=wanted.group,
        filters=[f"{one.type}?{one.params}" for one in searches if one.params],
    )
    log.info("%d resources in %d files", done.count, len(done.files))
    return done.at


def _search(client: FhirClient, searches: list[Search], folder: Path, wanted: Wanted) -> str:
    """Pages into files of bounded size; returns the server's time of the first page of all."""
    at = ""
    for number, one in enumerate(searches, 1):
        part, size = 0, _FILE_BYTES + 1
        file = None
        try:
            for resource in client.search(one, wanted.since):
                if size > _FILE_BYTES:
                    if file:
                        file.close()
                    part, size = part + 1, 0
                    file = (folder / f"{number:02d}-{one.type}-{part:04d}.ndjson").open("wb")
                line = json.dumps(resource, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
                if file:
                    file.write(line)
                size += len(line)
        finally:
            if file:
                file.close()
        at = at or client.at
    return at
