"""The phrase language and its matcher."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.findings.phrases import Match, Matcher, PhraseError, expand

WORDS = st.lists(st.sampled_from(["lung", "mass", "large", ",", "the", "left"]), max_size=14)


def test_expansion() -> None:
    assert expand("heart") == [("heart",)]
    assert expand("(left|right) lung") == [("left", "lung"), ("right", "lung")]
    assert expand("large? mass") == [("large", "mass"), ("mass",)]
    assert expand("(a|b c)? d") == [("a", "d"), ("b", "c", "d"), ("d",)]
    assert expand("Heart ~3 enlarg*") == [("heart", "~3", "enlarg*")]
    assert expand("heart ~3 big?") == [("heart", "~3", "big"), ("heart",)]


@pytest.mark.parametrize(
    "phrase",
    ["", "  ", "a?", "(a|b)?", "~2 a", "a ~0 b", "a ~9 b", "a ~1 b ~1 c ~1 d", "(a", "a)", "a | b", "? a", "a*b",
     "*", "t-spine", " ".join("abcdefghijklmnopq"), "(a|b)(c|d)(e|f)(g|h)(i|j)(k|l)(m|n)(o|p)(q|r)(s|t)(u|v) w"],
)  # fmt: skip
def test_malformed_phrases_are_refused(phrase: str) -> None:
    with pytest.raises(PhraseError):
        expand(phrase)


def found(phrase: str, text: str) -> list[tuple[int, int]]:
    matcher = Matcher[str]()
    matcher.add(phrase, "key")
    words = text.split()
    return [(one.start, one.stop) for one in matcher.within(words, 0, len(words))]


def test_matching() -> None:
    assert found("nodul*", "nodule or nodular noduli nod") == [(0, 1), (2, 3), (3, 4)]
    assert found("heart ~2 enlarged", "heart is clearly enlarged") == [(0, 4)]
    assert found("heart ~2 enlarged", "heart is very clearly enlarged") == []
    assert found("heart ~2 enlarged", "heart , enlarged") == []


def test_least_gap_then_longest() -> None:
    assert found("a ~3 b", "a b x b") == [(0, 2)]
    assert found("mass (in lung)?", "mass in lung") == [(0, 3)]


def test_words_in_a_gap_are_not_named() -> None:
    matcher = Matcher[str]()
    matcher.add("heart ~2 enlarged", "key")
    words = ["heart", "not", "enlarged"]
    assert matcher.within(words, 0, 3) == [Match("key", 0, 3, (0, 2))]


def test_longest_do_not_overlap_and_equals_all_count() -> None:
    matcher = Matcher[str]()
    for key, phrase in {"short": "no", "long": "no change", "other": "no change*"}.items():
        matcher.add(phrase, key)
    words = ["no", "change", "no"]
    assert [(one.key, one.start) for one in matcher.longest(words, 0, 3)] == [
        ("long", 0),
        ("other", 0),
        ("short", 2),
    ]


@given(WORDS, WORDS)
def test_a_phrase_of_words_is_found_exactly_where_it_stands(needle: list[str], words: list[str]) -> None:
    phrase = [word for word in needle if word != ","][:3]
    if not phrase:
        return
    expected = [(at, at + len(phrase)) for at in range(len(words)) if words[at : at + len(phrase)] == phrase]
    matcher = Matcher[str]()
    matcher.add(" ".join(phrase), "key")
    assert [(one.start, one.stop) for one in matcher.within(words, 0, len(words))] == expected
