"""What is generated from TCIA's tables is what the generator makes of them, and means what the tables say."""

import importlib.util
import json
from pathlib import Path

import pytest

from deid import standard

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("generate_tcia", ROOT / "scripts" / "generate_tcia.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def private():
    return json.loads((standard.FOLDER / "private_dispositions.json").read_text())


def test_files_are_what_the_generator_makes(script, shared_data):
    sources = shared_data / "standards"
    made = script.generate(
        sources / "tcia_profile_ctp_rules.csv", sources / "TCIAPrivateTagKB-02-01-2024-formatted.csv"
    )
    for name, text in made.items():
        assert (ROOT / name).read_text() == text, name


def test_signatures_are_split_at_the_last_comma(script):
    assert script.steps('(0019,HOLOGIC, Inc.",45)') == (("0019", "HOLOGIC, INC.", "45"),)
    assert script.steps('(0029,SIEMENS SYNGO ADVANCED PRESENTATION",02)[<0>](0028,1054)') == (
        ("0029", "SIEMENS SYNGO ADVANCED PRESENTATION", "02"),
        ("0028", None, "1054"),
    )
    assert script.place(script.steps('(0008,1111)[<0>](2001,Philips Imaging DD 001",c1)')[:1]) == "0008,1111"


def test_dispositions_are_complete(private):
    rows = private["rows"]
    words = {row[4] for row in rows}
    assert words == {"keep", "remove", "uid", "shift"}
    assert rows == sorted(rows, key=lambda row: (row[:4], ("remove", "uid", "shift", "keep").index(row[4])))
    known = {tuple(row[:4]): row[4] for row in rows}
    assert known["", "SIEMENS MR HEADER", "0019", "0C"] == "keep"
    assert known["", "GEMS_PETD_01", "0009", "05"] == "shift"
    assert known["", "GEMS_IDEN_01", "0009", "E3"] == "uid"
    assert known["2001,PHILIPS IMAGING DD 129,00", "PHILIPS RAD IMAGING DD 097", "200B", "01"] == "remove"
    assert len(private["source"]["source_sha256"]) == 64


def test_no_private_attribute_is_both_kept_and_removed_for_a_vr(private):
    seen: dict[tuple[str, ...], str] = {}
    for place, creator, group, element, word, vrs in private["rows"]:
        for vr in vrs.split() or [""]:
            assert seen.setdefault((place, creator, group, element, vr), word) == word
