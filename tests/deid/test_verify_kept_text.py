"""In text that a policy keeps cleaned, clinical words are no finding, and anything of the patient is."""

from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import JPEG2000, JPEGBaseline8Bit

from deid import deidentify_series, load_policy
from deid.findings import FINDINGS
from deid.verifier import Verifier, verify_series
from deid.verify import scanner as scanners
from deid.verify.references import References

CLEANING = """
name = "cleaning"
title = "Text is cleaned"
extends = "research"
options = ["clean_descriptors", "clean_graphics", "clean_structured_content",
  "retain_longitudinal_modified_dates", "retain_patient_characteristics", "retain_safe_private"]
"""


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    site = tmp_path_factory.mktemp("policy") / "cleaning.toml"
    site.write_text(CLEANING)
    return load_policy(site)


@pytest.fixture(scope="module")
def original(ct, tmp_path_factory):
    path = tmp_path_factory.mktemp("kept") / "in.dcm"
    ds = ct()
    ds.StudyDescription, ds.SeriesDescription = "CT CHEST W CONTRAST", "Thorax 1.0 B30f"
    ds.AdditionalPatientHistory = "Dr. Riviera, tel 555-123-4567, seen 3 May 2018; mass in left lung"
    ds.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture(scope="module")
def cleaned(original, policy, pseudonyms, tmp_path_factory):
    out = tmp_path_factory.mktemp("cleaned") / "out"
    deidentify_series([original], out, policy, pseudonyms)
    (path,) = out.iterdir()
    return path


def findings(original, path, policy):
    """What both scanners find, which must be the same."""
    found = []
    for compiled in (False, True) if scanners._search is not None else (False,):
        verifier = Verifier(policy, compiled=compiled)
        verifier.add_original(original)
        found.append(sorted({*verifier.check(path), *verifier.finish()}))
    assert all(one == found[0] for one in found)
    return found[0]


@pytest.fixture
def codes(original, cleaned, policy, tmp_path):
    """Codes of what is found after an edit of the output."""

    def go(edit=None, **values):
        ds = pydicom.dcmread(cleaned)
        for keyword, value in values.items():
            setattr(ds, keyword, value)
        if edit:
            edit(ds)
        path = tmp_path / "edited.dcm"
        ds.save_as(path, enforce_file_format=True)
        return {finding.code for finding in findings(original, path, policy)}

    return go


def test_what_the_engine_leaves(original, cleaned, policy, codes):
    ds = pydicom.dcmread(cleaned)
    assert (ds.StudyDescription, ds.SeriesDescription) == ("CT CHEST W CONTRAST", "Thorax 1.0 B30f")
    assert "mass in left lung" in ds.AdditionalPatientHistory
    assert codes() == set()
    assert verify_series([original], [cleaned], policy=policy) == verify_series([original], [cleaned]) == []


@pytest.mark.parametrize(
    "text",
    [
        "CHEST, liver and kidneys", "5 mm nodule, 3/12 slices, L4/L5", "MR HEAD", "DR CHEST 2 VIEWS", "T2W 1.5T",
        "Stage 2, ECOG 1", "120 kV 10.5 mAs", "Hodgkin lymphoma", "ACC 1.2", "Echo 123-45",
    ],
)  # fmt: skip
def test_clinical_words_stay(codes, text):
    assert codes(StudyDescription=text) == set()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("CT for Quimbly", "name"), ("ARCHIBALD chest", "name"), ("QuimblyA", "name"),
        ("q u i m b l y archibald", "name"),
        ("Hibbert asks", "name"), ("MRN0012345", "identifier"), ("no 12345 again", "identifier"),
        ("acc-778899", "identifier"), ("ring (555) 867 5309", "identifier"), ("SSN 987-65-4321", "identifier"),
        ("born 21.5.1943", "date"), ("21-MAY-43", "date"), ("May 21st, 1943", "date"), ("scan of 2019/3/14", "date"),
        ("14. Mai 1943 und 14. März 2019", "date"), ("seen 03.05.2018", "date"),
        ("from Springfield", "place"), ("Mercy Hospital", "place"), ("SPS445566", "identifier"),
        ("Mr. Burns", "generic-name"),
        ("Smith, M.D.", "generic-name"), ("call 555-222-3333", "generic-phone"), ("+49 30 1234567", "generic-phone"),
        ("a.b@clinic.org", "generic-email"), ("123-45-6789", "generic-ssn"), ("MRN: 99887766", "generic-id"),
        ("see www.example.com/x", "generic-url"), ("10 Main Street", "generic-address"), ("Riviera", "name"),
    ],
)  # fmt: skip
def test_identity_in_kept_text(codes, text, code):
    assert code in codes(StudyDescription=text)


def test_names_of_other_alphabets(ct, policy, pseudonyms, tmp_path):
    ds = ct()
    ds.PatientName, ds.ReferringPhysicianName = "Müller^Bo=山田^太郎", "Li^Wu"
    del ds.RequestAttributesSequence  # which names the patient of the other tests
    path = tmp_path / "in.dcm"
    ds.save_as(path, enforce_file_format=True)
    deidentify_series([path], tmp_path / "out", policy, pseudonyms)
    (out,) = (tmp_path / "out").iterdir()
    for text in ("Mueller", "MULLER", "müller", "山田", "LiWu", "wu, li"):
        new = pydicom.dcmread(out)
        new.SpecificCharacterSet, new.StudyDescription = "ISO_IR 192", text
        new.save_as(tmp_path / "leak.dcm", enforce_file_format=True)
        assert "name" in {finding.code for finding in findings(path, tmp_path / "leak.dcm", policy)}, text
    new.StudyDescription = "Muscle, little, Wuchereria"
    new.save_as(tmp_path / "leak.dcm", enforce_file_format=True)
    assert findings(path, tmp_path / "leak.dcm", policy) == []


def test_a_report_line_is_found_in_every_file(original, cleaned, policy, tmp_path):
    """What is remembered as judged is remembered as bad, too."""
    verifier = Verifier(policy)
    verifier.add_original(original)
    ds = pydicom.dcmread(cleaned)
    ds.StudyDescription = "Quimbly"
    ds.save_as(tmp_path / "leak.dcm", enforce_file_format=True)
    found = [
        verifier.check(path) for path in (cleaned, tmp_path / "leak.dcm", cleaned, tmp_path / "leak.dcm")
    ]
    assert [{finding.where for finding in one if finding.code == "name"} for one in found] == [
        set(), {"(0008,1030)"}, set(), {"(0008,1030)"}
    ]  # fmt: skip


def test_marks(codes):
    assert codes(lambda ds: ds.DeidentificationMethodCodeSequence.pop(0)) == {"not-marked"}
    assert codes(LongitudinalTemporalInformationModified="REMOVED") == {"not-marked"}
    assert codes(BurnedInAnnotation="YES") == {"not-marked"}
    assert codes(PatientAge="095Y") == {"age"}
    assert codes(PixelData=bytes(128)) == {"pixels-changed"}
    assert codes(PixelData=bytes(128), BurnedInAnnotation="NO") == {
        "pixels-changed"
    }  # no stage in this policy


def jpeg(comment):
    head = b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(9)
    return (
        head
        + b"\xff\xfe"
        + (len(comment) + 2).to_bytes(2, "big")
        + comment
        + b"\xff\xda\0\2"
        + bytes(60)
        + b"\xff\xd9"
    )


@pytest.mark.parametrize("where", ["comment", "behind", "j2k"])
def test_text_in_compressed_pixel_data(ct, policy, pseudonyms, tmp_path, where):
    def write(text, name):
        ds = ct()
        frame = jpeg(text if where == "comment" else b"none") + (text if where == "behind" else b"")
        if where == "j2k":
            comment = b"\xff\x64" + (len(text) + 4).to_bytes(2, "big") + b"\0\1" + text
            frame = b"\xff\x4f\xff\x51\0\4\0\0" + comment + b"\xff\x90" + bytes(50) + b"\xff\xd9"
        ds.PixelData = encapsulate([frame + b"\0" * (len(frame) % 2)])
        ds["PixelData"].VR = "OB"
        ds.file_meta.TransferSyntaxUID = JPEG2000 if where == "j2k" else JPEGBaseline8Bit
        ds.save_as(tmp_path / name, enforce_file_format=True)
        return tmp_path / name

    for number, (text, expected) in enumerate(
        ((b"made by a coder", set()), (b"made for Quimbly", {"name"}), (b"seen 2019-03-14", {"date"}))
    ):
        path = write(text, f"{number}.dcm")
        out = tmp_path / f"out{number}"
        deidentify_series([path], out, policy, pseudonyms)
        assert {finding.code for finding in findings(path, next(out.iterdir()), policy)} == expected


def test_text_in_pictures(ct, pseudonyms, tmp_path):
    site = tmp_path / "pixels.toml"
    site.write_text(CLEANING.replace("options = [", 'options = ["clean_pixel_data",'))
    policy = load_policy(site)
    ds = ct()
    ds.Modality = "US"
    ds.save_as(tmp_path / "in.dcm", enforce_file_format=True)
    ds.PatientName = ds.PatientID = "x"
    for lines, expected in (
        (["QUIMBLY, ARCHIBALD"], True), (["QU1MBLY"], True), (["MRN-00I2345"], True), (["14/03/2019"], True),
        (["(555)867-5309"], True), (["R", "120 kV", "5 cm", "Quantum"], False), ([], False),
    ):  # fmt: skip
        verifier = Verifier(policy, read=lambda path, lines=lines: [(0, line) for line in lines])
        verifier.add_original(tmp_path / "in.dcm")
        found = {finding.code for finding in verifier.check(tmp_path / "in.dcm")}
        assert ("pixel-text" in found) is expected, lines


def test_references_of_a_batch(ct, research, pseudonyms, tmp_path):
    """A segmentation-like object of another series refers to the image."""
    image, other = ct(), ct(series="2", instance=7)
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = image.SOPClassUID, image.SOPInstanceUID
    other.ReferencedImageSequence = Sequence([item])
    pairs = []
    for number, ds in enumerate((image, other)):
        path = tmp_path / f"{number}.dcm"
        ds.save_as(path, enforce_file_format=True)
        deidentify_series([path], tmp_path / f"out{number}", research, pseudonyms)
        pairs.append((path, next((tmp_path / f"out{number}").iterdir())))

    def verify():
        references = References()
        for path, out in pairs:
            assert not verify_series([path], [out], policy=research, references=references)
        return [str(finding) for finding in references.findings()]

    assert verify() == []
    new = pydicom.dcmread(pairs[1][1])
    new.ReferencedImageSequence[0].ReferencedSOPInstanceUID = "2.25.99"
    new.save_as(pairs[1][1])
    assert verify() == ["file 0: reference at (0008,1155)"]


def test_the_window_is_no_larger_than_the_header(ct, policy, tmp_path, monkeypatch):
    """Pixel data are never read into memory whole."""
    ds = ct()
    ds.Rows = ds.Columns = 2048
    ds.PixelData = bytes(2048 * 2048 * 2)
    ds.save_as(tmp_path / "large.dcm", enforce_file_format=True)
    verifier = Verifier(policy)
    largest = []
    real = verifier._scanner.original
    monkeypatch.setattr(
        verifier._reader, "_scanner", type("Scanner", (), {"original": staticmethod(
            lambda window, *rest: (largest.append(len(window)), real(window, *rest))[1]
        )}),
    )  # fmt: skip
    verifier.add_original(tmp_path / "large.dcm")
    assert max(largest) <= 1 << 16


def test_every_code_is_documented():
    page = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "deid-verifier.md").read_text()
    assert [code for code in FINDINGS if f"`{code}`" not in page] == []


WORDS = {
    "ReferringPhysicianName": "Long^Min", "InstitutionName": "Riverside Community Hospital",
    "StudyDescription": "Community acquired pneumonia, seen by Dr. Long", "SeriesDescription": "Long axis 4 chamber",
    "AcquisitionProtocolDescription": "3D gradient echo for A. Quimbly",
    "InterventionDescription": "after 15 min, supine",
    "ReasonForTheRequestedProcedure": "gradient", "AcquisitionDateTime": "20190314070000+0100",
    "TimezoneOffsetFromUTC": "+0100", "AdditionalPatientHistory": "prior from 03/06/2018",
}  # fmt: skip


@pytest.fixture
def words(ct, pseudonyms, tmp_path):
    """Codes of what is found in an output of an object whose names are words, after an edit of the output."""
    ds = ct()
    for keyword, value in WORDS.items():
        setattr(ds, keyword, value)
    block = ds.private_block(0x50F1, "FDMS 1.0", create=True)
    block.add_new(0x10, "CS", "FILTER 2")
    ds.private_block(0x0099, "UNKNOWN", create=True).add_new(1, "LO", "3D gradient echo")
    path, tcia = tmp_path / "words.dcm", load_policy("tcia")
    ds.save_as(path, enforce_file_format=True)
    deidentify_series([path], tmp_path / "clean", tcia, pseudonyms)
    (out,) = (tmp_path / "clean").iterdir()

    def go(**values):
        new = pydicom.dcmread(out)
        for keyword, value in values.items():
            setattr(new, keyword, value)
        new.save_as(tmp_path / "edited.dcm", enforce_file_format=True)
        return {finding.code for finding in findings(path, tmp_path / "edited.dcm", tcia)}

    return go


def test_words_that_are_also_names_or_texts_elsewhere(words):
    """A zone is no telephone, an odd group no curve, and what the original said here may stay where it is plain."""
    assert words() == set()
    assert words(StudyDescription="compared to 27-05-2018: Community acquired pneumonia") == set()
    assert words(InterventionDescription="15 min, Patient [NAME]") == set()


@pytest.mark.parametrize(
    ("keyword", "text", "code"),
    [
        ("SeriesDescription", "Operator: Long", "name"), ("SeriesDescription", "Long", "name"),
        ("SeriesDescription", "Long, Min", "name"), ("SeriesDescription", "seen by Long", "name"),
        ("StudyDescription", "from Riverside", "place"), ("StudyDescription", "Riverside Community Hospital", "place"),
        ("StudyDescription", "3D gradient echo", "private-text"),
        ("AdditionalPatientHistory", "scan of 03/14/19", "date"),
        ("AdditionalPatientHistory", "prior from 03/06/2018", "date"),
        ("AdditionalPatientHistory", "+49 30 1234567", "generic-phone"),
    ],
)  # fmt: skip
def test_excuses_hold_in_their_place_only(words, keyword, text, code):
    assert code in words(**{keyword: text})


def test_noise_between_samples_is_no_text(ct, policy, pseudonyms, tmp_path):
    ds = ct()
    frame = b"\x7f$+057860.%!\x00\xff)]%&!-(-%,3&+/(0(:+8562.1576:5:4\x80" + bytes(40)
    frame += b"\x011/,,+01.1425015257694=2\xff6\x80" + bytes(40)
    frame += b"\x01^ccX^YRXW[LTTKOTLDAJKJEA=GC<D;+6889/462154,-.0/+(,+,#\x80" + bytes(40)
    ds.PixelData = encapsulate([frame + b"\0" * (len(frame) % 2)])
    ds["PixelData"].VR = "OB"
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.5"
    for number, (text, expected) in enumerate(
        ((b"", set()), (b"\0call 555-222-3333 now\0", {"generic-phone"}))
    ):
        ds.PixelData = encapsulate([frame + text + b"\0" * ((len(frame) + len(text)) % 2)])
        path = tmp_path / f"{number}.dcm"
        ds.save_as(path, enforce_file_format=True)
        deidentify_series([path], tmp_path / f"out{number}", policy, pseudonyms)
        found = findings(path, next((tmp_path / f"out{number}").iterdir()), policy)
        assert {finding.code for finding in found} == expected
