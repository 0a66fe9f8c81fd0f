"""The pool: broken connections, many requests at once, a database that is away."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import psycopg2
import pytest


def test_requests_outlive_a_restart_of_the_server(world: Any, get: Any) -> None:
    assert get("erin", "/api/v1/health").status_code == 200
    superuser = f"host={world.socket_dir} user=postgres dbname=postgres"
    with closing(psycopg2.connect(superuser)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = 'radflow_portal'"
        )
        assert cursor.fetchone()[0] > 0
    assert [get("erin", "/api/v1/health").status_code for _ in range(4)] == [200] * 4


def test_many_at_once_each_see_their_own(get: Any) -> None:
    wanted = {"bob": 3, "mallory": 2, "erin": 3}
    people = list(wanted) * 20
    with ThreadPoolExecutor(24) as pool:
        totals = list(pool.map(lambda who: get(who, "/api/v1/runs").json()["total"], people))
    assert totals == [wanted[who] for who in people]


def test_a_database_that_is_away_is_said_so(world: Any, get: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from radflow_portal.db import close_database

    close_database()
    monkeypatch.setenv("AIRFLOW__RADFLOW__PORTAL_DSN", f"host={world.folder}/nowhere dbname=x")
    try:
        answer = get("erin", "/api/v1/runs")
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:radflow:problem:database")
        assert str(world.folder) not in answer.text
        assert get("erin", "/runs", headers={"Accept": "text/html"}).status_code == 503
        monkeypatch.setenv("AIRFLOW__RADFLOW__PORTAL_DSN", "")
        assert "portal_dsn" in get("erin", "/api/v1/runs").json()["detail"]
    finally:
        monkeypatch.undo()
        close_database()
    assert get("erin", "/api/v1/runs").status_code == 200


def test_a_failed_request_leaves_nothing_behind(world: Any) -> None:
    from radflow_portal.db import as_account

    def half_way() -> None:
        with as_account("erin", write=True) as session:
            session.run("portal_experiment_audit", object_id="half-way", reason="r", detail="{}")
            session.all("portal_run_metrics", id="no number")

    with pytest.raises(psycopg2.errors.InvalidTextRepresentation):
        half_way()
    with world.cursor() as cursor:
        cursor.execute("select count(*) from audit.event where object_id = 'half-way'")
        assert cursor.fetchone() == (0,)
