"""Carry a policy out on one object: new header bytes, pixel data moved by the kernel.

Values that stay are never decoded. The header is walked by a plan (:mod:`deid.plans`), compiled where it can
be; pixel data go from file to file without passing through Python, unless a pixel stage made new ones.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from deid import documents, graphics, marking, plans
from deid.actions import Action
from deid.content import ContentPlan
from deid.handlers import Scope
from deid.handlers.base import Unfit
from deid.handlers.text import codecs_of, decoded
from deid.identifiers import identity
from deid.objects import Kind, kind
from deid.rules import PATIENT_ID, PATIENT_NAME, RuleTable
from deid.text import TextCleaner
from deid.writing import Writer

if TYPE_CHECKING:
    from pathlib import Path

    from deid.acceptance import Header
    from deid.original import Original
    from deid.pixel_result import PixelResult
    from deid.plans import AnyPlan
    from deid.policy import Policy
    from deid.pseudonyms import Pseudonyms

_PLANS = 8
_TABLES = 200  # there are fewer storage SOP classes; hostile input can name any number
_CHARSET = 0x00080005


class Tally:
    """What was done, over many objects; no values.

    Attributes:
        actions: action -> how often.
        by_tag: ``GGGG,EEEE`` (or ``private``) -> outcome -> how often; outcomes are kept, replaced, emptied,
            removed.
        cuts: ``GGGG,EEEE`` -> kind of identity -> from how many different texts it was cut.
    """

    def __init__(self) -> None:
        self.actions: Counter[str] = Counter()
        self.by_tag: dict[str, Counter[str]] = {}
        self.cuts: dict[str, Counter[str]] = {}

    def add(self, plan: AnyPlan, table: RuleTable, scope: Scope) -> None:
        """Add what a plan has counted."""
        rows, kept, removed = plan.counts()
        for tag, where, *outcomes in rows:
            action = table.rule(tag, where).action
            place = self.by_tag.setdefault(_place(tag), Counter())
            for outcome, count in zip(("kept", "replaced", "emptied", "removed"), outcomes, strict=True):
                if count:
                    place[outcome] += count
                    self.actions[_action(action, outcome)] += count
        for outcome, count in (("kept", kept), ("removed", removed)):
            if count:
                self.by_tag.setdefault("private", Counter())[outcome] += count
                self.actions[_action(Action.KEEP, outcome)] += count
        for (tag, what), count in scope.cuts.items():
            self.cuts.setdefault(_place(tag), Counter())[what] += count

    def note(self, tag: int, outcome: str) -> None:
        """Add one attribute that was not treated by a plan."""
        self.by_tag.setdefault(_place(tag), Counter())[outcome] += 1
        self.actions[_action(Action.TEXT, outcome)] += 1


def _place(tag: int) -> str:
    return f"{tag >> 16:04X},{tag & 0xFFFF:04X}"


def _action(action: Action, outcome: str) -> str:
    if outcome in ("removed", "emptied"):
        return str(Action.REMOVE if outcome == "removed" else Action.EMPTY)
    if outcome == "kept" and action in (Action.TEXT, Action.SCAN, Action.CODE_MEANING):
        return str(Action.KEEP)
    return str(action)


class _Prepared:
    """A plan with what belongs to it."""

    def __init__(self, plan: AnyPlan, table: RuleTable, scope: Scope, marks: list[tuple[int, bytes]]) -> None:
        self.plan, self.table, self.scope, self.marks = plan, table, scope, marks


class Engine:
    """De-identifies the objects of one patient.

    Args:
        policy: what to do.
        pseudonyms: the project's keyed pseudonyms.
        header: the header of one of the patient's objects.
        pure: use the Python walker even where a compiled one is there.
    """

    def __init__(self, policy: Policy, pseudonyms: Pseudonyms, header: Header, *, pure: bool = False) -> None:
        self._policy = policy
        self._pseudonyms = pseudonyms
        self._pure = pure
        self._patient_id, self._issuer = header.patient_id, header.issuer
        self._who = policy.linkage.person(header.patient_id, header.issuer)
        self.alias = pseudonyms.patient(*self._who)
        shifts = "retain_longitudinal_modified_dates" in policy.options
        self.days = pseudonyms.days(*self._who) if shifts else 0
        self._prepared: dict[tuple[object, ...], _Prepared] = {}
        self._last: tuple[tuple[object, ...], list[tuple[int, bytes]], _Prepared] | None = None
        self._tally = Tally()
        self._writer = Writer()

    def identity(self, original: Original) -> list[tuple[str, str]]:
        """(kind, text) of everything in an object that identifies."""
        codecs = codecs_of(original.top.get(_CHARSET, b""))
        return _texts(identity(original.who), codecs)

    def write(self, original: Original, header: Header, target: Path, pixels: PixelResult | None) -> str:
        """De-identify an object into a new file; returns the new SOP Instance UID.

        Args:
            original: the opened original.
            header: its header.
            target: folder of the new file, ``<new SOP Instance UID>.dcm``.
            pixels: what a pixel stage made, None to copy the original pixel data.

        Raises:
            StructureError: when the bytes do not add up.
            UnicodeError: when a UID is not ASCII.
        """
        prepared = self._prepare(original, header)
        implicit, order = original.implicit, original.order
        uid = (
            header.sop_uid if "retain_uids" in self._policy.options else self._pseudonyms.uid(header.sop_uid)
        )
        inserts = prepared.marks
        changes = pixels.changes if pixels is not None else {}
        if documents.replaceable(header.sop_class):
            changes = documents.replacement(header.sop_class, uid)
            prepared.scope.cuts[documents.DOCUMENT, "document"] += 1
        if changes:
            inserts = sorted(inserts + marking.changed(changes, implicit=implicit, order=order))
        if "clean_graphics" in self._policy.options and graphics.present(original.top):
            drawn = graphics.cleaned(original, prepared.scope, self._policy)
            inserts = sorted(inserts + drawn.inserts)
            for tag, outcome in drawn.told:
                self._tally.note(tag, outcome)
        missing = [tag for tag in (PATIENT_NAME, PATIENT_ID) if tag not in original.top]
        if missing:
            alias = marking.even(self.alias, " ")
            inserts = sorted(
                inserts
                + [
                    plans.inserted(tag, vr, alias, implicit=implicit, order=order)
                    for tag, vr in ((PATIENT_NAME, "PN"), (PATIENT_ID, "LO"))
                    if tag in missing
                ]
            )
        body = self._walk(prepared.plan, original, original.data, original.body, original.stop, inserts)
        behind = original.trailing
        if behind:
            behind = self._walk(prepared.plan, original, behind, 0, len(behind), [])
        syntax = (pixels.transfer_syntax if pixels else None) or original.syntax
        meta = marking.file_meta(header.sop_class, uid, syntax)
        self._writer.write(f"{target}/{uid}.dcm", original, meta, body, behind, pixels)
        return uid

    def _walk(
        self,
        plan: AnyPlan,
        original: Original,
        data: bytes,
        start: int,
        end: int,
        inserts: list[tuple[int, bytes]],
    ) -> bytes:
        if original.order == ">":
            return plan.walk(data, start, end, False, inserts, False)  # type: ignore[call-arg]  # noqa: FBT003
        return plan.walk(data, start, end, original.implicit, inserts)

    def _prepare(self, original: Original, header: Header) -> _Prepared:
        charset = original.top.get(_CHARSET, b"")
        fast = (header.sop_class, charset, original.syntax, original.telling_items)
        if self._last is not None and self._last[0] == fast and self._last[1] == original.who:
            return self._last[2]  # as almost always within a series
        who = identity(original.who)
        key = (*fast, who)
        found = self._prepared.get(key)
        if found is None:
            if len(self._prepared) >= _PLANS:
                self._close()
            found = self._prepared[key] = self._make(original, header, charset, who)
        self._last = fast, original.who, found
        return found

    def _make(
        self, original: Original, header: Header, charset: bytes, who: tuple[tuple[str, bytes], ...]
    ) -> _Prepared:
        table = _table(self._policy, header.sop_class)
        codecs = codecs_of(charset)
        options = self._policy.options
        dates = "retain_longitudinal_modified_dates" in options or "retain_longitudinal_full_dates" in options
        scope = Scope(
            pseudonyms=self._pseudonyms,
            alias=self.alias,
            patient_id=self._patient_id,
            issuer=self._issuer,
            days=self.days,
            cleaner=TextCleaner(_texts(who, codecs), days=self.days if dates else None),
            linkage=self._policy.linkage,
            oldest_age=self._policy.oldest_age,
            codecs=codecs,
        )
        planner = plans.Planner(self._policy, table, scope)
        plan: AnyPlan
        if kind(header.sop_class) is Kind.REPORTS or original.telling_items:
            plan = ContentPlan(planner, self._policy, scope)
        else:
            plan = planner.plan(pure=self._pure or original.order == ">")
        marks = marking.marks(self._policy, implicit=original.implicit, order=original.order)
        return _Prepared(plan, table, scope, marks)

    def _close(self) -> None:
        for prepared in self._prepared.values():
            self._tally.add(prepared.plan, prepared.table, prepared.scope)
        self._prepared.clear()
        self._last = None

    def tally(self) -> Tally:
        """What was done so far; ends the plans in use."""
        self._close()
        return self._tally


def _texts(who: tuple[tuple[str, bytes], ...], codecs: tuple[str, ...]) -> list[tuple[str, str]]:
    found = []
    for what, value in who:
        try:
            text = decoded(value, codecs)
        except Unfit:
            text = value.decode("latin-1")
        found += [(what, part) for part in text.split("\\") if part.strip()]
    return found


def _table(policy: Policy, sop_class: str) -> RuleTable:
    """The rules of a policy for a SOP class; worked out once, they are the same for every patient."""
    tables = policy.tables
    if sop_class not in tables:
        if len(tables) >= _TABLES:
            tables.clear()
        tables[sop_class] = RuleTable(policy, sop_class)
    return tables[sop_class]
