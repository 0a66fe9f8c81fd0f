"""The multipart reader: whatever the blocks, whatever the server's habits."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.dicomweb import MultipartError, parts
from research.dicomweb.multipart import content_type

EDGE = "b-1'x"


def body(
    contents: list[bytes], *, boundary: str = EDGE, newline: bytes = b"\r\n", head: bytes = b""
) -> bytes:
    made = head
    for one in contents:
        made += (
            b"--"
            + boundary.encode()
            + newline
            + b"Content-Type: application/dicom"
            + newline * 2
            + one
            + newline
        )
    return made + b"--" + boundary.encode() + b"--" + newline


def read(blocks: list[bytes], boundary: str = EDGE) -> list[bytes]:
    return [b"".join(part.blocks) for part in parts(blocks, boundary)]


def cut(raw: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(raw) + 1) for place in places), len(raw)]
    return [raw[a:b] for a, b in itertools.pairwise(edges)]


contents = st.lists(st.binary(max_size=200).filter(lambda one: b"--" not in one), max_size=5)


@given(contents.filter(bool), st.lists(st.integers(0, 5000), max_size=20))
def test_any_content_in_any_blocks(wanted: list[bytes], places: list[int]) -> None:
    assert read(cut(body(wanted), places)) == wanted


@given(contents.filter(bool), st.lists(st.integers(0, 5000), max_size=8), st.data())
def test_a_body_that_ends_early_never_passes_for_whole(
    wanted: list[bytes], places: list[int], data: st.DataObject
) -> None:
    raw = body(wanted)
    short = raw[: data.draw(st.integers(0, len(raw) - len(b"--\r\n") - 1))]
    got: list[bytes] = []
    with pytest.raises(MultipartError):
        got.extend(b"".join(part.blocks) for part in parts(cut(short, places), EDGE))
    assert got == wanted[: len(got)]


def test_content_that_looks_like_boundaries() -> None:
    tricky = [b"\r\n--b-1", b"--", b"\r\n", b"\r\n--other\r\n", b"\r", b"", b"\n--" + EDGE.encode()]
    assert read([body(tricky)]) == tricky
    assert read([bytes([one]) for one in body(tricky)]) == tricky


@pytest.mark.parametrize("announced", ["", "other", f"--{EDGE}", EDGE])
def test_the_bodys_own_boundary_decides(announced: str) -> None:
    assert read([body([b"one", b"two"])], announced) == [b"one", b"two"]


def test_habits() -> None:
    assert read([body([b"a\r", b"b"], newline=b"\n")]) == [b"a\r", b"b"]
    assert read([body([b"a"], head=b"\r\n")]) == [b"a"]
    assert read([body([b"a"], head=b"This is a message.\r\n\r\n")]) == [b"a"]
    padded = body([b"a", b"b"]).replace(b"--b-1'x\r\n", b"--b-1'x \t\r\n")
    assert read([padded]) == [b"a", b"b"]
    assert read([body([b"a"]) + b"epilogue"]) == [b"a"]
    assert read([b"--b-1'x--\r\n"]) == []
    assert read([body([b"a"]).removesuffix(b"\r\n")]) == [b"a"]


def test_a_part_that_says_its_length_is_whole_without_a_last_boundary() -> None:
    raw = b"--b-1'x\r\nContent-Length: 5\r\nX-Long: a\r\n b\r\n\r\n12345"
    for end in (b"", b"\r\n"):
        assert read([raw + end]) == [b"12345"]
    with pytest.raises(MultipartError):
        read([raw[:-1]])


def test_folded_headers_and_types() -> None:
    raw = b"--e\r\nContent-Type: application/dicom;\r\n transfer-syntax=1.2\r\n\r\nx\r\n--e--"
    (part,) = parts([raw], "e")
    assert content_type(part.headers["content-type"]) == ("application/dicom", {"transfer-syntax": "1.2"})
    assert content_type('multipart/related; boundary="a b"; type="application/dicom"')[1]["boundary"] == "a b"
    assert content_type("")[0] == ""


@pytest.mark.parametrize(
    "raw",
    [b"", b"{}", b"<html>\n" * 20_000, b"--e", b"--e\r\nno head\r\n\r\n", b"--e\r\n" + b"A" * 100_000,
     b"--e\r\n" + b"A: b\r\n" * 20_000, b"--e\r\n\r\nx\r\n--everything\r\n"],
)  # fmt: skip
def test_what_is_no_multipart(raw: bytes) -> None:
    with pytest.raises(MultipartError):
        read([raw], "e")


def test_memory_does_not_grow_with_a_part() -> None:
    block = b"\0\r\n-" * (1 << 14)

    def blocks() -> Iterator[bytes]:
        yield b"--e\r\n\r\n"
        for _ in range(1024):
            yield block
        yield b"\r\n--e--\r\n"

    tracemalloc.start()
    try:
        size = sum(len(one) for part in parts(blocks(), "e") for one in part.blocks)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size == 1024 * len(block) == 1 << 26
    assert peak < 8 * len(block)
