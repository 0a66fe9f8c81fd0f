"""De-identify one series, all of it or nothing."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import glob
import hashlib
import os
import shutil
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deid.acceptance import Header, check_object, check_same, read_header
from deid.engine import Engine
from deid.exceptions import OutputExists, QuarantineError
from deid.original import opened
from deid.repair import MENDABLE, mend_all
from deid.stages import Stages
from deid.structure import StructureError
from deid.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from deid.findings import Finding
    from deid.policy import Policy
    from deid.pseudonyms import Pseudonyms

    Verify = Callable[[Sequence[Path], Sequence[Path]], list[Finding]]
    Progress = Callable[[int, int], None]


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
    """What became of a series; carries no identity but in :attr:`identity` and :attr:`pictures`.

    Attributes:
        patient_alias: alias of the patient.
        study_uid: new Study Instance UID.
        series_uid: new Series Instance UID.
        manifest: (new SOP Instance UID, SHA-256 of the file) of each object, sorted.
        identity: the way back, for the crosswalk.
        actions: how often each action was carried out.
        policy_sha256: hash of the policy.
        by_tag: ``GGGG,EEEE`` -> outcome (kept, replaced, emptied, removed) -> how often.
        cuts: ``GGGG,EEEE`` -> kind of identity -> from how many different texts it was cut.
        modality: modality of the series.
        sop_classes: SOP Class UID -> number of objects.
        bytes_in: size of the originals.
        bytes_out: size of the outputs.
        pixels: report of the pixel stage for each object whose pixels were looked at, in file order.
        faces: report of the face stage, empty where it did not look.
        pictures: name -> PNG; names that start with ``before`` show identity.
        cpu_seconds: processor time spent.
        engine_version: version of the engine.
        mended: number of files that were treated in a mended copy, see :mod:`deid.repair`.
    """

    patient_alias: str
    study_uid: str
    series_uid: str
    manifest: tuple[tuple[str, str], ...]
    identity: Identity = field(repr=False)
    actions: dict[str, int]
    policy_sha256: str
    by_tag: dict[str, dict[str, int]] = field(default_factory=dict, repr=False)
    cuts: dict[str, dict[str, int]] = field(default_factory=dict, repr=False)
    modality: str = ""
    sop_classes: dict[str, int] = field(default_factory=dict)
    bytes_in: int = 0
    bytes_out: int = 0
    pixels: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    faces: dict[str, Any] = field(default_factory=dict, repr=False)
    pictures: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)
    cpu_seconds: float = field(default=0.0, compare=False)
    engine_version: str = VERSION
    mended: int = 0


def deidentify_series(
    files: Sequence[Path],
    out: Path,
    policy: Policy,
    pseudonyms: Pseudonyms,
    *,
    verify: Verify | None = None,
    scratch: Path | None = None,
    progress: Progress | None = None,
    pure: bool = False,
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
            get their name; any finding means quarantine.
        scratch: where pixel stages may write; the system's temporary folder by default.
        progress: called with (files done, files in all) after each file.
        pure: use the Python walker even where the compiled one is there; the bytes are the same.

    Raises:
        QuarantineError: when the engine does not vouch for the series; ``code`` is a key of
            :data:`deid.exceptions.QUARANTINE`. Nothing was written.
        OutputExists: when ``out`` already holds something else.
    """
    if not files:
        file = "The series"
        raise QuarantineError.of(file, "no-files")
    ordered = sorted(files)
    with _temporary_sibling(out) as folder, tempfile.TemporaryDirectory(dir=scratch) as work:
        mended = None
        try:
            result = _treated(ordered, folder, Path(work), policy, pseudonyms, progress, pure=pure)
        except QuarantineError as error:
            mended = mend_all(ordered, Path(work)) if error.code in MENDABLE else None
            if mended is None:
                raise
        if mended is not None:
            for left in folder.iterdir():
                left.unlink()
            changed = sum(one != other for one, other in zip(ordered, mended, strict=True))
            ordered = mended
            made = _treated(ordered, folder, Path(work), policy, pseudonyms, progress, pure=pure)
            result = replace(made, mended=changed)
        if verify is not None:
            findings = verify(ordered, sorted(folder.iterdir()))
            if findings:
                details = tuple(str(found) for found in findings)
                file = "the series"
                raise QuarantineError.of(file, "verifier-finding", details)
        _publish(folder, out, result.manifest)
    return result


def _treated(
    files: list[Path],
    folder: Path,
    work: Path,
    policy: Policy,
    pseudonyms: Pseudonyms,
    progress: Progress | None,
    *,
    pure: bool,
) -> SeriesResult:
    """Treat files into a folder; see :func:`deidentify_series`."""
    run = _Run(policy, pseudonyms, files, work, pure=pure)
    for number, path in enumerate(files, start=1):
        run.treat(path, folder, number)
        if progress is not None:
            progress(number, len(files))
    return run.result(folder)


def series_place(file: Path, policy: Policy, pseudonyms: Pseudonyms) -> Path:
    """Where the series of a file belongs in the research store: ``<alias>/<new study>/<new series>``.

    Args:
        file: any file of the series.
        policy: decides whether UIDs are mapped.
        pseudonyms: the project's keyed pseudonyms.

    Raises:
        QuarantineError: as :func:`deidentify_series` for a file that cannot be read.
    """
    header = header_of(file, "The first file")
    new = _uid_map(policy, pseudonyms)
    alias = pseudonyms.patient(*policy.linkage.person(header.patient_id, header.issuer))
    return Path(alias, new(header.study_uid), new(header.series_uid))


def header_of(path: Path, file: str) -> Header:
    """What identifies the object in a file.

    Args:
        path: the file.
        file: how to call it in an error.

    Raises:
        QuarantineError: when it cannot be read.
    """
    try:
        with opened(path) as original:
            return read_header(original, file)
    except StructureError as error:
        with tempfile.TemporaryDirectory() as work:
            mended = mend_all([path], Path(work))
            if mended is None:
                raise QuarantineError.of(file, _code(error)) from None
            with opened(mended[0]) as original:
                return read_header(original, file)


def _code(error: StructureError) -> str:
    return "malformed" if error.code == "disorder" else error.code


def _uid_map(policy: Policy, pseudonyms: Pseudonyms) -> Callable[[str], str]:
    return str if "retain_uids" in policy.options else pseudonyms.uid


class _Run:
    """The state while one series is treated; one header in memory at a time."""

    def __init__(
        self, policy: Policy, pseudonyms: Pseudonyms, files: list[Path], work: Path, *, pure: bool
    ) -> None:
        self._policy = policy
        self._pseudonyms = pseudonyms
        self._count = len(files)
        self._pure = pure
        self._stages = Stages(policy, files, work)
        self._first: Header | None = None
        self._engine: Engine | None = None
        self._uids: dict[str, str] = {}
        self._classes: Counter[str] = Counter()
        self._bytes_in = 0
        self._started = time.process_time()

    def treat(self, path: Path, folder: Path, number: int) -> None:
        file = f"File {number} of {self._count}"
        try:
            with opened(path, pure=self._pure) as original:
                header = read_header(original, file)
                if self._first is None or self._engine is None:
                    self._first = header
                    self._engine = Engine(self._policy, self._pseudonyms, header, pure=self._pure)
                check_same(header, self._first, self._policy, file)
                if header.sop_uid in self._uids:
                    raise QuarantineError.of(file, "duplicate-sop-instance")
                check_object(header, original, self._policy, file)
                pixels = self._stages.pixels(path, original, self._engine.identity, file)
                uid = self._engine.write(original, header, folder, pixels)
                self._bytes_in += original.size
        except StructureError as error:
            raise QuarantineError.of(file, _code(error)) from None
        except UnicodeError:
            raise QuarantineError.of(file, "malformed") from None
        self._uids[header.sop_uid] = uid
        self._classes[header.sop_class] += 1

    def result(self, folder: Path) -> SeriesResult:
        first, engine = self._first, self._engine
        assert first is not None  # noqa: S101 - for the type checker
        assert engine is not None  # noqa: S101
        new = _uid_map(self._policy, self._pseudonyms)
        tally = engine.tally()
        outputs = [folder / f"{uid}.dcm" for uid in self._uids.values()]
        return SeriesResult(
            patient_alias=engine.alias,
            study_uid=new(first.study_uid),
            series_uid=new(first.series_uid),
            manifest=tuple(sorted((path.stem, sha256_of(path)) for path in outputs)),
            identity=Identity(
                patient_id=first.patient_id,
                issuer=first.issuer,
                name=first.name,
                birth_date=first.birth_date,
                study_uid=first.study_uid,
                series_uid=first.series_uid,
                days=engine.days,
                sop_uids=tuple(sorted((uid, original) for original, uid in self._uids.items())),
            ),
            actions=dict(sorted(tally.actions.items())),
            policy_sha256=self._policy.sha256,
            by_tag={tag: dict(sorted(found.items())) for tag, found in sorted(tally.by_tag.items())},
            cuts={tag: dict(sorted(found.items())) for tag, found in sorted(tally.cuts.items())},
            modality=first.modality,
            sop_classes=dict(sorted(self._classes.items())),
            bytes_in=self._bytes_in,
            bytes_out=sum(path.stat().st_size for path in outputs),
            pixels=tuple(self._stages.pixel_reports),
            faces=self._stages.face_report,
            pictures=self._stages.pictures,
            cpu_seconds=time.process_time() - self._started,
        )


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


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
            (path.name, sha256_of(path)) if path.is_file() else (path.name, "") for path in out.iterdir()
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
    _to_disk(folder)
    folder.rename(out)


def _to_disk(folder: Path) -> None:
    """Make what was written survive a power cut before it gets its name: one call for the file system."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        syncfs = getattr(ctypes.CDLL(None), "syncfs", None)
        if syncfs is None or syncfs(descriptor) != 0:
            os.sync()
    finally:
        os.close(descriptor)
