"""Reports, laboratory values and diagnoses from FHIR R4, HL7 v2 and CSV: what they say, and how they are fetched.

>>> from research.clinical import fhir
>>> said = {"resourceType": "Condition", "code": {"coding": [
...     {"system": "http://snomed.info/sct", "code": "13645005", "display": "COPD"}]}}
>>> fhir.parse(said).records[0].coding.scheme
'SCT'
"""

from research.clinical.files import FORMATS, Landed, Reader, format_of, scan
from research.clinical.linking import parse_rules, patient_id
from research.clinical.model import (
    PASSED_OVER,
    QUARANTINE,
    ClinicalError,
    Coding,
    Condition,
    Identifier,
    ImagingStudy,
    Observation,
    Parsed,
    PassedOverError,
    Person,
    Record,
    Report,
    resource_key,
)

__all__ = [
    "FORMATS",
    "PASSED_OVER",
    "QUARANTINE",
    "ClinicalError",
    "Coding",
    "Condition",
    "Identifier",
    "ImagingStudy",
    "Landed",
    "Observation",
    "Parsed",
    "PassedOverError",
    "Person",
    "Reader",
    "Record",
    "Report",
    "format_of",
    "parse_rules",
    "patient_id",
    "resource_key",
    "scan",
]
