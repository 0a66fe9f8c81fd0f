"""Errors of the Airflow side; the tree is in ``research.errors``.

RadflowError
└── DatabaseError   a statement failed; carries the SQLSTATE and the names involved, never a value
"""

from __future__ import annotations

from research.errors import RadflowError


class DatabaseError(RadflowError):
    """A statement failed. Values stay out of the text: they may be identities."""

    code = "database"
