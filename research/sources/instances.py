"""A series that arrives image by image: what lies whole is kept over attempts and runs, what is missing is known."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from pathlib import Path

from research.errors import FetchError, LandingError
from research.landing import (
    QuarantinedError,
    Received,
    Unpacked,
    inspect,
    land,
    place,
    quarantine,
    series_key,
)
from research.sources.patience import Patience, TransientError, transient

_SUFFIX = ".part"


class Instances:
    """The hidden folder beside the final one, into which the images of one series are received.

    An image lies under its final name only when it is whole, parsed and one of those that were asked for. Its name
    is a digest of its SOP Instance UID, so that a later run finds it again. Safe to use from several threads.

    Args:
        folder: where the series shall be in the end.
        wanted: SOP Instance UIDs that the source lists for the series.
    """

    def __init__(self, folder: Path, wanted: Collection[str]) -> None:
        self.folder = folder
        self.part = folder.with_name(f".{folder.name}.part")
        self._names = {uid: f"{series_key(uid)}.dcm" for uid in sorted(wanted)}
        self._lock = threading.Lock()
        self._there: dict[str, int] = {}
        self._bad: dict[str, tuple[Path, LandingError]] = {}
        self._count = 0
        self.unasked = 0
        self.part.mkdir(parents=True, exist_ok=True)
        names = {name: uid for uid, name in self._names.items()}
        for path in self.part.iterdir():
            uid = names.get(path.name)
            if uid is None or _uid_of(path) != uid:
                path.unlink()
            else:
                self._there[uid] = path.stat().st_size

    @property
    def missing(self) -> list[str]:
        """SOP Instance UIDs that are not here yet, in order."""
        with self._lock:
            return [uid for uid in self._names if uid not in self._there]

    @property
    def count(self) -> int:
        """How many images the series has."""
        return len(self._names)

    @property
    def bytes(self) -> int:
        """Bytes of the images that are here."""
        with self._lock:
            return sum(self._there.values())

    def incoming(self) -> Path:
        """A new name to write an image to; then ``keep`` it or unlink it."""
        with self._lock:
            self._count += 1
            return self.part / f"{self._count:08d}{_SUFFIX}"

    def asked_for(self, sop_uid: str) -> bool:
        """Whether the image belongs to the series as it was listed."""
        return sop_uid in self._names

    def keep(self, written: Path, sop_uid: str | None = None) -> None:
        """Take a written image, whose sender says it is ``sop_uid``, if it was asked for.

        Raises:
            TransientError: it is not whole; it is set aside for the case that it never gets better.
        """
        try:
            found = inspect([written])[0].sop_uid
        except LandingError as error:
            self._set_aside(written, sop_uid, error)
            raise transient(error.reason, error.code) from None
        with self._lock:
            if found not in self._names:
                self.unasked += 1
            elif found not in self._there:
                self._there[found] = written.stat().st_size
                written.replace(self.part / self._names[found])
        written.unlink(missing_ok=True)

    def _set_aside(self, written: Path, sop_uid: str | None, error: LandingError) -> None:
        with self._lock:
            if sop_uid is None or sop_uid not in self._names:
                written.unlink()
                return
            if sop_uid in self._bad:
                self._bad[sop_uid][0].unlink(missing_ok=True)
            self._bad[sop_uid] = (written, error)

    def bring(self, patience: Patience, attempt: Callable[[], None], *, label: str) -> None:
        """Call ``attempt`` until nothing is missing; what arrived in one attempt is there for the next.

        Raises:
            FetchError: something is still missing after the last attempt.
        """

        def once() -> None:
            if not self.missing:
                return
            try:
                attempt()
            except TransientError as error:
                if not self.missing:
                    return
                raise error
            left = len(self.missing)
            if left:
                msg = f"{self.count - left} of {self.count} images arrived."
                raise transient(msg, "short-series")

        try:
            patience.run(label, once)
        except FetchError as error:
            # What arrives broken each time is broken at the source: a person shall see it.
            if set(self.missing) - set(self._bad):
                prefix = "" if error.reason.startswith(label) else f"{label}: "
                msg = f"{prefix}{error.reason}"
                raise FetchError(msg, error.instruction, code=error.code) from None
            for uid, (path, _) in self._bad.items():
                if uid in self.missing:
                    path.replace(self.part / self._names[uid])

    def accept(self, series_uid: str, quarantine_root: Path, *, label: str, where: str) -> Received:
        """Verify the whole series and put it in place.

        Raises:
            QuarantinedError: it is bad; its bytes lie in the quarantine.
        """
        for leftover in self.part.glob(f"*{_SUFFIX}"):
            leftover.unlink()
        images = tuple(sorted(self.part.glob("*.dcm")))
        try:
            received = land(
                Unpacked(images, None, None),
                series_uid=series_uid,
                expected_count=self.count,
                expected_sops=frozenset(self._names),
            )
        except LandingError as error:
            evidence = quarantine(self.part, quarantine_root, error, label=label, source=where)
            raise QuarantinedError(error, label, evidence) from None
        return place(received, self.folder)


def _uid_of(path: Path) -> str | None:
    """SOP Instance UID of an image that is whole; None of anything else."""
    try:
        return inspect([path])[0].sop_uid
    except LandingError:
        return None


def checked_list(listed: Collection[str], announced: int | None, label: str) -> None:
    """Compare a list of images with the count that was announced.

    Raises:
        TransientError: they differ: the list was cut, or the series is still growing at the source.
    """
    if len(listed) == 0 or announced not in (None, len(listed)):
        told = f"{announced} were announced" if announced is not None else "that is nothing to fetch"
        reason = f"{label}: the source lists {len(listed)} images; {told}."
        error = transient(reason, "other-count")
        error.instruction = "Is it still being sent there? Plan again later: the plan takes the new count."
        raise error
