"""Requests to re-identify, as people write them: which aliases, and why. The database checks the same again.

Nothing here ever repeats what was written: somebody may have pasted an original identifier.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from research.errors import RadflowError

MOST_SUBJECTS = 5000
SHORTEST_REASON, LONGEST_REASON = 10, 2000
DAYS, MOST_DAYS = 7, 30
#: An alias or a new UID, as ``deid.pseudonyms`` makes them; also the pattern of the DAG's form.
SUBJECT = r"^(RF-[0-9A-HJKMNP-TV-Z]{10}|2[.]25[.][1-9][0-9]{0,38})$"
IDENTITY_COLUMNS = (
    "subject", "project", "level", "patient_alias", "original_uid", "patient_id", "issuer_of_patient_id",
    "patient_name", "patient_birth_date", "days_offset",
)  # fmt: skip
LINKAGE_COLUMNS = ("old_alias", "old_key_id", "new_alias", "new_key_id", "days_to_add")

_SUBJECT = re.compile(SUBJECT)
_COHORT = re.compile(r"^([a-z0-9][a-z0-9_-]{0,62})@([1-9][0-9]{0,8})$")


class ReidentifyError(RadflowError):
    """A request to re-identify that cannot be made, or was not granted."""

    code = "reidentify"


def subjects_of(given: str | Iterable[Any]) -> list[str]:
    """Aliases and new UIDs, each once, in the order given.

    Args:
        given: a list, or text with blanks, commas or semicolons between them.

    Raises:
        ReidentifyError: an entry is neither (named by its place, never by its text), or there are too many.
    """
    parts = re.split(r"[\s,;]+", given.strip()) if isinstance(given, str) else list(given)
    found: dict[str, None] = {}
    for place, part in enumerate((part for part in parts if part != ""), 1):
        if not isinstance(part, str) or not _SUBJECT.fullmatch(part):
            msg = f"Entry {place} is neither an alias (RF-...) nor a new UID (2.25....)."
            raise ReidentifyError(msg, "Original identifiers never go into a request; copy from the catalog.")
        found[part] = None
    if len(found) > MOST_SUBJECTS:
        msg = f"{len(found)} aliases are asked for; a request takes {MOST_SUBJECTS}."
        raise ReidentifyError(msg, "Ask for those that you need, in several requests if it must be.")
    return list(found)


def reason_of(given: str) -> str:
    """The purpose, without outer blanks.

    Raises:
        ReidentifyError: it is too short to say anything, or too long.
    """
    reason = given.replace("\0", "").strip()
    if len("".join(reason.split())) < SHORTEST_REASON or len(reason) > LONGEST_REASON:
        msg = f"The reason must have {SHORTEST_REASON} to {LONGEST_REASON} characters."
        raise ReidentifyError(msg, "Say who needs the identity and what for, without naming a patient.")
    return reason


def cohort_of(given: str) -> tuple[str, int]:
    """Name and version of ``name@version``.

    Raises:
        ReidentifyError: it is not written so.
    """
    found = _COHORT.fullmatch(given.strip())
    if found is None:
        msg = "A cohort is written name@version."
        raise ReidentifyError(msg, "GET /radflow/api/v1/cohorts lists the frozen ones.")
    return found[1], int(found[2])


def without_answer(subjects: Sequence[str], rows: Iterable[dict[str, Any]]) -> list[str]:
    """What was asked for and is in no crosswalk, in the order asked."""
    answered = {row["subject"] for row in rows}
    return [subject for subject in subjects if subject not in answered]
