"""One person's requests to the API of uploads."""

from __future__ import annotations

import json
import struct
from typing import Any

import requests

API = "/api/v1/uploads"
JSON = "application/json"
BYTES = "application/offset+octet-stream"
NAME = "Zwolinski/IM1"
WANTED = {"licence": "CC BY 4.0", "attested": True}


def dicom(uid: str = "1.2.3.4", body: bytes = b"pixels") -> bytes:
    """As much of an object as the web server looks at."""
    fields = ((2, b"1.2.840.10008.5.1.4.1.1.2"), (3, uid.encode()), (16, b"1.2.840.10008.1.2.1"))
    meta = b""
    for element, value in fields:
        value += b"\0" * (len(value) % 2)
        meta += struct.pack("<HH2sH", 2, element, b"UI", len(value)) + value
    return b"\0" * 128 + b"DICM" + meta + struct.pack("<HH2sH", 8, 0x60, b"CS", 2) + b"CT" + body


class Client:
    """One person's requests."""

    def __init__(self, base: str, who: str) -> None:
        self.base, self.who = f"{base}/radflow{API}", who

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        named = {"X-Test-User": self.who} | {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body)
            named.setdefault("Content-Type", JSON)
        return requests.request(method, self.base + path, data=body, headers=named, timeout=20)

    def begin(self, **wanted: Any) -> int:
        answer = self.call("POST", "", WANTED | wanted)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    def announce(self, number: int, *files: tuple[str, int], **more: Any) -> list[dict[str, Any]]:
        named = [{"name": name, "byte_count": size, **more} for name, size in files]
        answer = self.call("POST", f"/{number}/files", {"files": named})
        assert answer.status_code == 201, answer.text
        return list(answer.json())

    def patch(self, number: int, file: int, offset: int | str, body: bytes, **more: str) -> requests.Response:
        sent = {"Upload_Offset": str(offset), "Content_Type": BYTES} | more
        return self.call("PATCH", f"/{number}/files/{file}", body, **sent)

    def offset(self, number: int, file: int) -> int:
        return int(self.call("HEAD", f"/{number}/files/{file}").headers["Upload-Offset"])

    def send(self, content: bytes = b"bytes") -> int:
        """An upload with one whole file."""
        number = self.begin()
        (file,) = self.announce(number, (NAME, len(content)))
        assert self.patch(number, file["number"], 0, content).status_code == 200
        return number

    def stow(
        self, path: str, *parts: bytes, end: bool = True, media: str = "application/dicom"
    ) -> requests.Response:
        body = b"".join(
            b"--b\r\nContent-Type: " + media.encode() + b"\r\n\r\n" + part + b"\r\n" for part in parts
        )
        kind = 'multipart/related; type="application/dicom"; boundary=b'
        return self.call("POST", path, body + (b"--b--\r\n" if end else b""), Content_Type=kind)
