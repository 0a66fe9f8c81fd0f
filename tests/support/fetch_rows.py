"""Fetches in a database, noted as the pipeline notes them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

COUNTS = {"series": 3, "images": 24, "bytes": 1_500_000_000, "unsized": 0}
UID = "1.2.840.99999.7.7"
CC = "https://creativecommons.org/licenses/by/4.0/"
DOI = "https://doi.org/10.7937/fetched"

#: name -> owner, team, visibility, run, state, licence, address of the licence.
SERIES: dict[str, tuple[str, str | None, str, str | None, str, str | None, str | None]] = {
    "open": ("pipeline", None, "public", "open", "received", "CC BY 4.0", CC),
    "released": ("pipeline", None, "public", "open", "deidentified", "CC BY-NC 3.0", "javascript:alert(1)"),
    "moving": ("pipeline", None, "public", "open", "wanted", "CC BY 4.0", CC),
    "bobs": ("bob", None, "private", "bobs", "received", "CC BY 4.0", CC),
    "bobs-bad": ("bob", None, "private", "bobs", "quarantined", "CC BY 4.0", CC),
    "teams": ("alice", "lungs", "team", None, "failed", None, None),
}
RUNS: dict[str, tuple[str, str | None, str, bool]] = {
    "open": ("pipeline", None, "public", False),
    "bobs": ("bob", None, "private", False),
    "dry": ("alice", "lungs", "team", True),
}


@dataclass
class FetchRows:
    """Numbers of what was stored, by name."""

    run: dict[str, int] = field(default_factory=dict)
    series: dict[str, int] = field(default_factory=dict)


def fill_fetch(cursor: Any) -> FetchRows:
    """Three fetches (one runs, one is bob's alone, one is a dry run for a team) and their series."""
    made = FetchRows()
    with cursor() as opened:
        for name, (owner, team, visibility, dry) in RUNS.items():
            opened.execute(
                "insert into catalog.fetch_run (dag_id, run_id, task_id, source, source_kind, found_at, collection, "
                "selection, dry_run, offered, wanted, owner, team, visibility) values ('fetch_idc', %s, 'plan', 'idc_x', "
                "'idc', 'idc_x', 'FETCHED', 'collection ''FETCHED'', CT', %s, %s, %s, %s, %s, %s) returning id",
                (
                    name,
                    dry,
                    json.dumps({"CT": COUNTS, "MR": COUNTS}),
                    json.dumps({"CT": COUNTS}),
                    owner,
                    team,
                    visibility,
                ),
            )
            made.run[name] = opened.fetchone()[0]
        for name, (owner, team, visibility, run, state, licence, uri) in SERIES.items():
            here = state in ("received", "deidentified")
            bad = state in ("failed", "quarantined")
            opened.execute(
                "insert into landing.received_series (source, source_kind, collection, series_uid, state, image_count, "
                "object_count, offered_bytes, byte_count, modality, body_part, licence, licence_uri, citation_uri, "
                "owner, team, visibility, uri, manifest_sha256, reason_code, reason, fetch_run_id, given_by, "
                "received_at) "
                "values ('idc_x', 'idc', 'FETCHED', %s, %s, 8, %s, 1000000, %s, 'CT', 'CHEST', %s, %s, %s, %s, %s, %s, "
                "%s, %s, %s, %s, %s, %s, case when %s then now() end) returning id",
                (f"{UID}.{name}", state, 8 if here else None, 1_000_000 if here else None, licence, uri, DOI, owner, team,
                 visibility, "file:///secret-place" if here else None, "m" if here else None,
                 "http-500" if bad else None, "The server answered HTTP 500." if bad else None,
                 made.run[run] if run else None, "idc_y" if name == "released" else None, here),
            )  # fmt: skip
            made.series[name] = opened.fetchone()[0]
        opened.execute(
            "update catalog.fetched_series set bytes_done = 250000 where received_id = %s",
            (made.series["moving"],),
        )
    return made
