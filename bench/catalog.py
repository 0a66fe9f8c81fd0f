"""The catalog at the size of a public index: load, the portal's questions, and five cohorts beside duckdb.

    python bench/catalog.py [--index idc_index.parquet] [--samples 40] [--rounds 7]

One embedded Postgres with its own defaults (nothing is turned off), one client. Every question is asked as the role
``radflow_portal`` under row-level security, through the portal's own statements. duckdb (pip install duckdb) reads the
parquet file with as many threads as there are cores, in turn with Postgres; counts of both must be the same.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:] = [
    str(HERE.parent),
    str(HERE.parent / "plugins"),
    *(place for place in sys.path if Path(place).resolve() != HERE),
]
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="radflow-bench-airflow-")

import psycopg2

from operators.listing import load_listing, settle
from operators.work import Work
from radflow_portal import catalog_filters as portal
from radflow_portal.db import Database as Portal
from research.catalog import find_index
from tests.support.cluster import Cluster, Database, cluster

LOAD_S, QUERY_MS = 180.0, 300.0
LARGE = 1_000_000
SEED = 20_26
WORDS = (
    "chest", "lung", "b30f", "standard", "flair", "t1 axial", "segmentation", "spleen", "liver ct", "mammo", "cc",
    "thorax", "abdomen pelvis", "dwi adc", "nodule", "rtstruct", "oblique", "left breast", "head neck", "vessel",
    "lung nodule", "t2 tse", "pet", "scout", "helical", "wrist", "unknownword", "mpr", "coronal", "soft tissue",
)  # fmt: skip


def say(
    name: str,
    value: float | None,
    unit: str,
    goal: float | None = None,
    *,
    met: bool | None = None,
    **more: Any,
) -> None:
    """One result."""
    shown = None if value is None else round(value, 3)
    print(
        json.dumps({"name": name, "value": shown, "unit": unit, "goal": goal, "met": met, **more}), flush=True
    )


# -- the five cohorts, for both --------------------------------------------------------------------------

IN = "s.facet_id = any (array(select f.id from catalog.facet f where {}))"
ALSO = (
    "s.study_no in (select t.study_no from catalog.study_facet t "
    "where t.facet_id = any (array(select f.id from catalog.facet f where {})))"
)
PATIENTS = "select count(*), count(distinct s.patient_no) from catalog.series s where "
FREE = "('CC BY 3.0', 'CC BY 4.0')"
GLIOMA = ("upenn_gbm", "eay131")
FIVE: dict[str, tuple[str, str]] = {
    "nlst_ct_with_segmentation": (
        "select count(*), count(distinct s.study_no), count(distinct s.patient_no) from catalog.series s where "
        + IN.format("f.collection = 'nlst' and f.modality = 'CT'")
        + " and s.image_count >= 100 and "
        + ALSO.format("f.modality = 'SEG' and f.analysis_result = 'totalsegmentator_ct_segmentations'"),
        "select count(*), count(distinct StudyInstanceUID), count(distinct PatientID) from '{file}' "
        "where collection_id = 'nlst' and Modality = 'CT' and instanceCount >= 100 and StudyInstanceUID in "
        "(select StudyInstanceUID from '{file}' where Modality = 'SEG' "
        "and analysis_result_id = 'totalsegmentator_ct_segmentations')",
    ),
    "nlst_low_dose_thin_soft": (
        PATIENTS
        + IN.format("f.collection = 'nlst' and f.modality = 'CT'")
        + " and s.convolution_kernel in ('STANDARD', 'B30f', 'FC01', 'FC02', 'FC10', 'FC51', 'C', 'B')"
        " and s.slice_thickness_mm <= 2.5 and s.exposure_mas between 1 and 80",
        "with p as (select PatientID, string_split(SeriesDescription, ',') as f from '{file}' "
        "where collection_id = 'nlst' and Modality = 'CT') select count(*), count(distinct PatientID) from p "
        "where len(f) = 11 and f[5] in ('STANDARD', 'B30f', 'FC01', 'FC02', 'FC10', 'FC51', 'C', 'B') "
        "and try_cast(f[7] as double) <= 2.5 and try_cast(f[9] as double) between 1 and 80",
    ),
    "glioblastoma_mr_age": (
        "select count(*), count(distinct s.study_no), count(distinct s.patient_no) from catalog.series s where "
        + IN.format(f"f.modality = 'MR' and f.collection in {GLIOMA}")
        + " and s.patient_age_years >= 50 and s.patient_age_years < 71",
        "select count(*), count(distinct StudyInstanceUID), count(distinct PatientID) from '{file}' "
        f"where Modality = 'MR' and collection_id in {GLIOMA} and PatientAge like '%Y' "
        "and try_cast(PatientAge[:3] as integer) between 50 and 70",
    ),
    "lidc_with_nodule_segmentation": (
        PATIENTS
        + IN.format(f"f.collection = 'lidc_idri' and f.modality = 'CT' and f.licence in {FREE}")
        + " and s.image_count >= 200 and "
        + ALSO.format("f.modality = 'SEG' and f.analysis_result = 'dicom_lidc_idri_nodules'"),
        "select count(*), count(distinct PatientID) from '{file}' where collection_id = 'lidc_idri' and Modality = 'CT' "
        f"and instanceCount >= 200 and license_short_name in {FREE} and StudyInstanceUID in (select StudyInstanceUID "
        "from '{file}' where Modality = 'SEG' and analysis_result_id = 'dicom_lidc_idri_nodules')",
    ),
    "chest_ct_with_rtstruct": (
        "select count(*), count(distinct x.patient_no), count(distinct f.collection) "
        "from (select s.patient_no, s.facet_id from catalog.series s where "
        + IN.format(f"f.modality = 'CT' and f.body_part in ('CHEST', 'LUNG') and f.licence in {FREE}")
        + " and "
        + ALSO.format("f.modality = 'RTSTRUCT'")
        + ") x join catalog.facet f on f.id = x.facet_id",
        "select count(*), count(distinct collection_id || PatientID), count(distinct collection_id) from '{file}' "
        f"where Modality = 'CT' and BodyPartExamined in ('CHEST', 'LUNG') and license_short_name in {FREE} "
        "and StudyInstanceUID in (select StudyInstanceUID from '{file}' where Modality = 'RTSTRUCT')",
    ),
}
KNOWN = {
    "nlst_ct_with_segmentation": (115_576, 71_292, 26_140),
    "nlst_low_dose_thin_soft": (67_098, 23_937),
    "glioblastoma_mr_age": (2_951, 2_086, 439),
    "lidc_with_nodule_segmentation": (467, 467),
    "chest_ct_with_rtstruct": (2_991, 607, 8),
}
"""What version 25 of the index holds, counted independently."""

FOLLOW_UP = (
    "with taken as materialized (select s.patient_no, s.study_date, s.image_count from catalog.series s where "
    + IN.format("f.collection = any (%(collection)s) and f.modality = %(modality)s")
    + "), later as (select distinct patient_no, study_date from taken) "
    "select count(*), count(distinct b.patient_no) from taken b where b.image_count >= %(images)s and exists ("
    "select from later l where l.patient_no = b.patient_no "
    "and l.study_date between b.study_date + %(low)s and b.study_date + %(high)s)"
)
THREE = (
    PATIENTS
    + IN.format("f.modality = %(modality)s and f.body_part_label = any (%(body_part)s) and f.sex = %(sex)s")
    + " and s.image_count >= %(images)s and "
    + ALSO.format("f.modality = any (%(also)s)")
)


class Asker:
    """Asks as one person, a transaction each, and keeps how long it took."""

    def __init__(self, dsn: str) -> None:
        self.portal = Portal(dsn)

    def timed(self, work: Callable[[Any], Any]) -> tuple[float, Any]:
        """Milliseconds and the answer; opening the transaction is part of it."""
        begin = time.perf_counter()
        with self.portal.as_account("erin") as session:
            answer = work(session)
        return 1000 * (time.perf_counter() - begin), answer

    def spent(self, work: Callable[[Any], Any]) -> float:
        """Milliseconds of CPU that the server process needs for it."""
        with self.portal.as_account("erin") as session:
            pid = session.all_of("select pg_backend_pid() as pid")[0]["pid"]
            clock = Path(f"/proc/{pid}/schedstat")
            begin = int(clock.read_text().split()[0])
            work(session)
            return (int(clock.read_text().split()[0]) - begin) / 1e6

    def report(self, name: str, works: list[Callable[[Any], Any]]) -> None:
        """p50 and p95 of many questions of a kind, each asked once in random order after one to warm up."""
        self.timed(works[0])
        times = sorted(self.timed(work)[0] for work in works)
        p95 = times[min(len(times) - 1, int(0.95 * len(times)))]
        say(f"{name}_p50", statistics.median(times), "ms", n=len(times))
        say(f"{name}_p95", p95, "ms", QUERY_MS, met=p95 < QUERY_MS, n=len(times))
        cpu = sorted(self.spent(work) for work in works)
        say(f"{name}_p95_cpu", cpu[min(len(cpu) - 1, int(0.95 * len(cpu)))], "ms", n=len(cpu))


def serve(made: Cluster) -> Database:
    """A new database on a server with its own defaults."""
    made.admin("alter system reset all")
    made.admin("select pg_reload_conf()")
    return made.new()


def server_cpu(pid: int) -> float:
    """CPU seconds of one server process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(database: Database, path: str) -> Path:
    """Load once, and once more, which must change nothing."""
    index = find_index(path)
    with database.cursor() as cursor:
        cursor.execute("insert into access.account (name, display_name) values ('admin', 'A'), ('erin', 'E')")
    tell = lambda text: print(text, file=sys.stderr, flush=True)  # noqa: E731
    with closing(psycopg2.connect(database.dsn())) as connection:
        begin, own = time.perf_counter(), time.process_time()
        with connection, connection.cursor() as cursor:
            done = load_listing(Work(cursor), index, owner="admin", tell=tell)
        settle(connection)
        wall = time.perf_counter() - begin
        spent = server_cpu(connection.info.backend_pid) + time.process_time() - own
    large = done.series > LARGE
    say("load_series", done.added, "series")
    say("load", wall, "s", LOAD_S if large else None, met=wall < LOAD_S if large else None)
    say(
        "load_cpu",
        spent,
        "s",
        note="of client and server process: what the load takes on a machine of its own",
    )
    begin = time.perf_counter()
    with closing(psycopg2.connect(database.dsn())) as connection, connection, connection.cursor() as cursor:
        again = load_listing(Work(cursor), index, owner="admin", tell=tell)
    say("load_again", time.perf_counter() - begin, "s", met=again.unchanged and again.added == 0)
    say("misfiled", database.value("select catalog.misfiled()", role="radflow_owner"), "series", 0,
        met=database.value("select catalog.misfiled()", role="radflow_owner") == 0)  # fmt: skip
    size = database.value("select pg_database_size(current_database())")
    say("database", size / 1e9, "GB")
    return index.path


def some_filters(
    values: dict[str, list[str]], chance: random.Random, words: str | None = None
) -> portal.Filters:
    """Zero to four facets with one or two of their values; the more frequent a value, the likelier."""
    chosen: dict[str, list[str] | None] = dict.fromkeys(portal.FACETS)
    for name in chance.sample([f for f in portal.FACETS if values[f]], chance.choice((0, 1, 1, 2, 2, 3, 4))):
        weights = [1 / (rank + 1) for rank in range(len(values[name]))]
        chosen[name] = chance.choices(values[name], weights, k=chance.choice((1, 1, 2)))
    return portal.Filters(chosen, portal.words_of(words))


def facets(filters: portal.Filters) -> Callable[[Any], Any]:
    """What the route /facets asks."""
    totals = "portal_facets_totals_text" if filters.words else "portal_facets_totals"
    return lambda session: (
        session.one(totals, **filters.parameters), session.all("portal_facets", **filters.parameters),
    )  # fmt: skip


def study_pages(filters: portal.Filters, sort: str) -> Callable[[Any], Any]:
    """The first page of studies, and the next where there is one."""
    nothing = {"patient": None, "also": None, "study_uid": None}

    def ask(session: Any) -> Any:
        _, place = portal.studies(session, filters, sort, 50, None, **nothing)
        return place

    return ask


def next_page(filters: portal.Filters, sort: str, place: str) -> Callable[[Any], Any]:
    """A later page."""
    nothing = {"patient": None, "also": None, "study_uid": None}
    return lambda session: portal.studies(session, filters, sort, 50, place, **nothing)


def questions(asker: Asker, samples: int) -> None:
    """Everything that the portal asks, over many values."""
    chance = random.Random(SEED)
    _, (_, rows) = asker.timed(facets(portal.Filters(dict.fromkeys(portal.FACETS), None)))
    values = {name: [r["value"] for r in rows if r["facet"] == name] for name in portal.FACETS}
    sorts = ("-study_date", "study_date", "-image_count", "image_count", "patient", "-patient")
    plain = [some_filters(values, chance) for _ in range(samples)]
    texts = [some_filters(values, chance, WORDS[n % len(WORDS)]) if n % 2 else
             portal.Filters(dict.fromkeys(portal.FACETS), portal.words_of(WORDS[n % len(WORDS)]))
             for n in range(samples)]  # fmt: skip
    asker.report("facets", [facets(one) for one in plain])
    asker.report("facets_text", [facets(one) for one in texts])
    ordered = [(one, chance.choice(sorts)) for one in plain]
    asker.report("studies", [study_pages(*one) for one in ordered])
    places = [(*one, asker.timed(study_pages(*one))[1]) for one in ordered]
    asker.report("studies_next", [next_page(*one) for one in places if one[2]])
    asker.report("studies_text", [study_pages(one, chance.choice(sorts)) for one in texts])
    asker.report(
        "series",
        [
            lambda s, one=one: portal.series(s, one, 50, None, series_uid=None, study_uid=None)
            for one in plain
        ],
    )
    asker.report("collections", [lambda s: s.page("portal_collections", 50, 0, name=None)] * 10)
    three = [
        {"modality": chance.choice(("CT", "MR", "MG", "PT")), "sex": chance.choice("MF"),
         "images": chance.choice((1, 50, 100)), "body_part": chance.sample(values["body_part"][:12], 2),
         "also": chance.sample(("SEG", "RTSTRUCT", "SR", "CT"), 1)}
        for _ in range(samples)
    ]  # fmt: skip
    asker.report("cohort_three_predicates", [lambda s, p=p: s.all_of(THREE, **p) for p in three])
    named = values["collection"]
    windows = [
        {"collection": ["nlst"] if n % 4 == 0 else chance.sample(named, 3), "modality": chance.choice(("CT", "CT", "MR")),
         "images": chance.choice((1, 50, 100)), "low": (low := chance.choice((30, 180, 300))), "high": low + 150}
        for n in range(samples)
    ]  # fmt: skip
    asker.report("cohort_follow_up", [lambda s, p=p: s.all_of(FOLLOW_UP, **p) for p in windows])


def five(asker: Asker, path: Path, rounds: int, *, large: bool) -> None:
    """Both, in turn; the best of the rounds counts, as what else runs on the machine only adds."""
    try:
        import duckdb
    except ImportError:
        duckdb = None
        say("duckdb", None, "", note="absent: pip install duckdb")
    for name, (ours, theirs) in FIVE.items():
        mine: list[float] = []
        peers: list[float] = []
        counts: set[tuple[int, ...]] = set()
        named = f"select * from ({ours}) as t ({', '.join('abc'[: len(KNOWN[name])])})"
        for _ in range(rounds):
            took, answer = asker.timed(lambda session, text=named: session.all_of(text))
            mine.append(took)
            counts.add(tuple(answer[0].values()))
            if duckdb is not None:
                with duckdb.connect() as peer:
                    begin = time.perf_counter()
                    counts.add(tuple(peer.execute(theirs.replace("{file}", str(path))).fetchone()))
                    peers.append(1000 * (time.perf_counter() - begin))
        right = len(counts) == 1 and (not large or counts == {KNOWN[name]})
        say(f"{name}_counts", next(iter(counts))[0], "series", KNOWN[name][0] if large else None, met=right,
            counts=sorted(counts))  # fmt: skip
        say(
            f"{name}",
            statistics.median(mine),
            "ms",
            QUERY_MS,
            met=statistics.median(mine) < QUERY_MS,
            n=rounds,
        )
        if peers:
            ratio = statistics.median(peers) / statistics.median(mine)
            say(f"{name}_duckdb", statistics.median(peers), "ms", n=rounds)
            say(f"{name}_speedup", ratio, "x", 1.0, met=ratio >= 1.0)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--index", default="", help="idc_index.parquet; that of the installed package where omitted"
    )
    parser.add_argument("--samples", type=int, default=40, help="questions of each kind")
    parser.add_argument("--rounds", type=int, default=7, help="of the five questions beside duckdb")
    options = parser.parse_args()
    with cluster() as made:
        database = serve(made)
        path = load(database, options.index)
        say(
            "load_average",
            os.getloadavg()[0],
            "processes",
            note="what else ran on the machine adds to every time here",
        )
        asker = Asker(database.dsn("radflow_portal"))
        large = database.value("select count(*) from catalog.series") > LARGE
        five(asker, path, options.rounds, large=large)
        questions(asker, options.samples)
        asker.portal.close()


if __name__ == "__main__":
    main()
