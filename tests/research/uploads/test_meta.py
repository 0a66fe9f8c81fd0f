"""The head of a file: as pydicom reads it, and never an error on whatever else came."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.uploads import HEAD_BYTES, VERDICTS, collection_of, file_meta

FOLDER = Path(pydicom.__file__).parent / "data" / "test_files"
FILES = [
    path for path in sorted(FOLDER.glob("*.dcm")) if path.read_bytes()[128:132] == b"DICM"
][:25]  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_as_pydicom_reads_it(path: Path) -> None:
    meta = pydicom.filereader.read_file_meta_info(path)
    wanted = [
        str(meta.get(name, ""))
        for name in ("MediaStorageSOPClassUID", "MediaStorageSOPInstanceUID", "TransferSyntaxUID")
    ]
    found = file_meta(path.read_bytes()[:HEAD_BYTES])
    if all(wanted):
        assert found is not None
        assert [found.sop_class, found.sop_uid, found.transfer_syntax] == wanted
        assert found.sop_uid not in repr(found)
    else:
        assert found is None


@given(st.binary(max_size=600), st.booleans(), st.integers(0, 5000))
def test_whatever_comes_is_no_error(tail: bytes, real: bool, cut: int) -> None:
    head = FILES[0].read_bytes() if real else b"\0" * 128 + b"DICM"
    file_meta(head[:cut] + tail)
    file_meta(tail)


@given(st.text(min_size=1, max_size=200))
def test_everybody_has_a_collection(account: str) -> None:
    assert 1 <= len(collection_of(account)) <= 63
    assert collection_of(account).isascii()


def test_verdicts_are_sentences() -> None:
    assert all(sentence.endswith(".") for sentence in VERDICTS.values())
