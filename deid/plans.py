"""From rules to a plan that a walker carries out: who is called with which value, and what is known of a tag.

A plan holds for one policy, SOP class, patient and character set. Handlers are pure functions of the value
under it, so the walkers remember what they answered.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING, Literal, Protocol

from deid import standard, structure, walker
from deid.actions import Action, Rule
from deid.exceptions import PolicyError
from deid.handlers import BY_ACTION, Element, Unfit, apply
from deid.handlers.private import PrivateRules, fits
from deid.handlers.sequences import dummy_items
from deid.identifiers import CONTROL, KINDS
from deid.walker import CALL, DUMMY, EMPTY, KEEP, REMOVE, Entry

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from deid.handlers import Scope
    from deid.policy import Policy
    from deid.rules import RuleTable
    from deid.structure import Scan

compiled: ModuleType | None
try:
    compiled = importlib.import_module("deid._walker")
except ImportError:  # no compiler was there when the package was installed: slower, same bytes
    compiled = None

#: Concept Name Code Sequence: what has it is a content item (PS3.3 C.17.3.2, 10.2).
CONCEPT = 0x0040A043
_TEXT = frozenset({"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
_OPAQUE = frozenset({"OB", "OW", "UN"})
_ITEMS = {Action.REMOVE: REMOVE, Action.EMPTY: EMPTY, Action.DUMMY: DUMMY}
_NATIVE = {(Action.DATE, "DA"): 1, (Action.DATE, "DT"): 2, (Action.TIME, "TM"): 3, (Action.UID, "UI"): 4}
Quick = tuple[bytes, int, int, dict[int, bytes], list[tuple[int, bytes]], bool, int, int, int]
_ENTRIES = 20_000  # far more than any object has; hostile input can name any number
_KINDS = {Action.KEEP: KEEP, Action.REMOVE: REMOVE, Action.EMPTY: EMPTY}


class AnyPlan(Protocol):
    """What both plans can do; see :class:`deid.walker.Plan`."""

    def walk(
        self,
        data: bytes,
        start: int,
        end: int,
        implicit: bool,  # noqa: FBT001
        inserts: list[tuple[int, bytes]],
        /,
    ) -> bytes:
        """See :meth:`deid.walker.Plan.walk`."""

    def counts(self) -> tuple[list[tuple[int, int, int, int, int, int]], int, int]:
        """See :meth:`deid.walker.Plan.counts`."""


def has_compiled() -> bool:
    """Whether the compiled walker is there."""
    return compiled is not None


@cache
def facts(tag: int) -> int:
    """What the scan needs to know of a tag, see :mod:`deid.structure`."""
    row = standard.rows().get(tag)
    vr = structure.vr_of(tag) or (row.vr if row else "")
    telling = structure.TELLING if tag in (0x00080005, CONCEPT) else 0
    if vr == "SQ":
        return structure.IS_SEQUENCE | telling
    found = structure.COLLECT_TOP if tag in CONTROL else 0
    if vr == "PN" or tag in KINDS:
        found |= structure.WHO
    if tag >> 24 in (0x50, 0x60) and tag & 0xFFFF in (0x0010, 0x0102):  # there are overlays, or curves
        found |= structure.COLLECT_TOP
    return found | telling


_scanner = None if compiled is None else compiled.Scanner(facts)


def scan(
    data: bytes, start: int, *, implicit: bool, complete: bool, little_endian: bool = True, pure: bool = False
) -> Scan:
    """:func:`deid.structure.scan` by the fastest means; ``pure`` asks for Python."""
    if _scanner is None or pure or not little_endian:
        return structure.scan(
            data, start, implicit=implicit, complete=complete, facts=facts, little_endian=little_endian
        )
    return structure.Scan(*_scanner.scan(data, start, implicit, complete))


def read(fd: int, count: int) -> Quick | None:
    """An ordinary file in one go, by the compiled walker.

    Args:
        fd: the opened file.
        count: how many bytes of it to read.

    Returns:
        (data, body, implicit, top, who, telling items, stop, start and end of the pixel data), see
        :class:`deid.original.Original`; None where there is no compiled walker, the header is longer than ``count``,
        or anything is unusual: other transfer syntaxes, damage, bytes behind the pixel data.
    """
    found: Quick | None = None
    if _scanner is not None and hasattr(_scanner, "read"):  # not where there is no pread
        found = _scanner.read(fd, count)
    return found


class Planner:
    """Makes the plan of a rule table for one scope.

    Args:
        policy: the policy.
        table: its rules for the SOP class.
        scope: the patient, the character set, the pseudonyms.
    """

    def __init__(self, policy: Policy, table: RuleTable, scope: Scope) -> None:
        self._table = table
        self._scope = scope
        self._private = PrivateRules(policy)

    def plan(self, *, pure: bool = False) -> AnyPlan:
        """A compiled plan where possible; ``pure`` asks for Python."""
        made: Callable[..., AnyPlan] = walker.Plan if compiled is None or pure else compiled.Plan
        return made(
            self.resolve, self.block, self.private, odd, self._scope.days, self._scope.pseudonyms.uid_secret()
        )

    def resolve(self, tag: int, place: int) -> Entry:
        """What happens to a standard attribute in a place, see :func:`deid.standard.places`."""
        known = self._table.entries
        found = known.get((tag, place))
        if found is None:
            found = self._entry(tag, place)
            if found.kind != CALL and len(known) < _ENTRIES:
                known[tag, place] = found
        return found

    def _entry(self, tag: int, place: int) -> Entry:
        rule = self._table.rule(tag, place)
        if tag in structure.PIXELS and not place:
            rule = Rule(Action.REMOVE)  # the engine moves pixel data itself; a second one is none
        kind = _KINDS.get(rule.action, CALL)
        return Entry(
            kind,
            rule.vr == "SQ",
            _ITEMS.get(rule.action, KEEP),
            "".join(rule.vr.split(" or ")).encode(),
            self.caller(tag, rule) if kind == CALL else None,
            dummy_items(tag) if rule.action is Action.DUMMY and rule.vr in ("SQ", "") else (b"", b""),
            _NATIVE.get((rule.action, rule.vr), 0),
            standard.places()[place].inside.get(tag, 1),
        )

    def caller(self, tag: int, rule: Rule) -> Callable[[bytes, bytes, bool], bytes | None]:
        """A handler bound to an attribute and the scope."""
        scope, handler = self._scope, BY_ACTION[rule.action]

        def call(value: bytes, vr: bytes, local: bool) -> bytes | None:  # noqa: FBT001
            element = Element(tag, rule.vr or vr.decode() or "UN", value)
            scope.local_code = local
            try:
                return handler(element, scope)
            except Unfit:
                return BY_ACTION[rule.fallback](element, scope)

        return call

    def block(self, creator: bytes, group: int) -> bool:
        """Whether anything in a private block may stay."""
        return self._private.block(creator, group)

    def private(self, creator: bytes, group: int, low: int) -> Entry | None:
        """What happens to a private attribute; None removes it."""
        usual = self._private.rule(creator, group, low)
        if usual is None:
            return None
        if usual.vr == "SQ":
            return Entry(KEEP, sequence=True)
        scope = self._scope

        def call(value: bytes, vr: bytes, local: bool) -> bytes | None:  # noqa: ARG001, FBT001
            rule = self._private.rule(creator, group, low, vr.decode("latin-1"), value)
            if rule is None or not fits(rule.vr, vr.decode("latin-1"), value):
                return None
            if rule.action is Action.KEEP and (rule.vr != "UN" or not _printable(value)):
                return value
            if rule.action is Action.KEEP:
                return apply(Action.TEXT, Action.REMOVE, Element(group << 16 | low, "LT", value), scope)
            return apply(rule.action, rule.fallback, Element(group << 16 | low, rule.vr, value), scope)

        return Entry(CALL, call=call)


def odd(tag: int, vr: bytes, value: bytes) -> bool:
    """Whether a value stays that is not encoded as the standard says: text must not pose as a number."""
    row = standard.rows().get(tag)
    known, found = structure.vr_of(tag) or (row.vr if row else ""), vr.decode("latin-1")
    if found in _TEXT:
        return known in _TEXT
    if found == "UN":  # some archives forget the VR of what they do not know
        return fits(known[:2], None, value)
    return found not in _OPAQUE or known[:2] in _OPAQUE


def _printable(value: bytes) -> bool:
    """Whether a value of unknown VR is text."""
    return all(0x20 <= byte < 0x7F or byte in b"\r\n\t\0" for byte in value)


def inserted(tag: int, vr: str, value: bytes, *, implicit: bool, order: str) -> tuple[int, bytes]:
    """An element to set, encoded; ``order`` is ``<`` or ``>``.

    Raises:
        PolicyError: when the value is longer than its VR can say.
    """
    byteorder: Literal["little", "big"] = "little" if order == "<" else "big"
    head = (tag >> 16).to_bytes(2, byteorder) + (tag & 0xFFFF).to_bytes(2, byteorder)
    if implicit:
        return tag, head + len(value).to_bytes(4, byteorder) + value
    name = vr.encode()
    if name in structure.LONG:
        return tag, head + name + b"\0\0" + len(value).to_bytes(4, byteorder) + value
    if len(value) > 0xFFFF:
        reason = f"A value to set for ({tag >> 16:04X},{tag & 0xFFFF:04X}) is longer than {vr} allows."
        raise PolicyError(reason, "Shorten it.")
    return tag, head + name + len(value).to_bytes(2, byteorder) + value
