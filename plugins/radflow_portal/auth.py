"""Who is asking: Airflow's current user, by session cookie or bearer token."""

from __future__ import annotations

from typing import Annotated

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, HTTPException


def current_account(user: GetUserDep) -> str:
    """Name of the signed-in user, the key of every rule in the database.

    Raises:
        HTTPException: 401 when nobody is signed in.
    """
    name = user.get_name()
    if not name:
        raise HTTPException(401, "Airflow knows no name for you.")
    return name


Account = Annotated[str, Depends(current_account)]
"""A route with a parameter of this type needs a signed-in user; every route with data has one."""
