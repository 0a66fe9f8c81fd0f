"""The embedded installation's folder: secrets, ports and the environment of every process.

Nothing here is for production: one server or a cluster sets the same variables by its own means
(docs/reference/settings.md).
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

HOME = Path(__file__).resolve().parent.parent
ACCOUNTS: dict[str, tuple[str, ...]] = {
    "admin": ("admin",),
    "engineer": ("data_engineer",),
    "researcher": ("researcher",),
    "curator1": ("curator",),
    "curator2": ("curator",),
    "adjudicator": ("adjudicator",),
    "broker": ("broker",),
    "broker2": ("broker",),
}
TEAM = "demo"


def write_json(path: Path, value: object, mode: int = 0o600) -> None:
    """Write JSON under a temporary name, then rename."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.touch(mode=mode)
    temporary.write_text(json.dumps(value, indent=1), encoding="utf-8")
    temporary.rename(path)


def free_port(wanted: int) -> int:
    """``wanted`` if nobody listens there, else one that the system picks."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise SystemExit("no free port on 127.0.0.1")


@dataclass(frozen=True)
class State:
    """One embedded installation; ``root`` holds everything that changes."""

    root: Path

    @classmethod
    def here(cls) -> State:
        """The installation named by RADFLOW_STATE, or ``.radflow`` in the checkout."""
        return cls(Path(os.environ.get("RADFLOW_STATE") or HOME / ".radflow").resolve())

    @property
    def pg_dir(self) -> Path:
        """Folder of the embedded Postgres; also the folder of its socket, so it must be short."""
        return self.root / "pg"

    @property
    def run_file(self) -> Path:
        """Says what runs; whoever finds it gone stops."""
        return self.root / "run.json"

    def run(self) -> dict:
        """Content of the run file, empty when nothing was started."""
        try:
            return json.loads(self.run_file.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}

    def secrets(self) -> dict[str, str]:
        """Keys of this installation, made once."""
        path = self.root / "secrets.json"
        if not path.exists():
            self.root.mkdir(parents=True, exist_ok=True, mode=0o755)
            write_json(
                path,
                {
                    "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
                    "jwt_secret": secrets.token_urlsafe(48),
                    "api_secret_key": secrets.token_urlsafe(48),
                    "deid_key": secrets.token_hex(32),
                },
            )
        return json.loads(path.read_text(encoding="utf-8"))

    def passwords(self) -> dict[str, str]:
        """Passwords of the demo accounts, made once; Airflow reads the same file."""
        path = self.root / "passwords.json"
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        missing = {name: secrets.token_urlsafe(9) for name in ACCOUNTS if name not in known}
        if missing:
            known |= missing
            write_json(path, known)
        return known

    def dsn(self, role: str, database: str = "radflow") -> str:
        """Libpq connection string over the embedded server's socket."""
        return f"host={self.pg_dir} user={role} dbname={database}"

    def connection_uri(self, role: str) -> str:
        """The same as an Airflow connection URI."""
        return f"postgres://{role}@/radflow?host={quote(str(self.pg_dir), safe='')}"

    def environment_of(self, component: str) -> dict[str, str]:
        """Environment of one component: the web server alone may speak as the honest broker."""
        own = (
            {"AIRFLOW__RADFLOW__BROKER_DSN": self.dsn("radflow_broker")} if component == "api-server" else {}
        )
        return self.environment() | own

    def environment(self) -> dict[str, str]:
        """Environment that all Airflow processes of this installation share."""
        ports = self.run().get("ports", {})
        keys = self.secrets()
        api = ports.get("api", 8080)
        base = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        return (
            base
            | {
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{base.get('PATH', '')}",
                "RADFLOW_HOME": str(HOME),
                "RADFLOW_STATE": str(self.root),
                "AIRFLOW_HOME": str(self.root / "airflow"),
                "AIRFLOW_CONFIG": str(HOME / "airflow.cfg"),
                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://postgres@/airflow?host={self.pg_dir}",
                "AIRFLOW__CORE__FERNET_KEY": keys["fernet_key"],
                "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{api}/execution/",
                "AIRFLOW__CORE__PARALLELISM": str(max(2, min(16, 2 * (os.cpu_count() or 2)))),
                "AIRFLOW__API__SECRET_KEY": keys["api_secret_key"],
                "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{api}",
                "AIRFLOW__API_AUTH__JWT_SECRET": keys["jwt_secret"],
                "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(ports.get("worker_logs", 8793)),
                "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(ports.get("trigger_logs", 8794)),
                "AIRFLOW__RADFLOW__PORTAL_DSN": self.dsn("radflow_portal"),
                "AIRFLOW_CONN_RADFLOW_DB": self.connection_uri("radflow_pipeline"),
                "AIRFLOW_CONN_RADFLOW_DEID": json.dumps(
                    {"conn_type": "generic", "login": "demo", "password": keys["deid_key"]}
                ),
                "AIRFLOW_CONN_NBIA_DEFAULT": json.dumps(
                    {
                        "conn_type": "nbia",
                        "host": f"http://127.0.0.1:{ports.get('nbia', 8790)}/nbia-api/services/v4",
                    }
                ),
                "AIRFLOW_CONN_IDC_DEFAULT": json.dumps({"conn_type": "idc"}),
            }
            | self.run().get("environment", {})
        )
