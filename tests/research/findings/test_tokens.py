"""Words and sentences."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from research.findings.tokens import LONGEST, sentences, tokenize


def split(text: str) -> list[str]:
    tokens = tokenize(text)
    return [" ".join(tokens.words[one.start : one.stop]) for one in sentences(tokens)]


def test_sentences() -> None:
    assert split("Clear lungs. No mass! Is it?") == ["clear lungs", "no mass", "is it"]
    assert split("A 1.5 cm nodule.Effusion.") == ["a 1.5 cm nodule", "effusion"]
    assert split("Seen by Dr. Who. Well.") == ["seen by dr . who", "well"]
    assert split("The T-spine\nis normal\n\nNext") == ["the t spine is normal", "next"]
    assert split("There is no. Mass") == ["there is no", "mass"]


def test_lines_and_lists() -> None:
    assert split("No mass\nEffusion") == ["no mass", "effusion"]  # a short line, then a capital
    assert split("no mass\nor effusion") == ["no mass or effusion"]
    wrapped = "There is no mass in any of the many places that one may look at on the"
    assert split(f"{wrapped}\nLeft.") == [f"{wrapped} left".lower()]
    assert split("- no mass\n- effusion") == ["no mass", "effusion"]
    assert split("1) no mass 2) effusion (2) more") == ["1", "no mass 2", "effusion ( 2 ) more"]
    assert split("Clear. ?mass. Is it? Yes.") == ["clear", "? mass", "is it", "yes"]


def test_a_sentence_without_end_is_cut() -> None:
    assert [len(part.split()) for part in split("word " * (2 * LONGEST + 1))] == [LONGEST, LONGEST, 1]


@given(st.text(max_size=300))
def test_offsets_hold_the_token(text: str) -> None:
    tokens = tokenize(text)
    for word, start, end in zip(tokens.words, tokens.starts, tokens.ends, strict=True):
        assert word == "\n\n" or text[start:end].lower() == word
    assert list(tokens.starts) == sorted(tokens.starts)


@given(st.text(alphabet="ab.!? \n1", max_size=80))
def test_sentences_do_not_overlap_and_hold_every_word(text: str) -> None:
    tokens = tokenize(text)
    spans = sentences(tokens)
    assert all(left.stop <= right.start for left, right in pairwise(spans))
    inside = {at for one in spans for at in range(one.start, one.stop)}
    assert {at for at, word in enumerate(tokens.words) if word[0].isalnum()} <= inside
