"""``python -m deid run``: arguments, progress, what is printed, the files at the end."""

from __future__ import annotations

import argparse
import csv
import os
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deid.batch import Batch, Index, Options
from deid.batch.mapping import Mapping
from deid.exceptions import DeidError, QuarantineError
from deid.policy import load_policy
from deid.progress import Progress, duration
from deid.pseudonyms import Pseudonyms
from deid.report import ReportWriter, quarantine_report
from deid.report.writing import JSON, PAGE, REVIEW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deid.batch import Outcome
    from deid.policy import Policy

_STRAY = "One file"


def add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the ``run`` command."""
    run = commands.add_parser(
        "run",
        help="de-identify every series below a folder",
        description="De-identify every series below IN into OUT, all of a series or nothing of it. A run that was "
        "stopped goes on where it was; one that is repeated changes nothing.",
    )
    run.add_argument("source", type=Path, metavar="IN", help="folder of originals, searched at every depth")
    run.add_argument("target", type=Path, metavar="OUT", help="gets <alias>/<study>/<series>/<instance>.dcm")
    run.add_argument(
        "--policy", default="research", help="basic, research, tcia, or a .toml file (default: research)"
    )
    run.add_argument("--key-file", type=Path, required=True, help="the project's secret; `key` makes one")
    run.add_argument(
        "--project",
        default="default",
        help="name of the project; pseudonyms differ between projects (default: default)",
    )
    run.add_argument("--report", type=Path, metavar="FOLDER", help="write report.json and report.html there")
    run.add_argument(
        "--review",
        type=Path,
        metavar="FOLDER",
        help="write what holds identity there: the files in quarantine, pictures from before (for the honest broker)",
    )
    run.add_argument(
        "--mapping",
        type=Path,
        metavar="FOLDER",
        help="write uid_mapping.csv and patid_mapping.csv there (they hold identity)",
    )
    run.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: all cores)")
    run.add_argument("--scratch", type=Path, help="folder for temporary files (default: the system's)")
    run.add_argument("--no-verify", action="store_true", help="do not search the outputs for identity")
    run.add_argument("--no-resume", action="store_true", help="treat again what was done before")
    run.add_argument("--quiet", action="store_true", help="no progress, only the summary")


def run_batch(arguments: argparse.Namespace) -> int:
    """Run it; 0 when every series went through, else 1."""
    policy = load_policy(arguments.policy)
    pseudonyms = Pseudonyms.from_file(arguments.key_file, arguments.project)
    _check(arguments)
    with ExitStack() as stack:
        index = stack.enter_context(Index(arguments.source, arguments.scratch))
        looking = Progress(0, "files looked at", quiet=arguments.quiet)
        index.fill(looking)
        looking.end()
        mapping = stack.enter_context(Mapping(arguments.mapping)) if arguments.mapping else None
        writer = None
        if arguments.report:
            made = ReportWriter(arguments.report, name=arguments.project, review=arguments.review)
            writer = stack.enter_context(made)
        run = _Run(arguments, policy, index, mapping, writer)
        run.strays()
        series, _ = index.count()
        options = Options(
            out=arguments.target,
            verify=not arguments.no_verify,
            jobs=min(arguments.jobs, max(series, 1)),
            resume=not arguments.no_resume,
            scratch=arguments.scratch,
            mapping=mapping is not None,
        )
        run.series(Batch(policy, pseudonyms, options).run(index.series()))
        return run.finish()


def _check(arguments: argparse.Namespace) -> None:
    if not arguments.source.is_dir():
        reason = "The folder IN does not exist."
        raise DeidError(reason, "Give the folder that holds the originals.")
    source, target = arguments.source.resolve(), arguments.target.resolve()
    if source == target or source in target.parents or target in source.parents:
        reason = "IN and OUT lie in each other."
        raise DeidError(reason, "Originals and outputs belong in separate places; name another OUT.")
    if arguments.jobs < 1:
        reason = "--jobs is less than one."
        raise DeidError(reason, "Say how many processes may run, 1 or more.")


class _Run:
    """What the run command keeps and prints."""

    def __init__(
        self,
        arguments: argparse.Namespace,
        policy: Policy,
        index: Index,
        mapping: Mapping | None,
        writer: ReportWriter | None,
    ) -> None:
        self._arguments, self._policy, self._index, self._mapping = arguments, policy, index, mapping
        self._writer = writer
        self._count: Counter[str] = Counter()
        self._codes: Counter[str] = Counter()
        self._started = time.monotonic()

    def _say(self, text: str) -> None:
        if not self._arguments.quiet:
            print(text)

    def strays(self) -> None:
        """Files that belong to no series."""
        for code, path in self._index.strays():
            error = QuarantineError.of(_STRAY, code)
            self._say(f"quarantine  {code}: one file that belongs to no series. {error.instruction}")
            self._refuse(0, quarantine_report(error, 1, policy=self._policy), code, [path])

    def series(self, outcomes: Iterator[Outcome]) -> None:
        """Print and keep outcomes as they come."""
        total, _ = self._index.count()
        progress = Progress(total, "series", quiet=self._arguments.quiet)
        for done, outcome in enumerate(outcomes, start=1):
            if outcome.error is not None:
                self._refused_series(outcome)
            else:
                self._done(outcome)
            progress(done, f"{self._count['objects']:,} objects, {self._count['refused']} in quarantine")
        progress.end()

    def _done(self, outcome: Outcome) -> None:
        self._count["done"] += 1
        self._count["resumed"] += outcome.resumed
        self._count["objects"] += len(outcome.files)
        self._count["bytes"] += 0 if outcome.resumed else sum(path.stat().st_size for path in outcome.files)
        how = ", as before" if outcome.resumed else ""
        self._say(f"done        {outcome.place} ({len(outcome.files)} files{how})")
        if self._writer is not None:
            self._writer.add(outcome.report, outcome.pictures)
        if self._mapping is not None:
            self._mapping.add("uid", outcome.uids)
            self._mapping.add("patient", outcome.patients)

    def _refused_series(self, outcome: Outcome) -> None:
        error = outcome.error
        if error is None:
            raise TypeError
        self._say(f"quarantine  {error.code}: series {outcome.number}, {len(outcome.files)} files. {error}")
        details = error.details if isinstance(error, QuarantineError) else ()
        for line in details[:10]:
            self._say(f"            {line}")
        if len(details) > 10:
            self._say(f"            and {len(details) - 10} more; the report has them all")
        self._refuse(outcome.number, outcome.report, error.code, outcome.files)

    def _refuse(self, number: int, report: dict[str, Any], code: str, files: list[Path]) -> None:
        if self._writer is not None:
            self._writer.add(report)
        self._index.refuse(number, code, files)
        self._count["refused"] += 1
        self._codes[code] += 1

    def finish(self) -> int:
        """Write what was asked for, print the summary; the exit status."""
        arguments, policy = self._arguments, self._policy
        written = self._mapping.write() if self._mapping is not None else []
        if self._writer is not None:
            self._writer.finish()
            written += [arguments.report / JSON, arguments.report / PAGE]
            if arguments.review and (arguments.review / REVIEW).exists():
                written.append(arguments.review / REVIEW)
        if arguments.review and self._count["refused"]:
            written.append(self._quarantine_list(arguments.review))
        spent = time.monotonic() - self._started
        resumed = f" ({self._count['resumed']} as before)" if self._count["resumed"] else ""
        print(
            f"{self._count['done']} series done{resumed}, {self._count['refused']} in quarantine; "
            f"{self._count['objects']:,} objects, {self._count['bytes'] / 1e6:,.0f} MB in {duration(spent)}; "
            f"policy {policy.name} {policy.sha256[:12]}"
        )
        for code, count in sorted(self._codes.items()):
            print(f"            {count} x {code}")
        for path in written:
            print(f"wrote       {path}")
        return 1 if self._count["refused"] else 0

    def _quarantine_list(self, folder: Path) -> Path:
        """Which originals went to quarantine: names of files may tell who, so it lies with the originals."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / "quarantine.csv"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", newline="", encoding="utf-8", errors="surrogateescape") as stream:
            table = csv.writer(stream)
            table.writerow(["series", "code", "file"])
            table.writerows(self._index.refused())
        return path
