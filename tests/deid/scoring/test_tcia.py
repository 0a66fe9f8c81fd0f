"""What is generated from TCIA's tables is what the generator makes of them, and means what the tables say."""

import importlib.util
import json
from pathlib import Path

import pytest

from deid import load_policy, standard
from deid.rules import RuleTable

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


#: What TCIA's table calls an action -> what the engine may do. Keeping text means cleaning it; removing means what
#: the attribute's type allows.
MAY = {
    "remove": {"remove", "empty", "dummy"},
    "empty": {"empty", "remove", "dummy"},
    "replace": {"dummy"},
    "hashname": {"empty", "remove"},
    "hashuid": {"uid"},
    "incrementdate": {"shift", "time"},
    "time": {"time", "shift"},
    "keep": {"keep", "clean", "time"},
    "process": {"keep"},
    "lookup": {"alias"},
}
#: Rows that the policy does not follow, each for a reason in docs/reference/deid-score.md or because its VR says so.
OTHERWISE = {
    "00082111": "clean", "00340001": "dummy", "00400513": "empty", "00400562": "empty", "0040A073": "dummy",
    "0016002B": "remove", "0016004B": "remove", "04000565": "dummy",
    "00189623": "shift", "0072000A": "shift", "00720061": "shift", "00720063": "shift",
}  # fmt: skip
CHALLENGE = {
    "00102180": "clean", "00104000": "clean", "00204000": "clean", "00400310": "clean", "00401002": "clean",
    "00401400": "clean", "00402001": "clean", "00181000": "keep", "00181004": "keep", "00181005": "keep",
    "00181007": "keep", "00181008": "keep", "0018700A": "keep", "00181200": "shift", "00181201": "time",
}  # fmt: skip


@pytest.mark.parametrize(("name", "otherwise"), [("tcia", OTHERWISE), ("midi_b", OTHERWISE | CHALLENGE)])
def test_policy_does_what_the_table_says(name, otherwise):
    wanted = json.loads((ROOT / "bench" / "planted" / "tcia_rules.json").read_text())["rules"]
    table = RuleTable(load_policy(name), "1.2.840.10008.5.1.4.1.1.2")
    wrong = {}
    for tag, word in wanted.items():
        if tag[:4] in ("0000", "0002", "0004"):
            continue  # commands, file meta information and DICOMDIR are no part of a data set
        for depth, rules in (("top", table.top), ("nested", table.nested)):
            done = str(rules[int(tag, 16)].action)
            if done not in ({otherwise[tag]} if tag in otherwise else MAY[word]):
                wrong[tag, depth] = (word, done)
    assert wrong == {}
