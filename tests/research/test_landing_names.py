"""Properties of unpacking: whatever a zip's entries are called, nothing is written outside the folder."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from research.errors import LandingError
from research.landing import REASONS, unpack
from research.landing.archives import is_inside

PIECES = st.sampled_from(
    ["..", ".", "", "a", "b.dcm", "C:", "~", "LICENSE", "nul", "é", "/", "\\", "%2e%2e", "\u2025"]
)
NAMES = st.one_of(
    st.lists(PIECES, min_size=1, max_size=6).map("/".join),
    st.lists(PIECES, min_size=1, max_size=6).map("\\".join),
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=40),
)


def files(root: Path) -> set[Path]:
    return set(root.rglob("*"))


@settings(max_examples=150, deadline=None)
@given(names=st.lists(NAMES, min_size=1, max_size=5, unique=True))
@example(names=["../x"])
@example(names=["a/b/../../../x"])
def test_nothing_leaves_the_folder(names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        folder = root / "a" / "b" / "out"
        folder.mkdir(parents=True)
        with zipfile.ZipFile(root / "in.zip", "w") as archive:
            for name in names:
                entry = zipfile.ZipInfo("placeholder")
                entry.filename = name  # past the constructor, which would clean the name
                archive.writestr(entry, b"data")
        before = files(root)
        try:
            unpacked = unpack(root / "in.zip", folder)
            images, code = unpacked.images, "bad-zip"
        except LandingError as error:
            images, code = (), error.code
        assert code in REASONS
        assert all(path.parent == folder for path in images)
        assert all(folder in path.parents for path in files(root) - before)


@settings(max_examples=300, deadline=None)
@given(name=NAMES)
def test_a_name_that_is_accepted_stays_inside_when_joined(name: str) -> None:
    if is_inside(name):
        base = Path("/base/folder")
        parts: list[str] = []
        for part in (base / name).parts:
            if part == "..":
                parts.pop()
            elif part != ".":
                parts.append(part)
        assert Path(*parts).is_relative_to(base)
        assert "\\" not in name


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_damaged_zip_is_unpacked_or_refused_and_nothing_else(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        path, folder = Path(scratch) / "in.zip", Path(scratch) / "out"
        folder.mkdir()
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("LICENSE", "free")
            archive.writestr("1.dcm", b"one" * 50)
            archive.writestr("md5hashes.csv", "Filename,MD5Hash\n1.dcm,00\n")
        damaged = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(damaged)
        try:
            code = "bad-zip" if len(unpack(path, folder).images) <= 3 else "too many"
        except LandingError as error:
            code = error.code
        assert code in REASONS
