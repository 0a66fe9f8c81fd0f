"""Load a public index into the catalog: COPY into a staging table, compare, file, insert, in one transaction.

No Airflow in here: the operator and the benchmark call it with a cursor's `Work`.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from operators.exceptions import DatabaseError
from operators.work import Work
from research.catalog import (
    MAPPING_VERSION,
    SOURCE,
    CatalogIndexError,
    IndexFile,
    read_collections,
    read_index,
    write_csv,
)

_PORTION = 60_000  # series per INSERT, so that progress is told a few times a minute
_VACUUM = ("catalog.series", "catalog.study", "catalog.patient", "catalog.study_facet", "catalog.facet",
           "catalog.facet_members", "catalog.description")  # fmt: skip


@dataclass(frozen=True)
class Loaded:
    """What a load did.

    Attributes:
        version: of the index.
        series: rows of the index.
        added: series that were inserted, changed ones among them.
        removed: listed series that are gone or changed.
        skipped: series that are in the catalog by another way and stay as they are.
        unchanged: the same file had been loaded already, or nothing in it differed.
    """

    version: str
    series: int
    added: int
    removed: int
    skipped: int
    unchanged: bool

    def as_dict(self) -> dict[str, Any]:
        """For XCom."""
        return asdict(self)


def load_listing(work: Work, index: IndexFile, *, owner: str, tell: Callable[[str], None]) -> Loaded:
    """Make the catalog's listed series those of ``index``.

    Args:
        work: an open transaction of the pipeline; the caller commits.
        index: which file.
        owner: account that the listed series belong to; they are public.
        tell: called with one sentence per step.

    Raises:
        CatalogIndexError: a file that is no index.
        DatabaseError: the database refused, or the counts do not fit afterwards.
    """
    work.script("catalog_load_stage")
    last = work.row("catalog_load_last", source=SOURCE)
    if last and (last["file_sha256"], last["mapping_version"], last["owner"]) == (
        index.sha256,
        MAPPING_VERSION,
        owner,
    ):
        tell(f"Version {last['version']} of the index is loaded already: {last['series_count']} series.")
        return Loaded(last["version"], last["series_count"], 0, 0, 0, unchanged=True)

    staged = 0
    for table in read_index(index.path):
        buffer = io.BytesIO()
        write_csv(table, buffer)
        work.copy("catalog_load_copy", buffer.getvalue())
        staged += table.num_rows
        tell(f"{staged} series read")
    named = {"source": SOURCE, "version": index.version, "owner": owner, "mapping_version": MAPPING_VERSION}
    work.script("catalog_load_compare", **named)
    counts = work.row("catalog_load_compared", **named) or {}
    if counts["twice"]:
        msg = f"{counts['twice']} series are in the index twice."
        raise CatalogIndexError(msg, "The file is not the index of a release; get another one.")
    tell(f"compared: {counts['new']} new or changed, {counts['gone']} gone or changed")
    work.execute("catalog_load_gone")
    for name in ("filed", "patients", "studies", "numbers"):
        work.script(f"catalog_load_{name}", **named)
    work.each("catalog_load_collection", ({**named, **one} for one in read_collections(index.collections)))
    tell("patients, studies and texts are there")
    added, after = 0, -1
    for cut in work.rows("catalog_load_todo", portion=_PORTION):
        added += work.execute("catalog_load_series", **named, after=after, upto=cut["study_no"])
        after = cut["study_no"]
        tell(f"{added} of {counts['new']} series inserted")
    work.execute("catalog_load_statistics")
    _check(work, added, int(counts["new"]))
    result = Loaded(
        index.version,
        staged,
        added,
        int(counts["gone"]),
        int(counts["skipped"]),
        not (added or counts["gone"]),
    )
    work.execute(
        "catalog_load_end", **named, file_sha256=index.sha256, series_count=staged, added_count=added,
        removed_count=result.removed, skipped_count=result.skipped,
    )  # fmt: skip
    return result


def _check(work: Work, added: int, wanted: int) -> None:
    """Row-level security reads the share's number: none may be wrong."""
    found = work.row("catalog_load_misfiled") or {}
    if added != wanted or found["misfiled"]:
        msg = f"{added} of {wanted} series were inserted and {found['misfiled']} are filed wrongly."
        raise DatabaseError(msg, "Nothing was kept; this is a fault of Radflow, report it.", code="misfiled")


def settle(connection: Any) -> None:
    """Vacuum what was loaded, so that indexes alone answer counts; outside of any transaction.

    Postgres before 17 lets only the owner do it and says so in a notice: autovacuum then comes within minutes.
    """
    connection.autocommit = True
    with connection.cursor() as cursor:
        for table in _VACUUM:
            cursor.execute(f"vacuum (analyze) {table}")
