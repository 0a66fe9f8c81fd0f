"""Text burned into pixels: found, made black, and looked for again (PS3.15 E.3.1, Clean Pixel Data)."""

from deid.pixels.clean import TextBox, clean_pixels, find_text
from deid.pixels.look import needs_look
from deid.pixels.rules import PixelRules

__all__ = ["PixelRules", "TextBox", "clean_pixels", "find_text", "needs_look"]
