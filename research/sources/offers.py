"""What is wanted of a source, and what a source says that it has."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field


def collection_key(name: str | None) -> str:
    """A collection's name without what archives spell differently: ``LIDC-IDRI`` is ``lidc_idri`` at IDC."""
    return re.sub(r"[^a-z0-9]+", "_", (name or "").casefold()).strip("_")


@dataclass(frozen=True)
class OfferedSeries:
    """A series that a source offers, with the source's own statement of its size, which a download is checked against.

    ``repr`` hides what may identify a person. ``image_count`` is the number of objects, ``byte_count`` their
    size in bytes; either is None where the source does not say. ``citation_uri`` is the DOI as an address.
    ``address`` is where the objects lie, for sources that need it. ``collection`` is the source's own spelling.
    """

    series_uid: str = field(repr=False)
    collection: str | None = None
    study_uid: str | None = field(default=None, repr=False)
    patient_id: str | None = field(default=None, repr=False)
    modality: str | None = None
    body_part: str | None = None
    image_count: int | None = None
    byte_count: int | None = None
    licence: str | None = None
    licence_uri: str | None = None
    citation_uri: str | None = None
    released: dt.date | None = None
    address: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Selection:
    """Which series are wanted: those that fit every criterion that is given.

    Patients, studies and series are identities, so ``repr`` hides them. ``body_part`` and ``modalities``
    ignore case, collections also separators; UIDs and patients match exactly.

    Args:
        collection: name of the collection, in any archive's spelling.
        modalities: e.g. ``("CT", "PT")``; every modality where empty.
        body_part: e.g. ``CHEST``.
        patients: PatientIDs.
        studies: StudyInstanceUIDs.
        series: SeriesInstanceUIDs.
        addresses: remote addresses of series, as manifests of IDC list them.
        since: only what was released after this day, where the source can tell.
        accessions: AccessionNumbers; only a hospital's archive (DICOMweb, DIMSE) can be asked for them.
        studied: first and last day of the study, either may be None; asked of a hospital's archive only.
        description: a piece of the study's or the series' description; asked of a hospital's archive only.
    """

    collection: str | None = None
    modalities: tuple[str, ...] = ()
    body_part: str | None = None
    patients: tuple[str, ...] = field(default=(), repr=False)
    studies: tuple[str, ...] = field(default=(), repr=False)
    series: tuple[str, ...] = field(default=(), repr=False)
    addresses: tuple[str, ...] = field(default=(), repr=False)
    since: dt.date | None = None
    accessions: tuple[str, ...] = field(default=(), repr=False)
    studied: tuple[dt.date | None, dt.date | None] = (None, None)
    description: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether nothing narrows it: it would ask for a whole archive."""
        return not (self.collection or self.patients or self.studies or self.series or self.addresses)

    def fits(self, one: OfferedSeries) -> bool:
        """Whether an offered series is wanted; ``since`` and ``addresses`` are left to the source."""
        if self.collection and collection_key(one.collection) != collection_key(self.collection):
            return False
        if self.modalities and (one.modality or "").upper() not in {name.upper() for name in self.modalities}:
            return False
        if self.body_part and (one.body_part or "").casefold() != self.body_part.casefold():
            return False
        pairs = (
            (self.patients, one.patient_id), (self.studies, one.study_uid), (self.series, one.series_uid),
        )  # fmt: skip
        return all(not wanted or value in wanted for wanted, value in pairs)

    def describe(self) -> str:
        """The selection in English, without identities."""
        parts = [f"collection {self.collection!r}" if self.collection else "any collection"]
        if self.modalities:
            parts.append("/".join(self.modalities))
        if self.body_part:
            parts.append(self.body_part)
        for names, what in ((self.patients, "patient"), (self.studies, "study"), (self.series, "series"),
                            (self.addresses, "address"), (self.accessions, "accession")):  # fmt: skip
            if names:
                parts.append(f"{len(names)} named {what}" + ("" if len(names) == 1 else _PLURAL[what]))
        if any(self.studied):
            first, last = (f"{day}" if day else "any day" for day in self.studied)
            parts.append(f"studied {first} to {last}")
        if self.description:
            parts.append(f"described as {self.description!r}")
        if self.since:
            parts.append(f"released after {self.since}")
        return ", ".join(parts)


_PLURAL = {"patient": "s", "study": " UIDs", "series": "", "address": "es", "accession": "s"}
