"""The only place that reads the ``[radflow]`` section; declared in ``operators.get_provider_info``."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from airflow.sdk.configuration import conf

from research.errors import SettingsError

SECTION = "radflow"


def _text(key: str) -> str:
    value = conf.get(SECTION, key, fallback="")
    if not value:
        msg = f"The setting [{SECTION}] {key} is empty."
        raise SettingsError(msg, f"Set it in airflow.cfg or as AIRFLOW__RADFLOW__{key.upper()}.")
    return str(value)


def landing_uri() -> str:
    """Originals as received; read by the de-identify task and the broker only."""
    return _text("landing_uri")


def research_uri() -> str:
    """De-identified objects, write-once."""
    return _text("research_uri")


def quarantine_uri() -> str:
    """What could not be vouched for."""
    return _text("quarantine_uri")


def artifacts_uri() -> str:
    """Outputs of experiments, hashed."""
    return _text("artifacts_uri")


def scratch_dir() -> Path:
    """Local folder for half-done work; everything in it may be deleted when no task runs."""
    return Path(_text("scratch_dir"))


def database_conn_id() -> str:
    """Airflow connection of the radflow_pipeline role."""
    return _text("database_conn_id")


def deid_conn_id() -> str:
    """Airflow connection whose password is the project's de-identification key and whose login is the project."""
    return _text("deid_conn_id")


def deid_policy() -> str:
    """Name or path of the de-identification policy."""
    return _text("deid_policy")


def runtime() -> str:
    """``auto``, ``docker`` or ``process``: where model containers run."""
    return _text("runtime")


def chunk_tasks() -> int:
    """About how many mapped tasks a list of series or cases is cut into."""
    return max(1, int(_text("chunk_tasks")))


def fetch_parallel() -> int:
    """How many series one fetch task downloads at once."""
    return min(16, max(1, int(_text("fetch_parallel"))))


def upload_dir() -> Path:
    """Folder in which the web server leaves what people send; the portal reads the same two settings."""
    named = str(conf.get(SECTION, "upload_dir", fallback="") or "")
    if named:
        return Path(named)
    parts = urlsplit(landing_uri())
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        msg = f"The setting [{SECTION}] upload_dir is empty and the landing zone is no local folder."
        raise SettingsError(msg, "Set it to a folder that the web server and the workers share.")
    return Path(unquote(parts.path)) / "uploads"


def upload_keep_days() -> int:
    """Days until an idle upload ends, and until the file names of one that is over are forgotten."""
    return max(1, int(_text("upload_keep_days")))


def code_version() -> str:
    """Version of this installation as it is written into every run: package version and source revision."""
    return _text("code_version")
