"""Reports of de-identification in the database: with the state of the series or not at all, once, provable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg2
import pytest

import deid
from deid.report import ReportError, quarantine_report, series_pictures, series_report, verify_report
from operators.deid_report import open_batch, review_uri, store_report
from operators.hooks.research_db import ResearchDbHook
from research.attributes import manifest_sha256
from tests.support.cluster import Database
from tests.support.outcomes import NOW, SECRETS, make_outcome, png
from tests.support.place import TEAM, Place

BATCH = "deidentify/manual__1"
PIXELS = {
    "pixels": (
        {
            "touched": 1,
            "frames": 1,
            "columns": 64,
            "rows": 48,
            "boxes": {"all": [[1, 2, 9, 9]], "frames": {}},
        },
    ),
    "pictures": {"before-0001": png(64, 48, 5), "after-0001": png()},
}


@pytest.fixture
def here(database: Database, tmp_path: Path):
    """An empty installation without a server."""
    database.empty()
    with Place(database, tmp_path).used() as made:
        made.people()
        yield made


def received(place: Place, count: int = 1, owner: str = "admin", visibility: str = "team") -> list[int]:
    return [
        place.database.value(
            "insert into landing.received_series (source, collection, series_uid, state, owner, team, visibility, uri,"
            " manifest_sha256) values ('s', 'c', %s, 'received', %s, %s, %s, 'file:///x', 'm') returning id",
            f"{SECRETS[3]}.{number}", owner, TEAM if visibility == "team" else None, visibility,
        )
        for number in range(count)
    ]  # fmt: skip


@pytest.fixture
def policy(here: Place) -> deid.Policy:
    found = deid.load_policy("research")
    with ResearchDbHook().transaction() as work:
        work.execute(
            "deidentify_policy",
            sha256=found.sha256,
            name=found.name,
            english=found.describe(),
            engine_version="1",
        )
    return found


def store(number: int, report: dict[str, Any], pictures: dict[str, bytes] | None = None, **more: Any) -> int:
    told = {"batch": BATCH, "policy_sha256": deid.load_policy("research").sha256} | more
    with ResearchDbHook().transaction() as work:
        return store_report(work, number, report, pictures, **told)


def test_a_report_is_kept_as_it_was_sealed(here, policy, tmp_path) -> None:
    (number,) = received(here)
    result, folder = make_outcome(tmp_path, policy, **PIXELS)
    report = series_report(result, policy, findings=[], folder=folder)
    made = store(number, report, series_pictures(result))
    row = here.database.rows(
        "select report, kind, report_sha256, policy_sha256, series_uid, object_count, finding_count, verified, owner,"
        " team, visibility::text, actions, cuts from catalog.deid_report where id = %s", made
    )[0]  # fmt: skip
    assert row[0] == report
    assert verify_report(row[0]) == []
    assert row[1:] == (
        "series", report["sha256"], policy.sha256, result.series_uid, 3, 0, True, "admin", TEAM, "team",
        report["actions"], report["cuts"],
    )  # fmt: skip
    assert report["manifest"]["sha256"] == manifest_sha256(result.manifest)


def test_pictures_from_before_go_to_the_zone_of_the_originals_only(here, policy, tmp_path) -> None:
    (number,) = received(here)
    result, folder = make_outcome(tmp_path, policy, **PIXELS)
    store(number, series_report(result, policy, findings=[], folder=folder), series_pictures(result))
    names = [name for (name,) in here.database.rows("select name from catalog.deid_picture")]
    assert names == [f"{result.series_uid}/after-0001"]
    review = Path(review_uri(number).removeprefix("file://"))
    assert review.is_relative_to(here.zone("landing"))
    assert [path.name for path in review.iterdir()] == ["review.html"]
    assert review.stat().st_mode & 0o77 == 0
    assert "honest broker" in (review / "review.html").read_text()
    assert list(here.zone("scratch").iterdir()) == []


def test_a_task_that_runs_again_changes_nothing(here, policy, tmp_path) -> None:
    (number,) = received(here)
    result, folder = make_outcome(tmp_path, policy, **PIXELS)
    ids = [
        store(
            number,
            series_report(result, policy, findings=[], folder=folder, created=created),
            series_pictures(result),
        )
        for created in (NOW, None)
    ]
    assert ids[0] == ids[1]
    for table in ("catalog.deid_batch", "catalog.deid_item", "catalog.deid_report", "catalog.deid_picture"):
        assert here.database.value(f"select count(*) from {table}") == 1
    assert here.database.value("select count(*) from audit.event where action = 'deidentify.report'") == 1


def test_what_came_later_counts_and_what_was_stays(here, policy, tmp_path) -> None:
    (number,) = received(here)
    error = deid.QuarantineError.of("File 1 of 3", "truncated")
    refused = quarantine_report(error, 3, policy=policy, number=number)
    first = store(number, refused)
    result, folder = make_outcome(tmp_path, policy)
    second = store(number, series_report(result, policy, findings=[], folder=folder))
    third = store(number, refused)
    assert first < second < third
    last = here.database.value("select catalog.deid_last(batch_id, received_id) from catalog.deid_item")
    assert last == third
    waits = "select catalog.deid_waits(received_id, id) from catalog.deid_report order by id"
    assert [row[0] for row in here.database.rows(waits)] == [False, False, True]


def test_a_decision_ends_the_wait(here, policy) -> None:
    (number,) = received(here)
    error = deid.QuarantineError.of("File 1 of 3", "truncated")
    with ResearchDbHook().transaction() as work:
        work.execute(
            "quarantine_add",
            id=number,
            stage="deidentify",
            uri="x",
            reason_code="truncated",
            reason="R.",
            instruction="I.",
        )
        store_report(
            work, number, quarantine_report(error, 3, number=number), batch=BATCH, policy_sha256=policy.sha256
        )
    waits = "select catalog.deid_waits(received_id, id) from catalog.deid_report"
    assert here.database.value(waits) is True
    here.database.rows(
        "update landing.quarantine set decided_at = clock_timestamp(), decided_by = 'b', decision = 'left out'",
        role="radflow_broker",
    )
    assert here.database.value(waits) is False


def test_the_report_falls_with_the_transaction(here, policy) -> None:
    (number,) = received(here)
    error = deid.QuarantineError.of("File 1 of 3", "truncated")

    def fails() -> None:
        with ResearchDbHook().transaction() as work:
            store_report(work, number, quarantine_report(error, 3), batch=BATCH, policy_sha256=policy.sha256)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    for table in ("catalog.deid_batch", "catalog.deid_item", "catalog.deid_report", "audit.event"):
        assert here.database.value(f"select count(*) from {table}") == 0


def test_progress_shows_before_the_first_report(here, policy) -> None:
    numbers = received(here, 3)
    for _ in range(2):
        with ResearchDbHook().transaction() as work:
            batch = open_batch(work, BATCH, numbers, policy.sha256)
    items = here.database.rows(
        "select batch_id, received_id, owner, team, visibility::text from catalog.deid_item"
    )
    assert sorted(items) == [(batch, number, "admin", TEAM, "team") for number in numbers]


def test_the_audit_proves_the_report(here, policy, tmp_path) -> None:
    (number,) = received(here)
    result, folder = make_outcome(tmp_path, policy)
    report = series_report(result, policy, findings=[], folder=folder)
    made = store(number, report)
    found = here.database.rows("select object_id, detail from audit.event where action = 'deidentify.report'")
    assert found == [
        (str(number), {"batch": BATCH, "report": made, "report_sha256": report["sha256"], "kind": "series"})
    ]
    assert here.database.value("select audit.first_broken()") is None


def test_what_is_not_as_it_was_sealed_is_refused(here, policy, tmp_path) -> None:
    (number,) = received(here)
    result, folder = make_outcome(tmp_path, policy, **PIXELS)
    report, pictures = series_report(result, policy, findings=[], folder=folder), series_pictures(result)
    after = f"{result.series_uid}/after-0001"
    for wrong, given in (
        (report | {"findings": [{"file": 1, "where": "x", "code": "name"}]}, pictures),
        (report, {}),
        (deid.report.batch_report([report]), pictures),
    ):
        with pytest.raises(ReportError):
            store(number, wrong, given)
    with pytest.raises(Exception, match="23514"):  # not the picture that the report names
        store(number, report, pictures | {after: png(64, 48, 1)})
    with pytest.raises(ReportError, match="not in landing"):
        store(number + 1000, report, pictures)
    assert here.database.value("select count(*) from catalog.deid_report") == 0


@pytest.mark.parametrize("name", ["before", "2.25.1/before-0001", "2.25.1/before-face"])
def test_the_database_takes_no_picture_from_before(here, policy, tmp_path, name) -> None:
    (number,) = received(here)
    result, folder = make_outcome(tmp_path, policy)
    made = store(number, series_report(result, policy, findings=[], folder=folder))
    with pytest.raises(psycopg2.errors.CheckViolation):
        here.database.rows(
            "insert into catalog.deid_picture values (%s, %s, encode(sha256('x'), 'hex'), 'x')", made, name
        )


def test_no_identity_is_stored_and_none_in_errors(here, policy, tmp_path) -> None:
    (number,) = received(here)
    result, folder = make_outcome(tmp_path, policy, **PIXELS)
    store(number, series_report(result, policy, findings=[], folder=folder), series_pictures(result))
    for table in ("deid_batch", "deid_item", "deid_report"):
        text = json.dumps(here.database.rows(f"select to_jsonb(t) from catalog.{table} t"))
        assert [secret for secret in SECRETS if secret in text] == []
