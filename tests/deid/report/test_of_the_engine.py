"""Reports of what the engine really does."""

from __future__ import annotations

import json

import jsonschema

from deid import deidentify_series, verify_series
from deid.actions import Action
from deid.findings import FINDINGS
from deid.report import (
    batch_report,
    batch_schema,
    render,
    series_pictures,
    series_report,
    verify_report,
)
from deid.report.words import ACTIONS, CUTS, OUTCOMES
from deid.text.cleaner import PLACEHOLDERS

IDENTITY = (
    "QUIMBLY", "ARCHIBALD", "MRN-0012345", "ACC778899", "MERCY", "1943", "HIBBERT", "LILAC", "BOUVIER", "SN4711X",
    "SPS445566", "867-5309", "CTSCAN07X",
)  # fmt: skip


def test_a_series_of_the_engine(ct, write, tmp_path, research, pseudonyms) -> None:
    files = [write(ct(instance=number)) for number in (1, 2, 3)]
    out = tmp_path / "out"
    result = deidentify_series(files, out, research, pseudonyms, verify=verify_series)
    report = series_report(result, research, findings=[], folder=out)
    batch = batch_report([report], name="engine")
    jsonschema.Draft202012Validator(batch_schema()).validate(batch)
    assert verify_report(batch) == []
    assert batch["verdict"]["passed"]
    assert report["sop_classes"] == {"CT Image Storage": 3}
    assert report["bytes"]["original"] == sum(path.stat().st_size for path in files)
    assert report["bytes"]["output"] == sum(path.stat().st_size for path in out.iterdir())
    assert report["outcomes"].keys() <= OUTCOMES.keys()
    values = {row["keyword"]: row["value"] for row in report["sample"]["rows"]}
    assert values["PatientName"] == values["PatientID"] == result.patient_alias
    assert values["PatientBirthDate"] == ""
    assert values["StudyDate"] != "20190314"
    assert values["PatientAddress"] is None
    page = render(batch, series_pictures(result)).upper() + json.dumps(batch).upper()
    assert [word for word in IDENTITY if word in page] == []


def test_the_same_series_gives_the_same_content(ct, write, tmp_path, research, pseudonyms) -> None:
    files = [write(ct())]
    reports = []
    for name in "ab":
        result = deidentify_series(files, tmp_path / name, research, pseudonyms)
        reports.append(series_report(result, research, findings=[], folder=tmp_path / name))
    assert reports[0]["content_sha256"] == reports[1]["content_sha256"]


def test_everything_the_engine_says_has_a_word() -> None:
    assert set(Action) == ACTIONS.keys()
    assert PLACEHOLDERS.keys() <= CUTS.keys()
    assert all(FINDINGS.values())
