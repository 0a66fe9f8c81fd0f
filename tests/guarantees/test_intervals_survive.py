"""Time between any two events of a patient survives de-identification to the second, across studies.

Guarantee: under the research policy every date of a patient moves by the same whole number of days, whatever
file, study or attribute it is in; dates never stay where they were.
"""

import datetime

import pydicom
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from deid import Pseudonyms, deidentify_series, load_policy, verify_series

PSEUDONYMS = Pseudonyms(b"a key for the guarantees only", "guarantees")
RESEARCH = load_policy("research")
moments = st.datetimes(
    datetime.datetime.fromisoformat("1915-01-01"), datetime.datetime.fromisoformat("2090-01-01")
)


def slice_at(patient, moment, nested):
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
    ds.PatientID, ds.PatientName, ds.Modality = patient, "Quimbly^Archibald", "CT"
    ds.StudyDate = ds.SeriesDate = f"{moment:%Y%m%d}"
    ds.StudyTime = ds.SeriesTime = f"{moment:%H%M%S.%f}"
    ds.AcquisitionDateTime = f"{moment:%Y%m%d%H%M%S.%f}"
    item = Dataset()
    item.PerformedProcedureStepStartDate = f"{nested:%Y%m%d}"
    item.FrameAcquisitionDateTime = f"{nested:%Y%m%d%H%M%S}+0200"
    ds.AnatomicRegionSequence = Sequence([item])
    ds.Rows = ds.Columns = 2
    ds.BitsAllocated, ds.SamplesPerPixel, ds.PhotometricInterpretation = 16, 1, "MONOCHROME2"
    ds.PixelData = bytes(8)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds


def treated(ds, folder):
    path = folder / f"{ds.SOPInstanceUID}.dcm"
    ds.save_as(path, enforce_file_format=True)
    out = folder / f"out-{ds.SOPInstanceUID}"
    deidentify_series([path], out, RESEARCH, PSEUDONYMS, verify=verify_series)
    (file,) = out.iterdir()
    return pydicom.dcmread(file)


def study_moment(ds):
    return datetime.datetime.strptime(ds.StudyDate + ds.StudyTime, "%Y%m%d%H%M%S.%f").replace(
        tzinfo=datetime.UTC
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    patient=st.from_regex(r"[A-Z]{3}-[0-9]{6}", fullmatch=True),
    moments=st.lists(moments, min_size=4, max_size=4),
)
def test_intervals_survive(tmp_path, patient, moments):
    first, second, inner_first, inner_second = (moment.replace(tzinfo=datetime.UTC) for moment in moments)
    a = treated(slice_at(patient, first, inner_first), tmp_path)
    b = treated(slice_at(patient, second, inner_second), tmp_path)
    assert study_moment(b) - study_moment(a) == second - first
    days = study_moment(a) - first
    assert datetime.timedelta(days=-3650) <= days <= datetime.timedelta(days=-180)
    for new, inner in ((a, inner_first), (b, inner_second)):
        (item,) = new.AnatomicRegionSequence
        assert item.PerformedProcedureStepStartDate == f"{inner + days:%Y%m%d}"
        assert item.FrameAcquisitionDateTime == f"{inner + days:%Y%m%d%H%M%S}+0200"
        assert new.AcquisitionDateTime == f"{study_moment(new):%Y%m%d%H%M%S.%f}"
