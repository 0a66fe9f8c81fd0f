"""Writes a letter about a patient as an encapsulated PDF: what de-identification does not vouch for."""

from __future__ import annotations

from pathlib import Path

from pydicom.sequence import Sequence

from scripts.demo_images import people
from scripts.demo_images.headers import common, item, stamp, uid
from scripts.demo_images.people import Person


def write_letter(folder: Path, person: Person, case: str) -> str:
    """Write a letter to the referring physician into the study, one PDF in one object (PS3.3 A.45.1).

    Args:
        folder: where to; made here.
        person: whom the letter is about; it names them on the page.
        case: the study that it belongs to.

    Returns:
        The SeriesInstanceUID.
    """
    folder.mkdir(parents=True)
    data = common(person, case, "DOC", "Letter", number=902)
    page = letter(person)
    data.ConversionType = "WSD"
    data.BurnedInAnnotation = "YES"
    data.DocumentTitle = f"Letter about {person.given} {person.family}"
    code = item(CodeValue="11488-4", CodingSchemeDesignator="LN", CodeMeaning="Consult Note")
    data.ConceptNameCodeSequence = Sequence([code])
    data.MIMETypeOfEncapsulatedDocument = "application/pdf"
    data.EncapsulatedDocument = page + b"\n" * (len(page) % 2)
    data.EncapsulatedDocumentLength = len(page)
    del data.FrameOfReferenceUID, data.PositionReferenceIndicator, data.BodyPartExamined
    stamp(data, 1, uid(case, "letter"), 90)
    del data.AcquisitionDate, data.AcquisitionTime
    data.save_as(folder / "DOC00001.dcm", enforce_file_format=True)
    return str(data.SeriesInstanceUID)


def letter(person: Person) -> bytes:
    """One page of PDF 1.4 with the letter in a standard font (ISO 32000-1, 7.5)."""
    lines = (
        people.INSTITUTION,
        people.INSTITUTION_ADDRESS,
        f"To: {person.referring.replace('^', ', ')}",
        f"About: {person.given} {person.family}, born {person.birth:%Y-%m-%d}, {person.mrn}",
        f"{person.address}, {person.phone}",
        f"Chest CT of {person.study_day:%Y-%m-%d} ({person.accession}): a letter for a demonstration.",
    )
    shown = b"".join(b"(" + _escaped(line) + b") Tj T*\n" for line in lines)
    text = b"BT /F1 12 Tf 18 TL 60 780 Td\n" + shown + b"ET\n"
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%sendstream" % (len(text), text),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    )
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(out)


def _escaped(line: str) -> bytes:
    """A line as a PDF string: brackets escaped, letters that the font lacks left out."""
    plain = line.encode("cp1252", "ignore")
    return plain.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
