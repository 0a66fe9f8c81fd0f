"""The [pixels] table, device regions, which objects are looked at, and what may stay."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from deid.exceptions import PolicyError
from deid.pixels import PixelRules, needs_look
from deid.pixels.keep import identity_words, may_stay, names
from deid.pixels.regions import banners, device_boxes, parse_devices, read_devices, shipped_devices

BOTH = frozenset({"laterality", "scale"})


def test_defaults_keep_nothing_and_use_the_shipped_devices() -> None:
    rules = PixelRules.from_table({})
    assert rules.keep == frozenset()
    assert rules.devices == shipped_devices()
    assert len(rules.devices) > 40


@pytest.mark.parametrize(
    ("table", "word"),
    [
        ({"kep": []}, "kep"),
        ({"keep": ["names"]}, "names"),
        ({"keep": "scale"}, "list"),
        ({"examine": "none"}, "none"),
        ({"margin": -1}, "margin"),
        ({"margin": True}, "margin"),
        ({"banners": 1}, "banners"),
        ({"devices": 3}, "devices"),
        ({"devices": "absent.toml"}, "absent.toml"),
        ({"modalities": [""]}, "modalities"),
    ],
)
def test_a_table_that_means_nothing_is_refused(table: dict[str, object], word: str) -> None:
    with pytest.raises(PolicyError, match=word) as caught:
        PixelRules.from_table(table)
    assert caught.value.instruction


@pytest.mark.parametrize(
    "change",
    [{"keep": ["scale"]}, {"margin": 5}, {"devices": "none"}, {"banners": False}, {"examine": "all"}],
)
def test_every_decision_changes_the_canonical_form_and_the_description(change: dict[str, object]) -> None:
    before, after = PixelRules.from_table({}), PixelRules.from_table(change)
    assert before.canonical() != after.canonical()
    assert before.describe() != after.describe()


def test_a_site_adds_devices(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text('[[device]]\nmodel = "Box 1"\nrows = 4\nboxes = [[0, 0, 9, 2]]\n')
    rules = PixelRules.from_table({"devices": "own.toml"}, tmp_path)
    header = Dataset()
    header.ManufacturerModelName, header.Rows, header.Columns = "The box 1 plus", 4, 6
    assert device_boxes(header, rules.devices) == [(0, 0, 6, 2)]
    header.Rows = 5
    assert device_boxes(header, rules.devices) == []


@pytest.mark.parametrize(
    "device",
    [
        {"boxes": [[0, 0, 1, 1]]},
        {"model": "x", "boxes": []},
        {"model": "x", "boxes": [[1, 0, 1, 1]]},
        {"model": "x", "boxes": [[0, 0, 1]]},
        {"model": "x", "colour": "red", "boxes": [[0, 0, 1, 1]]},
    ],
)
def test_a_bad_device_is_refused(device: dict[str, object]) -> None:
    with pytest.raises(PolicyError):
        parse_devices({"device": [device]}, "test")


def test_a_device_file_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[[device")
    with pytest.raises(PolicyError, match="bad"):
        read_devices(tmp_path / "bad.toml")


def test_the_shipped_regions_know_a_siemens_ultrasound() -> None:
    header = Dataset()
    header.Modality, header.Manufacturer, header.ManufacturerModelName = "US", "SIEMENS", "S2000"
    header.Rows, header.Columns = 768, 1024
    assert (0, 0, 1024, 60) in device_boxes(header, shipped_devices())


def test_banners_are_the_strips_outside_all_ultrasound_regions() -> None:
    header, regions = Dataset(), []
    header.Rows, header.Columns = 600, 800
    for x, y in ((10, 50), (400, 80)):
        item = Dataset()
        item.RegionLocationMinX0, item.RegionLocationMinY0 = x, y
        item.RegionLocationMaxX1, item.RegionLocationMaxY1 = x + 300, 569
        regions.append(item)
    header.SequenceOfUltrasoundRegions = Sequence(regions)
    assert banners(header) == [(0, 0, 800, 50), (0, 570, 800, 600)]
    regions[0].RegionLocationMinY0 = regions[1].RegionLocationMinY0 = 300
    assert banners(header) == [(0, 570, 800, 600)]  # half the picture is no banner


def header(**values: bytes) -> dict[int, bytes]:
    tags = {
        "sop": 0x00080016, "type": 0x00080008, "modality": 0x00080060, "conversion": 0x00080064, "samples": 0x00280002,
        "photometric": 0x00280004, "burned": 0x00280301, "overlay": 0x60020102,
    }  # fmt: skip
    base = {"sop": b"1.2.840.10008.5.1.4.1.1.2", "modality": b"CT", "type": b"ORIGINAL\\PRIMARY\\AXIAL "}
    base |= {"samples": b"\1\0", "photometric": b"MONOCHROME2 "}
    return {0x00280010: b"\0\2"} | {tags[key]: value for key, value in (base | values).items()}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, None),
        ({"modality": b"MR"}, None),
        ({"modality": b"PT"}, None),
        ({"type": b"DERIVED\\SECONDARY\\MPR"}, None),
        ({"burned": b"YES "}, "burned-in-annotation"),
        ({"sop": b"1.2.840.10008.5.1.4.1.1.7.4"}, "secondary-capture"),
        ({"conversion": b"WSD "}, "secondary-capture"),
        ({"type": b"DERIVED\\SECONDARY\\SCREEN SAVE"}, "image-type"),
        ({"type": b"DERIVED\\SECONDARY\\OTHER"}, "image-type"),
        ({"samples": b"\3\0", "photometric": b"RGB "}, "colour"),
        ({"photometric": b"PALETTE COLOR "}, "colour"),
        ({"overlay": struct.pack("<H", 12)}, "embedded-overlay"),
        ({"overlay": b"\0\0"}, None),
        ({"modality": b""}, "modality"),
        *(
            ({"modality": kind.encode()}, "modality")
            for kind in ["US", "CR", "DX", "SC", "XA", "RF", "MG", "ES", "XC", "OT", "GM"]
        ),
    ],
)
def test_what_is_looked_at(values: dict[str, bytes], reason: str | None) -> None:
    assert needs_look(header(**values)) == reason


def test_all_means_all_and_no_rows_means_no_pixels() -> None:
    rules = PixelRules.from_table({"examine": "all"})
    assert needs_look(header(), rules) == "all"
    assert needs_look({0x00080060: b"SR"}, rules) is None


def test_declared_means_what_says_so_itself() -> None:
    rules = PixelRules.from_table({"examine": "declared"})
    assert needs_look(header(modality=b"US"), rules) is None
    assert needs_look(header(burned=b"YES "), rules) == "burned-in-annotation"
    assert "Only images that say" in rules.describe()[0]


@pytest.mark.parametrize(
    "text", ["L", "R", "LT", "Right", "R CC", "LMLO", "4.0cm", "36Hz", "19fps", "120 mm", "2.5 MHz"]
)
def test_markers_and_scales_may_stay(text: str) -> None:
    assert may_stay(text, 0.95, BOTH, frozenset())
    assert not may_stay(text, 0.95, frozenset(), frozenset())
    assert not may_stay(text, 0.8, BOTH, frozenset())


@pytest.mark.parametrize(
    "text",
    [
        "QUIMBLY",
        "L QUIMBLY",
        "4.0",
        "1234567",
        "12/03/1971",
        "4.0cm DOB",
        "R1",
        "123456 mm",
        "",
        "12 M F",
        "L R L",
    ],
)
def test_everything_else_goes(text: str) -> None:
    assert not may_stay(text, 0.99, BOTH, frozenset())


def test_a_marker_that_is_part_of_the_identity_goes() -> None:
    identity = identity_words(["Left^Robert^L", "MRN-36"])
    assert not may_stay("LEFT", 0.99, BOTH, identity)
    assert not may_stay("L", 0.99, BOTH, identity)
    assert not may_stay("36 Hz", 0.99, BOTH, identity)
    assert may_stay("R", 0.99, BOTH, identity)


def test_identity_is_seen_in_other_spellings() -> None:
    identity = identity_words(["Quimbly^Archibald", "MRN-0012345"])
    assert names("QUIMBLY, A", identity)
    assert names("0012345", identity)
    assert names("IMBLYARC", identity_words(["QuimblyArchibald"]))
    assert not names("LIVER", identity)
