"""The pixel stage: find text, make it black, look again, write only what was touched."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import cv2
import numpy as np

from deid.exceptions import QuarantineError
from deid.pixel_result import PixelResult
from deid.pixels.areas import Found, boxes, painted
from deid.pixels.cine import Cine, covered, moving_text, sampled, static_text
from deid.pixels.codec import decode
from deid.pixels.find import by_network, legible, read_lines, search
from deid.pixels.keep import identity_words, may_stay, names
from deid.pixels.ocr import recognize, straightened
from deid.pixels.regions import Box, banners, device_boxes
from deid.pixels.rules import PixelRules
from deid.pixels.source import Array, Source
from deid.pixels.textnet import likelihood
from deid.pixels.views import png, smoothed_over, views
from deid.pixels.write import blank, even, write

BURNED_IN = 0x00280301
ROUNDS = 3  #: times that leftovers are made black before the object is refused
SEEN_BEFORE, SEEN_SHARE = 0.2, 0.3  #: likelihood in the untouched frame, and over which part of a leftover
CHECKED = 5  #: frames of a cine that are searched again completely


@dataclass(frozen=True)
class TextBox:
    """One piece of text in the pixels of an object.

    Attributes:
        frame: number of the frame, from 0.
        box: (left, top, right, bottom) in pixels, right and bottom excluded.
        text: what the recogniser reads; may be wrong, may be identity.
        score: how sure the recogniser is, 0..1.
        allowed: whether it is a marker or scale that the rules let stay (identity not considered).
    """

    frame: int
    box: Box
    text: str
    score: float
    allowed: bool


def clean_pixels(
    source: Path, rules: PixelRules, scratch: Path, *, identity: Sequence[str] = ()
) -> PixelResult:
    """Make text in the pixels of one object black.

    Args:
        source: a DICOM file with Pixel Data, any transfer syntax that can be decoded.
        rules: what is done.
        scratch: folder for the new value; files in it hold pixels of the original while this runs.
        identity: the patient's own identifiers, decoded: markers that occur in them do not stay, and the report says
            how many pieces of text held one.

    Returns:
        The new value of Pixel Data in the original's byte order (None: nothing was touched), Burned In Annotation NO,
        and a report with the places, without any reading.

    Raises:
        QuarantineError: ``pixels-not-decodable``, or ``burned-in-annotation`` where text is left after three rounds.
    """
    started = time.process_time()
    with Source(source, scratch) as pixels:
        result = _Cleaning(pixels, rules, identity_words(identity)).run(scratch)
    result.report["seconds"] = round(time.process_time() - started, 3)
    return result


@dataclass
class _Cleaning:
    """The work on one open object."""

    source: Source
    rules: PixelRules
    identity: frozenset[str]
    kept: list[Found] = field(default_factory=list)
    found: dict[str, int] = field(default_factory=dict)
    named: int = 0
    rounds: int = 0
    looked: int = 0
    untouched: tuple[int, Array, Array] | None = (
        None  #: number, main view and likelihood of the frame asked for last
    )

    def run(self, scratch: Path) -> PixelResult:
        """Search, blank, search again, write."""
        source, layout = self.source, self.source.layout
        fixed = device_boxes(source.header, self.rules.devices)
        fixed += banners(source.header) if self.rules.banners else []
        text = search(self.views(0)) if layout.frames == 1 else static_text(self.views, layout.frames)
        mask = painted(self.judged(text, 0), self.shape, self.rules.margin)
        for left, top, right, bottom in fixed:
            mask[top:bottom, left:right] = 1
        black = self.one(mask) if layout.frames == 1 else self.many(mask)
        black = {number: areas for number, areas in black.items() if areas}
        high_bits = source.embedded_overlay
        report: dict[str, Any] = {
            "frames": layout.frames,
            "touched": layout.frames if high_bits else len(black),
            "found": dict(sorted(self.found.items())),
            "fixed_regions": len(fixed),
            "kept": len(self.kept),
            "identity": self.named,
            "rounds": self.rounds,
            "frames_searched": self.looked,
            "embedded_overlay": high_bits,
        }
        changes = {BURNED_IN: b"NO"}
        if not black and not high_bits:
            return PixelResult(
                changes=changes, report=report | {"boxes": {"all": [], "frames": {}}, "area": 0.0}
            )
        written = write(source, black, scratch, high_bits=high_bits)
        report |= {"boxes": _shared(written.boxes, layout.frames), "area": self.area(written.boxes)}
        report["transcoded"] = written.syntax is not None
        pictures = self.pictures(written.boxes) if self.rules.pictures else {}
        return PixelResult(written.path, written.syntax, changes | written.changes, report, pictures)

    @property
    def shape(self) -> tuple[int, int]:
        return self.source.layout.rows, self.source.layout.columns

    def frame(self, number: int) -> Array:
        """Samples of a frame."""
        return decode(self.source.layout, self.source.read(number))

    def views(self, number: int, black: Sequence[Box] = ()) -> list[Array]:
        """What the detectors see of a frame, black areas made like their surroundings.

        Left black, their edges look like strokes to a detector, and each round would find the rims of the last.
        """
        pictures = views(self.source.layout, self.source.header, self.frame(number))
        if not black:
            return pictures
        mask = np.zeros(self.shape, np.uint8)
        for left, top, right, bottom in black:
            mask[top:bottom, left:right] = 1
        return [smoothed_over(picture, mask) for picture in pictures]

    def judged(self, text: Sequence[Found], number: int) -> list[Found]:
        """The pieces that go; the others are remembered as kept."""
        gone = []
        gray = self.views(number)[0] if self.rules.keep or self.identity else None
        for piece in text:
            if gray is not None:
                reading, score = recognize(straightened(gray, piece.quad))
                self.named += names(reading, self.identity)
                if may_stay(reading, score, self.rules.keep, self.identity):
                    self.kept.append(piece)
                    continue
            self.found[piece.by] = self.found.get(piece.by, 0) + 1
            gone.append(piece)
        return gone

    def fresh(self, text: Sequence[Found], mask: Array, number: int) -> list[Found]:
        """Pieces that are left: neither black already nor kept, and no rims of black areas.

        Text that is left was there before anything was black: the network saw some of it then, or it can be read.
        """
        allowed = painted(self.kept, self.shape, self.rules.margin + 4) | mask if self.kept else mask
        text = [piece for piece in text if not covered(piece, allowed)]
        if not text:
            return []
        if self.untouched is None or self.untouched[0] != number:
            pictures = self.views(number)
            self.untouched = number, pictures[0], np.max([likelihood(picture) for picture in pictures], 0)
        _, gray, before = self.untouched
        return [piece for piece in text if self.real(piece, gray, before, allowed)]

    def real(self, piece: Found, gray: Array, before: Array, allowed: Array) -> bool:
        """Whether a piece found beside black areas shows in the untouched frame, too."""
        if piece.by != "text-net":
            return True
        area = (painted([piece], self.shape, 0) > allowed).astype(np.uint8)
        cells = cv2.resize(area, before.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
        if cells.any() and float((before[cells] > SEEN_BEFORE).mean()) >= SEEN_SHARE:
            return True
        return legible(*recognize(straightened(gray, piece.quad)))

    def one(self, mask: Array) -> dict[int, list[Box]]:
        """Black areas of a single frame, after as many rounds as it takes."""
        for self.rounds in range(1, ROUNDS + 1):
            areas = even(self.source.layout, boxes(mask))
            if not mask.any() and self.rounds == 1 and not self.kept:
                return {}
            left = self.fresh(search(self.views(0, areas), ocr=self.rounds == 1), mask, 0)
            if not left:
                return {0: areas}
            mask |= painted(self.judged(left, 0), self.shape, self.rules.margin)
        self.refuse()

    def many(self, mask: Array) -> dict[int, list[Box]]:
        """Black areas of every frame of a cine."""
        layout, cine = self.source.layout, Cine()
        frames = layout.frames
        still = even(layout, boxes(mask))
        moving: dict[int, list[Found]] = {}
        before: list[Found] = []
        check = set(sampled(frames)[:: max(1, len(sampled(frames)) // CHECKED)])
        blanked = mask | painted(self.kept, self.shape, self.rules.margin + 4) if self.kept else mask
        for number, text in enumerate(moving_text(lambda n: self.views(n, still), frames, cine, blanked)):
            if text:
                moving[number] = self.judged(text, number) if text is not before else moving[number - 1]
                check |= {number} if text != before else set()
            before = text
        self.looked = cine.looked
        areas = {number: still for number in range(frames)}
        for number in sorted(check | moving.keys()):
            extra = moving.get(number, [])
            own = mask | painted(extra, self.shape, self.rules.margin) if extra else mask
            areas[number] = self.settled(number, own) if number in check else even(layout, boxes(own))
        return areas

    def settled(self, number: int, mask: Array) -> list[Box]:
        """Black areas of one frame of a cine after looking again."""
        for again in range(1, ROUNDS + 1):
            self.rounds = max(self.rounds, again)
            areas = even(self.source.layout, boxes(mask))
            left = self.fresh(by_network(self.views(number, areas)), mask, number)
            if not left:
                return areas
            mask = mask | painted(self.judged(left, number), self.shape, self.rules.margin)
        self.refuse()

    def refuse(self) -> NoReturn:
        """Give up."""
        raise QuarantineError.of(
            file="The object", code="burned-in-annotation", details=(f"rounds:{self.rounds}",)
        )

    def area(self, black: dict[int, list[Box]]) -> float:
        """Share of all pixels that is black now."""
        total = 0
        last: tuple[list[Box], int] = ([], 0)
        for areas in black.values():
            if areas != last[0]:
                mask = np.zeros(self.shape, np.uint8)
                for left, top, right, bottom in areas:
                    mask[top:bottom, left:right] = 1
                last = areas, int(mask.sum())
            total += last[1]
        return round(total / (self.source.layout.area * self.source.layout.frames), 6)

    def pictures(self, black: dict[int, list[Box]]) -> dict[str, bytes]:
        """The first touched frame before and after, for the broker and for the report."""
        layout, header = self.source.layout, self.source.header
        number = min(black, default=0)
        frame = self.frame(number)
        after = blank(layout, header, frame, black.get(number, []))
        name = f"frame-{number + 1}.png"
        return {f"before-{name}": png(layout, header, frame), f"after-{name}": png(layout, header, after)}


def _shared(black: dict[int, list[Box]], frames: int) -> dict[str, Any]:
    """Boxes that all frames have, and those of single frames beside them."""
    common = list(black[min(black)]) if len(black) == frames else []
    for areas in black.values():
        if areas != common:
            present = set(areas)
            common = [box for box in common if box in present]
    extra = {
        str(n): [list(b) for b in areas if b not in common] for n, areas in black.items() if areas != common
    }
    return {"all": [list(box) for box in common], "frames": extra}


def find_text(path: Path, rules: PixelRules, *, frames: int = CHECKED) -> list[TextBox]:
    """Text that can be read in the pixels of an object, for the verifier.

    Args:
        path: a DICOM file with Pixel Data.
        rules: those that the pixels were cleaned with; they decide what is ``allowed``.
        frames: at most how many frames are read completely, evenly spread.

    Raises:
        QuarantineError: ``pixels-not-decodable``.
    """
    found = []
    with tempfile.TemporaryDirectory() as folder, Source(path, Path(folder)) as source:
        total = source.layout.frames
        for number in sorted({round(n) for n in np.linspace(0, total - 1, min(total, frames))}):
            pictures = views(source.layout, source.header, decode(source.layout, source.read(number)))
            for piece in search(pictures):
                box = piece.box(pictures[0].shape)
                reading, score = read_lines(pictures[0], piece.quad, box)
                if not legible(reading, score):  # names nobody; most often the rim of a black area
                    continue
                allowed = may_stay(reading, score, rules.keep, frozenset())
                found.append(TextBox(number, box, reading, score, allowed))
    return found
