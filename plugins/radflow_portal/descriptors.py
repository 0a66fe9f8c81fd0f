"""Registered algorithms in the shape that checking a specification wants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from radflow_portal.db import Session


@dataclass(frozen=True)
class RegisteredSocket:
    """See ``research.experiments.checks.SocketLike``."""

    slug: str
    kind: str
    super_kind: str


@dataclass(frozen=True)
class RegisteredAlgorithm:
    """See ``research.experiments.checks.AlgorithmLike``."""

    name: str
    version: str
    digest: str
    inputs: tuple[RegisteredSocket, ...]
    outputs: tuple[RegisteredSocket, ...]


def catalogue(session: Session) -> dict[str, RegisteredAlgorithm]:
    """Algorithms that this person may see, by name, in their latest version."""
    kinds = {row["slug"]: RegisteredSocket(**row) for row in session.all("portal_sockets")}
    found = {}
    for row in session.all("portal_algorithms"):
        if row["descriptor"] is not None:
            found[row["name"]] = RegisteredAlgorithm(
                row["name"],
                row["version"],
                row["digest"],
                _sockets(row["descriptor"].get("inputs", ()), kinds),
                _sockets(row["descriptor"].get("outputs", ()), kinds),
            )
    return found


def _sockets(items: Any, kinds: Mapping[str, RegisteredSocket]) -> tuple[RegisteredSocket, ...]:
    """Descriptors name sockets by slug, or write them out."""
    slugs = [item if isinstance(item, str) else item["slug"] for item in items]
    return tuple(kinds[slug] for slug in slugs if slug in kinds)
