"""Encapsulated documents: code D of Table E.1-1, a document that says that the document is gone.

What a PDF or a CDA says cannot be cleaned with certainty, so a policy may only replace it whole. The dummy is a
valid document of the same MIME type; models (STL, OBJ, MTL) have no dummy that would be one of anything.
"""

from __future__ import annotations

import re
from functools import cache

from deid.handlers.base import encoded

PDF, CDA = "1.2.840.10008.5.1.4.1.1.104.1", "1.2.840.10008.5.1.4.1.1.104.2"
#: What a policy may ask for: `[objects] documents`.
CHOICES = ("quarantine", "dummy")
TEXT = "This document was removed by de-identification."
DOCUMENT = 0x00420011
_BURNED_IN, _TITLE_OF_CDA, _MIME, _LENGTH = 0x00280301, 0x0040E001, 0x00420012, 0x00420015
_MIME_TYPES = {PDF: "application/pdf", CDA: "text/XML"}
_CDA = """<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3">
<typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
<id root="{uid}"/>
<code nullFlavor="MSK"/>
<title>{text}</title>
<effectiveTime nullFlavor="MSK"/>
<confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/>
<recordTarget><patientRole><id nullFlavor="MSK"/></patientRole></recordTarget>
<author><time nullFlavor="MSK"/><assignedAuthor><id nullFlavor="MSK"/></assignedAuthor></author>
<custodian><assignedCustodian><representedCustodianOrganization><id nullFlavor="MSK"/>\
</representedCustodianOrganization></assignedCustodian></custodian>
<component><nonXMLBody><text mediaType="text/plain">{text}</text></nonXMLBody></component>
</ClinicalDocument>
"""


def replaceable(sop_class: str) -> bool:
    """Whether there is a dummy for the documents of a SOP class."""
    return sop_class in _MIME_TYPES


def replacement(sop_class: str, sop_uid: str) -> dict[int, bytes]:
    """What to set at the top level of an object instead of its document: tag -> value, little endian, even.

    Args:
        sop_class: one that is :func:`replaceable`.
        sop_uid: the new SOP Instance UID; a CDA is identified by it, too.
    """
    document = pdf() if sop_class == PDF else _CDA.format(uid=sop_uid, text=TEXT).encode()
    found = {
        _BURNED_IN: encoded("NO", "CS"),
        DOCUMENT: document + bytes(len(document) % 2),
        _MIME: encoded(_MIME_TYPES[sop_class], "LO"),
        _LENGTH: len(document).to_bytes(4, "little"),
    }
    if sop_class == CDA:
        found[_TITLE_OF_CDA] = encoded(sop_uid, "ST")  # HL7 Instance Identifier, asked for where it is a CDA
    return found


@cache
def pdf() -> bytes:
    """A PDF (ISO 32000-1) of one A4 page with one line of text."""
    content = f"BT /F1 16 Tf 72 760 Td ({TEXT}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    made, places = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    return made + (
        b"xref\n0 %d\n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (len(objects) + 1, table, len(objects) + 1, len(made))
    )


def is_replacement(value: bytes) -> bool:
    """Whether a value of Encapsulated Document is one of the dummies, whole."""
    found = value.removesuffix(b"\0")
    return found == pdf() or _cda().fullmatch(found) is not None


@cache
def _cda() -> re.Pattern[bytes]:
    before, after = _CDA.format(uid="\0", text=TEXT).encode().split(b"\0")
    return re.compile(re.escape(before) + rb"[0-9.]{1,64}" + re.escape(after))
