"""A tiny answer key and outputs to score it against."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

OLD, NEW = "1.2.3.4", "2.25.99"


def output(**changes: object) -> Dataset:
    """A de-identified CT slice."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, NEW
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "2.25.1", "2.25.2"
    ds.PatientID, ds.PatientName, ds.Modality = "RF-ALIAS", "RF-ALIAS", "CT"
    ds.StudyDate, ds.StudyDescription, ds.AccessionNumber = "20100101", "CT chest with contrast", ""
    ds.SliceThickness = "2.50"
    item = Dataset()
    item.CodeMeaning = "Chest"
    ds.AnatomicRegionSequence = Sequence([item])
    block = ds.private_block(0x0019, "Siemens MR Header", create=True)
    block.add_new(0x0C, "IS", "1000")
    ds.Rows = ds.Columns = 16
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation, ds.SamplesPerPixel = 7, 0, 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.PixelData = (np.arange(256) % 251).astype(np.uint8).tobytes()
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = CTImageStorage, NEW
    return ds


@pytest.fixture
def slice_of() -> Callable[..., Dataset]:
    """Builds the output; see :func:`output`."""
    return output


@pytest.fixture
def corpus(tmp_path: Path) -> Callable[..., tuple[Path, Path, Path, Path]]:
    """Writes outputs, an answer key and the mappings; returns their paths in the order of ``score``."""

    def write(
        rows: list[dict[str, object]], outputs: list[Dataset], *, sqlite: bool = True, **columns: str
    ) -> tuple[Path, Path, Path, Path]:
        folder = tmp_path / "out" / "deep"
        folder.mkdir(parents=True, exist_ok=True)
        for number, ds in enumerate(outputs):
            ds.save_as(folder / f"{number}.dcm", enforce_file_format=True)
        answers = {str(index): row for index, row in enumerate(rows)}
        row = {
            "SOPInstanceUID": OLD, "StudyInstanceUID": "1.2.3.1", "SeriesInstanceUID": "1.2.3.2", "PatientID": "MRN1",
            "Modality": "CT", "SOPClassUID": CTImageStorage, "AnswerData": json.dumps(answers), **columns,
        }  # fmt: skip
        key = tmp_path / ("answers.db" if sqlite else "answers.json")
        key.unlink(missing_ok=True)
        if sqlite:
            with sqlite3.connect(key) as database:
                database.execute(f"CREATE TABLE answer_data ({', '.join(row)})")
                database.execute(
                    f"INSERT INTO answer_data VALUES ({','.join('?' * len(row))})", list(row.values())
                )
            database.close()
        else:
            key.write_text(json.dumps([row]))
        paths = []
        uids = ((OLD, NEW), ("1.2.3.1", "2.25.1"), ("1.2.3.2", "2.25.2"))
        for name, pairs in (("uid", uids), ("patid", (("MRN1", "RF-ALIAS"),))):
            path = tmp_path / f"{name}_mapping.csv"
            with path.open("w", newline="", encoding="utf-8-sig") as stream:
                csv.writer(stream).writerows([("id_old", "id_new"), *pairs])
            paths.append(path)
        return tmp_path / "out", key, *paths

    return write
