"""fetch through its operators, against a server that misbehaves: whole series, or a sentence, or quarantine."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from operators.fetch import (
    FetchOperator,
    FetchPlanOperator,
    ImportTruthOperator,
    LandingNewsOperator,
    followed_collections,
)
from research.errors import FetchError, SettingsError
from scripts.demo_images.build import COLLECTION
from scripts.standins.nbia import NbiaStandIn
from tests.support.place import TEAM, Place, context

MENDED = ("500", "503", "empty-200", "cut", "stall", "truncated-valid-zip", "wrong-md5")
REFUSED = {
    "zip-slip": "zip-slip",
    "symlink": "zip-symlink",
    "zip-bomb": "zip-bomb",
    "0-byte": "empty-file",
    "not-dicom": "not-dicom",
    "truncated-dicom": "truncated",
    "two-patients": "two-patients",
    "two-series": "two-series",
    "duplicate-sop": "duplicate-sop-instance",
}


def plan(**more: object) -> list[list[int]]:
    given = {"collection": COLLECTION, "modality": "CT", "team": TEAM, "visibility": "team", **more}
    return FetchPlanOperator(task_id="plan", **{"conn_id": "nbia_default", **given}).execute(context())


def fetch(chunks: list[list[int]]) -> dict[str, list[int]]:
    ids = [number for chunk in chunks for number in chunk]
    return FetchOperator(task_id="fetch", series_ids=ids).execute(context())


def snapshot(place: Place) -> list[tuple]:
    """Everything that a second run must leave as it is."""
    return place.database.rows(
        "select s.id, s.series_uid, state, object_count, manifest_sha256, uri, name, sha256 "
        "from landing.received_series s left join landing.received_object o on o.series_id = s.id order by 1, 7"
    )


def first_ct(server: NbiaStandIn) -> str:
    return next(uid for uid, series in server.index.series.items() if series.header["Modality"] == "CT")


def states(place: Place) -> list[str]:
    return [row[0] for row in place.database.rows("select state from landing.received_series order by id")]


def test_whole_series_land_once_and_a_second_run_asks_for_nothing(place: Place, server: NbiaStandIn) -> None:
    chunks = plan()
    assert [len(chunk) for chunk in chunks] == [2, 1]
    assert fetch(chunks) == {"received": [1, 2, 3], "quarantined": []}
    before, asked = snapshot(place), server.count("getImage")
    assert len(before) == 3 * 8
    for (uri,) in place.database.rows("select distinct uri from landing.received_series"):
        assert len(list(Path(uri.removeprefix("file://")).glob("*.dcm"))) == 8
    assert plan() == []
    assert fetch(chunks)["received"] == [1, 2, 3]
    assert snapshot(place) == before
    assert server.count("getImage") == asked == 3


def test_a_worker_that_died_after_the_download_does_not_download_again(
    place: Place, server: NbiaStandIn
) -> None:
    chunks = plan()
    fetch(chunks)
    before = snapshot(place)
    place.database.rows(
        "update landing.received_series set state = 'wanted', uri = null, manifest_sha256 = null where id = 2"
    )
    assert fetch(chunks)["received"] == [1, 2, 3]
    assert snapshot(place) == before
    assert server.count("getImage") == 3


def test_original_uids_stay_out_of_what_tasks_exchange(place: Place, server: NbiaStandIn) -> None:
    chunks = plan()
    told = repr((chunks, fetch(chunks)))
    assert not [uid for uid in server.index.series if uid in told]
    paths = "\n".join(str(path.relative_to(place.folder)) for path in place.zone("landing").rglob("*"))
    assert not [uid for uid in server.index.series if uid in paths]


@pytest.mark.parametrize("kind", MENDED)
def test_a_fault_on_the_way_is_mended_by_trying_again(place: Place, server: NbiaStandIn, kind: str) -> None:
    server.fault(kind, first_ct(server))
    assert fetch(plan()) == {"received": [1, 2, 3], "quarantined": []}
    counts = place.database.rows(
        "select distinct state, object_count, image_count from landing.received_series"
    )
    assert counts == [("received", 8, 8)]
    assert server.count("getImage", first_ct(server)) == 2


@pytest.mark.parametrize("kind", MENDED)
def test_a_lasting_fault_fails_with_a_sentence_and_the_rest_is_there(
    place: Place, server: NbiaStandIn, kind: str
) -> None:
    struck = first_ct(server)
    server.fault(kind, struck, count=99)
    chunks = plan()
    with pytest.raises(FetchError) as caught:
        fetch(chunks)
    failed = place.database.rows(
        "select id, series_uid, reason, uri from landing.received_series where state = 'failed'"
    )
    assert [row[1] for row in failed] == [struck]
    assert sorted(states(place)) == ["failed", "received", "received"]
    told = str(caught.value)
    assert f"series {failed[0][0]} of {COLLECTION} (8 images)" in told
    assert len(told) > len(caught.value.instruction) + 40
    assert caught.value.instruction
    assert failed[0][2] in told
    assert failed[0][3] is None
    assert struck not in told
    server.faults.clear()
    assert plan() == [[failed[0][0]]]
    assert sorted(fetch(chunks)["received"]) == [1, 2, 3]
    assert states(place) == ["received"] * 3
    assert place.database.value("select count(*) from landing.received_object") == 24


@pytest.mark.parametrize(("kind", "code"), REFUSED.items())
def test_bad_content_is_set_aside_and_the_rest_goes_on(
    place: Place, server: NbiaStandIn, kind: str, code: str
) -> None:
    struck = first_ct(server)
    server.fault(kind, struck)
    chunks = plan()
    done = fetch(chunks)
    assert len(done["received"]) == 2
    (aside,) = place.database.rows(
        "select q.series_id, q.stage, q.reason_code, q.reason, q.uri, s.state, s.series_uid "
        "from landing.quarantine q join landing.received_series s on s.id = q.series_id"
    )
    assert aside[1:3] == ("fetch", code)
    assert aside[5:] == ("quarantined", struck)
    assert done["quarantined"] == [aside[0]]
    assert f"series {aside[0]} of {COLLECTION}" in aside[3]
    evidence = Path(aside[4].removeprefix("file://"))
    assert (evidence / "reason.json").is_file()
    assert not (place.zone("landing") / f"{aside[0]:08d}").exists()
    assert not list(place.folder.parent.rglob("radflow-zip-slip.dcm"))
    # A person decides about it: neither another night nor a cleared task takes it back in.
    assert plan() == []
    assert fetch(chunks) == done
    assert (
        place.database.value("select state from landing.received_series where id = %s", aside[0])
        == "quarantined"
    )
    assert server.count("getImage", struck) == 1


def test_a_series_stays_failed_while_others_of_its_chunk_are_quarantined(
    place: Place, server: NbiaStandIn
) -> None:
    uids = [uid for uid, one in server.index.series.items() if one.header["Modality"] == "CT"]
    server.fault("two-patients", uids[0])
    server.fault("500", uids[1], count=99)
    with pytest.raises(FetchError, match="HTTP 500"):
        fetch(plan())
    assert sorted(states(place)) == ["failed", "quarantined", "received"]


def test_a_collection_that_is_not_there_says_so(place: Place) -> None:
    with pytest.raises(FetchError, match="'NO-SUCH'") as caught:
        plan(collection="NO-SUCH")
    assert caught.value.code == "nothing-there"
    assert states(place) == []


def test_an_empty_answer_to_the_list_is_doubted(place: Place, server: NbiaStandIn) -> None:
    server.fault("empty-200", endpoint="getSeries")
    assert sum(len(chunk) for chunk in plan()) == 3


def test_the_limit_takes_so_many_new_ones(place: Place) -> None:
    assert plan(limit="1") == [[1]]
    fetch([[1]])
    assert plan(limit="1") == [[2]]


def test_asking_again_never_widens_who_may_see(place: Place) -> None:
    plan(visibility="private", team="")
    plan(visibility="public", account="cora")
    found = place.database.rows("select distinct owner, team, visibility from landing.received_series")
    assert found == [("admin", None, "private")]


def test_followed_collections_are_asked_for_as_the_last_time(place: Place, server: NbiaStandIn) -> None:
    assert followed_collections() == []
    plan(limit=1)
    assert followed_collections() == []  # a sample is not followed
    fetch(plan())
    (how,) = followed_collections()
    assert how == {
        "collection": COLLECTION,
        "conn_id": "nbia_default",
        "modality": "CT",
        "account": "admin",
        "team": TEAM,
        "visibility": "team",
        "fallback_conn_id": "",
        "since": how["since"],
    }
    assert FetchPlanOperator(task_id="plan", **how).execute(context()) == []


def test_news_are_announced_only_where_there_are_any(place: Place) -> None:
    with pytest.raises(AirflowSkipException):
        LandingNewsOperator(task_id="announce").execute(context())
    fetch(plan())
    assert LandingNewsOperator(task_id="announce").execute(context()) == 3


def truth_file(place: Place, text: str) -> ImportTruthOperator:
    folder = place.zone("landing") / "truth"
    folder.mkdir(parents=True)
    (folder / "truth.csv").write_text(text, encoding="utf-8")
    return ImportTruthOperator(task_id="truth", file_name="truth.csv", collection=COLLECTION)


def test_truth_is_read_once_and_corrected_on_the_second_reading(place: Place) -> None:
    head = "series_uid,name,value,origin\n"
    assert truth_file(place, f"{head}1.2,emphysema_fraction,0.1,by construction\n").execute(context()) == 1
    again = place.zone("landing") / "truth" / "truth.csv"
    again.write_text(f"{head}1.2,emphysema_fraction,0.2,corrected\n", encoding="utf-8")
    ImportTruthOperator(task_id="truth", file_name="truth.csv", collection=COLLECTION).execute(context())
    assert place.database.rows("select series_uid, value, origin from landing.truth") == [
        ("1.2", 0.2, "corrected")
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("series_uid,name,value\n", "lacks the column.*origin"),
        ("series_uid,name,value,origin\n1.2,x,many,y\n", "line 2.*not a number"),
        ("series_uid,name,value,origin\n1.2,x,0.5,y\n1.3,x\n", "line 3"),
        ("series_uid,name,value,origin\n1.2,x,nan,y\n", "line 2"),
        ("", "lacks the column"),
    ],
)
def test_a_bad_truth_file_names_the_line_and_reads_nothing(place: Place, text: str, told: str) -> None:
    with pytest.raises(FetchError, match=told) as caught:
        truth_file(place, text).execute(context())
    assert caught.value.code == "bad-truth-file"
    assert place.database.value("select count(*) from landing.truth") == 0


def test_no_truth_file_is_nothing_to_read_but_a_missing_one_is_told(place: Place) -> None:
    assert ImportTruthOperator(task_id="truth", file_name="", collection=COLLECTION).execute(context()) == 0
    with pytest.raises(SettingsError, match="no folder"):
        ImportTruthOperator(task_id="truth", file_name="x.csv", collection=COLLECTION).execute(context())


@pytest.mark.parametrize("name", ["../../etc/passwd", "..", "a/../../b.csv"])
def test_a_truth_file_is_looked_for_in_its_folder_only(place: Place, name: str) -> None:
    (place.zone("landing") / "truth").mkdir(parents=True)
    operator = ImportTruthOperator(task_id="truth", file_name=name, collection=COLLECTION)
    with pytest.raises(FetchError, match="no truth file"):
        operator.execute(context())
