"""A series becomes one regular volume or one sentence; and the picture of a mask."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from research.errors import VolumeError
from research.volumes import overlay_png, series_to_mha

SHARED = Path(os.environ.get("RADFLOW_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
SERIES = generate_uid(entropy_srcs=["series"])
ROWS, COLUMNS, GAP = 6, 8, 2.5


def slice_(index: int, z: float | None = None, **changes) -> FileDataset:
    """One CT slice whose value says which it is: HU = index - 1000, + 1 in the first column."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    data.SeriesInstanceUID, data.Modality, data.InstanceNumber = SERIES, "CT", 100 - index
    data.Rows, data.Columns, data.PixelSpacing = ROWS, COLUMNS, [0.5, 0.75]
    data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    data.ImagePositionPatient = [-10, -20, -30 + GAP * index if z is None else z]
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit, data.PixelRepresentation = 15, 0
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.RescaleSlope, data.RescaleIntercept = 2, -1024
    pixels = np.full((ROWS, COLUMNS), 12 + index, dtype=np.uint16)
    pixels[:, 0] += 1
    data.PixelData = pixels.tobytes()
    for name, value in changes.items():
        setattr(data, name, value)
    return data


def save(folder: Path, slices: list[FileDataset]) -> list[Path]:
    folder.mkdir(exist_ok=True)
    files = []
    for number, data in enumerate(slices):
        files.append(folder / f"{number}.dcm")
        data.save_as(files[-1], enforce_file_format=True)
    return files


def test_volume_is_the_series(tmp_path):
    files = save(tmp_path / "in", [slice_(index) for index in (3, 0, 2, 1)])
    info = series_to_mha(files, tmp_path / "out" / "ct.mha")
    image = sitk.ReadImage(str(tmp_path / "out" / "ct.mha"))
    array = sitk.GetArrayFromImage(image)
    assert info.shape == array.shape == (4, ROWS, COLUMNS)
    assert info.spacing == (GAP, 0.5, 0.75)
    assert image.GetSpacing() == (0.75, 0.5, GAP)
    assert image.GetOrigin() == (-10, -20, -30)
    assert image.GetPixelID() == sitk.sitkInt16
    assert array[:, 0, 1].tolist() == [-1000, -998, -996, -994]
    assert array[0, 0, 0] == -998
    assert info.hu_range == (-1000, -992)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["ct.mha"]


def test_bytes_do_not_depend_on_the_order_of_files(tmp_path):
    files = save(tmp_path / "in", [slice_(index) for index in range(5)])
    hashes = {
        series_to_mha(order, tmp_path / "ct.mha").sha256
        for order in (files, files[::-1], files[2:] + files[:2])
    }
    assert len(hashes) == 1


def test_every_slice_has_its_own_rescale(tmp_path):
    files = save(tmp_path / "in", [slice_(0), slice_(1, RescaleSlope=1, RescaleIntercept=0)])
    series_to_mha(files, tmp_path / "ct.mha")
    assert sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "ct.mha")))[:, 0, 1].tolist() == [-1000, 13]


def test_a_series_from_head_to_foot_keeps_its_place_in_the_patient(tmp_path):
    """Oblique and flipped orientations: the voxel of a slice lies where its header says."""
    down = [slice_(index, ImageOrientationPatient=[-1, 0, 0, 0, 1, 0]) for index in range(4)]
    series_to_mha(save(tmp_path / "in", down), tmp_path / "ct.mha")
    image = sitk.ReadImage(str(tmp_path / "ct.mha"))
    for index, data in enumerate(down):
        place = image.TransformPhysicalPointToIndex([float(value) for value in data.ImagePositionPatient])
        assert image[place] == -1000 + 2 * index + 2  # first column


BROKEN = {
    "missing slice": (lambda: [slice_(0), slice_(1), slice_(2), slice_(4), slice_(5)], "1 missing"),
    "two missing": (lambda: [slice_(0), slice_(1), slice_(2), slice_(5), slice_(6)], "2 missing"),
    "duplicate": (lambda: [slice_(0), slice_(1), slice_(1), slice_(2)], "same place"),
    "irregular": (lambda: [slice_(0), slice_(1), slice_(2), slice_(3, z=-22.0)], "irregular"),
    "tilted": (
        lambda: [slice_(i, ImagePositionPatient=[-10, -20 + i, -30 + GAP * i]) for i in range(4)],
        "gantry was tilted",
    ),
    "two series": (lambda: [slice_(0), slice_(1, SeriesInstanceUID=generate_uid())], "2 different series"),
    "two orientations": (
        lambda: [slice_(0), slice_(1, ImageOrientationPatient=[1, 0, 0, 0, 0, -1])],
        "orientation",
    ),
    "two spacings": (lambda: [slice_(0), slice_(1, PixelSpacing=[1, 1])], "pixel spacings"),
    "one slice": (lambda: [slice_(0)], "1 slice"),
    "short pixels": (lambda: [slice_(0), slice_(1, PixelData=b"\0\0")], "cannot be decoded"),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_volume_is_refused_by_name(name, tmp_path):
    slices, words = BROKEN[name]
    with pytest.raises(VolumeError, match=words):
        series_to_mha(save(tmp_path / "in", slices()), tmp_path / "out.mha")
    assert not list(tmp_path.glob("*out*"))


def test_not_dicom_and_no_geometry(tmp_path):
    files = save(tmp_path / "in", [slice_(0), slice_(1)])
    without = pydicom.dcmread(files[1])
    del without.ImagePositionPatient
    without.save_as(files[1])
    with pytest.raises(VolumeError, match=r"1\.dcm has no ImagePositionPatient"):
        series_to_mha(files, tmp_path / "ct.mha")
    files[1].write_text("hello")
    with pytest.raises(VolumeError, match=r"1\.dcm cannot be read"):
        series_to_mha(files, tmp_path / "ct.mha")


def test_real_series_agrees_with_the_published_volume(tmp_path):
    folder = SHARED / "cip_copdgene"
    if not folder.is_dir():
        pytest.skip("the CIP COPDGene test data are not here")
    info = series_to_mha(list((folder / "ct-64Dicom").glob("*.dcm")), tmp_path / "ct.mha")
    published = sitk.ReadImage(str(folder / "ct-64.nrrd"))
    ours = sitk.ReadImage(str(tmp_path / "ct.mha"))
    assert np.array_equal(sitk.GetArrayFromImage(ours), sitk.GetArrayFromImage(published))
    assert ours.GetSpacing() == pytest.approx(published.GetSpacing(), rel=1e-4)
    assert info.slices == 79


def pair(folder: Path, labels: dict[int, slice]) -> tuple[Path, Path]:
    """A dark CT and a mask with a block per label, largest in slice 2."""
    ct, mask = np.full((5, 40, 60), -800, dtype=np.int16), np.zeros((5, 40, 60), dtype=np.uint8)
    for label, columns in labels.items():
        mask[1:4, 15:25, columns] = label
        mask[2, 10:30, columns] = label
    for array, name in ((ct, "ct.mha"), (mask, "mask.mha")):
        sitk.WriteImage(sitk.GetImageFromArray(array), str(folder / name))
    return folder / "ct.mha", folder / "mask.mha"


def test_picture_shows_the_largest_slice_and_both_labels(tmp_path):
    from PIL import Image

    ct, mask = pair(tmp_path, {1: slice(5, 25), 2: slice(35, 55)})
    assert overlay_png(ct, mask, tmp_path / "a.png") == 2
    with Image.open(tmp_path / "a.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    orange, blue = np.array([0xE6, 0x9F, 0x00]), np.array([0x56, 0xB4, 0xE9])
    left, right = pixels[:, : pixels.shape[1] // 2], pixels[:, pixels.shape[1] // 2 :]
    upper = slice(0, int(0.8 * len(pixels)))  # above the legend
    assert (np.abs(left[upper] - orange).max(axis=2) < 30).any()
    assert (np.abs(right[upper] - blue).max(axis=2) < 30).any()
    assert not (np.abs(right[upper] - orange).max(axis=2) < 30).any()
    first = (tmp_path / "a.png").read_bytes()
    overlay_png(ct, mask, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == first


def test_picture_of_nothing_is_refused(tmp_path):
    ct, mask = pair(tmp_path, {})
    with pytest.raises(VolumeError, match="empty"):
        overlay_png(ct, mask, tmp_path / "a.png")
    other = tmp_path / "other"
    other.mkdir()
    sitk.WriteImage(sitk.GetImageFromArray(np.ones((2, 2, 2), dtype=np.uint8)), str(other / "mask.mha"))
    with pytest.raises(VolumeError, match="size"):
        overlay_png(ct, other / "mask.mha", tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()
