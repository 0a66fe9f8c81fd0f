"""What is drawn of a series is where it is in the patient, and small enough."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.data import get_testdata_file

from research.errors import VolumeError
from research.viewing import series, write_mask, write_thumbnail, write_volume
from tests.support.viewable import ORIGIN, SPACING, ball, write_ct, write_seg


def voxels(path: Path) -> tuple[Any, np.ndarray]:
    image = sitk.ReadImage(str(path))
    return image, sitk.GetArrayFromImage(image)


def test_a_volume_lies_where_the_images_lie(tmp_path: Path) -> None:
    view = write_volume(write_ct(tmp_path / "ct"), tmp_path)
    image, found = voxels(tmp_path / "volume.nii.gz")
    assert image.GetOrigin() == pytest.approx(ORIGIN)
    assert image.GetSpacing() == pytest.approx(SPACING[::-1])
    assert found.dtype == np.int16
    assert np.array_equal(found == 40, ball(12, 40, 48))
    assert (view.low, view.high, view.oriented, view.uneven, view.left_out) == (-1000, 40, True, False, 0)
    assert (view.planes, view.upside_down) == (("axial", "coronal", "sagittal"), True)
    assert json.loads((tmp_path / "view.json").read_text())["shape"] == [12, 40, 48]


def test_the_order_of_files_changes_nothing(tmp_path: Path) -> None:
    write_volume(write_ct(tmp_path / "one"), tmp_path)
    first = voxels(tmp_path / "volume.nii.gz")[1]
    write_volume(write_ct(tmp_path / "two", order=1)[::-1], tmp_path)
    assert np.array_equal(first, voxels(tmp_path / "volume.nii.gz")[1])


def test_a_large_series_is_thinned_and_its_mask_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(series, "MOST_VOXELS", 12 * 40 * 48 // 3)
    ct = write_ct(tmp_path / "ct")
    view = write_volume(ct, tmp_path)
    assert np.prod(view.shape) <= series.MOST_VOXELS
    assert write_mask([write_seg(tmp_path / "seg")], ct, tmp_path) == {"3": "Ball"}
    volume, mask = (voxels(tmp_path / name) for name in ("volume.nii.gz", "mask.nii.gz"))
    assert volume[0].GetSpacing() == mask[0].GetSpacing()
    assert np.array_equal(mask[1] == 3, volume[1] == 40)


def test_a_mask_lies_on_the_grid(tmp_path: Path) -> None:
    ct = write_ct(tmp_path / "ct")
    write_mask([write_seg(tmp_path / "seg")], ct, tmp_path)
    image, found = voxels(tmp_path / "mask.nii.gz")
    assert image.GetOrigin() == pytest.approx(ORIGIN)
    assert np.array_equal(found == 3, ball(12, 40, 48))


def test_a_mask_of_another_grid_is_refused(tmp_path: Path) -> None:
    ct = write_ct(tmp_path / "ct")
    with pytest.raises(VolumeError, match="grid"):
        write_mask([write_seg(tmp_path / "seg", shift=5)], ct, tmp_path)
    with pytest.raises(VolumeError, match="no segmentation"):
        write_mask(ct, ct, tmp_path)


@pytest.mark.parametrize(
    "name",
    ["CT_small.dcm", "MR_small.dcm", "examples_rgb_color.dcm", "examples_palette.dcm", "examples_jpeg2k.dcm",
     "examples_ybr_color.dcm", "rtdose.dcm"],
)  # fmt: skip
def test_real_objects_are_drawn(tmp_path: Path, name: str) -> None:
    path = Path(str(get_testdata_file(name)))
    header = pydicom.dcmread(path, stop_before_pixels=True)
    write_thumbnail([path], tmp_path / "thumbnail.png")
    picture = cv2.imread(str(tmp_path / "thumbnail.png"), cv2.IMREAD_UNCHANGED)
    assert max(picture.shape[:2]) == 256
    assert picture.std() > 0
    view = write_volume([path], tmp_path)
    assert view.shape == (int(header.get("NumberOfFrames") or 1), header.Rows, header.Columns)
    assert view.colour == (header.SamplesPerPixel == 3 or header.PhotometricInterpretation == "PALETTE COLOR")


def test_nothing_to_draw_is_said(tmp_path: Path) -> None:
    report = Path(str(get_testdata_file("reportsi.dcm")))
    with pytest.raises(VolumeError, match="no image"):
        write_volume([report], tmp_path)
    torn = tmp_path / "torn.dcm"
    torn.write_bytes(b"not DICOM")
    with pytest.raises(VolumeError, match="cannot be read"):
        write_thumbnail([torn], tmp_path / "thumbnail.png")


def test_apart_from_whoever_asks(tmp_path: Path) -> None:
    write_ct(tmp_path / "ct")
    (tmp_path / "empty").mkdir()
    run = [sys.executable, "-m", "research.viewing"]
    done = subprocess.run([*run, "volume", str(tmp_path), str(tmp_path / "ct")], check=False, timeout=120)
    assert done.returncode == 0
    assert (tmp_path / "volume.nii.gz").is_file()
    subprocess.run([*run, "thumbnail", str(tmp_path), str(tmp_path / "empty")], check=True, timeout=120)
    assert json.loads((tmp_path / "refused.json").read_text())["reason"] == "The series holds no image."


def test_real_segmentations_lie_on_their_ct(tmp_path: Path, shared_data: Path) -> None:
    folder = shared_data / "seg_sr_examples"
    ct = sorted((folder / "ct-3slice").glob("*.dcm"))
    assert write_mask([folder / "liver.dcm"], ct, tmp_path) == {"1": "Liver"}
    mask = voxels(tmp_path / "mask.nii.gz")
    write_volume(ct, tmp_path)
    volume = voxels(tmp_path / "volume.nii.gz")
    assert mask[0].GetSize() == volume[0].GetSize()
    liver = volume[1][mask[1] == 1]
    assert liver.size > 1000
    assert 0 < np.median(liver) < 200  # soft tissue, HU
    with pytest.raises(VolumeError, match="grid"):
        write_mask([folder / "sr-example" / "seg.dcm"], ct, tmp_path)
