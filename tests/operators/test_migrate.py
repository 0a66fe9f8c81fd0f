"""Migrations run once, in order, whole, and whoever else migrates at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg2
import pytest

from operators.migrate import main, migrate, migrations
from research.errors import SettingsError
from tests.support.cluster import Cluster, Database

OWNER = "radflow_owner"


@pytest.fixture
def empty(cluster: Cluster) -> Database:
    return cluster.new(template=None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "migrations"
    made.mkdir()
    (made / "0001_one.sql").write_text("create table one (x text default 'a%b;c');\n")
    (made / "0003_three.sql").write_text("create table three (); insert into one values ('50 %');\n")
    (made / "README.md").write_text("not a migration")
    return made


def applied(database: Database) -> list[str]:
    return [
        row[0]
        for row in database.rows("select name from migration.applied order by applied_at, name", role=OWNER)
    ]


def tables(database: Database) -> set[str]:
    text = "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
    return {row[0] for row in database.rows(text, role=OWNER)}


def test_in_order_and_once(empty: Database, folder: Path) -> None:
    assert migrate(empty.dsn(OWNER), folder) == ["0001_one", "0003_three"]
    assert migrate(empty.dsn(OWNER), folder) == []
    assert empty.rows("select x from one", role=OWNER) == [("50 %",)]
    (folder / "0004_four.sql").write_text("create table four ();")
    assert migrate(empty.dsn(OWNER), folder) == ["0004_four"]
    assert applied(empty) == ["0001_one", "0003_three", "0004_four"]


def test_a_file_that_changed_after_it_was_applied_is_refused(empty: Database, folder: Path) -> None:
    migrate(empty.dsn(OWNER), folder)
    (folder / "0001_one.sql").write_text("create table one (y text);\n")
    (folder / "0004_four.sql").write_text("create table four ();")
    with pytest.raises(SettingsError, match="0001_one was changed after it had been applied") as caught:
        migrate(empty.dsn(OWNER), folder)
    assert "new migration" in caught.value.instruction
    assert tables(empty) == {"one", "three"}


def test_a_file_that_would_slip_in_before_an_applied_one_is_refused(empty: Database, folder: Path) -> None:
    migrate(empty.dsn(OWNER), folder)
    (folder / "0002_two.sql").write_text("create table two ();")
    with pytest.raises(SettingsError, match="0002_two sorts before 0003_three"):
        migrate(empty.dsn(OWNER), folder)
    assert tables(empty) == {"one", "three"}


def test_a_broken_file_leaves_nothing_of_itself_and_everything_before_it(
    empty: Database, folder: Path
) -> None:
    (folder / "0002_two.sql").write_text("create table two (); select 1 / 0;")
    with pytest.raises(psycopg2.errors.DivisionByZero):
        migrate(empty.dsn(OWNER), folder)
    assert tables(empty) == {"one"}
    assert applied(empty) == ["0001_one"]
    (folder / "0002_two.sql").write_text("create table two ();")
    assert migrate(empty.dsn(OWNER), folder) == ["0002_two", "0003_three"]


def test_two_migrators_at_once_apply_each_file_once(empty: Database) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: migrate(empty.dsn(OWNER)), range(4)))
    names = [one.name for one in migrations()]
    assert sorted(name for part in done for name in part) == names
    assert sorted(applied(empty)) == names


def test_the_command_line(empty: Database, capsys: pytest.CaptureFixture, monkeypatch, folder: Path) -> None:
    monkeypatch.setattr("operators.migrate.sql_root", lambda: folder.parent)
    assert main(["--dsn", empty.dsn(OWNER)]) == 0
    assert main(["--dsn", empty.dsn(OWNER)]) == 0
    assert capsys.readouterr().out == "applied: 0001_one, 0003_three\nthe database is current\n"
    (folder / "0001_one.sql").write_text("-- other")
    assert main(["--dsn", empty.dsn(OWNER)]) == 2
    assert "Restore the file" in capsys.readouterr().err
