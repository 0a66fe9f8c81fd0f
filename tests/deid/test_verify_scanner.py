"""The compiled scanner finds what the one in Python finds, in whole files, in broken ones and in windows of them."""

import io
import struct

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from deid.rawbytes import Mode, Status, StructureError, walk
from deid.verify import scanner as scanners
from deid.verify.scanner import PythonScanner, make_scanner

pytestmark = pytest.mark.skipif(scanners._search is None, reason="deid._search was not built (no compiler)")

ALWAYS, LOUD = (0x00080018, 0x00120064), (0x00100010, 0x00080080, 0x00081140)
PATTERNS = [
    b"quimbly",
    b"lee",
    b"eel",
    b"20190314",
    b"aaa",
    b"aaaa",
    b"q\0u\0i",
    "müller".encode(),
    b"mercy hospital",
]
UIDS = [b"1.2.3.4.5.6", b"1.2.3", b"2.25.7"]
SLOW = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def pair():
    both = PythonScanner(ALWAYS, LOUD), make_scanner(ALWAYS, LOUD, compiled=True)
    for scanner in both:
        for number, pattern in enumerate(PATTERNS):
            scanner.pattern(pattern, number)
        for uid in UIDS:
            scanner.uid(uid)
    return both


def tidy(scan):
    status, position, start, end, events = scan
    if status < 0:
        return status
    where = (start, end if status != Status.ENCAPSULATED else 0) if status > Status.MORE else ()
    told = [(*event[:4], None if event.hits is None else sorted(event.hits)) for event in events]
    return status, position, where, told


def agree(raw, modes=(Mode.META, Mode.IMPLICIT, Mode.EXPLICIT, Mode.BIG_ENDIAN), position=0):
    """Both scanners over some bytes, as original and as output, whole and as the beginning of a longer file."""
    python, compiled = pair()
    for mode in modes:
        for total in (len(raw), len(raw) + 1000):
            for way in ("original", "output", "output"):
                ours = tidy(getattr(python, way)(raw, 0, position, total, mode))
                assert tidy(getattr(compiled, way)(raw, 0, position, total, mode)) == ours


def dataset(**values):
    ds = Dataset()
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


@pytest.fixture(scope="module")
def rich(ct):
    ds = ct()
    inner = dataset(CodeValue="Q", CodingSchemeDesignator="99X", CodeMeaning="Quimbly lee")
    ds.AnatomicRegionSequence = Sequence([inner, dataset(CodeMeaning="no scheme"), Dataset()])
    ds.ReferencedImageSequence = Sequence([dataset(ReferencedSOPInstanceUID="1.2.3.4.5.6.7")] * 3)
    nested = Dataset()
    nested.private_block(0x0011, "INNER", create=True).add_new(1, "LO", "aaaaa")
    nested.PatientName = "Lee^Mercy Hospital"
    block = ds.private_block(0x0013, "OUTER", create=True)
    block.add_new(2, "SQ", Sequence([nested]))
    block.add_new(3, "OB", b"q\0u\0i\0" * 9)
    ds.add_new(0x60003000, "OW", bytes(64))
    return ds


@pytest.mark.parametrize(
    "syntax",
    [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian],
    ids=lambda uid: uid.keyword,
)
def test_whole_files(rich, syntax):
    stream = io.BytesIO()
    rich.file_meta.TransferSyntaxUID = syntax
    rich.save_as(
        stream,
        implicit_vr=syntax.is_implicit_VR,
        little_endian=syntax.is_little_endian,
        enforce_file_format=True,
    )
    raw = stream.getvalue()
    body = walk(raw).body
    agree(raw, (Mode.META,), 132)
    agree(raw, position=body)
    python, _ = pair()
    modes = {ImplicitVRLittleEndian: Mode.IMPLICIT, ExplicitVRBigEndian: Mode.BIG_ENDIAN}
    status, position, start, end, events = python.output(
        raw, 0, body, len(raw), modes.get(syntax, Mode.EXPLICIT)
    )
    assert (status, position, raw[start:end]) == (Status.NATIVE, len(raw), rich.PixelData)
    found = {event.path[-1]: event for event in events}
    assert found[0x00080104].context in (b"99X ", b"")
    assert found[0x00131002 & ~0x1000 | 0x1003].context == b"OUTER "


@SLOW
@given(st.data())
def test_broken_files(rich, data):
    """Bytes changed, cut out or doubled anywhere: the same events or the same complaint, never a crash."""
    stream = io.BytesIO()
    rich.file_meta.TransferSyntaxUID = data.draw(
        st.sampled_from([ExplicitVRLittleEndian, ImplicitVRLittleEndian])
    )
    implicit = rich.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
    rich.save_as(stream, implicit_vr=implicit, little_endian=True, enforce_file_format=True)
    raw = bytearray(stream.getvalue())
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(raw) - 1))
        what = data.draw(st.sampled_from(["set", "cut", "double", "long", "tag"]))
        if what == "set":
            raw[place] = data.draw(st.integers(0, 255))
        elif what == "cut":
            del raw[place : place + data.draw(st.integers(1, 50))]
        elif what == "double":
            raw[place:place] = raw[place : place + data.draw(st.integers(1, 50))]
        elif what == "long":
            raw[place : place + 4] = b"\xff\xff\xff\xff"
        else:
            raw[place : place + 4] = struct.pack(
                "<HH", 0xFFFE, data.draw(st.sampled_from([0xE000, 0xE00D, 0xE0DD]))
            )
        if len(raw) < 2:
            break
    agree(bytes(raw), position=data.draw(st.integers(0, len(raw))))


@SLOW
@given(st.binary(max_size=300))
@example(b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\0\0\0\0")
@example(b"\x09\x00\x10\x10UN\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff")
@example((b"\x08\x00\x40\x11\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff") * 70)
def test_any_bytes(raw):
    agree(raw)


@SLOW
@given(
    st.lists(
        st.sampled_from([*PATTERNS, *UIDS, b"a", b".", b"Q", b"LEE", b" ", b"1", b"\0", b"\xff"]), max_size=30
    ),
    st.binary(max_size=20),
)
def test_search(pieces, tail):
    python, compiled = pair()
    raw = b"".join(pieces) + tail
    assert sorted(compiled.find(raw)) == sorted(python.find(raw))


@pytest.mark.parametrize("kind", ["python", "compiled"])
def test_what_a_search_finds(kind):
    scanner = dict(zip(("python", "compiled"), pair(), strict=True))[kind]
    assert scanner.find(b"QUIMBLYlEE") == [(0, 0), (1, 7)]
    assert sorted(scanner.find(b"aaaa")) == [(4, 0), (4, 1), (5, 0)]
    assert scanner.find(b"1.2.3.4.5.6.99") == [(-1, 0), (-1, 0)]  # 1.2.3 and 1.2.3.4.5.6 are roots of it
    assert scanner.find(b"x11.2.3 1.2.30 1.2") == []
    assert scanner.find(b"") == []


@pytest.mark.parametrize("kind", ["python", "compiled"])
def test_what_is_remembered(kind):
    scanner = dict(zip(("python", "compiled"), pair(), strict=True))[kind]

    def element(text):
        return b"\x08\x00\x80\x00LO" + struct.pack("<H", len(text)) + text

    def scan(way, raw):
        return [event.value for event in getattr(scanner, way)(raw, 0, 0, len(raw), Mode.EXPLICIT)[4]]

    assert scan("original", element(b"Mercy ")) == [b"Mercy "]
    assert scan("original", element(b"Mercy ")) == []
    assert scanner.known((0x00080080,), b"Mercy ")
    assert not scanner.known((0x00080080,), b"Merc")
    assert not scanner.known((0x00080081,), b"Mercy ")
    assert scan("output", element(b"Quimbly ")) == [b"Quimbly "]
    assert scan("output", element(b"Quimbly ")) == []
    scanner.again((0x00080080,), "LO", b"Quimbly ", b"")
    assert scan("output", element(b"Quimbly ")) == scan("output", element(b"Quimbly ")) == [b"Quimbly "]
    with pytest.raises(ValueError, match="three bytes"):
        scanner.pattern(b"ab", 1)
    with pytest.raises(ValueError, match="UID"):
        scanner.uid(b"")


@SLOW
@given(st.data())
def test_windows(rich, data):
    """A window that is too small asks for more, and forgets what it saw."""
    stream = io.BytesIO()
    rich.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    rich.save_as(stream, implicit_vr=False, little_endian=True, enforce_file_format=True)
    raw = stream.getvalue()
    body = walk(raw).body
    size = data.draw(st.integers(body, len(raw)))
    python, compiled = pair()
    for scanner in (python, compiled):
        status, needed, *_, events = scanner.original(raw[:size], 0, body, len(raw), Mode.EXPLICIT)
        while status == Status.MORE:
            assert size < needed <= len(raw)
            assert events == []
            size = needed
            status, needed, *_, events = scanner.original(raw[:size], 0, body, len(raw), Mode.EXPLICIT)
        assert status == Status.NATIVE
        assert len(events) > 40


def test_a_window_outside_its_file():
    for base, position, total in ((0, 5, 4), (10, 5, 100), (0, 0, 2)):
        with pytest.raises(ValueError, match="window"):
            pair()[1].original(b"abcd", base, position, total, Mode.EXPLICIT)


def test_encapsulated(rich):
    items = b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\x00\xe0\4\0\0\0abcd\xfe\xff\xdd\xe0\0\0\0\0"
    raw = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff" + items
    agree(raw)
    python, _ = pair()
    assert python.output(raw, 0, 0, len(raw), Mode.EXPLICIT)[:2] == (Status.ENCAPSULATED, 12)
    nested = b"\x88\x00\x00\x02SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" + raw
    agree(nested + b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0")


def test_real_files(shared_data):
    for folder in ("transfer_syntaxes", "rt_examples", "seg_sr_examples"):
        for path in sorted((shared_data / folder).rglob("*.dcm"))[:25]:
            raw = path.read_bytes()
            try:
                layout = walk(raw)
            except StructureError:
                continue
            agree(layout.data[: min(len(layout.data), 1 << 20)], (Mode.EXPLICIT, Mode.IMPLICIT), layout.body)
