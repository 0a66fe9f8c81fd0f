"""The report of a series says what was done, never to whom."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deid import Finding, QuarantineError
from deid.exceptions import QUARANTINE
from deid.findings import FINDINGS
from deid.report import (
    ReportError,
    batch_schema,
    content_sha256,
    quarantine_report,
    series_pictures,
    series_report,
    verify_report,
)
from deid.report.regions import joined
from tests.support.outcomes import BY_TAG, NOW, SECRETS, png

VALID = jsonschema.Draft202012Validator(batch_schema())


def row(report, tag):
    return next(one for one in report["sample"]["rows"] if one["tag"] == tag)


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(batch_schema())


def test_what_was_done(outcome, research) -> None:
    result, folder = outcome()
    report = series_report(result, research, findings=[], folder=folder, created=NOW)
    VALID.validate(report)
    assert (report["kind"], report["objects"], report["created"]) == ("series", 3, "2026-11-25T09:30:00Z")
    assert report["actions"] == result.actions
    assert report["cuts"] == {"date": 1, "name": 5}
    assert report["bytes"] == {"original": 123456, "output": result.bytes_out}
    assert (report["modalities"], report["sop_classes"]) == ({"US": 3}, {"Ultrasound Image Storage": 3})
    assert {one["tag"]: one["outcomes"] for one in report["attributes"]} == BY_TAG
    assert report["outcomes"] == {"emptied": 6, "kept": 6, "removed": 10, "replaced": 23}
    assert {one["tag"]: one["name"] for one in report["attributes"]}["private"] == "private attributes"
    assert (report["verified"], report["findings"]) == (True, [])
    policy = report["policy"]
    assert (policy["name"], policy["sha256"], policy["english"]) == (
        "research",
        research.sha256,
        research.describe(),
    )
    assert {one["option"] for one in policy["options"]} == set(research.options)
    assert [tuple(entry) for entry in report["manifest"]["objects"]] == sorted(result.manifest)
    assert verify_report(report) == []


def test_a_series_report_knows_no_identity(outcome, research) -> None:
    result, folder = outcome()
    text = json.dumps(series_report(result, research, findings=[], folder=folder))
    assert [secret for secret in (*SECRETS, "4711", str(folder.parent)) if secret in text] == []


def test_the_sample_shows_new_values_and_how_they_came(outcome, research) -> None:
    result, folder = outcome()
    report = series_report(result, research, findings=[], folder=folder)
    assert row(report, "0010,0010") == {
        "tag": "0010,0010", "keyword": "PatientName", "name": "Patient's Name", "rule": "alias",
        "outcomes": ["replaced"], "value": result.patient_alias,
    }  # fmt: skip
    assert row(report, "0010,0030")["value"] == ""
    assert row(report, "0010,1040")["value"] is None
    assert row(report, "0008,0020")["value"] == "20150918"
    assert row(report, "0040,0007")["value"] == "Liver <script>alert(1)</script>"  # of an item
    assert row(report, "0040,0007")["outcomes"] == ["removed", "replaced"]
    assert row(report, "0008,0020")["rule"] == "shift"
    assert row(report, "0010,1040")["rule"] == "remove"
    without = series_report(result, research, findings=[])
    assert {one["value"] for one in without["sample"]["rows"]} == {None}


def test_the_sample_is_drawn_by_the_series_and_by_nobody(outcome, research) -> None:
    many = {f"0018,{number:04X}": {"kept": 1} for number in range(0x9000, 0x9060)}
    tables = []
    for name in ("one", "two"):
        result, folder = outcome(name, by_tag=BY_TAG | many)
        first = series_report(result, research, findings=[], folder=folder)
        again = series_report(result, research, findings=[], folder=folder)
        assert first["sample"] == again["sample"]
        tables.append([one["tag"] for one in first["sample"]["rows"]])
    assert tables[0] != tables[1]
    asked = {tag for tag in BY_TAG if tag.startswith("0010")}
    assert all(asked <= set(table) for table in tables)
    assert len(tables[0]) < 45


def test_long_values_and_bytes_are_not_quoted_whole(outcome, research) -> None:
    import pydicom

    result, folder = outcome(by_tag={"0008,1030": {"kept": 1}, "0029,1001": {"kept": 1}})
    for path in folder.iterdir():
        ds = pydicom.dcmread(path)
        ds.StudyDescription = "long " * 12
        ds.add_new(0x00290010, "LO", "VENDOR")
        ds.add_new(0x00291001, "OB", b"12345678")
        ds.save_as(path)
    report = series_report(result, research, findings=[], folder=folder)
    assert len(row(report, "0008,1030")["value"]) <= 64
    assert row(report, "0029,1001")["value"] == "8 bytes"


def test_findings_are_codes_and_places(outcome, research) -> None:
    result, folder = outcome()
    found = [Finding(2, "(0010,4000)", "name"), Finding(1, "byte 412", "date")]
    report = series_report(result, research, findings=found, folder=folder)
    assert report["findings"] == [
        {"file": 1, "where": "byte 412", "code": "date", "meaning": FINDINGS["date"]},
        {"file": 2, "where": "(0010,4000)", "code": "name", "meaning": FINDINGS["name"]},
    ]
    assert series_report(result, research, findings=None)["verified"] is False


def test_the_same_content_has_the_same_hash_whenever_it_was_done(outcome, research) -> None:
    quick = ({"boxes": [[1, 2, 3, 4]], "seconds": 0.5, "cpu_seconds": 1.5, "seconds_cpu": 2},)
    slow = ({"boxes": [[1, 2, 3, 4]], "seconds": 7.5, "cpu_seconds": 9.5, "seconds_cpu": 9},)
    result, folder = outcome(pixels=quick)
    first = series_report(result, research, findings=[], folder=folder, created=NOW)
    slower = replace(result, cpu_seconds=99.0, pixels=slow)
    second = series_report(slower, research, findings=[], folder=folder, created=NOW + timedelta(days=1))
    assert first["sha256"] != second["sha256"]
    assert first["content_sha256"] == second["content_sha256"] == content_sha256(first)
    other = series_report(
        replace(result, actions={"keep": 1}), research, findings=[], folder=folder, created=NOW
    )
    assert other["content_sha256"] != first["content_sha256"]


@pytest.mark.parametrize(
    "change",
    [
        ("patient_alias", "RF-X"),
        ("objects", 4),
        ("findings", [1]),
        ("seconds", {}),
        ("created", "x"),
        ("actions", {}),
    ],
)
def test_a_changed_report_is_noticed(outcome, research, change) -> None:
    result, folder = outcome()
    report = series_report(result, research, findings=[], folder=folder)
    assert verify_report(report | dict([change]))


def test_a_changed_manifest_is_noticed_even_where_the_report_was_sealed_again(outcome, research) -> None:
    from deid.report.proof import seal

    result, folder = outcome()
    report = series_report(result, research, findings=[], folder=folder)
    report["manifest"]["objects"][0][1] = "0" * 64
    assert any("manifest" in problem for problem in verify_report(seal(report)))


def test_pictures_from_before_are_counted_and_nothing_else(outcome, research) -> None:
    result, folder = outcome(
        pixels=(
            {"boxes": {"all": [[10, 5, 30, 15]], "frames": {}}, "columns": 64, "rows": 48},
            {"boxes": {"all": []}},
            {"boxes": {"all": []}},
        ),
        pictures={"before-0001": png(64, 48, 10), "after-0001": png()},
    )
    report = series_report(result, research, findings=[], folder=folder)
    VALID.validate(report)
    name = f"{result.series_uid}/after-0001"
    assert [(one["name"], one["object"]) for one in report["pictures"]["shown"]] == [(name, 1)]
    assert report["pictures"]["shown"][0]["regions"] == [[10.0, 5.0, 20.0, 10.0]]
    assert (report["pictures"]["withheld"], report["pictures"]["more"]) == (1, 0)
    assert set(series_pictures(result)) == {name, f"{result.series_uid}/before-0001"}
    assert [entry["objects"] for entry in report["pixels"]["reports"]] == [1, 2]


def test_only_so_many_pictures_are_shown(outcome, research) -> None:
    result, folder = outcome(
        pixels=({},) * 20, pictures={f"after-{n:04d}": png(8, 8, n) for n in range(1, 21)}
    )
    told = series_report(result, research, findings=[], folder=folder)["pictures"]
    assert [one["object"] for one in told["shown"]] == list(range(1, 13))
    assert told["more"] == 8


ALL = {"frames": {}}


@pytest.mark.parametrize(
    ("boxes", "more", "regions"),
    [
        ({"all": [[2, 4, 12, 10]]} | ALL, {}, [[2, 4, 10, 6]]),
        (
            {"all": [[2, 4, 12, 10]], "frames": {"2": [[20, 4, 30, 9]], "3": [[0, 0, 9, 9]]}},
            {},
            [[2, 4, 10, 6], [20, 4, 10, 5]],
        ),
        ({"all": [[4, 8, 24, 20]]} | ALL, {"columns": 128, "rows": 96}, [[2, 4, 10, 6]]),
        ({"all": [[4, 8, 24, 20]]} | ALL, {"columns": 128, "rows": 128}, []),  # another shape
        ({"all": [[60, 40, 900, 900]]} | ALL, {}, [[60, 40, 4, 8]]),
        ({"all": [[5, 5, 5, 9]]} | ALL, {}, []),
        (None, {}, []),
    ],
)
def test_outlines(outcome, research, boxes, more, regions) -> None:
    other = {"boxes": {"all": [[1, 1, 2, 2]], "frames": {}}}
    result, _ = outcome(pixels=(other, {"boxes": boxes} | more), pictures={"after-0002-frame-3.png": png()})
    told = series_report(result, research, findings=[])
    assert told["pictures"]["shown"][0]["regions"] == regions


def test_outlines_of_smaller_pictures_are_scaled_by_the_size_of_the_images(outcome, research) -> None:
    boxes = {"all": [[0, 0, 1, 2]], "frames": {}}
    result, folder = outcome(pixels=({"boxes": boxes},), pictures={"after-0001": png(50, 50)})
    told = series_report(result, research, findings=[], folder=folder)  # the images are 2 x 2
    assert told["pictures"]["shown"][0]["regions"] == [[0, 0, 25, 50]]


@given(
    st.lists(st.tuples(*(st.integers(0, 12) for _ in range(4))), max_size=12),
    st.booleans(),
)
def test_joined_boxes_cover_what_the_boxes_cover(boxes, strips) -> None:
    if strips:
        boxes = [(x, 2, x + 3, 9) for x, *_ in boxes]

    def covered(some) -> set[tuple[int, int]]:
        return {
            (x, y)
            for left, top, right, bottom in some
            for x in range(left, right)
            for y in range(top, bottom)
        }

    found = joined(boxes)
    assert covered(found) == covered(boxes)
    assert len(found) <= len(set(boxes))


def test_strips_become_one_outline() -> None:
    assert joined([(x, 3, x + 8, 20) for x in range(0, 400, 8)]) == [(0, 3, 400, 20)]
    assert joined([(0, 0, 4, 4), (4, 0, 8, 4), (0, 4, 8, 8)]) == [(0, 0, 8, 8)]


def test_what_the_pixel_stage_did(outcome, research) -> None:
    done = {"frames": 30, "touched": 30, "found": {"network": 4, "ocr": 1}, "fixed_regions": 2, "kept": 1}
    nothing = {"frames": 1, "touched": 0, "found": {}, "fixed_regions": 0, "kept": 0}
    result, _ = outcome(pixels=(done, done, nothing))
    told = series_report(result, research, findings=[])["pixels"]
    assert {key: value for key, value in told.items() if key != "reports"} == {
        "objects": 3, "touched": 2, "frames": 61, "frames_touched": 60, "texts": 10, "fixed_regions": 4, "kept": 2,
    }  # fmt: skip


def test_a_face_has_its_report_and_pictures(outcome, research) -> None:
    result, _ = outcome(
        faces={"status": "defaced", "voxels": np.int64(7), "share": np.float64(0.5)},
        pictures={"after-face": png(), "before-face": png()},
    )
    report = series_report(result, research, findings=[])
    VALID.validate(report)
    assert report["faces"] == {"status": "defaced", "voxels": 7, "share": 0.5}
    shown = [(one["name"], one["object"], one["regions"]) for one in report["pictures"]["shown"]]
    assert shown == [(f"{result.series_uid}/after-face", None, [])]
    assert report["pictures"]["withheld"] == 1


def test_what_json_and_postgres_cannot_hold_is_made_plain(outcome, research) -> None:
    odd = {
        "nan": float("nan"),
        "nul": "a\0b",
        "set": {2, 1},
        "tuple": (1,),
        "array": np.arange(2),
        "object": object(),
    }
    result, _ = outcome(pixels=(odd,), by_tag={"00100010": {"replaced": 1}, "(0010,0020)": {"replaced": 1}})
    report = series_report(result, research, findings=[])
    assert report["pixels"]["reports"][0]["report"] == {
        "nan": None, "nul": "a b", "set": [1, 2], "tuple": [1], "array": [0, 1], "object": "object",
    }  # fmt: skip
    assert [one["tag"] for one in report["attributes"]][1:] == ["0010,0010", "0010,0020", "0040,0007"]
    json.dumps(report, allow_nan=False)


def test_what_is_no_attribute_and_no_picture_is_refused(outcome, research) -> None:
    for changes in (
        {"by_tag": {"PatientName": {"replaced": 1}}},
        {"pictures": {"after-0001": b"GIF"}},
    ):
        result, folder = outcome(str(len(changes)) + next(iter(changes)), **changes)
        with pytest.raises(ReportError):
            series_report(result, research, findings=[], folder=folder)


@pytest.mark.parametrize("code", sorted(QUARANTINE))
def test_quarantine_says_why_and_what_to_do(tmp_path, research, code) -> None:
    files = [tmp_path / f"QUIMBLY{number}.dcm" for number in range(2)]
    for path in files:
        path.write_bytes(b"x" * 500)
    error = QuarantineError.of("File 2 of 2", code, details=("(0010,0010)", "byte 128"))
    report = quarantine_report(error, files, policy=research, number=7, modalities={"US": 2}, created=NOW)
    VALID.validate(report)
    assert (report["code"], report["reason"], report["instruction"]) == (
        code,
        error.reason,
        error.instruction,
    )
    assert (report["files"], report["bytes"], report["number"]) == (2, {"original": 1000}, 7)
    assert report["details"] == ["(0010,0010)", "byte 128"]
    assert "QUIMBLY" not in json.dumps(report)
    assert verify_report(report) == []
    bare = quarantine_report(error, 3)
    VALID.validate(bare)
    assert (bare["files"], bare["bytes"], bare["policy"]) == (3, {}, None)
