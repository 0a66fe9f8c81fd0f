"""Files that are not quite as DICOM says: mended without a guess, or refused for the reason they were refused for."""

import io

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from deid import QuarantineError, deidentify_series
from deid.repair import mended_bytes
from deid.series import header_of
from tests.deid.conftest import build

SYNTAXES = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]


def encoded(ds, syntax):
    ds.file_meta.TransferSyntaxUID = syntax
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, ds, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian,
                     enforce_file_format=True)  # fmt: skip
    return stream.getvalue()


def body_of(raw):
    return 144 + int.from_bytes(raw[140:144], "little")


@pytest.fixture
def treat(tmp_path, research, pseudonyms):
    count = iter(range(100))

    def go(raw, **options):
        number = next(count)
        path, out = tmp_path / f"{number}.dcm", tmp_path / f"out{number}"
        path.write_bytes(raw)
        result = deidentify_series([path], out, research, pseudonyms, **options)
        (file,) = out.iterdir()
        return result, file.read_bytes()

    return go


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.keyword)
@pytest.mark.parametrize("cut", ["preamble", "meta", "transfer syntax", "preamble alone"])
def test_what_stands_before_the_data_set(ct, treat, syntax, cut):
    """The same object as from the whole file, byte for byte."""
    raw = encoded(ct(), syntax)
    whole, expected = treat(raw)
    body = body_of(raw)
    if cut == "preamble":
        less = raw[132:]
    elif cut == "preamble alone":
        less = raw[128:]
    elif cut == "meta":
        less = raw[body:]
    else:
        at = raw.index(b"\x02\0\x10\0UI")
        less = raw[:at] + raw[at + 8 + int.from_bytes(raw[at + 6 : at + 8], "little") :]
    result, made = treat(less)
    assert made == expected
    assert (whole.mended, result.mended) == (0, 1)
    assert result.manifest == whole.manifest


def test_its_place_is_known_too(ct, tmp_path):
    raw = encoded(ct(), ExplicitVRLittleEndian)
    (tmp_path / "in.dcm").write_bytes(raw[body_of(raw) :])
    assert header_of(tmp_path / "in.dcm", "It").patient_id == "MRN-0012345"


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.keyword)
def test_disorder_at_every_depth(ct, treat, syntax):
    ds = ct()
    _, expected = treat(encoded(ds, syntax))
    raw = encoded(ds, syntax)
    order = {True: "little", False: "big"}[syntax.is_little_endian]

    def at(tag):
        return raw.index(tag if order == "little" else bytes([tag[1], tag[0], tag[3], tag[2]]), body_of(raw))

    # the names of physicians (0008,0090) before (0008,0080), and two attributes of an item the other way round
    first, second, third = at(b"\x08\0\x80\0"), at(b"\x08\0\x81\0"), at(b"\x08\0\x90\0")
    mixed = raw[:first] + raw[second:third] + raw[first:second] + raw[third:]
    inner, other = at(b"\x32\0\x60\x10"), at(b"\x40\0\x09\0")
    end = at(b"\xe0\x7f\x10\0")
    assert first < second < third < inner < other < end
    mixed = mixed[:inner] + mixed[other:end] + mixed[inner:other] + mixed[end:]
    result, made = treat(mixed)
    assert result.mended == 1
    assert pydicom.dcmread(io.BytesIO(made)) == pydicom.dcmread(io.BytesIO(expected))


def test_a_tail_of_zeros(ct, treat):
    raw = encoded(ct(), ExplicitVRLittleEndian)
    _, expected = treat(raw)
    for count in (1, 7, 8, 500):
        result, made = treat(raw + bytes(count))
        assert (result.mended, made) == (1, expected)


def refused(treat, raw):
    with pytest.raises(QuarantineError) as caught:
        treat(raw)
    return caught.value.code


def test_what_is_not_mended(ct, treat):
    """An attribute twice, a tail that says something, a cut, compressed pixels of an unknown kind, other files."""
    raw = encoded(ct(), ExplicitVRLittleEndian)
    body = body_of(raw)
    assert refused(treat, raw[:body] + raw[body : body + 18] * 2 + raw[body + 18 :]) == "malformed"
    assert refused(treat, raw + bytes(8) + b"Quimbly") in ("malformed", "truncated")
    assert refused(treat, raw[body:-20]) == "not-dicom"
    assert refused(treat, raw[:-20]) == "truncated"
    assert refused(treat, b"%PDF-1.4" * 40) == "not-dicom"
    assert refused(treat, bytes(400)) == "not-dicom"
    at = raw.index(b"\xe0\x7f\x10\0OW")
    pixels = b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\0\0\0\0\xfe\xff\0\xe0\2\0\0\0ab\xfe\xff\xdd\xe0\0\0\0\0"
    assert refused(treat, raw[body:at] + pixels) == "not-dicom"


SLICE = encoded(build(), ExplicitVRLittleEndian)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_bytes(data):
    """Never another exception; and what is mended can be read by the strict reader, or is refused by it."""
    raw = bytearray(SLICE[data.draw(st.sampled_from([0, 128, 132, body_of(SLICE)])) :])
    for _ in range(data.draw(st.integers(0, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    made = mended_bytes(bytes(raw))
    assert made is None or made[128:132] == b"DICM"
