"""An original is the same whatever part of it is read at first."""

import pydicom
import pytest
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from deid import original
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
