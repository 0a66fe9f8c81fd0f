"""The Airflow connection to the Imaging Data Commons."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseHook

from operators import settings
from operators.connections import IDC
from operators.hooks.nbia import address
from research.errors import RadflowError, SettingsError
from research.idc import Bucket, IdcSource, current_index
from research.sources import Patience


class IdcHook(BaseHook):
    """Gives an ``IdcSource`` for a connection of type ``idc``. No login: the buckets are public.

    :param idc_conn_id: the connection's id.
    """

    conn_name_attr = "idc_conn_id"
    default_conn_name = "idc_default"
    conn_type = "idc"
    hook_name = "IDC (Imaging Data Commons)"

    def __init__(self, idc_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.idc_conn_id = idc_conn_id

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """What the connection form hides and renames."""
        behaviour = IDC["ui-field-behaviour"]
        return {name.replace("-", "_"): value for name, value in behaviour.items()}

    def get_conn(self) -> IdcSource:
        """Return the source; close it after use.

        Raises:
            SettingsError: a field is not what it should be, or there is no index.
        """
        conn = self.get_connection(self.idc_conn_id)
        fields = {name: value for name, value in (conn.extra_dejson or {}).items() if value not in (None, "")}
        try:
            timeout = (float(fields.get("connect_timeout", 10.0)), float(fields.get("read_timeout", 60.0)))
            patience = Patience(int(fields.get("retries", 4)), float(fields.get("backoff", 1.0)))
            parallel = int(fields.get("parallel_objects", 4))
            endpoint = address(conn.host, conn.schema, conn.port) if conn.host else None
            bucket = Bucket(endpoint, patience=patience, timeout=timeout, connections=parallel)
            index = current_index(
                str(fields.get("index", "")), settings.scratch_dir() / "idc-index", timeout=timeout
            )
            return IdcSource(index, bucket, parallel=parallel)
        except (TypeError, ValueError) as error:
            reason = f"The connection {self.idc_conn_id} is malformed: {error}"
            raise SettingsError(reason, "Leave its fields empty for IDC's own index and buckets.") from None

    def get_source(self) -> IdcSource:
        """The archive as fetch tasks use it."""
        return self.get_conn()

    def test_connection(self) -> tuple[bool, str]:
        """Read the index and list one object of a bucket; what the connection form's Test button calls."""
        try:
            source = self.get_conn()
            try:
                source.bucket.objects(source.index.first.address or "", label="The bucket", most=1)
            finally:
                source.close()
        except RadflowError as error:
            return False, str(error)
        return True, f"An index of {source.index.count} series, and its buckets answer."
