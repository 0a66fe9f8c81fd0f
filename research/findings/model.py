"""What the extraction yields, and what rules are once they are read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from research.findings.phrases import Matcher

Status = Literal["present", "absent", "uncertain", "historical", "family"]
Certainty = Literal["definite", "probable", "possible"]
Temporality = Literal["current", "historical"]
Experiencer = Literal["patient", "family"]
Change = Literal["", "new", "increased", "unchanged", "decreased", "resolved"]
Match = Literal["exact", "approximate", "none"]
Reading = Literal["current", "history", "family", "skip"]

ASSERTIONS = ("absent", "possible", "probable", "definite", "resolved", "hypothetical")
CHANGES = ("new", "increased", "unchanged", "decreased")
SAYINGS = (*ASSERTIONS, *CHANGES, "historical", "family", "nothing")
DIRECTIONS = ("forward", "backward", "both")
READINGS = ("current", "history", "family", "skip")
SCHEMES = ("RADLEX", "SCT", "DCM", "LN", "99RADFLOW")
MATCHES = ("exact", "approximate", "none")
PRECEDENCE: tuple[Status, ...] = ("present", "uncertain", "historical", "family", "absent")
"""Which status a report has for a finding that it mentions several times."""


@dataclass(frozen=True, slots=True)
class Code:
    """A code for a finding; ``match`` says how well the code's own meaning fits."""

    scheme: str
    code: str
    meaning: str
    match: Match


@dataclass(frozen=True, slots=True)
class Kind:
    """A finding that the rules know. ``abnormal`` says whether its presence makes a report not normal."""

    id: str
    meaning: str
    codes: tuple[Code, ...]
    abnormal: bool = True

    @property
    def code(self) -> Code:
        """The code that fits best, the first of several; our own designator (match ``none``) where there is none."""
        known = sorted(self.codes, key=lambda code: MATCHES.index(code.match))
        return known[0] if known else Code("99RADFLOW", self.id, self.meaning, "none")


@dataclass(frozen=True, slots=True)
class Finding:
    """One mention of a finding in a report.

    ``text[start:end]`` is the mention. ``rule_id`` is the rule that found it, ``context`` the rules that decided its
    status, in the order of the text. ``change`` compares with the prior study where the sentence does.
    ``asked`` marks what only the referring physician asks for, in the indication; :func:`extract` leaves it out
    unless told.
    """

    finding: str
    status: Status
    start: int
    end: int
    rule_id: str
    section: str
    certainty: Certainty = "definite"
    temporality: Temporality = "current"
    experiencer: Experiencer = "patient"
    change: Change = ""
    context: tuple[str, ...] = ()
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report, ``text[start:end]`` without its title; ``read`` says how mentions in it are taken."""

    name: str
    read: Reading
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class SectionRule:
    """Titles that begin a section."""

    id: str
    titles: tuple[str, ...]
    read: Reading


@dataclass(frozen=True, slots=True)
class Term:
    """Phrases that mean a finding, or with ``asserts`` absent that it is not there; ``finding`` "" means ignore."""

    id: str
    finding: str
    phrases: tuple[str, ...]
    asserts: Literal["present", "absent"] = "present"
    unless: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ContextRule:
    """Phrases that say something about findings before or after them in the sentence."""

    id: str
    says: str
    phrases: tuple[str, ...]
    direction: str
    reach: int = 40
    only: frozenset[str] = frozenset()
    ends: frozenset[str] = frozenset()
    """Which other context rules reach no further than this one's phrase."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Phrases that end the reach of context rules that say one of ``ends``."""

    id: str
    phrases: tuple[str, ...]
    ends: frozenset[str]
    direction: str = "both"


@dataclass(frozen=True, slots=True)
class Label:
    """A label of a published label set, and which of our findings, how certain, stand for it."""

    set: str
    name: str
    findings: tuple[str, ...]
    certainty: tuple[str, ...]


@dataclass(frozen=True)
class Rules:
    """Rules ready for use. ``version`` is the SHA-256 of their content, however the files are laid out."""

    name: str
    version: str
    kinds: dict[str, Kind]
    sections: tuple[SectionRule, ...]
    terms: dict[str, Term]
    context: dict[str, ContextRule]
    stops: dict[str, Stop]
    labels: tuple[Label, ...]
    titles: dict[str, SectionRule] = field(repr=False)
    term_matcher: Matcher[str] = field(repr=False)
    context_matcher: Matcher[str] = field(repr=False)
    conditions: dict[str, tuple[Matcher[str], Matcher[str]]] = field(repr=False)
    """Per term that has any: matchers of its ``unless`` and of its ``needs``."""
