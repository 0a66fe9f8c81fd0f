"""Remove the face from a series of cross-sections: DICOM in, DICOM pixel values out."""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deid.exceptions import QuarantineError
from deid.faces import headers, presence, stacks, voxels
from deid.faces.frames import SERIES, frames_of
from deid.faces.judge import problems, unregistered
from deid.faces.region import find_region
from deid.faces.register import register
from deid.faces.render import render
from deid.faces.template import load_template
from deid.faces.tissue import find_body
from deid.pixel_result import PixelResult

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from deid.faces.frames import Frame
    from deid.faces.region import Region
    from deid.faces.register import Fit
    from deid.faces.rules import FaceRules
    from deid.faces.stacks import Stack
    from deid.faces.tissue import Body, Volume
    from deid.faces.voxels import Source

RECOGNIZABLE = 0x00280302
_SMALLEST, _LARGEST = 0x00280106, 0x00280107
#: A look at every so many mm tells a chest from a head.
_GLANCE_MM = 9.0
#: Grid of the pictures and of bone, mm.
_FINE_MM = 1.5
#: Planes and pixels not farther apart than this show the bone over nose and orbits.
_SHARP_MM = 2.0
#: Air is sampled so far from tissue and from what is removed, in so many planes; fewer samples count as none.
_CLEAR_MM = 9.0
_AIR_PLANES = 24
_FEW = 200
_LOWEST_HU = -1100.0
_SEED = 20260


@dataclass(frozen=True)
class FaceOutcome:
    """What became of a series.

    Attributes:
        status: ``defaced``, or ``no-face`` where there is none and nothing was touched.
        results: the objects of a defaced series; those without a ``value`` keep their pixels.
        report: JSON-able, free of identity.
        pictures: ``before`` and ``after``, PNG; empty for ``no-face``.
    """

    status: str
    results: dict[Path, PixelResult] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict, repr=False)


def clean_faces(sources: Sequence[Path], rules: FaceRules, scratch: Path) -> FaceOutcome:
    """Remove the face from a series, if it shows one.

    Args:
        sources: the objects of one series.
        rules: what to remove.
        scratch: folder for new pixel data.

    Raises:
        QuarantineError: ``face-not-registered``, ``face-geometry``, ``face-not-decodable``, ``truncated``,
            ``no-files``.
    """
    if not sources:
        raise QuarantineError.of(SERIES, "no-files")
    started = time.process_time()
    opened = {path: voxels.open_source(path, scratch) for path in sources}
    try:
        outcome = _Series(opened, rules, scratch).clean()
    finally:
        voxels.discard(list(opened.values()), scratch)
    outcome.report["seconds_cpu"] = round(time.process_time() - started, 2)
    return outcome


class _Series:
    def __init__(self, opened: dict[Path, Source], rules: FaceRules, scratch: Path) -> None:
        self._opened = opened
        self._rules = rules
        self._scratch = scratch
        first = next(iter(opened.values())).header
        self._modality = str(first.get("Modality", ""))
        self._ct = self._modality == "CT"
        self._body_part = str(first.get("BodyPartExamined") or "")

    def clean(self) -> FaceOutcome:
        frames = [
            frame
            for path, source in self._opened.items()
            if not _is_scout(source)
            for frame in frames_of(path, source.header)
        ]
        if not frames:
            return FaceOutcome("no-face", report={"status": "no-face", "because": headers.FEW_PLANES})
        found = stacks.sort_frames(frames)
        reason = self._nothing_to_see(found)
        if reason is not None:
            return FaceOutcome("no-face", report={"status": "no-face", "because": reason})
        head = found[0]
        if len(found) > 1:
            self._check_one_frame_of_reference()
        stacks.check_regular(head)
        volume = stacks.to_volume(head, self._read)
        body = find_body(volume, self._modality)
        template = load_template()
        fit = register(volume, body, template)
        fine = stacks.to_volume(head, self._read, _FINE_MM)
        region = None
        if fit is not None:
            sharp = head.coarsest <= _SHARP_MM
            region = find_region(volume, fit, template, self._rules, fine if self._ct else None, sharp=sharp)
        why = ["no place where a head fits"]
        if fit is not None and region is not None:
            why = problems(fit, region, volume, ct=self._ct)
        if fit is None or region is None or why:
            surely_none = fit is None or len(why) > 1  # one doubt alone does not make a knee of a head
            if surely_none and self._told_far(head):
                because = "no head found, and the header names another body part"
                return FaceOutcome("no-face", report={"status": "no-face", "because": because})
            raise unregistered(why)
        return self._remove(found, head, fit, region, volume, body, fine)

    def _told_far(self, stack: Stack) -> bool:
        return headers.told_far(
            self._body_part, strict=self._modality in ("CT", "PT"), length=max(stack.extent)
        )

    def _check_one_frame_of_reference(self) -> None:
        """Stacks of a series share a head only where they share their coordinates."""
        told = {str(source.header.get("FrameOfReferenceUID") or "") for source in self._opened.values()}
        if len(told) != 1 or "" in told:
            raise QuarantineError.of(SERIES, "face-geometry", ("stacks without common coordinates",))

    def _nothing_to_see(self, found: list[Stack]) -> str | None:
        """Why no stack can show a face, at little cost; None where one may."""
        reasons = []
        for stack in found:
            if len(stack.planes) < headers.MIN_PLANES:
                reasons.append(headers.FEW_PLANES)
                continue
            steps = max(1, int(_GLANCE_MM * (len(stack.planes) - 1) / max(stack.extent[0], 1e-6)))
            volume = stacks.to_volume(stacks.thin(stack, steps), self._read)
            reason = presence.no_head(volume, find_body(volume, self._modality), ct=self._ct)
            if reason is None:
                return None
            reasons.append(reason)
        return "; ".join(sorted(set(reasons)))

    def _read(self, frame: Frame) -> NDArray[np.float32]:
        return voxels.physical(self._opened[frame.path], frame, ct=self._ct)

    def _remove(
        self,
        found: list[Stack],
        head: Stack,
        fit: Fit,
        region: Region,
        volume: Volume,
        body: Body,
        fine: Volume,
    ) -> FaceOutcome:
        frames = [frame for stack in found for places in stack.planes for frame in places]
        before = render(fine, body.level)
        air = self._air(head, region, volume, body)
        removed = touched = in_brain = 0
        nearest = np.inf
        for order, frame in enumerate(frames):
            changed = self._replace(frame, region.removed(frame), air, order)
            if changed.any():
                distance = region.at(region.brain, frame)[changed]
                nearest = min(nearest, float(distance.min()))
                in_brain += int((distance <= 0).sum())
                removed += int(changed.sum())
                touched += 1
        after = render(stacks.to_volume(head, self._read, _FINE_MM), body.level)
        report = {
            "status": "defaced",
            "method": "the average head laid upon this one (affine, then B-spline, by mutual information), "
            "its face region replaced by air",
            "rules": self._rules.canonical(),
            "outline_overlap": round(fit.overlap, 4),
            "mutual_information": round(fit.information, 4),
            "forwards_to_backwards": round(fit.forwards, 3),
            "warp_mm": round(fit.warp, 2),
            "brain_and_scalp_to_skull": [round(ratio, 2) for ratio in fit.skull],
            "frames": len(frames),
            "frames_touched": touched,
            "voxels_removed": removed,
            "brain_voxels_changed": in_brain,
            "nearest_to_brain_mm": round(nearest, 2) if removed else None,
        }
        return FaceOutcome("defaced", self._results(), report, {"before": before, "after": after})

    def _air(self, head: Stack, region: Region, volume: Volume, body: Body) -> NDArray[np.float32]:
        """Physical values of the air around the head, to draw replacements from."""
        clear = ndimage.distance_transform_edt(~body.tissue & volume.valid, sampling=volume.spacing)
        clear = np.minimum(clear, -region.depth).astype(np.float32)
        step = max(1, len(head.planes) // _AIR_PLANES)
        samples = [np.array([], dtype=np.float32)]
        for places in head.planes[::step]:
            frame, source = places[0], self._opened[places[0].path]
            stored = source.stored(frame.index)
            free = (region.at(clear, frame) > _CLEAR_MM) & ~_padded(source, stored)
            samples.append(
                stored[free][::7].astype(np.float32) * np.float32(frame.slope) + np.float32(frame.intercept)
            )
        pool = np.concatenate(samples)
        if self._ct:
            pool = pool[
                pool > _LOWEST_HU
            ]  # beyond the circle of reconstruction some scanners write less than air
        if pool.size < _FEW:
            return np.array([body.air], dtype=np.float32)
        low, high = np.percentile(pool, [1, 99])
        return np.asarray(pool[(pool >= low) & (pool <= high)])

    def _replace(
        self, frame: Frame, mask: NDArray[np.bool_], air: NDArray[np.float32], order: int
    ) -> NDArray[np.bool_]:
        """Put air where the mask is; which samples changed."""
        if not mask.any():
            return mask
        source = self._opened[frame.path]
        words = source.frame(frame.index)
        mask = mask & ~_padded(source, source.decode(words))
        drawn = np.random.default_rng([_SEED, order]).choice(air, int(mask.sum()))
        fresh = words.copy()
        fresh[mask] = source.encode(np.rint((drawn - frame.intercept) / frame.slope))
        changed = fresh != words
        if changed.any():
            source.replace(frame.index, fresh, self._scratch)
        return np.asarray(changed)

    def _results(self) -> dict[Path, PixelResult]:
        results = {}
        for path, source in self._opened.items():
            if _is_scout(source):
                continue
            changes = {RECOGNIZABLE: b"NO"}
            if source.out is None:
                results[path] = PixelResult(changes=changes)
                continue
            changes.update(_extremes(source))
            results[path] = PixelResult(source.out, voxels.syntax_of(source), changes)
        return results


def _is_scout(source: Source) -> bool:
    """A projection has a place in the patient and is no plane there."""
    return str(source.header.get("Modality")) == "CT" and "LOCALIZER" in (
        source.header.get("ImageType") or ()
    )


def _padded(source: Source, stored: NDArray[np.int32]) -> NDArray[np.bool_]:
    padding = source.padding()
    if padding is None:
        return np.zeros(stored.shape, dtype=bool)
    return np.asarray((stored >= padding[0]) & (stored <= padding[1]))


def _extremes(source: Source) -> dict[int, bytes]:
    """Smallest and Largest Image Pixel Value anew, where the object has them."""
    tags = [tag for tag in (_SMALLEST, _LARGEST) if tag in source.header]
    if not tags:
        return {}
    frames = [source.stored(index) for index in range(source.shape[0])]
    values = {_SMALLEST: min(int(f.min()) for f in frames), _LARGEST: max(int(f.max()) for f in frames)}
    return {tag: struct.pack("<H", values[tag] & 0xFFFF) for tag in tags}
