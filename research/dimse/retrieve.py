"""C-MOVE and C-GET: have a series sent, watch it come, stop it when nobody wants it any more."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from pydicom.dataset import Dataset
from pynetdicom import build_role, evt
from pynetdicom._globals import ALL_TRANSFER_SYNTAXES
from pynetdicom.association import Association
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelGet as Get,
)
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelMove as Move,
)

from research.dimse.peer import Peer, context, identifier
from research.dimse.receiver import Inbox, drop_partial, full_disk, waiting
from research.dimse.statuses import ABSENT, PENDING, SUCCESS, WARNING, failure
from research.sources.patience import transient
from research.sources.source import Progress

log = logging.getLogger(__name__)

_BEAT_S = 0.2
_SETTLE_S = 5.0
_CANCEL_S = 2.0
_AT_ONCE = 200
_MOST_CONTEXTS = 126
_MESSAGE_ID = 1
_PLAIN = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2")


def move(
    peer: Peer, study_uid: str, series_uid: str, box: Inbox, progress: Progress, *, longest: float
) -> None:
    """Have what is missing of a series sent to our own SCP; one attempt.

    Raises:
        TransientError: some images did not come, silence, or a status worth another attempt.
        FetchError: a final status that another attempt would not mend.
    """
    for question in _questions(study_uid, series_uid, box):
        with peer.associate([context(Move)]) as association:
            association.dimse_timeout = None  # silence is judged by what arrives, on either association
            association.network_timeout = None
            answers = association.send_c_move(question, peer.calling, Move, msg_id=_MESSAGE_ID)
            _watch("C-MOVE", association, answers, box, progress, peer.silence, longest, Move)


def get(
    peer: Peer,
    study_uid: str,
    series_uid: str,
    box: Inbox,
    classes: Sequence[str],
    progress: Progress,
    *,
    longest: float,
) -> None:
    """Have what is missing of a series sent on the association that asks for it; one attempt.

    Args:
        peer: the archive.
        study_uid: the series' study.
        series_uid: the series.
        box: takes the images.
        classes: SOP classes of its images; they are negotiated with every transfer syntax.
        progress: told how many bytes are here.
        longest: seconds that it may take.
    """
    storage = []
    syntaxes = [str(one) for one in ALL_TRANSFER_SYNTAXES]
    for uid in classes:
        # One context each, so that the archive can send every image as it holds it.
        for syntax in syntaxes if len(classes) * len(syntaxes) <= _MOST_CONTEXTS else ():
            storage.append(context(uid, [syntax]))
        if len(classes) * len(syntaxes) > _MOST_CONTEXTS:
            storage.append(context(uid, syntaxes))
    roles = [build_role(uid, scp_role=True) for uid in classes]
    handlers = [
        (evt.EVT_C_STORE, box.store),
        (evt.EVT_CONN_CLOSE, drop_partial),
        (evt.EVT_ABORTED, drop_partial),
    ]
    for question in _questions(study_uid, series_uid, box):
        with peer.associate(
            [context(Get), *storage[:_MOST_CONTEXTS]], negotiation=roles, handlers=handlers
        ) as association:
            association.dimse_timeout = None
            association.network_timeout = None
            answers = association.send_c_get(question, Get, msg_id=_MESSAGE_ID)
            _watch("C-GET", association, answers, box, progress, peer.silence, longest, Get)


def _questions(study_uid: str, series_uid: str, box: Inbox) -> Iterator[Dataset]:
    """The whole series at once, or the images that are missing where most are here."""
    missing = box.here.missing
    names = {"StudyInstanceUID": study_uid, "SeriesInstanceUID": series_uid}
    if len(missing) > box.here.count // 2:
        yield identifier("SERIES", names)
        return
    for start in range(0, len(missing), _AT_ONCE):
        yield identifier("IMAGE", {**names, "SOPInstanceUID": missing[start : start + _AT_ONCE]})


def _watch(
    what: str,
    association: Association,
    answers: Iterator[tuple[Dataset, Dataset | None]],
    box: Inbox,
    progress: Progress,
    silence: float,
    longest: float,
    model: str,
) -> None:
    """Follow an operation to its end; a thread reads the answers, so that this one can stop it."""
    told: queue.SimpleQueue[Dataset | None] = queue.SimpleQueue()
    before = box.here.count - len(box.here.missing)

    def read() -> None:
        try:
            for status, _ in answers:
                told.put(status)
        finally:
            told.put(None)

    reader = threading.Thread(target=read, name="dimse", daemon=True)
    reader.start()
    try:
        last = _followed(what, told, box, progress, silence, time.monotonic() + longest)
    except BaseException as error:
        # C-CANCEL first, so that the archive stops sending; an abort follows, so it gets a moment to read it.
        _cancel(association, model)
        if getattr(error, "code", "") != "stalled":
            reader.join(_CANCEL_S)
        raise
    _judge(what, last, box, before)


def _followed(
    what: str,
    told: queue.SimpleQueue[Dataset | None],
    box: Inbox,
    progress: Progress,
    silence: float,
    end: float,
) -> Dataset:
    """The final status."""
    last, heard = Dataset(), time.monotonic()
    while True:
        progress(box.here.bytes)
        try:
            status = told.get(timeout=_BEAT_S)
        except queue.Empty:
            now = time.monotonic()
            if now - max(heard, box.last) > silence:
                reason = f"{what}: the archive fell silent for {silence:g} s."
                raise transient(reason, "stalled") from None
            if now > end:
                reason = f"{what}: it took too long."
                raise transient(reason, "too-slow") from None
            continue
        heard = time.monotonic()
        if status is None:
            return last
        last = status
        if int(status.get("Status", ABSENT)) not in PENDING:
            return last


def _judge(what: str, last: Dataset, box: Inbox, before: int) -> None:
    """The final status and its counts against what is here.

    Raises:
        FetchError: not all that was asked for is here.
    """
    code = int(last.get("Status", ABSENT))
    counts = [last.get(f"NumberOf{kind}Suboperations") for kind in ("Completed", "Warning", "Failed")]
    done, warned, failed = (int(one or 0) for one in counts)
    # Images may still be on their way: the archive counts more than arrived, or does not count.
    told = done + warned if any(one is not None for one in counts) else box.here.count - before
    left: Sequence[str] = box.here.missing
    if code in (SUCCESS, WARNING) and box.here.count - len(left) - before < told:
        left = waiting(box, _SETTLE_S, left)
    if warned:
        log.warning("%s: the archive warns about %d images.", what, warned)
    if box.full:
        raise full_disk()
    if not left:
        return
    if box.failed is not None and code in (SUCCESS, WARNING):
        raise box.failed
    if code not in (SUCCESS, WARNING) or (code == WARNING and not done + warned + failed):
        raise failure(what, code)
    reason = (
        f"{what}: {done + warned} sent and {failed} failed by the archive's count; {len(left)} are missing."
    )
    raise transient(reason, "short-series")


def _cancel(association: Association, model: str) -> None:
    if not association.is_established:
        return
    send: Callable[..., None] = association.send_c_cancel
    try:
        send(_MESSAGE_ID, query_model=model)
    except (RuntimeError, ValueError, OSError):
        log.debug("The association ended before it could be cancelled.")
