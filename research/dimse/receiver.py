"""C-STORE: images that an archive sends to us, written to disk as they arrive, and only those that were asked for."""

from __future__ import annotations

import contextlib
import shutil
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from pynetdicom import AE, evt
from pynetdicom._globals import ALL_TRANSFER_SYNTAXES
from pynetdicom.presentation import AllStoragePresentationContexts
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from research.dimse.peer import PDU
from research.errors import FetchError
from research.sources.instances import Instances
from research.sources.pacs import quiet
from research.sources.patience import TransientError

_STORED, _REFUSED, _NO_SPACE, _BROKEN = 0x0000, 0x0124, 0xA700, 0xC000


@dataclass
class Inbox:
    """Where the images of one series go, and when the last one came."""

    here: Instances
    last: float = field(default_factory=time.monotonic)
    stored: int = 0
    full: bool = False
    failed: TransientError | None = None

    def store(self, event: Any) -> int:
        """Answer a C-STORE request; the status."""
        path = Path(event.dataset_path)
        uid = str(event.request.AffectedSOPInstanceUID)
        try:
            if not self.here.asked_for(uid):
                return _REFUSED
            written = self.here.incoming()
            handle = event.request._dataset_file
            if (
                handle is not None
            ):  # what is buffered must be in the file; pynetdicom leaves it open in a C-GET
                handle.close()
            shutil.move(path, written)
            self.here.keep(written, uid)
            self.stored += 1
        except TransientError as error:
            self.failed = error
            return _BROKEN
        except OSError:
            self.full = True
            return _NO_SPACE
        finally:
            self.last = time.monotonic()
            path.unlink(missing_ok=True)
        return _STORED


@dataclass(frozen=True)
class Listening:
    """Where we listen and to whom.

    Args:
        port: our port; the archive must know it.
        ae_title: our AE title.
        callers: AE titles that may send.
        host: address to listen at.
        associations: how many associations at once.
        silence: seconds after which a silent sender is dropped.
        tls: context of a TLS server, where the archive sends that way.
    """

    port: int
    ae_title: str
    callers: tuple[str, ...]
    host: str = ""
    associations: int = 4
    silence: float = 60.0
    tls: ssl.SSLContext | None = field(default=None, compare=False)


class Receiver:
    """Our Storage SCP. It runs only while something is fetched; sources of one process share it by port.

    Who calls must call us by our AE title and be on the list of callers; an image that nobody waits for is refused
    (0x0124). What a broken association leaves is removed.
    """

    _running: ClassVar[dict[tuple[str, int], Receiver]] = {}
    _guard: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, where: Listening) -> None:
        quiet()
        self.where = where
        self._users = 0
        self._boxes: list[Inbox] = []
        self._lock = threading.Lock()
        ae = AE(ae_title=where.ae_title)
        ae.require_called_aet = True
        ae.require_calling_aet = list(where.callers)
        ae.maximum_associations = where.associations
        ae.maximum_pdu_size = PDU
        ae.network_timeout = ae.dimse_timeout = where.silence
        ae.acse_timeout = where.silence
        for one in AllStoragePresentationContexts:
            ae.add_supported_context(one.abstract_syntax, ALL_TRANSFER_SYNTAXES)  # type: ignore[arg-type]
        ae.add_supported_context(Verification)
        try:
            server = ae.start_server(
                (where.host, where.port),
                block=False,
                ssl_context=where.tls,
                evt_handlers=[
                    (evt.EVT_C_STORE, self._store),
                    (evt.EVT_CONN_CLOSE, drop_partial),
                    (evt.EVT_ABORTED, drop_partial),
                ],
            )
        except OSError as error:
            reason = f"Port {where.port} cannot be listened at ({error.strerror or 'in use'})."
            told = "Does another fetch use it, or another program? Give each connection its own port."
            raise TransientError(reason, told, code="port-in-use") from None
        if server is None:  # pragma: no cover - only where it blocks
            raise AssertionError
        self._server = server

    @property
    def port(self) -> int:
        """The port that we listen at."""
        return int(self._server.server_address[1])

    @classmethod
    @contextmanager
    def at(cls, where: Listening) -> Iterator[Receiver]:
        """The receiver at a port, begun by its first user and ended by its last one.

        Raises:
            TransientError: the port is in use by another process.
            FetchError: another connection of this process uses the port in another way.
        """
        key = (where.host, where.port)
        with cls._guard:
            found = cls._running.get(key)
            if found is None:
                found = cls._running[key] = cls(where)
            elif found.where != where:
                reason = f"Two connections want to listen at port {where.port}, each in its own way."
                raise FetchError(reason, "Give each connection its own port.", code="port-in-use")
            found._users += 1
        try:
            yield found
        finally:
            with cls._guard:
                found._users -= 1
                if not found._users:
                    del cls._running[key]
                    found.close()

    def close(self) -> None:
        """End all associations and listen no more."""
        self._server.shutdown()

    @contextmanager
    def inbox(self, here: Instances) -> Iterator[Inbox]:
        """Take the images of a series while the context lasts."""
        box = Inbox(here)
        with self._lock:
            self._boxes.append(box)
        try:
            yield box
        finally:
            with self._lock:
                self._boxes.remove(box)

    def _store(self, event: Any) -> int:
        uid = str(event.request.AffectedSOPInstanceUID)
        with self._lock:
            box = next((one for one in self._boxes if one.here.asked_for(uid)), None)
        if box is None:
            Path(event.dataset_path).unlink(missing_ok=True)
            return _REFUSED
        return box.store(event)


def drop_partial(event: Any) -> None:
    """Remove the file of an image whose association ended in its middle; pynetdicom leaves it in the temporary folder."""
    message = event.assoc.dimse.message
    path = getattr(message, "_data_set_path", None)
    if path is not None:
        with contextlib.suppress(OSError, AttributeError):
            message._data_set_file.close()
        Path(path).unlink(missing_ok=True)
