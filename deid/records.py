"""De-identify what stands beside images: dates, numbers and text of one patient, as the patient's images are.

>>> from deid import Pseudonyms, load_policy
>>> from deid.records import Subject
>>> words = [("name", "Quimbly^Ann"), ("id", "MRN-1")]
>>> subject = Subject(load_policy("research"), Pseudonyms(bytes(16), "p"), "MRN-1", "", words)
>>> subject.text("Ann Quimbly: no effusion.").text
'[NAME]: no effusion.'
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from deid import standard
from deid.exceptions import PolicyError
from deid.text import TextCleaner, lexicon
from deid.verify import spellings
from deid.verify.generic import generic_in

if TYPE_CHECKING:
    from deid.policy import Policy
    from deid.pseudonyms import Pseudonyms

_MODIFIED, _FULL = "retain_longitudinal_modified_dates", "retain_longitudinal_full_dates"
_ACCESSION = 0x00080050
_PARTS = re.compile(r"[\s^=,\\./;:()_\"-]+")
_EVERYDAY = lexicon.FUNCTION | lexicon.CLINICAL | lexicon.ESSENTIAL | lexicon.UNIT
_SHORTEST_ID = 4
_LONG_ID = 6
_CLEANERS = 8
Words = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class CleanText:
    """A cleaned text, what was cut from it by kind, and what an independent look still found in it.

    ``residue`` holds codes of findings (``name``, ``identifier``, ``date``, ``generic-phone``, ...); where there is
    one, nobody can vouch for the text.
    """

    text: str = field(repr=False)
    cuts: tuple[str, ...] = ()
    residue: tuple[str, ...] = ()


class Subject:
    """One patient, under a policy and a project's key.

    Args:
        policy: must clean descriptors: a policy that removes text leaves nothing of a report.
        pseudonyms: the project's keyed pseudonyms.
        patient_id: Patient ID (0010,0020) as the images have it, and its issuer (0010,0021).
        issuer: see there.
        words: (kind, value) of everything that text must not say; kinds of :class:`deid.text.TextCleaner`.

    Raises:
        PolicyError: the policy does not clean text.
    """

    def __init__(
        self, policy: Policy, pseudonyms: Pseudonyms, patient_id: str, issuer: str, words: Words
    ) -> None:
        if "clean_descriptors" not in policy.options:
            reason = f"The policy {policy.name} removes text, so it leaves nothing of a report."
            raise PolicyError(
                reason, "Use a policy with the option clean_descriptors, for instance research."
            )
        who = policy.linkage.person(patient_id, issuer)
        self._policy, self._pseudonyms = policy, pseudonyms
        self.alias = pseudonyms.patient(*who)
        self.days = pseudonyms.days(*who) if _MODIFIED in policy.options else 0
        self._keeps_dates = _MODIFIED in policy.options or _FULL in policy.options
        self._words = (("id", patient_id), *words)
        self._tokens = frozenset().union(*(_runs(value) for _, value in self._words))
        self._cleaners: dict[tuple[tuple[str, str], ...], tuple[TextCleaner, _Look]] = {}

    def date(self, day: datetime.date | None) -> datetime.date | None:
        """A date moved by the patient's days; None where the policy keeps no dates."""
        if day is None or not self._keeps_dates:
            return None
        try:
            return day + datetime.timedelta(days=self.days)
        except OverflowError:
            return None

    def uid(self, uid: str) -> str:
        """A UID as the images' new ones."""
        return uid if "retain_uids" in self._policy.options else self._pseudonyms.uid(uid)

    def accession(self, number: str) -> str | None:
        """An accession number as the images have it now; None where the policy does not hash it."""
        if str(self._policy.site.get(_ACCESSION, "")) != "hash":
            return None
        return self._pseudonyms.text("AccessionNumber", number)

    def name(self, key: str) -> str:
        """A name for a record of this patient that cannot be led back to what its source calls it."""
        return self._pseudonyms.text("record", key)

    def text(self, text: str, words: Words = ()) -> CleanText:
        """A long text; placeholders stand where something was cut.

        Args:
            text: as decoded.
            words: further names and numbers that this text may say (who wrote it, its order).
        """
        cleaner, look = self._cleaner(words)
        cleaned = cleaner.clean(text, placeholder=True)
        residue = look.residue(cleaned.text, text)
        return CleanText(cleaned.text, tuple(sorted({cut.kind for cut in cleaned.cuts})), residue)

    def phrase(self, text: str, words: Words = (), *, public: bool = False) -> CleanText:
        """A short value.

        Args:
            text: as decoded.
            words: see :meth:`text`.
            public: it is the wording of a published scheme ("Glasgow coma score"): only the patient's own is cut.
        """
        if public and not self._own_tokens(words).intersection(_runs(text)):
            return CleanText(text.strip())
        cleaner, look = self._cleaner(words)
        cleaned = cleaner.clean(text, placeholder=False, own_only=public)
        return CleanText(
            cleaned.text.strip(),
            tuple(sorted({cut.kind for cut in cleaned.cuts})),
            look.residue(cleaned.text, text),
        )

    def _own_tokens(self, words: Words) -> frozenset[str]:
        return self._tokens if not words else self._tokens.union(*(_runs(value) for _, value in words))

    def _cleaner(self, words: Words) -> tuple[TextCleaner, _Look]:
        key = tuple(dict.fromkeys(words))
        found = self._cleaners.get(key)
        if found is None:
            if len(self._cleaners) >= _CLEANERS:
                self._cleaners.clear()
            everything = [*self._words, *key]
            cleaner = TextCleaner(everything, days=self.days if self._keeps_dates else None)
            found = self._cleaners[key] = cleaner, _Look(everything, self.days, dated=self._keeps_dates)
        return found


class _Look:
    """The second look: shares no search with the cleaner, only the list of what is known."""

    def __init__(self, words: Iterable[tuple[str, str]], days: int, *, dated: bool) -> None:
        self._days, self._dated = days, dated
        self._names: set[str] = set()
        self._ids: set[str] = set()
        self._digits: set[str] = set()
        self._dates: set[datetime.date] = set()
        for kind, value in words:
            if kind == "name":
                self._names.update(_name_words(value))
            elif kind == "date":
                self._dates |= spellings.dates_in(value)
            elif kind in ("id", "phone") or any(map(str.isdigit, value)):
                self._number(value)

    def _number(self, value: str) -> None:
        whole = spellings.squeezed(value)
        digits = re.sub(r"\D", "", value)
        if len(whole) >= _SHORTEST_ID and digits:
            self._ids.add(whole)
        if len(digits) >= 7:
            self._digits.add(digits.lstrip("0"))

    def residue(self, text: str, original: str) -> tuple[str, ...]:
        """Codes of what the cleaned text still says."""
        return tuple(sorted(set(self._found(text, original))))

    def _found(self, text: str, original: str) -> Iterator[str]:
        runs = spellings.runs_in(text)
        if self._names:
            hits = [at for at, run in enumerate(runs) if run in self._names]
            if any(not _everyday(runs[at]) for at in hits) or any(b - a == 1 for a, b in pairwise(hits)):
                yield "name"
        if self._ids:
            together = spellings.squeezed(text)
            known = self._ids.intersection(runs)
            if known or any(len(one) >= _LONG_ID and one in together for one in self._ids):
                yield "identifier"
        if any(one in run for run in spellings.digits_in(text) for one in self._digits if len(one) >= 7):
            yield "identifier"
        yield from self._days_in(text, original)
        for hit in generic_in(text):
            if hit.code != "generic-date" or not self._dated:
                yield hit.code

    def _days_in(self, text: str, original: str) -> Iterator[str]:
        """A date that stands as it stood, and is not another one's moved form."""
        now = spellings.dates_in(text, loose=False)
        if not now or (self._dated and not self._days):
            return
        before = spellings.dates_in(original, loose=False)
        moved = {_plus(day, self._days) for day in spellings.dates_in(original)} if self._days else set()
        if any(day in before | self._dates and day not in moved for day in now):
            yield "date"


@lru_cache(maxsize=1 << 14)
def _runs(text: str) -> frozenset[str]:
    """Runs of letters and digits, as written and in ASCII letters."""
    found = set(spellings.runs_in(text))
    return frozenset(found | {one.lower() for run in found for one in spellings.plain(run)})


def _plus(day: datetime.date, days: int) -> datetime.date | None:
    try:
        return day + datetime.timedelta(days=days)
    except OverflowError:
        return None


def _name_words(value: str) -> Iterator[str]:
    nobody = standard.words("nobody") | standard.words("particles")
    for part in _PARTS.split(value):
        part = part.strip("'\u2019\0").lower()
        if len(part) >= 3 and part not in nobody and not any(map(str.isdigit, part)):
            yield part
            yield from (one.lower() for one in spellings.plain(part))


def _everyday(word: str) -> bool:
    return bool(lexicon.bits()[word] & _EVERYDAY) or word in standard.words("terms")
