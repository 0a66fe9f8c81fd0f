"""What a de-identified object says about itself, and its file meta information, written from scratch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from deid.policy import OPTIONS
from deid.version import VERSION

if TYPE_CHECKING:
    from deid.policy import Policy

#: Made once for this engine (a random UUID as decimal, PS3.5 B.2); says which program wrote the file.
IMPLEMENTATION_UID = "2.25.174193315259094322586568489465888238927"
_BASIC = ("113100", "Basic Application Confidentiality Profile")


def method(policy: Policy) -> str:
    """Deidentification Method (0012,0063), at most 64 characters."""
    return f"Radflow deid {VERSION} policy {policy.name} {policy.sha256[:12]}"


def mark(dataset: Dataset, policy: Policy) -> None:
    """Add the marks that PS3.15 E.1.1 asks for: codes of CID 7050 for the profile and each option."""
    codes = [
        _BASIC,
        *(OPTIONS[option][:2] for option in sorted(policy.options, key=lambda name: OPTIONS[name][0])),
    ]
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = method(policy)
    items = []
    for value, meaning in codes:
        item = Dataset()
        item.CodeValue = value
        item.CodingSchemeDesignator = "DCM"
        item.CodeMeaning = meaning
        items.append(item)
    dataset.DeidentificationMethodCodeSequence = Sequence(items)
    modified = "MODIFIED" if "retain_longitudinal_modified_dates" in policy.options else "REMOVED"
    if "retain_longitudinal_full_dates" in policy.options:
        modified = "UNMODIFIED"
    dataset.LongitudinalTemporalInformationModified = modified


def rebuild_file_meta(dataset: Dataset) -> None:
    """Replace preamble and file meta information; only the transfer syntax is taken over."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    meta.ImplementationClassUID = UID(IMPLEMENTATION_UID)
    meta.ImplementationVersionName = "RADFLOW_" + VERSION.replace(".", "_")
    dataset.file_meta = meta
    dataset.preamble = bytes(128)
