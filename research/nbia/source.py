"""NBIA as a source: the right host for each collection, named series, and what is new since a day."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from research.errors import FetchError
from research.landing import Received
from research.nbia.client import NbiaClient
from research.nbia.rows import SeriesRow
from research.sources.offers import OfferedSeries, Selection, collection_key
from research.sources.source import Progress, unwatched

log = logging.getLogger(__name__)


class NbiaSource:
    """The Cancer Imaging Archive, or another archive that runs NBIA.

    Args:
        main: the server.
        nlst: the server of the collection NLST, which TCIA keeps apart: the main one answers HTTP 400 for its
            series. None where there is none.
    """

    kind = "nbia"

    def __init__(self, main: NbiaClient, nlst: NbiaClient | None = None) -> None:
        self.main = main
        self.nlst = nlst

    @property
    def gate(self) -> AbstractContextManager[Any]:
        """What is entered while a zip is downloaded; see ``Source``."""
        return self.main.gate

    @gate.setter
    def gate(self, gate: AbstractContextManager[Any]) -> None:
        for client in self._clients(None):
            client.gate = gate

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients(None):
            client.close()

    def _clients(self, collection: str | None) -> list[NbiaClient]:
        """Whom to ask about a collection, in turn; both where it is not known."""
        if self.nlst is None:
            return [self.main]
        if collection is None:
            return [self.main, self.nlst]
        return [self.nlst if collection_key(collection) == "nlst" else self.main]

    def series(self, wanted: Selection, *, expected: bool = False) -> list[OfferedSeries]:
        """Series that fit; see ``Source.series``.

        Raises:
            FetchError: a server did not answer, or the selection is nothing that NBIA can be asked for.
        """
        if wanted.addresses:
            reason = "The manifest lists places in buckets, which NBIA does not have."
            raise FetchError(reason, "Fetch it with fetch_idc.", code="other-source")
        if wanted.is_open:
            reason = "Nothing narrows the selection: it would be the whole archive."
            raise FetchError(reason, "Name a collection or give a manifest.", code="too-much")
        missing, found = set(wanted.series), []
        for client in self._clients(wanted.collection):
            if wanted.series and not missing:
                break
            for row in self._rows(client, wanted, missing, expected=expected):
                one = _offer(row, client)
                if wanted.fits(one):
                    found.append(one)
                    missing.discard(row.series_uid)
        if missing:
            log.warning("%d of %d named series are not here", len(missing), len(wanted.series))
        return found

    def _rows(
        self, client: NbiaClient, wanted: Selection, missing: set[str], *, expected: bool
    ) -> Iterable[SeriesRow]:
        if wanted.series:
            return client.series_named([uid for uid in wanted.series if uid in missing])
        if wanted.since:
            return client.updated_since(wanted.since, collection=wanted.collection)
        return self._by_criteria(client, wanted, expected=expected)

    def _by_criteria(self, client: NbiaClient, wanted: Selection, *, expected: bool) -> Iterator[SeriesRow]:
        one_modality = wanted.modalities[0] if len(wanted.modalities) == 1 else None
        questions: list[dict[str, str | None]] = (
            [{"study_uid": uid} for uid in wanted.studies]
            or [{"patient_id": who} for who in wanted.patients]
            or [{}]
        )
        for question in questions:
            yield from client.series(
                collection=wanted.collection,
                modality=one_modality,
                body_part=wanted.body_part,
                expected=expected and not question,
                **question,
            )

    def download(
        self,
        series: OfferedSeries,
        folder: Path,
        progress: Progress = unwatched,
        *,
        label: str,
        quarantine_root: Path,
    ) -> Received:
        """Bring a series into ``folder``; see ``Source.download``. What one host refuses is asked of the other."""
        home = series.address or self._clients(series.collection or "")[0].address
        clients = sorted(self._clients(None), key=lambda client: client.address != home)
        for client in clients:
            try:
                return client.download_series(
                    series.series_uid,
                    folder,
                    series.image_count,
                    label=label,
                    quarantine_root=quarantine_root,
                    progress=progress,
                )
            except FetchError as error:
                if error.code != "refused" or client is clients[-1]:
                    raise
                log.warning("%s: refused here; asking the other host.", label)
        raise AssertionError  # pragma: no cover - the last one returned or raised


def _offer(row: SeriesRow, client: NbiaClient) -> OfferedSeries:
    return OfferedSeries(
        series_uid=row.series_uid,
        collection=row.collection,
        study_uid=row.study_uid,
        patient_id=row.patient_id,
        modality=row.modality,
        body_part=row.body_part,
        image_count=row.image_count,
        byte_count=row.file_size,
        licence=row.licence_name,
        licence_uri=row.licence_uri,
        citation_uri=row.description_uri,
        released=row.released,
        address=client.address,
    )
