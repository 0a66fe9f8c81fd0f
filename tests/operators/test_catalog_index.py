"""A public index in the catalog: all of it or nothing, twice is once, and every count is exact."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from operators.catalog import CatalogIndexOperator
from operators.exceptions import DatabaseError
from operators.hooks.research_db import ResearchDbHook
from operators.listing import load_listing
from research.catalog import CatalogIndexError, find_index
from tests.support import rows
from tests.support.cluster import ROOT, Database
from tests.support.idc_index import one, write
from tests.support.place import TEAM, Place, context

CUBE = "select sum(series_count), sum(image_count) from catalog.facet"


@pytest.fixture
def here(database: Database, tmp_path: Path):
    """An empty installation without a server."""
    database.empty()
    with Place(database, tmp_path).used() as made:
        made.people()
        yield made


def load(path: Path) -> dict[str, Any]:
    return CatalogIndexOperator(task_id="list", path=str(path)).execute(context())


def sound(database: Database) -> None:
    """The derived rows are what counting anew gives."""
    assert database.value("select catalog.misfiled()", role="radflow_owner") == 0
    assert database.rows(
        "select facet_id, count(*), sum(image_count) from catalog.series group by 1 order by 1"
    ) == database.rows(
        "select id, series_count, image_count from catalog.facet where series_count > 0 order by 1"
    )
    assert database.rows(
        "select study_no, facet_id, patient_no, share_id, count(*) from catalog.series "
        "group by 1, 2, 3, 4 order by 1, 2, 3"
    ) == database.rows("select * from catalog.study_facet order by 1, 2, 3")
    for kind in ("study", "patient"):
        assert database.rows(
            f"select facet_id, count(distinct {kind}_no) from catalog.series group by 1 order by 1"
        ) == database.rows(
            "select facet_id, sum(bit_count(members)) from catalog.facet_members where kind = %s group by 1 "
            "having sum(bit_count(members)) > 0 order by 1", kind
        )  # fmt: skip
    assert database.rows(
        "select t.study_no, t.series_count, t.image_count, t.modalities, t.share_ids from catalog.study t order by 1"
    ) == database.rows(
        "select t.study_no, count(s.series_uid), coalesce(sum(s.image_count), 0), "
        "coalesce(array_agg(distinct s.modality) filter (where s.modality is not null), '{}'), "
        "coalesce(array_agg(distinct s.share_id) filter (where s.share_id is not null), '{}') "
        "from catalog.study t left join catalog.series s using (study_no) group by 1 order by 1"
    )
    assert database.rows("select patient_no, share_ids from catalog.patient order by 1") == database.rows(
        "select p.patient_no, coalesce(array_agg(distinct s.share_id) filter (where s.share_id is not null), '{}') "
        "from catalog.patient p left join catalog.series s using (patient_no) group by 1 order by 1"
    )


ROWS = [
    one(1),
    one(2, Modality="SEG", analysis_result_id="lobes", BodyPartExamined=None, PatientSex=None),
    one(1, study=2, patient="P2", BodyPartExamined="Left Breast", Modality="MG", PatientAge="155Y",
        license_short_name="CC BY-NC 4.0"),
    one(1, study=3, patient="P2", collection_id="other", BodyPartExamined="BD CT ABD WO_W C", Manufacturer="SIEMENS"),
    one(2, study=3, patient="P3", collection_id="other", BodyPartExamined="strange", StudyDate="2001-02-01"),
]  # fmt: skip


def test_rows_codes_and_counts(here: Place, tmp_path: Path) -> None:
    done = load(write(tmp_path / "i.parquet", ROWS))
    assert (done["series"], done["added"], done["removed"], done["skipped"]) == (5, 5, 0, 0)
    database = here.database
    assert database.rows(
        "select state, visibility::text, owner, count(*) from catalog.series group by 1, 2, 3"
    ) == [("listed", "public", "admin", 5)]
    assert database.rows(
        "select s.body_part_code, c.match_quality from catalog.series s left join catalog.body_part_code c "
        "on c.value = catalog.fold(s.body_part) order by s.study_uid, s.series_uid"
    ) == [
        ("SCT:816094009", "exact"),
        (None, None),
        ("SCT:80248007", "exact"),
        ("SCT:818981001", "approximate"),
        (None, None),
    ]
    assert (
        database.value("select patient_age_years from catalog.series where series_uid = '2.25.2.1'") is None
    )
    assert (
        database.value("select attributes ->> 'PatientAge' from catalog.series where series_uid = '2.25.2.1'")
        == "155Y"
    )
    assert database.rows("select licence, licence_uri from catalog.series where series_uid = '2.25.2.1'") == [
        ("CC BY-NC 4.0", "https://creativecommons.org/licenses/by-nc/4.0/")
    ]
    assert database.rows(
        "select modalities, body_parts, analysis_results, study_date::text from catalog.study order by study_uid"
    ) == [
        (["CT", "SEG"], ["Chest"], ["lobes"], "2001-02-03"),
        (["MG"], ["Left breast"], [], "2001-02-03"),
        (["CT"], ["Abdomen", "strange"], [], "2001-02-01"),
    ]
    sound(database)


def test_a_second_load_changes_nothing(here: Place, tmp_path: Path) -> None:
    path = write(tmp_path / "i.parquet", ROWS)
    load(path)
    before = here.database.rows("select xmin::text, series_uid from catalog.series order by 2")
    again = load(path)
    assert again["unchanged"]
    assert here.database.rows("select xmin::text, series_uid from catalog.series order by 2") == before
    assert here.database.value("select count(*) from catalog.listing") == 1


def test_another_version_changes_what_differs(here: Place, tmp_path: Path) -> None:
    load(write(tmp_path / "i.parquet", ROWS))
    kept = here.database.value("select xmin::text from catalog.series where series_uid = '2.25.1.1'")
    other = [ROWS[0], {**ROWS[1], "analysis_result_id": "lobes 2"}, *ROWS[3:], one(9, study=9, patient="P9")]
    done = load(write(tmp_path / "j.parquet", other))
    assert (done["added"], done["removed"]) == (2, 2)
    found = here.database.rows("select series_uid, analysis_result from catalog.series order by 1")
    assert found == [
        ("2.25.1.1", None),
        ("2.25.1.2", "lobes 2"),
        ("2.25.3.1", None),
        ("2.25.3.2", None),
        ("2.25.9.9", None),
    ]
    assert here.database.value("select xmin::text from catalog.series where series_uid = '2.25.1.1'") == kept
    sound(here.database)
    assert here.database.value("select count(*) from catalog.study where share_ids = '{}'") == 1


def test_a_series_that_is_here_is_left_alone(here: Place, tmp_path: Path) -> None:
    made = rows.release(here.database, rows.series(here.database, "mine", owner="admin"))
    done = load(write(tmp_path / "i.parquet", [*ROWS, {**one(1), "SeriesInstanceUID": made}]))
    assert (done["skipped"], done["added"]) == (1, 5)
    assert here.database.value("select state from catalog.series where series_uid = %s", made) == "released"
    sound(here.database)


def test_a_bad_index_leaves_nothing(here: Place, tmp_path: Path) -> None:
    with pytest.raises(CatalogIndexError, match="twice"):
        load(write(tmp_path / "i.parquet", [one(1), one(1)]))
    with pytest.raises(CatalogIndexError, match="no modality"):
        load(write(tmp_path / "i.parquet", [one(1), one(2, Modality=None)]))
    with pytest.raises(DatabaseError):
        CatalogIndexOperator(
            task_id="list", path=str(write(tmp_path / "k.parquet", ROWS)), account="ghost"
        ).execute(context())
    assert here.database.value("select count(*) from catalog.series") == 0
    assert here.database.value("select count(*) from catalog.share") == 0


def test_a_listed_series_is_nobodys_to_release(here: Place, tmp_path: Path) -> None:
    load(write(tmp_path / "i.parquet", ROWS))
    for role, account in (("first", "cora"), ("second", "curt")):
        rows.sign(here.database, "2.25.1.1", role, account)
    with pytest.raises(psycopg2.errors.RestrictViolation, match="only listed"):
        rows.settle(here.database, "2.25.1.1")


def test_only_listed_series_can_go(here: Place) -> None:
    made = rows.series(here.database, "mine")
    with pytest.raises(psycopg2.errors.RestrictViolation, match="stays in the catalog"):
        here.database.rows("delete from catalog.series where series_uid = %s", made)


def test_single_series_are_counted_as_they_come_and_change(here: Place, tmp_path: Path) -> None:
    """The way of ``CatalogOperator`` and of the release, beside a listing."""
    load(write(tmp_path / "i.parquet", ROWS))
    database = here.database
    made = [
        rows.series(database, f"s{n}", patient=f"p{n % 2}", owner="alice", team=TEAM if n == 1 else None,
                    visibility=("private", "team", "public")[n], manufacturer="siemens")
        for n in range(3)
    ]  # fmt: skip
    sound(database)
    assert database.value(CUBE.replace("sum(image_count)", "count(*)")) == 8
    rows.release(database, made[0])
    for role, account in (("first", "cora"), ("second", "curt")):
        rows.sign(database, made[1], role, account, decision="reject", tags=())
    rows.settle(database, made[1], "rejected")
    sound(database)
    assert database.rows(
        "select h.state, f.manufacturer_label, f.series_count from catalog.facet f "
        "join catalog.share h on h.id = f.share_id where h.collection = 'chest' and f.series_count > 0 order by 1"
    ) == [("held", "Siemens", 1), ("rejected", "Siemens", 1), ("released", "Siemens", 1)]


def test_two_tasks_that_enter_series_of_one_study_see_both(here: Place) -> None:
    database = here.database
    first = rows.series(database, "one")
    place = database.rows(
        "select study_uid, collection, patient_alias from catalog.series where series_uid = %s", first
    )[0]
    text = (
        "insert into catalog.series (series_uid, study_uid, collection, patient_alias, modality, image_count, uri, "
        "manifest_sha256, policy_sha256, owner, visibility) "
        "values (%s, %s, %s, %s, %s, 1, 'u', 'm', %s, 'admin', 'public')"
    )
    with database.cursor() as cursor:
        cursor.execute(text, (rows.uid("a"), *place, "SR", rows.sha("policy")))
        other = threading.Thread(
            target=lambda: database.rows(text, rows.uid("b"), *place, "SEG", rows.sha("policy"))
        )
        other.start()
        other.join(0.5)
    other.join(20)
    assert database.value("select modalities from catalog.study where study_uid = %s", place[0]) == [
        "CT",
        "SEG",
        "SR",
    ]
    sound(database)


def test_progress_is_told(here: Place, tmp_path: Path) -> None:
    said: list[str] = []
    with ResearchDbHook().transaction() as work:
        load_listing(
            work, find_index(str(write(tmp_path / "i.parquet", ROWS))), owner="admin", tell=said.append
        )
    assert said[0] == "5 series read"
    assert said[-1] == "5 of 5 series inserted"


def test_every_code_is_one_of_the_standard(here: Place) -> None:
    from pydicom.sr.codedict import codes

    known = {scheme: {getattr(getattr(codes, scheme), name).value for name in getattr(codes, scheme).dir()}
             for scheme in ("SCT", "DCM")}  # fmt: skip
    for table in ("body_part_code", "modality_code"):
        found = here.database.rows(f"select scheme, code, match_quality from catalog.{table}")
        assert len(found) > 40
        for scheme, code, quality in found:
            assert (quality == "none") if code is None else code in known[scheme]


def test_the_small_real_index(here: Place) -> None:
    folder = Path(os.environ.get("RADFLOW_SHARED_DATA", ROOT.parent / "shared" / "data"))
    path = folder / "idc_index" / "idc_index_small.parquet"
    if not path.is_file():
        pytest.skip("the shared test data are not here (set RADFLOW_SHARED_DATA)")
    assert load(path)["added"] == 43_993
    sound(here.database)
    lidc = (
        "select count(*), count(distinct s.patient_no) from catalog.series s where s.facet_id = any (array(select f.id "
        "from catalog.facet f where f.collection = 'lidc_idri' and f.modality = 'CT' "
        "and f.licence in ('CC BY 3.0', 'CC BY 4.0')))"
        " and s.image_count >= 200 and s.study_no in (select t.study_no from catalog.study_facet t join catalog.facet f "
        "on f.id = t.facet_id where f.modality = 'SEG' and f.analysis_result = 'dicom_lidc_idri_nodules')"
    )
    assert here.database.rows(lidc, role="radflow_portal", account="alice") == [(467, 467)]
    assert load(path)["unchanged"]
