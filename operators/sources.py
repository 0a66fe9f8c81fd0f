"""Opens sources of images by connection: the connection's type says which hook, the hook gives the source."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from operators import get_provider_info
from research.errors import SettingsError
from research.sources import Source


def kind_of(conn_id: str) -> str:
    """The connection's type.

    Raises:
        SettingsError: there is no such connection.
    """
    try:
        return str(BaseHook.get_connection(conn_id).conn_type)
    except AirflowNotFoundException:
        msg = f"There is no connection {conn_id}."
        raise SettingsError(msg, "Make it under Admin, Connections.") from None


def open_source(conn_id: str) -> Source:
    """The source behind a connection; close it after use.

    A connection type takes part when it is declared in ``operators.connections`` and its hook has a method
    ``get_source`` that gives a ``research.sources.Source``.

    Raises:
        SettingsError: the connection's type is no source of images, or the connection is malformed.
    """
    kind = kind_of(conn_id)
    hook = _hooks().get(kind)
    if hook is None or not hasattr(hook, "get_source"):
        msg = f"The connection {conn_id} of type {kind} is no source of images."
        raise SettingsError(msg, f"Use a connection of one of the types {', '.join(sorted(_hooks()))}.")
    source: Source = hook(conn_id).get_source()
    return source


@cache
def _hooks() -> dict[str, Any]:
    """Hook classes by connection type."""
    found = {}
    for row in get_provider_info()["connection-types"]:
        module, _, name = row["hook-class-name"].rpartition(".")
        found[row["connection-type"]] = getattr(import_module(module), name)
    return found
