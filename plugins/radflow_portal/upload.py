"""upload: a person sends files, in pieces where need be; a task sorts them. Bytes go to a drop area, unread.

Resuming works as in tus 1.0: HEAD tells the offset of a file, PATCH sends on from there.
"""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import psycopg2.errors
from fastapi import APIRouter, Path, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from radflow_portal import upload_news, upload_store
from radflow_portal.access import told
from radflow_portal.auth import Account
from radflow_portal.db import Row, Session, as_account
from radflow_portal.models import Page
from radflow_portal.paging import Id, Part
from radflow_portal.problems import Problem, not_found
from radflow_portal.upload_models import (
    Announcement,
    FileVerdict,
    Finish,
    Finished,
    NewQuota,
    Notice,
    Quota,
    SentFile,
    Upload,
    UploadSeries,
    Wanted,
)
from research.uploads import VERDICTS, collection_of

log = logging.getLogger(__name__)
router = APIRouter(prefix="/uploads", tags=["upload"])

_UPLOAD, _FILE = "upload of this number", "file of this number in the upload"
_NOTED = 32 << 20
"""Bytes after which the database is told how far a file is, while it comes."""
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


@contextmanager
def limited() -> Iterator[None]:
    """Say in words what the quota refused."""
    try:
        with told("upload"):
            yield
    except psycopg2.errors.ProgramLimitExceeded as error:
        text = error.diag.message_primary or "that is too much"
        raise Problem(
            413, f"{text[:1].upper()}{text[1:]}.", error.diag.message_hint or "", "over-quota"
        ) from None


def quota_of(session: Session) -> Row:
    """What the asking person has used and may use; also tells the database the setting, for this transaction."""
    row = session.one("portal_upload_quota", quota=upload_store.setting_bytes("upload_quota_gb"))
    return {**(row or {}), "file_bytes": upload_store.setting_bytes("upload_file_gb")}


def find_upload(session: Session, account: str, number: int) -> Row:
    """One upload of the asking person.

    Raises:
        Problem: 404 where there is none.
    """
    row = session.one("portal_uploads", owner=account, id=number)
    if row is None:
        raise not_found(_UPLOAD)
    return row


def open_upload(session: Session, account: str, wanted: Wanted) -> int:
    """Begin an upload; returns its number."""
    if not wanted.attested:
        raise Problem(
            422,
            "Nobody said that these images may be shared under this licence.",
            "Send attested: true where you may; otherwise do not upload them.",
            "not-attested",
        )
    if wanted.visibility == "team" and wanted.team is None:
        raise Problem(422, "Visibility team needs a team.", "Send team, or visibility private.", "team")
    values = wanted.model_dump() | {"collection": wanted.collection or collection_of(account)}
    row = session.one("portal_upload_open", owner=account, **values)
    if row is None:
        raise Problem(500, "The database gave no row back.")
    return int(row["id"])


def lock_open(session: Session, account: str, number: int) -> None:
    """See that the upload is the asking person's and takes files; others who number files wait.

    Raises:
        Problem: 404 where there is none, 409 where it is over.
    """
    if session.one("portal_upload_lock", id=number) is None:
        state = find_upload(session, account, number)["state"]
        raise Problem(
            409, f"Upload {number} is {state} and takes no more files.", "Begin another one.", "over"
        )


def end_upload(account: str, number: int, *, without_missing: bool) -> Row:
    """Finish an upload, once; returns it, with whether the DAG was told."""
    with limited(), as_account(account, write=True) as session:
        if session.one("portal_upload_lock", id=number) is not None:
            if without_missing:
                session.run("portal_upload_leave", id=number)
            session.run("portal_upload_end", id=number, state="received")
        row = find_upload(session, account, number)
    if row["state"] in ("cancelled", "expired"):
        raise Problem(409, f"Upload {number} is {row['state']}.", "Begin another one.", "over")
    return {**row, "started": upload_news.tell() if row["state"] == "received" else True}


@router.get("", response_model=Page[Upload])
def list_uploads(account: Account, part: Part) -> dict[str, Any]:
    """Your uploads, newest first."""
    with as_account(account) as session:
        return part.of(session, "portal_uploads", owner=account, id=None)


@router.post("", response_model=Upload, status_code=201)
def begin_upload(account: Account, wanted: Wanted) -> Row:
    """Begin an upload: for whom it is and under which licence. Then announce files, send them, finish."""
    with limited(), as_account(account, write=True) as session:
        return find_upload(session, account, open_upload(session, account, wanted))


@router.get("/quota", response_model=Quota)
def get_quota(account: Account) -> Row:
    """What you may upload within thirty days, and what of it is used."""
    with as_account(account) as session:
        return quota_of(session)


@router.post("/quota", response_model=NewQuota)
def set_quota(account: Account, wanted: NewQuota) -> NewQuota:
    """Let somebody upload more, or less. For admins; it is audited."""
    with told("quota"), as_account(account, write=True) as session:
        session.run(
            "portal_upload_set_quota", account=wanted.account, bytes=int(wanted.gigabytes * 1e9),
            reason=wanted.reason,
        )  # fmt: skip
    return wanted


@router.get("/notices", response_model=list[Notice])
def list_notices(account: Account) -> list[Row]:
    """Uploaded series that are held and that you were not told of yet. For curators; empty for others."""
    with as_account(account) as session:
        return session.all("portal_upload_notices")


@router.post("/notices/seen", response_model=list[Notice])
def see_notices(account: Account) -> list[Row]:
    """Note that you have read the notices."""
    with told("notice"), as_account(account, write=True) as session:
        session.run("portal_upload_notices_seen")
        return session.all("portal_upload_notices")


@router.get("/{upload_id}", response_model=Upload)
def get_upload(account: Account, upload_id: Id) -> Row:
    """One upload: files, series and verdicts in numbers."""
    with as_account(account) as session:
        return find_upload(session, account, upload_id)


@router.post("/{upload_id}/files", response_model=list[SentFile], status_code=201)
def announce_files(account: Account, upload_id: Id, announced: Announcement) -> list[Row]:
    """Announce files with their sizes. Refused as a whole where the quota or the size of one does not allow them."""
    most = upload_store.setting_bytes("upload_file_gb")
    if any(one.byte_count > most for one in announced.files):
        raise Problem(
            413,
            f"A file is larger than {most} bytes.",
            "Send it in parts, or ask who runs this Radflow.",
            "too-large",
        )
    with limited(), as_account(account, write=True) as session:
        lock_open(session, account, upload_id)
        quota_of(session)
        return session.all(
            "portal_upload_announce",
            id=upload_id,
            names=[_shown(one.name) for one in announced.files],
            marks=[one.mark for one in announced.files],
            byte_counts=[one.byte_count for one in announced.files],
            sha256s=[one.sha256 for one in announced.files],
        )


def _shown(name: str) -> str:
    return "".join(char for char in name if unicodedata.category(char) not in ("Cc", "Cs"))


@router.get("/{upload_id}/files", response_model=Page[SentFile])
def list_files(account: Account, part: Part, upload_id: Id) -> dict[str, Any]:
    """Files of an upload of yours, and how much of each is here."""
    with as_account(account) as session:
        find_upload(session, account, upload_id)
        return part.of(session, "portal_upload_files", id=upload_id, number=None, state=None)


def _file(account: str, upload_id: int, number: int) -> Row:
    with as_account(account) as session:
        state = find_upload(session, account, upload_id)["state"]
        row = session.one("portal_upload_files", id=upload_id, number=number, state=None)
    if row is None:
        raise not_found(_FILE)
    return {**row, "upload_state": state}


def _offsets(row: Row) -> dict[str, str]:
    return {"Upload-Offset": str(row["done_bytes"]), "Upload-Length": str(row["byte_count"])}


@router.head("/{upload_id}/files/{number}", status_code=204, response_class=Response)
def get_offset(account: Account, upload_id: Id, number: Number) -> Response:
    """How much of a file is here: headers `Upload-Offset` and `Upload-Length`."""
    return Response(status_code=204, headers=_offsets(_file(account, upload_id, number)))


_BYTES = {
    "parameters": [
        {
            "name": "Upload-Offset",
            "in": "header",
            "required": True,
            "schema": {"type": "integer", "minimum": 0},
        }
    ],
    "requestBody": {
        "required": True,
        "content": {
            name: {"schema": {"type": "string", "format": "binary"}}
            for name in ("application/offset+octet-stream", "application/octet-stream", "application/zip")
        },
    },
}


@router.patch("/{upload_id}/files/{number}", response_model=SentFile, openapi_extra=_BYTES)
async def send_bytes(account: Account, request: Request, upload_id: Id, number: Number) -> Row:
    """Send a file from `Upload-Offset` on, all of it or a part. What came before a cut stays.

    The last byte makes it whole: its sha256 is compared with the announced one. 409 tells the right offset in a header.
    """
    row = await run_in_threadpool(_file, account, upload_id, number)
    offset = _wanted_offset(request, row)
    try:
        writing = await run_in_threadpool(
            upload_store.Writing, upload_store.place_of(upload_id, number), offset
        )
    except upload_store.BusyError:
        raise Problem(
            423, "Another request sends this file.", "Wait for its end, ask for the offset, go on.", "busy"
        ) from None
    with writing:
        await _take(account, request, upload_id, row, writing)
    return await run_in_threadpool(_file, account, upload_id, number)


def _wanted_offset(request: Request, row: Row) -> int:
    if row["upload_state"] != "open" or row["state"] != "open":
        raise Problem(409, "This file takes no more bytes.", "See its state.", "over", headers=_offsets(row))
    text = request.headers.get("upload-offset", "")
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Problem(
            400,
            "The header Upload-Offset is missing or no number.",
            "HEAD of this address tells it.",
            "offset",
        )
    if int(text) != row["done_bytes"]:
        detail = f"{row['done_bytes']} bytes of this file are here, not {int(text)}."
        raise Problem(409, detail, "Go on from Upload-Offset.", "wrong-offset", headers=_offsets(row))
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(text) + int(length) > row["byte_count"]:
        raise _too_long(row)
    return int(text)


def _too_long(row: Row) -> Problem:
    detail = f"More bytes came than the {row['byte_count']} that were announced."
    return Problem(413, detail, "Announce the file anew; has it changed?", "too-long", headers=_offsets(row))


async def _take(
    account: str, request: Request, upload_id: int, row: Row, writing: upload_store.Writing
) -> None:
    begun = noted = writing.offset
    if begun != row["done_bytes"]:  # the disk has less than the database was told
        await run_in_threadpool(_note, account, upload_id, row["number"], begun)
        now = {**row, "done_bytes": begun}
        raise Problem(
            409, f"Only {begun} bytes are here.", "Go on from there.", "wrong-offset", headers=_offsets(now)
        )
    try:
        async for block in upload_store.blocks(request.stream()):
            if writing.offset + len(block) > row["byte_count"]:
                await run_in_threadpool(writing.back, begun)
                noted = -1
                raise _too_long(row)
            await upload_store.write(writing, block)
            if writing.offset - noted >= _NOTED:
                noted = writing.offset
                await run_in_threadpool(_note, account, upload_id, row["number"], noted)
    except ClientDisconnect:
        raise Problem(400, "The connection was cut.", "Ask for the offset, then go on.", "cut") from None
    finally:
        if noted != writing.offset:
            await run_in_threadpool(_note, account, upload_id, row["number"], writing.offset)
    if writing.offset == row["byte_count"]:
        await _whole(account, upload_id, row, writing)


async def _whole(account: str, upload_id: int, row: Row, writing: upload_store.Writing) -> None:
    digest = await run_in_threadpool(writing.digest)
    if row["sha256"] is not None and row["sha256"] != digest:
        await run_in_threadpool(writing.back, 0)
        await run_in_threadpool(_note, account, upload_id, row["number"], 0)
        raise Problem(
            422, "The file that came is not the one that was announced: another sha256.", "Send it again from 0.",
            "wrong-hash", headers=_offsets({**row, "done_bytes": 0}),
        )  # fmt: skip
    await run_in_threadpool(writing.whole)
    await run_in_threadpool(_note_whole, account, upload_id, row["number"], digest)


def _note(account: str, upload_id: int, number: int, done: int) -> None:
    with as_account(account, write=True) as session:
        session.run("portal_upload_file_at", id=upload_id, number=number, done_bytes=done)


def _note_whole(account: str, upload_id: int, number: int, digest: str) -> None:
    with as_account(account, write=True) as session:
        if session.one("portal_upload_file_whole", id=upload_id, number=number, sha256=digest) is None:
            upload_store.place_of(upload_id, number).unlink(missing_ok=True)
            raise Problem(409, f"Upload {upload_id} ended while the file came.", "Begin another one.", "over")


@router.post("/{upload_id}/finish", response_model=Finished)
def finish_upload(account: Account, upload_id: Id, finish: Finish) -> Row:
    """All files are here: sort them. Finishing twice changes nothing."""
    return end_upload(account, upload_id, without_missing=finish.without_missing)


@router.post("/{upload_id}/cancel", response_model=Upload)
def cancel_upload(account: Account, upload_id: Id) -> Row:
    """Give up an open upload: what was sent is deleted, and its bytes count no more."""
    with limited(), as_account(account, write=True) as session:
        lock_open(session, account, upload_id)
        session.run("portal_upload_end", id=upload_id, state="cancelled")
        row = find_upload(session, account, upload_id)
    upload_store.free(upload_id)
    return row


@router.get("/{upload_id}/verdicts", response_model=Page[FileVerdict])
def list_verdicts(account: Account, part: Part, upload_id: Id, code: str | None = None) -> dict[str, Any]:
    """What became of each file, refusals first. For the sender alone: names may name patients."""
    with as_account(account) as session:
        find_upload(session, account, upload_id)
        return with_sentences(part.of(session, "portal_upload_verdicts", id=upload_id, code=code))


def with_sentences(found: dict[str, Any]) -> dict[str, Any]:
    """Verdicts with the sentence of each."""
    for row in found["items"]:
        row["sentence"] = row["reason"] or VERDICTS.get(row["code"], row["code"])
    return found


@router.get("/{upload_id}/series", response_model=Page[UploadSeries])
def list_series(account: Account, part: Part, upload_id: Id) -> dict[str, Any]:
    """Series of an upload of yours: received, held (de-identified), released, rejected, or in quarantine and why."""
    with as_account(account) as session:
        find_upload(session, account, upload_id)
        return part.of(session, "portal_upload_series", id=upload_id)
