"""Criteria as an English sentence, for the page, the attrition table and the record."""

from __future__ import annotations

from research.criteria.grammar import (
    All,
    Among,
    AnyOf,
    AtLeast,
    Criteria,
    First,
    Has,
    Leaf,
    Node,
    Not,
    StudyHas,
    Test,
    parse,
    scope,
)
from research.tagging import CONCEPTS


def describe(criteria: Criteria) -> str:
    """One sentence that says which series the criteria keep.

    Raises:
        CriteriaError: criteria that mean nothing.
    """
    states, node = scope(parse(criteria))
    what = " or ".join(states)
    if isinstance(node, All) and not node.parts:
        return f"Every {what} series."
    return f"{what.capitalize()} series where {phrase(node)}."


def phrase(node: Node) -> str:
    """The condition alone, without capital and full stop; groups inside groups are in parentheses."""
    match node:
        case All(parts):
            return _join(parts, " and ") if parts else "anything is true"
        case AnyOf(parts):
            return _join(parts, " or ")
        case Not(part):
            return f"it is not so that {_grouped(part)}"
        case AtLeast(n, of, count, window):
            noun = count if n == 1 or count == "series" else "studies"
            when = "" if window is None else f" {_window(*window)}"
            return f"the patient has at least {n} {noun}{when} where {_grouped(of)}"
        case First(of, last):
            return f"it is of the patient's {'last' if last else 'first'} study where {_grouped(of)}"
        case StudyHas(of):
            return f"its study has a series where {_grouped(of)}"
        case Among(states, of):
            return f"it is {' or '.join(states)} and {_grouped(of)}"
        case Has():
            return _record(node)
        case Leaf():
            return _leaf(node)


def _join(parts: tuple[Node, ...], word: str) -> str:
    return phrase(parts[0]) if len(parts) == 1 else word.join(_grouped(part) for part in parts)


def _grouped(node: Node) -> str:
    bare = isinstance(node, Leaf | Has) or (isinstance(node, All | AnyOf) and len(node.parts) == 0)
    return phrase(node) if bare else f"({phrase(node)})"


def _window(low: int, high: int) -> str:
    if low >= 0:
        return f"{low} to {high} days after this one"
    if high <= 0:
        return f"{-high} to {-low} days before this one"
    return f"from {-low} days before to {high} days after this one"


_WHEN = {
    "study": "of this study",
    "ever": "at any time",
    "at": "active on the day of this study",
    "before": "that began by the day of this study",
}


def _record(node: Has) -> str:
    named = " or ".join(_word(key, "tag", quoted=False) for key in node.keys)
    noun = f"{node.kind.noun} {named}".strip()
    told = [_tested(test) for test in node.tests if test.field.name != "unit"]
    unit = next((f" {test.value}" for test in node.tests if test.field.name == "unit"), "")
    when = _WHEN.get(node.when) or _window(*(node.window_days or (0, 0)))
    with_ = f" ({' and '.join(told)}{unit})" if told else unit and f" (in{unit})"
    return f"the patient has {noun}{with_} {when}"


def _tested(test: Test) -> str:
    if test.field.name == "status" and isinstance(test.value, tuple):
        return " or ".join(str(value) for value in test.value)
    return _leaf(Leaf(test.field, test.op, test.value))


def _leaf(leaf: Leaf) -> str:
    label, unit = leaf.field.label, leaf.field.unit
    if leaf.field.kind == "boolean" and leaf.op.name in ("eq", "ne"):
        return f"it is {'' if leaf.value == (leaf.op.name == 'eq') else 'not '}a {label}"
    if leaf.op.shape == "flag":
        if leaf.field.kind == "tag":
            return "it has a tag" if leaf.value else "it has no tag"
        return leaf.op.phrase.format(label=label) if leaf.value else f"{label} is unknown"
    values = leaf.value if isinstance(leaf.value, tuple) else (leaf.value,)
    words = [
        _word(value, leaf.field.kind, quoted=leaf.op.name in ("contains", "has_words")) for value in values
    ]
    text = " and ".join(words) if leaf.op.shape == "pair" else ", ".join(words)
    return leaf.op.phrase.format(label=label, value=f"{text} {unit}".strip())


def _word(value: object, kind: str, *, quoted: bool) -> str:
    if kind == "tag":
        concept = CONCEPTS.get(str(value))
        return f"{concept.meaning} ({value})" if concept else str(value)
    if isinstance(value, float):
        return f"{value:.10g}"
    return f'"{value}"' if quoted or value == "" else str(value)
