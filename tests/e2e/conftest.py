"""One real installation for all end-to-end tests: embedded Postgres, every Airflow process, the NBIA stand-in.

It is started by ``scripts/demo.py --small``, the very program behind ``make demo``, in a state folder of its own,
so it runs beside a demo that somebody left running.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.standins.nbia import NbiaStandIn
from scripts.state import HOME, State
from tests.support.images import small_collection
from tests.support.platform import Platform


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The installation, after one whole demo; stopped at the end."""
    root = Path(tempfile.mkdtemp(prefix="rf-", dir="/tmp"))  # short: Postgres sockets have short names
    images = small_collection(tmp_path_factory.mktemp("served"), "SECOND")
    with NbiaStandIn(images / "dicom", port=0) as second:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "RADFLOW"))} | {
            "RADFLOW_STATE": str(root),
            "AIRFLOW_CONN_NBIA_SECOND": json.dumps(
                {
                    "conn_type": "nbia",
                    "host": second.url,
                    "extra": {"read_timeout": 3, "retries": 3, "backoff": 0.2},
                }
            ),
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(
                [
                    {
                        "name": name,
                        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
                        "kwargs": {"path": str(HOME / name)},
                    }
                    for name in ("dags", "examples")
                ]
                + [
                    {
                        "name": "experiments",
                        "classpath": "operators.spec_bundle.SpecBundle",
                        "kwargs": {"refresh_interval": 3},
                    }
                ]
            ),
        }
        first = subprocess.run(
            [sys.executable, "scripts/demo.py", "--small"], cwd=HOME, env=environment, capture_output=True,
            text=True, check=False, timeout=600,
        )  # fmt: skip
        found = Platform(State(root), environment, first, second, images)
        try:
            if first.returncode:
                logs = "\n".join(
                    f"--- {path.name}\n{path.read_text(errors='replace')[-2000:]}"
                    for path in sorted((root / "logs").glob("*.log"))
                )
                pytest.fail(f"the demo failed\n{first.stdout}\n{first.stderr}\n{logs}")
            yield found
        finally:
            found.script("scripts/services.py", "down", patience=120)
            shutil.rmtree(root, ignore_errors=True)
