"""Selections, counts, the choice between sources, and a few downloads at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from research.errors import FetchError, LandingError
from research.landing import QuarantinedError, Received
from research.sources import (
    OfferedSeries,
    Patience,
    Progress,
    Selection,
    Source,
    Stopped,
    TransientError,
    collection_key,
    deliver,
    in_parallel,
    look,
    tally,
    transient,
    unwatched,
)

ONE = OfferedSeries("1.2.3", "LIDC-IDRI", "1.2", "P1", "CT", "CHEST", 3, 300, licence="CC BY 3.0")


class Shelf:
    """A source with fixed series, or one that fails."""

    kind = "shelf"

    def __init__(self, offers: Sequence[OfferedSeries] = (), error: Exception | None = None) -> None:
        self.offers, self.error = offers, error
        self.asked: list[Selection] = []

    def series(self, wanted: Selection, *, expected: bool = False) -> list[OfferedSeries]:
        self.asked.append(wanted)
        if self.error and not self.offers:
            raise self.error
        return [one for one in self.offers if wanted.fits(one)]

    def download(
        self,
        series: OfferedSeries,
        folder: Path,
        progress: Progress = unwatched,
        *,
        label: str,
        quarantine_root: Path,
    ) -> Received:
        if self.error:
            raise self.error
        progress(series.byte_count or 0)
        return Received(folder, series.series_uid, "CT", (), "0" * 64, None)

    def close(self) -> None:
        pass


def failing(code: str = "refused") -> FetchError:
    return FetchError("It is away.", "Wait.", code=code)


def test_a_shelf_is_a_source() -> None:
    assert isinstance(Shelf(), Source)


@pytest.mark.parametrize(
    ("here", "there"),
    [("LIDC-IDRI", "lidc_idri"), ("4D-Lung", "4d_lung"), ("QIN LUNG CT", "qin_lung_ct"), (None, "")],
)
def test_one_collection_whatever_its_spelling(here: str | None, there: str) -> None:
    assert collection_key(here) == collection_key(there) == there


def test_selections_hide_who_and_say_what() -> None:
    wanted = Selection("LIDC-IDRI", ("CT",), "CHEST", ("P1",), ("1.2",), ("1.2.3",))
    assert wanted.fits(ONE)
    for text in (repr(wanted), wanted.describe(), repr(ONE)):
        assert "1.2" not in text
        assert "P1" not in text
    assert wanted.describe() == (
        "collection 'LIDC-IDRI', CT, CHEST, 1 named patient, 1 named study, 1 named series"
    )
    assert Selection(series=("1", "2"), studies=("1", "2")).describe() == (
        "any collection, 2 named study UIDs, 2 named series"
    )
    assert not Selection("LIDC").fits(ONE)
    assert not Selection(body_part="HEAD").fits(ONE)


def test_counts_per_modality() -> None:
    found = tally([ONE, ONE, OfferedSeries("1", modality="MR"), OfferedSeries("2")])
    assert {name: one.as_row() for name, one in found.items()} == {
        "CT": {"series": 2, "images": 6, "bytes": 600, "unsized": 0},
        "?": {"series": 1, "images": 0, "bytes": 0, "unsized": 1},
        "MR": {"series": 1, "images": 0, "bytes": 0, "unsized": 1},
    }
    assert next(iter(found)) == "CT"


def test_the_first_source_that_has_it_is_chosen() -> None:
    empty, full, never = Shelf(), Shelf([ONE]), Shelf([ONE])
    choice = look({"a": lambda: empty, "b": lambda: full, "c": lambda: never}, Selection("lidc_idri"))
    assert (choice.name, choice.offered) == ("b", (ONE,))
    assert never.asked == []


def test_a_source_that_is_down_is_passed_over() -> None:
    assert (
        look({"a": lambda: Shelf(error=failing()), "b": lambda: Shelf([ONE])}, Selection("LIDC-IDRI")).name
        == "b"
    )


def test_nothing_anywhere_tells_what_each_said() -> None:
    with pytest.raises(FetchError) as caught:
        look({"a": lambda: Shelf(error=failing()), "b": lambda: Shelf()}, Selection("X"))
    assert "a: It is away." in caught.value.reason
    assert "b has no series of collection 'X'" in caught.value.reason
    assert caught.value.code == "refused"
    with pytest.raises(FetchError) as caught:
        look({"b": lambda: Shelf()}, Selection("X"))
    assert caught.value.code == "nothing-there"


def test_nothing_new_is_an_answer(caplog: pytest.LogCaptureFixture) -> None:
    import datetime as dt

    assert (
        look(
            {"a": lambda: Shelf(), "b": lambda: Shelf([ONE])}, Selection("X", since=dt.date(2026, 1, 1))
        ).name
        == "a"
    )


def test_another_source_delivers_and_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    other = Shelf([OfferedSeries("1.2.3", image_count=3, citation_uri="https://doi.org/x")])
    done = deliver(
        ONE,
        tmp_path,
        [("a", Shelf(error=failing())), ("b", other)],
        label="series 1",
        quarantine_root=tmp_path,
    )
    assert done.source == "b"
    assert (done.offer.licence, done.offer.citation_uri) == ("CC BY 3.0", "https://doi.org/x")
    assert "given by b" in caplog.text
    assert "1.2.3" not in caplog.text


def test_another_source_with_another_count_is_not_taken(tmp_path: Path) -> None:
    other = Shelf([OfferedSeries("1.2.3", image_count=2)])
    with pytest.raises(FetchError) as caught:
        deliver(
            ONE,
            tmp_path,
            [("a", Shelf(error=failing())), ("b", other)],
            label="series 1",
            quarantine_root=tmp_path,
        )
    assert "It is away." in caught.value.reason
    assert "has 2 images" in caught.value.reason


def test_what_is_in_quarantine_is_not_asked_of_another(tmp_path: Path) -> None:
    bad = QuarantinedError(
        LandingError("Two patients.", "Decide.", code="two-patients"), "series 1", tmp_path
    )
    other = Shelf([ONE])
    with pytest.raises(QuarantinedError):
        deliver(
            ONE, tmp_path, [("a", Shelf(error=bad)), ("b", other)], label="series 1", quarantine_root=tmp_path
        )
    assert other.asked == []


def test_a_few_at_once_and_no_more() -> None:
    running, most, lock = 0, 0, threading.Lock()
    beats: list[dict[int, int]] = []

    def work(job: int, slot: str, progress: Progress) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        progress(job)
        time.sleep(0.02)
        with lock:
            running -= 1
        if job == 3:
            raise failing()
        return job * 10

    results = dict(in_parallel(list(range(8)), ["a", "b", "c"], work, beats.append, every=0.01))
    assert most == 3
    assert {job: result for job, result in results.items() if job != 3} == {
        n: n * 10 for n in range(8) if n != 3
    }
    assert isinstance(results[3], FetchError)
    assert any(len(beat) > 1 for beat in beats)


def test_a_caller_that_stops_ends_what_runs() -> None:
    ended: list[str] = []

    def work(job: int, slot: int, progress: Progress) -> int:
        if job == 0:
            return job
        try:
            for done in range(10_000):
                progress(done)
                time.sleep(0.001)
        except Stopped:
            ended.append("stopped")
            raise
        return job

    begun = time.monotonic()
    for _job, _result in in_parallel(range(6), [1, 2], work, lambda board: None, every=0.01):
        break
    assert time.monotonic() - begun < 5
    assert set(ended) == {"stopped"}
    assert len(ended) <= 2  # one for each slot; the other jobs were not begun


def test_a_beat_that_fails_ends_what_runs() -> None:
    def beat(board: dict[int, int]) -> None:
        raise RuntimeError

    def work(job: int, slot: int, progress: Progress) -> None:
        for _ in range(10_000):
            progress(1)
            time.sleep(0.001)

    begun = time.monotonic()
    with pytest.raises(RuntimeError):
        list(in_parallel([1, 2], [1], work, beat, every=0.01))
    assert time.monotonic() - begun < 5


def test_patience_tries_again_with_growing_pauses_and_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("research.sources.patience.time.sleep", pauses.append)

    def attempt() -> None:
        raise transient(reason="Busy.", code="http-503")

    with pytest.raises(FetchError, match="4 attempts") as caught:
        Patience(3, 1.0).run("series 1", attempt)
    assert caught.value.code == "http-503"
    assert not isinstance(caught.value, TransientError)
    for number, pause in enumerate(pauses):
        assert 2**number <= pause <= 1.5 * 2**number
    assert len(set(pauses)) == 3
    pauses.clear()
    with pytest.raises(FetchError):
        Patience(12, 30.0).run("series 1", attempt)
    assert max(pauses) == 120
    with pytest.raises(ValueError, match="0 or more"):
        Patience(-1)


def test_what_lasts_is_not_tried_again() -> None:
    calls = 0

    def attempt() -> None:
        nonlocal calls
        calls += 1
        raise failing()

    with pytest.raises(FetchError):
        Patience(5, 0).run("x", attempt)
    assert calls == 1
