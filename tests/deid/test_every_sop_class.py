"""Every storage SOP class of the standard: treated by rule, or quarantined with the reason. One table says which."""

from dataclasses import replace

import pydicom
import pytest
from pydicom._uid_dict import UID_dictionary
from pydicom.uid import MPEG4HP41

from deid import QuarantineError, deidentify_series, load_policy
from deid.objects import Kind, kind, needs_pixels
from deid.pixels import PixelRules
from tests.deid.conftest import build

ROOT = "1.2.840.10008.5.1.4.1.1."
#: SOP classes that nobody can vouch for, by the end of their UID, and why.
NOBODY = {
    "8": "retired: overlays alone", "9": "retired: curves alone", "10": "retired: a table", "11": "retired: a table",
    "9.4.1": "a voice", "9.4.2": "any sound", "66": "raw data, of any format",
    "68.1": "the surface of a body", "68.2": "the surface of a body", "77.1.5.3": "about two other objects",
    "77.1.5.8": "a report with pictures", "78.1": "glasses", "78.2": "glasses", "78.3": "glasses", "78.4": "glasses",
    "78.5": "glasses", "78.6": "a prescription", "78.7": "measured, with pictures", "78.8": "calculated",
    "79.1": "a report with pictures", "80.1": "a report with pictures", "90.1": "an assessment by somebody",
    "129": "retired: curves alone", "131": "how to show objects", "200.1": "a protocol, no patient",
    "200.2": "a performed protocol", "200.3": "an approval by somebody", "200.7": "a protocol, no patient",
    "200.8": "a performed protocol", "201.1": "a list of many patients", "501.3": "security, not medicine",
    "501.4": "security, not medicine", "501.5": "security, not medicine", "501.6": "security, not medicine",
}  # fmt: skip
#: The same outside the root of image storage: delivery instructions, hanging protocols, palettes, implants.
OUTSIDE = ("1.2.840.10008.5.1.4.34.", "1.2.840.10008.5.1.4.38.", "1.2.840.10008.5.1.4.39.", "1.2.840.10008.5.1.4.43.",
           "1.2.840.10008.5.1.4.44.", "1.2.840.10008.5.1.4.45.")  # fmt: skip
CLASSES = sorted(
    uid
    for uid, (name, what, *_) in UID_dictionary.items()
    if what == "SOP Class" and "Storage" in name and uid.startswith("1.2.840.10008.5.1.4.")
)


def expected(uid):
    """Read off the table, not off the code: output, or a code."""
    number = uid.removeprefix(ROOT)
    if number.startswith("104."):
        return "output" if number in ("104.1", "104.2") else "encapsulated-document"
    return "unsupported-object" if number in NOBODY or uid.startswith(OUTSIDE) else "output"


@pytest.fixture(scope="module")
def policy():
    research = load_policy("research")
    pixels = {"clean_pixel_data", "clean_recognizable_visual_features"}
    return replace(
        research, options=research.options - pixels, documents="dummy",
        pixels=PixelRules.from_table({"examine": "declared"}),
    )  # fmt: skip


def thing(uid, *, pixels):
    ds = build()
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = uid
    if not pixels:
        for keyword in ("PixelData", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "SamplesPerPixel",
                        "PhotometricInterpretation", "PixelRepresentation"):  # fmt: skip
            del ds[keyword]
    return ds


@pytest.fixture
def outcome(tmp_path, pseudonyms):
    def go(ds, policy):
        path = tmp_path / "in.dcm"
        ds.save_as(path, enforce_file_format=True)
        try:
            deidentify_series([path], tmp_path / "out", policy, pseudonyms)
        except QuarantineError as error:
            assert not (tmp_path / "out").exists()
            return error.code
        (file,) = (tmp_path / "out").iterdir()
        assert b"uimbly" not in file.read_bytes()
        assert pydicom.dcmread(file).SOPClassUID == ds.SOPClassUID
        return "output"

    return go


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
@pytest.mark.parametrize("uid", CLASSES, ids=lambda uid: uid.removeprefix(ROOT))
def test_every_storage_class(outcome, policy, uid):
    assert outcome(thing(uid, pixels=needs_pixels(uid)), policy) == expected(uid)


@pytest.mark.parametrize("uid", [uid for uid in CLASSES if needs_pixels(uid)][::8])
def test_an_image_without_pixels(outcome, policy, uid):
    assert outcome(thing(uid, pixels=False), policy) == "no-pixel-data"


def private(ds):
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.3.12.2.1107.5.9.1"  # a vendor's own


def unknown(ds):
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = ROOT + "9999.1"


def dicomdir(ds):
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"


def records(ds):
    ds.add_new(0x00041130, "CS", "SET")


def verification(ds):
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.1"


def video(ds):
    """An endoscopy as one MPEG-4 stream, which no decoder here can look into."""
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = ROOT + "77.1.1.1"
    ds.Modality, ds.NumberOfFrames, ds.PhotometricInterpretation, ds.SamplesPerPixel = (
        "ES",
        1,
        "YBR_PARTIAL_420",
        3,
    )
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation, ds.PlanarConfiguration = 7, 0, 0
    ds.file_meta.TransferSyntaxUID = MPEG4HP41
    ds.PixelData = pydicom.encaps.encapsulate([b"\0\0\0\x18ftypmp42 of Quimbly" + bytes(200)])
    ds["PixelData"].VR = "OB"


@pytest.mark.parametrize(
    ("change", "name", "code"),
    [
        (private, "research", "unsupported-object"),
        (private, "basic", "unsupported-object"),
        (unknown, "research", "unsupported-object"),
        (verification, "research", "unsupported-object"),
        (dicomdir, "research", "dicomdir"),
        (records, "research", "dicomdir"),
        (video, "research", "pixels-not-decodable"),
        (video, "midi_b", "pixels-not-decodable"),
        (video, "basic", "burned-in-annotation"),
    ],
)
def test_what_is_no_usual_object(outcome, change, name, code):
    ds = build()
    change(ds)
    assert outcome(ds, load_policy(name)) == code


def test_the_table_names_what_exists():
    """No row that is none, and every kind that a policy may accept occurs."""
    assert {ROOT + number for number in NOBODY} <= set(CLASSES)
    assert {kind(uid) for uid in CLASSES} == set(Kind)
    assert kind("") is kind("1.2.3") is Kind.OTHER
