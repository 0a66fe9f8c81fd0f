"""Named SQL statements inside one transaction, over any psycopg cursor. No Airflow, no values in errors."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from operators.exceptions import DatabaseError
from research.statements import statement, statements

# Raised by our own triggers and constraints: their text is ours and holds no identity.
_OWN_SQLSTATES = {"23001", "42501"}


def as_json(value: Any) -> str:
    """Canonical JSON text for a jsonb parameter."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)


class Work:
    """Named statements inside one transaction."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def _run(self, name: str, action: Callable[[], Any]) -> None:
        try:
            action()
        except Exception as error:
            state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
            if state is None:
                raise
            diagnosis = getattr(error, "diag", None)
            where = (
                getattr(diagnosis, "constraint_name", None) or getattr(diagnosis, "table_name", None) or "-"
            )
            said = getattr(diagnosis, "message_primary", "") if state in _OWN_SQLSTATES else ""
            msg = f"Statement {name} failed: SQLSTATE {state}, {where}. {said}".strip()
            hint = getattr(diagnosis, "message_hint", None) if state in _OWN_SQLSTATES else None
            raise DatabaseError(
                msg, hint or "See sql/queries for the statement.", code=f"sqlstate-{state}"
            ) from None

    def rows(self, name: str, /, **parameters: Any) -> list[dict[str, Any]]:
        """All rows of a named statement."""
        return self.rows_of(name, statement(name), parameters)

    def rows_of(self, name: str, text: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """All rows of a composed statement (criteria); ``name`` is for error texts."""
        self._run(name, lambda: self._cursor.execute(text, dict(parameters)))
        columns = [column[0] for column in self._cursor.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in self._cursor.fetchall()]

    def row(self, name: str, /, **parameters: Any) -> dict[str, Any] | None:
        """First row or None."""
        found = self.rows(name, **parameters)
        return found[0] if found else None

    def execute(self, name: str, /, **parameters: Any) -> int:
        """Run a named statement; returns the number of rows it touched."""
        self._run(name, lambda: self._cursor.execute(statement(name), parameters))
        return int(self._cursor.rowcount)

    def script(self, name: str, /, **parameters: Any) -> int:
        """Run the single statements of a file one after the other; returns the rows that the last one touched."""
        for text in statements(name):
            self._run(name, lambda text=text: self._cursor.execute(text, parameters))  # type: ignore[misc]
        return int(self._cursor.rowcount)

    def copy(self, name: str, data: bytes, /) -> None:
        """Run a named ``COPY ... FROM STDIN`` with ``data``; psycopg 2 and 3 each have their own way.

        Raises:
            DatabaseError: rows that the table does not take; their values are not told.
        """
        self._run(name, lambda: self._copy(statement(name), data))

    def _copy(self, text: str, data: bytes) -> None:
        if hasattr(self._cursor, "copy_expert"):
            self._cursor.copy_expert(text, io.BytesIO(data))
        else:
            with self._cursor.copy(text) as copy:
                copy.write(data)

    def each(self, name: str, many: Iterable[Mapping[str, Any]]) -> int:
        """Run a named statement once per mapping."""
        return sum(self.execute(name, **one) for one in many)
