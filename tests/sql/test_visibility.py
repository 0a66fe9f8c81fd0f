"""Row-level security: every table, every kind of reader, every level of visibility."""

from __future__ import annotations

import psycopg2
import pytest

PORTAL = "radflow_portal"
SEES = {
    "alice": {"private", "team", "public"},  # owns everything
    "dora": {"team", "public"},  # of the team
    "cora": {"team", "public"},  # of the team, a curator
    "otto": {"public"},  # a curator of no team
    "mallory": {"public"},
    "never-seen": {"public"},  # Airflow knows the person, we do not yet
    None: set(),
    "": set(),
}
KEYS = {
    "catalog.series": "series_uid",
    "catalog.study": "study_uid",
    "catalog.patient": "patient_alias",
    "catalog.instance": "series_uid",
    "catalog.tag": "series_uid",
    "catalog.truth": "series_uid",
    "catalog.revision": "series_uid",
    "registry.algorithm": "name",
    "registry.algorithm_version": "name",
    "experiment.cohort": "name",
    "experiment.cohort_member": "cohort_id",
    "experiment.cohort_attrition": "cohort_id",
    "experiment.spec": "name",
    "experiment.run": "id",
    "experiment.run_algorithm": "run_id",
    "experiment.step_run": "run_id",
    "experiment.case_result": "run_id",
    "experiment.metric": "run_id",
    "experiment.comparison": "run_id",
    "experiment.picture": "run_id",
    "experiment.leaderboard": "run_id",
}
HIDDEN = ("landing", "phi", "broker", "migration")


def level_of(world, table: str, key: object) -> str | None:
    if table == "experiment.run" or KEYS[table] == "run_id":
        return world.level[("run", key)]
    if KEYS[table] == "cohort_id":
        return world.level[("cohort", key)]
    return world.level.get(key)  # None: of a held series


@pytest.mark.parametrize("reader", SEES)
@pytest.mark.parametrize("table", KEYS)
def test_a_reader_sees_the_own_the_teams_and_the_public_rows(world, table: str, reader: str | None) -> None:
    found = world.database.rows(f"select {KEYS[table]} from {table}", role=PORTAL, account=reader)
    seen = {level_of(world, table, key) for (key,) in found} - {None}
    assert seen == SEES[reader]


@pytest.mark.parametrize(
    ("reader", "levels"),
    [("alice", ()), ("dora", ()), ("mallory", ()), (None, ()),
     ("cora", ("team", "public")), ("judy", ("team", "public")), ("otto", ("public",))],
)  # fmt: skip
def test_held_series_are_for_curators_and_adjudicators(world, reader: str | None, levels: tuple) -> None:
    held = {uid: level for level, uid in world.held.items()}
    for table in ("catalog.series", "catalog.instance"):
        found = world.database.rows(f"select series_uid from {table}", role=PORTAL, account=reader)
        assert {held[uid] for (uid,) in found if uid in held} == set(levels)


@pytest.mark.parametrize("table", ["catalog.collection", "catalog.policy"])
def test_collections_and_policies_are_seen_with_a_series(world, table: str) -> None:
    for reader in ("alice", "mallory"):
        assert len(world.database.rows(f"select * from {table}", role=PORTAL, account=reader)) == 1
    assert world.database.rows(f"select * from {table}", role=PORTAL) == []


def every_table(world) -> list[str]:
    return [
        name
        for (name,) in world.database.rows(
            "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
            "where c.relkind in ('r', 'v') and n.nspname !~ '^(pg_|information_schema)' order by 1"
        )
    ]


def test_somebody_without_a_name_sees_nothing_anywhere(world) -> None:
    tables = every_table(world)
    assert set(KEYS) <= set(tables)
    for table in tables:
        for nobody in (None, ""):
            try:
                found = world.database.rows(f"select * from {table}", role=PORTAL, account=nobody)
            except psycopg2.errors.InsufficientPrivilege:
                continue
            assert found == [], table


def test_the_portal_has_no_way_into_landing_identities_and_the_worklist(world) -> None:
    hidden = [t for t in every_table(world) if t.partition(".")[0] in HIDDEN] + ["curation.worklist"]
    assert len(hidden) >= 8
    for table in hidden:
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            world.database.rows(f"select * from {table}", role=PORTAL, account="admin")


def test_the_portal_writes_what_its_people_say_and_nothing_else(world) -> None:
    found = world.database.rows(
        "select table_schema || '.' || table_name, privilege_type from information_schema.role_table_grants "
        "where grantee = 'radflow_portal' and privilege_type <> 'SELECT' order by 1",
        role="radflow_owner",
    )
    said = {"access.acceptance", "access.decision", "access.request", "audit.event", "experiment.spec"}
    sent = {
        "upload.file": {"DELETE"},
        "upload.notice_seen": {"INSERT", "UPDATE"},
    }  # of the own upload; when news were read
    assert set(found) == {(table, "INSERT") for table in said} | {
        (table, right) for table, rights in sent.items() for right in rights
    }


def test_nobody_reads_identities_from_the_tables(world) -> None:
    row = (
        "insert into phi.patient (project, patient_alias, patient_id, days_offset) values ('v', 'RF-1', 'MRN-1', 5) "
        "on conflict do nothing"
    )
    world.database.rows(row)
    world.database.rows("insert into phi.uid (project, level, new_uid, original_uid, patient_alias) "
                        "values ('v', 'study', '2.25.1', '1.2', 'RF-1') on conflict do nothing")  # fmt: skip
    for table in ("phi.patient", "phi.uid"):
        for role in ("radflow_pipeline", PORTAL, "radflow_broker"):
            for text in (f"select * from {table}", f"select count(*) from {table}", f"delete from {table}",
                         f"update {table} set project = 'x'", f"truncate {table}"):  # fmt: skip
                with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                    world.database.rows(text, role=role, account="admin")
        assert (
            world.database.value(f"select count(*) from {table} where project = 'v'", role="radflow_owner")
            == 1
        )
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):  # not even by its own answer
        world.database.rows(row.replace("on conflict do nothing", "returning patient_id"))


@pytest.mark.parametrize(
    "table", ["catalog.series", "experiment.run", "curation.sign_off", "registry.algorithm"]
)
def test_the_broker_reads_nothing_of_the_research_side(world, table: str) -> None:
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        world.database.rows(f"select * from {table}", role="radflow_broker")


def test_an_account_lasts_for_one_transaction(world) -> None:
    with world.database.cursor(PORTAL, "alice") as cursor:
        cursor.execute("select count(*) from catalog.series")
        assert cursor.fetchone() == (3,)
        cursor.connection.commit()
        cursor.execute("select count(*) from catalog.series")
        assert cursor.fetchone() == (0,)


def test_people_see_themselves_and_their_own_teams(world) -> None:
    def seen(text: str, reader: str) -> set[str]:
        return {row[0] for row in world.database.rows(text, role=PORTAL, account=reader)}

    assert seen("select name from access.account", "mallory") == {"mallory"}
    assert seen("select account from access.account_role", "cora") == {"cora"}
    assert seen("select name from access.team", "mallory") == set()
    assert seen("select account from access.membership", "mallory") == set()
    assert "alice" in seen("select account from access.membership", "cora")


def test_a_specification_is_registered_in_ones_own_name_only(database) -> None:
    from tests.support import rows

    assert rows.spec(database, "mine", owner="alice")
    values = {"name": "x", "title": "X", "spec": "{}", "spec_sha256": "s", "visibility": "private"}
    for seen_as, owner, team, visibility in (
        ("mallory", "alice", None, "private"),
        (None, "alice", None, "private"),
        ("mallory", "mallory", "lungs", "team"),
    ):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            rows.insert(
                database, "experiment.spec", by=PORTAL, seen_as=seen_as,
                **values | {"owner": owner, "team": team, "visibility": visibility},
            )  # fmt: skip
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="belongs to somebody else"):
        rows.spec(database, "mine", owner="mallory", text={"other": 1})
    assert rows.spec(database, "mine", owner="alice", text={"other": 1})
