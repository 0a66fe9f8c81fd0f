"""STOW-RS (PS3.18, section 10.5), a subset: POST of application/dicom objects, answered as DICOM JSON.

Each part is streamed to the drop area as one file of an upload. Of an object only the File Meta Information is looked at,
for the answer; a response of 200 says that it is stored, and verdicts come once the upload was sorted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from radflow_portal import upload_store
from radflow_portal.auth import Account
from radflow_portal.db import as_account
from radflow_portal.paging import Id
from radflow_portal.problems import Problem
from radflow_portal.upload import end_upload, limited, lock_open, open_upload, quota_of
from radflow_portal.upload_models import Wanted
from research.uploads import HEAD_BYTES, FileMeta, file_meta

router = APIRouter(prefix="/uploads", tags=["upload"])

_DICOM_JSON = "application/dicom+json"
_STEP = 8 << 20
_NO_ROOM, _NOT_UNDERSTOOD = 0xA700, 0xC000
"""Failure reasons of PS3.18, table 10.5.3-1 and PS3.4, annex B: refused, out of resources; cannot understand."""


@dataclass
class Part:
    """One object while it comes."""

    number: int
    writing: upload_store.Writing | None = None
    head: bytes = b""
    headers: dict[bytes, bytes] = field(default_factory=dict)
    failure: int | None = None


@dataclass
class Stored:
    """What became of the objects of a request."""

    referenced: list[FileMeta] = field(default_factory=list)
    failed: list[tuple[FileMeta, int]] = field(default_factory=list)
    other: list[int] = field(default_factory=list)

    def answer(self) -> JSONResponse:
        """200 where all are stored, 202 where some are, 409 where none is."""
        body: dict[str, Any] = {}
        if self.referenced:
            body["00081199"] = {"vr": "SQ", "Value": [_item(meta) for meta in self.referenced]}
        if self.failed:
            body["00081198"] = {"vr": "SQ", "Value": [_item(meta, why) for meta, why in self.failed]}
        if self.other:
            body["0008119A"] = {"vr": "SQ", "Value": [_why(why) for why in self.other]}
        whole = not (self.failed or self.other)
        status = 200 if whole else 202 if self.referenced else 409
        return JSONResponse(body, status, media_type=_DICOM_JSON)


def _why(code: int) -> dict[str, Any]:
    return {"00081197": {"vr": "US", "Value": [code]}}


def _item(meta: FileMeta, failure: int | None = None) -> dict[str, Any]:
    found = {
        "00081150": {"vr": "UI", "Value": [meta.sop_class]},
        "00081155": {"vr": "UI", "Value": [meta.sop_uid]},
    }
    return found if failure is None else {**found, **_why(failure)}


class Storing:
    """Reads one request and stores its objects.

    Args:
        account: who sends.
        upload_id: an open upload of theirs.
        length: bytes of the whole request, where it says so: they are set aside from the quota at once.
    """

    def __init__(self, account: str, upload_id: int, length: int) -> None:
        self.account = account
        self.upload_id = upload_id
        self.stored = Stored()
        self.reserved = length
        self.seen = 0
        self.reservation = self._number(length)
        self.part: Part | None = None
        self.events: list[tuple[str, bytes]] = []
        self._name = b""
        self._most = upload_store.setting_bytes("upload_file_gb")

    def _number(self, byte_count: int) -> int:
        with limited(), as_account(self.account, write=True) as session:
            lock_open(session, self.account, self.upload_id)
            quota_of(session)
            (row,) = session.all(
                "portal_upload_announce", id=self.upload_id, names=[None], marks=[None],
                byte_counts=[byte_count], sha256s=[None],
            )  # fmt: skip
            return int(row["number"])

    def parser(self, boundary: bytes) -> MultipartParser:
        """The parser of the request's body; its events wait until the block is through."""

        def note(name: str) -> Any:
            return lambda data=b"", start=0, end=0: self.events.append((name, data[start:end]))

        names = ("part_begin", "header_field", "header_value", "header_end", "headers_finished", "part_data",
                 "part_end", "end")  # fmt: skip
        return MultipartParser(boundary, {f"on_{name}": note(name) for name in names})

    def take(self, block: bytes) -> None:
        """Account for a block of the request, then handle what the parser found in it."""
        self.seen += len(block)
        if self.seen > self.reserved:
            with limited(), as_account(self.account, write=True) as session:
                lock_open(session, self.account, self.upload_id)
                quota_of(session)
                session.run("portal_upload_reserve", id=self.upload_id, number=self.reservation, bytes=_STEP)
            self.reserved += _STEP
        for name, data in self.events:
            self._handle(name, data)
        self.events.clear()

    def _handle(self, name: str, data: bytes) -> None:
        if name == "part_begin":
            self.part = Part(0)
            self._name = b""
        elif self.part is None:
            return
        elif name == "header_field":
            self._name += data
        elif name == "header_value":
            key = self._name.lower()
            self.part.headers[key] = self.part.headers.get(key, b"") + data
        elif name == "header_end":
            self._name = b""
        elif name == "headers_finished":
            media = parse_options_header(self.part.headers.get(b"content-type", b"application/dicom"))[0]
            if media != b"application/dicom":
                self.part.failure = _NOT_UNDERSTOOD
        elif name == "part_data":
            self._data(self.part, data)
        elif name == "part_end":
            self._end(self.part)
            self.part = None

    def _data(self, part: Part, data: bytes) -> None:
        if len(part.head) < HEAD_BYTES:
            part.head += data[: HEAD_BYTES - len(part.head)]
        if part.failure is not None:
            return
        if part.writing is None:
            place = upload_store.drop_area() / str(self.upload_id) / f"stow-{self.reservation}"
            part.writing = upload_store.Writing(place, 0)
        part.writing.write(data)
        if part.writing.offset > self._most:
            part.failure = _NO_ROOM

    def _end(self, part: Part) -> None:
        """A whole object: its own file of the upload, or a failure."""
        meta = file_meta(part.head)
        if part.failure is None and meta is None:
            part.failure = _NOT_UNDERSTOOD
        if part.failure is not None:
            self.drop()
            if meta is None:
                self.stored.other.append(part.failure)
            else:
                self.stored.failed.append((meta, part.failure))
            return
        writing = part.writing
        if writing is None or meta is None:
            return
        with writing, limited(), as_account(self.account, write=True) as session:
            lock_open(session, self.account, self.upload_id)
            quota_of(session)
            size = min(writing.offset, self.reserved)
            session.run("portal_upload_reserve", id=self.upload_id, number=self.reservation, bytes=-size)
            self.reserved -= size
            self.seen -= size
            (row,) = session.all(
                "portal_upload_announce", id=self.upload_id, names=[None], marks=[None],
                byte_counts=[writing.offset], sha256s=[None],
            )  # fmt: skip
            writing.whole()
            place = upload_store.drop_area() / str(self.upload_id)
            (place / f"stow-{self.reservation}").replace(upload_store.place_of(self.upload_id, row["number"]))
            session.run(
                "portal_upload_file_whole", id=self.upload_id, number=row["number"], sha256=writing.digest()
            )
        self.stored.referenced.append(meta)

    def drop(self) -> None:
        """Give up the object that was coming."""
        if self.part is not None and self.part.writing is not None:
            self.part.writing.discard()
            self.part.writing.close()

    def close(self) -> None:
        """Give back what was set aside and not used."""
        self.drop()
        with as_account(self.account, write=True) as session:
            session.run("portal_upload_unreserve", id=self.upload_id, number=self.reservation)


def _boundary(request: Request) -> bytes:
    media, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if media != b"multipart/related" or not 1 <= len(boundary) <= 70:
        raise Problem(
            415, "The request is no multipart/related with a boundary.",
            'Send Content-Type: multipart/related; type="application/dicom"; boundary=...', "content-type",
        )  # fmt: skip
    accept = request.headers.get("accept", "*/*")
    if not any(one in accept for one in ("*/*", "application/*", _DICOM_JSON, "application/json")):
        raise Problem(
            406, "The answer is DICOM JSON and nothing else.", f"Send Accept: {_DICOM_JSON}.", "accept"
        )
    return boundary


async def _store(account: str, request: Request, upload_id: int) -> Stored:
    boundary = _boundary(request)
    length = request.headers.get("content-length", "")
    storing = await run_in_threadpool(Storing, account, upload_id, int(length) if length.isdigit() else 0)
    parser = storing.parser(boundary)
    ended = False
    try:
        async for block in upload_store.blocks(request.stream()):
            parser.write(block)
            ended = ended or any(name == "end" for name, _ in storing.events)
            await run_in_threadpool(storing.take, block)
    except MultipartParseError:
        raise Problem(400, "The body is no multipart that can be read.", code="multipart") from None
    except ClientDisconnect:
        raise Problem(
            400, "The connection was cut.", "Send the objects again that were not stored.", "cut"
        ) from None
    except Problem as error:
        if error.status != 413 or not storing.stored.referenced:
            raise
        storing.stored.other.append(_NO_ROOM)
        ended = True
    finally:
        await run_in_threadpool(storing.close)
    if not ended:
        storing.stored.other.append(_NOT_UNDERSTOOD)
    return storing.stored


_MULTIPART = {
    "requestBody": {
        "required": True,
        "content": {
            'multipart/related; type="application/dicom"': {"schema": {"type": "string", "format": "binary"}}
        },
    },
    "responses": {
        "200": {"description": "All objects are stored.", "content": {_DICOM_JSON: {}}},
        "202": {"description": "Some are stored; failures are told.", "content": {_DICOM_JSON: {}}},
        "409": {"description": "None is stored.", "content": {_DICOM_JSON: {}}},
    },
}


@router.post("/{upload_id}/studies", response_class=JSONResponse, openapi_extra=_MULTIPART)
async def store_into(account: Account, request: Request, upload_id: Id) -> JSONResponse:
    """STOW-RS into an open upload of yours, as often as you like; then finish it."""
    return (await _store(account, request, upload_id)).answer()


@router.post("/studies", response_class=JSONResponse, openapi_extra=_MULTIPART)
async def store(
    account: Account,
    request: Request,
    licence: Annotated[str, Query(min_length=2, max_length=2000)],
    attested: Annotated[bool, Query(description="true: you may share these images under this licence.")],
    collection: Annotated[str | None, Query(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}$")] = None,
    team: Annotated[str | None, Query(max_length=200)] = None,
    visibility: Literal["private", "team", "public"] = "private",
) -> JSONResponse:
    """STOW-RS in one request: an upload of its own, finished at once. `X-Upload` tells its number."""
    _boundary(request)
    wanted = Wanted(
        collection=collection, team=team, visibility=visibility, licence=licence, attested=attested
    )
    upload_id = await run_in_threadpool(_open, account, wanted)
    try:
        stored = await _store(account, request, upload_id)
    except BaseException:
        await run_in_threadpool(_cancel, account, upload_id)
        raise
    if stored.referenced:
        await run_in_threadpool(end_upload, account, upload_id, without_missing=True)
    else:
        await run_in_threadpool(_cancel, account, upload_id)
    answer = stored.answer()
    answer.headers["X-Upload"] = str(upload_id)
    return answer


def _open(account: str, wanted: Wanted) -> int:
    with limited(), as_account(account, write=True) as session:
        return open_upload(session, account, wanted)


def _cancel(account: str, upload_id: int) -> None:
    with as_account(account, write=True) as session:
        session.run("portal_upload_end", id=upload_id, state="cancelled")
    upload_store.free(upload_id)
