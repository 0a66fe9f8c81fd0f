"""Hostile files of every transfer syntax: a reason code or an output, in bounded time and memory, nothing left behind."""

import io
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from deid import Pseudonyms, QuarantineError, deidentify_series, load_policy
from deid.exceptions import QUARANTINE
from tests.deid.conftest import build
from tests.support.dicom_bytes import mutated
from tests.support.hostile import hostile, parts

SCRIPT = Path(__file__).resolve().parents[1] / "fuzz" / "hostile_deid.py"
NATIVE = [
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]
#: Real files of pydicom in compressed syntaxes.
COMPRESSED = ["MR_small_RLE.dcm", "JPEG2000.dcm", "JPEG-lossy.dcm", "MR_small_jp2klossless.dcm", "examples_ybr_color.dcm",
              "JPGLosslessP14SV1_1s_1f_8b.dcm", "MR_small_jpeg_ls_lossless.dcm"]  # fmt: skip
LIMIT_S, LIMIT_MIB = 10, 1200
#: What may become of each kind of harm; None: anything that has a code, and an output.
ALLOWED = {
    "cut": None,
    "flipped": None,
    "wrong length": None,
    "nested 60": {"output"},
    "nested 200": {"malformed"},
    "nested 2000": {"malformed"},
    "no delimiter": {"malformed", "truncated"},
    "huge": {"malformed", "truncated"},
    "bomb": {"malformed"},
    "noise": {"malformed", "truncated"},
}


def encoded(ds, syntax):
    stream = io.BytesIO()
    ds.file_meta.TransferSyntaxUID = syntax
    pydicom.dcmwrite(stream, ds, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian,
                     enforce_file_format=True)  # fmt: skip
    return stream.getvalue()


def whole(path):
    """A real file, with an identity where it has none."""
    ds = pydicom.dcmread(path)
    for keyword, value in (
        ("PatientID", "MRN-0012345"),
        ("StudyInstanceUID", "1.2.3"),
        ("SeriesInstanceUID", "1.2.4"),
    ):
        if not ds.get(keyword):
            setattr(ds, keyword, value)
    stream = io.BytesIO()
    ds.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def real_files():
    found = {syntax.keyword: encoded(build(), syntax) for syntax in NATIVE}
    for name in COMPRESSED:
        path = get_testdata_file(name, download=False)
        if path is not None:
            found[name] = whole(path)
    return found


def run(folder, bases):
    """Kind of harm -> codes, and checks of time and memory."""
    kinds = {}
    for base, raw in bases.items():
        for number, (kind, harmful) in enumerate(hostile(raw, seed=len(base))):
            name = f"{base.replace('.', '_')}-{number:03d}.dcm"
            (folder / name).write_bytes(harmful)
            kinds[name] = kind
    done = subprocess.run(
        [sys.executable, SCRIPT, folder], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout)
    assert result["files"].keys() == kinds.keys()
    slow = {name: seconds for name, (_, seconds) in result["files"].items() if seconds > LIMIT_S}
    assert slow == {}
    assert result["peak"] < LIMIT_MIB
    codes = defaultdict(set)
    for name, (code, _) in result["files"].items():
        assert code in QUARANTINE or code == "output", (name, code)
        allowed = ALLOWED[kinds[name]]
        assert allowed is None or code in allowed, (name, kinds[name], code)
        codes[kinds[name]].add(code)
    return codes


@pytest.mark.filterwarnings("ignore")
def test_every_harm_to_every_syntax(tmp_path):
    codes = run(tmp_path, real_files())
    assert codes.keys() == ALLOWED.keys()
    assert "truncated" in codes["cut"]
    assert {"malformed", "output"} <= codes["flipped"] | codes["wrong length"]


def test_the_shared_slice_in_sixteen_syntaxes(tmp_path, shared_data):
    files = sorted((shared_data / "transfer_syntaxes").glob("*.dcm"))
    codes = run(tmp_path, {f"{number:02d}": path.read_bytes() for number, path in enumerate(files)})
    assert "truncated" in codes["cut"]


BASES = real_files()
PSEUDONYMS = Pseudonyms(bytes(range(32)), "tests")
POLICIES = [load_policy("basic"), load_policy("research")]


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(BASES)), st.randoms(use_true_random=False), st.sampled_from([0, 1]), st.booleans()
)
def test_any_damage_has_a_reason_or_is_none(tmp_path_factory, name, chance, number, pure):
    """With every stage of the policy, pixels and faces included: a code, or an output that can be read."""
    folder = tmp_path_factory.mktemp("damage")
    (folder / "in.dcm").write_bytes(mutated(chance, BASES[name], first=chance.choice([0, 132, 132])))
    code = "output"
    try:
        deidentify_series([folder / "in.dcm"], folder / "out", POLICIES[number], PSEUDONYMS, pure=pure)
    except QuarantineError as error:
        code = error.code
    made = list((folder / "out").iterdir()) if (folder / "out").exists() else []
    assert (code == "output") == (len(made) == 1)
    assert made or code in QUARANTINE
    for path in made:
        pydicom.dcmread(path)
    assert not list(folder.glob(".*partial*"))


def test_the_harm_is_done():
    """The files are what their names say: as deep as claimed, and a bomb is small."""
    raw = BASES["DeflatedExplicitVRLittleEndian"]
    made = defaultdict(list)
    for kind, harmful in hostile(raw, seed=1):
        made[kind].append(harmful)
    assert made.keys() == ALLOWED.keys()
    assert len(made["bomb"][0]) < 3 << 20
    assert parts(made["nested 200"][0])[1].count(b"\x08\0\x18\x22SQ") == 200
