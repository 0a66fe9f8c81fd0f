"""Airflow loads the plugin exactly once, without an error, whichever way it arrives."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
_PROBE = """
import json, sys
import importlib.metadata as metadata
found = metadata.entry_points
if {hide!r}:
    def entry_points(**query):
        return () if query.get("group") == "airflow.plugins" else found(**query)
    metadata.entry_points = entry_points
from airflow import plugins_manager
if {hide!r}:
    import airflow._shared.plugins_manager.plugins_manager as shared
    shared._load_entrypoint_plugins = lambda: ([], {{}})
    plugins_manager._load_entrypoint_plugins = lambda: ([], {{}})
plugins, errors = plugins_manager._get_plugins()
mine = [p for p in plugins if p.name == "radflow"]
light = not any(name in sys.modules for name in ("radflow_portal.app", "radflow_portal.db", "matplotlib"))
import airflow.api_fastapi.app  # as the web server does before it asks for the apps
views = [(v["name"], v["destination"]) for p in mine for v in p.external_views]
apps = [(a["name"], a["url_prefix"]) for p in mine for a in p.fastapi_apps]
print("PROBE" + json.dumps([len(mine), errors, [str(p.source) for p in mine], light, views, apps]))
"""


def probe(tmp_path: Path, *, hide: bool, folder: Path) -> list[Any]:
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'plugins'}",
    }
    done = subprocess.run(
        [sys.executable, "-c", _PROBE.format(hide=hide)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    line = next((text for text in done.stdout.splitlines() if text.startswith("PROBE")), None)
    assert line is not None, done.stderr[-2000:]
    return list(json.loads(line.removeprefix("PROBE")))


@pytest.mark.parametrize(
    ("way", "source"),
    [
        ("entry point and folder", "radflow"),
        ("entry point", "radflow"),
        ("folder", "$PLUGINS_FOLDER/radflow_plugin.py"),
    ],
)
def test_it_is_loaded_once(tmp_path: Path, way: str, source: str) -> None:
    empty = tmp_path / "none"
    empty.mkdir()
    count, errors, sources, light, views, apps = probe(
        tmp_path, hide="entry point" not in way, folder=ROOT / "plugins" if "folder" in way else empty
    )
    assert (count, errors) == (1, {})
    assert [str(text).startswith(source) for text in sources] == [True]
    assert light
    assert views == [
        ["Studies", "nav"],
        ["Cohorts", "nav"],
        ["Experiments", "nav"],
        ["Leaderboard", "nav"],
        ["Fetched images", "nav"],
        ["Uploads", "nav"],
        ["De-identification", "nav"],
        ["Re-identification", "nav"],
        ["Access", "nav"],
        ["Results", "dag_run"],
    ]
    assert apps == [["Radflow", "/radflow"]]


def test_the_portal_imports_neither_operators_nor_deid() -> None:
    for path in (ROOT / "plugins").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & {"operators", "deid", "dags", "docker"}, path


def test_airflow_skips_the_package_when_it_looks_for_plugins() -> None:
    lines = (ROOT / "plugins" / ".airflowignore").read_text(encoding="utf-8").splitlines()
    assert "radflow_portal/" in lines
    assert [p.name for p in (ROOT / "plugins").glob("*.py")] == ["radflow_plugin.py"]


def test_every_statement_of_the_portal_is_used() -> None:
    code = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "plugins").rglob("*.py"))
    for path in (ROOT / "sql" / "queries").glob("portal_*.sql"):
        assert f'"{path.stem}"' in code, path.name


def test_every_route_is_in_the_docs() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Airflow's own imports warn of is not ours
        from radflow_portal.app import create_app

    text = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    for path, methods in create_app().openapi()["paths"].items():
        for method in methods:
            assert f"| {method.upper()} | `{path.removeprefix('/api/v1')}`" in text, path
