"""Real objects, where they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The shared test data, or a skip."""
    folder = Path(
        os.environ.get("RADFLOW_SHARED_DATA", Path(__file__).resolve().parents[4] / "shared" / "data")
    )
    if not folder.is_dir():
        pytest.skip("the shared test data are not here (set RADFLOW_SHARED_DATA)")
    return folder
