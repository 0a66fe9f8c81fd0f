"""Safe private attributes stay by creator, group and element; nothing else private does, at any depth."""

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from deid import deidentify_series, standard, verify_series

VALUES = {
    "CS": "AX", "DS": "1.5", "FD": 1.5, "FL": 1.5, "IS": "7", "LO": "Echo", "SH": "Echo", "SL": 3, "SS": 3,
    "UL": 3, "US": 3,
}  # fmt: skip
CREATORS = sorted({creator for creator, _, _ in standard.safe_private()})


def tag_of(creator, group, element, first):
    """Each creator has a block of its own, counted from ``first``."""
    return group << 16 | (first + CREATORS.index(creator)) << 8 | element


def plant(ds, first):
    """Every safe attribute, and an unsafe neighbour in every safe block."""
    for (creator, group, element), vr in standard.safe_private().items():
        tag = tag_of(creator, group, element, first)
        ds.add_new(group << 16 | tag >> 8 & 0xFF, "LO", creator)
        ds.add_new(tag & ~0xFF | 0xFE, "LO", "Quimbly, an unsafe element of a safe creator")
        if vr == "SQ":
            item = Dataset()
            item.PatientName = "Quimbly^Archibald"
            item.KVP = "120"
            inner = item.private_block(0x0011, "SECRET VENDOR", create=True)
            inner.add_new(1, "LO", "Quimbly inside")
            ds.add_new(tag, "SQ", Sequence([item]))
        else:
            ds.add_new(tag, vr, VALUES[vr])


@pytest.fixture
def clean(write, tmp_path, pseudonyms):
    def go(ds, policy):
        path = write(ds)
        deidentify_series([path], tmp_path / policy.name, policy, pseudonyms, verify=verify_series)
        (file,) = (tmp_path / policy.name).iterdir()
        return pydicom.dcmread(path), pydicom.dcmread(file)

    return go


@pytest.mark.parametrize("first", [0x10, 0xE1])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian], ids=lambda s: s.keyword)
def test_safe_ones_stay_in_any_block(ct, clean, research, first, syntax):
    ds, nested = ct(), Dataset()
    plant(ds, first)
    plant(nested, first)
    ds.AnatomicRegionSequence = Sequence([nested])
    ds.file_meta.TransferSyntaxUID = syntax
    before, after = clean(ds, research)
    for old, new in ((before, after), (before.AnatomicRegionSequence[0], after.AnatomicRegionSequence[0])):
        for (creator, group, element), vr in standard.safe_private().items():
            tag = tag_of(creator, group, element, first)
            if vr == "SQ":
                (item,) = new[tag].value
                assert str(item.PatientName).startswith("RF-")
                assert item.KVP == 120
                assert not [e for e in item if e.tag.is_private]
            else:
                assert new.get_item(tag).value == old.get_item(tag).value, (creator, hex(tag))
            assert tag & ~0xFF | 0xFE not in new
        tags = list(new.keys())
        private = [e for e in tags if e.is_private and not e.is_private_creator]
        assert len(private) == 87


def test_all_go_without_the_option(ct, clean, basic):
    ds = ct()
    plant(ds, 0x10)
    assert not [e for e in clean(ds, basic)[1].iterall() if e.tag.is_private]


def test_values_that_are_not_what_the_table_says(ct, clean, research):
    ds = ct()
    ds.add_new(0x00190010, "LO", "SIEMENS MR HEADER")
    ds.add_new(0x0019100C, "LO", "B value of Quimbly")  # the table says IS
    ds.add_new(0x0019100E, "FD", [1.0, 0.0, 0.0])
    ds.add_new(0x00430010, "LO", "GEMS_PARM_01")
    ds.add_new(0x00431039, "UN", b"Quimbly ")  # unknown VR, and letters in an IS
    ds.add_new(0x0043106F, "UN", b"1.5\\2.5 ")
    _, new = clean(ds, research)
    assert 0x0019100C not in new
    assert new[0x0019100E].value == [1.0, 0.0, 0.0]
    assert 0x00431039 not in new
    assert 0x0043106F in new


def test_creator_of_nothing_goes(ct, clean, research):
    ds = ct()
    ds.add_new(0x00190010, "LO", "SIEMENS MR HEADER")
    ds.add_new(0x00191099, "LO", "Quimbly")
    ds.add_new(0x00291010, "LO", "no creator at all")
    _, new = clean(ds, research)
    assert not [e for e in new if e.tag.is_private]
