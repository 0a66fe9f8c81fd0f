"""A batch of any length gives the same report, and the memory does not grow with it."""

from __future__ import annotations

import json
import tracemalloc

import jsonschema
import pytest

from deid import QuarantineError
from deid.report import (
    ReportError,
    ReportWriter,
    batch_report,
    batch_schema,
    quarantine_report,
    render,
    series_pictures,
    series_report,
    verify_report,
)
from deid.report.proof import seal
from tests.support.outcomes import NOW, SECRETS, png

PICTURES = {"before-0001": png(64, 48, 10), "after-0001": png(64, 48, 99)}


@pytest.fixture
def parts(outcome, research):
    """Reports and pictures of three series and one in quarantine."""
    reports, pictures = [], []
    for name in ("one", "two", "three"):
        result, folder = outcome(
            name,
            pixels=(
                {
                    "touched": 1,
                    "frames": 1,
                    "columns": 64,
                    "rows": 48,
                    "boxes": {"all": [[1, 2, 9, 9]], "frames": {}},
                },
            ),
            pictures=PICTURES,
        )
        reports.append(series_report(result, research, findings=[], folder=folder, created=NOW))
        pictures.append(series_pictures(result))
    error = QuarantineError.of("File 2 of 5", "truncated")
    reports.append(quarantine_report(error, 5, policy=research, number=3, created=NOW))
    return reports, [*pictures, {}]


def test_it_is_the_same_report(parts, tmp_path) -> None:
    reports, pictures = parts
    whole = batch_report(reports, name="b", previous="0" * 64, created=NOW)
    with ReportWriter(tmp_path / "r", name="b", previous="0" * 64, created=NOW) as writer:
        for report, own in zip(reports, pictures, strict=True):
            writer.add(report, own)
        told = writer.finish()
    assert json.loads((tmp_path / "r" / "report.json").read_text(encoding="utf-8")) == whole
    assert (told["sha256"], told["content_sha256"]) == (whole["sha256"], whole["content_sha256"])
    every = {name: data for own in pictures for name, data in own.items()}
    assert (tmp_path / "r" / "report.html").read_text(encoding="utf-8") == render(whole, every)
    assert sorted(path.name for path in (tmp_path / "r").iterdir()) == ["report.html", "report.json"]


def test_an_empty_batch(tmp_path) -> None:
    with ReportWriter(tmp_path, created=NOW) as writer:
        told = writer.finish()
    assert told == batch_report([], created=NOW)
    assert verify_report(json.loads((tmp_path / "report.json").read_text())) == []


def test_the_review_is_written_where_it_is_asked_for_and_nowhere_else(parts, tmp_path) -> None:
    reports, pictures = parts
    for review in (None, tmp_path / "phi"):
        with ReportWriter(tmp_path / "r", review=review, created=NOW) as writer:
            for report, own in zip(reports, pictures, strict=True):
                writer.add(report, own)
            writer.finish()
    assert [path.name for path in (tmp_path / "phi").iterdir()] == ["review.html"]
    assert (tmp_path / "phi").stat().st_mode & 0o77 == 0
    assert (tmp_path / "phi" / "review.html").read_text().count('class="before"') == 3
    text = (tmp_path / "r" / "report.html").read_text() + (tmp_path / "r" / "report.json").read_text()
    assert 'class="before"' not in text
    assert [secret for secret in SECRETS if secret in text] == []


def test_without_an_end_nothing_is_written(parts, tmp_path) -> None:
    reports, pictures = parts
    with ReportWriter(tmp_path / "r", review=tmp_path / "phi") as writer:
        writer.add(reports[0], pictures[0])
    assert list((tmp_path / "r").iterdir()) == list((tmp_path / "phi").iterdir()) == []


def test_a_wrong_picture_leaves_the_old_report(parts, tmp_path) -> None:
    reports, pictures = parts
    with ReportWriter(tmp_path / "r") as writer:
        writer.add(reports[0], pictures[0])
        writer.finish()
    before = {path.name: path.read_bytes() for path in (tmp_path / "r").iterdir()}
    with ReportWriter(tmp_path / "r") as writer:
        writer.add(reports[0], {name: png(2, 2) for name in pictures[0]})
        with pytest.raises(ReportError):
            writer.finish()
    assert {path.name: path.read_bytes() for path in (tmp_path / "r").iterdir()} == before


def test_a_page_holds_so_many_pictures(parts, tmp_path, monkeypatch) -> None:
    reports, pictures = parts
    monkeypatch.setattr("deid.report.long_batch.MOST_PICTURE_BYTES", len(PICTURES["after-0001"]) + 1)
    with ReportWriter(tmp_path / "r") as writer:
        for report, own in zip(reports, pictures, strict=True):
            writer.add(report, own)
        writer.finish()
    assert (tmp_path / "r" / "report.html").read_text().count("data:image/png") == 1


def test_the_memory_does_not_grow_with_the_objects(parts, tmp_path) -> None:
    report = parts[0][0]
    attributes = [{**report["attributes"][0], "tag": f"0018,{n:04X}", "cuts": {}} for n in range(300)]
    objects = [[f"2.25.{n}", f"{n:064x}"] for n in range(1000)]
    count = 30

    def one(number: int) -> dict:
        return seal(
            report
            | {"series_uid": f"2.25.{number}", "attributes": attributes}
            | {"manifest": {"sha256": "0" * 64, "objects": objects}}
        )

    size = len(json.dumps(one(1)))
    tracemalloc.start()
    try:
        with ReportWriter(tmp_path / "r", created=NOW) as writer:
            for number in range(count):
                writer.add(one(number))
            held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size > 100_000
    assert held < 0.1 * count * size
    jsonschema.Draft202012Validator(batch_schema()).validate(batch_report([report]))
