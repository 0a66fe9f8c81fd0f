"""An original is the same whatever part of it is read at first."""

from random import Random

import pydicom
import pytest
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from deid import original, plans
from deid.structure import StructureError
from tests.support import objects


def seen(path, *, pure):
    with original.opened(path, pure=pure) as found:
        return found.stop, found.pixels, found.top, found.who, found.trailing, found.syntax


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("kind", ["image", "report"])
@pytest.mark.parametrize("pure", [True, False])
def test_any_first_window(ct, tmp_path, monkeypatch, syntax, kind, pure):
    """Also one that ends between two attributes: nothing behind it is forgotten."""
    ds = ct() if kind == "image" else objects.report([ct()], "Nodule")
    ds.file_meta.TransferSyntaxUID = syntax
    path = tmp_path / "in.dcm"
    pydicom.dcmwrite(path, ds, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian,
                     enforce_file_format=True)  # fmt: skip
    expected = seen(path, pure=pure)
    assert expected[0] < path.stat().st_size if kind == "image" else expected[0] == path.stat().st_size
    for count in range(300, path.stat().st_size + 1):
        monkeypatch.setattr(original._guess, "bytes", count)
        assert seen(path, pure=pure) == expected, count


@pytest.mark.skipif(not plans.has_compiled(), reason="there is no compiled walker here")
def test_in_one_go_or_step_by_step(ct, tmp_path, monkeypatch):
    """An ordinary file is read at once, any other step by step; both see the same, and refuse the same."""
    chance, path, quick = Random(3), tmp_path / "in.dcm", 0
    ct().save_as(path, enforce_file_format=True)
    whole = path.read_bytes()
    stop = seen(path, pure=False)[0]

    def outcome(*, slowly):
        with monkeypatch.context() as patch:
            if slowly:
                patch.setattr(plans, "read", lambda *_: None)
            try:
                return seen(path, pure=False)
            except StructureError as error:
                return error.code

    for _ in range(2000):
        data = bytearray(whole)
        for _ in range(chance.choice((0, 0, 1, 1, 3))):
            data[chance.randrange(120, stop + 16)] = chance.choice((0, 2, 0xFF, 0x7F, chance.randrange(256)))
        del data[len(data) - chance.choice((0, 0, 0, 1, 40)) :]
        path.write_bytes(data + bytes(chance.choice((0, 0, 0, 2, 40))))
        monkeypatch.setattr(original._guess, "bytes", chance.choice((200, stop - 1, stop + 12, 1 << 16)))
        with path.open("rb") as stream:
            quick += plans.read(stream.fileno(), 1 << 16) is not None
        assert outcome(slowly=False) == outcome(slowly=True)
    assert 400 < quick < 1900
