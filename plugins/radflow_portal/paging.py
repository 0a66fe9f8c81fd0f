"""``limit`` and ``offset`` of every list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Path, Query

from radflow_portal.db import Session

MOST = 500
_BIGINT = 2**63 - 1


@dataclass(frozen=True)
class Paging:
    """Which part of a list is wanted."""

    limit: int
    offset: int

    def of(self, session: Session, name: str, /, **parameters: Any) -> dict[str, Any]:
        """That part of a statement's rows, as `models.Page` has it."""
        items, total = session.page(name, self.limit, self.offset, **parameters)
        return {"items": items, "total": total, "limit": self.limit, "offset": self.offset}


def _wanted(
    limit: Annotated[int, Query(ge=1, le=MOST, description="How many at most.")] = 50,
    offset: Annotated[int, Query(ge=0, le=_BIGINT, description="How many to leave out.")] = 0,
) -> Paging:
    return Paging(limit, offset)


Part = Annotated[Paging, Depends(_wanted)]
Id = Annotated[int, Path(ge=1, le=_BIGINT)]
