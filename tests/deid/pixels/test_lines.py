"""Lines that a detector takes for one piece are read one by one: what is not read would not be reported."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from deid.pixels.find import legible, read_lines
from deid.pixels.ocr import recognize, straightened

LINES = ("JANKOWSKI", "29/04/2019", "PROVIDENCE")


@pytest.fixture
def piece():
    """Three lines over noise, as one piece: picture, rotated rectangle, box."""
    noise = np.random.default_rng(7).normal(60, 6, (100, 180)).clip(0, 255).astype(np.uint8)
    picture = Image.fromarray(noise)
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(LINES):
        draw.text((10, 12 + 22 * number), line, fill=235, font=ImageFont.load_default(size=17))
    left, top, right, bottom = 6, 8, 130, 82
    quad = (((left + right) / 2, (top + bottom) / 2), (right - left, bottom - top), 0.0)
    return np.asarray(picture), quad, (left, top, right, bottom)


def test_each_line_is_read(piece):
    gray, quad, box = piece
    assert not any(line in recognize(straightened(gray, quad))[0] for line in LINES)
    text, score = read_lines(gray, quad, box)
    assert legible(text, score)
    for line in LINES:
        assert line in text


def test_noise_says_nothing(piece):
    _, quad, box = piece
    noise = np.random.default_rng(8).normal(60, 6, (100, 180)).clip(0, 255).astype(np.uint8)
    assert not legible(*read_lines(noise, quad, box))
