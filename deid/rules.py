"""From a policy to one rule per attribute: Table E.1-1, the options, the site's rules, and what lies beyond.

PS3.15 E.1.1 and E.3: an option's C beats its K beats the Basic Profile; a compound code is resolved by the
type that the attribute has in the instance's IOD. Types are known for the top level of a known SOP class, and
for the sequences of the standard's modules by path (:func:`deid.standard.places`); anywhere else the strongest
requirement is assumed, which never leaves an original value (``X/Z/D`` becomes ``D``).

A :class:`RuleTable` is compiled once per SOP class; any walker (pydicom's, or one over raw bytes) can ask it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pydicom.datadict import dictionary_is_retired, dictionary_keyword, dictionary_VR

from deid import standard
from deid.actions import Action, Rule

if TYPE_CHECKING:
    from collections.abc import Callable

    from deid.policy import Policy
    from deid.standard import Row
    from deid.walker import Entry

_RULES = 20_000  # far more than any object has; hostile input can name any number
DATE_VRS = frozenset({"DA", "DT"})
FREE_VRS = frozenset({"LO", "LT", "SH", "ST", "UC", "UR", "UT"})
#: Whole sentences: they may name others than the patient, too.
LONG_VRS = frozenset({"LT", "ST", "UT"})
_CLEANS = ("clean_descriptors", "clean_structured_content", "clean_graphics")
TEXT_VRS = frozenset({"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
PATIENT_NAME, PATIENT_ID = 0x00100010, 0x00100020
_PROSE = re.compile(r"(Description|Comments?|Remarks|History|Notes?|Purpose|Title)$")
PIXEL_DATA = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
#: Attributes outside Table E.1-1 that can name a person all the same; why, for the printed policy.
BEYOND: dict[int, tuple[Action, str]] = {
    0x00080001: (Action.REMOVE, "Length to End (retired): describes the original file"),
    0x00080104: (Action.CODE_MEANING, "Code Meaning of a local coding scheme (99...) is free text"),
    0x00120062: (Action.REMOVE, "marks of an earlier de-identification are replaced by ours"),
    0x00120063: (Action.REMOVE, "marks of an earlier de-identification are replaced by ours"),
    0x00120064: (Action.REMOVE, "marks of an earlier de-identification are replaced by ours"),
    0x00209453: (Action.REMOVE, "Frame Label is free text"),
    0x0040A160: (Action.TEXT, "Text Value of a content item is free text"),
    **dict.fromkeys(
        (0x00080051, 0x00100024, 0x00400026, 0x00400027, 0x00400031, 0x00400032, 0x0040E001),
        (Action.REMOVE, "who issued a number tells where it was issued"),
    ),
    **dict.fromkeys(
        (0x00100033, 0x00100034, 0x00100035), (Action.REMOVE, "dates of birth and death in another calendar")
    ),
    **dict.fromkeys(
        (
            0x00080407,
            0x00080408,
            0x00080409,
            0x0008040B,
            0x00081190,
            0x00181803,
            0x00287FE0,
            0x00404073,
            0x0040E010,
            0x00687005,
            0x0074100A,
            0x00880130,
        ),
        (Action.REMOVE, "addresses and file names name a host, and often the original UIDs"),
    ),
    **dict.fromkeys(
        (0x00102295, 0x00720008, 0x0074100C, 0x21000160),
        (Action.REMOVE, "names or registers somebody, though not as a person name"),
    ),
    **dict.fromkeys(
        (0x04000500, 0x04000520), (Action.REMOVE, "the original's identity, encrypted for somebody")
    ),
    0x00686300: (Action.REMOVE, "a drawing may show text"),
    0x00880200: (Action.REMOVE, "an icon shows again what the pixels showed before they were cleaned"),
    0x00280303: (Action.REMOVE, "marks of an earlier de-identification are replaced by ours"),
    0xFFFCFFFC: (Action.REMOVE, "trailing padding can hold anything"),
}
_SIMPLE = {"X": Action.REMOVE, "Z": Action.EMPTY, "D": Action.DUMMY, "U": Action.UID}
_NO_TYPE = "unknown"


def _compound(code: str, kind: str) -> Action:
    """Resolve a code of the Basic Profile by the attribute's type (1C and 2C count: it is present)."""
    if code in _SIMPLE:
        return _SIMPLE[code]
    required = kind[0] in "12u"
    if code == "X/Z/U*":
        return Action.KEEP if required else Action.REMOVE
    if code == "X/Z" and kind == "1":
        return Action.DUMMY  # the table did not think of it; an empty one is no object of its IOD
    if code == "X/Z":
        return Action.EMPTY if required else Action.REMOVE
    if code == "X/D":
        return Action.DUMMY if required else Action.REMOVE
    if code == "Z/D":
        return Action.DUMMY if kind[0] in "1u" else Action.EMPTY
    if code == "X/Z/D":
        return Action.DUMMY if kind[0] in "1u" else Action.EMPTY if kind[0] == "2" else Action.REMOVE
    msg = f"Table E.1-1 has an action code that the engine does not know: {code}"
    raise ValueError(msg)


class RuleTable:
    """The rules of one policy for one SOP class.

    Args:
        policy: the validated policy.
        sop_class: SOP Class UID of the objects; its IOD resolves the compound codes at the top level.
    """

    def __init__(self, policy: Policy, sop_class: str) -> None:
        self._policy = policy
        self._types = standard.attribute_types(sop_class)
        self.top = _Memo(self._top_rule)
        self.nested = _Memo(self._nested_rule)
        self._places: dict[tuple[int, int], Rule] = {}
        self.entries: dict[tuple[int, int], Entry] = {}  # of deid.plans, where no patient matters

    def rule(self, tag: int, place: int) -> Rule:
        """The rule of an attribute in a place, see :func:`deid.standard.places`."""
        if not place:
            return self.top[tag]
        kind = standard.places()[place].types.get(tag)
        if kind is None:
            return self.nested[tag]
        if (tag, place) not in self._places:
            self._places[tag, place] = self._rule(tag, kind)
        return self._places[tag, place]

    def _top_rule(self, tag: int) -> Rule:
        kind = _NO_TYPE if self._types is None else self._types.get(tag, "3")
        return self._rule(tag, kind)

    def _nested_rule(self, tag: int) -> Rule:
        return self._rule(tag, _NO_TYPE)

    def _rule(self, tag: int, kind: str) -> Rule:
        """The rule of a standard (even-group) attribute."""
        group, element = tag >> 16, tag & 0xFFFF
        if group < 0x0008 or element == 0 or 0x5000 <= group <= 0x50FF or 0x6000 <= group <= 0x60FF:
            return Rule(Action.REMOVE)
        row = standard.rows().get(tag)
        vr = _dictionary_vr(tag) or (row.vr if row else "")
        if tag in self._policy.site:
            return Rule(self._policy.site[tag], _fallback(row, kind), vr)
        if tag in (PATIENT_NAME, PATIENT_ID):
            return Rule(Action.ALIAS, Action.EMPTY, vr)
        if row is not None:
            return self._table_rule(row, kind, vr)
        if tag in BEYOND:
            action = BEYOND[tag][0]
            return Rule(
                action, Action.DUMMY if action in (Action.TEXT, Action.CODE_MEANING) else Action.REMOVE, vr
            )
        return self._other_rule(tag, vr)

    def _table_rule(self, row: Row, kind: str, vr: str) -> Rule:
        basic = _compound(row.basic, kind)
        codes = {code for option, code in row.options.items() if option in self._policy.options}
        if "C" in codes:
            return Rule(self._clean(row, vr, basic), basic, vr)
        if "K" in codes:
            capped = vr == "AS" and self._policy.oldest_age is not None
            return Rule(Action.AGE if capped else Action.KEEP, basic, vr)
        return Rule(basic, Action.REMOVE, vr)

    def _clean(self, row: Row, vr: str, basic: Action) -> Action:
        """How a C is carried out: dates shift, device names are hashed, text and items are cleaned."""
        if "retain_longitudinal_modified_dates" in self._policy.options and (
            row.options.get("retain_longitudinal_modified_dates") == "C"
        ):
            if vr in DATE_VRS:
                return Action.DATE
            if vr == "TM" or row.tag == 0x00080201:
                return Action.TIME
        by_device = row.options.get("retain_device_identity") == "C"
        if by_device and "retain_device_identity" in self._policy.options and vr in ("AE", "LO", "SH"):
            return Action.HASH
        asked = {option for option in _CLEANS if row.options.get(option) == "C"} & self._policy.options
        if asked and vr == "SQ":
            return Action.KEEP
        characteristic = "retain_patient_characteristics"
        if characteristic in self._policy.options and row.options.get(characteristic) == "C":
            asked = asked | {"clean_descriptors"}  # what is told of the patient, in words
        if "clean_descriptors" in asked and (vr in TEXT_VRS or not vr):
            return Action.TEXT
        return basic

    def _other_rule(self, tag: int, vr: str) -> Rule:
        """Attributes that Table E.1-1 does not speak about."""
        options = self._policy.options
        if not vr or vr in ("PN", "UN") or (vr in TEXT_VRS and _retired(tag)):
            return Rule(
                Action.REMOVE, Action.REMOVE, vr
            )  # unknown to the standard, a name, or forgotten text
        if vr == "UI":
            return Rule(Action.UID, Action.REMOVE, vr)
        if vr in DATE_VRS or vr == "TM":
            if "retain_longitudinal_modified_dates" in options:
                return Rule(Action.TIME if vr == "TM" else Action.DATE, Action.REMOVE, vr)
            kept = "retain_longitudinal_full_dates" in options
            return Rule(Action.KEEP if kept else Action.REMOVE, Action.REMOVE, vr)
        if vr in LONG_VRS and "clean_descriptors" in options:
            return Rule(Action.TEXT, Action.DUMMY, vr)
        if vr in FREE_VRS and _PROSE.search(_keyword(tag)):
            return Rule(Action.TEXT, Action.DUMMY, vr)  # as Content Description: somebody typed it
        if vr in FREE_VRS:
            return Rule(Action.SCAN, Action.DUMMY, vr)
        return Rule(Action.KEEP, Action.REMOVE, vr)


class _Memo(dict[int, Rule]):
    """Rules by tag, worked out at first use."""

    def __init__(self, compute: Callable[[int], Rule]) -> None:
        super().__init__()
        self._compute = compute

    def __missing__(self, tag: int) -> Rule:
        if len(self) >= _RULES:
            self.clear()
        rule = self[tag] = self._compute(tag)
        return rule


def _fallback(row: Row | None, kind: str) -> Action:
    return Action.REMOVE if row is None else _compound(row.basic, kind)


def _dictionary_vr(tag: int) -> str:
    try:
        return dictionary_VR(tag)
    except KeyError:
        return ""


def _keyword(tag: int) -> str:
    try:
        return dictionary_keyword(tag)
    except KeyError:
        return ""


def _retired(tag: int) -> bool:
    try:
        return dictionary_is_retired(tag)
    except KeyError:
        return False
