"""A report in one row: which findings it has, and the labels of a published label set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from research.findings.model import PRECEDENCE, Finding, Rules, Status

if TYPE_CHECKING:
    from collections.abc import Iterable

NORMAL = "normal"


@dataclass(frozen=True)
class Summary:
    """Per finding the status of the report, by the order present, uncertain, historical, family, absent."""

    status: dict[str, Status]
    normal: bool
    """Whether no abnormal finding is present or uncertain."""

    @property
    def present(self) -> tuple[str, ...]:
        """Findings that the report says are there, sorted."""
        return self.having("present")

    def having(self, status: Status) -> tuple[str, ...]:
        """Findings of one status, sorted."""
        return tuple(sorted(finding for finding, one in self.status.items() if one == status))


def summarise(findings: Iterable[Finding], rules: Rules) -> Summary:
    """One status per finding that the report mentions.

    What is only asked ("evaluate for ...", in the indication) is no statement and left out.
    """
    status: dict[str, Status] = {}
    for one in findings:
        if one.asked:
            continue
        known = status.get(one.finding)
        if known is None or PRECEDENCE.index(one.status) < PRECEDENCE.index(known):
            status[one.finding] = one.status
    normal = not any(
        rules.kinds[finding].abnormal and one in ("present", "uncertain") for finding, one in status.items()
    )
    return Summary(dict(sorted(status.items())), normal)


def labels(findings: Iterable[Finding], rules: Rules, label_set: str) -> frozenset[str]:
    """The labels of a label set that a report gets; ``normal`` where it has no abnormal finding at all.

    A label stands where one of its findings is there now, in the patient, with a certainty that the label takes.
    """
    findings = tuple(findings)
    there = {
        (one.finding, one.certainty)
        for one in findings
        if one.status in ("present", "uncertain") and not one.asked
    }
    out = {
        label.name
        for label in rules.labels
        if label.set == label_set
        and any((finding, certainty) in there for finding in label.findings for certainty in label.certainty)
    }
    if not out and summarise(findings, rules).normal:
        out.add(NORMAL)
    return frozenset(out)
