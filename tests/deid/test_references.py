"""References between objects, and one patient across modalities, runs and spellings."""

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import MRImageStorage, SegmentationStorage, generate_uid

from deid import Pseudonyms, deidentify_series, verify_series


def reference(ds):
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    return item


def segmentation(ct, sources):
    """A segmentation that points at its sources in three ways, one of them two levels down."""
    seg = ct(series="seg", instance=50)
    seg.SOPClassUID = seg.file_meta.MediaStorageSOPClassUID = SegmentationStorage
    seg.Modality = "SEG"
    series = Dataset()
    series.SeriesInstanceUID = sources[0].SeriesInstanceUID
    series.ReferencedInstanceSequence = Sequence([reference(ds) for ds in sources])
    seg.ReferencedSeriesSequence = Sequence([series])
    frames = []
    for source in sources:
        frame, derivation, image = Dataset(), Dataset(), reference(source)
        derivation.SourceImageSequence = Sequence([image])
        frame.DerivationImageSequence = Sequence([derivation])
        frames.append(frame)
    seg.PerFrameFunctionalGroupsSequence = Sequence(frames)
    return seg


@pytest.fixture
def treat(write, tmp_path, pseudonyms):
    count = iter(range(100))

    def go(objects, policy, key=pseudonyms):
        out = tmp_path / f"out{next(count)}"
        result = deidentify_series([write(ds) for ds in objects], out, policy, key, verify=verify_series)
        return result, [pydicom.dcmread(path) for path in sorted(out.iterdir())]

    return go


@pytest.mark.parametrize("name", ["basic", "research"])
def test_a_segmentation_still_finds_its_images(ct, treat, research, basic, name):
    policy = {"basic": basic, "research": research}[name]
    sources = [ct(instance=number) for number in (1, 2)]
    ct_result, images = treat(sources, policy)
    seg_result, (seg,) = treat([segmentation(ct, sources)], policy)
    instances = {str(image.SOPInstanceUID) for image in images}
    (series,) = seg.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == ct_result.series_uid == images[0].SeriesInstanceUID
    assert {item.ReferencedSOPInstanceUID for item in series.ReferencedInstanceSequence} == instances
    deep = [
        frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        for frame in seg.PerFrameFunctionalGroupsSequence
    ]
    assert set(deep) == instances
    assert seg.FrameOfReferenceUID == images[0].FrameOfReferenceUID
    assert (
        seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence[0].ReferencedSOPClassUID
        == images[0].SOPClassUID
    )
    assert seg_result.study_uid == ct_result.study_uid
    assert seg_result.series_uid != ct_result.series_uid


def test_localizer_reference_of_a_slice(ct, treat, research, basic):
    """Research keeps Referenced Image Sequence; Basic removes it, since CT does not require it."""
    scout, image = ct(series="scout"), ct(series="axial")
    image.ReferencedImageSequence = Sequence([reference(scout)])
    _, (new_scout,) = treat([scout], research)
    _, (new_image,) = treat([image], research)
    assert new_image.ReferencedImageSequence[0].ReferencedSOPInstanceUID == new_scout.SOPInstanceUID
    _, (bare,) = treat([image], basic)
    assert "ReferencedImageSequence" not in bare


def test_same_patient_same_alias(ct, treat, research):
    mr = ct(study="2", series="7")
    mr.SOPClassUID = mr.file_meta.MediaStorageSOPClassUID = MRImageStorage
    mr.Modality = "MR"
    mr.PatientID = " mrn-0012345"
    first, _ = treat([ct()], research)
    second, _ = treat([mr], research)
    other_machine, _ = treat([ct(study="3")], research, Pseudonyms(bytes(range(32)), "tests"))
    stranger, _ = treat([ct(patient="MRN-0012346")], research)
    assert first.patient_alias == second.patient_alias == other_machine.patient_alias
    assert first.identity.days == second.identity.days == other_machine.identity.days
    assert stranger.patient_alias != first.patient_alias
    assert len({first.study_uid, second.study_uid, other_machine.study_uid}) == 3


def test_registered_uids_stay(ct, treat, research):
    ds = ct()
    ds.RelatedGeneralSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    ds.ContextUID = "1.2.840.10008.6.1.308"
    ds.MappingResourceUID = generate_uid()
    _, (new,) = treat([ds], research)
    assert new.SOPClassUID == ds.SOPClassUID
    assert new.RelatedGeneralSOPClassUID == ds.RelatedGeneralSOPClassUID
    assert new.ContextUID == ds.ContextUID
    assert new.MappingResourceUID.startswith("2.25.")


def test_text_behind_a_registered_root_is_no_registered_uid(ct, treat, research):
    ds = ct()
    ds.add_new(0x00080117, "UI", "1.2.840.10008.6.1")
    with pydicom.config.disable_value_validation():
        ds.add_new(0x00080117, "UI", "1.2.840.10008.QUIMBLY")
        _, (new,) = treat([ds], research)
    assert new.ContextUID.startswith("2.25.")
