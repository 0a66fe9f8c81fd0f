"""Project keys: which one a project is under, and the refusal to go on under another.

A project's aliases, UIDs and date offsets all follow from its key. Under another key the same patient would become
two, unnoticed. So the key's id (never the key) is recorded at the first use, and everything later is checked against it;
the database refuses crosswalk rows of a transaction that has not passed the check (``phi.stamp_key``).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from airflow.sdk import BaseHook

from deid.keys import key_id
from operators import settings
from operators.work import Work
from research.errors import SettingsError

_SHORTEST = 16


@dataclass(frozen=True)
class ProjectKey:
    """A project and its secret; the secret is in no text that the object makes."""

    project: str
    key: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """Short name of the key, safe to show."""
        return key_id(self.key)


def project_key(conn_id: str = "") -> ProjectKey:
    """The key (password) and the project (login) of an Airflow connection; of ``deid_conn_id`` where none is named.

    Raises:
        SettingsError: the connection has no key, or a short one.
    """
    conn_id = conn_id or settings.deid_conn_id()
    connection = BaseHook.get_connection(conn_id)
    try:
        key = bytes.fromhex(connection.password or "")
    except ValueError:
        key = b""
    if len(key) < _SHORTEST:
        msg = f"The connection {conn_id!r} holds no de-identification key."
        raise SettingsError(
            msg, "Put at least 32 hexadecimal digits into its password, and the project into its login."
        )
    return ProjectKey((connection.login or "default").strip(), key)


def require_project_key(work: Work, key: ProjectKey | None = None) -> str:
    """Check that the project is under this key; record it if the project has none yet.

    Call it in the transaction that adds to the crosswalk: the right key stays the right one until that ends, and the
    rows are stamped with its id.

    Args:
        work: an open transaction of the pipeline.
        key: the key in use; read from the connection where omitted.

    Returns:
        The key's id.

    Raises:
        SettingsError: the project was de-identified under another key.
    """
    key = key or project_key()
    row = work.row("project_key_use", project=key.project, key_id=key.id)
    recorded = row["key_id"] if row else None
    if recorded != key.id:
        msg = f"Project {key.project} is under the key {recorded}, but the connection holds {key.id}."
        raise SettingsError(
            msg,
            "Restore the former key, or rotate to the new one with the DAG rotate_key (docs/how-to/project-keys.md).",
            code="key-changed",
        )
    return key.id
