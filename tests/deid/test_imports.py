"""deid runs in any container: the standard library and pydicom, nothing else."""

import ast
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "deid"


def test_only_the_standard_library_and_pydicom():
    allowed = set(sys.stdlib_module_names) | {"deid", "pydicom"}
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = ["." if node.level else node.module]
            else:
                continue
            for name in names:
                if name.split(".")[0] not in allowed:
                    found.setdefault(path.name, []).append(name)
    assert found == {}


def test_the_verifier_reads_outputs_by_itself():
    """Neither pydicom's reader nor any part of the engine: one mistake must not hide itself."""
    forbidden = {
        "deid.engine",
        "deid.handlers",
        "deid.rules",
        "deid.marking",
        "deid.series",
        "deid.acceptance",
    }
    for name in ("verifier.py", "identity.py", "rawbytes.py"):
        for node in ast.walk(ast.parse((PACKAGE / name).read_text())):
            if isinstance(node, ast.ImportFrom):
                assert not any(str(node.module).startswith(module) for module in forbidden), name
                assert "dcmread" not in {alias.name for alias in node.names}
            if isinstance(node, ast.Import):
                assert "pydicom" not in {alias.name for alias in node.names}, name


def test_modules_stay_small():
    lengths = {path.name: len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py")}
    assert max(lengths.values()) <= 500, lengths
