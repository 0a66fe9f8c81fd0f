"""The stages that look at pixels: burned-in text per object, faces per series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deid.acceptance import header_values, may_show_text
from deid.exceptions import QuarantineError
from deid.original import opened
from deid.structure import StructureError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deid.original import Original
    from deid.pixel_result import PixelResult
    from deid.policy import Policy

_MODALITY = 0x00080060
_HEADS = frozenset({"CT", "MR", "PT"})


class Stages:
    """What a policy asks to be done with the pixels of one series.

    Args:
        policy: the policy.
        files: the originals of the series.
        scratch: folder for new pixel data; gone when the series is done.
    """

    def __init__(self, policy: Policy, files: list[Path], scratch: Path) -> None:
        self._policy = policy
        self._files = files
        self._scratch = scratch
        self._faces: dict[Path, PixelResult] | None = None
        self._looks_for_text = "clean_pixel_data" in policy.options
        self._looks_for_faces = "clean_recognizable_visual_features" in policy.options
        self.pixel_reports: list[dict[str, Any]] = []
        self.face_report: dict[str, Any] = {}
        self.pictures: dict[str, bytes] = {}

    def pixels(
        self,
        path: Path,
        original: Original,
        identity: Callable[[Original], list[tuple[str, str]]],
        file: str,
    ) -> PixelResult | None:
        """New pixels for an object, or None where nothing looked or nothing was touched.

        Args:
            path: the original.
            original: the same, opened.
            identity: gives what identifies in the object, to compare with what is read in the pixels.
            file: how to call the file in an error.

        Raises:
            QuarantineError: when a stage cannot vouch.
        """
        if original.pixels is None:
            if self._looks_for_faces:
                self._check_pictures(path, original, file)
            return None
        text = self._text(path, original, identity, file) if self._looks_for_text else None
        if not self._looks_for_faces:
            return text
        if self._faces is None and original.text(_MODALITY).upper() in _HEADS:
            self._faces = self._find_faces()
        face = (self._faces or {}).get(path)
        if face is None:
            self._check_pictures(path, original, file)
        if face is not None and text is not None and text.value is not None:
            raise QuarantineError.of(file, "burned-in-annotation")  # typed text in the slices of a head
        return face or text

    def _text(
        self,
        path: Path,
        original: Original,
        identity: Callable[[Original], list[tuple[str, str]]],
        file: str,
    ) -> PixelResult | None:
        from deid.pixels import clean_pixels

        if not may_show_text(original, self._policy):
            return None
        try:
            words = [text for kind, text in identity(original) if kind != "date"]
            result = clean_pixels(path, self._policy.pixels, self._scratch, identity=words)
        except QuarantineError as error:
            raise QuarantineError.of(file, error.code, error.details) from None
        number = len(self.pixel_reports) + 1
        self.pixel_reports.append(result.report)
        for name, picture in result.pictures.items():
            stem, _, rest = name.partition("-")
            self.pictures[f"{stem}-{number:04d}" + (f"-{rest}" if rest else "")] = picture
        return result

    def _check_pictures(self, path: Path, original: Original, file: str) -> None:
        """Refuse what may show a face and is no volume from which it could be removed."""
        from deid.faces.headers import FEW_PLANES
        from deid.faces.pictures import check_pictures

        few = not self.face_report or self.face_report.get("because") == FEW_PLANES
        check_pictures(path, original.top, file, few_planes=few)

    def _find_faces(self) -> dict[Path, PixelResult]:
        from deid.faces import clean_faces, may_hold_face

        headers = []
        for number, path in enumerate(self._files, start=1):
            try:
                with opened(path) as original:
                    headers.append(header_values(original))
            except StructureError as error:
                file = f"File {number} of {len(self._files)}"
                raise QuarantineError.of(
                    file, error.code if error.code != "disorder" else "malformed"
                ) from None
        if not may_hold_face(headers):
            return {}
        try:
            outcome = clean_faces(self._files, self._policy.faces, self._scratch)
        except QuarantineError as error:
            file = "The series"
            raise QuarantineError.of(file, error.code, error.details) from None
        self.face_report = {"status": outcome.status, **outcome.report}
        self.pictures.update({f"{name}-face": picture for name, picture in outcome.pictures.items()})
        return dict(outcome.results)
