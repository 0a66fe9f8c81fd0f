"""Clips: static text for little, text of single frames not missed, untouched frames byte for byte, flat memory."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames

from deid.exceptions import QuarantineError
from deid.pixels import PixelRules, clean_pixels, find_text
from deid.pixels.source import Source

sys.path.insert(0, str(Path(__file__).parent))
import pictures as made

RULES = PixelRules.from_table({"pictures": False})
SHAPE = (192, 256)


def moving(count: int) -> list[np.ndarray[Any, Any]]:
    """Anatomy that moves in the middle of a black frame."""
    frames = []
    for number in range(count):
        frame = np.zeros(SHAPE)
        frame[60:150, 60:220] = np.roll(made.anatomy(1), (number * 3, number), (0, 1))[60:150, 60:220]
        frames.append(frame)
    return frames


def whole(frames: list[np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
    return [np.round(frame).astype(np.uint8) for frame in frames]


def black(report: dict[str, Any], frame: int) -> np.ndarray[Any, Any]:
    mask = np.zeros(SHAPE, bool)
    for left, top, right, bottom in report["boxes"]["all"] + report["boxes"]["frames"].get(str(frame), []):
        mask[top:bottom, left:right] = True
    return mask


def test_static_text_goes_from_all_frames_and_late_text_from_its_own(tmp_path: Path) -> None:
    frames, inks = moving(9), []
    for number, frame in enumerate(frames):
        frames[number], ink = made.typed(frame)
        inks.append(ink)
    frames[5], late = made.typed(frames[5], "MERCY HOSPITAL", (62, 175))
    path = made.save(made.ultrasound(whole(frames)), tmp_path / "in.dcm")
    result = clean_pixels(path, RULES, tmp_path)
    assert result.value is not None
    after = np.frombuffer(result.value.read_bytes(), np.uint8).reshape(9, *SHAPE)
    for number, before in enumerate(whole(frames)):
        mask = black(result.report, number)
        assert mask[inks[number]].all()
        assert np.array_equal(after[number], np.where(mask, 0, before))
    assert black(result.report, 5)[late].all()
    assert not black(result.report, 1)[late].any()


def test_frames_without_text_keep_their_fragments(tmp_path: Path) -> None:
    frames = moving(6)
    frames[3], ink = made.typed(frames[3], "MERCY HOSPITAL", (62, 175))
    for syntax in (made.jpeg(50), made.RLE):
        path = made.save(made.ultrasound(whole(frames), syntax), tmp_path / "in.dcm")
        result = clean_pixels(path, RULES, tmp_path)
        assert result.value is not None
        assert result.report["touched"] == 1
        assert black(result.report, 3)[ink].all()
        out = made.replaced(path, result.value, result.changes, None, tmp_path / "out.dcm")
        before = list(generate_frames(dcmread(path).PixelData, number_of_frames=6))
        after = list(generate_frames(dcmread(out).PixelData, number_of_frames=6))
        assert [n for n in range(6) if before[n] != after[n]] == [3]


def test_offset_tables_are_written_anew(tmp_path: Path) -> None:
    frames = [made.typed(frame)[0] for frame in moving(4)]
    ds = made.ultrasound(whole(frames), made.RLE)
    streams = list(generate_frames(ds.PixelData, number_of_frames=4))
    data, offsets, lengths = encapsulate_extended(streams)
    ds.PixelData, ds.ExtendedOffsetTable, ds.ExtendedOffsetTableLengths = data, offsets, lengths
    path = made.save(ds, tmp_path / "in.dcm")
    result = clean_pixels(path, RULES, tmp_path)
    assert result.value is not None
    starts = struct.unpack("<4Q", result.changes[0x7FE00001])
    sizes = struct.unpack("<4Q", result.changes[0x7FE00002])
    value = result.value.read_bytes()
    for start, size in zip(starts, sizes, strict=True):
        assert struct.unpack_from("<HHI", value, 8 + start) == (0xFFFE, 0xE000, size)

    ds = made.ultrasound(whole(frames), made.RLE)
    ds.PixelData = encapsulate(streams, has_bot=True)
    path = made.save(ds, tmp_path / "in2.dcm")
    result = clean_pixels(path, RULES, tmp_path)
    assert result.value is not None
    value = result.value.read_bytes()
    assert struct.unpack_from("<HHI", value) == (0xFFFE, 0xE000, 16)
    for start in struct.unpack_from("<4I", value, 8):
        assert struct.unpack_from("<HH", value, 24 + start) == (0xFFFE, 0xE000)


def test_frames_of_several_fragments_are_put_together(tmp_path: Path) -> None:
    frames = [made.typed(frame)[0] for frame in moving(3)]
    ds = made.ultrasound(whole(frames), made.jpeg(50))
    streams = list(generate_frames(ds.PixelData, number_of_frames=3))
    for has_bot in (True, False):
        ds.PixelData = encapsulate(streams, fragments_per_frame=2, has_bot=has_bot)
        path = made.save(ds, tmp_path / "in.dcm")
        with Source(path, tmp_path) as source:
            assert [source.read(n).rstrip(b"\0") for n in range(3)] == [
                stream.rstrip(b"\0") for stream in streams
            ]


def test_a_still_clip_is_looked_at_once(tmp_path: Path) -> None:
    frame, _ = made.typed(moving(1)[0])
    path = made.save(made.ultrasound(whole([frame] * 20)), tmp_path / "in.dcm")
    result = clean_pixels(path, RULES, tmp_path)
    assert result.report["frames_searched"] == 1
    assert result.report["touched"] == 20


def test_memory_is_that_of_a_frame(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom deid.pixels import PixelRules, clean_pixels\n"
        "rules = PixelRules.from_table({'pictures': False})\n"
        "peaks = []\n"
        "for name in sys.argv[1:3]:\n"
        "    clean_pixels(Path(name), rules, Path(sys.argv[3]))\n"
        # not ru_maxrss, which a process inherits from the one that started it
        "    status = Path('/proc/self/status').read_text().splitlines()\n"
        "    peaks.append(next(line.split()[1] for line in status if line.startswith('VmHWM')))\n"
        "print(*peaks)\n"
    )
    frame, _ = made.typed(moving(1)[0])
    small = made.save(made.ultrasound(whole([frame] * 14)), tmp_path / "small.dcm")
    large = made.save(made.ultrasound(whole([frame] * 1500)), tmp_path / "large.dcm")
    command = [sys.executable, "-c", code, str(small), str(large), str(tmp_path)]
    out = subprocess.run(command, capture_output=True, check=True, text=True)
    before, after = (int(peak) for peak in out.stdout.split())
    assert large.stat().st_size > 70e6
    assert after - before < 12_000  # KiB


def test_pictures_show_before_and_after_and_the_report_names_nobody(tmp_path: Path) -> None:
    frame, _ = made.typed(moving(1)[0])
    path = made.save(made.ultrasound(whole([frame])), tmp_path / "in.dcm")
    result = clean_pixels(path, PixelRules.from_table({}), tmp_path, identity=[made.NAME])
    assert sorted(result.pictures) == ["after-frame-1.png", "before-frame-1.png"]
    assert all(picture.startswith(b"\x89PNG") for picture in result.pictures.values())
    assert result.report["identity"] == 1
    assert not any(word in str(result.report).upper() for word in ("QUIMBLY", "ARCHIE"))


def test_a_marker_stays_by_policy_and_the_name_does_not(tmp_path: Path) -> None:
    frame, name = made.typed(np.zeros(SHAPE))
    frame, marker = made.typed(frame, "36Hz", (30, 150))
    path = made.save(made.ultrasound(whole([frame])), tmp_path / "in.dcm")
    rules = PixelRules.from_table({"keep": ["scale"], "pictures": False})
    result = clean_pixels(path, rules, tmp_path, identity=[made.NAME])
    mask = black(result.report, 0)
    assert mask[name].all()
    assert not mask[marker].any()
    assert result.report["kept"] == 1
    assert clean_pixels(path, RULES, tmp_path).report["kept"] == 0
    out = made.replaced(path, result.value or path, result.changes, None, tmp_path / "out.dcm")
    assert [(text.text.replace(" ", ""), text.allowed) for text in find_text(out, rules)] == [("36Hz", True)]


def test_the_text_of_an_object_can_be_read(tmp_path: Path) -> None:
    frame, _ = made.typed(moving(1)[0])
    path = made.save(made.ultrasound(whole([frame])), tmp_path / "in.dcm")
    (found,) = find_text(path, RULES)
    assert "QUIMBLY" in found.text
    assert found.score > 0.8
    assert not found.allowed


def test_the_real_ultrasounds_lose_their_text(shared_data: Path, tmp_path: Path) -> None:
    for file in sorted((shared_data / "burned_in").glob("*.dcm")):
        result = clean_pixels(file, RULES, tmp_path)
        assert result.value is not None
        out = made.replaced(file, result.value, result.changes, None, tmp_path / "out.dcm")
        assert find_text(out, RULES) == []
        assert dcmread(out).BurnedInAnnotation == "NO"


@pytest.mark.parametrize(
    ("damage", "detail"),
    [
        (lambda ds: setattr(ds, "BitsAllocated", 12), "layout:1x12"),
        (lambda ds: setattr(ds, "Rows", 4000), "truncated"),
        (lambda ds: setattr(ds, "HighBit", 3), "layout:high-bit"),
        (lambda ds: setattr(ds, "SamplesPerPixel", 4), "layout:4x8"),
        (lambda ds: delattr(ds, "Columns"), "layout:AttributeError"),
        (lambda ds: delattr(ds, "PixelData"), "no-pixel-data"),
        (lambda ds: setattr(ds, "PhotometricInterpretation", "PALETTE COLOR"), "palette"),
    ],
)
def test_what_cannot_be_decoded_goes_to_quarantine(damage: Any, detail: str, tmp_path: Path) -> None:
    ds = made.ultrasound(whole(moving(1)))
    damage(ds)
    path = made.save(ds, tmp_path / "in.dcm")
    with pytest.raises(QuarantineError) as caught:
        clean_pixels(path, RULES, tmp_path)
    assert caught.value.code == "pixels-not-decodable"
    assert caught.value.details == (detail,)


@pytest.mark.parametrize(
    "syntax", [made.jpeg(50), made.jpeg(70), made.jpeg(80), made.jpeg(90), made.RLE, made.EXPLICIT]
)
def test_damaged_streams_never_pass(syntax: str, tmp_path: Path) -> None:
    frame, _ = made.typed(moving(1)[0])
    path = made.save(made.ultrasound(whole([frame]), syntax), tmp_path / "in.dcm")
    data, rng = path.read_bytes(), np.random.default_rng(5)
    at = data.rindex(b"\xe0\x7f\x10\x00")
    for _ in range(12):
        cut = bytearray(data[: int(rng.integers(at + 8, len(data)))])
        path.write_bytes(cut)
        refused, result = None, None
        try:
            result = clean_pixels(path, RULES, tmp_path)
        except QuarantineError as error:
            refused = error.code
        assert refused in ("pixels-not-decodable", "burned-in-annotation") or (result and result.changes)
        assert {entry.suffix for entry in tmp_path.iterdir()} <= {".dcm", ".bin"}


def test_a_video_is_refused(tmp_path: Path) -> None:
    ds = made.ultrasound(whole(moving(1)), made.RLE)
    ds.file_meta.TransferSyntaxUID = made.jpeg(102)
    path = made.save(ds, tmp_path / "in.dcm")
    with pytest.raises(QuarantineError) as caught:
        clean_pixels(path, RULES, tmp_path)
    assert caught.value.code == "pixels-not-decodable"
