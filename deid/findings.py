"""What the verifier reports: a code and a place, never a value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Finding:
    """Something of the original's identity in an output.

    Attributes:
        file_number: position of the output in the list that was verified, from 1.
        where: tags from the top to the place, or the byte offset.
        code: what it was: ``name``, ``identifier``, ``place``, ``date``, ``uid``, ``text``, ``private-text``,
            ``unchanged``, ``not-marked``, ``unreadable`` or ``count``.
    """

    file_number: int
    where: str
    code: str

    def __str__(self) -> str:
        return f"file {self.file_number}: {self.code} at {self.where}"
