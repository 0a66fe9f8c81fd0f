"""Transfer syntaxes and character sets: what stays, stays byte for byte; what goes, goes in full."""

import struct
import zlib

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
)

from deid import QuarantineError, deidentify_series, verify_series
from deid.rawbytes import walk


@pytest.fixture
def treat(tmp_path, research, pseudonyms):
    count = iter(range(100))

    def go(path, policy=research):
        out = tmp_path / f"out{next(count)}"
        deidentify_series([path], out, policy, pseudonyms, verify=verify_series)
        (file,) = out.iterdir()
        return file

    return go


def save(ds, path, syntax):
    ds.file_meta.TransferSyntaxUID = syntax
    ds["PixelData"].VR = "OW" if not syntax.is_compressed or syntax.is_deflated else "OB"
    if syntax.is_compressed and not syntax.is_deflated:
        ds.PixelData = encapsulate([ds.PixelData])
    pydicom.dcmwrite(path, ds, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian,
                     enforce_file_format=True)  # fmt: skip
    return path


@pytest.mark.parametrize(
    "syntax",
    [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian,
     RLELossless, JPEGLSLossless],
    ids=lambda syntax: syntax.keyword,
)  # fmt: skip
def test_syntaxes(ct, treat, tmp_path, syntax):
    ds = ct()
    path = save(ds, tmp_path / "in.dcm", syntax)
    original, new = pydicom.dcmread(path), pydicom.dcmread(treat(path))
    assert new.file_meta.TransferSyntaxUID == syntax
    assert new.PixelData == original.PixelData
    assert new.Rows == original.Rows
    assert new.ImageOrientationPatient == original.ImageOrientationPatient
    assert new.RescaleIntercept == -1024
    assert new.PatientID.startswith("RF-")
    assert treat(path).read_bytes() == treat(path).read_bytes()


def test_hidden_behind_a_deflated_stream(ct, treat, tmp_path):
    path = save(ct(), tmp_path / "in.dcm", DeflatedExplicitVRLittleEndian)
    path.write_bytes(path.read_bytes() + b"Quimbly")
    with pytest.raises(QuarantineError) as caught:
        treat(path)
    assert caught.value.code == "malformed"


def test_gzip_trailer_behind_a_deflated_stream(ct, treat, tmp_path):
    path = save(ct(), tmp_path / "in.dcm", DeflatedExplicitVRLittleEndian)
    layout = walk(path.read_bytes())
    data = layout.data[layout.body :]
    path.write_bytes(path.read_bytes() + struct.pack("<LL", zlib.crc32(data), len(data)))
    treat(path)


def test_cut_deflated_stream(ct, treat, tmp_path):
    path = save(ct(), tmp_path / "in.dcm", DeflatedExplicitVRLittleEndian)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(QuarantineError) as caught:
        treat(path)
    assert caught.value.code == "truncated"


def test_missing_frames_of_compressed_data(ct, treat, tmp_path):
    ds = ct()
    ds.NumberOfFrames = 2
    path = save(ds, tmp_path / "in.dcm", RLELossless)
    with pytest.raises(QuarantineError) as caught:
        treat(path)
    assert caught.value.code == "truncated"


NAMES = [
    ("ISO_IR 100", "Buß^Jérôme"),
    ("ISO_IR 192", "Müller^Zoë"),
    ("ISO_IR 192", "山田^太郎"),
    (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    ("ISO_IR 144", "Дмитрий^Жуковский"),
    ("GB18030", "Wang^XiaoDong=王^小东"),
]


@pytest.mark.parametrize(("charset", "name"), NAMES, ids=[str(pair[0]) for pair in NAMES])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian], ids=lambda s: s.keyword)
def test_character_sets(ct, treat, tmp_path, charset, name, syntax):
    ds = ct()
    ds.SpecificCharacterSet = charset
    ds.PatientName = name
    ds.PatientComments = name.replace("^", " ")
    ds.StudyDescription = ds.RequestAttributesSequence[0].RequestedProcedureDescription = "Chest"
    item = Dataset()
    item.PatientName = name
    item.CodeMeaning, item.CodeValue, item.CodingSchemeDesignator = "Chest", "51185008", "SCT"
    ds.AnatomicRegionSequence = Sequence([item])
    path = save(ds, tmp_path / "in.dcm", syntax)
    before = pydicom.dcmread(path)
    file = treat(path)
    new = pydicom.dcmread(file)
    assert new.SpecificCharacterSet == before.SpecificCharacterSet
    assert str(new.PatientName) == str(new.AnatomicRegionSequence[0].PatientName) == new.PatientID
    raw = file.read_bytes()
    encoded = before.get_item(0x00100010).value
    for part in encoded.replace(b"=", b"^").split(b"^"):
        if len(part.strip()) > 2:
            assert part.strip() not in raw


def test_kept_text_is_passed_on_undecoded(ct, treat, tmp_path):
    """An attribute that stays keeps its bytes, even where the character set is wrong."""
    ds = ct()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.ManufacturerModelName = "Gerät Ü"
    path = save(ds, tmp_path / "in.dcm", ExplicitVRLittleEndian)
    assert "Gerät Ü".encode("latin-1") in treat(path).read_bytes()


def test_shared_slice_in_every_syntax(shared_data, treat, basic):
    files = sorted((shared_data / "transfer_syntaxes").glob("*.dcm"))
    assert len(files) >= 16
    for path in files:
        original = pydicom.dcmread(path)
        for policy in ({}, {"policy": basic}):
            new = pydicom.dcmread(treat(path, **policy))
            assert new.PixelData == original.PixelData, path.name
            assert new.file_meta.TransferSyntaxUID == original.file_meta.TransferSyntaxUID
            assert not [e for e in new.iterall() if e.tag.is_private and policy]
