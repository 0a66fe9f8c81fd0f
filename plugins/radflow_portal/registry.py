"""registry: algorithms that experiments can use."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from radflow_portal.auth import Account
from radflow_portal.db import as_account
from radflow_portal.models import Algorithm, Page
from radflow_portal.paging import Part

router = APIRouter(prefix="/algorithms", tags=["registry"])


@router.get("", response_model=Page[Algorithm])
def list_algorithms(account: Account, part: Part) -> dict[str, Any]:
    """Algorithms that you may see, each with its latest version."""
    with as_account(account) as session:
        return part.of(session, "portal_algorithms")
