"""De-identify every series of an index, in as many processes as asked for, each series all or nothing."""

from __future__ import annotations

import functools
import multiprocessing
import os
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deid.batch.index import fingerprint
from deid.batch.records import Records
from deid.exceptions import DeidError, OutputExists, QuarantineError
from deid.report import quarantine_report, series_pictures, series_report
from deid.series import deidentify_series, series_place
from deid.verifier import verify_series

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from deid.policy import Policy
    from deid.pseudonyms import Pseudonyms

_WAITING = 2  # series handed out ahead, per process
_LOOK = 0.5  # seconds between two looks after the parent


@dataclass(frozen=True)
class Options:
    """How a batch is run.

    Attributes:
        out: folder that gets ``<alias>/<study>/<series>/<instance>.dcm``.
        verify: whether outputs are searched before they get their name.
        jobs: processes.
        resume: whether a series that was done before is passed over.
        scratch: where pixel stages may write.
        mapping: whether (original, new) identifiers are collected.
    """

    out: Path
    verify: bool = True
    jobs: int = 1
    resume: bool = True
    scratch: Path | None = None
    mapping: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of one series.

    Attributes:
        number: its place in the run, from 1.
        files: the originals.
        report: its report, see :mod:`deid.report`.
        place: below the output folder; None for quarantine.
        resumed: whether it had been done before.
        pictures: name -> PNG; names that start with ``before`` show identity.
        uids: (original, new) UIDs, where asked for.
        patients: (original, new) patient IDs, where asked for.
        error: the refusal, for quarantine.
        seconds: wall time.
    """

    number: int
    files: list[Path] = field(repr=False)
    report: dict[str, Any] = field(repr=False)
    place: Path | None = None
    resumed: bool = False
    pictures: dict[str, bytes] = field(default_factory=dict, repr=False)
    uids: list[tuple[str, str]] = field(default_factory=list, repr=False)
    patients: list[tuple[str, str]] = field(default_factory=list, repr=False)
    error: DeidError | None = None
    seconds: float = 0.0


class Batch:
    """Runs series.

    Args:
        policy: what to do.
        pseudonyms: the project's.
        options: see the class.
    """

    def __init__(self, policy: Policy, pseudonyms: Pseudonyms, options: Options) -> None:
        self._worker = _Worker(policy, pseudonyms, options)
        self._jobs = max(options.jobs, 1)

    def run(self, series: Iterable[list[Path]]) -> Iterator[Outcome]:
        """De-identify each series; outcomes come as they are ready.

        A refusal is an outcome, not an exception: one bad series does not stop the rest.
        """
        numbered = enumerate(series, start=1)
        if self._jobs == 1:
            for number, files in numbered:
                yield self._worker(number, files)
            return
        fork = multiprocessing.get_context("fork")  # keys and policies are inherited, never written anywhere
        begin = (self._worker, os.getpid())
        pool = ProcessPoolExecutor(self._jobs, mp_context=fork, initializer=_begin, initargs=begin)
        pending: set[Future[Outcome]] = set()
        try:
            for number, files in numbered:
                pending.add(pool.submit(_treat, number, files))
                if len(pending) >= self._jobs * _WAITING:
                    done, pending = wait(pending, return_when=FIRST_COMPLETED)
                    yield from (one.result() for one in done)
            while pending:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                yield from (one.result() for one in done)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


_worker: list[_Worker] = []


def _begin(worker: _Worker, parent: int) -> None:
    _worker[:] = [worker]
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: int) -> None:
    """End with the parent, also where it was killed: nobody would ever ask this process for anything again."""
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os._exit(1)


def _treat(number: int, files: list[Path]) -> Outcome:
    return _worker[0](number, files)


class _Worker:
    """Treats one series; lives in each process."""

    def __init__(self, policy: Policy, pseudonyms: Pseudonyms, options: Options) -> None:
        self._policy = policy
        self._pseudonyms = pseudonyms
        self._options = options
        self._records = Records(options.out, policy)

    def __call__(self, number: int, files: list[Path]) -> Outcome:
        started = time.monotonic()
        uids: list[tuple[str, str]] = []
        self._pseudonyms.watch(uids if self._options.mapping else None)
        try:
            return self._series(number, files, uids, started)
        except (QuarantineError, OutputExists) as error:
            spent = time.monotonic() - started
            report = quarantine_report(error, files, policy=self._policy, number=number)
            return Outcome(number, files, report, error=error, seconds=spent)
        finally:
            self._pseudonyms.watch(None)

    def _series(self, number: int, files: list[Path], uids: list[tuple[str, str]], started: float) -> Outcome:
        policy, options = self._policy, self._options
        place = series_place(files[0], policy, self._pseudonyms)
        inputs = fingerprint(files)
        before = self._records.done(place, inputs) if options.resume and not options.mapping else None
        if before is not None:
            return Outcome(number, files, before, place, resumed=True, seconds=time.monotonic() - started)
        check = functools.partial(verify_series, policy=policy) if options.verify else None
        result = deidentify_series(
            files, options.out / place, policy, self._pseudonyms, verify=check, scratch=options.scratch
        )
        report = series_report(
            result, policy, findings=[] if options.verify else None, folder=options.out / place
        )
        self._records.keep(place, inputs, report)
        return Outcome(
            number,
            files,
            report,
            place,
            pictures=series_pictures(result),
            uids=uids,
            patients=[(result.identity.patient_id, result.patient_alias)] if options.mapping else [],
            seconds=time.monotonic() - started,
        )
