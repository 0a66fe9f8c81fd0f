"""Faces outside volumes: what may show one and cannot be cleaned goes to a person, the rest passes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from bench.face_dicom import write_series
from deid import QuarantineError, deidentify_series, load_policy
from deid.faces.pictures import check_pictures
from deid.pixels import PixelRules

ROOT = "1.2.840.10008.5.1.4.1.1."
CT, MR, CAPTURE, PHOTOGRAPH, CR = (ROOT + end for end in ("2", "4", "7", "77.1.4", "1"))
STRUCTURES, SEGMENTATION = ROOT + "481.3", ROOT + "66.4"
SIDE, FRONT, ACROSS = "0\\1\\0\\0\\0\\-1", "1\\0\\0\\0\\0\\-1", "1\\0\\0\\0\\1\\0"


def dataset(sop, modality, kind="ORIGINAL\\PRIMARY", **attributes):
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID, ds.Modality, ds.ImageType = sop, modality, kind
    ds.SOPInstanceUID = "1.2.3"
    for name, value in attributes.items():
        setattr(ds, name, value)
    return ds


def verdict(ds, folder, *, few_planes=False):
    """Why an object is refused, or None."""
    path = folder / "object.dcm"
    ds.save_as(path, enforce_file_format=True)
    values = {}
    for name in (
        "ImageType", "SOPClassUID", "Modality", "BodyPartExamined", "RecognizableVisualFeatures",
        "ImageOrientationPatient",
    ):  # fmt: skip
        if name in ds:
            value = ds[name].value
            text = "\\".join(map(str, value)) if not isinstance(value, str) else value
            values[int(ds[name].tag)] = text.encode()
    try:
        check_pictures(path, values, "File 1 of 1", few_planes=few_planes)
    except QuarantineError as error:
        return f"{error.code}: {error.details[0]}"
    return None


@pytest.mark.parametrize(
    ("ds", "why"),
    [
        (dataset(CAPTURE, "OT", SeriesDescription="Face 3D"), "three dimensions"),
        (dataset(CAPTURE, "CT", SeriesDescription="VRT range"), "rendered"),
        (dataset(CAPTURE, "CT", BodyPartExamined="SKULL"), "captured picture of a head"),
        (dataset(CT, "CT", "DERIVED\\SECONDARY\\VOLREN"), "rendered"),
        (dataset(CT, "CT", "DERIVED\\SECONDARY\\AXIAL\\CSA MIP"), "projection"),
        (dataset(MR, "MR", "DERIVED\\PRIMARY\\PROJECTION IMAGE"), "projection"),
        (dataset(CT, "CT", "DERIVED\\SECONDARY", DerivationDescription="Volume rendering"), "rendered"),
        (dataset(PHOTOGRAPH, "XC"), "photograph"),
        (dataset(CR, "CR", RecognizableVisualFeatures="YES"), "recognizable"),
        (
            dataset(CT, "CT", "ORIGINAL\\PRIMARY\\LOCALIZER", BodyPartExamined="HEAD", ImageOrientationPatient=SIDE),
            "profile",
        ),
    ],
)  # fmt: skip
def test_what_may_show_a_face_is_refused(ds, why, tmp_path):
    reason = verdict(ds, tmp_path)
    assert reason.startswith("face-picture: ")
    assert why in reason


@pytest.mark.parametrize(
    "ds",
    [
        dataset(CAPTURE, "CT", BodyPartExamined="HEAD", SeriesDescription="Dose Report"),
        dataset(CAPTURE, "OT", BodyPartExamined="KNEE", SeriesDescription="3D VRT"),
        dataset(CAPTURE, "US"),
        dataset(CT, "CT", SeriesDescription="3D head"),
        dataset(MR, "MR", "DERIVED\\SECONDARY\\MPR", SeriesDescription="3D spin echo", ImageOrientationPatient=ACROSS),
        dataset(CT, "CT", "DERIVED\\SECONDARY\\MIP", BodyPartExamined="CHEST"),
        dataset(CT, "CT", "ORIGINAL\\PRIMARY\\LOCALIZER", BodyPartExamined="CHEST", ImageOrientationPatient=SIDE),
        dataset(CT, "CT", "ORIGINAL\\PRIMARY\\LOCALIZER", BodyPartExamined="HEAD", ImageOrientationPatient=FRONT),
        dataset(CR, "CR", BodyPartExamined="SKULL"),
        dataset(PHOTOGRAPH, "XC", BodyPartExamined="FOOT"),
    ],
)  # fmt: skip
def test_the_rest_passes(ds, tmp_path):
    assert verdict(ds, tmp_path) is None


def test_few_planes_count_only_from_the_side(tmp_path):
    words = {"StudyDescription": "MR brain", "ImageOrientationPatient": SIDE}
    assert "profile" in verdict(dataset(MR, "MR", **words), tmp_path, few_planes=True)
    assert verdict(dataset(MR, "MR", **words), tmp_path) is None
    words["ImageOrientationPatient"] = ACROSS
    assert verdict(dataset(MR, "MR", **words), tmp_path, few_planes=True) is None


@pytest.mark.parametrize(("label", "refused"), [("Skin_surface", True), ("Liver", False)])
def test_a_segment_of_the_skin_is_a_face(label, refused, tmp_path):
    ds = dataset(SEGMENTATION, "SEG", "DERIVED\\PRIMARY")
    segment = Dataset()
    segment.SegmentLabel = label
    ds.SegmentSequence = [segment]
    assert (verdict(ds, tmp_path) is not None) is refused


@pytest.mark.parametrize(
    ("width", "height", "name", "refused"),
    [(160, 200, "BODY", True), (380, 200, "BODY", False), (160, 40, "BODY", False), (160, 200, "GTV", False)],
)
def test_an_outline_as_narrow_as_a_head_is_a_face(width, height, name, refused, tmp_path):
    ds = dataset(STRUCTURES, "RTSTRUCT")
    roi, contours = Dataset(), Dataset()
    roi.ROINumber, roi.ROIName = 7, name
    contours.ReferencedROINumber, contours.ContourSequence = 7, []
    for z in range(0, height, 10):
        contour = Dataset()
        contour.ContourData = [0, 0, z, width, 0, z, width, 180, z, 0, 180, z]
        contours.ContourSequence.append(contour)
    ds.StructureSetROISequence, ds.ROIContourSequence = [roi], [contours]
    assert (verdict(ds, tmp_path) is not None) is refused


def test_real_structures_and_segments_of_the_trunk_pass(shared_data, tmp_path):
    for path in ("rt_examples/rtss.dcm", "seg_sr_examples/liver.dcm", "seg_sr_examples/sr-example/seg.dcm"):
        assert verdict(pydicom.dcmread(shared_data / path), tmp_path) is None


def test_the_engine_writes_nothing_of_a_rendering_and_passes_it_without_the_option(pseudonyms, tmp_path):
    files = write_series(tmp_path / "in", np.zeros((1, 16, 16)), (1.0, 1.0, 1.0), "CT")
    ds = pydicom.dcmread(files[0])
    ds.ImageType = ["DERIVED", "SECONDARY", "VOLREN"]
    ds.save_as(files[0])
    research = load_policy("research")
    options = research.options - {"clean_pixel_data"}
    policy = replace(research, pixels=PixelRules.from_table({"examine": "declared"}))
    with pytest.raises(QuarantineError) as caught:
        deidentify_series(files, tmp_path / "out", replace(policy, options=options), pseudonyms)
    assert caught.value.code == "face-picture"
    assert not (tmp_path / "out").exists()
    options -= {"clean_recognizable_visual_features"}
    plain = replace(policy, options=options)
    assert len(deidentify_series(files, tmp_path / "out", plain, pseudonyms).manifest) == 1
