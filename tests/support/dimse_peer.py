"""An archive over DIMSE that answers as it is told: failures, aborts, silence, wrong counts, foreign images."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pynetdicom import AE, StoragePresentationContexts, evt
from pynetdicom.sop_class import (
    CTImageStorage,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from tests.support.certificates import Certificate
from tests.support.orthanc import Made


@dataclass
class BadPeer:
    """What it holds and how it misbehaves in the next retrievals; after those it behaves."""

    made: Made
    port: int = 0
    destination: int = 0
    plans: list[dict[str, Any]] = field(default_factory=list)
    asked: list[Dataset] = field(default_factory=list)
    cancelled: threading.Event = field(default_factory=threading.Event)
    find_status: int = 0

    def images(self, plan: dict[str, Any], question: Dataset) -> list[Dataset]:
        named = question.get("SOPInstanceUID")
        wanted = {named} if isinstance(named, str) else set(named or self.made.sops)
        found = [pydicom.dcmread(BytesIO(raw)) for raw in self.made.images]
        found = [one for one in found if one.SOPInstanceUID in wanted]
        return found[: plan.get("send", len(found))] + plan.get("more", [])


@contextmanager
def bad_peer(made: Made, *, refuse: bool = False, tls: Certificate | None = None) -> Iterator[BadPeer]:
    """Run it."""
    peer = BadPeer(made)

    def find(event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        if peer.find_status:
            yield peer.find_status, None
            return
        first = pydicom.dcmread(BytesIO(made.images[0]), stop_before_pixels=True)
        for uid in made.sops if event.identifier.QueryRetrieveLevel == "IMAGE" else made.sops[:1]:
            row = Dataset()
            for element in event.identifier:
                row[element.tag] = first.get(element.tag, element)
            row.QueryRetrieveLevel = event.identifier.QueryRetrieveLevel
            row.SOPInstanceUID, row.SOPClassUID = uid, CTImageStorage
            row.NumberOfSeriesRelatedInstances = len(made.images)
            yield 0xFF00, row

    def retrieve(event: evt.Event) -> Iterator[Any]:
        plan = peer.plans.pop(0) if peer.plans else {}
        peer.asked.append(event.identifier)
        if isinstance(event.request, evt.Event) or event.event.name == "EVT_C_MOVE":
            secure = {"tls_args": (tls.client(), "127.0.0.1")} if tls else {}
            yield ("127.0.0.1", peer.destination, {"ae_title": event.move_destination, **secure})
        images = peer.images(plan, event.identifier)
        yield plan.get("count", len(images) + ("status" in plan))
        for place, image in enumerate(images):
            if event.is_cancelled:
                peer.cancelled.set()
                yield 0xFE00, None
                return
            time.sleep(plan.get("slow", 0.0))
            if place == plan.get("abort_at"):
                event.assoc.abort()
                return
            if place == plan.get("silent_at"):
                time.sleep(plan.get("silence", 2.0))
            yield 0xFF00, image
        if "status" in plan:
            failed = Dataset()
            failed.FailedSOPInstanceUIDList = list(made.sops[:1])
            yield plan["status"], failed

    ae = AE(ae_title="BAD")
    ae.require_called_aet = True
    if refuse:
        ae.require_calling_aet = ["SOMEBODY"]
    for one in (
        Verification,
        StudyRootQueryRetrieveInformationModelFind,
        StudyRootQueryRetrieveInformationModelMove,
        StudyRootQueryRetrieveInformationModelGet,
    ):
        ae.add_supported_context(one)
    for context in StoragePresentationContexts:
        ae.add_supported_context(context.abstract_syntax, scu_role=True, scp_role=True)
        if context.abstract_syntax == CTImageStorage:
            ae.add_requested_context(context.abstract_syntax)
    server = ae.start_server(
        ("127.0.0.1", 0),
        block=False,
        ssl_context=tls.server() if tls else None,
        evt_handlers=[(evt.EVT_C_FIND, find), (evt.EVT_C_MOVE, retrieve), (evt.EVT_C_GET, retrieve)],
    )
    assert server is not None
    peer.port = server.server_address[1]
    try:
        yield peer
    finally:
        server.shutdown()
