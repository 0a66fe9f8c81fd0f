"""Errors of the report rules."""

from __future__ import annotations

from research.errors import RadflowError


class RulesError(RadflowError):
    """A rule file that cannot be used; the reason names the file, the table and the field."""

    code = "finding-rules"
