"""The notebooks of examples/ run from their first cell to their last."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from research.client import Client

FOLDER = Path(__file__).resolve().parents[2] / "examples"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
def test_it_runs(path: Path, world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    session = requests.Session()
    session.headers["X-Test-User"] = "erin"
    asked: list[tuple[str, ...]] = []

    def login(*given: str) -> Client:
        asked.append(given)
        return Client(given[0], session=session)

    monkeypatch.setattr(Client, "login", staticmethod(login))
    for name, value in (("URL", world.base), ("USER", "erin"), ("PASSWORD", "secret")):
        monkeypatch.setenv(f"RADFLOW_{name}", value)
    notebook = json.loads(path.read_text(encoding="utf-8"))
    space: dict[str, Any] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)  # nobody's results are committed
            exec(compile("".join(cell["source"]), f"{path.name}:{cell['id']}", "exec"), space)
    assert asked == [(world.base, "erin", "secret")]
