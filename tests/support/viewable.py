"""Invented series that can be looked at: a CT of a ball, and its segmentation."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    SegmentationStorage,
    generate_uid,
)

SPACING = (2.5, 0.8, 0.7)
ORIGIN = (-30.0, -40.0, 100.0)


def ball(slices: int, rows: int, columns: int) -> np.ndarray:
    """Where a ball lies in the volume."""
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in (slices, rows, columns)), indexing="ij")
    return np.asarray(z**2 + y**2 + x**2 < 0.3)


def _object(sop_class: str, uid: str, study: str, series: str, rows: int, columns: int) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = sop_class, uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    one.SOPClassUID, one.SOPInstanceUID = sop_class, uid
    one.StudyInstanceUID, one.SeriesInstanceUID = study, series
    one.Rows, one.Columns, one.SamplesPerPixel = rows, columns, 1
    one.PhotometricInterpretation, one.PixelRepresentation = "MONOCHROME2", 0
    return one


def write_ct(
    folder: Path, slices: int = 12, rows: int = 40, columns: int = 48, *, order: int = -1
) -> list[Path]:
    """A CT series, -1000 HU around a ball of 40 HU, in files whose names run against their order in space."""
    folder.mkdir(parents=True, exist_ok=True)
    study, series = generate_uid(entropy_srcs=["view study"]), generate_uid(entropy_srcs=["view ct"])
    inside = ball(slices, rows, columns)
    paths = []
    for n in range(slices):
        one = _object(
            CTImageStorage, generate_uid(entropy_srcs=["view", str(n)]), study, series, rows, columns
        )
        one.Modality, one.InstanceNumber = "CT", n + 1
        one.ImagePositionPatient = [ORIGIN[0], ORIGIN[1], ORIGIN[2] + n * SPACING[0]]
        one.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        one.PixelSpacing, one.SliceThickness = [SPACING[1], SPACING[2]], SPACING[0]
        one.RescaleSlope, one.RescaleIntercept = 1, -1024
        one.BitsAllocated, one.BitsStored, one.HighBit = 16, 12, 11
        one.PixelData = np.where(inside[n], 1064, 24).astype("<u2").tobytes()
        paths.append(folder / f"{slices - n if order < 0 else n:04d}.dcm")
        one.save_as(paths[-1], enforce_file_format=True)
    return paths


def write_seg(folder: Path, slices: int = 12, rows: int = 40, columns: int = 48, shift: float = 0.0) -> Path:
    """The ball as a binary segmentation; ``shift`` moves it off the CT's grid, in mm."""
    folder.mkdir(parents=True, exist_ok=True)
    study, series = generate_uid(entropy_srcs=["view study"]), generate_uid(entropy_srcs=["view seg"])
    inside = ball(slices, rows, columns)
    one = _object(
        SegmentationStorage, generate_uid(entropy_srcs=["view seg 1"]), study, series, rows, columns
    )
    one.Modality, one.SegmentationType = "SEG", "BINARY"
    one.BitsAllocated = one.BitsStored = 1
    one.HighBit = 0
    segment = Dataset()
    segment.SegmentNumber, segment.SegmentLabel = 3, "Ball"
    one.SegmentSequence = [segment]
    orientation, measures, shared = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    measures.PixelSpacing, measures.SliceThickness = [SPACING[1], SPACING[2]], SPACING[0]
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [measures]
    one.SharedFunctionalGroupsSequence = [shared]
    groups, bits = [], []
    for n in reversed(range(slices)):
        if not inside[n].any():
            continue
        position, identified, group = Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = [ORIGIN[0] + shift, ORIGIN[1], ORIGIN[2] + n * SPACING[0]]
        identified.ReferencedSegmentNumber = 3
        group.PlanePositionSequence, group.SegmentIdentificationSequence = [position], [identified]
        groups.append(group)
        bits.append(inside[n].ravel())
    one.PerFrameFunctionalGroupsSequence, one.NumberOfFrames = groups, len(groups)
    data = np.packbits(np.concatenate(bits), bitorder="little").tobytes()
    one.PixelData = data + b"\0" * (len(data) % 2)
    path = folder / "0001.dcm"
    one.save_as(path, enforce_file_format=True)
    return path


def fill_views(world: Any) -> dict[str, str]:
    """A study whose series can be looked at, in the portal's world and in its research store.

    Names: ``ct``, ``seg``, ``off`` (a segmentation beside the grid), ``report`` (nothing to draw), ``listed``, ``held``,
    ``private`` (bob's), ``outside`` and ``linked`` (addresses that lead out of the store), ``gone``.
    """
    store = research_store(world)
    write_ct(store / "ct", 24, 96, 112)
    write_seg(store / "seg", 24, 96, 112)
    write_seg(store / "off", 24, 96, 112, shift=9)
    for name in ("held", "private"):
        write_ct(store / name)
    (store / "report").mkdir()
    shutil.copy(str(get_testdata_file("reportsi.dcm")), store / "report" / "0001.dcm")
    write_ct(world.folder / "elsewhere")
    (store / "linked").symlink_to(world.folder / "elsewhere")
    places = {
        name: (store / name).as_uri()
        for name in ("ct", "seg", "off", "report", "held", "private", "linked", "gone")
    }
    places["outside"] = f"{store.as_uri()}/../elsewhere"
    places["listed"] = "https://example.org/listed"
    found = {"study": "2.25.77001"}
    with world.cursor() as cursor:
        at = {"collection": "chest", "patient_alias": "RF-VIEWED"}
        _insert(cursor, "catalog.patient", **at)
        _insert(
            cursor,
            "catalog.study",
            study_uid=found["study"],
            study_date="2020-05-06",
            study_description="Ball",
            **at,
        )
        for number, (name, uri) in enumerate(places.items()):
            found[name] = f"2.25.7700{number}1"
            mine = name == "private"
            listed = {"state": "listed", "listing": "test"} if name == "listed" else {
                "manifest_sha256": hashlib.sha256(name.encode()).hexdigest(), "policy_sha256": _policy(cursor),
            }  # fmt: skip
            _insert(
                cursor, "catalog.series", series_uid=found[name], study_uid=found["study"], **at,
                modality={"seg": "SEG", "off": "SEG", "report": "SR"}.get(name, "CT"), body_part="CHEST",
                series_description=f"{name} of a ball", image_count=24, uri=uri, derived=name in ("seg", "off"),
                owner="bob" if mine else "pipeline", visibility="private" if mine else "public",
                licence="CC BY 4.0", licence_uri="https://creativecommons.org/licenses/by/4.0/", **listed,
            )  # fmt: skip
            if name not in ("listed", "held"):
                for role, account in (("first", "cora"), ("second", "curt")):
                    _insert(
                        cursor, "curation.sign_off", series_uid=found[name], role=role, account=account,
                        decision="accept", tags=["RADLEX:RID4799"], comment="round",
                    )  # fmt: skip
                cursor.execute(
                    "update catalog.series set state = 'released', settled_at = now() where series_uid = %s",
                    (found[name],),
                )
    return found


def research_store(world: Any) -> Path:
    """The research zone of the portal's world."""
    store = Path(world.folder) / "research"
    store.mkdir(exist_ok=True)
    return store


def _policy(cursor: Any) -> Any:
    cursor.execute("select sha256 from catalog.policy limit 1")
    return cursor.fetchone()[0]


def _insert(cursor: Any, table: str, **values: Any) -> None:
    columns, places = ", ".join(values), ", ".join(["%s"] * len(values))
    cursor.execute(f"insert into {table} ({columns}) values ({places})", tuple(values.values()))
