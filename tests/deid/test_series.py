"""A series goes through whole or not at all, and says why without saying who."""

import contextlib
import shutil
import subprocess
import sys
import traceback
from pathlib import Path

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from deid import QUARANTINE, OutputExists, QuarantineError, deidentify_series, series_place, verify_series
from deid.repair import mend_all

IDENTITY = ("QUIMBLY", "ARCHIBALD", "MRN-0012345", "ACC778899", "MERCY", "1943", "HIBBERT", "LILAC")


def quarantined(files, out, policy, pseudonyms, **options):
    with pytest.raises(QuarantineError) as caught:
        deidentify_series(files, out, policy, pseudonyms, **options)
    error = caught.value
    assert not out.exists()
    assert not list(out.parent.glob(".*partial-*"))
    text = "".join(traceback.format_exception(error)) + repr(error)
    for word in IDENTITY:
        assert word not in text.upper()
    assert error.reason
    assert error.instruction
    assert error.code in QUARANTINE
    return error.code


def test_whole_series(ct, write, tmp_path, research, pseudonyms):
    files = [write(ct(instance=number)) for number in (3, 1, 2)]
    result = deidentify_series(files, tmp_path / "a" / "out", research, pseudonyms, verify=verify_series)
    written = sorted((tmp_path / "a" / "out").iterdir())
    assert [path.stem for path in written] == [uid for uid, _ in result.manifest]
    assert len(written) == 3
    for path in written:
        ds = pydicom.dcmread(path)
        assert ds.SOPInstanceUID == path.stem
        assert (ds.StudyInstanceUID, ds.SeriesInstanceUID) == (result.study_uid, result.series_uid)
        assert ds.PatientID == result.patient_alias
    assert result.policy_sha256 == research.sha256
    assert result.actions["alias"] == 6
    assert result.identity.patient_id == "MRN-0012345"
    assert result.identity.days == pseudonyms.days("MRN-0012345", "MERCY")
    assert dict(result.identity.sop_uids).keys() == {uid for uid, _ in result.manifest}
    place = series_place(files[0], research, pseudonyms)
    assert place.parts == (result.patient_alias, result.study_uid, result.series_uid)


def test_repr_hides_identity(ct, write, tmp_path, research, pseudonyms):
    result = deidentify_series([write(ct())], tmp_path / "out", research, pseudonyms)
    text = repr(result) + repr(result.identity)
    for word in IDENTITY:
        assert word not in text.upper()


def test_second_run_changes_nothing(ct, write, tmp_path, research, pseudonyms):
    files = [write(ct(instance=number)) for number in (1, 2)]
    out = tmp_path / "out"
    first = deidentify_series(files, out, research, pseudonyms)
    stamps = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in out.iterdir()}
    again = deidentify_series(files[::-1], out, research, pseudonyms)
    assert again == first
    assert stamps == {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in out.iterdir()}
    elsewhere = deidentify_series(files, tmp_path / "other", research, pseudonyms)
    assert elsewhere.manifest == first.manifest


def test_other_content_is_never_overwritten(ct, write, tmp_path, research, basic, pseudonyms):
    files = [write(ct())]
    out = tmp_path / "out"
    deidentify_series(files, out, research, pseudonyms)
    before = {path: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(OutputExists):
        deidentify_series(files, out, basic, pseudonyms)
    assert before == {path: path.read_bytes() for path in out.iterdir()}


def test_empty_folder_is_taken(ct, write, tmp_path, research, pseudonyms):
    (tmp_path / "out").mkdir()
    deidentify_series([write(ct())], tmp_path / "out", research, pseudonyms)
    assert len(list((tmp_path / "out").iterdir())) == 1


def change(**values):
    def apply(ds):
        for keyword, value in values.items():
            setattr(ds, keyword, value)

    return apply


@pytest.mark.parametrize(
    ("code", "edit"),
    [
        ("two-patients", change(PatientID="MRN-9")),
        ("two-patients", change(PatientName="Quimbly^Zoe")),
        ("two-patients", change(PatientBirthDate="19500101")),
        ("two-patients", change(IssuerOfPatientID="OTHER")),
        ("two-series", change(SeriesInstanceUID="1.2.3.4.5")),
        ("two-series", change(StudyInstanceUID="1.2.3.4.5")),
        ("missing-identifier", change(PatientID="")),
        ("missing-identifier", change(SeriesInstanceUID="")),
        ("burned-in-annotation", change(BurnedInAnnotation="YES")),
        ("burned-in-annotation", change(ImageType=["DERIVED", "SECONDARY", "SCREEN SAVE"])),
        ("burned-in-annotation", change(SOPClassUID="1.2.840.10008.5.1.4.1.1.7", Modality="OT")),
        ("burned-in-annotation", change(SOPClassUID="1.2.840.10008.5.1.4.1.1.6.1", Modality="US")),
        ("burned-in-annotation", change(Modality="SC")),
        ("burned-in-annotation", change(PhotometricInterpretation="RGB", SamplesPerPixel=3)),
        ("structured-report", change(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.22")),
        ("structured-report", change(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.59")),
        ("encapsulated-document", change(SOPClassUID="1.2.840.10008.5.1.4.1.1.104.3")),
        ("dicomdir", change(SOPClassUID="1.2.840.10008.1.3.10")),
        ("truncated", change(Rows=9)),
        ("pixel-data-mismatch", change(Rows=7)),
        ("malformed", change(Rows=0)),
    ],
)  # fmt: skip
def test_quarantine_codes(ct, write, tmp_path, basic, pseudonyms, code, edit):
    bad = ct(instance=2)
    edit(bad)
    files = [write(ct(instance=1)), write(bad)]
    assert quarantined(files, tmp_path / "out", basic, pseudonyms) == code


def test_unsupported_object(ct, write, tmp_path, basic, pseudonyms):
    plan = ct()
    plan.SOPClassUID = "1.2.840.10008.5.1.4.1.1.481.5"
    del plan.PixelData
    assert quarantined([write(plan)], tmp_path / "out", basic, pseudonyms) == "unsupported-object"


def test_duplicate(ct, write, tmp_path, research, pseudonyms):
    files = [write(ct()), write(ct())]
    assert quarantined(files, tmp_path / "out", research, pseudonyms) == "duplicate-sop-instance"


@pytest.mark.parametrize(
    ("code", "data"),
    [
        ("empty-file", b""),
        ("not-dicom", b"Quimbly, Archibald: a letter"),
        ("not-dicom", b"\x89PNG" + bytes(4000)),
    ],
)
def test_not_images(ct, write, tmp_path, research, pseudonyms, code, data):
    path = write(ct())
    other = path.with_name("zz")
    other.write_bytes(data)
    assert quarantined([path, other], tmp_path / "out", research, pseudonyms) == code


def test_no_files(tmp_path, research, pseudonyms):
    assert quarantined([], tmp_path / "out", research, pseudonyms) == "no-files"


def test_nothing_is_left_of_a_failed_run(ct, write, tmp_path, research, pseudonyms):
    """The last file is bad: the good ones before it must not appear."""
    files = [write(ct(instance=number)) for number in range(1, 5)]
    files[-1].write_bytes(files[-1].read_bytes()[:-10])
    assert quarantined(files, tmp_path / "out", research, pseudonyms) == "truncated"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


KILLED = """
import os, sys
from pathlib import Path
from deid import Pseudonyms, deidentify_series, load_policy
def die(originals, outputs):
    os.kill(os.getpid(), 9)
files = [Path(name) for name in sys.argv[2:]]
pseudonyms = Pseudonyms(bytes(range(32)), "tests")
deidentify_series(files, Path(sys.argv[1]), load_policy("research"), pseudonyms, verify=die)
"""


def test_a_killed_run_leaves_nothing_that_looks_done(ct, write, tmp_path, research, pseudonyms):
    """SIGKILL just before the end: no output; the next run completes and clears what was left."""
    files = [write(ct(instance=number)) for number in (1, 2)]
    out = tmp_path / "store" / "out"
    command = [sys.executable, "-c", KILLED, str(out), *map(str, files)]
    killed = subprocess.run(command, cwd=Path(__file__).resolve().parents[2], check=False)
    assert killed.returncode == -9
    assert not out.exists()
    assert len(list(out.parent.iterdir())) == 1
    deidentify_series(files, out, research, pseudonyms)
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_verifier_stops_a_series(ct, write, tmp_path, research, pseudonyms):
    ds = ct()
    ds.BodyPartExamined = "QUIMBLY"  # an attribute that the standard keeps
    files = [write(ds)]
    code = quarantined(files, tmp_path / "out", research, pseudonyms, verify=verify_series)
    assert code == "verifier-finding"


SLICE: list[bytes] = []


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_cut_file_never_passes(ct, write, tmp_path, research, pseudonyms, data):
    """Wherever the transfer stopped: quarantine, no other exception, nothing written."""
    if not SLICE:
        SLICE.append(write(ct()).read_bytes())
    path = tmp_path / "cut.dcm"
    path.write_bytes(SLICE[0][: data.draw(st.integers(0, len(SLICE[0]) - 1))])
    code = quarantined([path], tmp_path / "out", research, pseudonyms)
    assert code in {
        "empty-file",
        "not-dicom",
        "truncated",
        "malformed",
        "missing-identifier",
        "no-pixel-data",
    }


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_never_crashes(ct, write, tmp_path, research, pseudonyms, data):
    """Flipped bytes: an output that the verifier accepts, or quarantine."""
    if not SLICE:
        SLICE.append(write(ct()).read_bytes())
    raw = bytearray(SLICE[0])
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(132, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged.dcm"
    path.write_bytes(raw)
    out = tmp_path / "out-damaged"
    with contextlib.suppress(QuarantineError):
        deidentify_series([path], out, research, pseudonyms, verify=verify_series)
        mended = mend_all([path], tmp_path) or [
            path
        ]  # what had to be repaired was verified in its repaired form
        assert verify_series(mended, sorted(out.iterdir())) == []
    shutil.rmtree(out, ignore_errors=True)
    assert not list(tmp_path.glob(".*partial-*"))


def test_nested_identifiers(ct, write, tmp_path, research, pseudonyms):
    """The patient's ID below gets the same alias; somebody else's gets another one."""
    ds = ct()
    same, other = Dataset(), Dataset()
    same.PatientID, same.PatientName = "mrn-0012345 ", "Quimbly^A"
    other.PatientID = "MRN-777"
    ds.AnatomicRegionSequence = [same, other]
    deidentify_series([write(ds)], tmp_path / "out", research, pseudonyms)
    (file,) = (tmp_path / "out").iterdir()
    first, second = pydicom.dcmread(file).AnatomicRegionSequence
    assert first.PatientID == str(first.PatientName) == pseudonyms.patient("MRN-0012345", "MERCY")
    assert second.PatientID == pseudonyms.patient("MRN-777", "MERCY")
