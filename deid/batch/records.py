"""What was done already, kept beside the outputs without identity, so that a run that was stopped goes on."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from deid.version import VERSION

if TYPE_CHECKING:
    from pathlib import Path

    from deid.policy import Policy

FOLDER = ".deid"


class Records:
    """One small file per series below ``OUT/.deid``.

    Args:
        out: folder of the outputs.
        policy: a record of another policy does not count.
    """

    def __init__(self, out: Path, policy: Policy) -> None:
        self._out = out
        self._folder = out / FOLDER
        self._policy = policy.sha256

    def _path(self, place: Path) -> Path:
        return self._folder / f"{place.name}.json"

    def done(self, place: Path, inputs: str) -> dict[str, Any] | None:
        """The report of a series that is done: same inputs, policy and engine, and its outputs are there.

        Args:
            place: of the series below OUT.
            inputs: fingerprint of its originals.
        """
        try:
            record: dict[str, Any] = json.loads(self._path(place).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        if (record.get("inputs"), record.get("policy"), record.get("engine")) != (
            inputs,
            self._policy,
            VERSION,
        ):
            return None
        report: dict[str, Any] = record["report"]
        wanted = {f"{uid}.dcm" for uid, _ in report["manifest"]["objects"]}
        folder = self._out / place
        if not folder.is_dir() or {path.name for path in folder.iterdir()} != wanted:
            return None
        return report

    def keep(self, place: Path, inputs: str, report: dict[str, Any]) -> None:
        """Record a series as done."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(place)
        text = json.dumps({"inputs": inputs, "policy": self._policy, "engine": VERSION, "report": report})
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
