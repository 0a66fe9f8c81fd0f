"""The Airflow connection to a FHIR R4 server."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseHook

from operators.connections import FHIR
from operators.hooks.nbia import address
from research.clinical.fhir_client import FhirClient
from research.clinical.fhir_http import Auth
from research.clinical.linking import parse_rules
from research.errors import RadflowError, SettingsError
from research.sources import Patience


class FhirHook(BaseHook):
    """Gives a ``FhirClient`` for a connection of type ``fhir``.

    :param fhir_conn_id: the connection's id.
    """

    conn_name_attr = "fhir_conn_id"
    default_conn_name = "fhir_default"
    conn_type = "fhir"
    hook_name = "FHIR R4"

    def __init__(self, fhir_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fhir_conn_id = fhir_conn_id

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """What the connection form hides and renames."""
        behaviour = FHIR["ui-field-behaviour"]
        return {name.replace("-", "_"): value for name, value in behaviour.items()}

    def get_conn(self) -> FhirClient:
        """Return a client; close it after use, or use it as a context manager.

        Raises:
            SettingsError: the connection has no address, or a field is not what it should be.
        """
        conn = self.get_connection(self.fhir_conn_id)
        fields = self._extra()
        try:
            auth = Auth(
                str(fields.get("auth", "none")), conn.login or "", conn.password or "",
                str(fields.get("token_url", "")), str(fields.get("scope", "system/*.read")),
            )  # fmt: skip
            return FhirClient(
                address(conn.host, conn.schema, conn.port),
                auth,
                patience=Patience(int(fields.get("retries", 4)), float(fields.get("backoff", 1.0))),
                timeout=(float(fields.get("connect_timeout", 10.0)), float(fields.get("read_timeout", 60.0))),
                page_size=int(fields.get("page_size", 500)),
                export_wait_s=3600 * float(fields.get("export_hours", 6)),
            )
        except (TypeError, ValueError) as error:
            reason = f"The connection {self.fhir_conn_id} is malformed: {error}"
            instruction = "Set its host to the service's address, e.g. https://hospital.example/fhir/R4."
            raise SettingsError(reason, instruction) from None

    def identifiers(self) -> str:
        """The connection's rules for which identifier is the Patient ID of the images.

        Raises:
            SettingsError: a rule means nothing.
        """
        text = str(self._extra().get("identifiers", ""))
        parse_rules(text)
        return text

    def _extra(self) -> dict[str, Any]:
        extra = self.get_connection(self.fhir_conn_id).extra_dejson or {}
        return {name: value for name, value in extra.items() if value not in (None, "")}

    def test_connection(self) -> tuple[bool, str]:
        """Ask for the capability statement; what the connection form's Test button calls."""
        try:
            self.identifiers()
            with self.get_conn() as client:
                found = client.metadata()
        except RadflowError as error:
            return False, str(error)
        name = str((found.get("software") or {}).get("name") or "a server")[:60]
        return True, f"FHIR {found['fhirVersion']}: {name}."
