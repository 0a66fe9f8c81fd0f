"""The index of a public archive, batch by batch, as COPY takes it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from research.catalog import (
    COLUMNS,
    CatalogIndexError,
    find_index,
    read_collections,
    read_index,
    write_csv,
)
from tests.support.idc_index import one, write


def read(path: Path, **how: Any) -> list[dict[str, Any]]:
    return [row for table in read_index(path, **how) for row in table.to_pylist()]


def test_a_row_as_the_catalog_has_it(tmp_path: Path) -> None:
    (row,) = read(
        write(
            tmp_path / "i.parquet", [one(1, PatientAge="042y", PatientSex="0000", SeriesDescription="a\0b")]
        )
    )
    assert tuple(row) == COLUMNS
    assert (row["patient_age_years"], row["patient_sex"], row["series_description"]) == (42.0, None, "a b")
    assert (row["byte_count"], row["image_count"], row["study_date"].isoformat()) == (
        60_500_000,
        120,
        "2001-02-03",
    )
    assert json.loads(row["more"]) == {"PatientAge": "042y", "PatientSex": "0000"}


def test_batches_make_no_difference(tmp_path: Path) -> None:
    rows = [one(n, PatientAge=f"{n:03d}Y", SeriesDescription=None if n % 3 else f" {n}") for n in range(50)]
    path = write(tmp_path / "i.parquet", rows)
    assert read(path, batch_rows=7) == read(path)


def test_packed_parameters_only_where_they_are(tmp_path: Path) -> None:
    packed = "0,OPA,SE,VZOOM,B30f,320,2.5,120,60,30,1.5"
    rows = [
        one(1, collection_id="nlst", SeriesDescription=packed),
        one(2, collection_id="other", SeriesDescription=packed),
        one(3, collection_id="nlst", Modality="SEG", SeriesDescription=packed),
    ]
    found = read(write(tmp_path / "i.parquet", rows))
    assert [row["convolution_kernel"] for row in found] == ["B30f", None, None]
    assert (found[0]["slice_thickness_mm"], found[0]["kvp"], found[0]["exposure_mas"]) == (2.5, 120.0, 60.0)
    assert json.loads(found[0]["more"])["SpiralPitchFactor"] == 1.5
    assert found[1]["more"] is None


def test_unknown_sizes_and_counts(tmp_path: Path) -> None:
    rows = [
        one(1, series_size_MB=None, instanceCount=None),
        one(2, series_size_MB=float("nan"), instanceCount=0),
    ]
    assert [(r["byte_count"], r["image_count"]) for r in read(write(tmp_path / "i.parquet", rows))] == [
        (None, 1)
    ] * 2


def test_csv_keeps_null_and_quotes(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    for table in read_index(
        write(tmp_path / "i.parquet", [one(1, Manufacturer=None, StudyDescription='say "x", y')])
    ):
        write_csv(table, buffer)
    line = buffer.getvalue().decode()
    assert '"say ""x"", y"' in line
    assert ",," in line


@pytest.mark.parametrize("name", ["series_aws_url", "PatientAge"])
def test_a_missing_column_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(CatalogIndexError, match=name):
        read(write(tmp_path / "i.parquet", [one(1)], without=name))


def test_a_row_without_identity_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogIndexError, match="patient_alias"):
        read(write(tmp_path / "i.parquet", [one(1, PatientID=" ")]))


def test_what_is_no_parquet_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "i.parquet"
    path.write_text("no")
    with pytest.raises(CatalogIndexError, match="not a parquet file"):
        read(path)
    with pytest.raises(CatalogIndexError, match="There is no file"):
        find_index(str(tmp_path / "none.parquet"))


def test_without_the_package_there_is_an_instruction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(CatalogIndexError, match="not installed") as refused:
        find_index()
    assert "pip install" in refused.value.instruction


def test_the_package_is_found() -> None:
    pytest.importorskip("idc_index_data")
    found = find_index()
    assert found.path.name == "idc_index.parquet"
    titles = {row["collection"]: row["title"] for row in read_collections(found.collections)}
    assert len(titles) > 100
    assert titles["lidc_idri"]


def test_no_file_of_collections_is_no_error() -> None:
    assert list(read_collections(None)) == []
