"""The demo's images: identities where real ones sit, a truth that is in the pixels, labels where derived."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.uid import EncapsulatedPDFStorage

from scripts.demo_images import source
from scripts.demo_images.__main__ import main
from scripts.demo_images.build import TRUTH, build, real_cases, small_cases
from scripts.demo_images.derive import REFERENCE_MAS, Recipe, added_noise, derive, noise_level
from scripts.demo_images.documents import letter
from scripts.demo_images.people import PEOPLE, Person, planted
from scripts.demo_images.volumes import Volume, phantom


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "images"
    build(folder, [phantom()], small_cases(), slices=36)
    return folder


@pytest.fixture(scope="module")
def thorax() -> Volume:
    return phantom()


def truth(out: Path) -> list[dict[str, str]]:
    with (out / TRUTH).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def series(out: Path, case: str) -> list[pydicom.FileDataset]:
    return [pydicom.dcmread(path) for path in sorted((out / "dicom" / case).glob("*.dcm"))]


def test_one_regular_volume_per_case(out: Path, thorax: Volume) -> None:
    images = series(out, "case-01")
    positions = np.array([image.ImagePositionPatient for image in images], dtype=float)
    assert np.allclose(np.diff(positions, axis=0), [0, 0, thorax.spacing[0]])
    pixels = np.stack([image.pixel_array for image in images])
    assert np.array_equal(pixels, thorax.hu)
    assert len({image.SOPInstanceUID for image in images}) == len(images)
    assert len({image.SeriesInstanceUID for image in images}) == 1


def test_every_planted_identity_is_in_the_files_of_its_case(out: Path) -> None:
    found = json.loads((out / "identities.json").read_text("utf-8"))
    for entry in found["cases"]:
        image = series(out, entry["case"])[0]
        text = str(image) + "".join(str(element.value) for element in image)
        text += " ".join(str(e.value) for e in image.iterall() if e.VR in ("LT", "UN", "PN"))
        hidden = {entry["burned_in"]} if "burned_in" in entry else set()
        missing = [s for s in entry["strings"] if s not in text and s not in hidden]
        assert [s for s in missing if "  MRN-" not in s] == []  # the burned-in line is in pixels only
        assert all(date in text for date in entry["dates"])
    assert set(found["strings"]) == {s for entry in found["cases"] for s in entry["strings"]}
    assert len(found["uids"]) == 7


def test_identities_sit_in_nested_and_private_elements_and_safe_private_ones_are_there(out: Path) -> None:
    image = series(out, "case-02")[0]
    person = PEOPLE[1]
    assert image.RequestAttributesSequence[0].AccessionNumber == person.accession
    assert image.OtherPatientIDsSequence[0].PatientID == person.national_id
    assert image.private_block(0x0009, "NOWHERE NOTES 01")[0x03].value[0].PatientName == person.name
    assert image.private_block(0x0019, "GEMS_ACQU_01")[0x23].value == 55.0


def test_people_are_distinct_and_obviously_unmistakable() -> None:
    assert len({p.mrn for p in PEOPLE}) == len({p.accession for p in PEOPLE}) == len(PEOPLE) == 10
    assert all(len(text) >= 7 for person in PEOPLE for text in planted(person))
    assert {p.charset for p in PEOPLE} == {"ISO_IR 100", "ISO_IR 192"}


def test_derived_cases_are_labelled_everywhere(out: Path) -> None:
    for row in truth(out):
        for image in series(out, row["case"]):
            assert image.SeriesInstanceUID == row["series_instance_uid"]
            if row["derived"] == "yes":
                assert list(image.ImageType) == ["DERIVED", "SECONDARY", "AXIAL", "SIMULATED"]
                assert image.DerivationDescription == row["description"]
                assert "SIMULATED" in image.SeriesDescription
            assert int(image.Exposure) == int(row["exposure_mas"])
            assert int(image.XRayTubeCurrent) * int(image.ExposureTime) == 1000 * int(image.Exposure)


def test_only_derived_cases_have_a_truth_and_low_dose_ones_say_so_in_the_header(out: Path) -> None:
    for row in truth(out):
        assert (row["emphysema_fraction"] != "") == (row["derived"] == "yes")
        if row["derived"] == "yes":
            assert int(row["exposure_mas"]) <= 80
    fractions = [float(row["emphysema_fraction"]) for row in truth(out) if row["derived"] == "yes"]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0.0


def test_the_capture_burns_text_into_pixels_and_admits_it(out: Path) -> None:
    (image,) = series(out, "case-01-capture")
    assert image.BurnedInAnnotation == "YES"
    assert (image.pixel_array[8:26, 8:300] > 200).sum() > 150
    assert image.StudyInstanceUID == series(out, "case-01")[0].StudyInstanceUID


def test_the_letter_is_a_document_about_the_patient(out: Path) -> None:
    (document,) = series(out, "case-03-letter")
    person = PEOPLE[2]
    assert document.SOPClassUID == document.file_meta.MediaStorageSOPClassUID == EncapsulatedPDFStorage
    assert (document.Modality, document.MIMETypeOfEncapsulatedDocument) == ("DOC", "application/pdf")
    assert document.StudyInstanceUID == series(out, "case-03")[0].StudyInstanceUID
    page = document.EncapsulatedDocument[: document.EncapsulatedDocumentLength]
    assert page == letter(person)
    for text in (f"{person.given} {person.family}", person.mrn, person.phone, person.accession):
        assert text.encode() in page


@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.mrn)
def test_the_letter_is_a_pdf_whose_table_leads_to_its_objects(person: Person) -> None:
    page = letter(person)
    assert page.startswith(b"%PDF-1.4\n")
    table = int(page.rpartition(b"startxref\n")[2].partition(b"\n")[0])
    assert page[table:].startswith(b"xref\n0 6\n")
    entries = page[table:].splitlines(keepends=True)[2:8]
    assert {len(entry) for entry in entries} == {20}  # ISO 32000-1, 7.5.4
    for number, entry in enumerate(entries[1:], 1):
        assert page[int(entry[:10]) :].startswith(b"%d 0 obj\n" % number)
    stream = page.partition(b"stream\n")[2].partition(b"endstream")[0]
    assert b"/Length %d >>" % len(stream) in page


@settings(max_examples=15, deadline=None)
@given(
    inserted=st.floats(0.01, 0.4),
    dose=st.floats(0.1, 1.0),
    pattern=st.sampled_from(["centrilobular", "panlobular"]),
    seed=st.integers(0, 1000),
)
def test_the_truth_is_the_inserted_volume_and_lies_in_the_lung(
    thorax: Volume, inserted: float, dose: float, pattern: str, seed: int
) -> None:
    made = derive(thorax, Recipe("phantom", inserted, dose, pattern, seed))
    assert made.inserted == pytest.approx(inserted, abs=1e-4)
    assert made.truth == pytest.approx(made.mask.sum() / thorax.lung.sum())
    assert max(made.inserted, made.native) <= made.truth <= made.inserted + made.native + 1e-9
    assert not (made.mask & ~thorax.lung).any()
    again = derive(thorax, Recipe("phantom", inserted, dose, pattern, seed))
    assert np.array_equal(made.volume.hu, again.volume.hu)


def test_inserted_regions_look_like_emphysema_and_the_rest_is_untouched(thorax: Volume) -> None:
    made = derive(thorax, Recipe("phantom", 0.2, 1.0, "centrilobular", 3))
    inside = made.volume.hu[made.mask]
    assert -1000 < inside.mean() < -960
    far = ~thorax.lung
    assert np.array_equal(made.volume.hu[far], thorax.hu[far])


@pytest.mark.parametrize("dose", [0.1, 0.25, 0.5])
def test_added_noise_makes_the_variance_inversely_proportional_to_dose(thorax: Volume, dose: float) -> None:
    rng = np.random.default_rng(1)
    noise = added_noise(thorax, dose, rng)
    before = noise_level(thorax) ** 2
    assert noise.std() ** 2 == pytest.approx(before * (1 / dose - 1), rel=0.02)
    neighbours = np.corrcoef(noise[:, :, :-1].ravel(), noise[:, :, 1:].ravel())[0, 1]
    assert abs(neighbours) > 0.05  # not white
    assert abs(np.corrcoef(noise[:-1].ravel(), noise[1:].ravel())[0, 1]) < 0.02  # slices are independent


@pytest.mark.parametrize("dose", [0.0, -1.0, 1.5])
def test_an_impossible_dose_is_refused(thorax: Volume, dose: float) -> None:
    with pytest.raises(ValueError, match="dose is a fraction"):
        added_noise(thorax, dose, np.random.default_rng(0))


def test_the_reference_lung_leaves_the_trachea_out(thorax: Volume) -> None:
    z, y, x = len(thorax.hu) - 4, 46, 48
    assert thorax.hu[z, y, x] < -900
    assert not thorax.lung[z].any() or not thorax.lung[z, y - 2 : y + 3, x - 2 : x + 3].any()
    assert 2.5 < thorax.lung.sum() * thorax.voxel_ml / 1000 < 4.0


def test_a_second_run_does_nothing_and_another_recipe_replaces(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    volume = phantom(slices=8, size=48)
    build(folder, [volume], small_cases(2), slices=8)
    stamp = (folder / TRUTH).stat().st_mtime_ns
    build(folder, [volume], small_cases(2), slices=8)
    assert (folder / TRUTH).stat().st_mtime_ns == stamp
    build(folder, [volume], small_cases(3), slices=8)
    assert len(truth(folder)) == 3


def test_the_real_cohort_has_eight_cases_with_truth_all_of_them_low_dose() -> None:
    derived = [case.recipe for case in real_cases() if case.recipe]
    assert len(derived) == 8
    assert {recipe.base for recipe in derived} == {"lung1", "lung2"}
    assert all(REFERENCE_MAS * recipe.dose <= 80 for recipe in derived)


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--small", "--out", str(tmp_path / "images")]) == 0
    assert capsys.readouterr().out.startswith("5 cases")


def test_without_network_the_message_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def offline(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "ERROR: Could not find a version\n")

    monkeypatch.setattr(source.subprocess, "run", offline)
    assert main(["--out", str(tmp_path / "images")]) == 1
    text = capsys.readouterr().err
    assert "--small" in text
    assert source.SDIST_SHA256 in text
    assert not (tmp_path / "images").exists()


def test_a_changed_sdist_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / source.SDIST).write_bytes(b"something else")
    asked: list[Path] = []

    def fetch(cache: Path) -> Path:
        asked.append(cache)
        msg = "asked again"
        raise source.SourceError(msg)

    monkeypatch.setattr(source, "fetch", fetch)
    with pytest.raises(source.SourceError, match="asked again"):
        source.real_volumes(tmp_path)
    assert asked == [tmp_path]
