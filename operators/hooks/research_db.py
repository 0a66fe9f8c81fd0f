"""The research database as tasks see it: named statements, one transaction at a time, no values in logs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from airflow.providers.postgres.hooks.postgres import PostgresHook

from operators import settings
from operators.work import Work, as_json

__all__ = ["ResearchDbHook", "Work", "as_json", "chunked"]


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
