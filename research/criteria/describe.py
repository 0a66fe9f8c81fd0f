"""Criteria as an English sentence, for the page, the attrition table and the record."""

from __future__ import annotations

from research.criteria.grammar import All, AnyOf, AtLeast, Criteria, Leaf, Node, Not, parse
from research.tagging import CONCEPTS


def describe(criteria: Criteria) -> str:
    """One sentence that says which series the criteria keep.

    Raises:
        CriteriaError: criteria that mean nothing.
    """
    node = parse(criteria)
    if isinstance(node, All) and not node.parts:
        return "Every released series."
    return f"Released series where {phrase(node)}."


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
        case Leaf():
            return _leaf(node)


def _join(parts: tuple[Node, ...], word: str) -> str:
    return phrase(parts[0]) if len(parts) == 1 else word.join(_grouped(part) for part in parts)


def _grouped(node: Node) -> str:
    bare = isinstance(node, Leaf) or (isinstance(node, All | AnyOf) and len(node.parts) == 0)
    return phrase(node) if bare else f"({phrase(node)})"


def _window(low: int, high: int) -> str:
    if low >= 0:
        return f"{low} to {high} days after this one"
    if high <= 0:
        return f"{-high} to {-low} days before this one"
    return f"from {-low} days before to {high} days after this one"


def _leaf(leaf: Leaf) -> str:
    label, unit = leaf.field.label, leaf.field.unit
    if leaf.field.kind == "boolean" and leaf.op.name in ("eq", "ne"):
        return f"it is {'' if leaf.value == (leaf.op.name == 'eq') else 'not '}a {label}"
    if leaf.op.shape == "flag":
        if leaf.field.kind == "tag":
            return "it has a tag" if leaf.value else "it has no tag"
        return leaf.op.phrase.format(label=label) if leaf.value else f"{label} is unknown"
    values = leaf.value if isinstance(leaf.value, tuple) else (leaf.value,)
    words = [_word(value, leaf.field.kind, quoted=leaf.op.name == "contains") for value in values]
    text = " and ".join(words) if leaf.op.shape == "pair" else ", ".join(words)
    return leaf.op.phrase.format(label=label, value=f"{text} {unit}".strip())


def _word(value: object, kind: str, *, quoted: bool) -> str:
    if kind == "tag":
        concept = CONCEPTS.get(str(value))
        return f"{concept.meaning} ({value})" if concept else str(value)
    if isinstance(value, float):
        return f"{value:.10g}"
    return f'"{value}"' if quoted or value == "" else str(value)
