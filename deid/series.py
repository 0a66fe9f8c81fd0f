"""De-identify one series, all of it or nothing."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import hashlib
import os
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from deid.acceptance import Header, check_object, check_same, read_header
from deid.engine import Engine
from deid.exceptions import OutputExists, QuarantineError
from deid.handlers import Scope
from deid.rules import RuleTable
from deid.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from deid.findings import Finding
    from deid.policy import Policy
    from deid.pseudonyms import Pseudonyms

    Verify = Callable[[Sequence[Path], Sequence[Path]], list[Finding]]


@dataclass(frozen=True)
class Identity:
    """Who the patient was: for the crosswalk of the honest broker only; repr shows nothing.

    Attributes:
        patient_id: original patient ID.
        issuer: its issuer, empty where absent.
        name: original patient name as encoded, decoded as Latin-1 where it is not ASCII; blanks for carets.
        birth_date: original birth date, empty where absent.
        study_uid: original Study Instance UID.
        series_uid: original Series Instance UID.
        days: days that were added to dates (negative); 0 where the policy does not shift dates.
        sop_uids: (new, original) SOP Instance UID of each object, sorted.
    """

    patient_id: str = field(repr=False)
    issuer: str = field(repr=False)
    name: str = field(repr=False)
    birth_date: str = field(repr=False)
    study_uid: str = field(repr=False)
    series_uid: str = field(repr=False)
    days: int = field(repr=False)
    sop_uids: tuple[tuple[str, str], ...] = field(repr=False)


@dataclass(frozen=True)
class SeriesResult:
    """What became of a series; carries no identity but in :attr:`identity`, which repr hides.

    Attributes:
        patient_alias: alias of the patient.
        study_uid: new Study Instance UID.
        series_uid: new Series Instance UID.
        manifest: (new SOP Instance UID, SHA-256 of the file) of each object, sorted.
        identity: the way back, for the crosswalk.
        actions: how often each action was carried out.
        policy_sha256: hash of the policy.
        engine_version: version of the engine.
    """

    patient_alias: str
    study_uid: str
    series_uid: str
    manifest: tuple[tuple[str, str], ...]
    identity: Identity = field(repr=False)
    actions: dict[str, int]
    policy_sha256: str
    engine_version: str = VERSION


def deidentify_series(
    files: Sequence[Path],
    out: Path,
    policy: Policy,
    pseudonyms: Pseudonyms,
    *,
    verify: Verify | None = None,
) -> SeriesResult:
    """De-identify the files of one series into ``out/<new SOP Instance UID>.dcm``.

    Everything is written to a temporary folder beside ``out``, which takes its name at the end: ``out`` holds
    the whole series or does not exist. The same files, policy and key give the same bytes, so a second run
    changes nothing.

    Args:
        files: the original files of one series of one patient, in any order.
        out: folder to make; its parents are made too.
        policy: what to do.
        pseudonyms: the project's keyed pseudonyms.
        verify: a check over (originals, outputs), such as :func:`deid.verify_series`, run before the outputs
        get
            their name; any finding means quarantine.

    Raises:
        QuarantineError: when the engine does not vouch for the series; ``code`` is a key of
            :data:`deid.exceptions.QUARANTINE`. Nothing was written.
        OutputExists: when ``out`` already holds something else.
    """
    if not files:
        file = "The series"
        raise QuarantineError.of(file, "no-files")
    ordered = sorted(files)
    with _temporary_sibling(out) as folder:
        run = _Run(policy, pseudonyms, len(ordered))
        for number, path in enumerate(ordered, start=1):
            run.treat(path, folder, number)
        result = run.result()
        if verify is not None:
            findings = verify(ordered, sorted(folder.iterdir()))
            if findings:
                details = tuple(str(found) for found in findings)
                file = "the series"
                raise QuarantineError.of(file, "verifier-finding", details)
        _publish(folder, out, result.manifest)
    return result


def series_place(file: Path, policy: Policy, pseudonyms: Pseudonyms) -> Path:
    """Where the series of a file belongs in the research store: ``<alias>/<new study>/<new series>``.

    Args:
        file: any file of the series.
        policy: decides whether UIDs are mapped.
        pseudonyms: the project's keyed pseudonyms.

    Raises:
        QuarantineError: as :func:`deidentify_series` for a file that cannot be read.
    """
    header = read_header(file.read_bytes(), "The first file")
    new = _uid_map(policy, pseudonyms)
    alias = pseudonyms.patient(header.patient_id, header.issuer)
    return Path(alias, new(header.study_uid), new(header.series_uid))


def _uid_map(policy: Policy, pseudonyms: Pseudonyms) -> Callable[[str], str]:
    return str if "retain_uids" in policy.options else pseudonyms.uid


class _Run:
    """The state while one series is treated; one file in memory at a time."""

    def __init__(self, policy: Policy, pseudonyms: Pseudonyms, count: int) -> None:
        self._policy = policy
        self._pseudonyms = pseudonyms
        self._count = count
        self._first: Header | None = None
        self._scope: Scope | None = None
        self._engines: dict[str, Engine] = {}
        self._uids: dict[str, str] = {}
        self._manifest: list[tuple[str, str]] = []

    def treat(self, path: Path, folder: Path, number: int) -> None:
        file = f"File {number} of {self._count}"
        raw = path.read_bytes()
        header = read_header(raw, file)
        if self._first is None:
            self._first = header
            self._scope = self._new_scope(header)
        check_same(header, self._first, file)
        if header.sop_uid in self._uids:
            raise QuarantineError.of(file, "duplicate-sop-instance")
        check_object(header, self._policy, file)
        assert self._scope is not None  # noqa: S101 - for the type checker
        engine = self._engines.get(header.sop_class)
        if engine is None:
            engine = self._engines[header.sop_class] = Engine(
                self._policy, RuleTable(self._policy, header.sop_class)
            )
        uid, data = engine.deidentify(raw, self._scope, file)
        with (folder / f"{uid}.dcm").open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        self._uids[header.sop_uid] = uid
        self._manifest.append((uid, hashlib.sha256(data).hexdigest()))

    def _new_scope(self, header: Header) -> Scope:
        who = (header.patient_id, header.issuer)
        return Scope(
            pseudonyms=self._pseudonyms,
            alias=self._pseudonyms.patient(*who),
            patient_id=header.patient_id,
            issuer=header.issuer,
            days=self._pseudonyms.days(*who) if self._shifts else 0,
            oldest_age=self._policy.oldest_age,
            actions=Counter(),
        )

    @property
    def _shifts(self) -> bool:
        return "retain_longitudinal_modified_dates" in self._policy.options

    def result(self) -> SeriesResult:
        first, scope = self._first, self._scope
        assert first is not None  # noqa: S101 - for the type checker
        assert scope is not None  # noqa: S101
        new = _uid_map(self._policy, self._pseudonyms)
        return SeriesResult(
            patient_alias=scope.alias,
            study_uid=new(first.study_uid),
            series_uid=new(first.series_uid),
            manifest=tuple(sorted(self._manifest)),
            identity=Identity(
                patient_id=first.patient_id,
                issuer=first.issuer,
                name=first.name,
                birth_date=first.birth_date,
                study_uid=first.study_uid,
                series_uid=first.series_uid,
                days=scope.days,
                sop_uids=tuple(sorted((uid, original) for original, uid in self._uids.items())),
            ),
            actions={str(action): count for action, count in sorted(scope.actions.items())},
            policy_sha256=self._policy.sha256,
        )


@contextlib.contextmanager
def _temporary_sibling(out: Path) -> Iterator[Path]:
    """A folder beside ``out``, on the same file system, that is gone afterwards whatever happens.

    A run that was killed cannot clean up; the next run of the same series does. A lock tells a folder that is
    in use from one that was left behind.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{out.name}.partial-"
    for left in out.parent.glob(glob.escape(prefix) + "*"):
        with contextlib.suppress(BlockingIOError, FileNotFoundError), _locked(left):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=out.parent))
    try:
        with _locked(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _publish(folder: Path, out: Path, manifest: tuple[tuple[str, str], ...]) -> None:
    if out.exists():
        found = sorted(
            (path.name, hashlib.sha256(path.read_bytes()).hexdigest()) if path.is_file() else (path.name, "")
            for path in out.iterdir()
        )
        if found == [(f"{uid}.dcm", digest) for uid, digest in manifest]:
            return
        if found:
            reason = "The output folder already holds other files; de-identified objects are written once."
            raise OutputExists(
                reason,
                "Choose another folder, or remove the old one on purpose.",
            )
        out.rmdir()
    folder.chmod(0o755)
    folder.rename(out)
