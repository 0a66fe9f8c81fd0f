"""What exists is documented, and what is documented exists."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import textwrap
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from deid.exceptions import QUARANTINE
from operators import get_provider_info
from operators.accounts import ROLES
from research.criteria import FIELDS, OPS
from research.metrics import METRICS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").glob("*.md")])


@cache
def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def section(name: str, heading: str) -> str:
    """What stands below a heading, up to the next one of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}(?!\w)[^\n]*\n(.*?)(?=^#+ |\Z)", text(name), re.M | re.S)
    assert found, f"{name} has no section {heading}"
    return found[1]


def rows(markdown: str) -> dict[str, list[str]]:
    """First cells in code font (of every table) and the cells after them; ``*t*`` stays with the first."""
    found = {}
    for line in markdown.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        for name in re.findall(r"`([^`]+)`", cells[0]) if line.startswith("| `") else ():
            found[name] = [cells[0], *cells[1:]]
    return found


def blocks(markdown: str, language: str) -> list[str]:
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", markdown, re.M | re.S)


# -- operators and hooks ---------------------------------------------------------------------------------

OPERATORS = "docs/reference/operators.md"
CLASSES = {
    node.name: node
    for path in sorted((ROOT / "operators").rglob("*.py"))
    for node in ast.walk(parsed(path))
    if isinstance(node, ast.ClassDef) and node.name.endswith(("Operator", "Hook", "Bundle"))
}


def arguments(node: ast.ClassDef) -> set[str]:
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            return {one.arg for one in (*item.args.args[1:], *item.args.kwonlyargs)}
    return set()


def templated(node: ast.ClassDef) -> set[str]:
    for item in node.body:
        target = item.targets[0] if isinstance(item, ast.Assign) else getattr(item, "target", None)
        if isinstance(target, ast.Name) and target.id == "template_fields":
            return set(ast.literal_eval(item.value))  # type: ignore[attr-defined]
    return set()


def test_classes_are_found() -> None:
    assert len(CLASSES) >= 20


@pytest.mark.parametrize("name", CLASSES)
def test_every_operator_and_hook_is_documented(name: str) -> None:
    node, about = CLASSES[name], section(OPERATORS, name)
    told, takes = rows(about), arguments(CLASSES[name])
    if takes == {"request"} and not told:
        assert "`request`" in about
        return
    assert set(told) == takes
    marked = {argument for argument, cells in told.items() if "*t*" in cells[0]}
    assert marked == templated(node) & takes


def test_no_other_class_is_documented() -> None:
    assert set(re.findall(r"^### (\w+)", text(OPERATORS), re.M)) == set(CLASSES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_samples_parse(page: Path) -> None:
    markdown = page.read_text(encoding="utf-8")
    for block in blocks(markdown, "python"):
        ast.parse(textwrap.dedent(block))
    for block in blocks(markdown, "json"):
        json.loads(block)


@pytest.mark.parametrize("block", blocks(text(OPERATORS), "python"))
def test_samples_name_arguments_that_exist(block: str) -> None:
    for call in (node for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Call)):
        name = ast.unparse(call.func).partition(".")[0]
        if name in CLASSES:
            own = arguments(CLASSES[name])
            given = {one.arg for one in call.keywords} - {"task_id", "outlets", "trigger_rule"}
            assert given <= own, f"{name} does not take {given - own}"


# -- DAGs ------------------------------------------------------------------------------------------------

DAGS = "docs/reference/dags.md"


def dag_files() -> dict[str, ast.Module]:
    found = {}
    for path in sorted((ROOT / "dags").glob("*.py")):
        tree = parsed(path)
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg == "dag_id":
                found[ast.literal_eval(node.value)] = tree
    found["exp_NAME"] = parsed(ROOT / "operators" / "experiment_factory.py")
    return found


def params_of(tree: ast.Module) -> set[str]:
    return {
        str(key.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg == "params" and isinstance(node.value, ast.Dict)
        for key in node.value.keys
        if isinstance(key, ast.Constant)
    }


def assets_of(tree: ast.Module) -> set[str]:
    calls = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "Asset"
    ]
    return {ast.unparse(call.args[0]).lstrip("f").strip("'").replace("{spec.name}", "NAME") for call in calls}


@pytest.mark.parametrize("dag_id", dag_files())
def test_every_dag_is_documented_with_its_params_and_assets(dag_id: str) -> None:
    tree, about = dag_files()[dag_id], section(DAGS, dag_id)
    assert set(rows(about)) == params_of(tree)
    assert set(re.findall(r"radflow://[\w/]+", about)) == assets_of(tree)


def test_no_other_dag_is_documented() -> None:
    assert set(re.findall(r"^## (\w+)", text(DAGS), re.M)) == set(dag_files())


# -- settings --------------------------------------------------------------------------------------------

SETTINGS = "docs/reference/settings.md"
OPTIONS: dict[str, dict[str, Any]] = get_provider_info()["config"]["radflow"]["options"]


@pytest.mark.parametrize("option", OPTIONS)
def test_every_setting_is_documented_with_its_default(option: str) -> None:
    cells = rows(section(SETTINGS, "`[radflow]`"))[option]
    default = OPTIONS[option]["default"]
    assert cells[1] == (f"`{default}`" if default else "empty")


def test_no_other_setting_is_documented() -> None:
    assert set(rows(section(SETTINGS, "`[radflow]`"))) == set(OPTIONS)


@pytest.mark.parametrize("option", OPTIONS)
def test_every_setting_has_a_reader(option: str) -> None:
    readers = text("operators/settings.py") + "".join(
        path.read_text("utf-8") for path in sorted((ROOT / "plugins" / "radflow_portal").glob("*.py"))
    )
    assert f'"{option}"' in readers


def test_the_configuration_sets_what_is_declared() -> None:
    ours = text("airflow.cfg").partition("[radflow]")[2]
    assert set(re.findall(r"^(\w+) =", ours, re.M)) <= set(OPTIONS)


def strings(*names: str) -> set[str]:
    nodes = (node for name in names for node in ast.walk(parsed(ROOT / name)))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


STARTERS = ("scripts/state.py", "scripts/services.py", "scripts/demo.py")
VARIABLES = sorted(one for one in strings(*STARTERS) if re.fullmatch(r"(AIRFLOW|RADFLOW)_[A-Z_]+", one))


@pytest.mark.parametrize("variable", VARIABLES)
def test_every_variable_is_documented(variable: str) -> None:
    assert variable in rows(text(SETTINGS))
    if variable.startswith("AIRFLOW_CONN_"):
        assert variable.removeprefix("AIRFLOW_CONN_").lower() in rows(section(SETTINGS, "Connections"))


def test_variables_are_found() -> None:
    assert len(VARIABLES) > 15


@pytest.mark.parametrize("connection", get_provider_info()["connection-types"])
def test_every_connection_type_is_documented(connection: dict[str, Any]) -> None:
    assert f"| {connection['connection-type']} |" in section(SETTINGS, "Connections")


def test_every_port_is_documented() -> None:
    used = {
        str(node.args[0].value)
        for node in ast.walk(parsed(ROOT / "scripts" / "state.py"))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "ports.get"
        if isinstance(node.args[0], ast.Constant)
    }
    documented = rows(section(SETTINGS, "Ports"))
    assert set(documented) == used
    for name, cells in documented.items():
        default = re.search(rf'"{name}": .*?(\d{{4}})', text("scripts/services.py"))
        assert default
        assert default[1] == cells[1]


# -- criteria, metrics, quarantine, roles ----------------------------------------------------------------


@pytest.mark.parametrize("field", FIELDS)
def test_every_criterion_is_documented(field: str) -> None:
    cells = rows(section("docs/reference/criteria.md", "Fields"))[field]
    assert cells[1] == FIELDS[field].kind


@pytest.mark.parametrize("op", OPS)
def test_every_comparison_is_documented(op: str) -> None:
    cells = rows(section("docs/reference/criteria.md", "Operators"))[op]
    assert set(cells[1].split(", ")) == OPS[op].kinds


@pytest.mark.parametrize("kind", METRICS)
def test_every_metric_is_documented(kind: str) -> None:
    assert kind in rows(section("docs/reference/metrics.md", "Kinds"))
    assert kind in rows(section("docs/reference/metrics.md", "Missing predictions"))


@pytest.mark.parametrize("code", QUARANTINE)
def test_every_reason_of_quarantine_is_documented(code: str) -> None:
    about = rows(section("docs/how-to/operate.md", "Look into the quarantine"))[code]
    assert QUARANTINE[code][1] == about[2].removesuffix(" |")


@pytest.mark.parametrize("role", ROLES)
def test_every_role_of_a_person_is_documented(role: str) -> None:
    assert role in rows(section("docs/how-to/accounts.md", "Roles"))


# -- API -------------------------------------------------------------------------------------------------

API = "docs/reference/api.md"


@pytest.fixture(scope="module")
def routes() -> set[tuple[str, str]]:
    """Method and path of every route of the portal. Importing it takes seconds: once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Airflow's own imports warn of is not ours
        from radflow_portal.app import create_app

        paths = create_app().openapi()["paths"]
    return {
        (method.upper(), path.removeprefix("/api/v1"))
        for path, methods in paths.items()
        for method in methods
        if path.startswith("/api/v1")
    }


def test_every_route_is_documented_and_no_other(routes: set[tuple[str, str]]) -> None:
    documented = set(re.findall(r"^\| ([A-Z]+) \| `([^`]+)` \|", text(API), re.M))
    assert len(routes) > 15
    assert documented == routes


def test_addresses_in_examples_exist(routes: set[tuple[str, str]]) -> None:
    known = [re.sub(r"\{[^}]+\}", "[^/]+", path) for _, path in routes]
    for page in PAGES:
        for address in re.findall(r"/radflow/api/v1(/[\w/.$<>{}-]+)", page.read_text(encoding="utf-8")):
            assert any(re.fullmatch(one, address.rstrip(".")) for one in known), f"{page.name}: {address}"


# -- database --------------------------------------------------------------------------------------------

DATABASE = "docs/reference/database.md"
MIGRATIONS = "\n".join(
    path.read_text("utf-8") for path in sorted((ROOT / "sql" / "migrations").glob("*.sql"))
)
RELATIONS = [
    *re.findall(r"^create (?:table|view) (?:if not exists )?(\w+\.\w+)", MIGRATIONS, re.M),
    *re.findall(r"^create table if not exists (\w+\.\w+)", text("operators/migrate.py"), re.M),
]


@pytest.mark.parametrize("relation", RELATIONS)
def test_every_table_is_documented(relation: str) -> None:
    assert relation in rows(text(DATABASE))


def test_no_other_table_is_documented() -> None:
    assert len(RELATIONS) > 25
    assert {name for name in rows(text(DATABASE)) if "." in name} == set(RELATIONS)


@pytest.mark.parametrize("schema", re.findall(r"^create schema (\w+)", MIGRATIONS, re.M))
def test_every_schema_is_documented(schema: str) -> None:
    section(DATABASE, schema)
    assert f"`{schema}`" in section("ARCHITECTURE.md", "Database")


@pytest.mark.parametrize("role", sorted(set(re.findall(r"'(radflow_\w+)'", text("sql/roles.sql")))))
def test_every_role_of_the_database_is_documented(role: str) -> None:
    assert role in rows(section(DATABASE, "Roles"))


# -- commands --------------------------------------------------------------------------------------------

TARGETS = re.findall(r"^([a-z]+):.*## ", text("Makefile"), re.M)


@pytest.mark.parametrize("target", TARGETS)
def test_every_make_target_is_documented(target: str) -> None:
    assert any(re.search(rf"\bmake {target}\b", page.read_text("utf-8")) for page in PAGES)


def test_the_makefile_calls_what_exists() -> None:
    called = re.findall(r"\bscripts/\w+\.\w+", text("Makefile"))
    assert called
    assert [name for name in called if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_documents_name_targets_that_exist(page: Path) -> None:
    named = re.findall(r"(?:^|`)(?:[A-Z_]+=\S+ )?make ([a-z]+)", page.read_text("utf-8"), re.M)
    assert set(named) <= set(TARGETS)


def test_the_readme_shows_make_targets_only() -> None:
    commands = [
        line.partition("#")[0].split()
        for block in blocks(text("README.md"), "sh")
        for line in block.splitlines()
        if line.strip()
    ]
    assert commands[:2] == [["make", "demo"], ["make", "test"]]
    for make, target, *settings in commands:
        assert make == "make"
        assert target in TARGETS
        for setting in settings:
            assert f"$({setting.partition('=')[0]})" in text("Makefile")


# -- dependencies, links, and what must not be there -----------------------------------------------------


@pytest.mark.parametrize("file", ["requirements.in", "requirements-dev.in"])
def test_every_dependency_has_a_reason(file: str) -> None:
    reasons = set(re.findall(r"`([A-Za-z0-9-]+)`", text("docs/decisions/0002-dependencies.md")))
    wanted = {
        re.split(r"[=<>!~\[;]", line)[0].strip() for line in text(file).splitlines() if line[:1].isalpha()
    }
    assert wanted
    assert wanted <= reasons


def anchors(markdown: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", markdown, flags=re.S), re.M)
    return {re.sub(r"[^\w -]", "", one).strip().lower().replace(" ", "-") for one in headings}


def links(page: Path) -> list[str]:
    markdown = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.S)
    return [
        one for one in re.findall(r"\]\(([^)\s]+)\)", markdown) if not one.startswith(("http://", "https://"))
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), f"{page.name}: {link}"
        assert not anchor or anchor in anchors(target.read_text("utf-8")), f"{page.name}: {link}"


def test_the_index_reaches_every_page() -> None:
    reached = {(ROOT / "docs" / link).resolve() for link in links(ROOT / "docs" / "index.md")}
    pages = {page for page in PAGES if page.is_relative_to(ROOT / "docs")} - {ROOT / "docs" / "index.md"}
    assert pages <= reached


def test_decisions_are_numbered() -> None:
    names = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("*.md"))
    assert [name[:4] for name in names] == [f"{number:04d}" for number in range(1, len(names) + 1)]
    for name in names:
        assert text(f"docs/decisions/{name}").startswith(f"# {name[:4]} - ")


def test_paths_in_the_architecture_exist() -> None:
    for name in re.findall(r"`([\w./-]+/[\w./*<>-]*)`", text("ARCHITECTURE.md")):
        if "<" not in name and not name.startswith(("/", "volumes/")):
            assert list(ROOT.glob(name.rstrip("/"))), name


# In halves, so that this file does not name them.
REGISTRIES = [
    first + second
    for first, second in (
        ("py", "pi.org"),
        ("python", "hosted.org"),
        ("registry.npm", "js.org"),
        ("ana", "conda.org"),
        ("crates", ".io"),
        ("proxy.golang", ".org"),
        ("quay", ".io"),
        ("ghcr", ".io"),
        ("gcr", ".io"),
        ("hub.docker", ".com"),
    )
]
WORKPLACE = re.compile(r"(?<![\w.~}])" + "/wo" + r"rk/")


def test_no_file_names_a_registry_or_a_place_of_one_machine() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no git checkout")
    found = []
    for name in listed.stdout.split("\0"):
        path = ROOT / name
        if not name or not path.is_file() or path.suffix in {".png", ".gz", ".dcm"}:
            continue
        content = path.read_text(encoding="utf-8", errors="replace")
        found += [f"{name}: {host}" for host in REGISTRIES if host in content]
        found += [f"{name}: {match[0]}" for match in WORKPLACE.finditer(content)]
    assert found == []
