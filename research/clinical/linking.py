"""Which of a patient's identifiers is the Patient ID of the images, by rules that a site states.

A rule is ``SYSTEM=ISSUER``: an identifier whose system (FHIR: URI; HL7 v2: assigning authority; CSV: column issuer) is
SYSTEM is the Patient ID (0010,0020), and ISSUER is the Issuer of Patient ID (0010,0021) of the images, empty where they
have none. ``type:MR=ISSUER`` goes by the type of identifier instead (HL7 table 0203), ``*=ISSUER`` takes any. The first
rule that matches an identifier decides. Rules stand one a line, or between semicolons.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from research.clinical.model import ClinicalError, Identifier, Person
from research.errors import SettingsError

_TYPE = "type:"
_SAME = "="  # ISSUER "=" is the system itself
#: Where a site states no rule: the medical record number, else the only identifier there is.
DEFAULT = "type:MR=\n*="


@dataclass(frozen=True)
class Rule:
    """One rule; ``system`` may be ``type:CODE`` or ``*``."""

    system: str
    issuer: str

    def fits(self, one: Identifier) -> bool:
        """Whether an identifier is meant."""
        if self.system == "*":
            return True
        if self.system.startswith(_TYPE):
            return one.type.upper() == self.system.removeprefix(_TYPE).upper()
        return one.system.strip().casefold() == self.system.casefold()


def parse_rules(text: str) -> tuple[Rule, ...]:
    """Rules from their text; :data:`DEFAULT` where it is empty.

    Raises:
        SettingsError: a rule without ``=``.
    """
    found = []
    for number, part in enumerate(re.split(r"[;\n]", text.strip() or DEFAULT), 1):
        if not part.strip():
            continue
        # Systems are URIs and may hold "=" in a query; issuers never do.
        system, separator, issuer = part.strip().rpartition("=")
        if part.strip().endswith("=="):
            system, issuer = part.strip()[:-2], _SAME
        if not separator or not system:
            reason = f"Rule {number} for identifiers is not SYSTEM=ISSUER."
            raise SettingsError(reason, "Write for instance type:MR= or urn:oid:1.2.3=HOSPITAL.")
        found.append(Rule(system.strip(), issuer.strip()))
    return tuple(found)


def patient_id(person: Person, rules: tuple[Rule, ...]) -> tuple[str, str]:
    """The Patient ID and its issuer, as the images' headers would have them.

    Raises:
        ClinicalError: ``no-patient-id`` or ``two-patient-ids``.
    """
    for rule in rules:
        found = {one.value.strip(): one for one in person.identifiers if one.value.strip() and rule.fits(one)}
        if len(found) > 1:
            code = "two-patient-ids"
            raise ClinicalError(code)
        for value, one in found.items():
            return value, one.system if rule.issuer == _SAME else rule.issuer
    code = "no-patient-id"
    raise ClinicalError(code)
