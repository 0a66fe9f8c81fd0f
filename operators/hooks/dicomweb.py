"""The Airflow connection to a DICOMweb service."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseHook

from operators.connections import DICOMWEB
from operators.hooks.nbia import address
from research.dicomweb import DicomWebClient, DicomWebSource, Login, Transport
from research.errors import RadflowError, SettingsError
from research.sources import Patience


class DicomWebHook(BaseHook):
    """Gives a ``DicomWebSource`` for a connection of type ``dicomweb``: a site's own archive, or a research one.

    :param dicomweb_conn_id: the connection's id.
    """

    conn_name_attr = "dicomweb_conn_id"
    default_conn_name = "dicomweb_default"
    conn_type = "dicomweb"
    hook_name = "DICOMweb"

    def __init__(self, dicomweb_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dicomweb_conn_id = dicomweb_conn_id

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """What the connection form hides and renames."""
        behaviour = DICOMWEB["ui-field-behaviour"]
        return {name.replace("-", "_"): value for name, value in behaviour.items()}

    def get_conn(self) -> DicomWebClient:
        """Return a client; close it after use.

        Raises:
            SettingsError: the connection has no address, or a field is not what it should be.
        """
        conn = self.get_connection(self.dicomweb_conn_id)
        fields = {name: value for name, value in (conn.extra_dejson or {}).items() if value not in (None, "")}
        try:
            verify = str(fields.get("verify", True)).lower() not in ("false", "0", "no")
            certificate = str(fields["certificate"]) if "certificate" in fields else ""
            transport = Transport(
                address(conn.host, conn.schema, conn.port),
                login=Login(conn.login or "", conn.password or ""),
                verify=str(fields["ca"]) if verify and "ca" in fields else verify,
                certificate=(certificate, str(fields.get("key", certificate))) if certificate else None,
                timeout=(float(fields.get("connect_timeout", 10.0)), float(fields.get("read_timeout", 60.0))),
                longest=float(fields.get("longest", 3600.0)),
                patience=Patience(int(fields.get("retries", 4)), float(fields.get("backoff", 1.0))),
            )
            return DicomWebClient(transport, page=int(fields.get("page_size", 200)))
        except (TypeError, ValueError) as error:
            reason = f"The connection {self.dicomweb_conn_id} is malformed: {error}"
            instruction = "Set its host to the service's address, e.g. https://pacs.example/dicom-web."
            raise SettingsError(reason, instruction) from None

    def get_source(self) -> DicomWebSource:
        """The archive as fetch tasks use it."""
        return DicomWebSource(self.get_conn())

    def test_connection(self) -> tuple[bool, str]:
        """Ask for one study; what the connection form's Test button calls."""
        try:
            client = self.get_conn()
            try:
                found = client.probe()
            finally:
                client.close()
        except (RadflowError, OSError) as error:
            # requests says OSError where a certificate's file is absent; its text names the file only.
            return False, str(error)
        return True, "A DICOMweb service" + (
            " that shows studies." if found else " that shows no study to this user."
        )
