"""The whole way on real images: fetch, de-identify, curate, catalog, cohort, experiment, results.

Exit status 0 only if results for every arm and every case are in Postgres; 3 if curation waits for a person.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psycopg2
import requests

from scripts import services
from scripts.airflow_api import Api, ApiError
from scripts.state import HOME, TEAM, State

COLLECTION = "RADFLOW-DEMO"
COHORT = "emphysema"
EXPERIMENT = HOME / "dags" / "specs" / "emphysema.yaml"
LOW_DOSE, DIAGNOSTIC, CHEST = "99RADFLOW:low-dose-ct", "RADLEX:RID12", "SCT:51185008"
CRITERIA: dict[str, list[dict[str, Any]]] = {
    "standin": [
        {"field": "modality", "op": "eq", "value": "CT"},
        {"field": "body_part", "op": "eq", "value": "CHEST"},
        {"field": "exposure_mas", "op": "lte", "value": 80},
        {"field": "tag", "op": "has_tag", "value": LOW_DOSE},
    ],
    "tcia": [
        {"field": "modality", "op": "eq", "value": "CT"},
        {"field": "tag", "op": "has_tag", "value": DIAGNOSTIC},
    ],
}


class Demo:
    """One pass over the whole way; every step finds what an earlier pass has done."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.state = State.here()
        self.begun = time.monotonic()
        self.collection = options.collection or (COLLECTION if options.source == "standin" else "LCTSC")
        self.connection = "nbia_default" if options.source == "standin" else "nbia_tcia"

    def say(self, text: str) -> None:
        """One line with the time since the start."""
        print(f"[{time.monotonic() - self.begun:5.0f} s] {text}", flush=True)

    def query(self, text: str, *values: Any, role: str = "radflow_pipeline") -> list[tuple]:
        """Rows for progress and for the last check."""
        connection = psycopg2.connect(self.state.dsn(role))
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(text, values)
                return cursor.fetchall()
        finally:
            connection.close()

    def api(self, user: str) -> Api:
        """Session of one of the demo's accounts."""
        return Api(self.base, user, self.state.passwords()[user])

    # -- stages ----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Images and services, at the same time."""
        folder = self.state.root / "demo"
        maker = None
        if self.options.source == "standin":
            folder.mkdir(parents=True, exist_ok=True)
            command = [
                sys.executable, "-m", "scripts.demo_images", "--out", str(folder / "images"),
                "--cache", str(folder / "cache"), *(["--small"] if self.options.small else []),
            ]  # fmt: skip
            self.say("making the demo's images (real chest CT, invented identities) while Airflow starts")
            maker = subprocess.Popen(command, cwd=HOME)
        else:
            self.check_tcia()
        run = services.up(self.state)
        if maker is not None:
            if maker.wait():
                raise SystemExit("The demo's images could not be made; see above.")
            services.serve_standin(self.state, folder / "images")
            write_truth(
                folder / "images" / "truth.csv", self.state.root / "landing" / "truth" / f"{COLLECTION}.csv"
            )
        self.base = f"http://127.0.0.1:{run['ports']['api']}"
        self.images()
        self.admin = self.api("admin")
        self.researcher = self.api("researcher")

    def check_tcia(self) -> None:
        """The real archive must be reachable."""
        try:
            requests.get(
                "https://nbia.cancerimagingarchive.net/nbia-api/services/v4/getCollectionValues", timeout=15
            )
        except requests.RequestException:
            raise SystemExit(
                "The real TCIA does not answer from here. Use `make demo` without SOURCE=tcia."
            ) from None

    def images(self) -> None:
        """Model images where an engine answers; the process runtime otherwise, and say so."""
        code = subprocess.run(
            [sys.executable, str(HOME / "scripts" / "build_images.py")], cwd=HOME, check=False
        )
        if code.returncode:
            self.say("no container images: the models run as plain processes (process runtime)")

    def fetch(self) -> None:
        """Fetch -> deidentify -> catalog."""
        truth = f"{COLLECTION}.csv" if self.options.source == "standin" else ""
        run = self.admin.trigger("fetch_tcia", {
            "collection": self.collection, "connection": self.connection, "truth_file": truth, "owner": "admin",
            "team": TEAM, "visibility": "team", "modality": "CT" if self.options.source == "tcia" else "",
            "limit": 4 if self.options.source == "tcia" else 0,
        })  # fmt: skip
        state = self.admin.wait("fetch_tcia", run, 420)
        if state != "success":
            reasons = self.query("select reason from landing.received_series where state = 'failed'")
            raise SystemExit("The fetch failed: " + " ".join(str(row[0]) for row in reasons))
        counts = dict(
            self.query(
                "select state, count(*) from landing.received_series where collection = %s group by 1",
                self.collection,
            )
        )
        self.say(f"fetch: {sum(counts.values())} series of {self.collection} are here ({self.size()})")
        self.wait_deidentified()
        held, cut = self.query(
            "select (select count(*) from landing.received_series where state = 'deidentified'),"
            " (select count(*) from landing.received_series where state = 'quarantined')"
        )[0]
        codes = [
            row[0] for row in self.query("select distinct reason_code from landing.quarantine order by 1")
        ]
        pictures, findings = self.cleaned()
        self.say(
            f"deidentify: {held} series in the research store, {cut} in quarantine ({', '.join(codes) or 'none'}); "
            f"burned-in text removed from {pictures} picture{'' if pictures == 1 else 's'}; "
            f"{findings} verifier findings; report: {self.base}{self.batch()}"
        )
        if not held:
            raise SystemExit("Nothing could be de-identified; see the DAG deidentify in the Airflow UI.")

    def cleaned(self) -> tuple[int, int]:
        """Pictures of the collection that lost text, and series that the verifier refused, as the last reports say."""
        pictures, findings = self.query(
            "select coalesce(sum((report #>> '{pixels,touched}')::int), 0),"
            " count(*) filter (where reason_code = 'verifier-finding' or finding_count > 0)"
            " from catalog.deid_report where id in (select max(d.id) from catalog.deid_report d"
            " join landing.received_series r on r.id = d.received_id where r.collection = %s group by r.id)",
            self.collection,
        )[0]
        return int(pictures), int(findings)

    def batch(self) -> str:
        """Address of the page about the batch that de-identified the collection; of all batches where none is known."""
        (number,) = self.query(
            "select max(d.batch_id) from catalog.deid_report d"
            " join landing.received_series r on r.id = d.received_id where r.collection = %s", self.collection
        )[0]  # fmt: skip
        return "/radflow/deidentification" + (f"/batches/{number}" if number else "")

    def wait_deidentified(self) -> None:
        """Until nothing waits in the landing zone and nothing is being worked on; ends early where that failed."""
        idle = 0
        while idle < 15:
            waiting = self.query("select count(*) from landing.received_series where state = 'received'")[0][
                0
            ]
            working = self.admin.active("deidentify")
            if not waiting and not working:
                return
            idle = 0 if working else idle + 1
            time.sleep(1)
        raise SystemExit(f"{waiting} received series were not de-identified: {self.base}/dags/deidentify")

    def size(self) -> str:
        """How much was received."""
        (total,) = self.query("select coalesce(sum(byte_count), 0) from landing.received_series")[0]
        return f"{float(total) / 1e6:.0f} MB"

    def curate(self) -> None:
        """Two sign-offs by two people, a third where they differ."""
        if self.options.curate == "me":
            self.wait_for_person()
            return
        people = {role: self.api(name) for role, name in
                  {"first_read": "curator1", "second_read": "curator2", "adjudicate": "adjudicator"}.items()}  # fmt: skip
        answered = {role: 0 for role in people}
        until = time.monotonic() + 300
        while self.held():
            for question in self.admin.questions():
                role = question["task_instance"]["task_id"].rpartition(".")[2]
                if people[role].answer(question, "accept", self.reading(question, role)):
                    answered[role] += 1
            if time.monotonic() > until:
                raise SystemExit("Curation did not end; see Browse > Required Actions in the Airflow UI.")
            time.sleep(0.5)
        (released,) = self.query("select count(*) from catalog.series where state = 'released'")[0]
        self.say(
            f"curate: {answered['first_read']} + {answered['second_read']} sign-offs by curator1 and curator2, "
            f"{answered['adjudicate']} adjudicated; {released} series released"
        )

    def held(self) -> int:
        """Series that wait for people."""
        return int(self.query("select count(*) from catalog.series where state = 'held'")[0][0])

    def reading(self, question: dict[str, Any], role: str) -> dict[str, Any]:
        """What the demo's readers say: low dose by the exposure on the form; once they differ."""
        exposure = question["body"].partition(" kVp, ")[2].partition(" mAs")[0]
        low = exposure.replace(".", "", 1).isdigit() and float(exposure) <= 80
        tags = [CHEST, DIAGNOSTIC, *([LOW_DOSE] if low else [])]
        if role == "second_read" and question["task_instance"]["map_index"] == 0:
            return {"tags": [*tags, "DCM:130578"], "comment": "Noisy, but readable."}
        return {"tags": tags, "comment": "Dose as stated in the header." if role == "adjudicate" else None}

    def wait_for_person(self) -> None:
        """Show where the forms are, and wait where somebody sits at the terminal."""
        self.until(lambda: self.admin.questions() or not self.held(), 120, "the first question")
        if not self.held():
            return
        print(f"\n{self.held()} series wait for two curators: {self.base}/required_actions")
        for name in ("curator1", "curator2", "adjudicator"):
            print(f"  sign in as {name:12} {self.state.passwords()[name]}")
        if not sys.stdin.isatty():
            print("Answer them, then run `make demo CURATE=me` again; it goes on from here.")
            raise SystemExit(3)
        print("Waiting for the answers (Ctrl-C is safe; `make demo CURATE=me` goes on from here).")
        self.until(lambda: not self.held(), 24 * 3600, "the curators")

    def cohort(self) -> str:
        """Freeze; the same members are the same cohort."""
        run = self.researcher.trigger("cohort", {
            "name": COHORT, "criteria": {"all": CRITERIA[self.options.source]}, "team": TEAM, "visibility": "team",
        })  # fmt: skip
        if self.researcher.wait("cohort", run, 120) != "success":
            raise SystemExit("The cohort could not be frozen; see the DAG cohort in the Airflow UI.")
        version, members = self.query(
            "select c.version, count(*) from experiment.cohort c join experiment.cohort_member m on m.cohort_id = c.id"
            " where c.name = %s group by c.id order by c.version desc limit 1", COHORT
        )[0]  # fmt: skip
        self.say(f"cohort: {COHORT}@{version} frozen, {members} series")
        return f"{COHORT}@{version}"

    def experiment(self, cohort: str) -> str:
        """Register the specification through our API, trigger its DAG through Airflow's."""
        registered = self.researcher.call(
            "POST", "/radflow/api/v1/experiments",
            json={"spec": EXPERIMENT.read_text(encoding="utf-8"), "visibility": "team", "team": TEAM},
        )  # fmt: skip
        dag_id = registered["dag_id"]
        self.until(
            lambda: self.researcher.call("GET", f"/api/v2/dags/{dag_id}", ok=(404,)), 90, f"the DAG {dag_id}"
        )
        self.until(lambda: self.offered(dag_id, cohort), 90, f"{cohort} among the choices of {dag_id}")
        run_id = self.researcher.trigger(dag_id, {"cohort": cohort, "visibility": "team"})
        self.say(f"experiment: {dag_id} triggered")
        shown = 0.0

        def tell() -> None:
            nonlocal shown
            if time.monotonic() - shown > 10:
                shown = time.monotonic()
                done = self.query(
                    "select count(*) from experiment.step_run s join experiment.run r on r.id = s.run_id"
                    " where r.dag_run_id = %s", run_id
                )[0][0]  # fmt: skip
                self.say(f"  {done} step results")

        state = self.researcher.wait(dag_id, run_id, 480, tell)
        self.say(f"experiment: {state}")
        return f"{dag_id}/{run_id}"

    def offered(self, dag_id: str, cohort: str) -> bool:
        """Is the cohort among the form's choices already (its DAG is parsed anew every few seconds)?"""
        details = self.researcher.call("GET", f"/api/v2/dags/{dag_id}/details")
        schema = details["params"]["cohort"].get("schema") or {}
        return cohort in (schema.get("examples") or [])

    def results(self, run_key: str) -> int:
        """Print what Postgres holds; status 0 only if every arm has every case."""
        dag_id, _, dag_run_id = run_key.partition("/")
        run = self.researcher.call(
            "GET", "/radflow/api/v1/runs/by-dag-run", params={"dag_id": dag_id, "run_id": dag_run_id}
        )
        from research.comparison import ArmDifference
        from research.metrics import MetricRow
        from research.report import results_table

        def rows(what: str, kind: Any) -> list[Any]:
            told = self.researcher.call("GET", f"/radflow/api/v1/runs/{run['id']}/{what}")
            return [kind(**{k: v for k, v in row.items() if k in kind.__dataclass_fields__}) for row in told]

        print("\n" + results_table(rows("metrics", MetricRow), rows("comparisons", ArmDifference)))
        counted = "select arm, count(value) from experiment.case_result where run_id = %s group by arm"
        arms = dict(self.query(counted, run["id"]))
        (cases, runtime, reason) = self.query(
            "select case_count, runtime, runtime_reason from experiment.run where id = %s", run["id"]
        )[0]
        print(f"Runtime of the models: {runtime}. {reason}")
        passwords = self.state.passwords()
        print("\nWhere to look:")
        for what, path in {
            "results of this run": f"/dags/{dag_id}/runs/{dag_run_id}/plugin/results",
            "the same page alone": f"/radflow/runs/by-dag-run?dag_id={dag_id}&run_id={dag_run_id}",
            "leaderboard": "/radflow/leaderboard",
            "de-identification": self.batch(),
            "quarantine": "/radflow/deidentification/quarantine",
            "our API": "/radflow/docs",
            "Airflow": "/",
        }.items():
            print(f"  {what:20} {self.base}{path}")
        print(
            f"  sign in as researcher with {passwords['researcher']} (others: {self.state.root / 'passwords.json'}; "
            "the quarantine is for admin, engineer and broker)"
        )
        whole = bool(arms) and all(count == cases for count in arms.values())
        self.say(f"{'every' if whole else 'NOT every'} case of every arm has a result in Postgres "
                 f"({', '.join(f'{arm} {count} of {cases}' for arm, count in sorted(arms.items()))})")  # fmt: skip
        print("It keeps running: `make status`, `make logs`, `make down`.")
        return 0 if whole else 1

    def until(self, true: Any, patience: float, what: str) -> None:
        """Wait for a condition."""
        end = time.monotonic() + patience
        while not true():
            if time.monotonic() > end:
                raise SystemExit(
                    f"Waited {patience:.0f} s for {what} in vain; see `make logs` and the Airflow UI."
                )
            time.sleep(1)

    def run(self) -> int:
        """All stages."""
        self.start()
        self.fetch()
        self.curate()
        return self.results(self.experiment(self.cohort()))


def write_truth(source: Path, target: Path) -> None:
    """The stand-in's truth table in the form that the fetch DAG reads."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_suffix(f".{os.getpid()}")
    with (
        source.open(newline="", encoding="utf-8") as lines,
        temporary.open("w", newline="", encoding="utf-8") as out,
    ):
        writer = csv.writer(out)
        writer.writerow(["series_uid", "name", "value", "origin"])
        for row in csv.DictReader(lines):
            if row["emphysema_fraction"]:
                writer.writerow(
                    [
                        row["series_instance_uid"],
                        "emphysema_fraction",
                        row["emphysema_fraction"],
                        "known by construction",
                    ]
                )
    temporary.replace(target)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--source", choices=["standin", "tcia"], default="standin", help="stand-in server or the real TCIA"
    )
    parser.add_argument("--collection", help="another collection of that server")
    parser.add_argument("--curate", choices=["demo", "me"], default="demo", help="who answers the sign-offs")
    parser.add_argument(
        "--small", action="store_true", help="tiny synthetic images instead of the real volumes (tests)"
    )
    try:
        return Demo(parser.parse_args()).run()
    except ApiError as error:
        print(f"Airflow refused: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
