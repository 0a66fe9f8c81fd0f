"""De-identification in the portal: progress, reports and quarantine, each for those who may see the series."""

from __future__ import annotations

import html
import json
from typing import Any

import psycopg2
import pytest

from deid.actions import Action
from deid.report import verify_report
from deid.report.words import ACTIONS, CUTS, OUTCOMES
from tests.support.deid_rows import BROKER, ENGINEER, FIRST, DeidRows, fill_deid
from tests.support.outcomes import SECRETS

API = "/api/v1/deidentification"
HTML = {"Accept": "text/html"}
#: Who sees the report of which series of the first batch. ``open`` is released, ``held`` not; ``cut`` and ``paper`` are
#: in quarantine; ``bobs`` and ``cut`` are private, ``paper`` is for the team of alice and erin.
SEES = {
    "pipeline": {"open", "held"},
    "bob": {"open", "bobs", "cut"},
    "alice": {"open", "paper"},
    "erin": {"open"},
    "cora": {"open", "held"},
    "mallory": {"open"},
    "nobody-known": {"open"},
    ENGINEER: {"open", "held", "cut", "paper"},
    BROKER: {"open", "held", "cut", "paper"},
}


@pytest.fixture(scope="module")
def rows(world: Any, tmp_path_factory: pytest.TempPathFactory) -> DeidRows:
    """Batches in the portal's world; stored once."""
    if "deid" not in world.ids:
        ids = world.ids["series"]
        catalogued = {"open": ids["s1"], "held": ids["held"], "bobs": ids["bob"]}
        world.ids["deid"] = fill_deid(world.cursor, tmp_path_factory.mktemp("deid") / "zone", catalogued)
    return world.ids["deid"]


def items(get: Any, who: str, path: str, **query: Any) -> list[dict[str, Any]]:
    answer = get(who, f"{API}{path}", **query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


@pytest.mark.parametrize("who", SEES)
def test_a_person_sees_the_reports_of_the_own_series(get: Any, rows: DeidRows, who: str) -> None:
    names = {number: name for name, number in rows.report.items()}
    found = items(get, who, "/reports", batch=rows.batch["first"])
    assert {names[one["id"]] for one in found} == SEES[who]
    for name in FIRST:
        status = 200 if name in SEES[who] else 404
        for path in (f"{API}/reports/{rows.report[name]}", f"{API}/reports/{rows.report[name]}/report.json"):
            assert get(who, path).status_code == status, (name, path)
        assert get(who, f"/deidentification/reports/{rows.report[name]}", headers=HTML).status_code == status


@pytest.mark.parametrize("who", SEES)
def test_a_batch_counts_what_its_reader_sees(get: Any, rows: DeidRows, who: str) -> None:
    (first,) = [one for one in items(get, who, "/batches") if one["id"] == rows.batch["first"]]
    done = {name for name in SEES[who] if FIRST[name][3] is None}
    assert first["series_count"] == len(SEES[who])
    assert (first["done_count"], first["object_count"]) == (len(done), 3 * len(done))
    assert first["quarantined_count"] == first["waiting_count"] == len(SEES[who] - done)
    assert first["state"] == "complete"
    detail = get(who, f"{API}/batches/{rows.batch['first']}").json()
    assert {one["name"]: one["times"] for one in detail["reasons"]} == {
        FIRST[name][3]: 12 for name in SEES[who] - done
    }
    assert {one["name"]: one["times"] for one in detail["actions"]}["alias"] == 6 * len(done)
    assert {one["name"]: one["times"] for one in detail["cuts"]} == {"name": 5 * len(done), "date": len(done)}


def test_what_is_hidden_is_not_there(get: Any, rows: DeidRows) -> None:
    for hidden, absent in (
        (f"/batches/{rows.batch['bobs']}", "/batches/999999"),
        (f"/reports/{rows.report['bobs']}", "/reports/999999"),
        (f"/reports/{rows.report['bobs']}/pictures/{'0' * 64}", f"/reports/999999/pictures/{'0' * 64}"),
        (f"/reports/{rows.report['bobs']}/report.json", "/reports/999999/report.json"),
    ):
        answers = [get("mallory", API + path) for path in (hidden, absent)]
        assert [one.status_code for one in answers] == [404, 404]
        assert answers[0].content == answers[1].content
    assert rows.batch["bobs"] not in {one["id"] for one in items(get, "mallory", "/batches")}
    assert rows.batch["bobs"] in {one["id"] for one in items(get, "bob", "/batches")}
    for path in ("", "/quarantine", f"/batches/{rows.batch['first']}", f"/reports/{rows.report['open']}"):
        assert get(None, "/deidentification" + path).status_code == 401
        assert get(None, API + (path or "/batches")).status_code == 401


def test_progress_of_a_batch_that_goes_on(get: Any, rows: DeidRows, world: Any) -> None:
    second = get(ENGINEER, f"{API}/batches/{rows.batch['second']}").json()
    assert (second["series_count"], second["done_count"], second["state"]) == (2, 1, "running")
    assert second["finding_count"] == 1
    page = get(ENGINEER, f"/deidentification/batches/{rows.batch['second']}", headers=HTML).text
    assert 'data-refresh="6"' in page
    assert "1 of 2" in page
    assert "found 1 thing" in page
    listed = [one["id"] for one in items(get, ENGINEER, "/batches")]
    assert listed == sorted(listed, reverse=True)
    assert rows.batch["first"] < rows.batch["second"]


def test_the_report_is_what_was_sealed(get: Any, rows: DeidRows) -> None:
    detail = get("mallory", f"{API}/reports/{rows.report['open']}").json()
    report = detail["report"]
    assert verify_report(report) == []
    assert detail["is_last"] is True
    download = get("mallory", f"{API}/reports/{rows.report['open']}/report.json")
    assert json.loads(download.text) == report
    assert "attachment" in download.headers["content-disposition"]
    (listed,) = items(get, "mallory", "/reports", series_uid=report["series_uid"])
    assert (listed["report_sha256"], listed["outcomes"]) == (report["sha256"], report["outcomes"])


def test_pictures_are_those_of_the_report(get: Any, rows: DeidRows) -> None:
    path = f"{API}/reports/{rows.report['open']}/pictures/{rows.picture}"
    answer = get("mallory", path)
    assert answer.headers["content-type"] == "image/png"
    assert answer.content.startswith(b"\x89PNG")
    assert get("mallory", f"{API}/reports/{rows.report['held']}/pictures/{rows.picture}").status_code == 404
    assert get("mallory", f"{API}/reports/{rows.report['open']}/pictures/{'0' * 64}").status_code == 404
    assert get("mallory", f"{API}/reports/{rows.report['open']}/pictures/..%2f").status_code in (404, 422)


@pytest.mark.parametrize(
    ("who", "waiting"),
    [("bob", {"cut"}), ("alice", {"paper"}), ("erin", set()), ("cora", set()), (ENGINEER, {"cut", "paper"}),
     (BROKER, {"cut", "paper"})],
)  # fmt: skip
def test_quarantine_is_for_owners_engineers_and_brokers(
    get: Any, rows: DeidRows, who: str, waiting: set
) -> None:
    found = items(get, who, "/quarantine")
    assert {one["number"] for one in found} == {rows.number[name] for name in waiting}
    for one in found:
        assert one["instruction"]
        assert one["details"] == ["(0042,0011)", "byte 4120"]
    page = html.unescape(get(who, "/deidentification/quarantine", headers=HTML).text)
    assert all(one["instruction"] in page for one in found)
    assert ("waits for a decision" in page) == (not waiting)


def test_quarantine_by_reason(get: Any, rows: DeidRows) -> None:
    assert {one["reason_code"] for one in items(get, ENGINEER, "/quarantine", code="truncated")} == {
        "truncated"
    }
    assert items(get, ENGINEER, "/quarantine", code="' or true --") == []


def test_pages_say_what_was_done(get: Any, rows: DeidRows) -> None:
    report = get("mallory", f"{API}/reports/{rows.report['open']}").json()["report"]
    page = get("mallory", f"/deidentification/reports/{rows.report['open']}", headers=HTML).text
    for words in (
        report["patient_alias"], report["sha256"], report["manifest"]["sha256"], "nothing found", "Study Description",
        "no longer there", "alias", "1 picture from before", f"review/{rows.number['open']:08d}",
        f"pictures/{rows.picture}", "Liver &lt;script&gt;alert(1)&lt;/script&gt;", 'rect x="20.0" y="8.0"',
    ):  # fmt: skip
        assert words in page, words
    batch = get("mallory", f"/deidentification/batches/{rows.batch['first']}", headers=HTML).text
    assert "/dags/deidentify/runs/asset_triggered__1" in batch
    for line in report["policy"]["english"]:
        assert line.split("'")[0] in batch
    quarantined = get(ENGINEER, f"/deidentification/reports/{rows.report['cut']}", headers=HTML).text
    assert "Fetch the series again; the transfer was cut." in quarantined
    assert "Nothing of the series was written" in quarantined


def test_pages_hold_to_their_security_policy(get: Any, rows: DeidRows) -> None:
    for path in ("", "/quarantine", f"/batches/{rows.batch['first']}", f"/reports/{rows.report['open']}"):
        page = get(ENGINEER, f"/deidentification{path}", headers=HTML).text
        assert " style=" not in page
        assert "onclick" not in page


def test_no_original_is_in_any_answer(get: Any, rows: DeidRows) -> None:
    texts = [get(ENGINEER, f"{API}/{path}").text for path in ("batches", "reports", "quarantine")]
    texts += [get(ENGINEER, f"{API}/reports/{rows.report[name]}").text for name in SEES[ENGINEER]]
    texts += [
        get(ENGINEER, f"/deidentification/reports/{rows.report[name]}", headers=HTML).text
        for name in SEES[ENGINEER]
    ]
    assert [secret for secret in SECRETS if any(secret in text for text in texts)] == []


@pytest.mark.parametrize("table", ["deid_batch", "deid_item", "deid_report", "deid_picture"])
def test_the_portal_only_reads(world: Any, rows: DeidRows, table: str) -> None:
    for text in (
        f"delete from catalog.{table}",
        f"insert into catalog.{table} select * from catalog.{table}",
    ):
        with pytest.raises(psycopg2.errors.Error), world.cursor("radflow_portal", "mallory") as cursor:
            cursor.execute(text)


def test_the_portal_uses_the_words_of_the_engine() -> None:
    from radflow_portal.pages import deidentify

    assert {name: tuple(word) for name, word in ACTIONS.items()} == deidentify.ACTIONS
    assert list(deidentify.ACTIONS) == list(ACTIONS)
    assert deidentify.CUTS == CUTS
    assert tuple(OUTCOMES) == deidentify.OUTCOMES
    assert set(Action) == deidentify.ACTIONS.keys()


def test_what_fetching_refused_waits_too(get: Any, world: Any, rows: DeidRows) -> None:
    """With reason, source and remedy for owner, engineer and broker; without UIDs and places of files."""
    number = rows.number["next"]
    with world.cursor() as cursor:
        cursor.execute("update landing.received_series set state = 'quarantined' where id = %s", (number,))
        cursor.execute(
            "insert into landing.quarantine (series_id, stage, reason_code, reason, instruction, uri) "
            "values (%s, 'fetch', 'zip-bomb', 'The zip inflates beyond the limits.', 'Ask the source.', 'file:///q')",
            (number,),
        )
    try:
        for who in SEES:
            found = [one for one in items(get, who, "/quarantine") if one["stage"] == "fetch"]
            assert bool(found) == (who in ("pipeline", ENGINEER, BROKER)), who
        (one,) = items(get, ENGINEER, "/quarantine", code="zip-bomb")
        assert (one["id"], one["batch_id"], one["number"], one["source"]) == (None, None, number, "test")
        assert (one["reason"], one["instruction"]) == (
            "The zip inflates beyond the limits.",
            "Ask the source.",
        )
        page = get(ENGINEER, "/deidentification/quarantine", headers=HTML).text
        assert "Ask the source." in page
        for text in (json.dumps(one), page):
            assert "file:///" not in text
            assert not any(secret in text for secret in SECRETS)
    finally:
        with world.cursor() as cursor:
            cursor.execute("update landing.received_series set state = 'received' where id = %s", (number,))
    assert all(one["stage"] == "deidentify" for one in items(get, ENGINEER, "/quarantine"))
