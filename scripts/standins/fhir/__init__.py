"""A stand-in for a FHIR R4 server: search with pages, bulk export, OAuth, and a real server's faults."""

from scripts.standins.fhir.server import KINDS, FhirStandIn

__all__ = ["KINDS", "FhirStandIn"]
