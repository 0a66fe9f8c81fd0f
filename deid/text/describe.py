"""The rules for text in sentences, for the policy in English."""

from __future__ import annotations

from deid.text import patterns


def describe(days: int | None = None) -> list[str]:
    """What a cleaner does, one sentence a line.

    Args:
        days: not None when dates move; the number itself is never told.
    """
    dates = (
        "are moved with the patient's other dates and written as they were; years alone and times stay"
        if days is not None
        else "are cut; years alone and times stay"
    )
    return [
        "Cut from text: the patient's own names (any order, initials beside a name, glued, joined, without "
        "diacritics, in any script), identifiers (with or without zeros and separators), places, telephone numbers.",
        "Cut from text: names of other people after a title, a role, 'signed by' or the like, before MD, around "
        "carets, as 'Last, First', and where the lexicon knows two names in a row or one that is no word.",
        "Kept: eponyms (Crohn, Hill-Sachs, Jones fracture), anatomy, protocol, device and contrast names, measurements.",
        f"Dates in text (numeric, ISO, textual in seven languages) {dates}.",
        "Cut from text: names of hospitals, clinics, universities and practices.",
        *(
            f"Cut from text: {sentence[0].lower()}{sentence[1:]}"
            if not sentence[1].isupper()
            else f"Cut from text: {sentence}"
            for sentence in patterns.describe()
        ),
    ]
