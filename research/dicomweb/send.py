"""Sends images to a DICOMweb service (STOW-RS, PS3.18 10.5): the way a cohort is handed to an archive."""

from __future__ import annotations

import io
import json
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from research.dicomweb.client import DICOM, JSON
from research.dicomweb.transport import Transport
from research.errors import FetchError
from research.sources.patience import transient

_LARGEST_ANSWER = 64 << 20
_BATCH = 256 << 20
_STORED, _FAILED, _REASON = "00081199", "00081198", "00081197"
REASONS = {
    0x0110: "processing failure",
    0x0122: "kind of image not supported",
    0x0124: "not authorised",
    0x0212: "an attribute is malformed",
    0xA700: "out of resources",
    0xA900: "the image does not match its class",
    0xC000: "cannot understand the image",
}
"""Failure Reason (0008,1197) in words (PS3.18 Table 10.5.3-2 and PS3.4 Annex GG)."""


@dataclass
class Sent:
    """How many images the server took, and why it did not take the others."""

    stored: int = 0
    failed: Counter[str] = field(default_factory=Counter)


def send(transport: Transport, files: Sequence[Path], *, batch_bytes: int = _BATCH) -> Sent:
    """Send DICOM files, as many at once as fit into ``batch_bytes``; memory does not grow with them.

    Sending an image twice is harmless, so a batch whose answer was lost is sent again.

    Raises:
        FetchError: the server did not answer, or not as STOW-RS has it.
    """
    sent = Sent()
    for batch in _batches(files, batch_bytes):

        def attempt(some: Sequence[Path] = batch) -> Sent:
            with _Body(some) as body:
                headers = {
                    "Accept": JSON,
                    "Content-Type": f'multipart/related; type="{DICOM}"; boundary={body.boundary}',
                }
                with transport.post("studies", headers, body) as answer:
                    return _outcome(answer.body(_LARGEST_ANSWER), len(some), answer.status)

        one = transport.patience.run("Sending images", attempt)
        sent.stored += one.stored
        sent.failed += one.failed
    return sent


def _batches(files: Sequence[Path], most: int) -> Iterator[list[Path]]:
    batch: list[Path] = []
    size = 0
    for file in files:
        one = file.stat().st_size
        if batch and size + one > most:
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += one
    if batch:
        yield batch


class _Body(io.RawIOBase):
    """A multipart body that is read from the files as it is sent; its length is known before."""

    def __init__(self, files: Sequence[Path]) -> None:
        super().__init__()
        self.boundary = secrets.token_hex(24)
        head = f"--{self.boundary}\r\nContent-Type: {DICOM}\r\n\r\n".encode()
        self._todo: list[bytes | Path] = []
        for file in files:
            self._todo += [head, file, b"\r\n"]
        self._todo.append(f"--{self.boundary}--\r\n".encode())
        self._length = sum(len(one) if isinstance(one, bytes) else one.stat().st_size for one in self._todo)
        self._open: io.BufferedIOBase | None = None

    def __len__(self) -> int:
        return self._length

    def tell(self) -> int:
        """Where reading begins; requests takes the length from here to the end as Content-Length."""
        return 0

    def readable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        wanted = size if size and size > 0 else 1 << 20
        while True:
            if self._open is None:
                if not self._todo:
                    return b""
                one = self._todo.pop(0)
                self._open = io.BytesIO(one) if isinstance(one, bytes) else one.open("rb")
            block = self._open.read(wanted)
            if block:
                return block
            self._open.close()
            self._open = None

    def close(self) -> None:
        """Close the file that is being read."""
        if self._open is not None:
            self._open.close()
            self._open = None
        super().close()


def _outcome(body: bytes, count: int, status: int) -> Sent:
    try:
        told: Any = json.loads(body) if body.strip() else {}
        told = told[0] if isinstance(told, list) and told else told
        stored = len((told.get(_STORED) or {}).get("Value") or [])
        failed: Counter[str] = Counter()
        for item in (told.get(_FAILED) or {}).get("Value") or []:
            code = int(((item.get(_REASON) or {}).get("Value") or [0])[0])
            word = REASONS.get(code) or REASONS.get(code & 0xFF00) or REASONS.get(code & 0xF000)
            failed[f"{word or 'refused'} (0x{code:04X})"] += 1
    except (ValueError, AttributeError, TypeError):
        msg = "The answer to sending images is no DICOM JSON."
        raise transient(msg, "not-dicomweb") from None
    if stored + failed.total() != count:
        told = f"the server tells of {stored} stored and {failed.total()} refused (HTTP {status})"
        reason = f"{count} images were sent; {told}."
        raise FetchError(
            reason, "Look into the server's log; what was stored may be sent again.", code="other-count"
        )
    return Sent(stored, failed)
