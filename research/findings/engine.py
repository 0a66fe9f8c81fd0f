"""Findings of a report: sections, sentences, terms, context."""

from __future__ import annotations

from typing import TYPE_CHECKING

from research.findings.context import Verdict, judge, modifiers
from research.findings.model import Certainty, Finding, Rules, Section, Status
from research.findings.rules import load_rules
from research.findings.sections import find_sections
from research.findings.tokens import Span, sentences, tokenize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from research.findings.phrases import Match


def extract(text: str, rules: Rules | None = None, *, asked: bool = False) -> tuple[Finding, ...]:
    """Every mention of a finding in a report, in the order of the text.

    Args:
        text: the report, with or without section titles.
        rules: from :func:`load_rules`; the shipped ones where omitted.
        asked: also what an indication only asks for ("evaluate for ..."), which says nothing about the patient; it
            comes as uncertain and marked ``asked``.
    """
    rules = rules or load_rules()
    tokens = tokenize(text)
    sections = find_sections(text, tokens, rules)
    out: list[Finding] = []
    first = 0
    for section in sections:
        while first < len(tokens) and tokens.starts[first] < section.start:
            first += 1
        stop = first
        while stop < len(tokens) and tokens.starts[stop] < section.end:
            stop += 1
        if section.read != "skip":
            inside = tokens.part(first, stop)
            for sentence in sentences(inside):
                for match, verdict in read_sentence(inside.words, sentence, rules):
                    start, end = inside.starts[match.start], inside.ends[match.stop - 1]
                    one = _finding(match.key, verdict, start, end, section, rules)
                    if asked or not one.asked:
                        out.append(one)
        first = stop
    out.sort(key=lambda one: (one.start, one.end, one.finding))
    return tuple(out)


def read_sentence(words: Sequence[str], sentence: Span, rules: Rules) -> list[tuple[Match[str], Verdict]]:
    """The terms of one sentence with what the sentence says of each."""
    matches = mentions(words, sentence, rules)
    if not matches:
        return []
    found = modifiers(words, sentence.start, sentence.stop, rules)
    return [
        (match, judge(rules.terms[match.key].finding, match.start, match.stop, match.named, found))
        for match in matches
    ]


def mentions(words: Sequence[str], sentence: Span, rules: Rules) -> list[Match[str]]:
    """The terms of a sentence: the longest ones; what an ignored phrase covers is no mention."""
    found = [
        match
        for match in rules.term_matcher.within(words, sentence.start, sentence.stop)
        if match.key not in rules.conditions or _holds(words, sentence, match.key, rules)
    ]
    if len(found) > 1:
        found = [one for one in found if not any(_covers(other, one, rules) for other in found)]
    return [one for one in found if rules.terms[one.key].finding]


def _holds(words: Sequence[str], sentence: Span, key: str, rules: Rules) -> bool:
    unless, needs = rules.conditions[key]
    if unless.within(words, sentence.start, sentence.stop):
        return False
    return not rules.terms[key].needs or bool(needs.within(words, sentence.start, sentence.stop))


def _covers(other: Match[str], one: Match[str], rules: Rules) -> bool:
    """Whether all words of one belong to a longer match, so that it is no mention of its own."""
    if (
        other is one
        or one.start < other.start
        or one.stop > other.stop
        or not set(one.named) <= set(other.named)
    ):
        return False
    if len(other.named) > len(one.named):
        return True
    left, right = rules.terms[other.key], rules.terms[one.key]
    if left.finding == right.finding:  # the same words by two rules: the first counts
        return other.key < one.key
    return not left.finding


def _finding(key: str, verdict: Verdict, start: int, end: int, section: Section, rules: Rules) -> Finding:
    term = rules.terms[key]
    assertion = verdict.assertion
    if term.asserts == "absent":
        # Only "not" inside the phrase turns "the heart is not normal" round; a stray negation before it does not.
        assertion = "definite" if assertion == "absent" and verdict.inside else "absent"
    certainty: Certainty = "definite"
    if assertion in ("possible", "hypothetical"):
        certainty = "possible"
    elif assertion == "probable":
        certainty = "probable"
    historical = verdict.historical or section.read == "history"
    family = verdict.family or section.read == "family"
    status: Status
    if family:
        status = "family"
    elif assertion in ("absent", "resolved"):
        status = "absent"
    elif historical and certainty != "possible":
        status = "historical"
    elif certainty == "possible":
        status = "uncertain"
    else:
        status = "present"
    return Finding(
        term.finding,
        status,
        start,
        end,
        key,
        section.name,
        certainty,
        "historical" if historical else "current",
        "family" if family else "patient",
        verdict.change,
        verdict.rules,
        asked=section.read == "history" and status == "uncertain",
    )
