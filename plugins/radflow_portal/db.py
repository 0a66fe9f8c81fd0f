"""The portal's one way into Postgres: a transaction in which row-level security knows who is asking."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psycopg2
from airflow.configuration import conf
from psycopg2.extras import RealDictCursor
from psycopg2.pool import ThreadedConnectionPool

from research.errors import SettingsError
from research.statements import statement

Row = dict[str, Any]
_KEPT, _CONNECTIONS = 2, 8
_PATIENCE_S = 20.0
_opening = threading.Lock()


class DatabaseBusyError(Exception):
    """All connections of this process stayed in use for too long."""


class BadValueError(Exception):
    """A text that Postgres cannot hold (it contains the character NUL)."""


class Database:
    """A small pool on one DSN.

    Args:
        dsn: libpq connection string of a role that row-level security restricts.
    """

    def __init__(self, dsn: str) -> None:
        name = f"radflow-portal-{os.getpid()}"
        self._pool = ThreadedConnectionPool(_KEPT, _CONNECTIONS, dsn, application_name=name)
        self._free = threading.BoundedSemaphore(_CONNECTIONS)  # the pool itself refuses instead of waiting

    @contextmanager
    def as_account(self, account: str, *, write: bool = False) -> Iterator[Session]:
        """One transaction as ``account``: committed at the end, rolled back on an exception.

        Raises:
            DatabaseBusyError: no connection became free in time.
            psycopg2.OperationalError: the server does not answer.
        """
        if not self._free.acquire(timeout=_PATIENCE_S):
            raise DatabaseBusyError
        try:
            connection = self._begin(account, "portal_begin_write" if write else "portal_begin_read")
            try:
                with connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
                    yield Session(cursor)
            finally:
                self._pool.putconn(connection, close=bool(connection.closed))
        finally:
            self._free.release()

    def _begin(self, account: str, opening: str) -> Any:
        """A connection whose transaction has begun; those that a server restart cut are thrown away."""
        for attempt in range(_CONNECTIONS + 1):
            connection = self._pool.getconn()
            try:
                with connection.cursor() as cursor:
                    cursor.execute(statement(opening), {"account": account})
            except (psycopg2.OperationalError, psycopg2.InterfaceError):
                self._pool.putconn(connection, close=True)
                if attempt == _CONNECTIONS:
                    raise
            except BaseException:
                self._pool.putconn(connection, close=True)
                raise
            else:
                return connection
        raise DatabaseBusyError

    def close(self) -> None:
        """End all connections."""
        self._pool.closeall()


def _plain(row: Row) -> Row:
    """The row as JSON can carry it: not-a-number and infinity become null."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in row.items()
    }


class Session:
    """Named statements of ``sql/queries``, run inside one account's transaction."""

    def __init__(self, cursor: RealDictCursor) -> None:
        self._cursor = cursor

    def _execute(self, text: str, parameters: dict[str, Any]) -> None:
        for value in parameters.values():
            if any(
                isinstance(one, str) and "\0" in one
                for one in (value if isinstance(value, list) else [value])
            ):
                raise BadValueError
        self._cursor.execute(text, parameters)

    def all(self, name: str, /, **parameters: Any) -> list[Row]:
        """Every row of a statement."""
        self._execute(statement(name), parameters)
        return [_plain(row) for row in self._cursor.fetchall()]

    def all_of(self, text: str, /, **parameters: Any) -> list[Row]:
        """Every row of a text put together from named statements."""
        self._execute(text, parameters)
        return [_plain(row) for row in self._cursor.fetchall()]

    def one(self, name: str, /, **parameters: Any) -> Row | None:
        """The first row, or None."""
        self._execute(statement(name), parameters)
        row = self._cursor.fetchone()
        return None if row is None else _plain(row)

    def run(self, name: str, /, **parameters: Any) -> None:
        """A statement without an answer."""
        self._execute(statement(name), parameters)

    def page(self, name: str, limit: int, offset: int, /, **parameters: Any) -> tuple[list[Row], int]:
        """``limit`` rows from ``offset`` on, and how many there are in all."""
        text = statement(name).rstrip()
        self._execute(f"select count(*) as total from (\n{text}\n) as whole", parameters)  # noqa: S608
        counted = self._cursor.fetchone()
        total = int(counted["total"]) if counted else 0
        self._execute(
            f"{text}\nlimit %(limit)s offset %(offset)s", {**parameters, "limit": limit, "offset": offset}
        )
        return [_plain(row) for row in self._cursor.fetchall()], total


_pools: dict[str, Database] = {}


def database(option: str = "portal_dsn") -> Database:
    """The process's pool, opened at the first request.

    Args:
        option: the setting of ``[radflow]`` that holds its connection string.

    Raises:
        SettingsError: the setting is empty.
    """
    with _opening:
        if option not in _pools:
            dsn = conf.get("radflow", option, fallback="")
            if not dsn:
                msg = f"The setting [radflow] {option} is empty."
                raise SettingsError(msg, f"Set it in airflow.cfg or as AIRFLOW__RADFLOW__{option.upper()}.")
            _pools[option] = Database(dsn)
        return _pools[option]


def close_database() -> None:
    """End the process's connections; the next request opens new ones."""
    with _opening:
        while _pools:
            _pools.popitem()[1].close()


def as_account(account: str, *, write: bool = False) -> AbstractContextManager[Session]:
    """One transaction of the process's pool; see `Database.as_account`."""
    return database().as_account(account, write=write)


def as_broker(account: str, *, write: bool = False) -> AbstractContextManager[Session]:
    """The same as the role ``radflow_broker``: decisions and answers of re-identification, nothing else."""
    return database("broker_dsn").as_account(account, write=write)
