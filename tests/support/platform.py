"""The running installation as end-to-end tests see it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from scripts.airflow_api import Api
from scripts.standins.nbia import NbiaStandIn
from scripts.state import HOME, State


@dataclass
class Platform:
    """What a test needs of the running installation."""

    state: State
    environment: dict[str, str]
    first: subprocess.CompletedProcess[str]
    second: NbiaStandIn
    second_root: Path
    sessions: dict[str, Api] = field(default_factory=dict)

    @property
    def base(self) -> str:
        """Address of the api-server."""
        return f"http://127.0.0.1:{self.state.run()['ports']['api']}"

    def api(self, user: str) -> Api:
        """Session of an account; one per account."""
        if user not in self.sessions:
            self.sessions[user] = Api(self.base, user, self.state.passwords()[user])
        return self.sessions[user]

    def query(
        self, text: str, *values: Any, role: str = "radflow_pipeline", database: str = "radflow"
    ) -> list[Any]:
        """Rows, read in a transaction of its own."""
        connection = psycopg2.connect(self.state.dsn(role, database))
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(text, values)
                return cursor.fetchall()
        finally:
            connection.close()

    def script(self, *arguments: str, patience: float = 600) -> subprocess.CompletedProcess[str]:
        """Run one of our scripts against this installation."""
        return subprocess.run(
            [sys.executable, *arguments], cwd=HOME, env=self.environment, capture_output=True, text=True,
            check=False, timeout=patience,
        )  # fmt: skip

    def until(self, true: Callable[[], Any], patience: float, what: str) -> Any:
        """Poll until something holds."""
        end = time.monotonic() + patience
        while True:
            try:
                if found := true():
                    return found
            except (OSError, psycopg2.OperationalError):
                pass  # a component was killed and is coming back
            if time.monotonic() > end:
                pytest.fail(f"waited {patience:.0f} s for {what} in vain")
            time.sleep(0.5)

    def sign_off(self, patience: float = 240) -> None:
        """Answer every question as the demo's curators would, until nothing is held."""
        people = {"first_read": "curator2", "second_read": "curator1", "adjudicate": "adjudicator"}
        tags = {"tags": ["RADLEX:RID12"], "comment": None}

        def done() -> bool:
            for question in self.api("admin").questions():
                role = question["task_instance"]["task_id"].rpartition(".")[2]
                self.api(people[role]).answer(question, "accept", tags)
            return not self.query("select 1 from catalog.series where state = 'held' limit 1")

        self.until(done, patience, "all series to be signed off")

    def settle(self, patience: float = 240) -> None:
        """Until de-identification has nothing left to do."""
        self.until(
            lambda: (
                not self.query("select 1 from landing.received_series where state = 'received' limit 1")
                and not self.api("admin").active("deidentify")
            ),
            patience,
            "de-identification",
        )
