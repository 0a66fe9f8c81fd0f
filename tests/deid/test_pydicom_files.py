"""pydicom's own files, made to be awkward: each de-identified, or quarantined for the right reason."""

from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file

from deid import QuarantineError, deidentify_series, load_policy
from deid.objects import ACCEPTABLE
from deid.pixels import PixelRules

FOLDER = Path(str(get_testdata_file("CT_small.dcm", download=False))).parent
pytestmark = pytest.mark.filterwarnings("ignore")
#: Why a file may not pass; every other file must.
EXPECTED = {
    "missing-identifier": [
        "JPEGLSNearLossless_08.dcm", "image_dfl.dcm", "JPEGLSNearLossless_16.dcm", "reportsi.dcm", "test-SR.dcm",
        "GDCMJ2K_TextGBR.dcm", "SC_rgb_jpeg_app14_dcmd.dcm", "UN_sequence.dcm", "no_meta_group_length.dcm",
        "SC_rgb_jls_lossy_sample.dcm", "reportsi_with_empty_number_tags.dcm", "SC_rgb_jls_lossy_line.dcm",
        "ExplVR_BigEnd.dcm", "nested_priv_SQ.dcm", "SC_jpeg_no_color_transform.dcm", "SC_rgb_jpeg_dcmd.dcm",
        "priv_SQ.dcm", "empty_charset_LEI.dcm", "meta_missing_tsyntax.dcm", "ExplVR_BigEndNoMeta.dcm",
        "ExplVR_LitEndNoMeta.dcm", "SC_jpeg_no_color_transform_2.dcm",
    ],
    "dicomdir": [
        "DICOMDIR", "DICOMDIR-nopatient", "DICOMDIR-implicit", "DICOMDIR-empty.dcm", "DICOMDIR-reordered",
        "DICOMDIR-bigEnd",
    ],
    "truncated": ["DICOMDIR-nooffset", "rtplan_truncated.dcm", "MR_truncated.dcm"],
    "malformed": ["SC_rgb_jpeg.dcm"],
    "pixel-data-mismatch": ["badVR.dcm", "MR_small_padded.dcm"],
}  # fmt: skip
CODES = {name: code for code, names in EXPECTED.items() for name in names}


@pytest.fixture(scope="module")
def policy():
    """Every option that has to do with headers; the pixels are not looked at here."""
    research = load_policy("research")
    pixels = {"clean_pixel_data", "clean_recognizable_visual_features"}
    accept = frozenset(str(kind) for kind in ACCEPTABLE)
    return replace(
        research, options=research.options - pixels, accept=accept,
        pixels=PixelRules.from_table({"examine": "declared"}),
    )  # fmt: skip


def test_each_file(policy, pseudonyms, tmp_path):
    """Both walkers alike; outputs can be read, keep their pixels and say nothing of the patient's name."""
    found, passed = {}, 0
    for number, path in enumerate(sorted(path for path in FOLDER.rglob("*") if path.is_file())):
        if path.suffix not in (".dcm", "") or "TINY_ALPHA" in str(path) or path.name.startswith("README"):
            continue
        manifests = set()
        for pure in (True, False):
            out = tmp_path / f"{number}-{pure}"
            try:
                manifests.add(deidentify_series([path], out, policy, pseudonyms, pure=pure).manifest)
            except QuarantineError as error:
                manifests.add(error.code)
                assert not out.exists()
        assert len(manifests) == 1, path.name
        (what,) = manifests
        if isinstance(what, str):
            found[path.name] = what
            continue
        passed += 1
        (file,) = out.iterdir()
        old, new = pydicom.dcmread(path, force=True), pydicom.dcmread(file)
        assert str(new.PatientName).startswith("RF-"), path.name
        assert old.get("PixelData") == new.get("PixelData"), path.name
        if len(str(old.get("PatientName", ""))) > 7:
            assert str(old.PatientName).encode("utf-8") not in file.read_bytes(), path.name
    images = {name: code for name, code in found.items() if code not in ("no-pixel-data", "not-dicom")}
    assert images == {name: code for name, code in CODES.items() if name in found or (FOLDER / name).exists()}
    assert passed > 75
