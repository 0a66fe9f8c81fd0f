"""Real images of the shared data: through and clean, or in quarantine for the right reason."""

import tarfile
import time
from pathlib import Path

import pydicom
import pytest

from deid import QuarantineError, deidentify_series, verify_series


def unpack(archive, folder, limit):
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.name.endswith(".dcm"):
                member.name = f"{Path(member.name).parent.name}-{Path(member.name).name}"
                tar.extract(member, folder, filter="data")
                limit -= 1
                if not limit:
                    break
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def lidc(shared_data, tmp_path_factory):
    archive = shared_data / "lidc_idri_0314" / "LIDC-IDRI-0314_CT_275slices.tar.xz"
    return unpack(archive, tmp_path_factory.mktemp("lidc"), 20)


@pytest.fixture(scope="module")
def small(shared_data, tmp_path_factory):
    """Three patients: series -> files."""
    archive = shared_data / "lidc_idri_small" / "LIDC-IDRI-0001_0002_0003_partial.tar.xz"
    series = {}
    for path in unpack(archive, tmp_path_factory.mktemp("small"), 100):
        series.setdefault(pydicom.dcmread(path, stop_before_pixels=True).SeriesInstanceUID, []).append(path)
    return series


@pytest.fixture(params=["research", "basic"])
def check(request, tmp_path, pseudonyms):
    policy = request.getfixturevalue(request.param)

    def go(files):
        out = tmp_path / str(len(list(tmp_path.iterdir())))
        result = deidentify_series(files, out, policy, pseudonyms)
        outputs = sorted(out.iterdir())
        assert [str(found) for found in verify_series(files, outputs)] == []
        before = {pydicom.dcmread(path).PixelData for path in files}
        assert {pydicom.dcmread(path).PixelData for path in outputs} == before
        return result

    return go


def test_lidc(lidc, check):
    assert len(check(lidc).manifest) == 20


def test_three_patients(small, check):
    results = [check(files) for files in small.values()]
    assert len({result.patient_alias for result in results}) == 3


def test_copdgene(shared_data, check):
    check(sorted((shared_data / "cip_copdgene" / "ct-64Dicom").iterdir()))
    check(sorted((shared_data / "cip_copdgene" / "simple_dicom").iterdir()))


def test_ct_with_its_segmentations(shared_data, check):
    folder = shared_data / "seg_sr_examples"
    images = check(sorted((folder / "ct-3slice").glob("*.dcm")))
    for name in ("liver.dcm", "partial_overlaps.dcm"):
        assert check([folder / name]).patient_alias == images.patient_alias


QUARANTINED = {
    "burned_in/GREYSCALE_IMAGE.dcm": "burned-in-annotation",
    "burned_in/RGB_IMAGE.dcm": "burned-in-annotation",
    "seg_sr_examples/sr-example/sr.dcm": "structured-report",
    "seg_sr_examples/sr-example/rwvm.dcm": "unsupported-object",
    "seg_sr_examples/sr-example/seg.dcm": "verifier-finding",  # part of the patient's name in a label
    "rt_examples/rtss.dcm": "unsupported-object",
    "rt_examples/rtplan.dcm": "unsupported-object",
}


@pytest.mark.parametrize("name", sorted(QUARANTINED))
def test_quarantine(shared_data, tmp_path, basic, pseudonyms, name):
    with pytest.raises(QuarantineError) as caught:
        deidentify_series([shared_data / name], tmp_path / "out", basic, pseudonyms, verify=verify_series)
    assert caught.value.code == QUARANTINED[name]
    assert not (tmp_path / "out").exists()


def test_speed(lidc, tmp_path, research, pseudonyms):
    """A bound against accidents only (measured: about 6 ms a slice and 1 ms for the verifier)."""
    begin = time.process_time()
    deidentify_series(lidc, tmp_path / "out", research, pseudonyms, verify=verify_series)
    assert (time.process_time() - begin) / len(lidc) < 0.05
