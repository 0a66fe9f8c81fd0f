"""De-identification of DICOM series by DICOM PS3.15 Annex E; pure Python on pydicom.

>>> from deid import Pseudonyms, deidentify_series, load_policy, verify_series
"""

from deid.exceptions import (
    QUARANTINE,
    DeidError,
    KeyFileError,
    OutputExists,
    PolicyError,
    QuarantineError,
)
from deid.findings import Finding
from deid.policy import Policy, load_policy
from deid.pseudonyms import Pseudonyms
from deid.series import Identity, SeriesResult, deidentify_series, series_place
from deid.verifier import verify_series
from deid.version import VERSION

__all__ = [
    "QUARANTINE",
    "VERSION",
    "DeidError",
    "Finding",
    "Identity",
    "KeyFileError",
    "OutputExists",
    "Policy",
    "PolicyError",
    "Pseudonyms",
    "QuarantineError",
    "SeriesResult",
    "deidentify_series",
    "load_policy",
    "series_place",
    "verify_series",
]
