"""Apply ``sql/migrations`` in order: plain SQL, one transaction and one advisory lock per file.

The sha256 of every applied file is recorded; a file that changed after it was applied is refused (drift),
and so is one that would slip in before an applied one. Run as ``python -m operators.migrate --dsn ...``.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from research.errors import SettingsError
from research.statements import sql_root

_LOCK = 7_236_901  # any constant: two migrators take turns
_BOOK = """
create schema if not exists migration;
create table if not exists migration.applied (
  name text primary key,
  sha256 text not null,
  applied_at timestamptz not null default now()
);
"""


@dataclass(frozen=True)
class Migration:
    """One numbered file of plain SQL."""

    name: str
    text: str

    @property
    def sha256(self) -> str:
        """Hash of the text as it was reviewed."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def migrations(folder: Path | None = None) -> list[Migration]:
    """All migrations in order of their number."""
    folder = folder or sql_root() / "migrations"
    return [Migration(p.stem, p.read_text(encoding="utf-8")) for p in sorted(folder.glob("[0-9]*.sql"))]


def migrate(dsn: str, folder: Path | None = None) -> list[str]:
    """Bring the database up to date; returns the names applied now (none when it was current).

    Raises:
        SettingsError: an applied file changed, or a new file sorts before an applied one.
    """
    done: list[str] = []
    connection = psycopg2.connect(dsn)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
            cursor.execute(_BOOK)
        for migration in migrations(folder):
            with connection, connection.cursor() as cursor:
                cursor.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
                if _wanted(cursor, migration):
                    cursor.execute(migration.text)
                    cursor.execute(
                        "insert into migration.applied (name, sha256) values (%s, %s)",
                        (migration.name, migration.sha256),
                    )
                    done.append(migration.name)
    finally:
        connection.close()
    return done


def _wanted(cursor: Any, migration: Migration) -> bool:
    cursor.execute("select sha256 from migration.applied where name = %s", (migration.name,))
    row = cursor.fetchone()
    if row is None:
        cursor.execute("select max(name) from migration.applied")
        (last,) = cursor.fetchone()
        if last is not None and last > migration.name:
            msg = f"Migration {migration.name} sorts before {last}, which is applied already."
            raise SettingsError(msg, "Give the new file the next number.")
        return True
    if row[0] != migration.sha256:
        msg = f"Migration {migration.name} was changed after it had been applied."
        raise SettingsError(msg, "Restore the file as it was and put the change into a new migration.")
    return False


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dsn", required=True, help="libpq connection string of the radflow_owner role")
    options = parser.parse_args(argv)
    try:
        done = migrate(options.dsn)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"applied: {', '.join(done)}\n" if done else "the database is current\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
