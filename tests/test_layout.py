"""Where things lie and who may import whom (ARCHITECTURE.md, docs/decisions/0001)."""

from __future__ import annotations

import ast
import configparser
import os
import statistics
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {
    "deid": ROOT / "deid",
    "research": ROOT / "research",
    "operators": ROOT / "operators",
    "radflow_portal": ROOT / "plugins" / "radflow_portal",
}
OURS = {*PACKAGES, "scripts", "tests", "bench", "dags", "plugins", "radflow_plugin"}
PURE = ("deid", "research")
NEVER_IN_PURE = {"airflow", "fastapi", "starlette", "psycopg", "psycopg2", "sqlalchemy", "docker"}
MAY_IMPORT = {
    "deid": {"deid"},
    "research": {"research"},
    "operators": {"operators", "deid", "research"},
    "radflow_portal": {"radflow_portal", "research"},
}
LONGEST, TYPICAL = 500, 150


def sources(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """Top name and line of every import, also in functions, type checking blocks and ``import_module``."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.partition(".")[0], node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            yield str(node.module).partition(".")[0], node.lineno
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            for name in (one.value for one in node.args[:1] if isinstance(one, ast.Constant)):
                yield str(name).partition(".")[0], node.lineno


def offences(folder: Path, refused: set[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sources(folder)
        for name, line in imported(path)
        if name in refused
    ]


# -- import names ----------------------------------------------------------------------------------------


def test_names_resolve_to_this_repository_and_docker_to_the_sdk(tmp_path: Path) -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "import docker, deid, operators, research, radflow_portal\n"
        "for one in (docker, deid, operators, research, radflow_portal): print(one.__file__)\n"
        "import docker.constants\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    told = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    sdk, *ours = (Path(line) for line in told.stdout.split())
    assert "site-packages" in sdk.parts
    assert ours == [
        PACKAGES[name] / "__init__.py" for name in ("deid", "operators", "research", "radflow_portal")
    ]


@pytest.mark.parametrize("folder", ["docker", "sql", "dags", "tests"])
def test_folders_that_are_no_packages(folder: str) -> None:
    helper = (
        ROOT / "docker" / "base" / "radflow_model" / "__init__.py"
    )  # the models' module, never on our path
    found = [path for path in (ROOT / folder).rglob("__init__.py") if path != helper]
    assert (ROOT / folder).is_dir()
    assert found == []


def test_no_module_of_the_plugins_hides_a_standard_one() -> None:
    stems = {path.stem: path for path in sources(ROOT / "plugins") if path.stem != "__init__"}
    assert stems
    assert sorted(stems.keys() & sys.stdlib_module_names) == []
    assert not OURS & sys.stdlib_module_names


def test_airflow_runs_one_file_below_plugins() -> None:
    ignored = (ROOT / "plugins" / ".airflowignore").read_text(encoding="utf-8").splitlines()
    assert "radflow_portal/" in ignored
    assert sorted(path.name for path in (ROOT / "plugins").glob("*.py")) == ["radflow_plugin.py"]


# -- who imports whom ------------------------------------------------------------------------------------


@pytest.mark.parametrize("package", PURE)
def test_pure_packages_stay_pure(package: str) -> None:
    assert offences(PACKAGES[package], NEVER_IN_PURE) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_dependencies_point_downwards(package: str) -> None:
    assert len(sources(PACKAGES[package])) > 5
    assert offences(PACKAGES[package], OURS - MAY_IMPORT[package]) == []


def test_dags_import_operators_only() -> None:
    assert offences(ROOT / "dags", OURS - {"operators"}) == []


def test_models_know_the_contract_and_nothing_of_the_platform() -> None:
    assert offences(ROOT / "docker", OURS | NEVER_IN_PURE - {"docker"}) == []


def test_pure_packages_load_without_airflow() -> None:
    """What imports cannot show: importing every module of deid and research loads nothing of the platform."""
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for package in PURE
        for path in sources(PACKAGES[package])
        if path.stem != "__main__"
    ]
    program = (
        f"import importlib, sys\nfor name in {modules!r}: importlib.import_module(name)\n"
        f"print(sorted({NEVER_IN_PURE!r} & {{name.partition('.')[0] for name in sys.modules}}))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.strip() == "[]"


# -- shape -----------------------------------------------------------------------------------------------


def test_modules_are_short() -> None:
    folders = (
        "operators",
        "deid",
        "research",
        "plugins",
        "dags",
        "docker",
        "scripts",
        "examples",
        "bench",
        "tests",
    )
    lengths = {
        path: len(path.read_text(encoding="utf-8").splitlines())
        for folder in folders
        for path in sources(ROOT / folder)
    }
    long = {str(path.relative_to(ROOT)): length for path, length in lengths.items() if length > LONGEST}
    assert long == {}
    shipped = [length for path, length in lengths.items() if any(map(path.is_relative_to, PACKAGES.values()))]
    median = statistics.median(shipped)
    print(f"{len(shipped)} shipped modules, median {median:.0f} lines, longest {max(shipped)}")
    assert median <= TYPICAL


DAG_FILES = sorted((ROOT / "dags").rglob("*.py"))


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.stem)
def test_dag_files_define_dags_and_nothing_else(path: Path) -> None:
    tree = parsed(path)
    assert ast.get_docstring(tree), "a DAG's docstring is its description"
    dags = [node for node in tree.body if isinstance(node, ast.With)]
    rest = [node for node in tree.body[1:] if not isinstance(node, ast.With | ast.Import | ast.ImportFrom)]
    assert [ast.unparse(node.items[0].context_expr.func) for node in dags] == ["DAG"] * len(dags)  # type: ignore[attr-defined]
    assert dags
    assert [ast.unparse(node) for node in rest] == []
    for node in ast.walk(tree):
        assert not isinstance(node, ast.ClassDef | ast.Lambda | ast.While | ast.Try), (
            f"logic in line {node.lineno}"
        )
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            made = {ast.unparse(one).partition("(")[0] for one in node.decorator_list}
            assert made & {"task", "task_group"}, f"{node.name} in line {node.lineno} is no task"


def test_there_are_dag_files() -> None:
    assert {path.stem for path in DAG_FILES} >= {
        "fetch_tcia",
        "fetch_daily",
        "deidentify",
        "curate",
        "cohort",
    }


# -- the package -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    told = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    (built,) = target.glob("radflow-*.whl")
    return built


def test_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    listed = subprocess.run(
        ["git", "ls-files", "--", "operators", "deid", "research", "plugins/radflow_portal"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    tracked = {line.removeprefix("plugins/") for line in listed.stdout.splitlines() if (ROOT / line).exists()}
    if listed.returncode:
        pytest.skip("this is no git checkout")
    assert len(tracked) > 50
    assert tracked - names == set()
    for folder, inside in {"sql/migrations": "_sql/migrations", "sql/queries": "_sql/queries"}.items():
        assert {f"research/{inside}/{path.name}" for path in (ROOT / folder).glob("*.sql")} <= names
    for path in (ROOT / "docker" / "models").glob("*/*"):
        if path.is_file():
            assert f"research/_models/{path.parent.name}/{path.name}" in names
    assert not [name for name in names if "__pycache__" in name or "/tests/" in name]


def test_wheel_declares_provider_and_plugin(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (one for one in archive.namelist() if one.endswith("entry_points.txt"))
        points = configparser.ConfigParser()
        points.read_string(archive.read(name).decode())
    assert points["apache_airflow_provider"]["provider_info"] == "operators:get_provider_info"
    assert points["airflow.plugins"]["radflow"] == "radflow_portal.plugin:RadflowPlugin"


def test_wheel_works_away_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    """Migrations, statements, policies, models and provider info are found inside the installed package."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r})\n"
        "from deid import load_policy\n"
        "from operators import get_provider_info\n"
        "from research.algorithms import load_algorithms\n"
        "from research.statements import sql_root, statement\n"
        "print(sql_root())\n"
        "print(statement('fetch_want')[:6], load_policy('research').name, get_provider_info()['name'])\n"
        "print(*load_algorithms())\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    root, named, algorithms = told.stdout.splitlines()
    assert named == "insert research Radflow"
    assert Path(root).is_relative_to(tmp_path)
    assert {"denoise", "lungs", "emphysema_laa", "emphysema_mrf"} <= set(algorithms.split())
