"""When two patient IDs are one patient: leading zeros, issuers, prefixes, by a rule that a policy states."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from deid.exceptions import PolicyError
from deid.pseudonyms import normal

_KEYS = frozenset({"leading_zeros", "issuer", "default_issuer", "pattern", "punctuation"})


@dataclass(frozen=True)
class Linkage:
    """How patient IDs are brought to one form before they are hashed; case and blanks never matter.

    Attributes:
        leading_zeros: whether zeros at the beginning of a number distinguish patients.
        issuer: whether the issuer distinguishes patients.
        default_issuer: the issuer of IDs that name none.
        pattern: regular expression with one group, the part of an ID that counts; others count whole.
        punctuation: whether characters other than letters and digits distinguish patients.
    """

    leading_zeros: bool = True
    issuer: bool = True
    default_issuer: str = ""
    pattern: str = ""
    punctuation: bool = True

    def person(self, patient_id: str, issuer: str) -> tuple[str, str]:
        """The form of a patient ID and its issuer that pseudonyms are made from."""
        found = normal(patient_id)
        if self.pattern and (match := re.fullmatch(self.pattern, found, re.IGNORECASE)):
            found = match[1] or found
        if not self.punctuation:
            found = "".join(character for character in found if character.isalnum()) or found
        if not self.leading_zeros:
            found = re.sub(r"(?<![0-9])0+(?=[0-9])", "", found)
        return found, normal(issuer or self.default_issuer) if self.issuer else ""

    def canonical(self) -> dict[str, Any]:
        """What the policy's hash covers."""
        return {key: getattr(self, key) for key in sorted(_KEYS)}

    def describe(self) -> list[str]:
        """The rule in English."""
        if self == Linkage():
            return []
        parts = ["case and blanks"]
        parts += [] if self.leading_zeros else ["leading zeros"]
        parts += [] if self.punctuation else ["punctuation"]
        parts += [] if self.issuer else ["the issuer"]
        lines = [f"Patient IDs that differ only in {', '.join(parts)} are one patient."]
        if self.pattern:
            lines.append(f"Of a patient ID like {self.pattern} only the part in brackets counts.")
        if self.default_issuer:
            lines.append("A patient ID without issuer counts as one of the default issuer.")
        return lines

    @classmethod
    def from_table(cls, table: dict[str, Any]) -> Linkage:
        """Read ``[linkage]`` of a policy.

        Raises:
            PolicyError: naming the key and the remedy.
        """
        for key, value in table.items():
            if key not in _KEYS:
                reason = f"Unknown key `linkage.{key}`."
                raise PolicyError(reason, f"Keys of [linkage] are {', '.join(sorted(_KEYS))}.")
            if not isinstance(value, type(getattr(cls(), key))):
                wanted = "true or false" if isinstance(getattr(cls(), key), bool) else "text in quotes"
                reason = f"`linkage.{key}` has the wrong type."
                raise PolicyError(reason, f"Write {wanted}.")
        made = cls(**table)
        try:
            groups = re.compile(made.pattern).groups if made.pattern else 1
        except re.error:
            groups = 0
        if groups != 1:
            reason = "`linkage.pattern` is not a regular expression with one group."
            raise PolicyError(reason, 'Write for instance pattern = "MRN-?([0-9]+)".')
        return made
