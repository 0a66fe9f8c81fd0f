"""An archive that speaks DIMSE as a source: C-FIND, then C-MOVE to our own SCP or C-GET, verified whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from research.dimse.peer import Peer, echo, find
from research.dimse.receiver import Inbox, Listening, Receiver
from research.dimse.retrieve import get, move
from research.errors import FetchError
from research.landing import Received, verified
from research.sources.instances import Instances, checked_list
from research.sources.offers import OfferedSeries, Selection
from research.sources.pacs import SERIES, STUDY, select, study_of
from research.sources.patience import Patience
from research.sources.source import Progress, unwatched


class DimseSource:
    """A hospital's archive (PACS).

    Args:
        peer: how it is reached.
        listening: where it sends images (C-MOVE); C-GET is used where None, which needs no port of ours.
        patience: how often to try.
        longest: seconds that one series may take.
    """

    kind = "dimse"

    def __init__(
        self,
        peer: Peer,
        listening: Listening | None = None,
        *,
        patience: Patience | None = None,
        longest: float = 3600.0,
    ) -> None:
        self.peer = peer
        self.listening = listening
        self.patience = patience or Patience()
        self.longest = longest
        self._open = ExitStack()
        self._receiver: Receiver | None = None

    def close(self) -> None:
        """Listen no more."""
        self._receiver = None
        self._open.close()

    def echo(self) -> None:
        """C-ECHO.

        Raises:
            FetchError: the archive cannot be reached, or refuses.
        """
        echo(self.peer)

    def series(self, wanted: Selection, *, expected: bool = False) -> Iterator[OfferedSeries]:  # noqa: ARG002
        """Series that fit; see ``Source.series``.

        Raises:
            FetchError: the archive did not answer, or nothing narrows the question.
        """
        return select(wanted, self._studies, self._series)

    def _studies(self, match: Mapping[str, str]) -> list[dict[str, str]]:
        return self.patience.run("The list of studies", lambda: find(self.peer, "STUDY", match, STUDY))

    def _series(self, study_uid: str, match: Mapping[str, str]) -> list[dict[str, str]]:
        asked = {"StudyInstanceUID": study_uid, **match}
        return self.patience.run("The list of series", lambda: find(self.peer, "SERIES", asked, SERIES))

    def download(
        self,
        series: OfferedSeries,
        folder: Path,
        progress: Progress = unwatched,
        *,
        label: str,
        quarantine_root: Path,
    ) -> Received:
        """Bring a series into ``folder``; see ``Source.download``.

        Only images that the archive lists for the series are taken. Those that an earlier attempt or a killed run
        received whole are not asked for again, where they are the smaller part.
        """
        kept = verified(folder, series_uid=series.series_uid)
        if kept is not None and series.image_count in (None, kept.count):
            return kept
        study_uid = study_of(series, label)
        listed = self._listed(study_uid, series, label)
        here = Instances(folder, listed)
        progress(here.bytes)

        def attempt() -> None:
            if self.listening is None:
                classes = sorted({uid for uid in listed.values() if uid})
                if not classes:
                    reason = f"{label}: the archive does not tell the kind of its images."
                    raise FetchError(reason, "Switch the connection to C-MOVE.", code="no-class")
                box = Inbox(here)
                get(self.peer, study_uid, series.series_uid, box, classes, progress, longest=self.longest)
                return
            if self._receiver is None:
                self._receiver = self._open.enter_context(Receiver.at(self.listening))
            with self._receiver.inbox(here) as box:
                move(self.peer, study_uid, series.series_uid, box, progress, longest=self.longest)

        here.bring(self.patience, attempt, label=label)
        where = f"dimse://{self.peer.host}:{self.peer.port}"
        return here.accept(series.series_uid, quarantine_root, label=label, where=where)

    def _listed(self, study_uid: str, series: OfferedSeries, label: str) -> dict[str, str]:
        """SOP class of each image by its SOP Instance UID."""
        asked = {"StudyInstanceUID": study_uid, "SeriesInstanceUID": series.series_uid}

        def attempt() -> dict[str, str]:
            rows = find(self.peer, "IMAGE", asked, ("SOPInstanceUID", "SOPClassUID", *asked))
            found = {row["SOPInstanceUID"]: row["SOPClassUID"] for row in rows if row["SOPInstanceUID"]}
            checked_list(found, series.image_count, label)
            return found

        return self.patience.run(label, attempt)
