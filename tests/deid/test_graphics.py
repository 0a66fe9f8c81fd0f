"""Clean Graphics: overlays without their text, curves that are numbers, annotations with their text cleaned."""

from dataclasses import replace
from random import Random

import cv2
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from deid import QuarantineError, deidentify_series, load_policy, verify_series
from deid.pixels import bitmaps
from deid.pixels.bitmaps import FRAMES, without_text

SYNTAXES = [
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]
ROWS, COLUMNS = 256, 320


def drawing():
    """A contour, a ruler and a blob: nothing to read."""
    picture = np.zeros((ROWS, COLUMNS), np.uint8)
    cv2.ellipse(picture, (200, 170), (60, 40), 20, 0, 360, 1, 1)
    cv2.line(picture, (20, 30), (20, 220), 1, 1)
    cv2.circle(picture, (270, 60), 12, 1, -1)
    return picture


def words(text="Quimbly^Archibald", at=(40, 60)):
    picture = np.zeros((ROWS, COLUMNS), np.uint8)
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.6, 1, 1)
    return picture


def packed(frames):
    data = np.packbits(np.asarray(frames, np.uint8).ravel(), bitorder="little").tobytes()
    return data + bytes(len(data) % 2)


def unpacked(data, frames=1):
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    return bits[: frames * ROWS * COLUMNS].reshape(frames, ROWS, COLUMNS)


def overlay(ds, picture, group=0x6000, **values):
    frames = picture if picture.ndim == 3 else picture[None]
    elements = {
        0x0010: ("US", ROWS), 0x0011: ("US", COLUMNS), 0x0040: ("CS", "G"), 0x0050: ("SS", [1, 1]),
        0x0100: ("US", 1), 0x0102: ("US", 0), 0x0022: ("LO", "Marks of Dr Hibbert for Quimbly"),
        0x1500: ("LO", "nodule"), 0x4000: ("LT", "Quimbly"), 0x3000: ("OW", packed(frames)),
    }  # fmt: skip
    if len(frames) > 1:
        elements[0x0015] = ("IS", len(frames))
    elements |= {int(key[1:], 16): value for key, value in values.items()}
    for element, (vr, value) in sorted(elements.items()):
        if value is not None:
            ds.add_new(group << 16 | element, vr, value)
    return ds


@pytest.fixture
def policy():
    base = load_policy("research")
    return replace(base, options=base.options - {"clean_pixel_data", "clean_recognizable_visual_features"})


@pytest.fixture
def treat(tmp_path, pseudonyms):
    count = iter(range(1000))

    def go(ds, policy, syntax=ExplicitVRLittleEndian):
        number = next(count)
        ds.file_meta.TransferSyntaxUID = syntax
        path, made = tmp_path / f"{number}.dcm", []
        pydicom.dcmwrite(path, ds, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian,
                         enforce_file_format=True)  # fmt: skip
        for pure in (True, False):
            out = tmp_path / f"{number}-{pure}"
            result = deidentify_series([path], out, policy, pseudonyms, pure=pure)
            made += [one.read_bytes() for one in out.iterdir()]
        assert made[0] == made[1]
        (one,) = out.iterdir()
        assert verify_series([path], [one], policy=policy) == []
        assert b"uimbly" not in made[0]
        assert b"Hibbert" not in made[0]
        return pydicom.dcmread(one), result

    return go


def swapped(ds, syntax):
    """Words of an overlay that pydicom does not turn round itself."""
    data = ds[0x60003000].value
    if syntax.is_little_endian:
        return data
    return np.frombuffer(data, np.uint8).reshape(-1, 2)[:, ::-1].tobytes()


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.keyword)
def test_a_drawing_stays(ct, treat, policy, syntax):
    ds = overlay(ct(), drawing())
    original = ds[0x60003000].value
    new, result = treat(ds, policy, syntax)
    assert new[0x60003000].value == original
    assert (new[0x60000010].value, new[0x60000011].value) == (ROWS, COLUMNS)
    assert list(new[0x60000050].value) == [1, 1]
    assert new[0x60001500].value == "nodule"
    assert "Marks" in new[0x60000022].value
    assert 0x60004000 not in new
    assert result.by_tag["6000,3000"] == {"kept": 1}
    assert "6000,3000" not in result.cuts


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.keyword)
def test_text_in_a_drawing_goes(ct, treat, policy, syntax):
    ds = overlay(ct(), drawing() | words())
    if not syntax.is_little_endian:  # pydicom writes the words as they are
        turned = np.frombuffer(ds[0x60003000].value, np.uint8).reshape(-1, 2)[:, ::-1].tobytes()
        ds[0x60003000].value = turned
    new, result = treat(ds, policy, syntax)
    left = unpacked(swapped(new, syntax))[0]
    assert not (left & words()).any()
    assert (left & drawing()).sum() > 0.95 * drawing().sum()
    assert result.by_tag["6000,3000"] == {"replaced": 1}
    assert result.cuts["6000,3000"] == {"overlay text": 1}


def test_each_frame_is_searched(ct, treat, policy):
    frames = np.stack([drawing(), drawing() | words("MRN 0012345", (60, 240)), drawing()])
    new, _ = treat(overlay(ct(), frames), policy)
    left = unpacked(new[0x60003000].value, 3)
    assert np.array_equal(left[0], drawing())
    assert not (left[1] & words("MRN 0012345", (60, 240))).any()
    assert np.array_equal(left[2], drawing())


@pytest.mark.parametrize("size", [0.5, 0.7, 1.0])
def test_any_text_goes(size):
    chance = Random(size)
    for number in range(8):
        picture = np.zeros((ROWS, COLUMNS), np.uint8)
        text = chance.choice(["Jones, Mary", "12.03.2019", "DOB 21 May 1943", "MRN 0012345"])
        at = chance.randint(5, 60), chance.randint(30, ROWS - 10)
        cv2.putText(picture, text, at, number % 4, size, 1, 1)
        out = without_text(packed(picture), (1, ROWS, COLUMNS))
        assert out is None or not (unpacked(out)[0] & picture).any()


def test_text_that_the_ink_leaves_free_goes(ct, treat, policy):
    new, _ = treat(overlay(ct(), 1 - words()), policy)
    assert not unpacked(new[0x60003000].value).any()


GOES = {
    "no-rows": {"x0010": ("US", None)},
    "short": {"x3000": ("OW", b"\1\2")},
    "long": {"x3000": ("OW", packed(drawing()) + b"Quimbly!")},
    "text-for-a-number": {"x0011": ("LO", "Quimbly")},
    "text-for-a-word": {"x0040": ("CS", "MR. QUIMBLY")},
    "frames": {"x0015": ("IS", 100000)},
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", GOES)
def test_an_overlay_that_cannot_be_vouched_for_goes(ct, treat, policy, name):
    new, result = treat(overlay(ct(), drawing(), **GOES[name]), policy)
    assert not [one for one in new if one.tag >> 24 == 0x60]
    assert "kept" not in result.by_tag.get("6000,3000", {})


def test_an_overlay_in_the_pixels_is_for_the_pixel_stage(ct, write, tmp_path, policy, pseudonyms):
    """Its bits lie in the pixel data: where these are not cleaned, the object is not passed on."""
    ds = overlay(ct(), drawing(), x0102=("US", 12), x0100=("US", 16))
    with pytest.raises(QuarantineError) as caught:
        deidentify_series([write(ds)], tmp_path / "out", policy, pseudonyms)
    assert caught.value.code == "burned-in-annotation"


def test_too_many_frames_to_search():
    frames = np.zeros((FRAMES + 1, 8, 8), np.uint8)
    for number in range(FRAMES + 1):
        frames[number].flat[number % 64 : number % 64 + 1 + number // 64] = 1
    assert without_text(packed(frames), frames.shape) is None
    assert without_text(packed(frames[:4]), (4, 8, 8)) == packed(frames[:4])


def test_text_that_stays_in_spite_of_all_means_removal(ct, treat, policy, monkeypatch):
    bitmaps._cleared.cache_clear()
    monkeypatch.setattr(bitmaps, "_letters", lambda frame, mask: np.zeros(frame.shape, bool))
    new, result = treat(overlay(ct(), words()), policy)
    bitmaps._cleared.cache_clear()
    assert 0x60003000 not in new
    assert result.by_tag["6000,3000"] == {"removed": 1}


def test_the_policy_may_remove_all(ct, treat, policy):
    ds = curve(overlay(ct(), drawing()))
    new, _ = treat(ds, replace(policy, overlays="remove", curves="remove"))
    assert not [one for one in new if one.tag >> 24 in (0x50, 0x60)]
    new, _ = treat(ds, replace(policy, options=policy.options - {"clean_graphics"}))
    assert not [one for one in new if one.tag >> 24 in (0x50, 0x60)]


def test_the_verifier_reads_overlays(ct, write, tmp_path, policy, pseudonyms, monkeypatch):
    """If the search is switched off, what is left is found by somebody else."""
    monkeypatch.setattr(bitmaps, "_cleared", lambda packed, shape: None)
    monkeypatch.setattr(bitmaps, "without_text", lambda data, shape, swapped: data)
    path = write(overlay(ct(), drawing() | words("Quimbly", (40, 60))))
    deidentify_series([path], tmp_path / "out", policy, pseudonyms)
    found = verify_series([path], list((tmp_path / "out").iterdir()), policy=policy)
    assert {(one.code, one.where) for one in found} == {("pixel-text", "(6000,3000)")}


def curve(ds, group=0x5000, **values):
    elements = {
        0x0005: ("US", 2), 0x0010: ("US", 3), 0x0020: ("CS", "ECG"), 0x0022: ("LO", "lead II"),
        0x0030: ("SH", ["DPPS", "MVOL"]), 0x0103: ("US", 1),
        0x3000: ("OW", np.arange(6, dtype="<i2").tobytes()), 0x2500: ("LO", "spoken by Quimbly"),
    }  # fmt: skip
    elements |= {int(key[1:], 16): value for key, value in values.items()}
    for element, (vr, value) in sorted(elements.items()):
        if value is not None:
            ds.add_new(group << 16 | element, vr, value)
    return ds


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.keyword)
def test_a_curve_of_numbers_stays(ct, treat, policy, syntax):
    ds = curve(ct())
    new, result = treat(ds, policy, syntax)
    assert new[0x50003000].value == ds[0x50003000].value
    assert new[0x50000022].value == "lead II"
    assert 0x50002500 not in new
    assert result.by_tag["5000,3000"] == {"kept": 1}


BAD_CURVES = {
    "names-somebody": {"x0022": ("LO", "of Mr Quimbly")},
    "label": {"x0040": ("SH", ["t", "Quimbly"])},
    "text-for-numbers": {"x3000": ("OW", b"Quimbly,A.T.")},
    "long": {"x3000": ("OW", np.arange(16, dtype="<i2").tobytes())},
    "unknown-kind": {"x0020": ("CS", "QUIMBLY")},
    "no-points": {"x0010": ("US", None)},
    "no-representation": {"x0103": ("US", 9)},
}


@pytest.mark.parametrize("name", BAD_CURVES)
def test_any_other_curve_goes(ct, treat, policy, name):
    new, _ = treat(curve(ct(), **BAD_CURVES[name]), policy)
    assert not [one for one in new if one.tag >> 24 == 0x50]


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 3), st.randoms(use_true_random=False))
def test_bits_lie_where_they_lay(rows, columns, frames, chance):
    """Whatever the size, ink is only ever taken away, and the same bytes come back where none is."""
    picture = np.array([chance.random() < 0.1 for _ in range(rows * columns * frames)], np.uint8)
    data = packed(picture)
    out = without_text(data, (frames, rows, columns))
    if out is not None:
        before, after = (
            np.unpackbits(np.frombuffer(one, np.uint8), bitorder="little") for one in (data, out)
        )
        assert len(out) == len(data)
        assert not (after & ~before & 1).any()
