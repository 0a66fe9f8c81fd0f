"""The ten actions: each says whether one answer is met by one output.

Every check returns (passed, share in 0..1). What a missing output means is in :data:`WHEN_MISSING`: an object that
was not written has kept nothing and leaked nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deid.scoring.tokens import as_number, tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deid.scoring.answers import Answer
    from deid.scoring.pixels import PixelCheck
    from deid.scoring.values import Output

Verdict = tuple[bool, float]
#: Whether an action passes when the instance has no output.
WHEN_MISSING: dict[str, bool] = {
    "tag_retained": False,
    "text_notnull": False,
    "text_retained": False,
    "text_removed": True,
    "date_shifted": True,
    "uid_changed": True,
    "uid_consistent": False,
    "patid_consistent": False,
    "pixels_retained": False,
    "pixels_hidden": True,
}
ACTIONS = tuple(WHEN_MISSING)


@dataclass(frozen=True)
class Context:
    """What the checks need besides answer and output."""

    uids: Mapping[str, str]
    patients: Mapping[str, str]
    pixels: PixelCheck


def check(answer: Answer, output: Output | None, context: Context) -> Verdict:
    """Judge one answer.

    Args:
        answer: with an action of :data:`ACTIONS`.
        output: the object that came of the instance, None where there is none.
        context: mappings and the pixel judge.
    """
    if output is None:
        return _verdict(passed=WHEN_MISSING[answer.action])
    return _CHECKS[answer.action](answer, output, context)


def _verdict(*, passed: bool) -> Verdict:
    return passed, float(passed)


def _unwrapped(text: str) -> str:
    return text.replace("<", "").replace(">", "")


def _tag_retained(answer: Answer, output: Output, _context: Context) -> Verdict:
    return _verdict(passed=answer.path in output.elements)


def _text_notnull(answer: Answer, output: Output, _context: Context) -> Verdict:
    return _verdict(passed=output.text(answer.path) not in (None, "<>"))


def _text_retained(answer: Answer, output: Output, _context: Context) -> Verdict:
    found = output.text(answer.path)
    return (False, 0.0) if found is None else _text(found, answer.text, retain=True)


def _text_removed(answer: Answer, output: Output, _context: Context) -> Verdict:
    found = output.text(answer.path)
    if found is None or found == "<REMOVED>":
        return True, 1.0
    return _text(found, answer.text, retain=False)


def _text(found: str, wanted: str, *, retain: bool) -> Verdict:
    found, wanted = _unwrapped(found).lower(), _unwrapped(wanted).lower()
    here, there = as_number(found), as_number(wanted)
    if here is not None and there is not None:
        return _verdict(passed=(here == there) is retain)
    if wanted and wanted in found:
        return _verdict(passed=retain)
    words = tokens(wanted)
    if not words:
        return True, 1.0  # nothing but stopwords and punctuation: nothing to keep, nothing to give away
    met = sum((word in found) is retain for word in words)
    return met == len(words), met / len(words)


def _not_in(answer: Answer, output: Output, _context: Context) -> Verdict:
    """date_shifted and uid_changed: the original value is no part of the new one; its removal passes."""
    found = output.text(answer.path)
    original = _unwrapped(answer.value).replace("\\", "")
    if found is None or not original:
        return True, 1.0
    return _verdict(passed=original not in found.replace("\\", ""))


def _uid_consistent(answer: Answer, output: Output, context: Context) -> Verdict:
    found = output.text(answer.path)
    return _verdict(passed=found is None or _unwrapped(found) == context.uids.get(answer.value, ""))


def _patid_consistent(answer: Answer, output: Output, context: Context) -> Verdict:
    found = output.text(answer.path)
    return _verdict(passed=found is not None and _unwrapped(found) == context.patients.get(answer.value, ""))


def _pixels_retained(answer: Answer, output: Output, _context: Context) -> Verdict:
    return _verdict(passed=answer.text.lower() in output.digests())


def _pixels_hidden(answer: Answer, output: Output, context: Context) -> Verdict:
    return _verdict(passed=context.pixels.hidden(answer, output))


_CHECKS: dict[str, Callable[[Answer, Output, Context], Verdict]] = {
    "tag_retained": _tag_retained,
    "text_notnull": _text_notnull,
    "text_retained": _text_retained,
    "text_removed": _text_removed,
    "date_shifted": _not_in,
    "uid_changed": _not_in,
    "uid_consistent": _uid_consistent,
    "patid_consistent": _patid_consistent,
    "pixels_retained": _pixels_retained,
    "pixels_hidden": _pixels_hidden,
}
