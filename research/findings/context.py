"""What a sentence says about its findings: negated, uncertain, past, of the family, compared with a prior study.

The scheme is NegEx and ConText (Chapman 2001, Harkema 2009), written anew: context phrases reach forward or backward
in their sentence, as far as a stop phrase, a clause sign or their own reach. Where several assertions reach a finding
the nearest counts, but a negation before any doubt ("no opacity to suggest pneumonia").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from research.findings.model import ASSERTIONS, CHANGES, ContextRule, Rules, Stop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from research.findings.model import Change

_FAR = 1_000_000  # more than any sentence is long
_SIGNS = frozenset({";", ":"})


@dataclass(frozen=True, slots=True)
class Modifier:
    """A context phrase in a sentence and the tokens it reaches."""

    rule: ContextRule
    start: int
    stop: int
    low: int
    high: int


@dataclass(slots=True)
class Verdict:
    """What the modifiers say of one finding."""

    assertion: str = "definite"
    historical: bool = False
    family: bool = False
    change: Change = ""
    inside: bool = False
    """Whether the assertion stands inside the finding's own phrase, in a gap of it."""
    rules: tuple[str, ...] = ()


def modifiers(words: Sequence[str], start: int, stop: int, rules: Rules) -> list[Modifier]:
    """All context phrases of one sentence (tokens from start to stop) with their reach."""
    found = rules.context_matcher.longest(words, start, stop)
    active = [match for match in found if match.key in rules.context]
    void = {match.start for match in active if rules.context[match.key].says == "nothing"}
    active = [match for match in active if match.start not in void]
    if not active:
        return []
    stops: list[tuple[int, int, Stop | ContextRule | None]] = [
        (match.start, match.stop, rules.stops.get(match.key) or rules.context[match.key])
        for match in found
        if match.key in rules.stops or rules.context[match.key].ends
    ]
    stops += [(at, at + 1, None) for at in range(start, stop) if words[at] in _SIGNS]
    out = []
    for match in active:
        rule = rules.context[match.key]
        low, high = match.start, match.stop
        if rule.direction in ("forward", "both"):
            ends = [begin for begin, _, end in stops if begin >= match.stop and _ends(end, rule, "forward")]
            high = min([stop, match.stop + rule.reach, *ends])
        if rule.direction in ("backward", "both"):
            ends = [after for _, after, end in stops if after <= match.start and _ends(end, rule, "backward")]
            low = max([start, match.start - rule.reach, *ends])
        out.append(Modifier(rule, match.start, match.stop, low, high))
    return out


def _ends(stop: Stop | ContextRule | None, rule: ContextRule, direction: str) -> bool:
    if stop is None:
        return True
    return rule.says in stop.ends and (isinstance(stop, ContextRule) or stop.direction in (direction, "both"))


def judge(finding: str, start: int, stop: int, named: Sequence[int], found: Sequence[Modifier]) -> Verdict:
    """What the modifiers of a sentence say of a finding at tokens start to stop.

    A modifier that shares a word that the finding's own phrase names does not count; one in a gap of it does.
    """
    verdict = Verdict()
    nearest: dict[str, tuple[int, int, Modifier]] = {}
    for one in found:
        rule = one.rule
        if rule.only and finding not in rule.only:
            continue
        if any(one.start <= at < one.stop for at in named):
            continue
        if one.start >= start and one.stop <= stop:
            distance = 0
        elif one.stop <= start < one.high:
            distance = start - one.stop + 1
        elif one.start >= stop > one.low:
            distance = one.start - stop + 1
        else:
            continue
        group = "assertion" if rule.says in ASSERTIONS else "change" if rule.says in CHANGES else rule.says
        if rule.says in ("absent", "possible"):
            distance -= 2 * _FAR if rule.says == "absent" else _FAR
        rank = (distance, ASSERTIONS.index(rule.says) if group == "assertion" else 0, one)
        if group not in nearest or rank[:2] < nearest[group][:2]:
            nearest[group] = rank
    for group, (_, _, one) in nearest.items():
        if group == "assertion":
            verdict.assertion = one.rule.says
            verdict.inside = start <= one.start < stop
        elif group == "change":
            verdict.change = one.rule.says  # type: ignore[assignment]  # one of CHANGES
        elif group == "historical":
            verdict.historical = True
        else:
            verdict.family = True
    if verdict.assertion == "resolved":
        verdict.change = "resolved"
    verdict.rules = tuple(one.rule.id for _, _, one in sorted(nearest.values(), key=lambda row: row[2].start))
    return verdict
