"""An archive on the other side of an association: opening one, C-ECHO, C-FIND."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import AE, _config
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelFind as Find,
)
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from research.dimse.statuses import ABSENT, PENDING, SUCCESS, failure
from research.errors import FetchError
from research.sources.pacs import quiet
from research.sources.patience import TransientError, transient

# Datasets are written to files as they arrive: memory does not grow with them. Process-wide in pynetdicom.
_config.STORE_RECV_CHUNKED_DATASET = True
_config.LOG_HANDLER_LEVEL = "none"
_config.LOG_REQUEST_IDENTIFIERS = _config.LOG_RESPONSE_IDENTIFIERS = False

PDU = 1 << 17
_CHECK = "Check the connection's host, port and AE titles; the Test button sends a C-ECHO."
_REJECTED = {
    (1, 1): "it gives no reason",
    (1, 2): "it does not speak our application context",
    (1, 3): "it does not know our AE title",
    (1, 7): "it does not know the AE title that we call it",
    (2, 1): "it gives no reason",
    (2, 2): "it does not speak our protocol version",
    (3, 1): "it is busy",
    (3, 2): "its limit of associations is reached",
}
"""Source and reason of an A-ASSOCIATE-RJ (PS3.8 Table 9-21)."""


@dataclass(frozen=True)
class Peer:
    """How an archive is reached.

    Args:
        host: its address.
        port: its port.
        ae_title: its AE title.
        calling: our AE title.
        connect_timeout: seconds to connect and to negotiate.
        silence: seconds without any message after which an operation counts as stalled.
        tls: context of the TLS connection, where the archive wants one.
        tls_name: name that its certificate must have; its host where empty.
    """

    host: str
    port: int
    ae_title: str
    calling: str
    connect_timeout: float = 10.0
    silence: float = 60.0
    tls: ssl.SSLContext | None = None
    tls_name: str = ""

    def __post_init__(self) -> None:
        for title in (self.ae_title, self.calling):
            if not 0 < len(title.strip()) <= 16 or not title.isascii() or "\\" in title:
                msg = f"an AE title has 1 to 16 characters, got {title!r}"
                raise ValueError(msg)
        if not self.host or not 0 < self.port < 65536:
            msg = "it needs a host and a port"
            raise ValueError(msg)

    @contextmanager
    def associate(
        self,
        contexts: Sequence[PresentationContext],
        *,
        negotiation: Sequence[Any] = (),
        handlers: Sequence[Any] = (),
    ) -> Iterator[Association]:
        """An association; released afterwards, aborted where something went wrong.

        Raises:
            TransientError: no connection, busy, or dropped while negotiating.
            FetchError: rejected for good.
        """
        quiet()
        ae = AE(ae_title=self.calling)
        ae.connection_timeout = ae.acse_timeout = self.connect_timeout
        ae.network_timeout = ae.dimse_timeout = self.silence
        ae.maximum_pdu_size = PDU
        association = ae.associate(
            self.host,
            self.port,
            contexts=list(contexts),
            ae_title=self.ae_title,
            max_pdu=PDU,
            ext_neg=list(negotiation),
            evt_handlers=list(handlers),
            tls_args=(self.tls, self.tls_name or self.host) if self.tls else None,
        )
        if not association.is_established:
            raise _refusal(association)
        done = False
        try:
            yield association
            done = True
        finally:
            if association.is_established:
                if done:
                    association.release()
                else:
                    association.abort()


def _refusal(association: Association) -> FetchError:
    if association.is_rejected:
        answer = association.acceptor.primitive
        source, reason = getattr(answer, "result_source", 0), getattr(answer, "diagnostic", 0)
        result = getattr(answer, "result", 1)
        told = (
            f"The archive rejects the association: {_REJECTED.get((source, reason), 'it gives no reason')}."
        )
        if result == 2 or source == 3:
            return transient(told, "rejected")
        return FetchError(told, _CHECK, code="rejected")
    accepted = getattr(association, "rejected_contexts", None)
    if accepted and not association.accepted_contexts:
        reason = "The archive offers none of the services that are needed."
        return FetchError(reason, "Have its administrator allow them to our AE title.", code="no-service")
    return TransientError(
        "The archive cannot be reached, or it dropped the association.", _CHECK, code="unreachable"
    )


def echo(peer: Peer) -> None:
    """C-ECHO.

    Raises:
        FetchError: no association, or another answer than success.
    """
    with peer.associate([context(Verification)]) as association:
        status = association.send_c_echo()
    code = int(status.get("Status", ABSENT)) if status else ABSENT
    if code != SUCCESS:
        msg = "C-ECHO"
        raise failure(msg, code)


def find(peer: Peer, level: str, match: Mapping[str, str], fields: Sequence[str]) -> list[dict[str, str]]:
    """C-FIND in the study root; one attempt.

    Args:
        peer: the archive.
        level: ``STUDY``, ``SERIES`` or ``IMAGE``.
        match: attributes that must match, by keyword.
        fields: attributes that are wanted, by keyword.

    Returns:
        Rows of texts by keyword; what the archive does not return is empty.

    Raises:
        FetchError: no association, or a final status other than success.
    """
    question = identifier(level, {**dict.fromkeys(fields, ""), **match})
    rows: list[dict[str, str]] = []
    with peer.associate([context(Find)]) as association, _silent():
        for status, answer in association.send_c_find(question, Find):
            code = int(status.get("Status", ABSENT)) if status else ABSENT
            if code in PENDING:
                if answer is not None:
                    rows.append({keyword: text_of(answer, keyword) for keyword in fields})
            elif code != SUCCESS:
                msg = "C-FIND"
                raise failure(msg, code)
    return rows


def identifier(level: str, attributes: Mapping[str, str | list[str]]) -> Dataset:
    """The data set of a question; AE-independent, in UTF-8."""
    question = Dataset()
    question.SpecificCharacterSet = "ISO_IR 192"
    question.QueryRetrieveLevel = level
    with _silent():
        for keyword, value in attributes.items():
            setattr(question, keyword, value)
    return question


def text_of(answer: Dataset, keyword: str) -> str:
    """An attribute of an answer as text; several values between backslashes, a value that cannot be read is empty."""
    try:
        value = answer.get(keyword)
    except (ValueError, TypeError, NotImplementedError, AttributeError):
        return ""
    if value is None:
        return ""
    several = isinstance(value, Sequence) and not isinstance(value, str)
    return "\\".join(str(one) for one in value).strip() if several else str(value).strip(" \0")


def context(abstract: str, syntaxes: Sequence[str] | None = None) -> PresentationContext:
    """A presentation context; without compression where no transfer syntaxes are named."""
    made = PresentationContext()
    made.abstract_syntax = abstract
    made.transfer_syntax = list(syntaxes or ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2"))
    return made


@contextmanager
def _silent() -> Iterator[None]:
    """Pydicom's warnings quote values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
