"""Migrations and what they make: the reviewed schema, row-level security everywhere, and no back doors."""

from __future__ import annotations

from contextlib import closing

import psycopg2
import pytest

from operators.migrate import migrations
from scripts.dump_schema import SCHEMA, dump, main
from tests.support.cluster import Cluster, Database

SCHEMAS = ("access", "audit", "landing", "phi", "broker", "catalog", "curation", "registry", "experiment",
           "upload")  # fmt: skip
ROLES = ("radflow_pipeline", "radflow_portal", "radflow_broker")
# The migrations' own book: its owner alone may read it, so that there is nobody to hide rows from.
WITHOUT_RLS = {"migration.applied"}


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> Database:
    return cluster.new()


def owned(database: Database, text: str, *values: object) -> list[tuple]:
    return database.rows(text, *values, role="radflow_owner")


def test_every_migration_applies_in_turn_on_an_empty_database(cluster: Cluster) -> None:
    fresh = cluster.new(template=None)
    found = migrations()
    assert [one.name[:4] for one in found] == [f"{n:04d}" for n in range(1, len(found) + 1)]
    with closing(psycopg2.connect(fresh.dsn("radflow_owner"))) as connection:
        for one in found:
            with connection, connection.cursor() as cursor:
                cursor.execute(one.text)


def test_the_reviewed_schema_is_what_the_migrations_make(database: Database) -> None:
    assert dump(database.dsn("radflow_owner")) == SCHEMA.read_text(encoding="utf-8")


def test_a_changed_schema_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path, capsys) -> None:
    monkeypatch.setattr("scripts.dump_schema.fresh", lambda: "create table x ();\n")
    assert main(["--check"]) == 1
    assert "make schema" in capsys.readouterr().err
    monkeypatch.setattr("scripts.dump_schema.SCHEMA", tmp_path / "schema.sql")
    assert main([]) == 0
    assert (tmp_path / "schema.sql").read_text() == "create table x ();\n"
    assert main(["--check"]) == 0


def test_the_dump_says_nothing_of_the_machine() -> None:
    text = SCHEMA.read_text(encoding="utf-8")
    for noise in ("Dumped by", "restrict ", "OWNER TO", "SET default", "/tmp"):
        assert noise not in text
    for role in ROLES:
        assert role in text


def test_the_book_of_migrations_has_what_the_files_are(database: Database) -> None:
    found = owned(database, "select name, sha256 from migration.applied order by name")
    assert found == [(one.name, one.sha256) for one in migrations()]


def test_every_table_has_row_level_security_and_a_policy(database: Database) -> None:
    found = owned(
        database,
        "select n.nspname || '.' || c.relname, c.relrowsecurity, (select count(*) from pg_policy p "
        "where p.polrelid = c.oid) from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "where c.relkind in ('r', 'p') and n.nspname !~ '^(pg_|information_schema)'",
    )
    tables = {row[0] for row in found}
    assert {name.partition(".")[0] for name in tables} == {*SCHEMAS, "migration"}
    assert len(tables) > 30
    assert {name for name, secured, policies in found if not (secured and policies)} == WITHOUT_RLS


@pytest.mark.parametrize("role", ROLES)
def test_nobody_else_reads_the_book_of_migrations(database: Database, role: str) -> None:
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        database.rows("select * from migration.applied", role=role)


def test_views_are_seen_through_the_readers_own_eyes(database: Database) -> None:
    found = owned(
        database,
        "select n.nspname || '.' || c.relname, c.reloptions from pg_class c join pg_namespace n "
        "on n.oid = c.relnamespace where c.relkind in ('v', 'm') and n.nspname = any(%s)", list(SCHEMAS),
    )  # fmt: skip
    assert {name for name, _ in found} == {"curation.outcome", "experiment.leaderboard", "broker.status"}
    assert all("security_invoker=true" in (options or []) for _, options in found)


def test_functions_with_the_owners_rights_pin_their_search_path(database: Database) -> None:
    found = owned(
        database,
        "select p.proname, p.proconfig from pg_proc p join pg_namespace n on n.oid = p.pronamespace "
        "where p.prosecdef and n.nspname = any(%s)", list(SCHEMAS),
    )  # fmt: skip
    assert found
    assert [name for name, config in found if not any("pg_temp" in c for c in config or [])] == []


def test_no_role_stands_above_row_level_security(database: Database) -> None:
    found = owned(
        database,
        "select rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb from pg_roles where rolname ~ '^radflow_'",
    )
    assert {row[0] for row in found} == {*ROLES, "radflow_owner"}
    assert not any(any(row[1:]) for row in found)
    owners = owned(
        database,
        "select distinct pg_get_userbyid(c.relowner) from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "where n.nspname = any(%s)", list(SCHEMAS),
    )  # fmt: skip
    assert owners == [("radflow_owner",)]


def test_nothing_is_granted_to_everybody(database: Database) -> None:
    found = owned(
        database,
        "select table_schema, table_name from information_schema.role_table_grants where grantee = 'PUBLIC' "
        "and table_schema = any(%s)", list(SCHEMAS),
    )  # fmt: skip
    assert found == []


@pytest.mark.parametrize("role", ["radflow_pipeline", "radflow_broker", "radflow_owner", "postgres"])
def test_the_portal_becomes_nobody_else(database: Database, role: str) -> None:
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        database.rows(f"set role {role}", role="radflow_portal")


def test_the_pipeline_becomes_the_portal_only(database: Database) -> None:
    assert database.rows("set role radflow_portal") == []
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        database.rows("set role radflow_broker")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        database.rows("set role radflow_owner")
