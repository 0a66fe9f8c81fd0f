"""Regions of the network's cells become lines; what is no text is not believed."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from deid.pixels import find
from deid.pixels.areas import Found, painted, regions, whole
from deid.pixels.find import Look, search

sys.path.insert(0, str(Path(__file__).parent))
import pictures as made


def cells_of(mask: np.ndarray) -> np.ndarray:
    """Likelihood per cell of a mask in pixels."""
    return cv2.resize(mask.astype(np.float32), None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)


def test_two_lines_that_touch_are_cut_apart() -> None:
    mask = np.zeros((128, 256), np.uint8)
    mask[40:60, 20:80], mask[60:80, 60:240] = 1, 1
    found = regions(cells_of(mask), mask.shape)
    assert len(found) == 2
    area = painted(found, mask.shape, 0)
    assert area[mask > 0].mean() > 0.97
    assert area[45:55, 100:240].sum() == 0  # the rectangle around both would cover this


def test_one_line_stays_whole() -> None:
    mask = np.zeros((128, 256), np.uint8)
    mask[40:60, 20:220] = 1
    assert len(regions(cells_of(mask), mask.shape)) == 1


def test_a_letter_that_sticks_out_is_followed() -> None:
    gray = np.full((100, 200), 20, np.uint8)
    gray[40:60, 30:150:10] = 200
    gray[40:60, 31:151:10] = 200
    gray[55:66, 140:142] = 200  # a descender
    piece = Found(((90.0, 50.0), (124.0, 22.0), 0.0), 1.0, "text-net")
    assert not painted([piece], gray.shape, 0)[65, 140]
    assert painted([whole(piece, gray)], gray.shape, 0)[65, 140]


def test_a_line_that_goes_on_is_not_followed() -> None:
    gray = np.full((100, 200), 20, np.uint8)
    gray[40:60, 30:150:10] = 200
    gray[:, 150] = 200
    piece = Found(((90.0, 50.0), (124.0, 22.0), 0.0), 1.0, "text-net")
    grown = whole(piece, gray)
    assert painted([grown], gray.shape, 0)[:, 150].sum() <= 24


def test_flat_ends_of_a_line_are_cut_off() -> None:
    gray = np.full((100, 300), 20, np.uint8)
    gray[40:60, 60:150:10] = 200
    found = whole(Found(((130.0, 50.0), (240.0, 24.0), 0.0), 1.0, "text-net"), gray)
    area = painted([found], gray.shape, 0)
    assert area[gray > 20].all()
    assert not area[:, 160:].any()


@pytest.mark.parametrize(
    ("score", "seen", "reading", "believed"),
    [
        (0.9, 0.0, ("", 0.0), True),
        (0.7, 0.5, ("", 0.0), True),
        (0.7, 0.0, ("AB1", 0.65), True),
        (0.7, 0.0, ("R", 0.9), True),
        (0.7, 0.0, ("R", 0.7), False),
        (0.7, 0.0, ("..", 0.99), False),
    ],
)
def test_a_doubtful_piece_needs_a_second_witness(monkeypatch, score, seen, reading, believed) -> None:
    monkeypatch.setattr(find, "text_map", lambda gray: np.full(gray.shape, seen, np.float32))
    monkeypatch.setattr(find, "recognize", lambda _: reading)
    look = Look(np.zeros((300, 400), np.uint8))
    assert look.believes(Found(((100.0, 100.0), (80.0, 20.0), 0.0), score, "text-net")) is believed


def test_what_is_as_tall_as_an_organ_is_believed_only_if_it_reads(monkeypatch) -> None:
    monkeypatch.setattr(find, "text_map", lambda gray: np.zeros(gray.shape, np.float32))
    monkeypatch.setattr(find, "recognize", lambda _: ("1883", 0.76))
    torso = Found(((200.0, 150.0), (300.0, 200.0), 0.0), 0.95, "text-net")
    look = Look(np.zeros((300, 400), np.uint8))
    assert not look.believes(torso)
    monkeypatch.setattr(find, "recognize", lambda _: ("QUIMBLY", 0.99))
    assert look.believes(torso)


def test_a_picture_without_text_is_left_alone_and_text_beside_it_is_found() -> None:
    plain = made.anatomy(3, (256, 320))
    assert search([plain.astype(np.uint8)]) == []
    gray, ink = made.typed(plain)
    found = search([np.round(gray).astype(np.uint8)])
    assert painted(found, gray.shape, 2)[ink].all()
