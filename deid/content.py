"""Clean Structured Content (PS3.15 E.3.4): content items by concept, Table E.3.4-1.

A structured report is a tree of items, each a concept with a value. Numbers, codes and coordinates stay, text
is cleaned, people become dummies, dates move with all other dates, references keep pointing to the same
(renamed) objects, and items whose concept the table removes go as a whole, with everything below them. Content
items of other objects (acquisition context, specimen preparation, protocol context, quantities, ...) are told by
the concept that they name, and treated alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from deid import standard
from deid.actions import Action, Rule
from deid.handlers.sequences import dummy_items
from deid.handlers.text import codecs_of
from deid.plans import CONCEPT, odd
from deid.structure import UNDEFINED, Element, Reader
from deid.walker import CALL, KEEP, Entry, Plan, Walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deid.handlers import Scope
    from deid.plans import Planner
    from deid.policy import Policy

CONTENT, VALUE_TYPE, PREPARATION = 0x0040A730, 0x0040A040, 0x00400612
_SCHEME, _CODES = 0x00080102, (0x00080100, 0x00080119, 0x00080120)
#: Where an item of each type has its value, and what a dummy is made as.
_VALUES = {
    "TEXT": (0x0040A160, "UT"),
    "PNAME": (0x0040A123, "PN"),
    "DATE": (0x0040A121, "DA"),
    "DATETIME": (0x0040A120, "DT"),
    "TIME": (0x0040A122, "TM"),
    "UIDREF": (0x0040A124, "UI"),
}
#: Type of an item that does not say it, by where its value is.
_TYPES = {
    **{tag: value_type for value_type, (tag, _) in _VALUES.items()},
    0x0040A30A: "NUM", 0x0040A300: "NUM", 0x0040A168: "CODE", 0x0040A730: "CONTAINER",
}  # fmt: skip
_REFERENCES = frozenset({"IMAGE", "COMPOSITE", "WAVEFORM", "UIDREF"})
_CHARSET = 0x00080005


class Concept(NamedTuple):
    """What a content item says it is: coding scheme, code and value type."""

    scheme: str
    code: str
    value_type: str


class ContentRules:
    """What a policy does with content items.

    Args:
        policy: the policy.
    """

    def __init__(self, policy: Policy) -> None:
        self._options = policy.options
        self._map_references = policy.references == "map"

    def action(self, concept: Concept) -> Action:
        """The action on an item: REMOVE takes the item away, the others are for its value.

        KEEP means: by the rules of its attributes (codes, numbers and coordinates stay).
        """
        known = standard.content_items().get(concept)
        if known is None:
            return self._unlisted(concept.value_type)
        basic, options = known
        codes = {code for option, code in options.items() if option in self._options}
        if "C" in codes:
            return Action.TEXT if concept.value_type == "TEXT" else Action.KEEP
        if "K" in codes:
            return Action.SCAN if concept.value_type == "TEXT" else Action.KEEP
        if concept.value_type in _REFERENCES and (self._map_references or basic != "X"):
            return Action.KEEP
        return Action.REMOVE if basic == "X" else Action.DUMMY

    def keeps(self, concept: Concept) -> bool:
        """Whether K applies to a value that its attribute's rule would change."""
        _, options = standard.content_items().get(concept, ("", {}))
        codes = {code for option, code in options.items() if option in self._options}
        return "K" in codes and "C" not in codes

    def _unlisted(self, value_type: str) -> Action:
        """An item that the table does not list: cleaned by its type."""
        if value_type == "TEXT":
            return Action.TEXT
        if value_type == "PNAME":
            return Action.DUMMY
        return Action.KEEP


def concept_of(reader: Reader, start: int, end: int, *, implicit: bool, delimited: bool) -> Concept:
    """Read what an item is without treating it; empty strings where it does not say."""
    scheme = code = value_type = ""
    named = False
    for found in _elements(reader, start, end, implicit=implicit, delimited=delimited):
        if found.tag == VALUE_TYPE and found.length != UNDEFINED:
            value_type = _text(reader, found)
        elif found.tag == CONCEPT:
            named = True
            stop = end if found.length == UNDEFINED else found.start + found.length
            item = reader.item(found.start, stop, delimited=found.length == UNDEFINED)
            if item is not None:
                first, length = item
                last = stop if length == UNDEFINED else first + length
                inner = _elements(reader, first, last, implicit=implicit, delimited=length == UNDEFINED)
                facts = {one.tag: _text(reader, one) for one in inner if one.length != UNDEFINED}
                scheme = facts.get(_SCHEME, "")
                code = next((facts[tag] for tag in _CODES if facts.get(tag)), "")
        elif found.tag in _TYPES and named and not value_type:
            value_type = _TYPES[found.tag]
        if (named and value_type) or (found.tag > CONCEPT and not named):
            break
    return Concept(scheme, code, value_type)


def _elements(
    reader: Reader, position: int, end: int, *, implicit: bool, delimited: bool
) -> Iterator[Element]:
    while delimited or position < end:
        reader.need(position, 8, end)
        if delimited and reader.tag(position) == 0xFFFEE00D:
            break
        one = reader.element(position, end, implicit=implicit)
        yield one
        position = reader.behind(one, end, implicit=implicit, depth=0)


def _text(reader: Reader, found: Element) -> str:
    return reader.data[found.start : found.start + found.length].decode("latin-1").strip("\0 ")


class ContentPlan(Plan):
    """A plan that also looks at each content item as a whole; Python only.

    Args:
        planner: resolves attributes.
        policy: the policy.
        scope: the patient; its codecs follow the character set of the item that is walked.
    """

    def __init__(self, planner: Planner, policy: Policy, scope: Scope) -> None:
        super().__init__(planner.resolve, planner.block, planner.private, odd)
        self.planner = planner
        self.rules = ContentRules(policy)
        self.scope = scope

    def start(self, data: bytes, inserts: Sequence[tuple[int, bytes]], *, little_endian: bool) -> Walk:
        """See :class:`deid.walker.Plan`."""
        return ContentWalk(self, Reader(data, little_endian=little_endian), inserts)

    def called(self, entry: Entry, value: bytes, vr: bytes, *, local: bool) -> bytes | None:
        """Nothing is remembered: an item may have a character set of its own."""
        if entry.call is None:
            raise TypeError
        return entry.call(value, vr, local)


class ContentWalk(Walk):
    """A walk that decides item by item."""

    def __init__(self, plan: ContentPlan, reader: Reader, inserts: Sequence[tuple[int, bytes]]) -> None:
        super().__init__(plan, reader, inserts)
        self._content = plan
        self._next: dict[int, Entry] = {}
        self._overrides: list[dict[int, Entry]] = [{}]

    def wanted(self, tag: int, start: int, length: int, end: int, *, implicit: bool) -> bool:
        """Whether an item stays; decides about its value too."""
        self._next = {}
        delimited = length == UNDEFINED
        stop = end if delimited else start + length
        concept = concept_of(self.reader, start, stop, implicit=implicit, delimited=delimited)
        if tag != CONTENT and not concept.scheme and not concept.code:
            return True
        rules, planner = self._content.rules, self._content.planner
        action = rules.action(concept)
        if action is Action.REMOVE:
            self._content.scope.cuts[tag, "content item"] += 1
            return False
        place = _VALUES.get(concept.value_type)
        if place is not None and action is not Action.KEEP:
            value, vr = place
            self._next = {value: Entry(CALL, call=planner.caller(value, Rule(action, Action.DUMMY, vr)))}
        elif place is not None and rules.keeps(concept):
            self._next = {place[0]: Entry(KEEP)}
        return True

    def _items(self, found: Element, behind: int, depth: int, place: int, *, implicit: bool) -> None:
        """As in any walk; a step of specimen preparation with nothing left to say says that (type 1)."""
        begin = len(self.out)
        super()._items(found, behind, depth, place, implicit=implicit)
        if found.tag == PREPARATION and len(self.out) == begin and behind > found.start:
            self.out += self._dummy(dummy_items(found.tag), implicit=implicit)

    def item(self, start: int, length: int, end: int, depth: int, place: int, *, implicit: bool) -> int:
        """See :class:`deid.walker.Walk`."""
        scope, codecs = self._content.scope, self._content.scope.codecs
        scope.codecs = self._codecs(start, start + length if length != UNDEFINED else end, implicit=implicit)
        self._overrides.append(self._next)
        try:
            return super().item(start, length, end, depth, place, implicit=implicit)
        finally:
            self._overrides.pop()
            scope.codecs = codecs

    def _codecs(self, position: int, end: int, *, implicit: bool) -> tuple[str, ...]:
        """Codecs of an item: its own character set, or that of what it lies in."""
        if position + 8 <= end and self.reader.tag(position) <= _CHARSET:
            found = self.reader.element(position, end, implicit=implicit)
            if found.tag == _CHARSET and found.length != UNDEFINED:
                return codecs_of(self.reader.data[found.start : found.start + found.length])
        return self._content.scope.codecs

    def entry(self, tag: int, place: int) -> Entry:
        """The entry of an attribute of the item that is walked."""
        found = self._overrides[-1].get(tag)
        return found if found is not None else super().entry(tag, place)
