"""Batches of de-identification in a database, stored as the pipeline does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from deid import Finding, Policy, QuarantineError, load_policy
from deid.report import quarantine_report, series_pictures, series_report
from tests.support.outcomes import SECRETS, make_outcome, png

ENGINEER, BROKER = "edda", "brigit"
PICTURES: dict[str, Callable[[], bytes]] = {
    "before-0001": lambda: png(320, 240, 30),
    "after-0001": lambda: png(320, 240, 60),
}


@dataclass
class DeidRows:
    """Numbers of what was stored, by the name of the series."""

    batch: dict[str, int] = field(default_factory=dict)
    report: dict[str, int] = field(default_factory=dict)
    number: dict[str, int] = field(default_factory=dict)
    picture: str = ""


#: name -> (owner, team, visibility, quarantine code or None), of the first batch.
FIRST: dict[str, tuple[str, str | None, str, str | None]] = {
    "open": ("pipeline", None, "public", None),
    "held": ("pipeline", None, "public", None),
    "bobs": ("bob", None, "private", None),
    "cut": ("bob", None, "private", "truncated"),
    "paper": ("alice", "lungs", "team", "encapsulated-document"),
}


def fill_deid(
    cursor: Callable[[], AbstractContextManager[Any]], folder: Path, catalogued: Mapping[str, str]
) -> DeidRows:
    """Three batches: one that ended, one that is being worked on, one of bob's alone.

    Args:
        cursor: a transaction of the pipeline.
        folder: where files may be made.
        catalogued: series UID in the catalog of ``open`` (released), ``held`` and ``bobs``.
    """
    from operators.deid_report import open_batch, store_report
    from operators.work import Work

    policy, made = load_policy("research"), DeidRows()
    folder.mkdir()
    with cursor() as open_cursor, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__RADFLOW__LANDING_URI", (folder / "landing").as_uri())
        patch.setenv("AIRFLOW__RADFLOW__SCRATCH_DIR", str(folder / "scratch"))
        work = Work(open_cursor)
        _people(open_cursor)
        work.execute(
            "deidentify_policy", sha256=policy.sha256, name=policy.name, english=policy.describe(),
            engine_version="9.9.9",
        )  # fmt: skip
        for name, who in (
            FIRST | {"late": FIRST["open"], "next": FIRST["open"], "later": FIRST["bobs"]}
        ).items():
            made.number[name] = _received(open_cursor, name, *who[:3])

        def store(batch: str, name: str, report: dict[str, Any], pictures: dict[str, bytes]) -> None:
            made.report[name] = store_report(
                work, made.number[name], report, pictures, batch=batch, policy_sha256=policy.sha256
            )

        first = "deidentify/asset_triggered__1"
        made.batch["first"] = open_batch(work, first, [made.number[n] for n in FIRST], policy.sha256)
        for name, (*_, code) in FIRST.items():
            report, pictures = _report(folder, policy, name, made.number[name], catalogued.get(name), code)
            store(first, name, report, pictures)
            if name == "open":
                made.picture = report["pictures"]["shown"][0]["sha256"]
        second = "deidentify/asset_triggered__2"
        made.batch["second"] = open_batch(
            work, second, [made.number["late"], made.number["next"]], policy.sha256
        )
        late = _report(
            folder, policy, "late", made.number["late"], None, None, [Finding(1, "byte 1203", "name")]
        )
        store(second, "late", *late)
        made.batch["bobs"] = open_batch(work, "deidentify/manual__bob", [made.number["later"]], policy.sha256)
    return made


def _people(cursor: Any) -> None:
    for name, role in ((ENGINEER, "data_engineer"), (BROKER, "broker")):
        cursor.execute(
            "insert into access.account (name, display_name) values (%s, %s) on conflict do nothing",
            (name, name.capitalize()),
        )
        cursor.execute("insert into access.account_role values (%s, %s) on conflict do nothing", (name, role))


def _received(cursor: Any, name: str, owner: str, team: str | None, visibility: str) -> int:
    cursor.execute(
        "insert into landing.received_series (source, collection, series_uid, state, owner, team, visibility, uri, "
        "manifest_sha256) values ('test', 'deid', %s, 'received', %s, %s, %s, 'file:///x', 'm') returning id",
        (f"{SECRETS[3]}.{name}", owner, team, visibility),
    )
    return int(cursor.fetchone()[0])


def _report(
    folder: Path,
    policy: Policy,
    name: str,
    number: int,
    series_uid: str | None,
    code: str | None,
    findings: list[Finding] | None = None,
) -> tuple[dict[str, Any], dict[str, bytes]]:
    if code is not None:
        error = QuarantineError.of("File 3 of 12", code, details=("(0042,0011)", "byte 4120"))
        return quarantine_report(error, 12, policy=policy, number=number, modalities={"CT": 12}), {}
    changes: dict[str, Any] = {} if series_uid is None else {"series_uid": series_uid}
    if name in ("open", "bobs"):
        changes["pictures"] = {kind: draw() for kind, draw in PICTURES.items()}
        changes["pixels"] = (
            {
                "touched": 1,
                "frames": 1,
                "columns": 320,
                "rows": 240,
                "boxes": {"all": [[20, 8, 180, 28]], "frames": {}},
            },
        )
    result, outputs = make_outcome(folder, policy, name, **changes)
    report = series_report(result, policy, findings=findings or [], folder=outputs)
    return report, series_pictures(result)
