"""Coding schemes by the names that FHIR, HL7 v2 and DICOM give them; what is local stays local."""

from __future__ import annotations

from research.clinical.model import Coding

LOCAL = "99LOCAL"
#: Designators of DICOM PS3.16 table 8-1 and HL7 table 0396, by FHIR's system URIs (FHIR R4, 4.3 Using Codes).
_SYSTEMS = {
    "http://loinc.org": "LN",
    "http://snomed.info/sct": "SCT",
    "http://radlex.org": "RADLEX",
    "http://www.radlex.org": "RADLEX",
    "http://playbook.radlex.org": "RADLEX",
    "http://dicom.nema.org/resources/ontology/dcm": "DCM",
    "http://hl7.org/fhir/sid/icd-10": "I10",
    "http://hl7.org/fhir/sid/icd-10-cm": "I10C",
    "http://hl7.org/fhir/sid/icd-9-cm": "I9C",
    "http://hl7.org/fhir/sid/icd-o-3": "ICDO3",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RXNORM",
    "http://www.ama-assn.org/go/cpt": "C4",
    "urn:oid:2.16.840.1.113883.6.1": "LN",
    "urn:oid:2.16.840.1.113883.6.96": "SCT",
    "urn:oid:2.16.840.1.113883.6.90": "I10C",
    "urn:oid:2.16.840.1.113883.6.3": "I10",
    "urn:oid:2.16.840.1.113883.6.103": "I9C",
    "urn:oid:2.16.840.1.113883.6.256": "RADLEX",
}
_ALIASES = {
    "LOINC": "LN", "SNM3": "SCT", "SNOMED": "SCT", "SNOMEDCT": "SCT", "SNM": "SCT", "SRT": "SRT", "RADELEMENT": "RADLEX",
    "ICD10": "I10", "ICD-10": "I10", "ICD10CM": "I10C", "ICD-10-CM": "I10C", "I10CM": "I10C", "ICD9CM": "I9C",
    "ICD-9-CM": "I9C", "I9": "I9C", "CPT": "C4", "CPT4": "C4", "RID": "RADLEX",
}  # fmt: skip
PUBLIC = frozenset({*_SYSTEMS.values(), "SRT", "UCUM"})
#: Which of several codings of one concept is kept: the first of these that is there.
_PREFERRED = ("LN", "SCT", "I10C", "I10", "I9C", "RADLEX", "DCM", "SRT", "ICDO3", "RXNORM", "C4")
_LONGEST = 64


def scheme_of(system: str) -> str:
    """Designator of a coding scheme; :data:`LOCAL` for one that is not published (its name may name a hospital)."""
    folded = system.strip()
    known = _SYSTEMS.get(folded.rstrip("/").lower())
    if known:
        return known
    upper = folded.upper()
    upper = _ALIASES.get(upper, upper)
    return upper if upper in PUBLIC else LOCAL


def coding(system: str, code: str, meaning: str) -> Coding | None:
    """A concept, or None where it has neither code nor meaning."""
    code, meaning = code.strip(), " ".join(meaning.split())
    scheme = scheme_of(system)
    if not code and not meaning:
        return None
    if not code or len(code) > _LONGEST:
        scheme, code = LOCAL, ""
    return Coding(scheme, code, meaning or code, public=scheme != LOCAL)


def best(found: list[Coding]) -> Coding | None:
    """The coding to keep of several for one concept."""
    order = {scheme: place for place, scheme in enumerate(_PREFERRED)}
    return min(found, key=lambda one: order.get(one.scheme, len(order)), default=None)
