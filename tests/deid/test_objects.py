"""Objects that speak about images: treated by rule with their references whole, or quarantined with a reason."""

from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from deid import QuarantineError, deidentify_series, load_policy
from deid.objects import ACCEPTABLE
from tests.support import objects

HEADER = {"clean_descriptors", "clean_structured_content", "clean_graphics"}
SYNTAXES = [
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]


@pytest.fixture(scope="module")
def policy():
    research = load_policy("research")
    return replace(
        research, options=research.options | HEADER, references="map",
        accept=frozenset(str(kind) for kind in ACCEPTABLE),
    )  # fmt: skip


@pytest.fixture
def treat(tmp_path, policy, pseudonyms):
    count = iter(range(1000))

    def go(*objects, policy=policy, syntax=ExplicitVRLittleEndian):
        number, paths, results = next(count), [], []
        for place, ds in enumerate(objects):
            path = tmp_path / f"{number}-{place}.dcm"
            ds.file_meta.TransferSyntaxUID = syntax
            pydicom.dcmwrite(path, ds, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian,
                             enforce_file_format=True)  # fmt: skip
            paths.append(path)
        for pure in (True, False):
            out = tmp_path / f"out{number}-{pure}"
            deidentify_series(paths, out, policy, pseudonyms, pure=pure)
            results.append({file.name: file.read_bytes() for file in out.iterdir()})
        assert results[0] == results[1]
        made = [pydicom.dcmread(file) for file in sorted(out.iterdir())]
        for raw in results[0].values():
            for token in (
                b"uimbly",
                b"QUIMBLY",
                b"ibbert",
                b"Bouvier",
                b"Riviera",
                b"Mercy",
                b"ACC778899",
                b"MRN-00",
            ):
                assert token not in raw, token
        return made[0] if len(made) == 1 else made

    return go


@pytest.fixture
def images(ct):
    return [ct(instance=number) for number in (1, 2, 3)]


def uids_of(ds):
    return {str(e.value) for e in ds.iterall() if e.tag == 0x00081155}


def all_objects(images):
    study = images[0].StudyInstanceUID
    structure_set = objects.structures(images)
    plan = objects.plan(images, structure_set)
    return {
        "report": objects.report(images, "Nodule of Mr. Quimbly, 12 mm, seen by Dr Riviera"),
        "key objects": objects.key_objects(images),
        "segmentation": objects.segmentation(images),
        "structures": structure_set,
        "plan": plan,
        "dose": objects.dose(images, plan),
        "presentation": objects.presentation(images),
        "ecg": objects.ecg(study),
        "registration": objects.registration(images),
        "world values": objects.world_values(images),
    }


NAMES = ["report", "key objects", "segmentation", "structures", "plan", "dose", "presentation", "ecg", "registration",
         "world values"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.keyword)
def test_every_object_in_every_syntax(treat, images, name, syntax):
    """No token of the identity is left, references point to objects that exist, the patient is the same."""
    new_images = treat(*images)
    known = {str(image.SOPInstanceUID) for image in new_images}
    made = all_objects(images)
    new = {other: treat(made[other]) for other in ("structures", "plan")}
    known |= {str(ds.SOPInstanceUID) for ds in new.values()} | {str(new_images[0].StudyInstanceUID)}
    new = treat(made[name], syntax=syntax)
    assert uids_of(new) <= known
    assert len(uids_of(new)) == len(uids_of(made[name]))
    assert new.PatientID == new_images[0].PatientID
    assert new.StudyInstanceUID == new_images[0].StudyInstanceUID
    if "FrameOfReferenceUID" in made[name]:
        assert new.FrameOfReferenceUID == new_images[0].FrameOfReferenceUID


def test_a_report_keeps_what_it_measures(treat, images):
    new = treat(objects.report(images, "Nodule of Mr. Quimbly, 12 mm, seen on 14.03.2019"))
    observer, finding, moment, group = new.ContentSequence
    assert "Nodule" in finding.TextValue
    assert "12 mm" in finding.TextValue
    assert "2019" not in finding.TextValue or "14.03" not in finding.TextValue
    assert str(observer.PersonName)
    assert moment.DateTime[8:] == "235959.5+0200"
    assert moment.DateTime[:8] != "20190314"
    tracking, uid, length, volume, image = group.ContentSequence
    assert tracking.TextValue == "Nodule 1"
    assert uid.UID.startswith("2.25.")
    assert length.MeasuredValueSequence[0].NumericValue == 12.5
    assert volume.MeasuredValueSequence[0].NumericValue == 734.25
    assert image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID.startswith("2.25.")


def test_a_presentation_state_keeps_its_graphics(treat, images):
    new = treat(objects.presentation(images))
    (annotation,) = new.GraphicAnnotationSequence
    assert annotation.GraphicObjectSequence[0].GraphicData == [1.0, 1.0, 4.0, 4.0]
    assert "nodule 12 mm" in annotation.TextObjectSequence[0].UnformattedTextValue


def test_an_ecg_keeps_its_samples_and_measurements(treat, images):
    new = treat(objects.ecg(images[0].StudyInstanceUID))
    assert new.WaveformSequence[0][0x54001010].value == bytes(range(8))
    text, measured = new.WaveformAnnotationSequence
    assert "Sinus rhythm" in text.UnformattedTextValue
    assert measured.NumericValue == 112


def test_contours_and_doses_stay(treat, images):
    new = treat(objects.structures(images))
    (contour,) = new.ROIContourSequence[0].ContourSequence
    assert list(contour.ContourData) == [0, 0, 1, 5, 0, 1, 5, 5, 1]
    assert new.StructureSetROISequence[0].ROIName == "GTV"
    made = objects.dose(images, objects.plan(images, objects.structures(images)))
    assert treat(made).PixelData == made.PixelData


QUARANTINED = [
    (
        lambda study: objects.document("EncapsulatedPDFStorage", study, "application/pdf"),
        "encapsulated-document",
    ),
    (lambda study: objects.document("EncapsulatedCDAStorage", study, "text/XML"), "encapsulated-document"),
    (lambda study: objects.document("EncapsulatedSTLStorage", study, "model/stl"), "encapsulated-document"),
    (lambda study: objects.base("RawDataStorage", "OT", study), "unsupported-object"),
    (lambda study: objects.base("BasicVoiceAudioWaveformStorage", "AU", study), "unsupported-object"),
    (lambda study: objects.base("HangingProtocolStorage", "OT", study), "unsupported-object"),
]


@pytest.mark.parametrize(("build", "code"), QUARANTINED, ids=[str(n) for n in range(len(QUARANTINED))])
def test_what_nobody_can_vouch_for(treat, images, build, code):
    with pytest.raises(QuarantineError) as caught:
        treat(build(images[0].StudyInstanceUID))
    assert caught.value.code == code


def test_a_report_without_the_option(treat, images, basic):
    with pytest.raises(QuarantineError) as caught:
        treat(objects.report(images, "nothing"), policy=replace(basic, accept=frozenset({"reports"})))
    assert caught.value.code == "structured-report"


@pytest.mark.parametrize("name", ["DICOMDIR", "DICOMDIR-implicit", "DICOMDIR-bigEnd", "DICOMDIR-nopatient"])
def test_a_dicomdir(tmp_path, policy, pseudonyms, name):
    path = Path(get_testdata_file(f"dicomdirtests/{name}"))
    with pytest.raises(QuarantineError) as caught:
        deidentify_series([path], tmp_path / "out", policy, pseudonyms)
    assert caught.value.code == "dicomdir"
