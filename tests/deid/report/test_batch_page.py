"""The report of a batch: verdict, chain, page and files."""

from __future__ import annotations

import copy
import json
import re
from html.parser import HTMLParser

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deid import Finding, QuarantineError
from deid.report import (
    ReportError,
    batch_report,
    batch_schema,
    quarantine_report,
    render,
    series_pictures,
    series_report,
    verify_report,
    write_report,
)
from deid.report.html import escaped, tag
from deid.report.proof import seal
from tests.support.outcomes import NOW, SECRETS, png

VALID = jsonschema.Draft202012Validator(batch_schema())
VOID = {"meta", "br", "hr", "img", "rect", "image"}


class Page(HTMLParser):
    """Checks that elements close in their order, and collects what a browser would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.loads: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, name: str, attrs: list) -> None:
        if name not in VOID:
            self.open.append(name)
        for key, value in attrs:
            if key == "id":
                self.ids.append(value)
            if key in ("src", "href") and name != "a":
                self.loads.append(value)
            if key == "href" and name == "a":
                self.links.append(value)

    def handle_endtag(self, name: str) -> None:
        if name not in VOID:
            assert self.open.pop() == name

    def handle_data(self, data: str) -> None:
        self.text += data


PIXELS = {
    "pixels": (
        {
            "touched": 1,
            "frames": 1,
            "columns": 64,
            "rows": 48,
            "boxes": {"all": [[10, 5, 30, 15]], "frames": {}},
        },
    ),
    "pictures": {"before-0001": png(64, 48, 10), "after-0001": png(64, 48, 99)},
}


@pytest.fixture
def batch(outcome, research):
    """Two series and two in quarantine: (batch report, pictures)."""
    reports, pictures = [], {}
    for name, pixels in (("one", PIXELS), ("two", {})):
        result, folder = outcome(name, **pixels)
        reports.append(series_report(result, research, findings=[], folder=folder, created=NOW))
        pictures |= series_pictures(result)
    for number, code in ((9, "truncated"), (4, "dicomdir")):
        error = QuarantineError.of("File 2 of 5", code, details=("byte 7 <b>",))
        reports.append(quarantine_report(error, 5, policy=research, number=number, created=NOW))
    return batch_report(reports, name="first & last", created=NOW), pictures


def test_verdict_and_totals(batch) -> None:
    report, _ = batch
    VALID.validate(report)
    told = report["verdict"]
    assert told["passed"] is True
    assert (told["series"], told["objects"], told["patients"]) == (2, 6, 2)
    assert (told["quarantined"], told["quarantined_files"]) == (2, 10)
    assert told["by_reason"] == {"dicomdir": 1, "truncated": 1}
    assert told["english"] == [
        "2 series with 6 objects were de-identified.",
        "The verifier found nothing of the originals in what it searched.",
        "2 series are in quarantine; nothing of them was written.",
    ]
    assert report["actions"]["alias"] == 12
    assert report["cuts"] == {"date": 2, "name": 10}
    assert [one["number"] for one in report["quarantine"]] == [4, 9]
    assert [one["name"] for one in report["policies"]] == ["research"]
    assert report["seconds"] == {"cpu": 2.5}


@pytest.mark.parametrize(
    ("findings", "passed", "words"),
    [
        ([], True, "found nothing"),
        (None, False, "1 series of these the verifier did not search"),
        ([Finding(1, "byte 9", "name")], False, "part of the name of a person of the originals (1)"),
    ],
)
def test_a_finding_or_no_search_is_no_pass(outcome, research, findings, passed, words) -> None:
    result, _ = outcome()
    told = batch_report([series_report(result, research, findings=findings)])["verdict"]
    assert told["passed"] is passed
    assert words in " ".join(told["english"])
    assert "found nothing" not in " ".join(told["english"]) or passed


def test_an_empty_batch_passes_nothing(research) -> None:
    report = batch_report([], created=NOW)
    VALID.validate(report)
    assert report["verdict"]["passed"] is False
    assert verify_report(report) == []
    Page(render(report))


def test_the_order_of_work_does_not_matter(batch) -> None:
    report, _ = batch
    again = batch_report(
        reversed([*report["series"], *report["quarantine"]]), name=report["name"], created=NOW
    )
    assert again == report


def test_only_reports_make_a_batch(batch) -> None:
    report, _ = batch
    for wrong in (report, {}, {"kind": "series"}):
        with pytest.raises(ReportError):
            batch_report([wrong])
    with pytest.raises(ReportError):
        render(report["series"][0])


def _left_out(report):
    del report["series"][0]


def _moved(report):
    report["series"].reverse()


def _added(report):
    report["quarantine"].append(report["quarantine"][0])


def _changed(report):
    report["quarantine"][0]["files"] += 1


def _resealed(report):
    report["series"][0]["findings"] = [{"file": 1, "where": "x", "code": "name"}]
    report["series"][0] = seal(report["series"][0])


def _previous(report):
    report["chain"]["previous"] = "0" * 64


@pytest.mark.parametrize("harm", [_left_out, _moved, _added, _changed, _resealed, _previous])
def test_the_chain_notices(batch, harm) -> None:
    report = copy.deepcopy(batch[0])
    assert verify_report(report) == []
    harm(report)
    assert verify_report(report)
    assert any("chain" in problem or "quarantine" in problem for problem in verify_report(seal(report)))


def test_batches_chain(batch) -> None:
    first = batch[0]
    second = batch_report(first["series"], previous=first["sha256"], created=NOW)
    assert verify_report(second) == []
    assert second["chain"]["head"] != batch_report(first["series"], created=NOW)["chain"]["head"]


def test_the_page_is_whole_and_loads_nothing(batch) -> None:
    report, pictures = batch
    text = render(report, pictures)
    page = Page(text)
    assert all(one.startswith("data:image/png;base64,") for one in page.loads)
    assert len(page.loads) == 1
    assert not re.search(r"(?i)https?://|url\(|@import|<link", text)
    assert len(page.ids) == len(set(page.ids))
    assert page.links
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)
    for words in (
        "2 series with 6 objects were de-identified.", "Batch first & last", "edition 2026d", "research",
        "Retain Safe Private Option", "113111", "truncated", "Fetch the series again; the transfer was cut.",
        "Scheduled Procedure Step Description", report["sha256"], report["chain"]["head"], "no longer there",
        "nothing found", "1 picture from before",
    ):  # fmt: skip
        assert words in page.text, words
    for one in report["series"]:
        assert one["patient_alias"] in page.text
        assert one["manifest"]["sha256"] in page.text
        assert all(sop in page.text and sha256 in page.text for sop, sha256 in one["manifest"]["objects"])
    for line in report["policies"][0]["english"]:
        assert line in page.text
    assert '<rect x="10.0" y="5.0" width="20.0" height="10.0"/>' in text


def test_values_cannot_become_markup(batch) -> None:
    text = render(*batch)
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "byte 7 &lt;b&gt;" in text
    assert "first &amp; last" in text


@given(st.text())
def test_text_is_escaped(text: str) -> None:
    class Seen(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.tags: list[str] = []

        def handle_starttag(self, name: str, attrs: list) -> None:
            self.tags.append(name)

    seen = Seen()
    seen.feed(tag("p", text, title=text) + escaped([text]))
    assert seen.tags == ["p"]


def test_no_identity_in_the_page_and_nothing_from_before(batch, tmp_path) -> None:
    import base64

    report, pictures = batch
    text = render(report, pictures) + json.dumps(report)
    assert [secret for secret in (*SECRETS, "4711", str(tmp_path)) if secret in text] == []
    (before,) = [data for name, data in pictures.items() if "/before" in name]
    assert base64.b64encode(before).decode() not in text


def test_the_review_shows_before_beside_after_and_says_so(batch) -> None:
    import base64

    report, pictures = batch
    text = render(report, pictures, review=True)
    page = Page(text)
    places = []
    for last in ("before", "after"):
        (data,) = [data for name, data in pictures.items() if f"/{last}" in name]
        places.append(text.index(base64.b64encode(data).decode()))
    assert places == sorted(places)
    assert "honest broker" in page.text
    assert len(page.loads) == 2
    assert text.count("<rect") == 2


def test_a_picture_of_another_run_is_refused(batch) -> None:
    report, pictures = batch
    (name,) = [name for name in pictures if "/after" in name]
    with pytest.raises(ReportError):
        render(report, pictures | {name: png(64, 48, 1)})
    assert "data:image" not in render(report, {"somewhere/after-0001": png()})


def test_a_large_batch_shows_its_first_series_in_full(batch, monkeypatch) -> None:
    monkeypatch.setattr("deid.report.page.MOST_SERIES", 1)
    page = Page(render(*batch))
    assert "1 more series are in report.json" in page.text


def test_files_are_written_whole(batch, tmp_path) -> None:
    report, pictures = batch
    folder, review = tmp_path / "a" / "report", tmp_path / "phi" / "review"
    written = write_report(folder, report, pictures, review=review)
    assert written == sorted([folder / "report.html", folder / "report.json", review / "review.html"])
    assert verify_report(json.loads((folder / "report.json").read_text())) == []
    assert json.loads((folder / "report.json").read_text()) == report
    assert (folder / "report.html").read_text() == render(report, pictures)
    assert review.stat().st_mode & 0o77 == 0
    assert (review / "review.html").stat().st_mode & 0o77 == 0
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.json"]
    assert write_report(folder, report, pictures) == sorted(folder.iterdir())


def test_no_review_without_anything_to_review(batch, tmp_path) -> None:
    report, pictures = batch
    after = {name: data for name, data in pictures.items() if "/after" in name}
    write_report(tmp_path / "report", report, after, review=tmp_path / "review")
    assert not (tmp_path / "review").exists()


def test_what_fails_leaves_the_old_report(batch, tmp_path, monkeypatch) -> None:
    report, pictures = batch
    write_report(tmp_path / "r", report)
    before = {path.name: path.read_bytes() for path in (tmp_path / "r").iterdir()}
    with pytest.raises(ReportError):
        write_report(tmp_path / "r", report, {name: png(1, 1) for name in pictures if "/after" in name})

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("deid.report.writing.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_report(tmp_path / "r", batch_report(report["series"]), pictures)
    assert {path.name: path.read_bytes() for path in (tmp_path / "r").iterdir()} == before
