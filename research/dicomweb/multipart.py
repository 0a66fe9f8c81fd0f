"""Reads multipart bodies (RFC 2046) as they stream in, in bounded memory, and does not stumble over servers' habits.

Met in the wild: a boundary that is not the announced one, or is announced with its dashes or without quotes; lines
that end in LF alone; text before the first part; spaces after a boundary; an end without the last boundary.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message

_LONGEST_HEAD = 1 << 16
_BOUNDARY = re.compile(rb"--[0-9A-Za-z'()+_,\-./:=? ]{1,100}")


class MultipartError(ValueError):
    """The body is not what it should be, or ends early."""


@dataclass
class Part:
    """One part: its headers (lower-case names) and its content, to be read before the next part is asked for."""

    headers: Mapping[str, str]
    blocks: Iterator[bytes] = field(repr=False)


def content_type(header: str) -> tuple[str, dict[str, str]]:
    """Media type and parameters of a Content-Type header, both as far as they can be read."""
    message = Message()
    message["Content-Type"] = header.replace("\r", " ").replace("\n", " ")
    found = {name.lower(): value for name, value in message.get_params(failobj=[], unquote=True)[1:]}
    return message.get_content_type() if header.strip() else "", found


def parts(blocks: Iterable[bytes], boundary: str = "") -> Iterator[Part]:
    """The parts of a multipart body.

    Args:
        blocks: the body as it arrives.
        boundary: as announced; the body's own first line decides where it is another.

    Raises:
        MultipartError: while it is iterated, or while a part is read: no boundary, a head without end, or the body
            ends inside a part.
    """
    body = _Body(iter(blocks))
    delimiter, newline = _first(body, boundary)
    if body.is_over():
        return
    while True:
        headers = _headers(body)
        content = _content(body, newline + delimiter, headers)
        yield Part(headers, content)
        for _ in content:  # whoever did not read it whole
            pass
        if body.is_over():
            return
        # What follows a boundary on its line: the two dashes of the last one, or padding.
        rest = body.line(allow_end=True)
        if rest.startswith(b"--"):
            return
        if rest.strip():
            msg = "A boundary is followed by something else."
            raise MultipartError(msg)
        if body.ended:
            msg = "The body ends without its last boundary."
            raise MultipartError(msg)


class _Body:
    """What has arrived and not been consumed."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self.buffer = bytearray()
        self.ended = False
        self.over = False

    def more(self) -> bool:
        """Take another block; False at the end of the body."""
        for block in self._blocks:
            if block:
                self.buffer += block
                return True
        self.ended = True
        return False

    def is_over(self) -> bool:
        """Whether the last boundary, or what stands for it, was seen."""
        return self.over

    def take(self, count: int) -> bytes:
        """Consume bytes."""
        taken = bytes(self.buffer[:count])
        del self.buffer[:count]
        return taken

    def line(self, *, allow_end: bool = False) -> bytes:
        """Consume a line; its end is CRLF or LF and is kept on it."""
        start = 0
        while (end := self.buffer.find(b"\n", start)) < 0:
            start = len(self.buffer)
            if start > _LONGEST_HEAD:
                msg = "A line has no end."
                raise MultipartError(msg)
            if not self.more():
                if allow_end:
                    return self.take(len(self.buffer))
                msg = "The body ends in the head of a part."
                raise MultipartError(msg)
        return self.take(end + 1)


def _first(body: _Body, boundary: str) -> tuple[bytes, bytes]:
    """The delimiter and the line end that the body uses."""
    announced = {b"--" + boundary.encode(), boundary.encode()} if boundary.startswith("--") else set()
    announced |= {b"--" + boundary.encode()} if boundary else set()
    skipped = 0
    while True:
        line = body.line(allow_end=True)
        if not line:
            msg = "The body has no boundary."
            raise MultipartError(msg)
        said = line.rstrip(b" \t\r\n")
        if said.endswith(b"--") and said[:-2] in announced:
            body.over = True
            return said[:-2], b"\r\n"
        whole = line.endswith(b"\n")
        if said in announced or (not skipped and whole and said and _BOUNDARY.fullmatch(said)):
            if not whole:
                msg = "The body ends after its first boundary."
                raise MultipartError(msg)
            return said, b"\r\n" if line.endswith(b"\r\n") else b"\n"
        if said:
            skipped += len(line)
        if skipped > _LONGEST_HEAD:
            msg = "The body has no boundary."
            raise MultipartError(msg)


def _headers(body: _Body) -> dict[str, str]:
    found: dict[str, str] = {}
    size, last = 0, ""
    while True:
        line = body.line()
        size += len(line)
        if size > _LONGEST_HEAD:
            msg = "The head of a part has no end."
            raise MultipartError(msg)
        text = line.decode("latin-1").rstrip("\r\n")
        if not text:
            return found
        if text[0] in " \t" and last:  # folded
            found[last] += f" {text.strip()}"
            continue
        name, colon, value = text.partition(":")
        if not colon:
            msg = "The head of a part is none."
            raise MultipartError(msg)
        last = name.strip().lower()
        found[last] = value.strip()


def _content(body: _Body, delimiter: bytes, headers: Mapping[str, str]) -> Iterator[bytes]:
    """Blocks of a part up to its delimiter, which is consumed."""
    declared = headers.get("content-length", "")
    length = int(declared) if declared.isascii() and declared.isdigit() else None
    done = 0
    while (end := body.buffer.find(delimiter)) < 0:
        # The delimiter may have begun in what is here: that much is held back.
        ready = len(body.buffer) - len(delimiter) + 1
        if ready > 0:
            done += ready
            yield body.take(ready)
        if not body.more():
            rest = body.take(len(body.buffer))
            if length is not None and done + len(rest.rstrip(b"\r\n")) <= length <= done + len(rest):
                body.over = True
                yield rest[: length - done]  # whole by its own statement; only the last boundary is absent
                return
            msg = "The body ends inside a part."
            raise MultipartError(msg)
    if end:
        yield body.take(end)
    body.take(len(delimiter))
