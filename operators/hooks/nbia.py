"""The Airflow connection to an NBIA server."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseHook

from operators.connections import NBIA
from research.errors import RadflowError, SettingsError
from research.nbia import NbiaClient, NbiaSource
from research.nbia.transport import TCIA, TCIA_NLST


class NbiaHook(BaseHook):
    """Gives an ``NbiaClient`` for a connection of type ``nbia``. No login: NBIA v4 is public.

    :param nbia_conn_id: the connection's id.
    """

    conn_name_attr = "nbia_conn_id"
    default_conn_name = "nbia_default"
    conn_type = "nbia"
    hook_name = "NBIA (The Cancer Imaging Archive)"

    def __init__(self, nbia_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.nbia_conn_id = nbia_conn_id

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """What the connection form hides and renames."""
        behaviour = NBIA["ui-field-behaviour"]
        return {name.replace("-", "_"): value for name, value in behaviour.items()}

    def get_conn(self) -> NbiaClient:
        """Return a client; close it after use, or use it as a context manager.

        Raises:
            SettingsError: the connection has no address, or a field is not a number.
        """
        return self._client(self._fields())

    def get_source(self) -> NbiaSource:
        """The archive as fetch tasks use it: with the host of NLST where there is one.

        Raises:
            SettingsError: the connection has no address, or a field is not a number.
        """
        fields = self._fields()
        main = self._client(fields)
        apart = fields.get("nlst_host") or (TCIA_NLST if main.address.startswith(TCIA) else "")
        return NbiaSource(main, self._client({**fields, "address": apart}) if apart else None)

    def _fields(self) -> dict[str, Any]:
        conn = self.get_connection(self.nbia_conn_id)
        fields = {name: value for name, value in (conn.extra_dejson or {}).items() if value not in (None, "")}
        try:
            fields["address"] = address(conn.host, conn.schema, conn.port)
        except ValueError as error:
            raise self._malformed(error) from None
        return {**fields, "token": conn.password or ""}

    def _client(self, fields: dict[str, Any]) -> NbiaClient:
        try:
            return NbiaClient(
                fields["address"],
                timeout=(float(fields.get("connect_timeout", 10.0)), float(fields.get("read_timeout", 60.0))),
                retries=int(fields.get("retries", 4)),
                backoff=float(fields.get("backoff", 1.0)),
                token=fields["token"],
            )
        except (TypeError, ValueError) as error:
            raise self._malformed(error) from None

    def _malformed(self, error: Exception) -> SettingsError:
        reason = f"The connection {self.nbia_conn_id} is malformed: {error}"
        instruction = "Set its host to the server's address, e.g. https://nbia.cancerimagingarchive.net."
        return SettingsError(reason, instruction)

    def test_connection(self) -> tuple[bool, str]:
        """Ask for the list of collections; what the connection form's Test button calls."""
        try:
            with self.get_conn() as client:
                names = client.collections()
        except RadflowError as error:
            return False, str(error)
        return True, f"An NBIA server with {len(names)} public collection(s)."


def address(host: str | None, schema: str | None, port: int | None) -> str:
    """Compose the server's address from a connection's fields; the host may be a whole address already.

    Raises:
        ValueError: there is no host.
    """
    if not host:
        msg = "it has no host."
        raise ValueError(msg)
    scheme, separator, rest = host.partition("://")
    if not separator:
        scheme, rest = schema or "https", host
    server, slash, path = rest.partition("/")
    if port and ":" not in server:
        server = f"{server}:{port}"
    return f"{scheme}://{server}{slash}{path}"
