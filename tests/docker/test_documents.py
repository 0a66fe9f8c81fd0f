"""The documents tell the truth: the contract lists what the code has, and the how-to runs as printed."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from operators.runtimes import ProcessRuntime, run_case
from research.algorithms import load_algorithm
from research.sockets import SOCKETS

DOCS = Path(__file__).parents[2] / "docs"
CONTRACT = (DOCS / "reference" / "algorithm-contract.md").read_text()
HOW_TO = (DOCS / "how-to" / "add-an-algorithm.md").read_text()


@pytest.mark.parametrize("slug", sorted(SOCKETS))
def test_contract_lists_every_socket(slug):
    socket = SOCKETS[slug]
    assert f"| `{slug}` | {socket.kind} | `{socket.relative_path}` |" in CONTRACT


def test_contract_lists_every_failure_code_and_no_other():
    root = Path(__file__).parents[2]
    sources = [root / "research" / "sockets.py", *(root / "operators" / "runtimes").glob("*.py")]
    raised = {code for path in sources for code in re.findall(r'code="([a-z-]+)"', path.read_text())}
    table = CONTRACT.split("| code | what happened |")[1]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)) == raised


def test_how_to_runs_as_printed(tmp_path):
    blocks = dict(re.findall(r"^```(json|python|dockerfile)\n(.*?)^```", HOW_TO, re.MULTILINE | re.DOTALL))
    first_python = re.search(r"^```python\n(.*?)^```", HOW_TO, re.MULTILINE | re.DOTALL).group(1)
    folder = tmp_path / "lung_volume"
    folder.mkdir()
    (folder / "algorithm.json").write_text(blocks["json"])
    (folder / "run.py").write_text(first_python)
    mask = sitk.GetImageFromArray(np.ones((4, 5, 5), dtype=np.uint8))
    mask.SetSpacing((2.0, 2.0, 5.0))
    sitk.WriteImage(mask, str(tmp_path / "mask.mha"))
    algorithm = load_algorithm(folder)
    runtime = ProcessRuntime(tmp_path / "jobs")
    record = run_case(runtime, algorithm, None, {"lung-mask": tmp_path / "mask.mha"}, tmp_path / "out")
    assert record.raise_for_status().outputs["lung-volume"].value == pytest.approx(2.0)


def test_how_to_prints_the_dockerfile_of_the_shipped_models():
    block = re.search(r"^```dockerfile\n(.*?)^```", HOW_TO, re.MULTILINE | re.DOTALL).group(1)
    for path in (Path(__file__).parents[2] / "docker" / "models").glob("*/Dockerfile"):
        assert path.read_text().endswith(block), path
