"""A database with one of everything at every level of visibility, filled by the roles that would do it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from operators.accounts import ensure_accounts
from tests.support import rows
from tests.support.cluster import Cluster, Database
from tests.support.place import OUTSIDER, PEOPLE, TEAM

LEVELS = ("private", "team", "public")
MEMBER, STRANGE_CURATOR = "dora", "otto"


@dataclass
class World:
    """The database, and which level every key in it belongs to."""

    database: Database
    level: dict[Any, str] = field(default_factory=dict)
    series: dict[str, str] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)
    cohort: dict[str, int] = field(default_factory=dict)
    spec: dict[str, int] = field(default_factory=dict)
    run: dict[str, int] = field(default_factory=dict)


def people(database: Database) -> None:
    ensure_accounts(database.dsn(), PEOPLE | {MEMBER: ("researcher",)}, team=TEAM)
    ensure_accounts(database.dsn(), {OUTSIDER: ("researcher",), STRANGE_CURATOR: ("curator",)})


def _run(database: Database, world: World, level: str, team: str | None) -> int:
    number = rows.insert(
        database, "experiment.run", "id", spec_id=world.spec[level], cohort_id=world.cohort[level], dag_id="exp",
        dag_run_id=level, owner="alice", team=team, visibility=level, runtime="process", runtime_reason="Test.",
        code_version="1", case_count=1,
    )  # fmt: skip
    key, case = {"run_id": number}, {"series_uid": world.series[level]}
    rows.insert(
        database, "experiment.run_algorithm", **key, arm="", step="s", algorithm=f"{level}-model", digest="d"
    )
    rows.insert(database, "experiment.step_run", **key, **case, arm="", step="s", status="ok")
    rows.insert(database, "experiment.case_result", **key, **case, arm="a", name="x", value=1)
    rows.insert(
        database, "experiment.metric", **key, arm="a", name="m", kind="bias", is_primary=True, estimate=0.1,
        lower=0, upper=0.2, interval_method="none", n_total=1, n_ok=1, unit="", better="lower",
    )  # fmt: skip
    rows.insert(
        database, "experiment.comparison", **key, arm_a="a", arm_b="b", metric="m", method="none", n=1
    )
    rows.insert(
        database, "experiment.picture", **key, **case, name="p", title="P", media_type="image/png", uri="file:///p",
        sha256=rows.sha("p"),
    )  # fmt: skip
    database.rows("update experiment.run set state = 'success', ended_at = now() where id = %s", number)
    return int(number)


def fill(database: Database) -> World:
    """One of everything per level, owned by alice."""
    people(database)
    world = World(database)
    for level in LEVELS:
        who = {"owner": "alice", "team": TEAM if level == "team" else None, "visibility": level}
        world.held[level] = rows.series(database, f"held {level}", **who)
        made = rows.release(database, rows.series(database, level, truth=0.1, **who))
        tag = {"scheme": "RADLEX", "code": "RID12", "meaning": "Diagnostic quality", "match_quality": "exact"}
        rows.insert(database, "catalog.tag", series_uid=made, **tag)
        world.series[level] = made
        world.cohort[level] = rows.cohort(database, f"{level}-cohort", [made], **who)
        world.spec[level] = rows.spec(database, f"{level}_spec", **who)
        model = f"{level}-model"
        rows.insert(database, "registry.algorithm", name=model, title="M", summary="M.", **who)
        rows.insert(
            database, "registry.algorithm_version", name=model, digest="d", version="1", descriptor="{}"
        )
        world.run[level] = _run(database, world, level, who["team"])
        alias = f"RF-{rows.sha(level)[:10].upper()}"
        keys = (made, rows.uid("study", level), alias, f"{level}-cohort", f"{level}_spec", model)
        world.level |= dict.fromkeys(keys, level)
        world.level |= {("cohort", world.cohort[level]): level, ("run", world.run[level]): level}
        world.level |= {("spec", world.spec[level]): level}
    rows.brokers(database)
    rows.crosswalk(database, {"RF-0123456789": "MRN-0"})
    rows.disclose(database, rows.approve(database, rows.ask(database, ["RF-0123456789"])))
    return world


@pytest.fixture(scope="module")
def world(cluster: Cluster) -> World:
    """Filled once per module; tests that change it roll back or use ``database``."""
    return fill(cluster.new())


@pytest.fixture(scope="module")
def _own(cluster: Cluster) -> Database:
    return cluster.new()


@pytest.fixture
def database(_own: Database) -> Database:
    """An empty database with people in it."""
    _own.empty()
    people(_own)
    return _own
