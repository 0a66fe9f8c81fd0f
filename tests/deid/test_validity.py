"""An output is as valid as its input: dciodvfy, the validator of the standard's own editor, finds no new error."""

import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import ExplicitVRLittleEndian

from deid import QuarantineError, deidentify_series, load_policy
from deid.objects import ACCEPTABLE
from deid.pixel_result import PixelResult
from deid.pixels import PixelRules
from deid.stages import Stages
from tests.support import objects

DCIODVFY = Path(sys.executable).parent / "dciodvfy"
pytestmark = [
    pytest.mark.skipif(not DCIODVFY.exists(), reason="dicom3tools is not installed"),
    pytest.mark.filterwarnings("ignore"),
]
HEADER = {"clean_descriptors", "clean_structured_content", "clean_graphics"}
SMALL = [
    "CT_small.dcm", "MR_small.dcm", "MR_small_RLE.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm",
    "rtplan.dcm", "rtdose_1frame.dcm", "liver_1frame.dcm", "eCT_Supplemental.dcm", "JPEG2000.dcm",
    "examples_overlay.dcm", "waveform_ecg.dcm", "693_J2KR.dcm", "SC_rgb_small_odd.dcm",
]  # fmt: skip


#: Of type 1 and removed all the same by the Basic Profile: the table gives them code X, and not a compound.
BY_THE_TABLE = {
    "basic": ("<PresentationCreationDate>", "<PresentationCreationTime>"),
    "everything": (),
}


def policies():
    accept = frozenset(str(kind) for kind in ACCEPTABLE)
    basic, research = load_policy("basic"), load_policy("research")
    declared = PixelRules.from_table({"examine": "declared"})
    return {
        "basic": replace(
            basic, options=frozenset({"clean_structured_content"}), accept=accept, pixels=declared
        ),
        "everything": replace(research, options=research.options | HEADER, references="map", accept=accept),
    }


def errors(path):
    """Error lines without values and item numbers."""
    done = subprocess.run([DCIODVFY, path], capture_output=True, check=False)
    lines = (done.stdout + done.stderr).decode("latin-1").splitlines()
    return Counter(
        re.sub(r"\[\d+\]|<[0-9.]+>", "", re.sub(r" = <.*?>", "", line))
        for line in lines
        if line.startswith("Error")
    )


@pytest.fixture(params=["basic", "everything"])
def check(request, tmp_path, pseudonyms):
    policy = policies()[request.param]

    def go(path):
        deidentify_series([path], tmp_path / "out", policy, pseudonyms)
        (file,) = (tmp_path / "out").iterdir()
        new = errors(file) - errors(path)
        assert {
            line for line in new if not any(name in line for name in BY_THE_TABLE[request.param])
        } == set()

    return go


@pytest.mark.parametrize("name", SMALL)
def test_files_of_pydicom(check, name):
    path = get_testdata_file(name, download=False)
    if path is None:
        pytest.skip(f"{name} is not part of this pydicom")
    check(Path(path))


@pytest.mark.parametrize(
    "name",
    [
        "report",
        "key_objects",
        "segmentation",
        "structures",
        "presentation",
        "ecg",
        "registration",
        "world_values",
        "ct",
    ],
)
def test_made_objects(check, ct, tmp_path, name):
    images = [ct(instance=number) for number in (1, 2)]
    made = {
        "report": lambda: objects.report(images, "Nodule of Mr. Quimbly"),
        "ecg": lambda: objects.ecg(images[0].StudyInstanceUID),
        "ct": lambda: images[0],
    }
    ds = made[name]() if name in made else getattr(objects, name)(images)
    ds.save_as(tmp_path / "in.dcm", enforce_file_format=True)
    check(tmp_path / "in.dcm")


def new_errors(path, out, policy, pseudonyms):
    """Errors of the output that the original does not have; None where it went to quarantine."""
    try:
        deidentify_series([path], out, policy, pseudonyms)
    except QuarantineError:
        return None
    (file,) = out.iterdir()
    return sorted(errors(file) - errors(path))


def sweep(paths, tmp_path, pseudonyms):
    policy, passed, found = policies()["everything"], 0, {}
    for number, path in enumerate(paths):
        new = new_errors(path, tmp_path / str(number), policy, pseudonyms)
        passed += new is not None
        if new:
            found[path.name] = new
    assert found == {}
    return passed


def test_every_file_of_pydicom(tmp_path, pseudonyms):
    folder = Path(str(get_testdata_file("CT_small.dcm", download=False))).parent
    paths = [path for path in sorted(folder.rglob("*.dcm")) if path.is_file()]
    assert sweep(paths, tmp_path, pseudonyms) > 45


def test_shared_files(shared_data, tmp_path, pseudonyms):
    """Real objects of each kind and each transfer syntax."""
    folders = ("seg_sr_examples", "rt_examples", "transfer_syntaxes", "burned_in", "cip_copdgene")
    paths = [
        path
        for name in folders
        for path in sorted((shared_data / name).rglob("*"))
        if path.is_file() and path.suffix in (".dcm", "")
    ]
    assert sweep(paths, tmp_path, pseudonyms) > 30


def test_what_was_decompressed_says_so(tmp_path, pseudonyms, monkeypatch):
    """New pixels of more than eight bits are OW, however the compressed ones were labelled (PS3.5 A.2)."""
    path = Path(str(get_testdata_file("JPEG-lossy.dcm", download=False)))
    old = pydicom.dcmread(path)
    value = bytes(old.Rows * old.Columns * 2)
    (tmp_path / "pixels").write_bytes(value)
    made = PixelResult(value=tmp_path / "pixels", transfer_syntax=ExplicitVRLittleEndian)
    monkeypatch.setattr(Stages, "pixels", lambda *_: made)
    assert new_errors(path, tmp_path / "out", policies()["everything"], pseudonyms) == []
    (file,) = (tmp_path / "out").iterdir()
    new = pydicom.dcmread(file)
    assert (new["PixelData"].VR, new.PixelData) == ("OW", value)


def test_the_validator_tells(ct, tmp_path):
    """It is not silent about what matters here: a type 2 attribute that went, a value that does not fit."""
    images = [ct()]
    ds = images[0]
    ds.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    del ds.ReferringPhysicianName
    ds[0x00180060] = pydicom.DataElement(0x00180060, "LO", "many volts")
    ds["KVP"].VR = "LO"
    ds.save_as(tmp_path / "b.dcm", enforce_file_format=True)
    assert len(errors(tmp_path / "b.dcm") - errors(tmp_path / "a.dcm")) >= 2
