"""The demo's small images as another collection: other UIDs, the same invented people."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pydicom
from pydicom.uid import generate_uid

from scripts.state import HOME

_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")


def small_collection(folder: Path, name: str) -> Path:
    """Make ``folder``/``name`` with ``dicom`` and ``identities.json``; returns it."""
    root = folder / name
    subprocess.run(
        [sys.executable, "-m", "scripts.demo_images", "--small", "--out", str(root)],
        cwd=HOME,
        check=True,
        capture_output=True,
    )
    renamed: dict[str, str] = {}
    for path in (root / "dicom").rglob("*.dcm"):
        image = pydicom.dcmread(path)
        for keyword in _UIDS:
            if keyword in image:
                old = str(image[keyword].value)
                renamed[old] = generate_uid(entropy_srcs=[name, old])
                setattr(image, keyword, renamed[old])
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        image.save_as(path)
    about = root / "dicom" / "collection.json"
    about.write_text(json.dumps(json.loads(about.read_text()) | {"Collection": name}))
    known = root / "identities.json"
    told = json.loads(known.read_text())
    known.write_text(json.dumps(told | {"uids": [renamed.get(uid, uid) for uid in told["uids"]]}))
    return root
