"""The parts: rules, headers, stored numbers, geometry."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from bench.face_dicom import write_series
from deid.exceptions import PolicyError, QuarantineError
from deid.faces import FaceRules, may_hold_face, region
from deid.faces.frames import frames_of
from deid.faces.headers import told_far
from deid.faces.stacks import check_regular, sort_frames, to_volume
from deid.faces.tissue import Volume
from deid.faces.voxels import Source, open_source

MODALITY, IMAGE_TYPE, FRAMES = 0x00080060, 0x00080008, 0x00280008


@pytest.mark.parametrize(
    "table",
    [{"ear": True}, {"ears": 1}, {"margin_mm": -1}, {"margin_mm": True}, {"brain_mm": "5"}, {"brain_mm": 0}],
)
def test_nonsense_in_a_policy_is_refused(table):
    with pytest.raises(PolicyError):
        FaceRules.from_table(table)


def test_rules_say_what_they_do():
    rules = FaceRules.from_table({"ears": False, "margin_mm": 4})
    assert rules.canonical() == {"ears": False, "margin_mm": 4.0, "brain_mm": 3.0}
    assert "ears" not in rules.describe()
    assert "4 mm farther" in rules.describe()
    assert "ears" in FaceRules().describe()


@pytest.mark.parametrize(
    ("header", "count", "answer"),
    [
        ({MODALITY: b"CT", IMAGE_TYPE: b"ORIGINAL\\PRIMARY\\AXIAL"}, 40, True),
        ({MODALITY: b"MR"}, 40, True),
        ({MODALITY: b"MR"}, 2, False),
        ({MODALITY: b"MR", FRAMES: b"60"}, 1, True),
        ({MODALITY: b"CT", IMAGE_TYPE: b"ORIGINAL\\PRIMARY\\LOCALIZER "}, 40, False),
        ({MODALITY: b"US"}, 40, False),
        ({}, 40, False),
    ],
)
def test_headers_are_looked_at_cheaply(header, count, answer):
    assert may_hold_face([header] * count) is answer


def test_a_body_part_is_believed_only_far_from_the_face():
    assert told_far("Knee ", strict=True)
    assert told_far("CHEST", strict=False)
    assert not told_far("CHEST", strict=True)
    assert not told_far("NECK", strict=False)
    assert not told_far("", strict=False)
    assert not told_far("ABDOMEN", strict=True, length=1000)
    assert told_far("LEG", strict=True, length=1000)


@given(allocated=st.sampled_from([8, 16, 32]), signed=st.booleans(), big=st.booleans(), data=st.data())
def test_stored_values_survive_any_layout_of_bits(allocated, signed, big, data):
    bits = data.draw(st.integers(2, allocated))
    high = data.draw(st.integers(bits - 1, allocated - 1))
    header = Dataset()
    header.BitsAllocated, header.BitsStored, header.HighBit = allocated, bits, high
    header.PixelRepresentation = int(signed)
    source = Source(path=None, header=header, words=(None, 0), decoded=False, swapped=big)
    low, top = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, min((1 << bits) - 1, 2**31 - 1))
    values = np.array(data.draw(st.lists(st.integers(low, top), min_size=1, max_size=8)))
    words = source.encode(values)
    assert words.dtype.itemsize * 8 == allocated
    assert np.array_equal(source.decode(words), values)


def test_every_transfer_syntax_is_read(shared_data, tmp_path):
    folder = shared_data / "transfer_syntaxes"
    plain = open_source(folder / "CTImage.dcm", tmp_path).stored(0)
    lossless = 0
    for path in sorted(folder.glob("*.dcm")):
        stored = open_source(path, tmp_path).stored(0)
        assert stored.shape == plain.shape
        syntax = pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID
        if not syntax.is_encapsulated or (
            "Lossy" not in path.name and ("Lossless" in syntax.name or "Process14" in path.name)
        ):
            assert np.array_equal(stored, plain), path.name
            lossless += 1
    assert lossless >= 9


def test_unreadable_pixels_go_to_quarantine(tmp_path):
    files = write_series(tmp_path, np.zeros((1, 8, 8)), (1.0, 1.0, 1.0), "MR")
    ds = pydicom.dcmread(files[0])
    ds.SamplesPerPixel = 3
    ds.save_as(files[0])
    with pytest.raises(QuarantineError) as caught:
        open_source(files[0], tmp_path)
    assert caught.value.code == "face-not-decodable"


@pytest.mark.parametrize(
    ("plane", "tilt"), [("axial", 0.0), ("axial", 18.0), ("sagittal", 0.0), ("coronal", 0.0)]
)
def test_a_stack_is_seen_where_it_lies(tmp_path, plane, tilt):
    """A ball keeps its place and its shape, whatever plane it was cut in, a tilted gantry included."""
    z, y, x = np.meshgrid(*[np.arange(60) * 2.0] * 3, indexing="ij")
    ball = ((z - 60) ** 2 + (y - 70) ** 2 + (x - 50) ** 2 < 30**2) * 1000.0
    files = write_series(tmp_path / "in", ball, (2.0, 2.0, 2.0), "MR", plane=plane, tilt=tilt)
    sources = {path: open_source(path, tmp_path) for path in files}
    stacks = sort_frames([f for path, s in sources.items() for f in frames_of(path, s.header)])
    assert len(stacks) == 1
    check_regular(stacks[0])
    volume = to_volume(stacks[0], lambda f: sources[f.path].stored(f.index).astype(np.float32))
    at = np.argwhere((volume.values > 500) & volume.valid)
    middle = at.mean(0)[::-1] * volume.spacing + np.array(volume.origin)
    assert np.abs(middle - [50, 70, 60]).max() < 1.5
    assert np.ptp(at, axis=0) * 3 == pytest.approx([60, 60, 60], abs=6)


def test_the_cavity_of_a_skull_is_found_in_a_box_of_a_larger_volume(monkeypatch):
    """A hollow ball of bone in a large volume: the box changes nothing, and the inside is what bone encloses."""
    coarse = Volume(np.zeros((40, 30, 30), np.float32), np.ones((40, 30, 30), bool), (0.0, 0.0, 0.0), 3.0)
    z, y, x = np.meshgrid(*[np.arange(n) * 1.5 for n in (80, 60, 60)], indexing="ij")
    radius = np.sqrt((z - 60) ** 2 + (y - 45) ** 2 + (x - 45) ** 2)
    values = np.select([radius < 30, radius < 36, radius < 42], [30.0, 900.0, 40.0], -1000.0).astype(
        np.float32
    )
    fine = Volume(values, np.ones(values.shape, bool), (0.0, 0.0, 0.0), 1.5)
    z, y, x = np.meshgrid(*[np.arange(n) * 3.0 for n in coarse.values.shape], indexing="ij")
    away = np.sqrt((z - 60) ** 2 + (y - 45) ** 2 + (x - 45) ** 2).astype(np.float32)
    found = region._around_cavity(coarse, away - 26, fine)
    shell = away < 45
    assert np.abs(found[shell] - (away[shell] - 28)).max() < 4.0
    assert (found[away < 26] < 0).all()
    monkeypatch.setattr(region, "_HEAD_ROOM_MM", 1e3)
    assert np.allclose(region._around_cavity(coarse, away - 26, fine)[shell], found[shell], atol=1e-3)
