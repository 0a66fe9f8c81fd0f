"""Copies of DICOM objects that carry their time point; what is in the research store stays as it is.

PS3.3 C.7.2.3 (Clinical Trial Study): Clinical Trial Time Point ID (0012,0050) and Description (0012,0051), Longitudinal
Temporal Offset from Event (0012,0052) in days, Longitudinal Temporal Event Type (0012,0053).
"""

from __future__ import annotations

from pathlib import Path

import pydicom

from research.timepoints import Timepoint


def time_point_id(point: Timepoint) -> str:
    """Clinical Trial Time Point ID: ``BL``, ``FU1``, ``PRE1``."""
    number = point.timepoint
    return "BL" if number == 0 else f"FU{number}" if number > 0 else f"PRE{-number}"


def write_copy(source: Path, target: Path, point: Timepoint | None) -> None:
    """Write a copy of one object with its time point; without one, the copy says none, whatever the source said.

    Pixel data and every other element stay as they are. ``target`` must not exist and never is ``source``.

    Raises:
        FileExistsError: there is something at ``target``.
        pydicom.errors.InvalidDicomError: ``source`` is no DICOM file.
    """
    header = pydicom.dcmread(source)
    for name in (
        "ClinicalTrialTimePointID",
        "ClinicalTrialTimePointDescription",
        "LongitudinalTemporalOffsetFromEvent",
        "LongitudinalTemporalEventType",
    ):
        if name in header:
            delattr(header, name)
    if point is not None:
        header.ClinicalTrialTimePointID = time_point_id(point)
        header.ClinicalTrialTimePointDescription = point.label
        header.LongitudinalTemporalOffsetFromEvent = float(point.days_from_baseline)
        header.LongitudinalTemporalEventType = "BASELINE"
    with target.open("xb") as handle:
        header.save_as(handle)
