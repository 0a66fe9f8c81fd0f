"""The command line."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from research.findings.__main__ import main

TEXT = "FINDINGS: Cardiomegaly. No pneumothorax."


@pytest.fixture
def report(tmp_path: Path) -> Path:
    file = tmp_path / "report.txt"
    file.write_text(TEXT, encoding="utf-8")
    return file


def test_extract_is_the_default(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(report)]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["finding"], row["status"], TEXT[row["start"] : row["end"]]) for row in rows] == [
        ("cardiomegaly", "present", "Cardiomegaly"),
        ("pneumothorax", "absent", "pneumothorax"),
    ]
    assert rows[0]["code"] == {
        "scheme": "SCT",
        "code": "287272002",
        "meaning": "Cardiomegaly",
        "match": "exact",
    }
    assert len(rows[0]["rules"]) == 64


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(TEXT))
    assert main(["explain", "-"]) == 0
    assert "Pneumothorax (SCT 36118008, exact) is absent" in capsys.readouterr().out


def test_many_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "reports.jsonl"
    file.write_text(
        json.dumps({"id": "a", "text": TEXT}) + "\n\n" + json.dumps({"id": "b", "text": "Clear."}) + "\n"
    )
    assert main(["summary", "--jsonl", str(file)]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["report"], row["labels"], row["normal"]) for row in rows] == [
        ("a", ["Cardiomegaly"], False),
        ("b", ["normal"], True),
    ]


def test_describe(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe"]) == 0
    assert "[pneumothorax]" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [["nowhere.txt"], ["summary", "--labels", "x", "-"], ["describe", "--rules", "no"]]
)
def test_errors_are_sentences(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    told = capsys.readouterr()
    assert not told.out
    assert told.err.strip().endswith(".")
    assert "Traceback" not in told.err


def test_a_bad_line_is_named_without_its_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "reports.jsonl"
    file.write_text('{"text": "Jane Roe"}\n')
    assert main(["extract", "--jsonl", str(file)]) == 2
    told = capsys.readouterr().err
    assert "Line 1" in told
    assert "Roe" not in told
