"""One question to several archives: whichever still has the images gives them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from research.errors import FetchError
from research.landing import QuarantinedError, Received
from research.sources.offers import OfferedSeries, Selection
from research.sources.source import Progress, Source, unwatched

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choice:
    """What was found, and the name of the source that had it."""

    name: str
    offered: tuple[OfferedSeries, ...]


def look(sources: Mapping[str, Callable[[], Source]], wanted: Selection) -> Choice:
    """Ask sources in turn until one has something.

    Args:
        sources: what opens each, by the name that people know it by; the first is asked first.
        wanted: what is looked for.

    Raises:
        FetchError: none has anything; the reason names each with what it said.
    """
    told, failed = [], []
    for name, open_source in sources.items():
        try:
            source = open_source()
            offered = tuple(source.series(wanted, expected=not wanted.since))
        except FetchError as error:
            log.warning("%s: %s", name, error.reason)
            told.append(f"{name}: {error.reason}")
            failed.append(error)
            continue
        if offered or (wanted.since and not failed):
            return Choice(name, offered)
        told.append(f"{name} has no series of {wanted.describe()}.")
        log.info("%s has no series of %s", name, wanted.describe())
    instruction = (
        failed[0].instruction if failed else "Check the spelling of the collection and the selection."
    )
    code = failed[0].code if failed else "nothing-there"
    raise FetchError(" ".join(told), instruction, code=code)


@dataclass(frozen=True)
class Delivered:
    """A received series, who gave it, and its offer with what that source says about the licence."""

    received: Received
    source: str
    offer: OfferedSeries


def deliver(
    offer: OfferedSeries,
    folder: Path,
    sources: Sequence[tuple[str, Source]],
    progress: Progress = unwatched,
    *,
    label: str,
    quarantine_root: Path,
) -> Delivered:
    """Download a series from the first source that gives it.

    What is in the quarantine stays there: a bad series is not asked of another archive behind a person's back.

    Args:
        offer: the series as the first source offers it.
        folder: where it shall be.
        sources: name and source, in the order in which they are asked.
        progress: told how many bytes have arrived.
        label: what to call the series in errors and logs; no identity in it.
        quarantine_root: where bytes go that must not go on.

    Raises:
        FetchError: no source gave it; the reason has what each said.
        QuarantinedError: its bytes must not go on.
    """
    failures: list[FetchError] = []
    for number, (name, source) in enumerate(sources):
        try:
            if number:
                log.warning("%s: looked for at %s instead.", label, name)
            one = _found(source, offer, label) if number else offer
            received = source.download(one, folder, progress, label=label, quarantine_root=quarantine_root)
        except QuarantinedError:
            raise
        except FetchError as error:
            failures.append(error)
            continue
        if number:
            log.warning("%s: given by %s.", label, name)
        return Delivered(received, name, _with_licence(offer, one))
    if len(failures) == 1:
        raise failures[0]
    told = " ".join(error.reason for error in failures)
    raise FetchError(told, failures[0].instruction, code=failures[0].code)


def _found(source: Source, offer: OfferedSeries, label: str) -> OfferedSeries:
    for one in source.series(Selection(series=(offer.series_uid,))):
        if offer.image_count and one.image_count and one.image_count != offer.image_count:
            reason = f"{label}: this source has {one.image_count} images of it."
            raise FetchError(
                reason, "Decide which one is wanted; then fetch it by a manifest.", code="other-count"
            )
        return one
    reason = f"{label}: this source does not have it."
    raise FetchError(reason, "Ask the archive.", code="nothing-there")


def _with_licence(offer: OfferedSeries, given: OfferedSeries) -> OfferedSeries:
    """The given offer, with the licence that was noted first where the giver says none."""
    return replace(
        given,
        licence=given.licence or offer.licence,
        licence_uri=given.licence_uri or offer.licence_uri,
        citation_uri=given.citation_uri or offer.citation_uri,
    )
