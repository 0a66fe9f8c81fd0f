"""What must hold of every head: the face goes, the brain stays, and a doubtful volume goes to a person."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from bench.face_dicom import read_series, slices, write_series
from bench.face_heads import colin, cranium
from deid.exceptions import QuarantineError
from deid.faces import FaceRules, clean_faces
from deid.faces.template import face_depth, load_template

SPACING = (3.0, 3.0, 3.0)
RECOGNIZABLE = 0x00280302


@pytest.fixture(scope="module")
def head():
    """The shipped average head as a volume of its own, with some noise: values, brain, face."""
    template = load_template()
    rng = np.random.default_rng(5)
    values = 700 * np.hypot(template.head + rng.normal(0, 0.01, template.head.shape), 0.02)
    axes = [template.origin[2 - axis] + 3.0 * np.arange(n) for axis, n in enumerate(values.shape)]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    face = face_depth(np.stack([x, y, z], axis=-1), margin=-6, ears=False) > 0
    return values, template.brain < 0, face & (template.head > 0.3) & (template.brain > 14)


def clean(files, scratch):
    scratch.mkdir()
    return clean_faces(files, FaceRules(), scratch)


@pytest.fixture(scope="module")
def axial(head, tmp_path_factory):
    folder = tmp_path_factory.mktemp("axial")
    files = write_series(folder / "in", head[0], SPACING, "MR")
    return files, clean(files, folder / "scratch")


@pytest.mark.parametrize("tilt", [0.0, 20.0])
def test_the_face_goes_and_the_brain_stays(head, axial, tmp_path, tilt):
    values, brain, face = head
    files, outcome = axial
    if tilt:
        files = write_series(tmp_path / "in", values, SPACING, "MR", tilt=tilt)
        outcome = clean(files, tmp_path / "scratch")
    assert outcome.status == "defaced"
    changed = read_series({}, files) != read_series(outcome.results, files)
    brain, face = (
        slices(mask.astype(float), SPACING, "axial", tilt)[0] > limit
        for mask, limit in ((brain, 0.5), (face, 0.99))
    )
    assert face.sum() > 500
    assert not changed[brain].any()
    assert changed[face].mean() >= 0.99
    assert outcome.report["brain_voxels_changed"] == 0
    assert outcome.report["nearest_to_brain_mm"] >= FaceRules().brain_mm - 0.1


def test_all_objects_say_so_and_only_touched_ones_are_rewritten(axial):
    files, outcome = axial
    assert set(outcome.results) == set(files)
    assert {result.changes[RECOGNIZABLE] for result in outcome.results.values()} == {b"NO"}
    rewritten = [path for path, result in outcome.results.items() if result.value is not None]
    assert 0 < len(rewritten) < len(files)
    for path in rewritten:
        original = pydicom.dcmread(path).PixelData
        value = outcome.results[path].value.read_bytes()
        assert len(value) == len(original)
        assert value != original


def test_the_air_before_a_face_goes_with_it(axial):
    """Nothing of the silhouette is left: what was air before the face is drawn anew, from air elsewhere."""
    files, outcome = axial
    before, after = read_series({}, files), read_series(outcome.results, files)
    nose = int((-62 - load_template().origin[2]) / 3)
    assert (before[nose, :4] != after[nose, :4]).mean() > 0.5
    assert after[nose, :15].max() < 0.12 * before.max()


def test_pictures_show_that_the_surface_changed(axial):
    _, outcome = axial
    assert set(outcome.pictures) == {"before", "after"}
    assert all(picture.startswith(b"\x89PNG") for picture in outcome.pictures.values())
    assert outcome.pictures["before"] != outcome.pictures["after"]


def test_one_compressed_object_for_all_frames_gives_the_same_voxels(head, axial, tmp_path):
    files = write_series(tmp_path / "in", head[0], SPACING, "MR", enhanced=True)
    ds = pydicom.dcmread(files[0])
    ds.compress(RLELossless)
    ds.save_as(tmp_path / "rle.dcm")
    outcome = clean([tmp_path / "rle.dcm"], tmp_path / "scratch")
    result = outcome.results[tmp_path / "rle.dcm"]
    assert result.transfer_syntax == str(ExplicitVRLittleEndian)
    assert list((tmp_path / "scratch").iterdir()) == [result.value]
    words = np.frombuffer(result.value.read_bytes(), "<u2")
    assert np.array_equal(words, read_series(axial[1].results, axial[0]).ravel())


@pytest.mark.parametrize("name", ["noise", "backwards", "brain alone"])
def test_what_is_no_sure_head_goes_to_quarantine(head, tmp_path, name):
    noise = np.abs(np.random.default_rng(1).normal(0, 300, (50, 60, 60)))
    # Skull stripped: its outline may pass for a head's.
    bare = np.where(load_template().brain < 3, head[0], 15.0)
    values = {"noise": noise, "backwards": head[0][:, ::-1], "brain alone": bare}[name]
    files = write_series(tmp_path / "in", values, SPACING, "MR")
    with pytest.raises(QuarantineError) as caught:
        clean(files, tmp_path / "scratch")
    assert caught.value.code == "face-not-registered"
    assert caught.value.details
    assert not list((tmp_path / "scratch").iterdir())


def test_missing_slices_go_to_quarantine(head, tmp_path):
    files = write_series(tmp_path / "in", head[0], SPACING, "MR")
    with pytest.raises(QuarantineError) as caught:
        clean(files[:30] + files[38:], tmp_path / "scratch")
    assert caught.value.code == "face-geometry"


def test_slices_without_a_place_go_to_quarantine(head, tmp_path):
    files = write_series(tmp_path / "in", head[0][:6], SPACING, "MR")
    ds = pydicom.dcmread(files[2])
    del ds.ImagePositionPatient
    ds.save_as(files[2])
    with pytest.raises(QuarantineError) as caught:
        clean(files, tmp_path / "scratch")
    assert caught.value.code == "face-geometry"


def test_no_files_are_no_series(tmp_path):
    with pytest.raises(QuarantineError) as caught:
        clean([], tmp_path / "scratch")
    assert caught.value.code == "no-files"


def test_a_chest_has_no_face(shared_data, tmp_path):
    outcome = clean(sorted((shared_data / "cip_copdgene" / "ct-64Dicom").iterdir()), tmp_path / "scratch")
    assert outcome.status == "no-face"
    assert outcome.results == {}
    assert "lungs" in outcome.report["because"]


@pytest.mark.parametrize("make", [colin, cranium])
def test_real_heads(make, tmp_path):
    found = make()
    if found is None:
        pytest.skip("needs Debian's mricron-data and invesalius-examples (bench/faces.py fetches them)")
    files = write_series(tmp_path / "in", found.values, found.spacing, found.modality)
    outcome = clean(files, tmp_path / "scratch")
    changed = read_series({}, files) != read_series(outcome.results, files)
    tissue = found.values > (-700 if found.modality == "CT" else found.skin / 2)
    assert not changed[found.brain].any()
    for mask in (found.face, *found.others.values()):
        assert changed[mask & tissue].mean() >= 0.99
