"""Sections of a report by their titles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from research.findings.model import Rules, Section
from research.findings.tokens import BREAK, is_word

if TYPE_CHECKING:
    from research.findings.tokens import Tokens

BODY = "body"
_MOST_WORDS = 6


def find_sections(text: str, tokens: Tokens, rules: Rules) -> list[Section]:
    """Split a report into sections.

    A title is known to the rules and stands before a colon (at the start of a line or sentence, or with a capital) or
    alone on its line. What stands before the first title is the section ``body``, read as current.
    """
    heads = _heads(text, tokens, rules)
    out: list[Section] = []
    if not heads or heads[0][0] > 0:
        out.append(Section(BODY, "current", 0, heads[0][0] if heads else len(text)))
    for number, (_, end, title) in enumerate(heads):
        stop = heads[number + 1][0] if number + 1 < len(heads) else len(text)
        rule = rules.titles[title]
        out.append(Section(rule.id, rule.read, end, stop))
    return out


def _heads(text: str, tokens: Tokens, rules: Rules) -> list[tuple[int, int, str]]:
    """Start and end (behind the colon) in characters, and the title, of each heading."""
    heads: list[tuple[int, int, str]] = []
    words = tokens.words
    for at, word in enumerate(words):
        if word == ":" and (head := _before(text, tokens, at, rules)) is not None:
            heads.append((head[0], tokens.ends[at], head[1]))
    if "\n" in text:
        taken = {start for start, _, _ in heads}
        begin = 0
        for line in text.splitlines(keepends=True):
            title = line.strip().lower()
            start = begin + len(line) - len(line.lstrip())
            if title in rules.titles and start not in taken:
                heads.append((start, begin + len(line), title))
            begin += len(line)
        heads.sort()
    return heads


def _before(text: str, tokens: Tokens, colon: int, rules: Rules) -> tuple[int, str] | None:
    """The longest known title that ends at a colon, and where it starts."""
    best = None
    for at in range(colon - 1, max(-1, colon - 1 - _MOST_WORDS), -1):
        if not (is_word(tokens.words[at]) or tokens.words[at] in "/&(),"):
            break
        start = tokens.starts[at]
        raw = text[start : tokens.starts[colon]].strip()
        title = " ".join(raw.lower().split())
        if title in rules.titles and (raw[0].isupper() or _begins(text, tokens, at)):
            best = start, title
    return best


def _begins(text: str, tokens: Tokens, at: int) -> bool:
    if at == 0:
        return True
    return (
        tokens.words[at - 1] in (".", "!", "?", BREAK)
        or "\n" in text[tokens.ends[at - 1] : tokens.starts[at]]
    )
