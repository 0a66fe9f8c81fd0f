"""DICOMweb: search, retrieve and send over HTTP (PS3.18), and a service as a source of images."""

from research.dicomweb.client import DicomWebClient
from research.dicomweb.multipart import MultipartError, Part, parts
from research.dicomweb.send import Sent, send
from research.dicomweb.source import DicomWebSource
from research.dicomweb.transport import Login, Transport

__all__ = [
    "DicomWebClient",
    "DicomWebSource",
    "Login",
    "MultipartError",
    "Part",
    "Sent",
    "Transport",
    "parts",
    "send",
]
