"""One installation for the tests of operators: a database, four zones, and the environment that names them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from operators.accounts import ensure_accounts
from tests.support.cluster import Database

TEAM = "lungs"
PEOPLE = {
    "admin": ("admin",),
    "engineer": ("data_engineer",),
    "cora": ("curator",),
    "curt": ("curator",),
    "judy": ("adjudicator",),
    "alice": ("researcher",),
}
OUTSIDER = "mallory"
KEY = "5f" * 32


@dataclass(frozen=True)
class Place:
    """Where one set of tests keeps everything."""

    database: Database
    folder: Path

    def people(self) -> None:
        """Accounts: all in one team but the outsider."""
        ensure_accounts(self.database.dsn(), PEOPLE, team=TEAM)
        ensure_accounts(self.database.dsn(), {OUTSIDER: ("researcher",)})

    def zone(self, name: str) -> Path:
        """Folder of a zone."""
        return self.folder / name

    def environment(self, nbia: str) -> dict[str, str]:
        """What a worker's environment would hold."""
        zones = ("landing", "research", "quarantine", "artifacts")
        return {f"AIRFLOW__RADFLOW__{name.upper()}_URI": self.zone(name).as_uri() for name in zones} | {
            "AIRFLOW__RADFLOW__SCRATCH_DIR": str(self.zone("scratch")),
            "AIRFLOW__RADFLOW__DATABASE_CONN_ID": "radflow_db",
            "AIRFLOW__RADFLOW__DEID_CONN_ID": "radflow_deid",
            "AIRFLOW__RADFLOW__DEID_POLICY": "research",
            "AIRFLOW__RADFLOW__RUNTIME": "process",
            "AIRFLOW__RADFLOW__CHUNK_TASKS": "2",
            "AIRFLOW__RADFLOW__CODE_VERSION": "0.1.0+test",
            "AIRFLOW_CONN_RADFLOW_DB": self.database.uri,
            "AIRFLOW_CONN_RADFLOW_DEID": json.dumps(
                {"conn_type": "generic", "login": "tests", "password": KEY}
            ),
            "AIRFLOW_CONN_NBIA_DEFAULT": json.dumps(
                {
                    "conn_type": "nbia",
                    "host": nbia,
                    "extra": {"retries": 2, "backoff": 0.01, "read_timeout": 1, "connect_timeout": 5},
                }
            ),
        }

    @contextmanager
    def used(self, nbia: str = "http://127.0.0.1:9") -> Iterator[Place]:
        """Point this process at the place."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment(nbia).items():
                patch.setenv(name, value)
            yield self


def context(
    dag_id: str = "test", run_id: str = "manual__1", task_id: str = "task", **more: Any
) -> dict[str, Any]:
    """A task's context, as far as our operators look at it."""
    ti = SimpleNamespace(
        id=uuid.uuid4(), dag_id=dag_id, run_id=run_id, task_id=task_id, map_index=-1, try_number=1
    )
    return {"ti": ti, "task_instance": ti, "dag_run": SimpleNamespace(dag_id=dag_id, run_id=run_id), **more}
