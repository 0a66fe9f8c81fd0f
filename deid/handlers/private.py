"""Private attributes: those known to be safe stay, everything else goes.

A private attribute is known by its creator, group and the low byte of its element; the high byte is the block
that the creator reserved in this data set (PS3.5 7.8.1), so the same attribute has another tag in another
file. Known are PS3.15 Table E.3.10-1, and where a policy asks for it the private tag knowledge base of The
Cancer Imaging Archive.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deid import standard
from deid.actions import Action, Rule

if TYPE_CHECKING:
    from deid.policy import Policy

_TEXT = {
    "CS": re.compile(rb"[A-Z0-9 _\\\x00]*"),
    "DS": re.compile(rb"[0-9+\-.eE \\\x00]*"),
    "IS": re.compile(rb"[0-9+\- \\\x00]*"),
    "AS": re.compile(rb"[0-9DWMY \\\x00]*"),
    "DA": re.compile(rb"[0-9.\- \\\x00]*"),
    "DT": re.compile(rb"[0-9.+\- \\\x00]*"),
    "TM": re.compile(rb"[0-9.:\- \\\x00]*"),
    "UI": re.compile(rb"[0-9. \\\x00]*"),
}
_SIZE = {"FD": 8, "FL": 4, "SL": 4, "SS": 2, "UL": 4, "US": 2}
_FREE = frozenset({"AE", "LO", "LT", "SH", "ST", "UC", "UT"})
_DATES = ("retain_longitudinal_modified_dates", "retain_longitudinal_full_dates")


class PrivateRules:
    """What a policy does with private attributes.

    Args:
        policy: the policy; without Retain Safe Private everything goes.
    """

    def __init__(self, policy: Policy) -> None:
        self._options = policy.options
        self._known: dict[tuple[str, int, int], dict[str, str]] = {}
        if "retain_safe_private" in policy.options:
            if policy.private == "tcia":
                self._known |= standard.private_dispositions()
            for key, vr in _folded(standard.safe_private()).items():
                self._known[key] = {**self._known.get(key, {}), vr: "keep"}
        self._known = {key: by_vr for key, by_vr in self._known.items() if set(by_vr.values()) != {"remove"}}
        self._blocks = {(creator, group) for creator, group, _ in self._known}

    def block(self, creator: bytes, group: int) -> bool:
        """Whether anything of a block may stay."""
        return (_name(creator), group) in self._blocks

    def rule(
        self, creator: bytes, group: int, low: int, file_vr: str = "", value: bytes | None = None
    ) -> Rule | None:
        """The rule of an attribute, None where it goes.

        Args:
            creator: the creator's name as encoded, without padding.
            group: the group, odd.
            low: low byte of the element.
            file_vr: its VR in the file, where that says it; known attributes come with several.
            value: its value, which tells which of several VRs it has where the file does not.
        """
        known = self._known.get((_name(creator), group, low))
        if known is None:
            return None
        vr = file_vr if file_vr in known else _telling(known, value)
        what = known[vr]
        if what == "remove":
            return None
        if what == "uid" or vr == "UI":
            return Rule(Action.KEEP if "retain_uids" in self._options else Action.UID, Action.REMOVE, vr)
        if what == "shift" or vr in ("DA", "DT"):
            return self._date(vr)
        if what == "hash":
            return Rule(Action.HASH, Action.REMOVE, vr)
        if what != "keep" or vr == "PN":
            return None
        if vr in _FREE:
            return Rule(Action.TEXT, Action.EMPTY, vr)  # that it was there says nothing
        return Rule(Action.KEEP, Action.REMOVE, vr)

    def _date(self, vr: str) -> Rule | None:
        if "retain_longitudinal_modified_dates" in self._options and vr in ("DA", "DT"):
            return Rule(Action.DATE, Action.REMOVE, vr)
        return Rule(Action.KEEP, Action.REMOVE, vr) if _DATES[1] in self._options else None


def _telling(known: dict[str, str], value: bytes | None) -> str:
    """The VR that says most, of those that may stay: files that do not know an attribute call it UN or OB."""
    staying = [vr for vr, what in known.items() if what != "remove"]
    usual = (
        sorted((vr for vr in staying if vr not in ("OB", "OW", "UN")), key=lambda vr: vr in _FREE) or staying
    )
    return next((vr for vr in usual if value is not None and fits(vr, None, value)), usual[0])


def _name(creator: bytes) -> str:
    return creator.decode("latin-1").strip("\0 ").casefold()


def _folded(rows: dict[tuple[str, int, int], str]) -> dict[tuple[str, int, int], str]:
    return {(creator.casefold(), group, element): vr for (creator, group, element), vr in rows.items()}


def fits(vr: str, file_vr: str | None, value: bytes) -> bool:
    """Whether a value can be what the table says: of that VR, and without letters in a number."""
    if file_vr not in (None, "", "UN", vr):
        return False
    if vr in _TEXT:
        return _TEXT[vr].fullmatch(value) is not None
    return vr not in _SIZE or len(value) % _SIZE[vr] == 0


class SafePrivate:
    """The Retain Safe Private option; describes what the walkers do by :class:`PrivateRules`."""

    def describe(self, policy: Policy) -> list[str]:
        """See :class:`deid.handlers.base.Handler`."""
        if "retain_safe_private" not in policy.options:
            return ["All private attributes are removed."]
        lines = [
            f"{len(standard.safe_private())} private attributes are known to be safe (PS3.15 Table E.3.10-1)."
        ]
        if policy.private == "tcia":
            kept = sum(
                set(known.values()) != {"remove"} for known in standard.private_dispositions().values()
            )
            lines.append(
                f"{kept} more are kept, hashed or shifted as the private tag knowledge base of The Cancer "
                "Imaging Archive says."
            )
        return [*lines, "Text in private attributes is cleaned; all other private attributes are removed."]
