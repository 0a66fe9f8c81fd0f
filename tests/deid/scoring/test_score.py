"""The score of a corpus: layouts of keys and mappings, categories, what is printed, the command."""

import argparse
import json

import pytest

from deid.scoring import AnswerError, load_answers, load_mapping, score
from deid.scoring.cli import add_parser, run
from deid.scoring.tokens import STOPWORDS, tokens

STUDY = "<(0008,1030)>"
KEEP = {"tag_ds": STUDY, "tag_name": "<Study Description>", "action": "<text_retained>", "value": "<CT chest>",
        "action_text": "<CT chest>", "answer_category_v2": {"hipaa_z": "", "tcia_p15": "TCIA-P15-DESC-C"}}  # fmt: skip
GONE = {"tag_ds": STUDY, "tag_name": "<Study Description>", "action": "<text_removed>", "value": "<contrast>",
        "action_text": None, "answer_category_v2": {"hipaa_z": "HIPAA-A", "tcia_p15": "X"}}  # fmt: skip


def test_percent_is_correct_of_required(corpus, slice_of):
    result = score(*corpus([KEEP, GONE], [slice_of()]))
    assert (result.total.correct, result.total.required) == (1, 2)
    assert result.total.percent == 50.0
    assert {name: tally.percent for name, tally in result.by_action.items()} == {
        "text_retained": 100.0,
        "text_removed": 0.0,
    }
    assert {name: tally.correct for name, tally in result.by_category.items()} == {
        "TCIA-P15-DESC-C": 1,
        "HIPAA-A": 0,
    }
    assert [(one.path, one.action) for one in result.failures] == [(STUDY, "text_removed")]


def test_sqlite_and_json_say_the_same(corpus, slice_of, tmp_path):
    by_sqlite = score(*corpus([KEEP, GONE], [slice_of()]))
    by_json = score(*corpus([KEEP, GONE], [slice_of()], sqlite=False))
    assert by_json.checks == by_sqlite.checks


def test_scope_of_a_series_reaches_all_its_instances(corpus, slice_of):
    second = slice_of()
    second.SOPInstanceUID = "2.25.100"
    result = score(*corpus([KEEP], [slice_of(), second], scope="<Series>"))
    assert len(result.checks) == 2
    assert result.missing == 0


def test_unknown_actions_are_told_not_scored(corpus, slice_of):
    odd = {**KEEP, "action": "<polished>"}
    result = score(*corpus([KEEP, odd], [slice_of()]))
    assert result.total.required == 1
    assert result.unknown == {"polished": 1}
    assert "polished" in result.table()


def test_json_and_table_hold_no_value(corpus, slice_of):
    leak = {**GONE, "action_text": "<contrast>", "value": "<Hieronymus contrast>"}
    result = score(*corpus([leak], [slice_of(StudyDescription="Hieronymus with contrast")]))
    assert result.failures
    for text in (result.json(), result.table()):
        assert "hieronymus" not in text.lower()
    assert json.loads(result.json())["score"] == {
        "required": 1,
        "correct": 0,
        "percent": 0.0,
        "mean_share": 0.0,
    }


def test_what_is_no_answer_key_is_refused(tmp_path):
    wrong = tmp_path / "answers.db"
    with pytest.raises(AnswerError, match="does not exist"):
        load_answers(wrong)
    wrong.write_bytes(b"SQLite format 3\0" + bytes(100))
    with pytest.raises(AnswerError, match="answer_data"):
        load_answers(wrong)
    wrong.write_text("{")
    with pytest.raises(AnswerError, match="neither"):
        load_answers(wrong)
    wrong.write_text('[{"SOPInstanceUID": "1.2"}]')
    with pytest.raises(AnswerError, match="AnswerData"):
        load_answers(wrong)


def test_mappings_need_their_columns(tmp_path):
    file = tmp_path / "uid_mapping.csv"
    with pytest.raises(AnswerError, match="cannot be read"):
        load_mapping(file)
    file.write_text("old,new\n1,2\n")
    with pytest.raises(AnswerError, match="id_old"):
        load_mapping(file)
    file.write_text("ID_NEW, id_old\n<2.25.1>,1.2.3\n")
    assert load_mapping(file) == {"1.2.3": "2.25.1"}


def test_command(corpus, slice_of, tmp_path, capsys):
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    outputs, answers, uids, patients = corpus([KEEP, GONE], [slice_of()])
    facts = tmp_path / "score.json"
    words = ["score", answers, outputs, "--uid-mapping", uids, "--patid-mapping", patients, "--json", facts]
    assert run(parser.parse_args([str(word) for word in words])) == 1
    assert "1 of 2 actions correct: 50.00 %" in capsys.readouterr().out
    assert json.loads(facts.read_text())["actions"]["text_removed"]["correct"] == 0
    with pytest.raises(AnswerError, match="outputs"):
        run(parser.parse_args(["score", str(answers), str(tmp_path / "nowhere")]))


def test_stopwords_are_the_179_of_nltk():
    assert len(STOPWORDS) == 179
    assert tokens("The patient's T1-weighted scan, of 12.5 mm") == [
        "patient",
        "t1",
        "weighted",
        "scan",
        "12",
        "5",
        "mm",
    ]


def test_the_value_none_is_a_value(tmp_path):
    """Scanners write NONE; only an absent action text falls back on the value."""
    rows = [
        {
            "tag_ds": "<(0008,1030)>",
            "action": "<text_retained>",
            "value": "<MRN 4711 NONE>",
            "action_text": text,
        }
        for text in ("<NONE>", None, "<>", "nan")
    ]
    key = tmp_path / "key.json"
    key.write_text(json.dumps([{"SOPInstanceUID": "1.2", "AnswerData": rows}]))
    (instance,) = load_answers(key)
    assert [answer.text for answer in instance.answers] == ["NONE", *["MRN 4711 NONE"] * 3]
