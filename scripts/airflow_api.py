"""A small client of Airflow's public REST API, as any script outside would use it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import requests


class ApiError(Exception):
    """The server refused; the text says what it said."""


class Api:
    """One account's session: a token from ``/auth/token``, then plain JSON."""

    def __init__(self, base: str, user: str, password: str) -> None:
        self.base = base.rstrip("/")
        self.user = user
        self._session = requests.Session()
        answer = self._session.post(
            f"{self.base}/auth/token", json={"username": user, "password": password}, timeout=60
        )
        if not answer.ok:
            msg = f"{user} could not sign in: {answer.status_code} {answer.text[:200]}"
            raise ApiError(msg)
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def call(self, method: str, path: str, *, ok: tuple[int, ...] = (), **kwargs: Any) -> Any:
        """JSON of one call; statuses in ``ok`` besides 2xx give None."""
        for attempt in range(4):
            try:
                answer = self._session.request(method, f"{self.base}{path}", timeout=60, **kwargs)
                break
            except requests.ConnectionError:  # the api-server may be restarting
                if attempt == 3:
                    raise
                time.sleep(2 * (attempt + 1))
        if answer.status_code in ok:
            return None
        if not answer.ok:
            msg = f"{method} {path}: {answer.status_code} {answer.text[:500]}"
            raise ApiError(msg)
        return answer.json() if answer.content else None

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        """Start a DAG run; returns its id."""
        run = self.call(
            "POST", f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": conf or {}}
        )
        return str(run["dag_run_id"])

    def state(self, dag_id: str, run_id: str) -> str:
        """State of a DAG run."""
        return str(self.call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def active(self, dag_id: str) -> list[str]:
        """Run ids that are queued or running."""
        runs = self.call("GET", f"/api/v2/dags/{dag_id}/dagRuns", params={"state": ["queued", "running"]})
        return [run["dag_run_id"] for run in runs["dag_runs"]]

    def wait(self, dag_id: str, run_id: str, patience: float, tell: Any = None) -> str:
        """Until the run has ended; ``tell`` is called about once a second."""
        until = time.monotonic() + patience
        while time.monotonic() < until:
            state = self.state(dag_id, run_id)
            if tell is not None:
                tell()
            if state in ("success", "failed"):
                return state
            time.sleep(1)
        msg = f"{dag_id} {run_id} did not end within {patience:.0f} s"
        raise ApiError(msg)

    def questions(self, dag_id: str = "curate") -> list[dict[str, Any]]:
        """Human-in-the-loop questions that wait for an answer."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.call(
                "GET", "/api/v2/dags/~/dagRuns/~/hitlDetails",
                params={"response_received": "false", "state": "awaiting_input", "limit": 100, "offset": len(found)},
            )  # fmt: skip
            found += page["hitl_details"]
            if not page["hitl_details"] or len(found) >= page["total_entries"]:
                return [one for one in found if one["task_instance"]["dag_id"] == dag_id and _settled(one)]

    def answer(self, question: dict[str, Any], option: str, fields: dict[str, Any]) -> bool:
        """Answer one question; False where this account may not, or somebody was faster."""
        ti = question["task_instance"]
        path = (
            f"/api/v2/dags/{ti['dag_id']}/dagRuns/{ti['dag_run_id']}/taskInstances/{ti['task_id']}/"
            f"{ti['map_index']}/hitlDetails"
        )
        body = {"chosen_options": [option], "params_input": fields}
        return self.call("PATCH", path, ok=(403, 404, 409), json=body) is not None


def _settled(question: dict[str, Any]) -> bool:
    """Has the task that asks been parked for a moment? An answer within its last heartbeat costs it a retry."""
    asked = datetime.fromisoformat(question["created_at"])
    return datetime.now(UTC) - asked > timedelta(seconds=4)
