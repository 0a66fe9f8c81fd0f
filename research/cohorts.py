"""Frozen cohorts: criteria, catalog version, members and attrition under one hash, and the difference of two.

A cohort is the pair (criteria, catalog version) as in NCI's Imaging Data Commons, plus the members it had,
each with the hash of its files, so that a later reader can tell whether it is still the same set.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from research.criteria import Among, Criteria, Node, Not, canonical, matches, parse, phrase, rules, scope
from research.errors import RadflowError


class CohortError(RadflowError):
    """A cohort that cannot be frozen from these rows."""

    code = "cohort"


@dataclass(frozen=True, order=True)
class Member:
    """One series of a cohort; a listed one has no files here, its hash is that of its entry in the index."""

    series_uid: str
    patient_alias: str
    study_uid: str
    manifest_sha256: str


@dataclass(frozen=True)
class AttritionStep:
    """What is left after one more rule; rule 0 is every candidate."""

    rule_no: int
    rule_text: str
    n_series: int
    n_patients: int


@dataclass(frozen=True)
class FrozenCohort:
    """An immutable cohort.

    Attributes:
        name: what people call it; not part of the hash.
        criteria: canonical JSON text.
        criteria_sha256: SHA-256 of that text.
        catalog_version: the catalog's revision that the candidates came from.
        members: sorted by series UID.
        cohort_sha256: SHA-256 of ``canonical_text``.
        attrition: one step per top-level rule, in the order they were written.
        grouping: canonical JSON text of the rule for time points (research.timepoints), empty without one.
    """

    name: str
    criteria: str
    criteria_sha256: str
    catalog_version: int
    members: tuple[Member, ...]
    cohort_sha256: str
    attrition: tuple[AttritionStep, ...]
    grouping: str = ""

    @property
    def series_uids(self) -> tuple[str, ...]:
        """The cases, in the order of the members."""
        return tuple(member.series_uid for member in self.members)


@dataclass(frozen=True)
class CohortDiff:
    """Series UIDs that differ between two cohorts; ``changed`` have other files under the same UID."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def freeze(
    name: str,
    criteria: Criteria,
    rows: Iterable[Mapping[str, Any]],
    catalog_version: int,
    *,
    records: Iterable[Mapping[str, Any]] = (),
    grouping: str = "",
) -> FrozenCohort:
    """Apply criteria to candidate rows and freeze what is left.

    Args:
        name: what people call the cohort.
        criteria: JSON data or a parsed tree; a top-level ``all`` gives one attrition step per part.
        rows: every series the owner may see, keys as in ``research.criteria.SELECT_SQL``. All of them, not only
            those that SQL found: attrition starts there and ``at_least`` counts there.
        catalog_version: the catalog's revision.
        records: clinical records of the patients, keys as in ``research.criteria.RECORD_SELECT_SQL``.
        grouping: the rule for time points as canonical JSON.

    Raises:
        CriteriaError: criteria that mean nothing.
        CohortError: two rows with one series UID.
    """
    tree = parse(criteria)
    states, _ = scope(tree)
    candidates = [row for row in rows if row["state"] in states]
    by_patient: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in candidates:
        by_patient[_patient(row)].append(row)
    said: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for record in records:
        said[_patient(record)].append(record)
    _refuse_twins(candidates)

    steps = [_step(0, start_text(tree), candidates)]
    kept: Sequence[Mapping[str, Any]] = candidates
    for number, rule in enumerate(rules(tree), 1):
        within = Among(states, rule)
        kept = [row for row in kept if matches(within, row, by_patient[_patient(row)], said[_patient(row)])]
        steps.append(_step(number, rule_text(rule), kept))

    return assemble(name, tree, [member_of(row) for row in kept], steps, catalog_version, grouping=grouping)


def assemble(
    name: str,
    criteria: Criteria,
    members: Iterable[Member],
    steps: Iterable[AttritionStep],
    catalog_version: int,
    *,
    grouping: str = "",
) -> FrozenCohort:
    """A frozen cohort of members and counts that the database found; the same that ``freeze`` makes of rows."""
    found = tuple(sorted(members))
    text = canonical(criteria)
    criteria_sha256 = hashlib.sha256(text.encode()).hexdigest()
    whole = canonical_text(criteria_sha256, catalog_version, found, grouping)
    digest = hashlib.sha256(whole.encode()).hexdigest()
    return FrozenCohort(name, text, criteria_sha256, catalog_version, found, digest, tuple(steps), grouping)


def member_of(row: Mapping[str, Any]) -> Member:
    """The member that a catalog row makes."""
    return Member(**{key: str(row[key]) for key in Member.__match_args__})


def start_text(criteria: Criteria) -> str:
    """What the first line of an attrition table counts."""
    states, _ = scope(parse(criteria))
    return f"{' or '.join(states).capitalize()} series visible to the owner"


def canonical_text(
    criteria_sha256: str, catalog_version: int, members: Iterable[Member], grouping: str = ""
) -> str:
    """The text whose SHA-256 identifies a cohort: a header line, then one JSON line per member, sorted."""
    head = {"radflow_cohort": 1, "criteria_sha256": criteria_sha256, "catalog_version": catalog_version}
    if grouping:
        head["grouping_sha256"] = hashlib.sha256(grouping.encode()).hexdigest()
    lines: list[object] = [head]
    lines += [[m.series_uid, m.patient_alias, m.study_uid, m.manifest_sha256] for m in sorted(members)]
    return "".join(json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n" for line in lines)


def verify(cohort: FrozenCohort) -> bool:
    """Whether the stored hashes still fit the stored content."""
    text = canonical_text(cohort.criteria_sha256, cohort.catalog_version, cohort.members, cohort.grouping)
    return (
        hashlib.sha256(cohort.criteria.encode()).hexdigest() == cohort.criteria_sha256
        and hashlib.sha256(text.encode()).hexdigest() == cohort.cohort_sha256
    )


def diff(old: Iterable[Member], new: Iterable[Member]) -> CohortDiff:
    """What differs between the members of two cohorts, or of one and its criteria asked anew; by series UID."""
    before = {member.series_uid: member for member in old}
    after = {member.series_uid: member for member in new}
    return CohortDiff(
        added=tuple(sorted(after.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - after.keys())),
        changed=tuple(sorted(uid for uid in before.keys() & after.keys() if before[uid] != after[uid])),
    )


def _patient(row: Mapping[str, Any]) -> tuple[str, str]:
    return str(row["collection"]), str(row["patient_alias"])


def _refuse_twins(rows: Sequence[Mapping[str, Any]]) -> None:
    seen: set[str] = set()
    for row in rows:
        uid = str(row["series_uid"])
        if uid in seen:
            reason = f"Series {uid} is among the candidates twice."
            raise CohortError(reason, "Give one row per series; check the joins of the query.")
        seen.add(uid)


def _step(number: int, text: str, rows: Sequence[Mapping[str, Any]]) -> AttritionStep:
    return AttritionStep(number, text, len(rows), len({_patient(row) for row in rows}))


def rule_text(rule: Node) -> str:
    """A rule as a line of the attrition table."""
    text = f"excluded: {phrase(rule.part)}" if isinstance(rule, Not) else phrase(rule)
    return text[:1].upper() + text[1:]
