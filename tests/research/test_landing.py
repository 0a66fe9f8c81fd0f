"""Received bytes: what is accepted, what is refused and why, and where the refused bytes go."""

from __future__ import annotations

import io
import json
import shutil
import stat
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from research.errors import LandingError
from research.landing import (
    REASONS,
    Limits,
    QuarantinedError,
    Unpacked,
    inspect,
    land,
    place,
    quarantine,
    receive_files,
    receive_zip,
    series_key,
    staging,
    unpack,
    verified,
)
from scripts.demo_images.build import small_cases
from scripts.demo_images.people import PEOPLE
from scripts.demo_images.series import write_ct
from scripts.demo_images.volumes import phantom


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pristine") / "series"
    write_ct(folder, phantom(slices=6, size=32), PEOPLE[0], small_cases()[0].name, None)
    return folder


@pytest.fixture
def images(pristine: Path, tmp_path: Path) -> list[Path]:
    copy = tmp_path / "received"
    shutil.copytree(pristine, copy)
    return sorted(copy.iterdir())


def edit(path: Path, **values: object) -> None:
    image = pydicom.dcmread(path)
    for name, value in values.items():
        setattr(image, name, value)
    image.save_as(path)


def zipped(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def code_of(paths: list[Path]) -> str:
    with pytest.raises(LandingError) as caught:
        inspect(paths)
    assert caught.value.code in REASONS
    assert "Mockwellington" not in str(caught.value)
    return caught.value.code


def test_a_whole_series_is_accepted(images: list[Path]) -> None:
    facts = inspect(images)
    assert len({fact.sop_uid for fact in facts}) == 6
    assert {fact.modality for fact in facts} == {"CT"}
    assert "Mockwellington" not in repr(facts)
    assert facts[0].series_uid not in repr(facts)


def test_nothing_is_no_series() -> None:
    assert code_of([]) == "no-images"


def test_an_empty_file(images: list[Path]) -> None:
    images[2].write_bytes(b"")
    assert code_of(images) == "empty-file"


@pytest.mark.parametrize("data", [b"%PDF-1.7 not an image", b"\0" * 4096, bytes(range(256)) * 8])
def test_not_dicom(images: list[Path], data: bytes) -> None:
    images[0].write_bytes(data)
    assert code_of(images) == "not-dicom"


def test_a_file_cut_anywhere_is_refused(images: list[Path]) -> None:
    data = images[1].read_bytes()
    start = data.index(b"\xe0\x7f\x10\x00")  # PixelData
    places = [133, 300, 700, 1500, start - 300, start, start + 3, start + 7, start + 12, len(data) - 1]
    for length in [*places, *np.linspace(132, len(data) - 1, 40, dtype=int)]:
        images[1].write_bytes(data[:length])
        assert code_of(images[1:2]) in ("truncated", "missing-uid")


def test_cut_encapsulated_pixels_are_refused(tmp_path: Path) -> None:
    whole = Path(str(get_testdata_file("JPEG2000.dcm"))).read_bytes()
    path = tmp_path / "compressed.dcm"
    path.write_bytes(whole)
    assert len(inspect([path])) == 1
    path.write_bytes(whole[: len(whole) // 2])
    assert code_of([path]) == "truncated"


def test_an_object_without_pixels_is_no_truncated_image() -> None:
    facts = inspect([Path(str(get_testdata_file("reportsi.dcm")))])
    assert facts[0].modality == "SR"


@pytest.mark.parametrize(
    "change",
    [
        {"PatientID": "RF-STRANGER-1"},
        {"IssuerOfPatientID": "ELSEWHERE"},
        {"PatientBirthDate": "19010101"},
        {"PatientName": "Strangerman^Somebody"},
    ],
)
def test_two_patients(images: list[Path], change: dict[str, str]) -> None:
    edit(images[-1], **change)
    assert code_of(images) == "two-patients"


@pytest.mark.parametrize(
    "change",
    [{"PatientName": "MOCKWELLINGTON^MARIGOLD BEATRIX"}, {"PatientName": ""}, {"PatientBirthDate": ""}],
)
def test_one_patient_written_differently_is_one_patient(images: list[Path], change: dict[str, str]) -> None:
    edit(images[-1], **change)
    assert len(inspect(images)) == 6


def test_two_series(images: list[Path]) -> None:
    edit(images[-1], SeriesInstanceUID="1.2.3")
    assert code_of(images) == "two-series"


def test_a_duplicate_instance(images: list[Path]) -> None:
    shutil.copyfile(images[0], images[-1])
    assert code_of(images) == "duplicate-sop-instance"


def test_a_missing_uid(images: list[Path]) -> None:
    image = pydicom.dcmread(images[0])
    del image.SeriesInstanceUID
    image.save_as(images[0])
    assert code_of(images) == "missing-uid"


def test_landing_checks_what_the_source_announced(images: list[Path]) -> None:
    unpacked = Unpacked(tuple(images), None, None)
    sops = {fact.sop_uid for fact in inspect(images)}
    uid = inspect(images)[0].series_uid
    assert land(unpacked, series_uid=uid, expected_count=6, expected_sops=sops).uids_checked
    cases: list[tuple[dict[str, object], str]] = [
        ({"series_uid": "1.2.3"}, "wrong-series"),
        ({"expected_count": 7}, "short-series"),
        ({"expected_count": 5}, "uid-mismatch"),
        ({"expected_sops": {*list(sops)[1:], "1.2.3"}}, "uid-mismatch"),
    ]
    for announced, code in cases:
        with pytest.raises(LandingError) as caught:
            land(unpacked, **announced)  # type: ignore[arg-type]
        assert caught.value.code == code


def test_the_manifest_depends_on_the_images_and_not_on_their_order(images: list[Path]) -> None:
    one = land(Unpacked(tuple(images), None, None))
    other = land(Unpacked(tuple(reversed(images)), None, None))
    assert one.manifest_sha256 == other.manifest_sha256
    edit(images[0], InstanceNumber=77)
    assert land(Unpacked(tuple(images), None, None)).manifest_sha256 != one.manifest_sha256


def test_a_placed_series_is_verified_and_any_change_is_noticed(images: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "final"
    placed = place(land(Unpacked(tuple(images), "the licence", None)), folder)
    found = verified(folder, series_uid=placed.series_uid)
    assert found is not None
    assert (found.reused, found.count, found.licence) == (True, 6, "the licence")
    assert found.manifest_sha256 == placed.manifest_sha256
    assert all(path.is_file() for path in found.paths)
    assert verified(folder, series_uid="1.2.3") is None
    data = bytearray(found.paths[3].read_bytes())
    data[-1] ^= 1
    found.paths[3].write_bytes(data)
    assert verified(folder) is None
    found.paths[3].unlink()
    assert verified(folder) is None
    (folder / "received.json").write_text("{")
    assert verified(folder) is None
    assert verified(tmp_path / "never there") is None


def test_staging_discards_what_a_dead_run_left(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "series"
    with staging(folder) as part:
        (part / "half").write_text("x")
        dead = part
        shutil.copytree(part, tmp_path / "kept")
    assert not dead.exists()
    shutil.copytree(tmp_path / "kept", dead)
    with staging(folder) as part:
        assert part == dead
        assert list(part.iterdir()) == []


def test_series_keys_are_short_stable_and_do_not_show_the_uid() -> None:
    assert series_key("1.2.3") == series_key("1.2.3") != series_key("1.2.4")
    assert len(series_key("1.2.3")) == 20


# --- archives ---


def refused(path: Path, tmp_path: Path, limits: Limits | None = None) -> str:
    folder = tmp_path / "unpacked"
    folder.mkdir()
    before = {p for p in tmp_path.rglob("*") if folder not in p.parents}
    with pytest.raises(LandingError) as caught:
        unpack(path, folder, limits)
    assert {p for p in tmp_path.rglob("*") if folder not in p.parents} == before
    return caught.value.code


def test_images_are_numbered_and_companions_kept_apart(tmp_path: Path) -> None:
    path = zipped(
        tmp_path / "a.zip",
        {
            "LICENSE": b"free",
            "b.dcm": b"1",
            "sub/a.dcm": b"2",
            "md5hashes.csv": b"Filename,MD5Hash\nsub/a.dcm,AA\nb.dcm,bb\n",
        },
    )
    folder = tmp_path / "out"
    folder.mkdir()
    unpacked = unpack(path, folder)
    assert [p.read_bytes() for p in unpacked.images] == [b"1", b"2"]
    assert [p.name for p in unpacked.images] == ["00000001.dcm", "00000002.dcm"]
    assert (unpacked.licence, unpacked.md5) == ("free", ("bb", "aa"))
    assert sorted(p.name for p in folder.iterdir()) == ["00000001.dcm", "00000002.dcm"]


@pytest.mark.parametrize(
    "name",
    [
        "../evil.dcm",
        "/etc/evil.dcm",
        "a/../../evil.dcm",
        "..",
        "C:/evil.dcm",
        "C:evil.dcm",
        "a\\..\\b.dcm",
        "a\nb",
    ],
)
def test_a_name_that_leads_out_is_a_zip_slip(tmp_path: Path, name: str) -> None:
    path = zipped(tmp_path / "a.zip", {"good.dcm": b"1", name: b"2"})
    assert refused(path, tmp_path) == "zip-slip"


def test_a_link_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        entry = zipfile.ZipInfo("link.dcm")
        entry.create_system = 3
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/hostname")
    assert refused(path, tmp_path) == "zip-symlink"


def test_two_entries_of_one_name_are_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.dcm": b"1", "A.DCM": b"2"})
    assert refused(path, tmp_path) == "zip-duplicate-name"


@pytest.mark.parametrize(
    "limits",
    [
        Limits(ratio_floor=1 << 20),
        Limits(file_bytes=1 << 20),
        Limits(total_bytes=1 << 20),
        Limits(files=1),
    ],
)
def test_bombs_by_ratio_size_total_and_count(tmp_path: Path, limits: Limits) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.dcm", bytes(3 << 20))
        archive.writestr("b.dcm", b"x")
    assert refused(path, tmp_path, limits) == "zip-bomb"


def test_a_bomb_that_lies_about_its_size_does_not_inflate(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.dcm", bytes(8 << 20))
    data = bytearray(path.read_bytes())
    for marker, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(marker) + offset
        data[at : at + 4] = (1000).to_bytes(4, "little")
    path.write_bytes(data)
    assert refused(path, tmp_path, Limits(file_bytes=1 << 20)) in ("bad-zip", "zip-bomb")
    assert sum(p.stat().st_size for p in (tmp_path / "unpacked").iterdir()) <= 1 << 20


@pytest.mark.parametrize("cut", [0, 1, 50, -30])
def test_a_cut_zip_is_a_bad_zip(images: list[Path], tmp_path: Path, cut: int) -> None:
    path = zipped(tmp_path / "a.zip", {p.name: p.read_bytes() for p in images})
    path.write_bytes(path.read_bytes()[:cut])
    assert refused(path, tmp_path) == "bad-zip"


def test_a_flipped_bit_is_a_bad_zip(images: list[Path], tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {p.name: p.read_bytes() for p in images})
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)
    assert refused(path, tmp_path) == "bad-zip"


def test_an_encrypted_zip_is_a_bad_zip(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.dcm": b"1"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x03\x04") + 6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    assert refused(path, tmp_path) == "bad-zip"


# --- quarantine and uploads ---


def test_an_uploaded_zip_is_accepted_and_used_up(images: list[Path], tmp_path: Path) -> None:
    path = zipped(tmp_path / "upload.zip", {p.name: p.read_bytes() for p in images})
    received = receive_zip(path, tmp_path / "landing" / "s1", tmp_path / "quarantine", label="upload 1")
    assert received.count == 6
    assert verified(received.folder) is not None
    assert not path.exists()
    assert not (tmp_path / "quarantine").exists()


def test_a_bad_upload_goes_to_quarantine_with_a_reason_and_no_identity(
    images: list[Path], tmp_path: Path
) -> None:
    edit(images[-1], PatientName="Strangerman^Somebody")
    path = zipped(tmp_path / "upload.zip", {p.name: p.read_bytes() for p in images})
    data = path.read_bytes()
    with pytest.raises(QuarantinedError) as caught:
        receive_zip(
            path, tmp_path / "landing" / "s1", tmp_path / "quarantine", label="upload 1", source="a folder"
        )
    assert caught.value.code == "two-patients"
    assert str(caught.value).startswith("upload 1: ")
    assert (caught.value.evidence / "received.zip").read_bytes() == data
    text = (caught.value.evidence / "reason.json").read_text("utf-8")
    record = json.loads(text)
    assert (record["code"], record["label"], record["bytes"]) == ("two-patients", "upload 1", len(data))
    for said in (text, str(caught.value), str(caught.value.evidence)):
        assert "Strangerman" not in said
        assert "Mockwellington" not in said
    assert list((tmp_path / "landing").iterdir()) == []


def test_the_same_bytes_go_to_the_same_place(tmp_path: Path) -> None:
    error = LandingError("why", "what to do", code="not-dicom")
    places = set()
    for _ in range(2):
        (tmp_path / "x.zip").write_bytes(b"same")
        places.add(quarantine(tmp_path / "x.zip", tmp_path / "q", error, label="series 1"))
        folder = tmp_path / "folder"
        folder.mkdir()
        (folder / "a.dcm").write_bytes(b"loose")
        places.add(quarantine(folder, tmp_path / "q", error, label="series 2"))
        assert not folder.exists()
    assert len(places) == 2


def test_loose_files_are_copied_and_stay(images: list[Path], tmp_path: Path) -> None:
    received = receive_files(images, tmp_path / "landing" / "s", tmp_path / "q", label="upload")
    assert received.count == 6
    assert all(path.is_file() for path in images)
    images[0].write_bytes(b"")
    with pytest.raises(QuarantinedError) as caught:
        receive_files(images, tmp_path / "landing" / "s2", tmp_path / "q", label="upload")
    assert caught.value.code == "empty-file"
    assert len(list((caught.value.evidence / "received").iterdir())) == 6


def test_a_message_never_quotes_a_value_of_the_file(images: list[Path]) -> None:
    data = images[0].read_bytes()
    broken = io.BytesIO(data.replace(b"CS\x02\x00CT", b"SQ\x02\x00CT", 1))
    images[0].write_bytes(broken.getvalue())
    with pytest.raises(LandingError) as caught:
        inspect(images)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert "Mockwellington" not in str(caught.value)
