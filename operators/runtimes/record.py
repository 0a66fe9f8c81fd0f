"""What happened to one case in one step: the record that the runner writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from research.errors import StepError
from research.sockets import Output

RECORD_FILE = "radflow-record.json"
"""Name of the record beside the outputs."""


@dataclass(frozen=True)
class StepRecord:
    """What happened to one case in one step, as the runner saw it.

    Attributes:
        status: ``succeeded`` or ``failed``.
        code: empty, or ``out-of-memory``, ``time-limit``, ``exit-code``, ``missing-input``,
            ``missing-output``, ``too-many-files``, ``schema-violation``, ``unreadable-output``,
            ``engine-error``.
        message: one sentence for the person who started the run; empty where all went well.
        instruction: what that person can do; empty where all went well.
        digest: image id, or source digest with the process runtime.
        fingerprint: key for reuse: digest and inputs.
        duration_s: seconds of the algorithm, start included.
        peak_memory_mb: MiB; None where the job was too brief to see.
        started_at: ISO 8601 with offset.
        inputs: SHA-256 per input slug.
        outputs: checked outputs per slug; empty where the case failed.
        reused: an earlier result with the same fingerprint was found and verified; nothing ran.
    """

    status: str
    algorithm: str
    version: str
    image: str
    digest: str
    runtime: str
    fingerprint: str
    started_at: str
    code: str = ""
    message: str = ""
    instruction: str = ""
    exit_code: int | None = None
    duration_s: float = 0.0
    peak_memory_mb: float | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, Output] = field(default_factory=dict)
    reused: bool = False

    @property
    def ok(self) -> bool:
        """Whether all outputs are there and checked."""
        return self.status == "succeeded"

    def raise_for_status(self) -> StepRecord:
        """Return the record, or raise its failure as a StepError with its code."""
        if not self.ok:
            raise StepError(self.message, self.instruction, code=self.code)
        return self

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, small enough for XCom."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> StepRecord:
        """Inverse of ``to_dict``."""
        return cls(**{**data, "outputs": {slug: Output(**item) for slug, item in data["outputs"].items()}})


def read_record(folder: Path) -> StepRecord | None:
    """The record beside the outputs of an earlier, successful run; None where there is none."""
    path = folder / RECORD_FILE
    return StepRecord.from_dict(json.loads(path.read_text())) if path.is_file() else None
