"""Pictures with typed text over anatomy and an answer key of ink pixels; the same for the same seed and the same fonts.

No identity: names, numbers and dates are drawn from small lists. Text is 10-40 px, of three contrasts, upright, turned
by 90, 180 or 270 degrees or slanted, light or dark, with or without an outline or a box of its own.
"""

from __future__ import annotations

import functools
import os
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
import pydicom
from PIL import Image, ImageDraw, ImageFont

Rng = np.random.Generator
Array = np.ndarray[Any, Any]

KINDS = ("US", "CR", "DX", "SC", "XA", "MG", "CT")
#: Gray levels of 255 between ink and surroundings.
CONTRASTS = {"high": (110, 200), "mid": (50, 100), "faint": (18, 40)}
#: Faint ink lies at least this many local standard deviations off, else a person could not read it.
FAINT_NOISE = 2.0
#: Gray levels by which ink must change a pixel to be in the key: ink that falls on its own gray shows nothing.
VISIBLE = 5
#: Share of a line's ink that must be visible.
SEEN = 0.9

#: Font families that the training of the text network leaves out.
HELD_OUT = (
    "dejavuserif", "roboto", "cousine", "freesans", "tinos", "linlib", "linbio", "carlito", "inconsolata", "opensans",
    "hershey:2", "hershey:3",
)  # fmt: skip

SIZES = {
    "US": ((768, 1024), (600, 800), (480, 640), (720, 960)),
    "CR": ((1024, 832), (1140, 1024), (1400, 1140)),
    "DX": ((1024, 1024), (1536, 1280), (1200, 1000)),
    "SC": ((768, 1024), (900, 1200), (512, 512), (600, 800)),
    "XA": ((512, 512), (1024, 1024)),
    "MG": ((1148, 958), (1400, 1100)),
    "CT": ((512, 512), (768, 768)),
}

SURNAMES = (
    "QUIMBLY", "HIBBERT", "Szyslak", "Bouvier", "NAHASAPEEMA", "O'Hara", "Lovejoy", "VAN HOUTEN", "Krabappel", "Müller",
    "SKINNER", "Wiggum",
)  # fmt: skip
GIVEN = (
    "ARCHIBALD",
    "Julius",
    "Selma",
    "MARY",
    "Theodore",
    "Agnes",
    "Waylon",
    "ELIZABETH",
    "Ned",
    "Patty",
    "Jo",
)
PLACES = (
    "MERCY HOSPITAL", "St. Anne Clinic", "Springfield General", "UNIV. MED CENTER", "CHU Nord", "Radiologie Praxis",
)  # fmt: skip
WORDS = (
    "ABDOMEN", "LIVER LONG", "Thyroid R", "CHEST PA", "C5-1 ABD", "MI 1.2 TIS 0.6", "FR 23Hz", "2D 54% C 50", "Gain 61",
    "PORTABLE", "SUPINE AP",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One planted line of text: what it says and where its ink is."""

    text: str
    size: int
    turn: float
    contrast: str
    font: str
    ink: Array  #: flat indices of ink pixels: glyph coverage of a quarter or more, and visible
    case: str = ""  #: of ``pixels_odd``


@dataclass
class Planted:
    """One picture: ``pixels`` (rows, columns[, 3]) uint8, its lines, and what kind of image it imitates."""

    kind: str
    pixels: Array
    lines: list[Line] = field(default_factory=list)

    def free(self, margin: int = 8) -> Array:
        """Mask of the text-free area: further than ``margin`` pixels from every line's bounding box."""
        rows, columns = self.pixels.shape[:2]
        area = np.zeros((rows, columns), np.uint8)
        for line in self.lines:
            corners = np.stack([line.ink % columns, line.ink // columns], 1).astype(np.float32)
            cv2.fillConvexPoly(area, np.round(cv2.boxPoints(cv2.minAreaRect(corners))).astype(np.int32), 1)
        return np.asarray(cv2.dilate(area, np.ones((2 * margin + 1, 2 * margin + 1), np.uint8)) == 0)


@functools.cache
def fonts() -> tuple[str, ...]:
    """Font files that hold Latin letters: matplotlib's and those of installed Debian packages."""
    folders = [Path(matplotlib.get_data_path()) / "fonts/ttf", Path("/usr/share/fonts")]
    odd = (
        "thin",
        "hairline",
        "stix",
        "cm",
        "symbol",
        "emoji",
        "dingbat",
        "math",
        "display",
        "fallback",
        "lastresort",
        "initials",
        "icon",
    )
    found: dict[str, str] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix not in (".ttf", ".otf") or any(word in path.stem.lower() for word in odd):
                continue
            found.setdefault(path.name, str(path))
    plain = tuple(f"hershey:{number}" for number in (0, 1, 2, 3, 4))
    return tuple(found[name] for name in sorted(found)) + plain * max(1, len(found) // 25)


def held_out(font: str) -> bool:
    """Whether the text network was trained without this font (a path, a stem or ``hershey:N``)."""
    return any(held in Path(font).stem.lower() for held in HELD_OUT)


def text(rng: Rng) -> str:
    """Something that a scanner prints: a name, a number, a date, a place, a setting."""
    pick = int(rng.integers(8))
    name = f"{rng.choice(SURNAMES)}{rng.choice(['^', ', ', ' '])}{rng.choice(GIVEN)}"
    day = f"{rng.integers(1, 29):02d}{rng.choice(['/', '.', '-'])}{rng.integers(1, 13):02d}"
    return [
        name,
        f"{rng.choice(['ID: ', 'MRN ', 'Acc# ', ''])}{rng.integers(10**6, 10**9)}",
        f"{rng.choice(['DOB: ', ''])}{day}{rng.choice(['/', '.', '-'])}{rng.integers(1930, 2024)}",
        f"{rng.integers(0, 24):02d}:{rng.integers(60):02d}:{rng.integers(60):02d} {rng.choice(['AM', 'PM', ''])}".strip(),
        str(rng.choice(PLACES)),
        str(rng.choice(WORDS)),
        f"{rng.choice(['Dr. ', 'Op: '])}{rng.choice(SURNAMES)}",
        f"{rng.integers(1, 99):03d}Y {rng.choice(['M', 'F'])} {rng.integers(1, 20)}/{rng.integers(20, 90)}",
    ][pick]


def glyphs(words: str, font: str, size: int) -> Array:
    """Coverage 0..1 of a rendered line, tight."""
    if font.startswith("hershey:"):
        face, scale, width = int(font[8:]), size / 30, max(1, round(size / 16))
        (w, h), base = cv2.getTextSize(words.encode("ascii", "replace").decode(), face, scale, width)
        canvas = np.zeros((h + base + 12, w + 12), np.uint8)
        canvas = cv2.putText(
            canvas,
            words.encode("ascii", "replace").decode(),
            (6, h + 4),
            face,
            scale,
            255,
            width,
            cv2.LINE_AA,
        )
    else:
        loaded = ImageFont.truetype(font, size)
        left, top, right, bottom = loaded.getbbox(words)
        picture = Image.new("L", (int(right - left) + 8, int(bottom - top) + 8))
        ImageDraw.Draw(picture).text((4 - left, 4 - top), words, fill=255, font=loaded)
        canvas = np.asarray(picture)
    y, x = np.nonzero(canvas)
    if not len(y):
        return np.zeros((0, 0))
    return canvas[y.min() : y.max() + 1, x.min() : x.max() + 1].astype(np.float64) / 255


def smooth_noise(rng: Rng, shape: tuple[int, int], scale: float) -> Array:
    """Noise of about unit variance with structures of ``scale`` pixels."""
    small = (max(2, round(shape[0] / scale) + 2), max(2, round(shape[1] / scale) + 2))
    grown = cv2.resize(rng.standard_normal(small), (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(grown / (grown.std() + 1e-9))


def ultrasound(rng: Rng, shape: tuple[int, int]) -> Array:
    """A speckled sector on black with a gray bar and depth ticks."""
    rows, columns = shape
    y, x = np.mgrid[:rows, :columns]
    cx, cy = columns * rng.uniform(0.4, 0.6), rows * rng.uniform(-0.1, 0.1)
    radius, angle = np.hypot(y - cy, x - cx), np.abs(np.arctan2(x - cx, y - cy))
    sector = (
        (angle < rng.uniform(0.5, 0.8)) & (radius > rows * 0.1) & (radius < rows * rng.uniform(0.8, 0.95))
    )
    tissue = 70 + 35 * smooth_noise(rng, shape, rows / 8) + 20 * smooth_noise(rng, shape, rows / 30)
    speckle = cv2.GaussianBlur(rng.rayleigh(1, shape), (0, 0), rng.uniform(0.8, 1.6))
    image = np.where(sector, np.clip(tissue, 8, 200) * speckle / 1.2, 0)
    image[rows // 4 : rows // 2, 12:24] = np.linspace(255, 0, rows // 2 - rows // 4)[:, None]
    for tick in range(rows // 8, rows - 20, rows // 12):
        image[tick : tick + 2, columns - 14 : columns - 6] = 160
    return image


def radiograph(rng: Rng, shape: tuple[int, int]) -> Array:
    """Soft shadows crossed by ribs, with quantum noise; often a black collimation border."""
    rows, columns = shape
    y, x = np.mgrid[:rows, :columns] / float(max(shape))
    image = (
        120 + 40 * smooth_noise(rng, shape, max(shape) / 3) + 12 * smooth_noise(rng, shape, max(shape) / 12)
    )
    phase = y * rng.uniform(35, 60) + 6 * (x - 0.5) ** 2 * rng.uniform(5, 12)
    image += 14 * np.tanh(3 * np.sin(phase)) * (np.abs(x - 0.45) > 0.06)
    image += rng.uniform(1.5, 5) * rng.standard_normal(shape)
    if rng.random() < 0.6:
        edge = round(min(shape) * rng.uniform(0.04, 0.1))
        border = np.zeros(shape, bool)
        border[edge:-edge, edge:-edge] = True
        image = np.where(border, image, rng.choice([0, 4, 12]))
    return image


def angiogram(rng: Rng, shape: tuple[int, int]) -> Array:
    """Dark branching vessels on a noisy gray field inside a round or square aperture."""
    rows, columns = shape
    image = rng.uniform(110, 170) + 22 * smooth_noise(rng, shape, rows / 4)
    canvas = np.zeros(shape, np.float32)
    for _ in range(int(rng.integers(4, 9))):
        points = np.cumsum(rng.normal(0, rows / 14, (12, 2)), 0) + rng.uniform(0.2, 0.8, 2) * (columns, rows)
        cv2.polylines(
            canvas,
            [np.round(points).astype(np.int32)],
            isClosed=False,
            color=1.0,
            thickness=int(rng.integers(2, 11)),
        )
    image -= rng.uniform(40, 80) * cv2.GaussianBlur(canvas, (0, 0), 1.5)
    image += rng.uniform(3, 8) * cv2.GaussianBlur(rng.standard_normal(shape), (0, 0), 0.8)
    if rng.random() < 0.5:
        y, x = np.mgrid[:rows, :columns]
        image = np.where(np.hypot(y - rows / 2, x - columns / 2) < rows * 0.48, image, 0)
    return image


def mammogram(rng: Rng, shape: tuple[int, int]) -> Array:
    """A bright half ellipse with fibrous texture on black."""
    rows, columns = shape
    y, x = np.mgrid[:rows, :columns]
    inside = 1 - np.hypot((y - rows / 2) / (rows * 0.42), x / (columns * rng.uniform(0.5, 0.75)))
    texture = (
        95
        + 28 * smooth_noise(rng, shape, 90)
        + 14 * smooth_noise(rng, shape, 18)
        + 6 * smooth_noise(rng, shape, 5)
    )
    return np.clip(inside * 8, 0, 1) * texture + 2 * rng.standard_normal(shape) + 4


def screen(rng: Rng, shape: tuple[int, int]) -> Array:
    """A workstation's screen: flat panels, frames and pictures."""
    image = np.full(shape, float(rng.integers(10, 230)))
    rows, columns = shape
    for _ in range(int(rng.integers(3, 7))):
        h, w = int(rng.integers(rows // 6, rows // 2)), int(rng.integers(columns // 6, columns // 2))
        top, left = int(rng.integers(0, rows - h)), int(rng.integers(0, columns - w))
        if rng.random() < 0.5:
            image[top : top + h, left : left + w] = rng.integers(0, 255)
        else:
            image[top : top + h, left : left + w] = BACKGROUNDS[str(rng.choice(["CR", "US", "XA"]))](
                rng, (h, w)
            )
        image = cv2.rectangle(image, (left, top), (left + w, top + h), float(rng.integers(0, 255)), 1)
    return image


def archives() -> list[Path]:
    """Archives of real CT slices (LIDC-IDRI) in the data that RADFLOW_SHARED_DATA names."""
    folder = os.environ.get("RADFLOW_SHARED_DATA")
    return sorted(Path(folder).glob("lidc_idri_small/*.tar.xz")) if folder else []


def unpacked(archive: Path, folder: Path, step: int) -> list[Path]:
    """Every ``step``-th slice of an archive, written to ``folder``."""
    with tarfile.open(archive) as tar:
        members = sorted((m for m in tar if m.isfile() and m.name.endswith(".dcm")), key=lambda m: m.name)
        found = []
        for number, member in enumerate(members[::step]):
            file = tar.extractfile(member)
            if file is not None:
                found.append(folder / f"slice-{number}.dcm")
                found[-1].write_bytes(file.read())
    return found


@functools.cache
def real_slices() -> tuple[Array, ...]:
    """A few real CT slices in Hounsfield units, or none."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for archive in archives():
            for path in unpacked(archive, Path(folder), 5):
                dataset = pydicom.dcmread(path)
                slope, intercept = float(dataset.RescaleSlope), float(dataset.RescaleIntercept)
                found.append((dataset.pixel_array * slope + intercept).astype(np.float32))
    return tuple(found)


def tomogram(rng: Rng, shape: tuple[int, int]) -> Array:
    """A real CT slice in a random window, or, without the data, a drawn one."""
    slices = real_slices()
    if slices:
        hounsfield = slices[int(rng.integers(len(slices)))]
        gray = (
            np.clip((hounsfield - float(rng.choice([-1000, -160, -400]))) / rng.uniform(400, 1400), 0, 1)
            * 255
        )
        return np.asarray(cv2.resize(gray, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR))
    y, x = np.mgrid[: shape[0], : shape[1]] / np.array(shape, float).reshape(2, 1, 1)
    body = np.hypot((y - 0.5) / 0.36, (x - 0.5) / 0.45) < 1
    return np.where(body, 120 + 30 * smooth_noise(rng, shape, 60) + 10 * rng.standard_normal(shape), 0)


BACKGROUNDS = {
    "US": ultrasound,
    "CR": radiograph,
    "DX": radiograph,
    "SC": screen,
    "XA": angiogram,
    "MG": mammogram,
    "CT": tomogram,
}


def turned(coverage: Array, turn: float) -> Array:
    """The line's coverage, turned counter-clockwise by ``turn`` degrees."""
    if turn % 90 == 0:
        return np.rot90(coverage, int(turn // 90) % 4)
    return (
        np.clip(
            np.asarray(
                Image.fromarray((coverage * 255).astype(np.uint8)).rotate(
                    turn, Image.Resampling.BICUBIC, expand=True
                )
            ),
            0,
            255,
        )
        / 255.0
    )


def plant(rng: Rng, picture: Array, taken: Array, contrast: str) -> Line | None:
    """Draw one line where there is room for it; ``picture`` is (rows, columns, 1 or 3) float and changes."""
    rows, columns = taken.shape
    size = int(rng.integers(10, 41))
    turn = float(rng.choice([0, 90, 180, 270], p=[0.76, 0.1, 0.04, 0.1]))
    if rng.random() < 0.12:
        turn = float(rng.uniform(2, 9) * rng.choice([-1, 1]))
    font, words = str(rng.choice(fonts())), text(rng)
    coverage = turned(glyphs(words, font, size), turn)
    h, w = coverage.shape
    if h < 5 or w < 5 or h > rows - 8 or w > columns - 8:
        return None
    if rng.random() < 0.5:  # scanners write along the edges
        top = int(rng.choice([rng.integers(3, max(4, rows // 8)), rng.integers(rows * 7 // 8, rows)]))
        top = min(max(top, 3), rows - h - 3)
    else:
        top = int(rng.integers(3, rows - h - 2))
    left = int(rng.integers(3, columns - w - 2))
    pad = 10
    around = np.s_[max(0, top - pad) : top + h + pad, max(0, left - pad) : left + w + pad]
    if taken[around].any():
        return None
    here = np.s_[top : top + h, left : left + w]
    boxed = rng.random() < 0.1
    if boxed:
        picture[max(0, top - 4) : top + h + 4, max(0, left - 4) : left + w + 4] = float(rng.integers(0, 256))
    gray = picture[around].mean(2)
    level, noise = float(np.median(gray)), float(gray.std())
    low, high = CONTRASTS[contrast]
    need = max(float(rng.uniform(low, high)), FAINT_NOISE * noise)
    if contrast != "high" and need > high:
        return None
    sign = 1 if level + need <= 255 and (rng.random() < 0.75 or level < need) else -1
    if not 0 <= level + sign * need <= 255:
        return None
    ink = np.full(picture.shape[2], level + sign * need)
    if picture.shape[2] == 3 and contrast != "faint" and rng.random() < 0.4:
        ink = np.clip(ink * rng.choice([[1, 1, 0.2], [0.3, 1, 1], [0.4, 1, 0.4], [1, 0.75, 0.3]]), 0, 255)
        if abs(float(ink.mean()) - level) < low:
            return None
    grown = coverage
    if contrast == "high" and not boxed and rng.random() < 0.2:  # an outline of the opposite polarity
        grown, coverage = cv2.dilate(np.pad(coverage, 1), np.ones((3, 3))), np.pad(coverage, 1)
        top, left, h, w = top - 1, left - 1, h + 2, w + 2
        here = np.s_[top : top + h, left : left + w]
    before = picture[here]
    after = (
        before + grown[..., None] * (np.clip(level - sign * 60, 0, 255) - before)
        if grown is not coverage
        else before
    )
    after = after + coverage[..., None] * (ink - after)
    solid = coverage >= 0.25
    seen = solid & (np.abs(after - before).max(2) >= VISIBLE)
    if seen.sum() < SEEN * solid.sum():
        return None
    picture[here] = after
    taken[here] = True
    y, x = np.nonzero(seen)
    return Line(words, size, turn, contrast, Path(font).stem, (y + top) * columns + x + left)


def picture(rng: Rng, kind: str) -> Planted:
    """One picture of a kind with three to seven lines."""
    shape = SIZES[kind][int(rng.integers(len(SIZES[kind])))]
    image = np.clip(BACKGROUNDS[kind](rng, shape), 0, 255)
    colour = kind in ("US", "SC") and rng.random() < 0.5
    canvas = np.repeat(image[..., None], 3 if colour else 1, 2)
    if colour and kind == "SC":
        canvas *= rng.uniform(0.7, 1, 3)
    if colour and kind == "US" and rng.random() < 0.6:  # a Doppler box
        top, left = shape[0] // 3, shape[1] // 3
        flow = smooth_noise(rng, (shape[0] // 4, shape[1] // 4), 25) > 0.8
        canvas[top : top + shape[0] // 4, left : left + shape[1] // 4][flow] = rng.choice(
            [[220, 40, 20], [30, 60, 220]]
        )
    taken, lines = np.zeros(shape, bool), []
    wanted = [str(rng.choice(list(CONTRASTS), p=[0.4, 0.3, 0.3])) for _ in range(int(rng.integers(3, 8)))]
    for contrast in wanted:
        for _ in range(25):
            line = plant(rng, canvas, taken, contrast)
            if line is not None:
                lines.append(line)
                break
    pixels = np.clip(np.round(canvas), 0, 255).astype(np.uint8)
    return Planted(kind, pixels if colour else pixels[..., 0], lines)


def pictures(count: int, seed: int) -> Iterator[Planted]:
    """``count`` pictures, every kind in turn."""
    for number in range(count):
        yield picture(np.random.default_rng([seed, number]), KINDS[number % len(KINDS)])
