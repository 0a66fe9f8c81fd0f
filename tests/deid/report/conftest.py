"""Series that went through, for their reports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deid import Policy, SeriesResult
from tests.support.outcomes import make_outcome


@pytest.fixture
def outcome(tmp_path: Path, research: Policy) -> Callable[..., tuple[SeriesResult, Path]]:
    """``outcome(name="one", **changes)``: a result and the folder of its outputs."""

    def make(name: str = "one", **changes: Any) -> tuple[SeriesResult, Path]:
        return make_outcome(tmp_path, research, name, **changes)

    return make
