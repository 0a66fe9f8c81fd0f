"""DAG bundle whose files are the experiment specifications kept, append-only, in Postgres.

The bundle's version is the highest ``experiment.revision``: every DAG run is pinned to it, so clearing an old
run executes the specification it was started with, and a new one is a DAG within seconds.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from airflow.dag_processing.bundles.base import BaseDagBundle, BundleVersion

from operators.hooks.research_db import ResearchDbHook

CHOICES = "choices.json"
LOADER = '''"""Experiments registered in Postgres, as an airflow dag each (written by operators.spec_bundle)."""

from pathlib import Path

from operators.experiment_factory import load

globals().update(load(Path(__file__).parent))
'''


class SpecBundle(BaseDagBundle):
    """Writes the specifications visible at one revision, and the form's choices, as files."""

    supports_versioning = True

    def __init__(self, *, conn_id: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id

    @property
    def path(self) -> Path:
        """Folder of the pinned or of the current revision."""
        return Path(self.versions_dir / self.version if self.version else self.base_dir / "current")

    def get_current_version(self) -> BundleVersion:
        """Highest revision, or the pinned one."""
        if self.version:
            return BundleVersion(self.version)
        with ResearchDbHook(self.conn_id).transaction() as work:
            found = work.row("experiment_revision")
        return BundleVersion(str(found["revision"] if found else 0))

    def initialize(self) -> None:
        """Write the files unless a pinned revision has them already."""
        if not (self.version and (self.path / "experiments.py").exists()):
            self._write()
        super().initialize()

    def refresh(self) -> None:
        """Write what is new.

        Raises:
            RuntimeError: a pinned revision never changes.
        """
        if self.version:
            msg = f"Revision {self.version} of bundle {self.name} is pinned."
            raise RuntimeError(msg)
        self._write()

    def _write(self) -> None:
        limit = int(self.version) if self.version else None
        with ResearchDbHook(self.conn_id).transaction() as work:
            specs = work.rows("experiment_specs_at", revision=limit)
            cohorts = work.rows("experiment_choices_at", revision=limit)
        wanted = {
            f"{row['name']}.json": json.dumps(row["document"], indent=1, sort_keys=True) for row in specs
        }
        wanted[CHOICES] = json.dumps({"cohorts": [row["choice"] for row in cohorts]}, indent=1)
        wanted["experiments.py"] = LOADER
        with self.lock():
            self.path.mkdir(parents=True, exist_ok=True)
            for path in self.path.glob("*.json"):
                if path.name not in wanted:
                    path.unlink()
            for name, text in wanted.items():  # the loader last: its presence means the revision is whole
                path = self.path / name
                if not path.exists() or path.read_text(encoding="utf-8") != text:
                    temporary = path.with_name(f".{name}.{os.getpid()}")
                    temporary.write_text(text, encoding="utf-8")
                    temporary.replace(path)
