"""Encapsulated documents: replaced by a valid one that says so, or quarantined."""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pydicom
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from deid import QuarantineError, deidentify_series, load_policy, verify_series
from deid.documents import TEXT, pdf
from tests.deid.test_validity import DCIODVFY, errors
from tests.support import objects

STUDY = "1.2.3.4.5"
PDF = b"%PDF-1.4\nLetter of Dr Hibbert about Archibald Quimbly, MRN-0012345\n%%EOF"
CDA = b"<ClinicalDocument><patient><name>Quimbly</name></patient></ClinicalDocument>"


def document(sop_class, mime, content):
    ds = objects.document(sop_class, STUDY, mime)
    ds.EncapsulatedDocument, ds.EncapsulatedDocumentLength = content, len(content)
    ds.ConceptNameCodeSequence, ds.ConversionType = [objects.code("11528-7", "Report", "LN")], "SD"
    ds.SourceInstanceSequence = [
        objects.items(ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.2", ReferencedSOPInstanceUID="1.2.3.9")
    ]
    if "CDA" in sop_class:
        ds.HL7InstanceIdentifier = "1.2.3.4^MRN-0012345"
    return ds


@pytest.fixture(params=["basic", "research", "tcia", "midi_b"])
def policy(request):
    return replace(load_policy(request.param), documents="dummy")


@pytest.fixture
def treat(tmp_path, pseudonyms):
    def go(ds, policy, syntax=ExplicitVRLittleEndian):
        ds.file_meta.TransferSyntaxUID = syntax
        pydicom.dcmwrite(tmp_path / "in.dcm", ds, implicit_vr=syntax.is_implicit_VR,
                         little_endian=syntax.is_little_endian, enforce_file_format=True)  # fmt: skip
        made = []
        for pure in (True, False):
            out = tmp_path / f"out-{pure}"
            result = deidentify_series([tmp_path / "in.dcm"], out, policy, pseudonyms, pure=pure)
            made += [path.read_bytes() for path in out.iterdir()]
        assert made[0] == made[1]
        (path,) = out.iterdir()
        assert verify_series([tmp_path / "in.dcm"], [path], policy=policy) == []
        for word in (b"uimbly", b"Hibbert", b"MRN-0012345", b"1.2.3.9"):
            assert word not in made[0]
        return path, result

    return go


@pytest.mark.parametrize(
    "syntax",
    [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian],
    ids=lambda syntax: syntax.keyword,
)
def test_pdf(treat, policy, syntax):
    path, result = treat(document("EncapsulatedPDFStorage", "application/pdf", PDF), policy, syntax)
    new = pydicom.dcmread(path)
    assert new.EncapsulatedDocument[: new.EncapsulatedDocumentLength] == pdf()
    assert len(new.EncapsulatedDocument) - new.EncapsulatedDocumentLength in (0, 1)
    assert (new.MIMETypeOfEncapsulatedDocument, new.BurnedInAnnotation) == ("application/pdf", "NO")
    assert "DocumentTitle" in new
    assert result.cuts["0042,0011"] == {"document": 1}


def test_cda(treat, policy):
    path, _ = treat(document("EncapsulatedCDAStorage", "text/XML", CDA), policy)
    new = pydicom.dcmread(path)
    root = ElementTree.fromstring(new.EncapsulatedDocument[: new.EncapsulatedDocumentLength])
    names = {"v3": "urn:hl7-org:v3"}
    assert root.find("v3:id", names).get("root") == new.SOPInstanceUID == new.HL7InstanceIdentifier
    assert root.find("v3:component/v3:nonXMLBody/v3:text", names).text == TEXT
    assert new.MIMETypeOfEncapsulatedDocument == "text/XML"


@pytest.mark.skipif(not DCIODVFY.exists(), reason="dicom3tools is not installed")
@pytest.mark.parametrize(
    ("sop_class", "mime", "content"),
    [("EncapsulatedPDFStorage", "application/pdf", PDF), ("EncapsulatedCDAStorage", "text/XML", CDA)],
)
def test_dummies_are_objects_of_their_kind(treat, policy, tmp_path, sop_class, mime, content):
    path, _ = treat(document(sop_class, mime, content), policy)
    assert sorted(errors(path) - errors(tmp_path / "in.dcm")) == []


def test_the_page_is_a_pdf():
    """Offsets of the cross-reference table and lengths of streams are right, which is what readers go by."""
    raw = pdf()
    start = int(re.search(rb"startxref\n(\d+)\n%%EOF\n\Z", raw).group(1))
    assert raw.startswith(b"%PDF-1.4\n")
    assert raw[start:].startswith(b"xref\n0 6\n")
    entries = re.findall(rb"(\d{10}) (\d{5}) ([nf]) \n", raw[start:])
    assert [entry[2] for entry in entries] == [b"f", *[b"n"] * 5]
    for number, (place, *_) in enumerate(entries[1:], start=1):
        assert raw[int(place) :].startswith(b"%d 0 obj\n" % number)
    length, stream = re.search(rb"/Length (\d+) >>\nstream\n(.*?)\nendstream", raw, re.DOTALL).groups()
    assert int(length) == len(stream)
    assert TEXT.encode() in stream


@pytest.mark.parametrize(
    ("sop_class", "name", "choice"),
    [
        ("EncapsulatedPDFStorage", "research", None),
        ("EncapsulatedSTLStorage", "basic", None),
        ("EncapsulatedOBJStorage", "tcia", None),
        ("EncapsulatedMTLStorage", "midi_b", None),
        ("EncapsulatedPDFStorage", "basic", "quarantine"),
    ],
)
def test_quarantine(treat, sop_class, name, choice):
    """Where the policy says so, and for models, which have no dummy."""
    policy = load_policy(name)
    with pytest.raises(QuarantineError) as caught:
        treat(document(sop_class, "x", b"ab"), replace(policy, documents=choice) if choice else policy)
    assert caught.value.code == "encapsulated-document"
