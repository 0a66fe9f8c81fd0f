"""Zones: a folder is published whole or not at all, replaced as a whole, and nothing escapes its zone."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.stores import join, local_copy, local_path, publish_folder, scratch
from research.errors import SettingsError


def folder(path: Path, **files: str) -> Path:
    path.mkdir(parents=True)
    for name, text in files.items():
        (path / name).write_text(text)
    return path


def content(path: Path) -> dict[str, str]:
    return {str(one.relative_to(path)): one.read_text() for one in path.rglob("*") if one.is_file()}


def test_published_under_its_name_and_gone_from_where_it_was_made(tmp_path: Path) -> None:
    made = folder(tmp_path / "made", a="1", b="2")
    uri = (tmp_path / "zone" / "deep" / "x").as_uri()
    assert publish_folder(made, uri) == uri
    assert not made.exists()
    assert content(tmp_path / "zone") == {"deep/x/a": "1", "deep/x/b": "2"}


def test_an_older_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "zone" / "x"
    publish_folder(folder(tmp_path / "one", a="1", b="2"), target.as_uri())
    publish_folder(folder(tmp_path / "two", b="3"), target.as_uri())
    assert content(target) == {"b": "3"}
    assert [path.name for path in target.parent.iterdir()] == ["x"]


def test_a_failure_on_the_way_leaves_the_old_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "zone" / "x"
    publish_folder(folder(tmp_path / "one", a="1"), target.as_uri())

    def full(*_: object) -> None:
        msg = "No space left on device"
        raise OSError(28, msg)

    monkeypatch.setattr("shutil.move", full)
    with pytest.raises(OSError, match="No space"):
        publish_folder(folder(tmp_path / "two", a="2"), target.as_uri())
    assert content(target) == {"a": "1"}


def test_a_folder_appears_with_everything_in_it(tmp_path: Path) -> None:
    zone, counts, stop = tmp_path / "zone", set(), threading.Event()
    zone.mkdir()

    def look() -> None:
        while not stop.is_set():
            counts.update(len(list(path.iterdir())) for path in zone.iterdir() if path.name[0] != ".")

    looking = threading.Thread(target=look)
    looking.start()
    for number in range(40):
        made = folder(tmp_path / f"v{number}", **{f"f{i:02d}": "x" for i in range(20)})
        publish_folder(made, (zone / str(number)).as_uri())
    stop.set()
    looking.join()
    assert counts == {20}


@pytest.mark.parametrize("part", ["..", "a/../../b", "a/./b", "", "a//b", ".", "/..", "../x"])
def test_names_that_leave_their_zone_are_refused(part: str) -> None:
    with pytest.raises(SettingsError, match="not a place inside"):
        join("file:///zone", "collection", part)


@given(st.lists(st.text(alphabet="ab./-_ \\%", min_size=1, max_size=6), min_size=1, max_size=4))
def test_whatever_is_joined_stays_inside(parts: list[str]) -> None:
    try:
        made = join("file:///zone/research", *parts)
    except SettingsError:
        return
    path = local_path(made)
    assert path is not None
    assert path.resolve().is_relative_to("/zone/research")
    assert path.resolve() != Path("/zone/research")


def test_a_uri_is_a_path_on_a_local_disk_only() -> None:
    assert local_path("file:///a/b%20c") == Path("/a/b c")
    assert local_path("/a/b") == Path("/a/b")
    assert local_path("s3://bucket/a") is None
    with pytest.raises(SettingsError, match="not an absolute location"):
        local_path("relative/path")


def test_a_place_with_a_space_is_found_again(tmp_path: Path) -> None:
    zone = tmp_path / "my zone"
    uri = join(zone.as_uri(), "x")
    publish_folder(folder(tmp_path / "one", a="1"), uri)
    assert content(zone / "x") == {"a": "1"}


def test_a_local_copy_of_a_local_folder_is_the_folder(tmp_path: Path) -> None:
    made = folder(tmp_path / "x", a="1")
    with local_copy(made.as_uri()) as path:
        assert path == made
    assert made.exists()
    with pytest.raises(SettingsError, match="no folder behind"), local_copy((tmp_path / "none").as_uri()):
        pass


@pytest.mark.parametrize("ends", ["well", "badly"])
def test_scratch_is_gone_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str) -> None:
    monkeypatch.setenv("AIRFLOW__RADFLOW__SCRATCH_DIR", str(tmp_path / "scratch"))
    with pytest.raises(RuntimeError), scratch("test") as path:  # noqa: PT012
        assert path.stat().st_mode & 0o077 == 0
        (path / "half").write_text("x")
        if ends == "well":
            (path / "half").unlink()
        raise RuntimeError
    assert list((tmp_path / "scratch").iterdir()) == []


def test_an_object_store_gets_its_manifest_last_and_gives_the_same_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__RADFLOW__SCRATCH_DIR", str(tmp_path / "scratch"))
    import fsspec.implementations.memory as memory

    written: list[str] = []
    opened = memory.MemoryFileSystem._open

    def record(self, path: str, mode: str = "rb", **kwargs: object):
        if "w" in mode:
            written.append(path.rpartition("/")[2])
        return opened(self, path, mode, **kwargs)

    monkeypatch.setattr(memory.MemoryFileSystem, "_open", record)
    made = folder(tmp_path / "one", **{"manifest.json": "[]", "a": "1", "z": "2"})
    (made / "sub").mkdir()
    (made / "sub" / "b").write_text("3")
    publish_folder(made, "memory://zone/x")
    assert not made.exists()
    assert written[-1] == "manifest.json"
    with local_copy("memory://zone/x") as path:
        assert content(path) == {"manifest.json": "[]", "a": "1", "z": "2", "sub/b": "3"}
    assert not path.exists()


def test_an_object_store_forgets_the_files_of_an_older_folder(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("AIRFLOW__RADFLOW__SCRATCH_DIR", str(tmp_path / "scratch"))
    publish_folder(folder(tmp_path / "one", a="1", b="2"), "memory://zone/y")
    publish_folder(folder(tmp_path / "two", b="3"), "memory://zone/y")
    with local_copy("memory://zone/y") as path:
        assert content(path) == {"b": "3"}


def test_an_object_store_without_the_folder_says_so(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("AIRFLOW__RADFLOW__SCRATCH_DIR", str(tmp_path / "scratch"))
    with pytest.raises(SettingsError, match="no folder behind"), local_copy("memory://zone/never"):
        pass
