"""A server that fails the way the real one does, and bytes that must not go on: through the real DAGs."""

from __future__ import annotations

import pytest

from scripts.standins.nbia.index import Index
from tests.support.images import small_collection
from tests.support.platform import Platform

pytestmark = pytest.mark.airflow

MENDABLE = ["500", "cut", "truncated-valid-zip", "wrong-md5", "empty-200"]
BAD = {
    "zip-slip": "zip-slip",
    "0-byte": "empty-file",
    "not-dicom": "not-dicom",
    "two-patients": "two-patients",
}


def collection(platform: Platform, name: str) -> list[str]:
    """Serve another collection from the second server; UIDs of its five CT series (a capture and a letter are beside)."""
    root = small_collection(platform.second_root.parent, name)
    platform.second.index = Index.of(root / "dicom")
    served = platform.second.index.series
    return sorted(uid for uid, one in served.items() if one.header["Modality"] == "CT")


def test_a_fetch_through_every_mendable_fault_ends_complete(platform: Platform) -> None:
    series = collection(platform, "FAULTY")
    for uid, kind in zip(series, MENDABLE, strict=False):
        platform.second.fault(kind, uid)
    admin = platform.api("admin")
    run = admin.trigger("fetch_tcia", {"collection": "FAULTY", "connection": "nbia_second"})
    assert admin.wait("fetch_tcia", run, 240) == "success"
    short = platform.query(
        "select id from landing.received_series where collection = 'FAULTY' and object_count is distinct from image_count"
    )
    assert short == []
    platform.settle()
    assert platform.query(
        "select count(*) from catalog.series s where collection = 'FAULTY'"
        " and image_count <> (select count(*) from catalog.instance i where i.series_uid = s.series_uid)"
    ) == [(0,)]


def test_a_series_that_cannot_be_had_is_named_with_its_reason(platform: Platform) -> None:
    series = collection(platform, "BROKEN")
    platform.second.fault("500", series[0], count=1000)
    admin = platform.api("admin")
    run = admin.trigger("fetch_tcia", {"collection": "BROKEN", "connection": "nbia_second"})
    assert admin.wait("fetch_tcia", run, 300) == "failed"
    rows = platform.query(
        "select id, state, reason from landing.received_series where collection = 'BROKEN' and state <> 'deidentified'"
        " and state <> 'received' and state <> 'quarantined'"
    )
    assert [state for _, state, _ in rows] == ["failed"]
    number, _, reason = rows[0]
    assert f"series {number} of BROKEN" in reason
    assert "500" in reason
    platform.second.faults.clear()
    platform.settle()
    (others,) = platform.query("select count(*) from catalog.series where collection = 'BROKEN'")[0]
    assert others == 4 + 1, "the other series went on"
    run = admin.trigger("fetch_tcia", {"collection": "BROKEN", "connection": "nbia_second"})
    assert admin.wait("fetch_tcia", run, 240) == "success", "and the next run mends it"


def test_bad_bytes_go_to_quarantine_and_the_rest_goes_on(platform: Platform) -> None:
    series = collection(platform, "BAD")
    many = [uid for uid in series if len(platform.second.index.series[uid].files) > 1]
    for uid, kind in zip(many, BAD, strict=False):
        platform.second.fault(kind, uid, count=1000)
    admin = platform.api("admin")
    run = admin.trigger("fetch_tcia", {"collection": "BAD", "connection": "nbia_second"})
    assert admin.wait("fetch_tcia", run, 240) == "success"
    platform.settle()
    codes = platform.query(
        "select q.reason_code from landing.quarantine q join landing.received_series r on r.id = q.series_id"
        " where r.collection = 'BAD' and q.stage = 'fetch' order by 1"
    )
    assert [code for (code,) in codes] == sorted(BAD.values())
    (rest,) = platform.query(
        "select count(*) from landing.received_series where collection = 'BAD' and state = 'deidentified'"
    )[0]
    assert rest >= 1
    platform.second.faults.clear()
