"""Text burned into pixels: found, made black, and looked for again (PS3.15 E.3.1, Clean Pixel Data).

The image libraries load when a picture is looked at, not when a policy is read.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from deid.pixels.look import needs_look
from deid.pixels.rules import PixelRules

if TYPE_CHECKING:
    from deid.pixels.clean import TextBox, clean_pixels, find_text

__all__ = ["PixelRules", "TextBox", "clean_pixels", "find_text", "needs_look"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("deid.pixels.clean"), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
