"""A few downloads at once inside one process, with what has arrived told at every beat."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from research.sources.source import Progress

Job = TypeVar("Job")
Slot = TypeVar("Slot")
Result = TypeVar("Result")


class Stopped(Exception):
    """The caller wants no more; raised inside a download at its next block."""


def in_parallel(
    jobs: Sequence[Job],
    slots: Sequence[Slot],
    work: Callable[[Job, Slot, Progress], Result],
    beat: Callable[[dict[int, int]], None],
    *,
    every: float = 2.0,
) -> Iterator[tuple[Job, Result | Exception]]:
    """Do jobs in as many threads as there are slots, and give each one's result or exception when it is over.

    Results are given, and ``beat`` is called, in the caller's thread: only there may it speak to a database.
    When the caller stops early, running jobs end at their next block and waiting ones are not begun.

    Args:
        jobs: what to do.
        slots: what one thread uses at a time, e.g. the connections of a source.
        work: does one job with one slot, and tells the bytes so far.
        beat: called every ``every`` seconds with the bytes so far of each running job, by its place in ``jobs``.
        every: seconds between beats.
    """
    free: queue.SimpleQueue[Slot] = queue.SimpleQueue()
    for slot in slots:
        free.put(slot)
    board: dict[int, int] = {}
    stop = threading.Event()

    def run(place: int) -> Result:
        slot = free.get()

        def progress(done: int) -> None:
            if stop.is_set():
                raise Stopped
            board[place] = done

        try:
            progress(0)
            return work(jobs[place], slot, progress)
        finally:
            board.pop(place, None)
            free.put(slot)

    pool = ThreadPoolExecutor(max_workers=len(slots), thread_name_prefix="fetch")
    waiting: dict[Future[Result], int] = {pool.submit(run, place): place for place in range(len(jobs))}
    try:
        while waiting:
            done, _ = wait(waiting, timeout=every, return_when=FIRST_COMPLETED)
            beat(dict(board))
            for future in done:
                place = waiting.pop(future)
                error = future.exception()
                if error is None:
                    yield jobs[place], future.result()
                elif isinstance(error, Exception):
                    yield jobs[place], error
                else:
                    raise error
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
