"""Specific Character Set (PS3.3 C.12.1.1.2): text out of bytes and back, strictly and in silence.

pydicom's own functions put replacement characters where bytes are no text, and log the name of a character
set that they do not know, which is a value out of the object.
"""

from __future__ import annotations

import re
from functools import lru_cache

from pydicom import charset

from deid.handlers.base import Unfit

_ESCAPE = b"\x1b"
_DELIMITER = re.compile(rb"[\r\n\t\f\\^=]")
_ALONE = frozenset({"UTF8", "GB18030", "GBK"})
_SPELLING = re.compile(r"ISO[ _-]*(2022)?[ _-]*IR[ _-]*(\d+)")
_DEFAULT = "iso8859"


@lru_cache(maxsize=256)
def codecs_of(specific_character_set: bytes) -> tuple[str, ...]:
    """Python codecs of a Specific Character Set; Latin-1 where it says nothing that is known."""
    names = [_spelled(name) for name in specific_character_set.decode("latin-1").split("\\")]
    found = [charset.python_encoding[name] for name in names if name in charset.python_encoding]
    if not found or names[0] not in charset.python_encoding:
        return (_DEFAULT,)
    if found[0] in _ALONE:  # these know no code extensions (PS3.3 C.12.1.1.2)
        return (found[0],)
    return (found[0], *(codec for codec in found[1:] if codec not in _ALONE))


def _spelled(name: str) -> str:
    """The standard's spelling of a name: some writers mix up blanks, hyphens and underscores."""
    name = name.strip("\0 ").upper()
    found = _SPELLING.fullmatch(name)
    if found is None:
        return name
    return f"ISO 2022 IR {found[2]}" if found[1] else f"ISO_IR {found[2]}"


def decoded(value: bytes, codecs: tuple[str, ...]) -> str:
    """Text in the object's character set.

    Raises:
        Unfit: when the bytes are not text in it.
    """
    first, *rest = value.split(_ESCAPE)
    try:
        if not rest:
            return value.decode("ascii" if value.isascii() else codecs[0])
        return first.decode(codecs[0]) + "".join(_extended(_ESCAPE + part, codecs) for part in rest)
    except (UnicodeError, LookupError):
        raise Unfit from None


def _extended(part: bytes, codecs: tuple[str, ...]) -> str:
    """Text that begins with an escape sequence; a delimiter ends its effect (PS3.5 6.1.2.5.3)."""
    size = 4 if part.startswith((b"\x1b$(", b"\x1b$)")) else 3
    codec = charset.CODES_TO_ENCODINGS.get(part[:size], "")
    if codec != _DEFAULT and codec not in codecs:
        raise Unfit
    if codec in charset.handled_encodings:
        return part.decode(codec)
    text = part[size:]
    found = _DELIMITER.search(text)
    if found is None:
        return text.decode(codec)
    return text[: found.start()].decode(codec) + text[found.start() :].decode(codecs[0])


def encoded(text: str, codecs: tuple[str, ...]) -> bytes:
    """Text in the object's character set, padded to even length.

    Raises:
        Unfit: when the character set cannot say it.
    """
    if text.isascii():
        raw = text.encode("ascii")
    elif len(codecs) == 1:
        try:
            raw = text.encode(codecs[0])
        except UnicodeError:
            raise Unfit from None
    else:
        if not all(any(_says(codec, letter) for codec in codecs) for letter in set(text)):
            raise Unfit
        raw = bytes(charset.encode_string(text, list(codecs)))
        if decoded(raw, codecs) != text:
            raise Unfit
    return raw + b" " if len(raw) % 2 else raw


@lru_cache(maxsize=4096)
def _says(codec: str, letter: str) -> bool:
    try:
        letter.encode(codec)
    except UnicodeError:
        return False
    return True
