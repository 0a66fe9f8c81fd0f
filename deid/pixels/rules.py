"""What is done with text in pixels: the ``[pixels]`` table of a policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from deid.exceptions import PolicyError
from deid.pixels.regions import Device, read_devices, shipped_devices

INSTRUCTION = "Correct the [pixels] table of the policy; docs/reference/deid-pixels.md explains it."
KEEP = {
    "laterality": "Laterality and projection markers that are clearly that (L, R, LEFT, RIGHT, AP, PA, ...) stay.",
    "scale": "Measurement scales that are clearly that (a number with a unit of length, frequency, ...) stay.",
}
EXAMINE = ("suspicious", "all", "declared")
#: Modalities whose pixels may hold typed text (PS3.3 C.7.3.1.1.1); the others are examined for a reason of their own.
MODALITIES = frozenset(
    {
        "US", "IVUS", "EPS", "CR", "DX", "SC", "XA", "RF", "MG", "ES", "XC", "OT", "GM", "PX", "IO", "RG", "DG", "NM",
        "BI", "BMD", "OP", "OPT", "OPM", "OPV", "SM", "DF", "DS", "CF", "CP", "CS", "EC", "ECG", "HC", "HD", "LP", "LS",
        "TG", "VF", "VL", "DOC", "AR", "KER", "LEN", "IVOCT", "OCT", "ST", "BDUS", "DMS",
    }
)  # fmt: skip
SCREEN_TYPES = (
    "SCREEN SAVE",
    "SCREENSAVE",
    "SCREEN_SAVE",
    "SCREEN",
    "REPORT",
    "DOSE_INFO",
    "DOSE",
    "SECONDARY",
)


@dataclass(frozen=True)
class PixelRules:
    """Decisions of the pixel stage; equal rules do the same.

    Attributes:
        keep: kinds of text that may stay, of :data:`KEEP`; empty: all text goes.
        examine: ``suspicious`` (see :func:`deid.pixels.needs_look`), ``all`` objects with pixels, or only those that
            are ``declared`` to carry text by themselves (Burned In Annotation).
        modalities: modalities that are suspicious by themselves.
        image_types: parts of Image Type that mark a picture of a screen.
        banners: whether strips above and below all ultrasound regions are blanked whole.
        margin: pixels added around what a detector found.
        devices: regions by device.
        pictures: whether before and after pictures are made for the report.
    """

    keep: frozenset[str] = frozenset()
    examine: str = "suspicious"
    modalities: frozenset[str] = MODALITIES
    image_types: tuple[str, ...] = SCREEN_TYPES
    banners: bool = True
    margin: int = 2
    devices: tuple[Device, ...] = ()
    pictures: bool = True

    @classmethod
    def from_table(cls, table: Mapping[str, Any], folder: Path | None = None) -> Self:
        """Rules from a ``[pixels]`` table.

        Args:
            table: keys ``keep``, ``examine``, ``modalities``, ``image_types``, ``banners``, ``margin``, ``pictures``,
                ``devices`` (``"shipped"``, ``"none"`` or a TOML file whose devices are added to the shipped ones).
            folder: what a relative ``devices`` file is relative to.

        Raises:
            PolicyError: an unknown key or value, or a device file that means nothing.
        """
        known = {"keep", "examine", "modalities", "image_types", "banners", "margin", "devices", "pictures"}
        _refuse(set(table) - known, "[pixels] has unknown keys", sorted(known))
        keep = frozenset(_strings(table, "keep", []))
        _refuse(keep - KEEP.keys(), "[pixels] keep has unknown entries", sorted(KEEP))
        examine = table.get("examine", "suspicious")
        _refuse(set() if examine in EXAMINE else {str(examine)}, "[pixels] examine is unknown", EXAMINE)
        margin = table.get("margin", 2)
        if isinstance(margin, bool) or not isinstance(margin, int) or not 0 <= margin <= 50:
            msg = "[pixels] margin must be a whole number of pixels from 0 to 50."
            raise PolicyError(msg, INSTRUCTION)
        return cls(
            keep=keep,
            examine=examine,
            modalities=frozenset(_strings(table, "modalities", sorted(MODALITIES))),
            image_types=tuple(_strings(table, "image_types", list(SCREEN_TYPES))),
            banners=_flag(table, "banners"),
            margin=margin,
            devices=_devices(table.get("devices", "shipped"), folder or Path()),
            pictures=_flag(table, "pictures"),
        )

    def canonical(self) -> dict[str, Any]:
        """Everything that decides what is done, in one order, for the policy's hash."""
        return {
            "keep": sorted(self.keep),
            "examine": self.examine,
            "modalities": sorted(self.modalities),
            "image_types": sorted(self.image_types),
            "banners": self.banners,
            "margin": self.margin,
            "devices": [device.canonical() for device in self.devices],
        }

    def which(self) -> str:
        """Which images may show text, in English."""
        if self.examine == "all":
            return "All images"
        if self.examine == "declared":
            return "Only images that say they carry burned-in annotation"
        return (
            f"Images that may show typed text (those of modality {', '.join(sorted(self.modalities))}, colour images, "
            f"secondary captures, pictures of a screen (Image Type {', '.join(self.image_types)}), and those that say "
            "they carry burned-in annotation)"
        )

    def describe(self) -> list[str]:
        """The rules in English."""
        lines = [
            f"{self.which()} are searched for text.",
            "Text that is found is made black, with a margin of "
            f"{self.margin} pixels; the picture is then searched again, and an image that still shows text is refused.",
        ]
        lines += [KEEP[kind] for kind in sorted(self.keep)] or ["No text stays, markers and scales included."]
        if self.keep:
            lines.append("A marker or scale that occurs in the patient's own identity does not stay.")
        lines.append(
            f"{len(self.devices)} known device regions are made black where their device and size fit."
        )
        if self.banners:
            lines.append("Strips above and below all regions of an ultrasound are made black.")
        lines.append(
            "Frames that are not touched are copied byte for byte; touched ones are written without loss."
        )
        return lines


def _refuse(wrong: set[Any] | frozenset[Any], what: str, known: Any) -> None:
    if wrong:
        msg = f"{what}: {', '.join(sorted(map(str, wrong)))}. Known: {', '.join(known)}."
        raise PolicyError(msg, INSTRUCTION)


def _strings(table: Mapping[str, Any], key: str, default: list[str]) -> list[str]:
    value = table.get(key, default)
    if not isinstance(value, list) or not all(isinstance(entry, str) and entry for entry in value):
        msg = f"[pixels] {key} must be a list of strings."
        raise PolicyError(msg, INSTRUCTION)
    return [entry.strip() if key == "keep" else entry.strip().upper() for entry in value]


def _flag(table: Mapping[str, Any], key: str) -> bool:
    value = table.get(key, True)
    if not isinstance(value, bool):
        msg = f"[pixels] {key} must be true or false."
        raise PolicyError(msg, INSTRUCTION)
    return value


def _devices(value: object, folder: Path) -> tuple[Device, ...]:
    if value == "none":
        return ()
    if value == "shipped":
        return shipped_devices()
    if not isinstance(value, str):
        msg = '[pixels] devices must be "shipped", "none" or the name of a TOML file.'
        raise PolicyError(msg, INSTRUCTION)
    return shipped_devices() + read_devices(folder / value)
