"""Where the SQL lives: named statements under ``sql/queries``, migrations under ``sql/migrations``.

SQL is data here, so that operators and the portal share one reviewed text; nothing in this module talks to
a database.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from research.errors import SettingsError

_NAME = re.compile(r"^[a-z0-9_]+$")


@cache
def sql_root() -> Path:
    """Folder that holds ``migrations``, ``queries`` and ``roles.sql``: in the checkout or in the wheel."""
    here = Path(__file__).resolve().parent
    for candidate in (here.parent / "sql", here / "_sql"):
        if (candidate / "migrations").is_dir():
            return candidate
    msg = f"No SQL files beside {here}."
    raise SettingsError(msg, "Reinstall radflow; the wheel carries them.")


@cache
def statement(name: str) -> str:
    """Text of ``sql/queries/<name>.sql``.

    Raises:
        SettingsError: no such statement.
    """
    path = sql_root() / "queries" / f"{name}.sql"
    if not _NAME.match(name) or not path.is_file():
        msg = f"There is no SQL statement {name!r}."
        raise SettingsError(msg, f"Known ones are in {sql_root() / 'queries'}.")
    return path.read_text(encoding="utf-8")


def statements(name: str) -> tuple[str, ...]:
    """The single statements of a file that holds several, split at ``;`` line ends (no procedural code)."""
    return tuple(part.strip() for part in re.split(r";\s*(?:\n|$)", statement(name)) if part.strip())
