"""Content items outside reports: acquisition context, specimen preparation, protocol context, quantities."""

from dataclasses import replace

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from deid import deidentify_series, load_policy, verify_series
from tests.deid.test_validity import DCIODVFY, errors
from tests.support.objects import code, items

SECRET = "QUIMBLY"


def item(value_type, concept, typed=True, **values):
    """A content item; with ``typed`` it says what its value is, as newer macros ask for."""
    ds = items(ConceptNameCodeSequence=[concept], **values)
    if typed:
        ds.ValueType = value_type
    return ds


def context(*, typed):
    """One item of each kind: X, D, unlisted, number, code."""
    return [
        item("TEXT", code("121041", "Specimen Identifier"), typed, TextValue=f"S-{SECRET}"),
        item("TEXT", code("111705", "Parent Specimen Identifier"), typed, TextValue=f"P-{SECRET}"),
        item("TEXT", code("111703", "Processing step description"), typed, TextValue=f"fixed for {SECRET}"),
        item("TEXT", code("122", "Something", "99X"), typed, TextValue=f"chest of {SECRET}"),
        item("PNAME", code("121008", "Person Observer Name"), typed, PersonName=f"{SECRET}^Archibald"),
        item("DATETIME", code("111702", "DateTime of processing"), typed, DateTime="20190314120000"),
        item("NUMERIC", code("122183", "Applied pressure"), typed, NumericValue="12",
             MeasurementUnitsCodeSequence=[code("mm[Hg]", "mm[Hg]", "UCUM")]),
        item("CODE", code("111701", "Processing type"), typed,
             ConceptCodeSequence=[code("9265001", "Processing", "SCT")]),
    ]  # fmt: skip


PLACES = ["AcquisitionContextSequence", "SpecimenPreparationStepContentItemSequence", "ProtocolContextSequence",
          "QuantityDefinitionSequence", "ContentItemModifierSequence"]  # fmt: skip


def image(ct, *, typed=True):
    ds = ct()
    ds.PatientName = f"{SECRET}^Archibald"
    ds.AcquisitionContextSequence = Sequence(context(typed=typed))
    step = items(SpecimenPreparationStepContentItemSequence=context(typed=typed))
    specimen = items(
        SpecimenIdentifier="S-QUIMBLY", SpecimenUID="1.2.3.5", IssuerOfTheSpecimenIdentifierSequence=[],
        SpecimenPreparationSequence=[step],
    )  # fmt: skip
    ds.SpecimenDescriptionSequence = Sequence([specimen])
    modified = code("1", "CT")
    modified.ProtocolContextSequence = Sequence(context(typed=typed))
    modified.ProtocolContextSequence[0].ContentItemModifierSequence = Sequence(context(typed=typed))
    modified.ProtocolContextSequence[3].ContentItemModifierSequence = Sequence(context(typed=typed))
    ds.PerformedProtocolCodeSequence = Sequence([modified])
    ds.RealWorldValueMappingSequence = Sequence([items(QuantityDefinitionSequence=context(typed=typed))])
    return ds


@pytest.fixture(scope="module", params=["tcia", "research"])
def policy(request):
    base = load_policy(request.param)
    return replace(base, options=base.options - {"clean_pixel_data", "clean_recognizable_visual_features"})


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
        assert SECRET.encode() not in made[0]
        (path,) = out.iterdir()
        assert verify_series([tmp_path / "in.dcm"], [path], policy=policy) == []
        return path, result

    return go


def groups(ds):
    """Every sequence of content items in a data set, by keyword."""
    for element in ds:
        if element.VR == "SQ":
            if element.keyword in PLACES and len(element.value):
                yield element.keyword, element.value
            for inner in element.value:
                yield from groups(inner)


@pytest.mark.parametrize("typed", [True, False])
@pytest.mark.parametrize(
    "syntax",
    [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian],
    ids=lambda syntax: syntax.keyword,
)
def test_by_concept(ct, treat, policy, syntax, typed):
    path, result = treat(image(ct, typed=typed), policy, syntax)
    found = list(groups(pydicom.dcmread(path)))
    assert sorted({keyword for keyword, _ in found}) == sorted(PLACES)
    for _, sequence in found:
        concepts = {one.ConceptNameCodeSequence[0].CodeValue: one for one in sequence}
        assert "121041" not in concepts
        assert concepts["111705"].TextValue == "DEIDENTIFIED"
        assert concepts["111703"].TextValue.startswith("fixed for")
        assert concepts["122"].TextValue.startswith("chest of")
        assert concepts["122183"].NumericValue == 12
        assert concepts["111701"].ConceptCodeSequence[0].CodeValue == "9265001"
        assert concepts["111702"].DateTime != "20190314120000"
    assert result.cuts["0040,0555"]["content item"] >= 1


def test_without_the_option_the_sequences_go(ct, treat, basic):
    path, _ = treat(image(ct), basic)
    new = pydicom.dcmread(path)
    assert not new.get("AcquisitionContextSequence")
    assert not new.SpecimenDescriptionSequence[0].SpecimenPreparationSequence


@pytest.mark.skipif(not DCIODVFY.exists(), reason="dicom3tools is not installed")
def test_a_step_with_nothing_left_is_still_one(ct, treat, policy, tmp_path):
    """Items of a step are of type 1: where all go, one that says nothing takes their place."""
    ds = image(ct)
    step = ds.SpecimenDescriptionSequence[0].SpecimenPreparationSequence[0]
    step.SpecimenPreparationStepContentItemSequence = Sequence(context(typed=True)[:1])
    path, _ = treat(ds, policy)
    step = pydicom.dcmread(path).SpecimenDescriptionSequence[0].SpecimenPreparationSequence[0]
    (left,) = step.SpecimenPreparationStepContentItemSequence
    assert (left.ValueType, left.TextValue) == ("TEXT", "DEIDENTIFIED")
    assert sorted(errors(path) - errors(tmp_path / "in.dcm")) == []


def test_plain_items_go_the_fast_way(ct, write, tmp_path, research, pseudonyms, monkeypatch):
    """Only objects with content items are looked at item by item."""
    from deid import engine

    def never(*_):
        raise AssertionError

    monkeypatch.setattr(engine, "ContentPlan", never)
    ds = ct()
    ds.AcquisitionContextSequence = Sequence([])
    ds.RequestAttributesSequence = Sequence([Dataset()])
    deidentify_series([write(ds)], tmp_path / "out", research, pseudonyms)
    ds.AcquisitionContextSequence = Sequence(context(typed=True))
    with pytest.raises(AssertionError):
        deidentify_series([write(ds)], tmp_path / "out2", research, pseudonyms)
