"""Time points go into copies, lesions are read from objects."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from research.attributes import series_attributes
from research.dicom_export import time_point_id, write_copy
from research.timepoints import Timepoint
from research.tracking import tracking_ids

SOURCE = Path(str(get_testdata_file("CT_small.dcm")))
ATTRIBUTES = (0x00120050, 0x00120051, 0x00120052, 0x00120053)


def test_the_copy_says_its_time_point_and_nothing_else_changes(tmp_path: Path) -> None:
    before = SOURCE.read_bytes()
    target = tmp_path / "copy.dcm"
    write_copy(SOURCE, target, Timepoint("1", 2, "follow-up 2", 401))
    assert SOURCE.read_bytes() == before
    copy, source = pydicom.dcmread(target), pydicom.dcmread(SOURCE)
    assert [copy[tag].value for tag in ATTRIBUTES] == ["FU2", "follow-up 2", 401.0, "BASELINE"]
    assert [copy[tag].VR for tag in ATTRIBUTES] == ["LO", "ST", "FD", "CS"]
    for tag in ATTRIBUTES:
        del copy[tag]
    assert copy == source
    assert copy.PixelData == source.PixelData
    again = tmp_path / "again.dcm"
    write_copy(target, again, None)
    assert not any(tag in pydicom.dcmread(again) for tag in ATTRIBUTES)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    target = tmp_path / "copy.dcm"
    target.write_bytes(b"x")
    with pytest.raises(FileExistsError):
        write_copy(SOURCE, target, None)
    assert target.read_bytes() == b"x"


@pytest.mark.parametrize(("number", "name"), [(0, "BL"), (3, "FU3"), (-1, "PRE1")])
def test_names(number: int, name: str) -> None:
    assert time_point_id(Timepoint("1", number, "x", 0)) == name


def item(code: str, **values: str) -> Dataset:
    concept = Dataset()
    concept.CodeValue, concept.CodingSchemeDesignator = code, "DCM"
    made = Dataset()
    made.ConceptNameCodeSequence = Sequence([concept])
    for name, value in values.items():
        setattr(made, name, value)
    return made


def test_lesions_of_segmentations_and_reports() -> None:
    assert tracking_ids(pydicom.dcmread(SOURCE, stop_before_pixels=True)) == []
    segments = []
    for uid, name in (("1.2.3", "Lesion 1"), ("1.2.3", "again"), ("", "no uid")):
        segment = Dataset()
        segment.TrackingUID, segment.TrackingID = uid, name
        segments.append(segment)
    segmentation = Dataset()
    segmentation.SegmentSequence = Sequence(segments)
    assert tracking_ids(segmentation) == [{"uid": "1.2.3", "id": "Lesion 1"}]
    group = item("125007")
    group.ContentSequence = Sequence([item("112039", TextValue="L2"), item("112040", UID="1.2.4")])
    report = Dataset()
    report.ContentSequence = Sequence([group, item("112040", UID="1.2.5")])
    assert tracking_ids(report) == [{"uid": "1.2.5", "id": ""}, {"uid": "1.2.4", "id": "L2"}]


def test_the_catalog_learns_lesions_and_a_hash_of_pixels(tmp_path: Path) -> None:
    """The hash is of pixels: another patient and UID leave it, one changed byte of pixels does not."""
    source = pydicom.dcmread(SOURCE)
    source.PatientID, source.SOPInstanceUID = "another", "1.2.3.4"
    source.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    source.save_as(tmp_path / "same.dcm")
    source.PixelData = bytes([source.PixelData[0] ^ 1]) + source.PixelData[1:]
    source.save_as(tmp_path / "other.dcm")
    files = (SOURCE, tmp_path / "same.dcm", tmp_path / "other.dcm")
    one, same, other = (series_attributes([path]).rest for path in files)
    assert one["PixelSha256"] == same["PixelSha256"] != other["PixelSha256"]
    assert "Tracking" not in one
    assert "PixelSha256" not in series_attributes([Path(str(get_testdata_file("reportsi.dcm")))]).rest
