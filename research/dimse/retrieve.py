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
from research.dimse.receiver import Inbox, drop_partial
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
    for question, asked in _questions(study_uid, series_uid, box):
        follow = _Operation("C-MOVE", box, asked, progress, peer.silence, time.monotonic() + longest)
        with peer.associate([context(Move)]) as association:
            association.dimse_timeout = None  # silence is judged by what arrives, on either association
            association.network_timeout = None
            answers = association.send_c_move(question, peer.calling, Move, msg_id=_MESSAGE_ID)
            follow.watch(association, answers, Move)


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
    for question, asked in _questions(study_uid, series_uid, box):
        follow = _Operation("C-GET", box, asked, progress, peer.silence, time.monotonic() + longest)
        with peer.associate(
            [context(Get), *storage[:_MOST_CONTEXTS]], negotiation=roles, handlers=handlers
        ) as association:
            association.dimse_timeout = None
            association.network_timeout = None
            answers = association.send_c_get(question, Get, msg_id=_MESSAGE_ID)
            follow.watch(association, answers, Get)


def _questions(study_uid: str, series_uid: str, box: Inbox) -> Iterator[tuple[Dataset, list[str]]]:
    """The whole series at once, or the images that are missing where most are here."""
    missing = box.here.missing
    names = {"StudyInstanceUID": study_uid, "SeriesInstanceUID": series_uid}
    if len(missing) > box.here.count // 2:
        yield identifier("SERIES", names), missing
        return
    for start in range(0, len(missing), _AT_ONCE):
        some = missing[start : start + _AT_ONCE]
        yield identifier("IMAGE", {**names, "SOPInstanceUID": some}), some


class _Operation:
    """One C-MOVE or C-GET, from the question to the verdict.

    Args:
        what: its name.
        box: takes the images.
        asked: SOP Instance UIDs that it shall bring.
        progress: told how many bytes are here.
        silence: seconds without an answer or an image after which it is given up.
        end: when it is given up in any case, by the monotonic clock.
    """

    def __init__(
        self, what: str, box: Inbox, asked: Sequence[str], progress: Progress, silence: float, end: float
    ) -> None:
        self.what = what
        self.box = box
        self.asked = asked
        self.progress = progress
        self.silence = silence
        self.end = end
        self._before = box.stored
        self._told: queue.SimpleQueue[Dataset | None] = queue.SimpleQueue()

    def watch(
        self, association: Association, answers: Iterator[tuple[Dataset, Dataset | None]], model: str
    ) -> None:
        """Follow it to its end; a thread reads the answers, so that this one can stop it.

        Raises:
            FetchError: not all that was asked for is here.
        """

        def read() -> None:
            try:
                for status, _ in answers:
                    self._told.put(status)
            finally:
                self._told.put(None)

        reader = threading.Thread(target=read, name="dimse", daemon=True)
        reader.start()
        try:
            last = self._followed()
        except BaseException as error:
            # C-CANCEL first, so that the archive stops sending; an abort follows, so it gets a moment to read it.
            _cancel(association, model)
            if getattr(error, "code", "") != "stalled":
                reader.join(_CANCEL_S)
            raise
        self._judge(last)

    def _followed(self) -> Dataset:
        """The final status; an empty one where the association ended without."""
        heard = time.monotonic()
        while True:
            self.progress(self.box.here.bytes)
            try:
                status = self._told.get(timeout=_BEAT_S)
            except queue.Empty:
                now = time.monotonic()
                if now - max(heard, self.box.last) > self.silence:
                    reason = f"{self.what}: the archive fell silent for {self.silence:g} s."
                    raise transient(reason, "stalled") from None
                if now > self.end:
                    reason = f"{self.what}: it took too long."
                    raise transient(reason, "too-slow") from None
                continue
            heard = time.monotonic()
            if status is None:
                return Dataset()
            if int(status.get("Status", ABSENT)) not in PENDING:
                return status

    def _judge(self, last: Dataset) -> None:
        """The final status and its counts against what is here."""
        code = int(last.get("Status", ABSENT))
        counts = [last.get(f"NumberOf{kind}Suboperations") for kind in ("Completed", "Warning", "Failed")]
        done, warned, failed = (int(one or 0) for one in counts)
        # Images may still be on their way: the archive counts more than arrived, or does not count.
        sent = done + warned if any(one is not None for one in counts) else len(self.asked)
        end = time.monotonic() + _SETTLE_S
        while code in (SUCCESS, WARNING) and self.box.stored - self._before < sent and self._left():
            if time.monotonic() > end:
                break
            time.sleep(0.05)
        left = self._left()
        if warned:
            log.warning("%s: the archive warns about %d images.", self.what, warned)
        if self.box.full:
            raise transient(reason="An image could not be written to our disk.", code="disk")
        if not left:
            return
        if code not in (SUCCESS, WARNING) or (code == WARNING and not done + warned + failed):
            raise failure(self.what, code)
        if self.box.failed is not None:
            raise self.box.failed
        counted = f"{done + warned} sent and {failed} failed by the archive's count"
        reason = f"{self.what}: {counted}; {len(left)} are missing."
        raise transient(reason, "short-series")

    def _left(self) -> list[str]:
        missing = set(self.box.here.missing)
        return [uid for uid in self.asked if uid in missing]


def _cancel(association: Association, model: str) -> None:
    if not association.is_established:
        return
    send: Callable[..., None] = association.send_c_cancel
    try:
        send(_MESSAGE_ID, query_model=model)
    except (RuntimeError, ValueError, OSError):
        log.debug("The association ended before it could be cancelled.")
