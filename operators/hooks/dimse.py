"""The Airflow connection to an archive that speaks DIMSE (a PACS)."""

from __future__ import annotations

import ssl
from typing import Any

from airflow.sdk import BaseHook

from operators.connections import DIMSE
from research.dimse import DimseSource, Peer
from research.dimse.receiver import Listening
from research.errors import RadflowError, SettingsError
from research.sources import Patience


class DimseHook(BaseHook):
    """Gives a ``DimseSource`` for a connection of type ``dimse``.

    :param dimse_conn_id: the connection's id.
    """

    conn_name_attr = "dimse_conn_id"
    default_conn_name = "dimse_default"
    conn_type = "dimse"
    hook_name = "DIMSE (PACS)"

    def __init__(self, dimse_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dimse_conn_id = dimse_conn_id

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """What the connection form hides and renames."""
        behaviour = DIMSE["ui-field-behaviour"]
        return {name.replace("-", "_"): value for name, value in behaviour.items()}

    def get_conn(self) -> DimseSource:
        """Return the source; nothing is opened before it is used.

        Raises:
            SettingsError: a field is missing or not what it should be.
        """
        conn = self.get_connection(self.dimse_conn_id)
        fields = {name: value for name, value in (conn.extra_dejson or {}).items() if value not in (None, "")}
        try:
            ours, theirs = str(fields.get("calling", "RADFLOW")), str(conn.login or "")
            way = str(fields.get("retrieve", "move"))
            if way not in ("move", "get"):
                msg = f"retrieve is move or get, not {way!r}."
                raise ValueError(msg)
            silence = float(fields.get("read_timeout", 60.0))
            peer = Peer(
                conn.host or "",
                int(conn.port or 104),
                theirs,
                ours,
                connect_timeout=float(fields.get("connect_timeout", 10.0)),
                silence=silence,
                tls=_client_tls(fields),
                tls_name=str(fields.get("tls_name", "")),
            )
            return DimseSource(
                peer,
                _listening(fields, ours, theirs, silence) if way == "move" else None,
                patience=Patience(int(fields.get("retries", 4)), float(fields.get("backoff", 1.0))),
                longest=float(fields.get("longest", 3600.0)),
            )
        except (TypeError, ValueError, OSError) as error:
            reason = f"The connection {self.dimse_conn_id} is malformed: {error}"
            instruction = (
                "Set its host, port and AE title, and our port where the archive sends to us (C-MOVE)."
            )
            raise SettingsError(reason, instruction) from None

    def get_source(self) -> DimseSource:
        """The archive as fetch tasks use it."""
        return self.get_conn()

    def test_connection(self) -> tuple[bool, str]:
        """C-ECHO; what the connection form's Test button calls."""
        try:
            source = self.get_conn()
            try:
                source.echo()
            finally:
                source.close()
        except RadflowError as error:
            return False, str(error)
        return True, "The archive answers C-ECHO."


def _listening(fields: dict[str, Any], ours: str, theirs: str, silence: float) -> Listening:
    if "our_port" not in fields:
        msg = "it has no port of ours to which the archive sends (C-MOVE)."
        raise ValueError(msg)
    callers = tuple(one.strip() for one in str(fields.get("callers", theirs)).split(",") if one.strip())
    return Listening(
        int(fields["our_port"]),
        ours,
        callers,
        str(fields.get("our_address", "")),
        associations=int(fields.get("associations", 4)),
        silence=silence,
        tls=_server_tls(fields),
    )


def _is_tls(fields: dict[str, Any]) -> bool:
    return str(fields.get("tls", False)).lower() in ("true", "1", "yes")


def _client_tls(fields: dict[str, Any]) -> ssl.SSLContext | None:
    if not _is_tls(fields):
        return None
    made = ssl.create_default_context(cafile=str(fields["ca"]) if "ca" in fields else None)
    if "certificate" in fields:
        made.load_cert_chain(str(fields["certificate"]), str(fields.get("key", fields["certificate"])))
    return made


def _server_tls(fields: dict[str, Any]) -> ssl.SSLContext | None:
    """TLS of our receiver: the same certificate; who sends must show one that the CA signed, where a CA is named."""
    if not _is_tls(fields):
        return None
    if "certificate" not in fields:
        msg = "our receiver needs a certificate for TLS (C-MOVE); C-GET does not."
        raise ValueError(msg)
    made = ssl.create_default_context(
        ssl.Purpose.CLIENT_AUTH, cafile=str(fields["ca"]) if "ca" in fields else None
    )
    made.load_cert_chain(str(fields["certificate"]), str(fields.get("key", fields["certificate"])))
    if "ca" in fields:
        made.verify_mode = ssl.CERT_REQUIRED
    return made
