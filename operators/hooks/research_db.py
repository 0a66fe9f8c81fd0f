"""The research database as tasks see it: named statements, one transaction at a time, no values in logs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from airflow.providers.postgres.hooks.postgres import PostgresHook

from operators import settings
from operators.exceptions import DatabaseError
from research.statements import statement

# Raised by our own triggers and constraints: their text is ours and holds no identity.
_OWN_SQLSTATES = {"23001", "42501"}


def as_json(value: Any) -> str:
    """Canonical JSON text for a jsonb parameter."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)


class Work:
    """Named statements inside one transaction."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def _run(self, name: str, text: str, parameters: Mapping[str, Any]) -> None:
        try:
            self._cursor.execute(text, dict(parameters))
        except Exception as error:
            state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
            if state is None:
                raise
            diagnosis = getattr(error, "diag", None)
            where = getattr(diagnosis, "constraint_name", None) or getattr(diagnosis, "table_name", None) or "-"
            said = getattr(diagnosis, "message_primary", "") if state in _OWN_SQLSTATES else ""
            msg = f"Statement {name} failed: SQLSTATE {state}, {where}. {said}".strip()
            hint = getattr(diagnosis, "message_hint", None) if state in _OWN_SQLSTATES else None
            raise DatabaseError(msg, hint or "See sql/queries for the statement.", code=f"sqlstate-{state}") from None

    def rows(self, name: str, **parameters: Any) -> list[dict[str, Any]]:
        """All rows of a named statement."""
        return self.rows_of(name, statement(name), parameters)

    def rows_of(self, name: str, text: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """All rows of a composed statement (criteria); ``name`` is for error texts."""
        self._run(name, text, parameters)
        columns = [column[0] for column in self._cursor.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in self._cursor.fetchall()]

    def row(self, name: str, **parameters: Any) -> dict[str, Any] | None:
        """First row or None."""
        found = self.rows(name, **parameters)
        return found[0] if found else None

    def execute(self, name: str, **parameters: Any) -> int:
        """Run a named statement; returns the number of rows it touched."""
        self._run(name, statement(name), parameters)
        return int(self._cursor.rowcount)

    def each(self, name: str, many: Iterable[Mapping[str, Any]]) -> int:
        """Run a named statement once per mapping."""
        return sum(self.execute(name, **one) for one in many)


class ResearchDbHook(PostgresHook):
    """Postgres with the research schemas, as the ``radflow_pipeline`` role."""

    conn_name_attr = "postgres_conn_id"
    default_conn_name = "radflow_db"

    def __init__(self, postgres_conn_id: str | None = None, **kwargs: Any) -> None:
        super().__init__(postgres_conn_id=postgres_conn_id or settings.database_conn_id(), **kwargs)

    @contextmanager
    def transaction(self, *, seen_by: str | None = None) -> Iterator[Work]:
        """One transaction; with ``seen_by`` it runs as the portal role on behalf of that account.

        Row-level security then decides what exists, exactly as in the portal.
        """
        connection = self.get_conn()
        try:
            with connection, connection.cursor() as cursor:
                if seen_by is not None:
                    cursor.execute("select set_config('radflow.account', %s, true)", (seen_by,))
                    cursor.execute("set local role radflow_portal")
                yield Work(cursor)
        finally:
            connection.close()


def chunked(items: Sequence[Any], tasks: int) -> list[list[Any]]:
    """Cut a list into at most ``tasks`` runs of nearly equal length."""
    size = max(1, -(-len(items) // max(1, tasks)))
    return [list(items[start : start + size]) for start in range(0, len(items), size)]
