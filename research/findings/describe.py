"""Rules in English, for the people who answer for them; and why a report got its findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from research.findings.model import Finding, Rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_READ = {
    "current": "what it mentions is taken as said now",
    "history": "what it mentions is taken as past, or as a question",
    "family": "what it mentions is of the family",
    "skip": "is not read",
}
_SAYS = {
    "absent": "are not there",
    "resolved": "are gone",
    "possible": "are uncertain",
    "probable": "are present, with certainty probable",
    "definite": "are present",
    "hypothetical": "are only asked about",
    "historical": "are of the past",
    "family": "are of the family, not of the patient",
    "new": "are new",
    "increased": "have increased since the prior study",
    "unchanged": "are as in the prior study",
    "decreased": "have decreased since the prior study",
}
_WHERE = {"forward": "after it", "backward": "before it", "both": "before or after it"}


def describe(rules: Rules) -> Iterator[str]:
    """The rules as sentences, one a line."""
    yield f"Rules {rules.name}, version {rules.version}."
    yield "In short: sections, then sentences, then terms, then what the sentence says of them."
    for section in rules.sections:
        yield f"[{section.id}] The section titled {_or(section.titles)} {_link(_READ[section.read])}."
    for kind in rules.kinds.values():
        codes = "; ".join(f"{code.scheme} {code.code} {code.meaning} ({code.match})" for code in kind.codes)
        normal = "" if kind.abnormal else ", with it a report is still normal"
        yield f"[{kind.id}] is the finding {kind.meaning}{normal}. Codes: {codes or 'none known'}."
    for term in rules.terms.values():
        if not term.finding:
            yield f"[{term.id}] {_or(term.phrases)} is no mention of a finding."
            continue
        meaning = rules.kinds[term.finding].meaning
        sense = f"says that there is no {meaning}" if term.asserts == "absent" else f"mentions {meaning}"
        unless = f", unless the sentence has {_or(term.unless)}" if term.unless else ""
        needs = f", if the sentence has {_or(term.needs)}" if term.needs else ""
        yield f"[{term.id}] {_or(term.phrases)} {sense}{needs}{unless}."
    for rule in rules.context.values():
        if rule.says == "nothing":
            yield f"[{rule.id}] {_or(rule.phrases)} says nothing of findings."
            continue
        which = f"Of {', '.join(sorted(rule.only))}: findings" if rule.only else "Findings"
        ends = f" It ends the reach of rules that say {', '.join(sorted(rule.ends))}." if rule.ends else ""
        yield (
            f"[{rule.id}] {which} up to {rule.reach} words {_WHERE[rule.direction]} {_SAYS[rule.says]}, "
            f"where a sentence has {_or(rule.phrases)}.{ends}"
        )
    for stop in rules.stops.values():
        yield f"[{stop.id}] {_or(stop.phrases)} ends the reach of rules that say {', '.join(sorted(stop.ends))}."
    for label in rules.labels:
        yield f"[{label.set}:{label.name}] stands for {', '.join(label.findings)}, if {' or '.join(label.certainty)}."


def explain(text: str, findings: Sequence[Finding], rules: Rules) -> Iterator[str]:
    """Each finding of a report with the rules that made it. The lines quote the report."""
    for one in findings:
        kind = rules.kinds[one.finding]
        code = kind.code
        yield (
            f"{one.start}-{one.end} {text[one.start : one.end]!r} in {one.section}: {kind.meaning} "
            f"({code.scheme} {code.code}, {code.match}) is {one.status}"
            + (f", {one.certainty}" if one.status in ("present", "uncertain") else "")
            + (f", {one.change}" if one.change else "")
            + f". Term {one.rule_id}"
            + (f", context {', '.join(one.context)}" if one.context else "")
            + "."
        )


def _or(phrases: Sequence[str]) -> str:
    return " | ".join(f'"{phrase}"' for phrase in phrases)


def _link(text: str) -> str:
    return text if text.startswith("is ") else f"is read; {text}"
